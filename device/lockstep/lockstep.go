// Package lockstep talks to a device whose protocol has no transaction numbers: one request, one answer, in order.
//
// Nothing in such an answer says which request it belongs to. So after any request whose answer was not taken to
// its end (time ran out, the caller gave up, it was garbled) the link counts as out of step, and the next request
// first gets back into step: it lets the line fall silent and asks the device for a sign of being idle, twice,
// because the first sign may be the end of something late.
package lockstep

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"fentrace/device"
	"fentrace/device/serialport"
)

const (
	// DefaultMargin is what a device may take beyond integrating and sending.
	DefaultMargin = time.Second
	// messageGap is the silence inside an answer after which its rest is not coming. Devices send an answer in one
	// go; the longest known pause is a USB bridge's 16 ms and the host's own scheduling.
	messageGap = 500 * time.Millisecond
	// quiet is the silence after which a line counts as idle when getting into step.
	quiet = 60 * time.Millisecond
	// firstWait is how long a probe waits for an answer before it is repeated; each wait is twice as long, up to maxWait.
	firstWait = 150 * time.Millisecond
	maxWait   = 2 * time.Second
	// maxProbes at once complete any command that an earlier program left half sent.
	maxProbes = 16
	// settleTime is the silence waited for after something late; more than a busy host delays the pieces of an answer.
	settleTime = 300 * time.Millisecond
	// patience is the time for a device that gives signs of being idle, but not one for each probe.
	patience = 5 * time.Second
	// maxRounds bounds what a device that always has something else to say can cost.
	maxRounds = 6
)

// ErrIncomplete is returned by a Parse that needs more bytes.
var ErrIncomplete = errors.New("answer is not complete yet")

// Link is one line to one device. It is used by one goroutine at a time.
type Link struct {
	Port   serialport.Port
	Margin time.Duration // DefaultMargin when zero
	// Probe is a request without effect, repeated n times, that an idle device answers at once.
	Probe func(n int) []byte
	// Signs counts the answers to probes that b is made of; 0 when there is anything else in it.
	Signs func(b []byte) int
	// Longest is the longest answer of the device in bytes: how long a line may stay busy before it is waited for no more.
	Longest int

	outOfStep bool
	busyUntil time.Time // when the device will have done what it was last asked
}

// Request is one thing to ask.
type Request struct {
	Name  string // for errors
	Bytes []byte
	Reply int           // bytes expected in the answer; more than twice as many are no answer
	Work  time.Duration // what the device does before it answers, such as integrating
	// Head is how many bytes may come before Work is done; a silence after more than Head bytes breaks the answer off.
	Head int
	// Silence, when not zero, ends an answer that Parse does not find the end of.
	Silence time.Duration
	// Parse looks for the answer at the beginning of b and returns how many bytes it takes. It returns ErrIncomplete
	// to get more, an error that wraps device.ErrRefused for an answer that says no, and any other for what is no answer.
	Parse func(b []byte) (n int, err error)
}

// Query asks and returns the bytes of the answer as they came. A garbled answer is asked for once more. The errors
// wrap device.ErrTimeout, device.ErrProtocol, device.ErrRefused, device.ErrGone, or are the cause of ctx's end.
func (l *Link) Query(ctx context.Context, r Request) ([]byte, error) {
	if l.outOfStep {
		if err := l.Resync(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", r.Name, err)
		}
	}
	b, err := l.Ask(ctx, r)
	if errors.Is(err, device.ErrProtocol) {
		if rerr := l.Resync(ctx); rerr != nil {
			return nil, fmt.Errorf("%s: %w", r.Name, rerr)
		}
		b, err = l.Ask(ctx, r)
	}
	return b, err
}

// BusyFor is how long the device will still be doing what was given up.
func (l *Link) BusyFor() time.Duration { return max(time.Until(l.busyUntil), 0) }

// Busy puts the link out of step and says that the device will not listen for t, whatever it was doing before.
func (l *Link) Busy(t time.Duration) { l.outOfStep, l.busyUntil = true, time.Now().Add(t) }

func (l *Link) margin() time.Duration {
	if l.Margin <= 0 {
		return DefaultMargin
	}
	return l.Margin
}

