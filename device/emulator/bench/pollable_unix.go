//go:build unix

package bench

import (
	"os"

	"golang.org/x/sys/unix"
)

// pollable returns master as a file whose blocked Read ends when it is closed, and closes the one given.
func pollable(master *os.File) (*os.File, error) {
	fd, err := unix.Dup(int(master.Fd()))
	if err != nil {
		return nil, err
	}
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, err
	}
	master.Close()
	return os.NewFile(uintptr(fd), master.Name()), nil
}
