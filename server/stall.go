package server

import (
	"errors"
	"net"
	"sync"
	"time"
)

// stallListener hangs up on those who do not read what they asked for. A time for the whole answer would cut off streams and large
// files over slow networks; this one begins anew with each write.
type stallListener struct {
	net.Listener
	stall time.Duration
}

// Accept implements net.Listener.
func (l stallListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &stallConn{Conn: c, stall: l.stall}, nil
}

type stallConn struct {
	net.Conn
	stall time.Duration

	mu    sync.Mutex
	asked time.Time // deadline that whoever answers has set; zero: none
}

// SetWriteDeadline implements net.Conn.
func (c *stallConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = t
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline implements net.Conn.
func (c *stallConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// Write implements io.Writer.
func (c *stallConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	until := time.Now().Add(c.stall)
	if !c.asked.IsZero() && c.asked.Before(until) {
		until = c.asked
	}
	err := c.Conn.SetWriteDeadline(until)
	c.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}
