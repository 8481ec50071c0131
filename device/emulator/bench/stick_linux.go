//go:build linux

package bench

import (
	"time"

	"golang.org/x/sys/unix"
)

// stick stops the line's flow from the host, whose writes block once the terminal's buffer is full, and lets it
// flow again after t.
func (l *Line) stick(t time.Duration) {
	conn, err := l.slave.SyscallConn()
	if err != nil {
		return
	}
	flow := func(action int) {
		_ = conn.Control(func(fd uintptr) { _ = unix.IoctlSetInt(int(fd), unix.TCXONC, action) })
	}
	flow(unix.TCOOFF)
	l.done.Add(1)
	go func() {
		defer l.done.Done()
		if l.Wait(t) {
			flow(unix.TCOON)
		}
	}()
}
