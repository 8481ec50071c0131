package nirscan

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fentrace/device"
	"fentrace/device/lockstep"
	"fentrace/device/serialport"
)

const (
	// probeSeq marks the frames that only ask whether the device is there.
	probeSeq = 0xFF
	// busyPause is waited before a device that was busy is asked again.
	busyPause = 50 * time.Millisecond
	longest   = overhead + maxPayload
)

// Refusal is an answer that says no.
type Refusal struct {
	Command Command
	Busy    bool
}

func (r *Refusal) Error() string {
	if r.Busy {
		return fmt.Sprintf("%v: the device is busy", r.Command)
	}
	return fmt.Sprintf("%v: %v", r.Command, device.ErrRefused)
}

func (r *Refusal) Unwrap() error { return device.ErrRefused }

// probe asks for the device status. However many are wanted it is one: a device that received half a frame gives it up
// by itself, and one that is working would only collect them.
func probe(int) []byte {
	b, _ := Frame{Read: true, Reply: true, Seq: probeSeq, Command: CmdStatus}.Encode() // it has no data that could be too long
	return b
}

func signs(b []byte) (n int) {
	for len(b) > 0 {
		f, size, err := Decode(b)
		switch {
		case err != nil || !f.Log && (f.Seq != probeSeq || f.Command != CmdStatus):
			return 0
		case !f.Log:
			n++
		}
		b = b[size:]
	}
	return n
}

// errGivenUp is the device's answer to a frame whose bytes came too slowly.
var errGivenUp = errors.New("the device did not receive the request whole: a serial adapter that splits frames?")

// request is one command with what its answer costs.
type request struct {
	command Command
	write   bool
	data    []byte
	reply   int           // bytes of data expected; also the least that are taken
	work    time.Duration // what the device does before it answers
}

// ask sends r and returns the data of the answer, and the answer as it came. A request that the device says it did not
// get, or refuses, is asked once more, because the request may have come damaged.
func (d *Driver) ask(ctx context.Context, r request) (data, raw []byte, err error) {
	limit, cancel := context.WithTimeoutCause(ctx, d.margin, errBusy)
	defer cancel()
	for refused := 0; ; {
		data, raw, err = d.exchange(ctx, r, d.link.Query)
		var no *Refusal
		switch {
		case !errors.As(err, &no):
			return data, raw, err
		case no.Busy:
			if werr := serialport.Pause(limit, busyPause); werr != nil {
				return nil, nil, fmt.Errorf("%v: %w", r.command, werr)
			}
		default:
			if refused++; refused > 1 {
				return nil, nil, err
			}
		}
	}
}

var errBusy = fmt.Errorf("%w: the device says so: is it connected by USB or Bluetooth as well?", device.ErrBusy)

// exchange is one attempt, made by Query or Ask of the link.
func (d *Driver) exchange(ctx context.Context, r request, by func(context.Context, lockstep.Request) ([]byte, error)) (data, raw []byte, err error) {
	if d.seq++; d.seq == probeSeq || d.seq == 0 { // 0 is in the device's answer to what it did not receive
		d.seq = 1
	}
	seq := d.seq
	b, err := Frame{Read: !r.write, Reply: true, Seq: seq, Command: r.command, Data: r.data}.Encode()
	if err != nil {
		return nil, nil, err
	}
	raw, err = by(ctx, lockstep.Request{
		Name: r.command.String(), Bytes: b, Reply: overhead + commandSize + r.reply, Work: r.work,
		Parse: func(b []byte) (n int, err error) {
			data, n, err = parseAnswer(b, r, seq)
			return n, err
		},
	})
	return data, raw, err
}

// parseAnswer reads the answer to r; lines of the device's log before it are passed over.
func parseAnswer(b []byte, r request, seq byte) (data []byte, n int, err error) {
	for {
		f, size, err := Decode(b[n:])
		n += size
		switch {
		case errors.Is(err, ErrIncomplete):
			return nil, 0, lockstep.ErrIncomplete
		case err != nil:
			return nil, 0, err
		case f.Log:
			continue
		case f.Command == 0 && f.Result == Error:
			return nil, 0, errGivenUp
		case f.Seq != seq || f.Command != r.command:
			return nil, 0, fmt.Errorf("asked for %v as number %d, answered %v as number %d", r.command, seq, f.Command, f.Seq)
		case f.Result != OK:
			return nil, n, &Refusal{Command: r.command, Busy: f.Result == Busy}
		case len(f.Data) < r.reply:
			return nil, 0, fmt.Errorf("%v: %d bytes of data, expected %d", r.command, len(f.Data), r.reply)
		}
		return f.Data, n, nil
	}
}

// tell sends a command that writes.
func (d *Driver) tell(ctx context.Context, c Command, data ...byte) error {
	_, _, err := d.ask(ctx, request{command: c, write: true, data: data})
	return err
}

// number reads an unsigned integer of width bytes, 1 or 4, at the beginning of the answer.
func (d *Driver) number(ctx context.Context, c Command, width int, data ...byte) (uint32, error) {
	b, _, err := d.ask(ctx, request{command: c, data: data, reply: width})
	if err != nil {
		return 0, err
	}
	p := packed{b}
	if width == 1 {
		return uint32(p.u8()), nil
	}
	return p.u32(), nil
}
