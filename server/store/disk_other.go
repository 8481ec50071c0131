//go:build !unix

package store

// writable finds nothing wrong where the system cannot be asked.
func writable(string) error { return nil }
