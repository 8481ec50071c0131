//go:build linux && !ppc64le

package bench

import (
	"os"

	"golang.org/x/sys/unix"
)

// hostBaud returns the rate the program at the other end has set, 0 when unknown. On Linux the master's side of
// a pseudo-terminal tells the slave's.
func hostBaud(master *os.File) int {
	conn, err := master.SyscallConn()
	if err != nil {
		return 0
	}
	baud := 0
	_ = conn.Control(func(fd uintptr) {
		if t, err := unix.IoctlGetTermios(int(fd), unix.TCGETS2); err == nil {
			baud = int(t.Ospeed)
		}
	})
	return baud
}
