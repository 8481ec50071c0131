package bench

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"
)

const (
	// chunk is how many bytes are put on the line at once; fewer would only cost system calls.
	chunk = 32
	// writeLimit drops bytes nobody reads, as a line without a listener does.
	writeLimit = 2 * time.Second
)

// Line is the device's end of a serial line: a pseudo-terminal in raw mode. Send, Answer and Take are for the one
// goroutine of the firmware; the other methods may be called from anywhere.
type Line struct {
	path   string
	seed   uint64
	master *os.File
	slave  *os.File // held so that the terminal outlives one host's visit
	baud   atomic.Int64
	in     chan []byte
	gone   chan struct{}
	once   sync.Once
	done   sync.WaitGroup

	mu     sync.Mutex // guards faults
	faults []Fault

	pulling   bool // the cable goes after pullAfter further bytes
	pullAfter int
}

// openLine opens a pseudo-terminal whose master's reads end when it is closed.
func openLine(baud int, seed uint64, faults []Fault) (*Line, error) {
	master, slave, err := pty.Open()
	if err != nil {
		return nil, fmt.Errorf("emulate: open a pseudo-terminal: %w", err)
	}
	l := &Line{
		path: slave.Name(), seed: seed, slave: slave, in: make(chan []byte), gone: make(chan struct{}), faults: append([]Fault(nil), faults...),
	}
	l.baud.Store(int64(baud))
	if _, err = term.MakeRaw(int(slave.Fd())); err == nil {
		l.master, err = pollable(master)
	}
	if err != nil {
		master.Close()
		slave.Close()
		return nil, fmt.Errorf("emulate: prepare a pseudo-terminal: %w", err)
	}
	return l, nil
}

// Run listens and serves until the line is gone.
func (d *Device) Run() {
	d.done.Add(2)
	go d.listen()
	go func() {
		defer d.done.Done()
		d.Kind.Serve(d)
		d.Unplug()
		for range d.in { // the listener must not hang on a firmware that ended by itself
		}
		if d.Config.Light == nil {
			d.Light.Set(false) // power and data come over one cable
		}
	}()
}

// Path is the device file a host opens.
func (l *Line) Path() string { return l.path }

// Baud is the device's present rate, which a host must use.
func (l *Line) Baud() int { return int(l.baud.Load()) }

// SetBaud changes the device's rate.
func (l *Line) SetBaud(baud int) { l.baud.Store(int64(baud)) }

// In brings what the host sends, in the pieces it comes in; it is closed when the line is gone.
func (l *Line) In() <-chan []byte { return l.in }

// Gone is closed when the device was unplugged.
func (l *Line) Gone() <-chan struct{} { return l.gone }

// Unplug pulls the cable: the host's reads and writes fail from now on.
func (l *Line) Unplug() {
	l.once.Do(func() {
		close(l.gone)
		l.master.Close()
		l.slave.Close()
	})
}

// Close unplugs the device and waits for its goroutines.
func (l *Line) Close() {
	l.Unplug()
	l.done.Wait()
}

// Wait lets t pass; false when the device was unplugged meanwhile.
func (l *Line) Wait(t time.Duration) bool {
	if t <= 0 {
		select {
		case <-l.gone:
			return false
		default:
			return true
		}
	}
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.gone:
		return false
	}
}

// listen passes on what the host sends, after the time it takes on the wire.
func (l *Line) listen() {
	defer l.done.Done()
	defer close(l.in)
	buf := make([]byte, 4096)
	for {
		n, err := l.master.Read(buf)
		if err != nil {
			l.Unplug()
			return
		}
		b := append([]byte(nil), buf[:n]...)
		if l.wrongRate() {
			b = garble(b)
		}
		if !l.Wait(l.wireTime(n)) {
			return
		}
		select {
		case l.in <- b:
		case <-l.gone:
			return
		}
	}
}

// wireTime is what n bytes take at the present rate: start bit, eight data bits, stop bit.
func (l *Line) wireTime(n int) time.Duration {
	return time.Duration(n) * 10 * time.Second / time.Duration(l.Baud())
}

// Send puts b on the line, paced by its rate. It returns false when the device was unplugged meanwhile.
func (l *Line) Send(b []byte) bool {
	begun := time.Now()
	for sent := 0; sent < len(b); {
		n := min(chunk, len(b)-sent)
		if l.pulling {
			n = min(n, l.pullAfter)
		}
		if n > 0 {
			part := b[sent : sent+n]
			if l.wrongRate() {
				part = garble(part)
			}
			_ = l.master.SetWriteDeadline(time.Now().Add(writeLimit))
			_, _ = l.master.Write(part)
		}
		sent += n
		if l.pulling {
			if l.pullAfter -= n; l.pullAfter == 0 {
				l.Unplug()
				return false
			}
		}
		if !l.Wait(l.wireTime(sent) - time.Since(begun)) {
			return false
		}
	}
	return true
}

// wrongRate reports whether the host listens and talks at another rate than the device.
func (l *Line) wrongRate() bool {
	host := hostBaud(l.master)
	return host != 0 && host != l.Baud()
}

// garble is what bits sampled at the wrong moments look like: other bytes, and fewer of them.
func garble(b []byte) []byte {
	var out []byte
	for i, v := range b {
		if i%3 != 2 {
			out = append(out, v*167^0x5A)
		}
	}
	return out
}
