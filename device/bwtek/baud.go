package bwtek

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"fentrace/device"
	"fentrace/device/lockstep"
)

// rates are the bits per second of the K values, fast ones first: the reverse of what other makers have.
var rates = []int{115200, 38400, 19200, 9600, 4800, 2400, 1200, 600}

// tryBauds are the same, likely ones first.
var tryBauds = []int{9600, 115200, 38400, 19200, 4800, 2400, 1200, 600}

const (
	homeBaud = 9600
	// baudSettles is how long clients that work wait after a change of rate.
	baudSettles = 250 * time.Millisecond
)

// raise changes the line to the highest rate up to fastest.
func (d *Driver) raise(ctx context.Context, fastest int) error {
	for _, rate := range rates {
		if rate > fastest || rate <= d.link.Port.Baud() {
			continue
		}
		got, err := d.changeBaud(ctx, rate)
		if errors.Is(err, device.ErrRefused) {
			continue
		}
		d.raised = d.raised || err == nil && got == rate
		return err
	}
	return nil
}

// changeBaud sets the device's rate and returns the one it is at then: the new one or, when the command got lost, the
// old. All of the device's answer but its last byte comes at the old rate.
func (d *Driver) changeBaud(ctx context.Context, rate int) (int, error) {
	k := slices.Index(rates, rate)
	if k < 0 {
		return 0, fmt.Errorf("change to %d baud: %w: one of %d", rate, device.ErrRange, rates)
	}
	command := Encode('K', k)
	old := d.link.Port.Baud()
	_, err := d.link.Ask(ctx, lockstep.Request{
		Name: fmt.Sprintf("change to %d baud (K)", rate), Bytes: command, Reply: len(command) + len(acknowledged) + 1,
		Parse: func(b []byte) (int, error) {
			n, err := echo(b, command)
			if err != nil {
				return 0, err
			}
			if bytes.HasPrefix(b[n:], acknowledged[:len(acknowledged)-1]) {
				return len(b), nil // with or without what became of the last byte
			}
			return DecodeReply(b, command)
		},
	})
	switch {
	case errors.Is(err, device.ErrGone):
		return 0, err
	case ctx.Err() != nil:
		return 0, context.Cause(ctx)
	}
	// An answer that is lost or garbled says nothing about the rate, nor does one that looks like a refusal: both
	// rates are looked at.
	if err := d.link.Port.SetBaud(rate); err != nil {
		return 0, err
	}
	timer := time.NewTimer(baudSettles)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	got, serr := d.link.ResyncAt(ctx, rate, old, rate)
	if serr == nil && got == old && errors.Is(err, ErrNotACK) {
		return old, fmt.Errorf("%w: %w", device.ErrRefused, err)
	}
	if serr != nil {
		return 0, fmt.Errorf("the device answers at neither %d nor %d baud: switch it off and on, and set a lower Fastest: %w", rate, old, errors.Join(serr, err))
	}
	return got, nil
}
