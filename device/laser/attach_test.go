package laser_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/acquire"
	"fentrace/device/drivers"
	"fentrace/device/emulator"
	"fentrace/device/emulator/bench"
	"fentrace/device/laser"
	"fentrace/device/obp"
)

// set is a spectrometer without a laser of its own and the laser that lights its sample.
type set struct {
	light, em *emulator.Emulator
	dev       device.Spectrometer
}

func attach(t *testing.T, i int, change func(*laser.Options)) set {
	t.Helper()
	s := set{light: start(t, lasers[i].emulated)}
	var err error
	s.em, err = emulator.Start(emulator.Config{Type: "sts", Baud: 460800, Noiseless: true, Light: s.light.Light, Sample: func(float64) float64 { return even }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.em.Close() })
	o := quick(lasers[i].options, s.light)
	if change != nil {
		change(&o)
	}
	l, err := laser.Open(within(t), o)
	if err != nil {
		t.Fatal(err)
	}
	dev, err := obp.Open(within(t), s.em.Path(), obp.Options{Baud: 460800, Margin: 1500 * time.Millisecond})
	if err != nil {
		l.Close()
		t.Fatal(err)
	}
	s.dev = laser.Attach(dev, l)
	t.Cleanup(func() { s.dev.Close() })
	return s
}

// even is the signal of the sample at every Raman shift.
const even = 0.1

// signal is what every pixel of an STS counts in d, with and without light on the sample.
func signal(d time.Duration, lit bool) float64 {
	v := 1500 + 50*d.Seconds()
	if lit {
		v += even * 40_000 * d.Seconds()
	}
	return v
}

func checkFrames(t *testing.T, frames []device.Frame, lit bool) {
	t.Helper()
	for i, f := range frames {
		for p, v := range f.Counts {
			if want := signal(f.IntegrationTime, lit); math.Abs(v-want) > 1 {
				t.Fatalf("frame %d, pixel %d: %g counts, want %g (lit: %v)", i, p, v, want, lit)
			}
		}
	}
}

// Whatever happens to the laser during a scan, it ends off, and no dark frame passes for a lit one.
func TestAScanThatSucceedsWasLit(t *testing.T) {
	t.Parallel()
	for i, l := range lasers {
		kind, err := emulator.Find(l.emulated)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range kind.FaultKinds() {
			fault, _, _ := strings.Cut(text, ":")
			for _, word := range []string{"on", "off", "state", "interlock", "read"} {
				for after := range 2 {
					f := emulator.Fault{Kind: fault, Message: word, After: after}
					if fault == bench.Late || fault == bench.Stuck {
						f.Arg = 600
					}
					if kind.CheckFault(f) != nil {
						continue
					}
					t.Run(strings.Join([]string{l.emulated, fault, word, string(rune('0' + after))}, "/"), func(t *testing.T) {
						t.Parallel()
						s := attach(t, i, nil)
						if err := s.light.Inject(f); err != nil {
							t.Fatal(err)
						}
						scan, err := acquire.Acquire(within(t), s.dev, acquire.Settings{IntegrationTime: 40 * time.Millisecond, Averages: 2}, nil)
						if err == nil {
							checkFrames(t, scan.Frames, true)
							checkFrames(t, scan.Dark, false)
						}
						dark(t, s.light)
					})
				}
			}
		}
	}
}

func TestALaserThatGoesOutDuringTheExposureIsNoticed(t *testing.T) {
	t.Parallel()
	s := attach(t, 0, nil)
	ctx := within(t)
	if err := s.dev.Lamp(ctx, true); err != nil {
		t.Fatal(err)
	}
	if _, err := s.dev.Scan(ctx); err != nil {
		t.Fatal(err)
	}
	// Asked before the exposure it shines, asked after it it does not.
	if err := s.light.Inject(emulator.Fault{Kind: bench.Interlock, Message: "state", After: 1}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := s.dev.Scan(ctx); !errors.Is(err, device.ErrDark) {
			t.Errorf("error %v", err)
		}
	}
	if err := s.dev.Lamp(ctx, false); err != nil {
		t.Error(err)
	}
	if f, err := s.dev.Scan(ctx); err != nil {
		t.Error(err)
	} else {
		checkFrames(t, []device.Frame{f}, false)
	}
	if err := s.dev.Lamp(ctx, true); !errors.Is(err, device.ErrInterlock) {
		t.Errorf("with an open interlock: %v", err)
	}
}

