//go:build !unix

package main

// freeRoom is how many bytes can be written below dir; known is false where the system does not say.
func freeRoom(string) (bytes uint64, known bool) { return 0, false }
