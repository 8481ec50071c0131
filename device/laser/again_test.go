package laser_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"fentrace/device"
	"fentrace/device/laser"
)

// prompt is a laser that obeys at once.
type prompt struct{ lit atomic.Bool }

func (p *prompt) Identify(context.Context) error        { return nil }
func (p *prompt) Info() device.LaserInfo                { return device.LaserInfo{ReadBack: true} }
func (p *prompt) Ready(context.Context) error           { return nil }
func (p *prompt) Shining(context.Context) (bool, error) { return p.lit.Load(), nil }
func (p *prompt) Interlock(context.Context) error       { return nil }
func (p *prompt) Close() error                          { return nil }

func (p *prompt) Switch(_ context.Context, on bool) error {
	p.lit.Store(on)
	return nil
}

func (p *prompt) Power(context.Context) (float64, error) { return 1, nil }

// Whoever waited for the laser while it was switched off may switch it on next.
func TestALaserThatWentOffCanBeSwitchedOnAtOnce(t *testing.T) {
	t.Parallel()
	g, err := laser.NewGuard(within(t), &prompt{}, laser.Options{WarningDelay: laser.None, WarmUp: laser.None})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	for i := range 300 {
		ctx, cancel := context.WithCancelCause(within(t))
		if err := g.On(ctx); err != nil {
			t.Fatalf("time %d: %v", i, err)
		}
		cancel(fmt.Errorf("time %d", i))
		for lit, err := g.Shining(within(t)); lit && err == nil; { // until the context has put it out
			lit, err = g.Shining(within(t))
		}
	}
}

func TestNobodySwitchesOnWhileOthersSwitchOff(t *testing.T) {
	t.Parallel()
	drv := &prompt{}
	g, err := laser.NewGuard(within(t), drv, laser.Options{WarningDelay: laser.None, WarmUp: laser.None})
	if err != nil {
		t.Fatal(err)
	}
	for range 200 {
		off := make(chan error)
		go func() { off <- g.Off(within(t)) }()
		if err := g.On(within(t)); err != nil && drv.lit.Load() {
			t.Fatalf("on is refused (%v), and it shines", err)
		}
		if err := errors.Join(<-off, g.Off(within(t))); err != nil || drv.lit.Load() {
			t.Fatalf("%v, shines: %v", err, drv.lit.Load())
		}
	}
	if err := g.Close(); err != nil || drv.lit.Load() {
		t.Errorf("%v, shines: %v", err, drv.lit.Load())
	}
}