// Also one that tells nothing but what the guard knows.
func TestAWatchdogThatBitesBetweenFramesIsNoticed(t *testing.T) {
	t.Parallel()
	for i := range lasers {
		s := attach(t, i, func(o *laser.Options) { o.Watchdog = 1500 * time.Millisecond })
		ctx := within(t)
		if err := s.dev.Lamp(ctx, true); err != nil {
			t.Fatal(err)
		}
		dark(t, s.light)
		if _, err := s.dev.Scan(ctx); !errors.Is(err, device.ErrDark) || !errors.Is(err, laser.ErrWatchdog) {
			t.Errorf("error %v", err)
		}
		// An exposure longer than the watchdog's time is announced to it.
		if err := s.dev.Lamp(ctx, true); err != nil {
			t.Fatal(err)
		}
		if err := s.dev.SetIntegrationTime(ctx, 2500*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if f, err := s.dev.Scan(ctx); err != nil {
			t.Error(err)
		} else {
			checkFrames(t, []device.Frame{f}, true)
		}
	}
}

func TestATroubledSpectrometerPutsTheLaserOut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault emulator.Fault
		want  error
	}{
		{emulator.Fault{Kind: bench.Silent, Message: "spectrum"}, device.ErrTimeout},
		{emulator.Fault{Kind: bench.Half, Message: "spectrum", Times: 2}, device.ErrProtocol},
		{emulator.Fault{Kind: bench.Unplug, Arg: 700, Message: "spectrum"}, device.ErrGone},
	} {
		for i := range lasers {
			s := attach(t, i, nil)
			ctx := within(t)
			if err := s.dev.Lamp(ctx, true); err != nil {
				t.Fatal(err)
			}
			if err := s.em.Inject(c.fault); err != nil {
				t.Fatal(err)
			}
			if _, err := s.dev.Scan(ctx); !errors.Is(err, c.want) {
				t.Errorf("%+v: %v", c.fault, err)
			}
			if s.light.LaserOn() {
				t.Errorf("%+v: the laser is on", c.fault)
			}
		}
	}
}

func TestALaserThatRefusesIsNotALampThatIsNotThere(t *testing.T) {
	t.Parallel()
	s := attach(t, 1, nil)
	if err := s.light.Inject(emulator.Fault{Kind: bench.Interlock, Message: "on"}); err != nil {
		t.Fatal(err)
	}
	_, err := acquire.Acquire(within(t), s.dev, acquire.Settings{IntegrationTime: 20 * time.Millisecond}, nil)
	if err == nil || errors.Is(err, device.ErrNoLaser) || !strings.Contains(err.Error(), "exception 4") {
		t.Errorf("error %v", err)
	}
}

// The laser hangs on a line of its own: that it is gone does not mean that it is off.
func TestALostLaserIsShoutedAbout(t *testing.T) {
	t.Parallel()
	for i := range lasers {
		s := attach(t, i, nil)
		_, err := acquire.Acquire(within(t), s.dev, acquire.Settings{IntegrationTime: 20 * time.Millisecond}, func(acquire.Progress) { s.light.Unplug() })
		if err == nil || !strings.Contains(err.Error(), "THE LASER MAY STILL BE ON") {
			t.Errorf("error %v", err)
		}
		if err := s.dev.Close(); !errors.Is(err, device.ErrLaserOn) {
			t.Errorf("closing: %v", err)
		}
	}
}

func TestAPanicOrCancelDuringAScanLeavesTheLaserOff(t *testing.T) {
	t.Parallel()
	for i := range lasers {
		s := attach(t, i, nil)
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			_, err := acquire.Acquire(within(t), s.dev, acquire.Settings{}, func(acquire.Progress) { panic("on the page") })
			t.Error(err)
		}()
		if s.light.LaserOn() {
			t.Error("on after a panic")
		}
		ctx, cancel := context.WithCancel(within(t))
		_, err := acquire.Acquire(ctx, s.dev, acquire.Settings{IntegrationTime: 5 * time.Second}, func(acquire.Progress) { time.AfterFunc(50*time.Millisecond, cancel) })
		if !errors.Is(err, context.Canceled) || s.light.LaserOn() {
			t.Errorf("%v, on: %v", err, s.light.LaserOn())
		}
	}
}

func TestDriversOpenASpectrometerWithItsLaser(t *testing.T) {
	t.Parallel()
	light := start(t, "cobolt")
	em, err := emulator.Start(emulator.Config{Type: "sts", Baud: 460800, Light: light.Light})
	if err != nil {
		t.Fatal(err)
	}
	defer em.Close()
	o := drivers.Options{Baud: 460800, Laser: quick(lasers[0].options, light)}
	dev, err := drivers.Open(within(t), "obp", em.Path(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := dev.Lamp(within(t), true); err != nil || !light.LaserOn() {
		t.Errorf("%v, on: %v", err, light.LaserOn())
	}
	if err := dev.Close(); err != nil || light.LaserOn() {
		t.Errorf("%v, on: %v", err, light.LaserOn())
	}
	// Without its spectrometer a laser is closed again; the port is free and the laser off.
	for range 2 {
		if _, err := drivers.Open(within(t), "obp", "/dev/ttyUSB999", o); !errors.Is(err, device.ErrNotFound) || errors.Is(err, device.ErrBusy) || light.LaserOn() {
			t.Errorf("%v, on: %v", err, light.LaserOn())
		}
	}
}
