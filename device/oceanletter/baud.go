package oceanletter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"fentrace/device"
)

// rates are the bits per second of the K values.
var rates = []int{2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400}

const (
	fastestBaud = 230400
	// baudSettles is how long the device takes to change its rate: the data sheets ask for more than 50 ms.
	baudSettles = 100 * time.Millisecond
	// baudFallback is how long a device that missed the repetition may take to return to its old rate. The data
	// sheets give no figure; this is generous.
	baudFallback = 2 * time.Second
)

// raise changes the line to the highest rate up to fastest that device and cable take, and leaves it alone when that
// is no gain.
func (d *Driver) raise(ctx context.Context, fastest int) error {
	for _, rate := range slices.Backward(rates) {
		if rate > fastest || rate <= d.link.Port.Baud() {
			continue
		}
		err := d.changeBaud(ctx, rate)
		switch {
		case err == nil:
			d.raised = true
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, device.ErrRefused):
			continue
		case errors.Is(err, errFellBack):
			continue // the cable or its bridge does not carry this rate
		}
		return err
	}
	return nil
}

// errFellBack means that the device is at its old rate again.
var errFellBack = errors.New("the device did not come up at the new rate")

// changeBaud does the two steps of the data sheets: K at the old rate, a wait, the same K at the new. A device that
// misses the second step falls back, and so does this end.
func (d *Driver) changeBaud(ctx context.Context, rate int) error {
	k := slices.Index(rates, rate)
	if k < 0 {
		return fmt.Errorf("change to %d baud: %w: one of %d", rate, device.ErrRange, rates)
	}
	old := d.link.Port.Baud()
	var none []uint16
	set := d.request(fmt.Sprintf("change to %d baud", rate), 0, &none, "K", Word(uint16(k)))
	if _, err := d.link.Ask(ctx, set); err != nil {
		if errors.Is(err, device.ErrRefused) {
			return err
		}
		return d.fallBack(ctx, old, err)
	}
	timer := time.NewTimer(baudSettles)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done(): // the device is on its way; it falls back by itself
		d.link.Busy(baudFallback)
		return context.Cause(ctx)
	}
	if err := d.link.Port.SetBaud(rate); err != nil {
		return err
	}
	if _, err := d.link.Ask(ctx, set); err != nil {
		return d.fallBack(ctx, old, err)
	}
	return nil
}

// fallBack gets into step at the old rate again, and says why.
func (d *Driver) fallBack(ctx context.Context, old int, cause error) error {
	if errors.Is(cause, device.ErrGone) {
		return cause
	}
	if err := d.link.Port.SetBaud(old); err != nil {
		return err
	}
	d.link.Busy(baudFallback)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := d.link.Resync(ctx); err != nil {
		return err
	}
	return fmt.Errorf("%w: %w", errFellBack, cause)
}
