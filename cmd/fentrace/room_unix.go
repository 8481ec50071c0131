//go:build unix

package main

import "golang.org/x/sys/unix"

// freeRoom is how many bytes can be written below dir; known is false where the system does not say.
func freeRoom(dir string) (bytes uint64, known bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return s.Bavail * uint64(s.Bsize), true
}
