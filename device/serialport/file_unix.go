//go:build unix

package serialport

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"fentrace/device"
)

// openFile opens the device file so that reads and writes have deadlines, and locks it. The library's TIOCEXCL does not
// stop root, which is what a container usually runs as; the lock does, between all programs that take it.
func openFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	conn, err := f.SyscallConn()
	if err == nil {
		var lockErr error
		err = conn.Control(func(fd uintptr) { lockErr = unix.Flock(int(fd), unix.LOCK_EX|unix.LOCK_NB) })
		err = errors.Join(err, lockErr)
	}
	if err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, device.ErrBusy
		}
		return nil, fmt.Errorf("lock: %w", err)
	}
	return f, nil
}
