package laser

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fentrace/device"
)

// Attach returns dev with l for its lamp. A frame that was to be lit is asked about afterwards: when the laser has gone
// out meanwhile, Scan fails with device.ErrDark instead of returning a dark frame for a spectrum. Any error of the
// spectrometer switches the laser off; until Lamp is called, scanning goes on failing. Closing closes both, the laser first.
func Attach(dev device.Spectrometer, l device.Laser) device.Spectrometer {
	info := dev.Info()
	info.Simulated = info.Simulated || l.Info().Simulated // half simulated is no measurement
	return &attached{dev: dev, laser: l, info: info}
}

type attached struct {
	dev         device.Spectrometer
	laser       device.Laser
	info        device.Info
	integration time.Duration
	lit         bool // Lamp was asked to be on, and is expected to shine
}

func (a *attached) Info() device.Info { return a.info }

func (a *attached) SetIntegrationTime(ctx context.Context, d time.Duration) error {
	err := a.guarded(ctx, d, func() error { return a.dev.SetIntegrationTime(ctx, d) })
	if err == nil {
		a.integration = d
	}
	return err
}

func (a *attached) Scan(ctx context.Context) (f device.Frame, err error) {
	if a.lit {
		// Firing long ago does not mean shining now: what went out before the exposure is not found by waiting for its end.
		if err := a.stillShines(ctx); err != nil {
			return device.Frame{}, err
		}
	}
	err = a.guarded(ctx, a.integration, func() (err error) {
		f, err = a.dev.Scan(ctx)
		return err
	})
	if err != nil || !a.lit {
		return f, err
	}
	if err := a.stillShines(ctx); err != nil {
		return device.Frame{}, err
	}
	return f, nil
}

func (a *attached) Temperature(ctx context.Context) (t float64, err error) {
	err = a.guarded(ctx, 0, func() (err error) {
		t, err = a.dev.Temperature(ctx)
		return err
	})
	return t, err
}

// guarded does what takes about d, and switches the laser off when it fails or panics. A refusal is an answer.
func (a *attached) guarded(ctx context.Context, d time.Duration, do func() error) (err error) {
	if !a.lit {
		return do()
	}
	a.laser.Keepalive(d)
	done := false
	defer func() {
		if done && (err == nil || errors.Is(err, device.ErrRefused) || errors.Is(err, device.ErrRange)) {
			return
		}
		err = errors.Join(err, a.laser.Off(ctx))
	}()
	err = do()
	done = true
	return err
}

func (a *attached) stillShines(ctx context.Context) error {
	a.laser.Keepalive(0)
	shines, err := a.laser.Shining(ctx)
	if shines && err == nil {
		return nil
	}
	if errors.Is(err, device.ErrDark) {
		return err
	}
	return errors.Join(fmt.Errorf("%w: switch it on again", device.ErrDark), err)
}

func (a *attached) Lamp(ctx context.Context, on bool) error {
	a.lit = false
	if !on {
		if err := a.laser.Off(ctx); err != nil {
			// A spectrometer that is unplugged takes the current for its laser with it; this one has its own.
			return without{err, device.ErrGone}
		}
		return nil
	}
	if err := a.laser.On(ctx); err != nil {
		return err
	}
	a.lit = true
	return nil
}

func (a *attached) Close() error {
	a.lit = false
	return errors.Join(a.laser.Close(), a.dev.Close())
}

// without is an error that is not to be taken for what that error means to those who use a spectrometer.
type without struct {
	error
	that error
}

func (e without) Is(target error) bool { return target != e.that && errors.Is(e.error, target) }
