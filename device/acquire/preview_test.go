package acquire

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"fentrace/device"
	"fentrace/device/emulator"
)

// timed takes as long for a frame as the exposure does.
type timed struct{ *fake }

func (d timed) Scan(ctx context.Context) (device.Frame, error) {
	select {
	case <-time.After(d.t):
	case <-ctx.Done():
		return device.Frame{}, ctx.Err()
	}
	return d.fake.Scan(ctx)
}

func TestAPreviewEndsByItselfBecauseTheLaserIsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFake(256, 1)
		b.lines(0.05, 3, 100)
		began, frames, rate := time.Now(), 0, 0.0
		err := Preview(t.Context(), timed{b}, Settings{}, func(l Live) {
			frames++
			rate = l.Rate
			if l.Number != frames || len(l.Spectrum.X) == 0 || !l.Spectrum.Metadata.Simulated || !b.lit {
				t.Fatalf("frame %d: %d points, lit %v", l.Number, len(l.Spectrum.X), b.lit)
			}
		})
		if err != nil || b.lit {
			t.Errorf("%v, the laser is on: %v", err, b.lit)
		}
		if took := time.Since(began); took != MaxPreview || frames != 599 && frames != 600 {
			t.Errorf("it took %v for %d frames", took, frames)
		}
		if rate < 9.5 || rate > 10 {
			t.Errorf("%g frames a second of 100 ms and 1 ms for the wire", rate)
		}
	})
}

func TestTheLaserIsOffAfterAPreviewWhateverHappens(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		show func(Live, context.CancelFunc)
		scan func() error
		want error
	}{
		"cancelled":      {show: func(l Live, cancel context.CancelFunc) { cancel() }},
		"broken":         {show: func(Live, context.CancelFunc) {}, scan: func() error { return broken }, want: broken},
		"unplugged late": {show: func(l Live, cancel context.CancelFunc) { cancel() }, scan: func() error { return device.ErrGone }, want: device.ErrGone},
		"panic":          {show: func(Live, context.CancelFunc) { panic("broken") }},
	} {
		b := newFake(256, 1)
		w := &watched{Spectrometer: b, fail: func(frame int) error {
			if c.scan == nil || frame < 3 {
				return nil
			}
			return c.scan()
		}}
		if name == "unplugged late" {
			w.fail = func(int) error { return c.scan() }
		}
		ctx, cancel := context.WithCancel(within(t))
		func() {
			defer func() {
				if r := recover(); (r != nil) != (name == "panic") {
					t.Errorf("%s: panic %v", name, r)
				}
			}()
			if err := Preview(ctx, w, Settings{}, func(l Live) { c.show(l, cancel) }); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", name, err)
			}
		}()
		cancel()
		if b.lit || b.lights != 1 {
			t.Errorf("%s: the laser is on: %v; it was switched on %d times", name, b.lit, b.lights)
		}
	}
}

// With auto-exposure the preview follows a hand that moves the probe, also into too much light.
func TestAPreviewFollowsTheLight(t *testing.T) {
	b := newFake(256, 1)
	b.lines(0.05, 3, 100)
	b.drift = func(frame int) float64 {
		switch {
		case frame < 10:
			return 1
		case frame < 20:
			return 40
		case frame < 30:
			return 0.02
		}
		return 1e7 // saturated even at the shortest time
	}
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	peaks := map[int]float64{}
	var longest time.Duration
	err := Preview(ctx, b, Settings{AutoExposure: true}, func(l Live) {
		peaks[l.Number] = l.Peak
		longest = max(longest, l.Frame.IntegrationTime)
		if l.Number == 40 {
			cancel()
		}
	})
	if err != nil || b.lit {
		t.Fatalf("%v, the laser is on: %v", err, b.lit)
	}
	for _, settled := range []int{10, 20} {
		if peaks[settled] < previewWeak || peaks[settled] > 0.95 {
			t.Errorf("frame %d at %.0f %% of full scale", settled, 100*peaks[settled])
		}
	}
	if peaks[40] != 1 || longest > previewIntegration {
		t.Errorf("in too much light at %.0f %%, the longest exposure was %v", 100*peaks[40], longest)
	}
}

func TestAPreviewThroughTheWireLeavesTheDeviceUsable(t *testing.T) {
	t.Parallel()
	_, dev := emulate(t, emulator.Config{Type: "qepro", LightSource: true})
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	seen := 0
	if err := Preview(ctx, dev, Settings{IntegrationTime: 10 * time.Millisecond}, func(l Live) {
		if seen++; seen == 5 {
			cancel()
		}
	}); err != nil {
		t.Fatal(err)
	}
	f, err := dev.Scan(within(t))
	if err != nil || f.Counts[300] > 1600 {
		t.Errorf("%d frames seen; afterwards %v counts, %v", seen, f.Counts[300], err)
	}
	if err := Preview(within(t), dev, Settings{IntegrationTime: time.Hour * 24}, func(Live) {}); !errors.Is(err, device.ErrRange) {
		t.Errorf("a day long: %v", err)
	}
}
