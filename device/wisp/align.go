package wisp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"fentrace/device"
)

// fillers are how many zeros go before each attempt at leaving binary mode. The first 261 end whatever request is
// pending: six bytes of header and 255 of payload. The zeros harm nothing: they make requests of an opcode that does not
// exist, and as the rest of one that was begun they say 0, which is "off" for a laser. What the attempt itself and the
// lines behind it leave pending, and these numbers, bring every one of the six alignments about (a test goes through all).
var fillers = [...]int{261, 262, 263}

const (
	enterLine = "\nBIN\n" // the first \n ends what of a line is there
	// The first attempt waits so long for an answer, and takes so long a silence for its end; each further one longer.
	firstWait, maxWait   = 150 * time.Millisecond, 2 * time.Second
	firstQuiet, maxQuiet = 60 * time.Millisecond, 500 * time.Millisecond
	// patience is the time for a device that says something, but nothing that is known yet.
	patience = 5 * time.Second
)

// attempt is everything that is sent to get into binary mode, in two parts: after the first, which ends in
// OpDisconnect, whatever comes is not for us.
func attempt(zeros int) (leave, enter []byte) {
	return append(make([]byte, zeros), OpDisconnect.Encode(0, 0)...), []byte(enterLine)
}

// probe asks for the number of pixels.
func probe(n int) []byte { return []byte(strings.Repeat(string(OpLineLength.Encode(0, 0)), n)) }

// signs counts answers to probes: the same plausible number of pixels again and again, that of the device once known.
func (d *Driver) signs(b []byte) (n int) {
	if len(b) == 0 || len(b)%2 != 0 {
		return 0
	}
	first := int(binary.LittleEndian.Uint16(b))
	if first < minPixels || first > maxPixels || d.info.Pixels != 0 && first != d.info.Pixels {
		return 0
	}
	for ; len(b) > 0; n++ {
		if int(binary.LittleEndian.Uint16(b)) != first {
			return 0
		}
		b = b[2:]
	}
	return n
}

// enter brings the device into binary mode and in step, whatever mode it is in and whatever request it was left with.
// The error is device.ErrTimeout when nothing comes at all, device.ErrProtocol when what comes is nothing known.
func (d *Driver) enter(ctx context.Context) error {
	end := time.Now().Add(d.link.BusyFor() + d.margin)
	late := end.Add(patience)
	heard, wait, quiet := 0, firstWait, firstQuiet
	for i := 0; i < len(fillers) || time.Now().Before(end); i++ {
		leave, line := attempt(fillers[i%len(fillers)])
		before := heard
		var answer []byte
		for _, part := range []struct {
			b    []byte
			wait time.Duration
		}{{leave, quiet}, {line, wait}, {probe(1), wait}} {
			var err error
			if answer, err = d.say(ctx, part.b, part.wait, quiet); err != nil {
				return err
			}
			heard += len(answer)
		}
		if d.signs(answer) == 1 {
			d.link.Busy(0)
			return d.link.Resync(ctx)
		}
		if heard > before {
			end = late
		}
		wait, quiet = min(2*wait, maxWait), min(2*quiet, maxQuiet)
	}
	port := d.link.Port
	if heard > 0 {
		return fmt.Errorf("%w: %d bytes came from %s, none of them an answer: is %d baud right?", device.ErrProtocol, heard, port.Name(), port.Baud())
	}
	return fmt.Errorf("%s at %d baud: %w", port.Name(), port.Baud(), device.ErrTimeout)
}

// say sends b and returns what comes until the line is quiet; the first byte may take wait.
func (d *Driver) say(ctx context.Context, b []byte, wait, quiet time.Duration) ([]byte, error) {
	timed, cancel := context.WithTimeoutCause(ctx, d.link.WireTime(len(b))+d.margin, device.ErrTimeout)
	defer cancel()
	if err := d.link.Port.Write(timed, b); err != nil {
		return nil, err
	}
	var got []byte
	errQuiet := errors.New("line is quiet")
	flood := time.Now().Add(wait + 2*d.link.WireTime(d.link.Longest) + d.margin)
	buf := make([]byte, 4096)
	for wait += d.link.WireTime(len(b)); time.Now().Before(flood); wait = quiet {
		slice, stop := context.WithTimeoutCause(ctx, wait, errQuiet)
		n, err := d.link.Port.Read(slice, buf)
		stop()
		if errors.Is(err, errQuiet) {
			return got, nil
		} else if err != nil {
			return nil, err
		}
		if len(got) < d.link.Longest {
			got = append(got, buf[:n]...)
		}
	}
	return got, nil
}
