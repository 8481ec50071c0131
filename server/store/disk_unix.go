//go:build unix

package store

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// writable reports, wrapped in ErrDisk, that nothing can be written in a folder. Asking is enough: a read-only disk says so to root, too.
func writable(dir string) error {
	if err := unix.Access(dir, unix.W_OK); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrDisk, dir, err)
	}
	return nil
}
