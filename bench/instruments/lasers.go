package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"gonum.org/v1/gonum/stat"

	"fentrace/bench/report"
	"fentrace/device"
	"fentrace/device/acquire"
	"fentrace/device/emulator"
	emulated "fentrace/device/emulator/bench"
	"fentrace/device/laser"
	"fentrace/device/obp"
)

// shutter is an emulated laser and how it is opened; state is what it is asked before and after each exposure.
type shutter struct {
	emulated, state string
	options         laser.Options
}

var shutters = []shutter{
	{"cobolt", "state", laser.Options{Type: "cobolt", Power: 50}},
	{"modbuslaser", "read", laser.Options{Type: "modbus", Power: 500}},
}

const (
	// exposed is the exposure during which something happens, latest into it at the latest.
	exposed = 500 * time.Millisecond
	latest  = 300 * time.Millisecond
	// look is how often it is looked whether the laser shines.
	look = 100 * time.Microsecond
)

// lit is a spectrometer with a laser of its own line.
type lit struct {
	light, em *emulator.Emulator
	dev       device.Spectrometer
}

func (s shutter) open(ctx context.Context) (l lit, err error) {
	if l.light, err = emulator.Start(emulator.Config{Type: s.emulated}); err != nil {
		return l, err
	}
	if l.em, err = emulator.Start(emulator.Config{Type: "sts", Baud: 115200, Light: l.light.Light}); err != nil {
		return l, errors.Join(err, l.light.Close())
	}
	o := s.options
	o.Port, o.WarningDelay = l.light.Path(), laser.None
	guard, err := laser.Open(ctx, o)
	if err != nil {
		return l, errors.Join(err, l.em.Close(), l.light.Close())
	}
	dev, err := obp.Open(ctx, l.em.Path(), obp.Options{Baud: 115200, LaserNM: laserNM})
	if err != nil {
		return l, errors.Join(err, guard.Close(), l.em.Close(), l.light.Close())
	}
	l.dev = laser.Attach(dev, guard)
	return l, nil
}

func (l lit) close() {
	l.dev.Close() // which fails where the spectrometer is unplugged
	l.em.Close()
	l.light.Close()
}

// dark waits until no light comes out, and tells how long that took since began.
func (l lit) dark(ctx context.Context, began time.Time) (time.Duration, error) {
	for l.light.LaserOn() {
		if ctx.Err() != nil {
			return 0, fmt.Errorf("THE EMULATED LASER IS STILL ON after %v: %w", time.Since(began), ctx.Err())
		}
		time.Sleep(look)
	}
	return time.Since(began), nil
}

// event is something that happens during an exposure; it returns when the laser should be off since.
type event struct {
	name string
	want error // of the scan
	// happen makes it happen and returns how long the laser then shone, or the scan went on.
	happen func(ctx context.Context, s shutter, l lit, stop context.CancelFunc, done <-chan error) (time.Duration, error)
}

