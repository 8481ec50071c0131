package obp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"fentrace/device"
	"fentrace/device/serialport"
)

const (
	// defaultMargin is what a device may take beyond integrating and sending.
	defaultMargin = time.Second
	// messageGap is the silence inside a message after which its rest is not coming. Devices send a message in
	// one go; the longest known pause is a USB bridge's 16 ms and the host's own scheduling.
	messageGap = 500 * time.Millisecond
	// deferredWait is allowed for each "response deferred" of the device, at most maxDeferred times.
	deferredWait = 10 * time.Second
	maxDeferred  = 6
)

// link sends one message at a time and waits for its answer. Answers are told apart by the transaction id in
// their "regarding" field, so that the late answer to a request given up earlier is discarded.
type link struct {
	port   serialport.Port
	dec    Decoder
	id     uint32
	margin time.Duration
	// busyUntil is when the device will have finished a request whose answer was not awaited; until then it
	// cannot be expected to look at the next.
	busyUntil time.Time
}

// request is one message to send, and what it costs.
type request struct {
	typ   MessageType
	data  []byte
	flags Flags
	reply int           // payload bytes expected, for the deadline only
	work  time.Duration // what the device does before it answers: integration time
}

// query asks and returns the data of the answer and its bytes as they came. A garbled answer is asked for once
// more, after the line has gone quiet.
func (l *link) query(ctx context.Context, r request) (data, raw []byte, err error) {
	f, raw, err := l.exchange(ctx, r)
	if errors.Is(err, device.ErrProtocol) {
		if rerr := l.resync(ctx); rerr != nil {
			return nil, nil, rerr
		}
		f, raw, err = l.exchange(ctx, r)
	}
	if err != nil {
		return nil, nil, err
	}
	return f.Data, raw, nil
}

// command tells and waits for the acknowledgement. All commands of the driver may be repeated without harm.
func (l *link) command(ctx context.Context, typ MessageType, data []byte, work time.Duration) error {
	_, _, err := l.query(ctx, request{typ: typ, data: data, flags: FlagACKRequested, work: work})
	return err
}

// resync forgets everything that has come and waits for a quiet line.
func (l *link) resync(ctx context.Context) error {
	l.dec = Decoder{}
	return l.port.ResetInput(ctx)
}

// exchange is one attempt. Its errors wrap device.ErrTimeout (nothing came), device.ErrProtocol (something came,
// but no answer), a *DeviceError, device.ErrGone, or the cause of ctx's end.
func (l *link) exchange(ctx context.Context, r request) (Frame, []byte, error) {
	l.id++
	b, err := Frame{Flags: r.flags, Type: r.typ, Regarding: l.id, Data: r.data}.Encode()
	if err != nil {
		return Frame{}, nil, err
	}
	wire := time.Duration(len(b)+emptySize+r.reply) * 10 * time.Second / time.Duration(l.port.Baud())
	now := time.Now()
	limit := max(l.busyUntil.Sub(now), 0) + r.work + wire + l.margin
	l.busyUntil = now.Add(limit - l.margin)
	timed, cancel := context.WithTimeoutCause(ctx, limit, device.ErrTimeout)
	defer cancel()
	if err := l.port.Write(timed, b); err != nil {
		return Frame{}, nil, l.describe(r.typ, limit, err)
	}
	f, raw, err := l.await(timed, r)
	for range maxDeferred {
		var refused *DeviceError
		if !errors.As(err, &refused) || refused.Number != errDeferred {
			break
		}
		longer, cancel := context.WithTimeoutCause(ctx, deferredWait, device.ErrTimeout)
		f, raw, err = l.await(longer, r)
		cancel()
	}
	if err == nil || errors.Is(err, device.ErrRefused) {
		l.busyUntil = time.Time{}
	}
	return f, raw, l.describe(r.typ, limit, err)
}

func (l *link) describe(typ MessageType, limit time.Duration, err error) error {
	var refused *DeviceError
	switch {
	case err == nil || errors.As(err, &refused):
		return err
	case errors.Is(err, device.ErrTimeout):
		return fmt.Errorf("%v on %s at %d baud: %w (%.3g s)", typ, l.port.Name(), l.port.Baud(), err, limit.Seconds())
	}
	return fmt.Errorf("%v: %w", typ, err)
}

// await reads until the answer to the present id has come.
func (l *link) await(ctx context.Context, r request) (Frame, []byte, error) {
	skipped := l.dec.Skipped
	buf := make([]byte, 4096)
	for {
		f, raw, err := l.dec.Next()
		switch {
		case err == nil && !l.answers(f):
			continue // the answer to a request given up earlier, or the line's own echo
		case err == nil:
			return f, raw, l.judge(f, r)
		case errors.Is(err, ErrChecksum):
			return Frame{}, nil, fmt.Errorf("%w: %w", device.ErrProtocol, err)
		}
		n, err := l.read(ctx, buf)
		if errors.Is(err, errGap) {
			broken := l.partialAnswer()
			l.dec.GiveUp()
			if broken {
				return Frame{}, nil, fmt.Errorf("%w: the answer broke off", device.ErrProtocol)
			}
			continue
		}
		if err != nil {
			if got := l.dec.Skipped - skipped + len(l.dec.buf); errors.Is(err, device.ErrTimeout) && got > 0 {
				return Frame{}, nil, fmt.Errorf("%w: %d bytes came, none of them an answer: is %d baud right?", device.ErrProtocol, got, l.port.Baud())
			}
			return Frame{}, nil, err
		}
		l.dec.Write(buf[:n])
	}
}

var errGap = errors.New("silence inside a message")

// read waits for bytes until ctx ends, or only for messageGap when a message has begun.
func (l *link) read(ctx context.Context, buf []byte) (int, error) {
	if !l.dec.Partial() {
		return l.port.Read(ctx, buf)
	}
	gap, cancel := context.WithTimeoutCause(ctx, messageGap, errGap)
	defer cancel()
	return l.port.Read(gap, buf)
}

// partialAnswer reports whether the incomplete message at hand says that it answers the present request.
func (l *link) partialAnswer() bool {
	return len(l.dec.buf) >= 16 && binary.LittleEndian.Uint32(l.dec.buf[12:]) == l.id
}

func (l *link) answers(f Frame) bool {
	return f.Regarding == l.id && f.Flags&(FlagResponse|FlagACK|FlagNACK|FlagException) != 0
}

// judge turns what an answer says into the error of package device that a caller can act on.
func (l *link) judge(f Frame, r request) error {
	switch {
	case f.Type != r.typ:
		return fmt.Errorf("%w: asked for %v, answered %v", device.ErrProtocol, r.typ, f.Type)
	case f.Error == errDeferred:
		return &DeviceError{Type: f.Type, Number: errDeferred}
	case f.Flags&FlagNACK != 0:
		return &DeviceError{Type: f.Type, Number: f.Error}
	case f.Flags&FlagException != 0:
		return &DeviceError{Type: f.Type, Number: f.Error, Exception: true}
	case r.flags&FlagACKRequested != 0 && f.Flags&FlagACK == 0:
		return fmt.Errorf("%w: answer without the acknowledgement asked for", device.ErrProtocol)
	}
	return nil
}
