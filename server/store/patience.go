package store

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// patient is how long a database that was asked may say nothing before its connection is given up: a little longer than it waits for
// a lock. A database whose machine answers but which itself stands still (stopped, swapped out, its disk hangs) would else keep every
// request waiting for as long as it stands.
const patient = silence + 5*time.Second

// patience is the bound on silence of the connections that were dialled with it. It is without bound until it is set.
type patience struct{ bound atomic.Int64 }

func (p *patience) set(d time.Duration) { p.bound.Store(int64(d)) }

// dial is dialer.DialContext with the bound.
func (p *patience) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &impatient{Conn: conn, patience: p}, nil
}

// impatient is a connection whose reads and writes end when the other side takes longer than the bound, or at the deadline that was
// set, whichever comes first.
type impatient struct {
	net.Conn
	patience    *patience
	mu          sync.Mutex
	read, write time.Time // deadlines that were set; zero: none
}

// Read implements net.Conn.
func (c *impatient) Read(b []byte) (int, error) {
	if err := c.begin(c.Conn.SetReadDeadline, &c.read); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

// Write implements net.Conn.
func (c *impatient) Write(b []byte) (int, error) {
	if err := c.begin(c.Conn.SetWriteDeadline, &c.write); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

func (c *impatient) begin(set func(time.Time) error, stated *time.Time) error {
	bound := time.Duration(c.patience.bound.Load())
	if bound == 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	until := time.Now().Add(bound)
	if !stated.IsZero() && stated.Before(until) {
		until = *stated
	}
	return set(until)
}

// SetDeadline implements net.Conn.
func (c *impatient) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read, c.write = t, t
	return c.Conn.SetDeadline(t)
}

// SetReadDeadline implements net.Conn.
func (c *impatient) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read = t
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline implements net.Conn.
func (c *impatient) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.write = t
	return c.Conn.SetWriteDeadline(t)
}
