//go:build unix

package serialport

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"fentrace/device"
)

// lock is an advisory lock on the device file. The library's TIOCEXCL does not stop root, which is what a
// container usually runs as; this does, between all programs that take it.
type lock struct{ fd int }

func takeLock(path string) (lock, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return lock{}, err
	}
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		unix.Close(fd)
		if errors.Is(err, unix.EWOULDBLOCK) {
			return lock{}, device.ErrBusy
		}
		return lock{}, fmt.Errorf("lock: %w", err)
	}
	return lock{fd: fd}, nil
}

func (l lock) release() { _ = unix.Close(l.fd) }