// WireTime is what n bytes take at the present rate: start bit, eight data bits, stop bit.
func (l *Link) WireTime(n int) time.Duration {
	return time.Duration(n) * 10 * time.Second / time.Duration(l.Port.Baud())
}

// Ask is Query without getting into step before and without a second attempt.
func (l *Link) Ask(ctx context.Context, r Request) ([]byte, error) {
	limit := r.Work + l.WireTime(len(r.Bytes)+r.Reply) + l.margin()
	l.outOfStep, l.busyUntil = true, time.Now().Add(limit-l.margin())
	timed, cancel := context.WithTimeoutCause(ctx, limit, device.ErrTimeout)
	defer cancel()
	err := l.Port.Write(timed, r.Bytes)
	var b []byte
	if err == nil {
		b, err = l.await(timed, r)
	}
	if err == nil || errors.Is(err, device.ErrRefused) {
		l.outOfStep, l.busyUntil = false, time.Time{}
	}
	switch {
	case err == nil:
		return b, nil
	case errors.Is(err, device.ErrTimeout):
		return nil, fmt.Errorf("%s on %s at %d baud: %w (%.3g s)", r.Name, l.Port.Name(), l.Port.Baud(), err, limit.Seconds())
	}
	return nil, fmt.Errorf("%s: %w", r.Name, err)
}

// await reads until the answer is complete.
func (l *Link) await(ctx context.Context, r Request) ([]byte, error) {
	var got []byte
	buf := make([]byte, 4096)
	for {
		n, err := r.Parse(got)
		switch {
		case errors.Is(err, ErrIncomplete):
			if len(got) > 2*r.Reply+len(buf) {
				return nil, fmt.Errorf("%w: %d bytes and no end, expected %d", device.ErrProtocol, len(got), r.Reply)
			}
		case err != nil && !errors.Is(err, device.ErrRefused):
			return nil, fmt.Errorf("%w: %w", device.ErrProtocol, err)
		case n < len(got):
			return nil, fmt.Errorf("%w: %d bytes more than the answer", device.ErrProtocol, len(got)-n)
		default:
			return got, err
		}
		n, err = l.read(ctx, buf, r, len(got) > r.Head)
		switch {
		case errors.Is(err, errGap) && r.Silence > 0:
			return got, nil
		case errors.Is(err, errGap):
			return nil, fmt.Errorf("%w: the answer broke off after %d bytes", device.ErrProtocol, len(got))
		case errors.Is(err, device.ErrTimeout) && len(got) > 0:
			return nil, fmt.Errorf("%w: %d bytes came and no whole answer: is %d baud right?", device.ErrProtocol, len(got), l.Port.Baud())
		case err != nil:
			return nil, err
		}
		got = append(got, buf[:n]...)
	}
}

var errGap = errors.New("silence inside an answer")

// read waits for bytes until ctx ends, or only for a silence when an answer has begun.
func (l *Link) read(ctx context.Context, buf []byte, r Request, begun bool) (int, error) {
	if !begun {
		return l.Port.Read(ctx, buf)
	}
	gap, cancel := context.WithTimeoutCause(ctx, cmp.Or(r.Silence, messageGap), errGap)
	defer cancel()
	return l.Port.Read(gap, buf)
}

// Drain lets the line fall silent and forgets what comes.
func (l *Link) Drain(ctx context.Context) error {
	_, err := l.collect(ctx, 0)
	return err
}

// search is the state of getting into step.
type search struct {
	end    time.Time // when to give up
	wait   time.Duration
	probes int // to send at once
	owed   int // sent and not answered
	inStep int // rounds in which one probe had exactly one answer
	heard  int // bytes
	rounds int // in which something foreign came
}

// again begins anew, but with the patience learnt.
func (s *search) again() { s.probes, s.owed, s.inStep = 1, 0, 0 }

// ResyncAt gets into step at the first of the rates that the device is at, and returns it. The error is that of the last
// rate, unless one would be the same at all.
func (l *Link) ResyncAt(ctx context.Context, bauds ...int) (int, error) {
	var err error
	for _, baud := range bauds {
		if err = l.Port.SetBaud(baud); err != nil {
			return 0, err
		}
		l.Busy(0)
		err = l.Resync(ctx)
		if err == nil || !errors.Is(err, device.ErrTimeout) && !errors.Is(err, device.ErrProtocol) {
			return baud, err
		}
	}
	return 0, err
}

