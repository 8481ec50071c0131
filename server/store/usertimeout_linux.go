package store

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// giveUpSending sets how long what was sent may stay without an answer of the other machine (RFC 5482). The system would
// try for a quarter of an hour.
func giveUpSending(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		if kind, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN); err == nil && kind != unix.AF_UNIX {
			failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(silence.Milliseconds()))
		}
	})
	if err != nil {
		return err
	}
	return failed
}