var events = []event{
	{"scan cancelled: laser off after", context.Canceled,
		func(ctx context.Context, _ shutter, l lit, stop context.CancelFunc, _ <-chan error) (time.Duration, error) {
			began := time.Now()
			stop()
			return l.dark(ctx, began)
		}},
	{"spectrometer unplugged: laser off after", device.ErrGone,
		func(ctx context.Context, _ shutter, l lit, _ context.CancelFunc, _ <-chan error) (time.Duration, error) {
			began := time.Now()
			l.em.Unplug()
			return l.dark(ctx, began)
		}},
	// The interlock itself cuts the light. An emulated one opens when the laser is asked for its state, which is at the end of
	// the exposure, so what is measured is how long the scan then takes to fail and to leave the laser switched off.
	{"interlock open when asked: scan refused and laser switched off after", device.ErrDark,
		func(ctx context.Context, s shutter, l lit, _ context.CancelFunc, done <-chan error) (time.Duration, error) {
			if err := l.light.Inject(emulator.Fault{Kind: emulated.Interlock, Message: s.state}); err != nil {
				return 0, err
			}
			if _, err := l.dark(ctx, time.Now()); err != nil {
				return 0, err
			}
			began := time.Now()
			select {
			case <-done:
				return time.Since(began), nil
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}},
}

// during takes a scan and lets the event happen in the middle of its first exposure.
func (e event) during(ctx context.Context, s shutter, random *rand.Rand) (time.Duration, error) {
	l, err := s.open(ctx)
	if err != nil {
		return 0, err
	}
	defer l.close()
	stopped, stop := context.WithCancel(ctx)
	defer stop()
	began, done := make(chan struct{}, 1), make(chan error, 1)
	var ended error
	go func() {
		_, ended = acquire.Acquire(stopped, l.dev, acquire.Settings{IntegrationTime: exposed}, func(acquire.Progress) {
			select {
			case began <- struct{}{}:
			default:
			}
		})
		close(done)
	}()
	if err := phase(ctx, began, random); err != nil {
		return 0, err
	}
	took, err := e.happen(ctx, s, l, stop, done)
	if err != nil {
		return 0, err
	}
	<-done
	if !errors.Is(ended, e.want) {
		return 0, fmt.Errorf("%s, %s: the scan ended with %w", s.emulated, e.name, ended)
	}
	return took, nil
}

// phase waits for the exposure to begin, and for some part of it to pass.
func phase(ctx context.Context, began <-chan struct{}, random *rand.Rand) error {
	select {
	case <-began:
	case <-ctx.Done():
		return ctx.Err()
	}
	time.Sleep(50*time.Millisecond + time.Duration(random.Int64N(int64(latest-50*time.Millisecond))))
	return nil
}

// finishing is the plain way to cancel: the frame under way is taken to its end, then the laser is switched off.
func finishing(ctx context.Context, s shutter, random *rand.Rand) (time.Duration, error) {
	l, err := s.open(ctx)
	if err != nil {
		return 0, err
	}
	defer l.close()
	if err := l.dev.SetIntegrationTime(ctx, exposed); err != nil {
		return 0, err
	}
	if err := l.dev.Lamp(ctx, true); err != nil {
		return 0, err
	}
	began, done := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		began <- struct{}{}
		_, err := l.dev.Scan(ctx)
		done <- errors.Join(err, l.dev.Lamp(ctx, false))
	}()
	if err := phase(ctx, began, random); err != nil {
		return 0, err
	}
	cancelled := time.Now()
	took, err := l.dark(ctx, cancelled)
	return took, errors.Join(err, <-done)
}

// lasers measures how long a laser shines on.
func (b *bench) lasers(ctx context.Context) ([]report.Result, error) {
	// The lasers take turns beside each other: nearly all of it is waiting.
	repeat := func(once func(context.Context, shutter, *rand.Rand) (time.Duration, error)) ([]float64, error) {
		ms, errs := make([]float64, len(shutters)*b.offs), make([]error, len(shutters))
		var all sync.WaitGroup
		for i, s := range shutters {
			random := rand.New(rand.NewPCG(7, uint64(i)))
			all.Go(func() {
				for k := range b.offs {
					took, err := once(ctx, s, random)
					if err != nil {
						errs[i] = err
						return
					}
					ms[i*b.offs+k] = took.Seconds() * 1000
				}
			})
		}
		all.Wait()
		return ms, errors.Join(errs...)
	}
	plain, err := repeat(finishing)
	if err != nil {
		return nil, err
	}
	var out []report.Result
	for i, e := range events {
		ms, err := repeat(e.during)
		if err != nil {
			return nil, err
		}
		peer, worst, mean := "", 0.0, 0.0
		if i == 0 {
			peer, worst, mean = "at the end of the frame", slices.Max(plain), stat.Mean(plain, nil)
		}
		out = append(out, report.Exact("SIMULATED "+e.name+", worst", "ms", slices.Max(ms), len(ms), peer, worst, command))
		out = append(out, report.AsDetail(report.Mean("SIMULATED "+e.name+", mean", "ms", ms, peer, mean, command))...)
	}
	return out, nil
}
