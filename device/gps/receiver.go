package gps

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"fentrace/device"
	"fentrace/device/serialport"
)

const (
	// patience is how long a rate is listened to: receivers speak once a second at least.
	patience = 2500 * time.Millisecond
	// maxLine bounds what is kept of a line; longer ones are noise.
	maxLine = 4 * maxSentence
)

// tryBauds are the rates of NMEA 0183: classic, common, high speed.
var tryBauds = []int{4800, 9600, 38400, 115200}

// Options says how to reach the receiver. The zero value tries the usual rates.
type Options struct {
	Baud int // rate of the line; 0 tries 4800, 9600, 38400 and 115200
	// Now is the clock by which a roll-over of the week number is recognised; time.Now when nil.
	Now func() time.Time
}

// Receiver is an opened GPS receiver. It is used by one goroutine at a time. It only listens.
type Receiver struct {
	port  serialport.Port
	now   func() time.Time
	parts Assembler
	line  []byte
	// skipping is true inside a line whose beginning was lost or that is too long.
	skipping bool
}

// Open opens the port at path and listens until a sentence comes. The errors are those of package device: ErrNotFound,
// ErrBusy, ErrTimeout (nothing comes), ErrProtocol (something else comes), ErrGone.
func Open(ctx context.Context, path string, o Options) (*Receiver, error) {
	bauds := tryBauds
	if o.Baud != 0 {
		bauds = []int{o.Baud}
	}
	port, err := serialport.Open(ctx, path, serialport.Options{Baud: bauds[0]})
	if err != nil {
		return nil, err
	}
	r := &Receiver{port: port, now: o.Now}
	if r.now == nil {
		r.now = time.Now
	}
	for _, baud := range bauds {
		if err = r.listen(ctx, baud); err == nil {
			return r, nil
		}
		if !errors.Is(err, device.ErrTimeout) && !errors.Is(err, device.ErrProtocol) {
			break
		}
	}
	port.Close()
	return nil, fmt.Errorf("open GPS receiver on %s: %w", path, err)
}

// listen waits for one whole sentence at a rate.
func (r *Receiver) listen(ctx context.Context, baud int) error {
	if err := r.port.SetBaud(baud); err != nil {
		return err
	}
	r.line, r.skipping = nil, true // the first line is usually cut
	ctx, cancel := context.WithTimeoutCause(ctx, patience, device.ErrTimeout)
	defer cancel()
	came := 0
	for {
		_, n, err := r.next(ctx)
		came += n
		switch {
		case err == nil:
			return nil
		case errors.Is(err, device.ErrTimeout) && came > 0:
			return fmt.Errorf("%w: %d bytes came at %d baud, none of them an NMEA 0183 sentence", device.ErrProtocol, came, baud)
		case !errors.Is(err, ErrSentence) && !errors.Is(err, ErrUnused):
			return err
		case errors.Is(err, ErrUnused):
			return nil
		}
	}
}

// Fix waits for the next fix, also one without a position: Quality says what it is worth. It ends with ctx; when
// sentences come but no epoch completes, the error is ctx's cause.
func (r *Receiver) Fix(ctx context.Context) (Fix, error) {
	for {
		s, _, err := r.next(ctx)
		switch {
		case errors.Is(err, ErrSentence), errors.Is(err, ErrUnused):
			continue // noise on the line, or a sentence of no use here; the next epoch comes in a second
		case err != nil:
			return Fix{}, fmt.Errorf("GPS on %s: %w", r.port.Name(), err)
		}
		if f, ok := r.parts.Add(s, r.now()); ok {
			f.Simulated = f.Simulated || serialport.IsPseudoTerminal(r.port.Name())
			return f, nil
		}
	}
}

// next returns the next line as a sentence, and how many bytes were read for it.
func (r *Receiver) next(ctx context.Context) (s Sentence, n int, err error) {
	buf := make([]byte, 256)
	for {
		if end := bytes.IndexByte(r.line, '\n'); end >= 0 {
			line := string(r.line[:end])
			r.line = append(r.line[:0], r.line[end+1:]...)
			if r.skipping {
				r.skipping = false
				continue
			}
			s, err = Parse(line)
			return s, n, err
		}
		if len(r.line) > maxLine {
			r.line, r.skipping = r.line[:0], true
		}
		k, err := r.port.Read(ctx, buf)
		if err != nil {
			return Sentence{}, n, err
		}
		n += k
		r.line = append(r.line, buf[:k]...)
	}
}

// Baud is the rate that was found.
func (r *Receiver) Baud() int { return r.port.Baud() }

// Close releases the port.
func (r *Receiver) Close() error { return r.port.Close() }