// Resync gets into step: whatever the device is still sending or doing is waited for. The error is device.ErrTimeout
// when nothing answers within the margin after that, device.ErrProtocol when what answers is no sign of being idle.
func (l *Link) Resync(ctx context.Context) error {
	if err := l.Drain(ctx); err != nil {
		return err
	}
	limit := l.BusyFor() + l.margin()
	s := search{end: time.Now().Add(limit), wait: firstWait}
	for s.again(); s.inStep < 2; {
		begun := time.Now()
		if begun.After(s.end) || s.rounds > maxRounds {
			return l.noStep(limit, s.heard)
		}
		got, err := l.probe(ctx, &s)
		if errors.Is(err, device.ErrTimeout) {
			return l.noStep(limit, s.heard)
		} else if err != nil {
			return err
		}
		signs := l.Signs(got)
		if signs > 0 { // the device is there, however slow it or this machine may be
			s.end = latest(s.end, begun.Add(patience))
		}
		switch {
		case len(got) == 0: // busy, or the probes became the rest of a command that was left half sent
			s.owed, s.inStep, s.wait = s.owed+s.probes, 0, min(2*s.wait, maxWait)
			if s.probes *= 2; s.probes > maxProbes {
				s.probes = 1
			}
		case signs == 1 && s.probes == 1 && s.owed == 0:
			s.inStep++
		default: // something late, or a device that is slow to answer: let come what is on its way
			if err := l.settle(ctx, &s); err != nil {
				return err
			}
			more := min(2*s.probes, maxProbes)
			if s.again(); signs == 0 { // an echo perhaps of a command that wants more
				s.probes = more
				s.rounds++ // these have a limit of their own
			}
			s.end = s.end.Add(time.Since(begun))
		}
	}
	l.outOfStep, l.busyUntil = false, time.Time{}
	return nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// probe sends s.probes of them and returns what comes within s.wait and until the line is quiet.
func (l *Link) probe(ctx context.Context, s *search) ([]byte, error) {
	left := time.Until(s.end)
	timed, cancel := context.WithTimeoutCause(ctx, left, device.ErrTimeout)
	defer cancel()
	if err := l.Port.Write(timed, l.Probe(s.probes)); err != nil {
		return nil, err
	}
	got, err := l.collect(ctx, min(s.wait, left)+l.WireTime(2*s.probes))
	s.heard += len(got)
	return got, err
}

// settle waits until nothing has come for a while.
func (l *Link) settle(ctx context.Context, s *search) error {
	for range maxRounds {
		got, err := l.collect(ctx, settleTime)
		if err != nil || len(got) == 0 {
			return err
		}
		s.heard += len(got)
	}
	return nil
}

func (l *Link) noStep(limit time.Duration, heard int) error {
	l.outOfStep = true
	if heard > 0 {
		return fmt.Errorf("%w: %d bytes came from %s, none of them an answer: is %d baud right?", device.ErrProtocol, heard, l.Port.Name(), l.Port.Baud())
	}
	return fmt.Errorf("%s at %d baud: %w (%.3g s)", l.Port.Name(), l.Port.Baud(), device.ErrTimeout, limit.Seconds())
}

// collect takes what comes until the line is quiet; the first byte may take that long. A line that never falls
// silent is given the time of two of the device's longest answers.
func (l *Link) collect(ctx context.Context, first time.Duration) ([]byte, error) {
	errQuiet := errors.New("line is quiet")
	flood := time.Now().Add(first + 2*l.WireTime(l.Longest) + quiet)
	var got []byte
	buf := make([]byte, 4096)
	for wait := max(first, quiet); time.Now().Before(flood); wait = quiet {
		slice, cancel := context.WithTimeoutCause(ctx, wait, errQuiet)
		n, err := l.Port.Read(slice, buf)
		cancel()
		if errors.Is(err, errQuiet) {
			return got, nil
		} else if err != nil {
			return nil, err
		}
		if len(got) < 4*l.Longest { // what comes beyond is counted as noise, not kept
			got = append(got, buf[:n]...)
		}
	}
	return got, nil
}
