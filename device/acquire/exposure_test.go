package acquire

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"fentrace/device"
	"fentrace/device/emulator"
)

// Whatever the detector and the sample: 60 to 90 % in at most four tries where a time within the limits gives that,
// else the end of the limits, and the reason is told.
func TestAutoExposureReachesItsRangeOnAnyDetectorOrSaysWhyNot(t *testing.T) {
	reached := map[ExposureEnd]int{}
	rapid.Check(t, func(t *rapid.T) {
		b := anyFake(t)
		s := Settings{AutoExposure: true, MaxIntegration: min(10*time.Second, b.info.MaxIntegration).Truncate(time.Microsecond)}
		if rapid.Bool().Draw(t, "stated start") {
			s.IntegrationTime = time.Duration(logUniform(t, "start, s", b.info.MinIntegration.Seconds(), s.MaxIntegration.Seconds()) * float64(time.Second))
			s.IntegrationTime = max(s.IntegrationTime, b.info.MinIntegration)
		}
		tries := 0
		scan, err := Acquire(context.Background(), b, s, func(p Progress) {
			if p.Stage == StageExposure {
				tries++
			}
		})
		ideal := func(d time.Duration) float64 {
			top := 0.0
			for p := range b.sample {
				top = max(top, b.ideal(p, d, !slices.Contains(b.info.DarkPixels, p)))
			}
			return top / b.info.MaxCounts
		}
		if b.lit {
			t.Fatal("the laser is on")
		}
		if tries > 4 {
			t.Fatalf("%d tries", tries)
		}
		// Noise moves the highest of hundreds of pixels by several standard deviations.
		noise := 6 * math.Sqrt(b.readout*b.readout+b.shot*b.info.MaxCounts) / b.info.MaxCounts
		weakest, strongest := ideal(b.info.MinIntegration), ideal(s.MaxIntegration)
		switch {
		case errors.Is(err, device.ErrSaturated):
			if weakest < 1-noise {
				t.Fatalf("called saturated, but %v gives %.0f %%", b.info.MinIntegration, 100*weakest)
			}
			reached["saturated"]++
			return
		case err != nil:
			t.Fatal(err)
		}
		end := scan.Exposed()
		reached[end]++
		used := ideal(scan.Settings.IntegrationTime)
		switch end {
		case ExposureReached:
			if used < wellLow-noise || used > wellHigh+noise {
				t.Fatalf("said to be reached with %.0f %%", 100*used)
			}
		case ExposureTooWeak:
			if strongest > wellLow+noise || scan.Settings.IntegrationTime != s.MaxIntegration {
				t.Fatalf("called too weak at %v, but %v gives %.0f %%", scan.Settings.IntegrationTime, s.MaxIntegration, 100*strongest)
			}
		case ExposureTooBright:
			if weakest < wellHigh-noise || scan.Settings.IntegrationTime != b.info.MinIntegration {
				t.Fatalf("called too bright at %v, but %v gives %.0f %%", scan.Settings.IntegrationTime, b.info.MinIntegration, 100*weakest)
			}
		default:
			var seen []float64
			for _, x := range scan.Exposures {
				_, p := brightest(x.Counts, scan.Info)
				seen = append(seen, x.IntegrationTime.Seconds(), p/scan.Info.MaxCounts)
			}
			t.Fatalf("%s: %v gives %.1f %% after (time, peak) %.3g; %v would give %.2g, %v %.3g", end, scan.Settings.IntegrationTime, 100*used, seen,
				b.info.MinIntegration, weakest, s.MaxIntegration, strongest)
		}
		if weak := len(scan.shortcomings(0)) > 0; weak != (end != ExposureReached) {
			t.Fatalf("%s, and the warnings are %q", end, scan.shortcomings(0))
		}
	})
	t.Logf("ends: %v", reached)
	for _, end := range []ExposureEnd{ExposureReached, ExposureTooWeak} {
		if reached[end] == 0 && !t.Failed() {
			t.Errorf("no draw ended %s", end)
		}
	}
}

func TestAutoExposureReachesItsRangeThroughTheWireOrSaysWhyNot(t *testing.T) {
	const longest = 200 * time.Millisecond
	for _, c := range []struct {
		typ   string
		rates []float64
	}{
		{"sts", []float64{2e3, 2e5, 4e5, 6e6, 7e7, 9e8, 1e11}},
		{"qepro", []float64{2e5, 4e6, 1.5e7, 2.6e7}},
	} {
		for i, rate := range c.rates {
			t.Run(fmt.Sprintf("%s at %g counts a second", c.typ, rate), func(t *testing.T) {
				t.Parallel()
				_, dev := emulate(t, emulator.Config{Type: c.typ, Rate: rate, Seed: uint64(i), LightSource: i%2 == 0})
				tries := 0
				scan, err := Acquire(within(t), dev, Settings{AutoExposure: true, MaxIntegration: longest}, func(p Progress) {
					if p.Stage == StageExposure {
						tries++
					}
				})
				info := dev.Info()
				// The highest pixel sees a little less than the highest line; 1,500 counts are the detector's offset.
				weakest, strongest := 1500+rate*info.MinIntegration.Seconds(), 1500+0.9*rate*longest.Seconds()
				end := scan.Exposed()
				switch {
				case tries > 4:
					t.Errorf("%d tries", tries)
				case 0.9*weakest > info.MaxCounts:
					if !errors.Is(err, device.ErrSaturated) {
						t.Errorf("%s, %v", end, err)
					}
				case err != nil:
					t.Error(err)
				case strongest < 0.6*info.MaxCounts && end != ExposureTooWeak, strongest > 0.7*info.MaxCounts && weakest < 0.85*info.MaxCounts && end != ExposureReached:
					t.Errorf("%s at %v", end, scan.Settings.IntegrationTime)
				}
			})
		}
	}
}

// A pixel that is always bright, and one that a cosmic ray hit, are not the sample.
func TestHotPixelsAndRaysDoNotDecideTheExposure(t *testing.T) {
	b := newFake(256, 1)
	b.lines(0.02, 2, 60, 150)
	b.hot = map[int]float64{200: 1e9}
	b.edit = func(frame int, _ bool, counts []float64) { counts[20+frame*7] += 40_000 }
	scan, err := Acquire(within(t), b, Settings{AutoExposure: true}, nil)
	if err != nil || scan.Exposed() != ExposureReached {
		t.Fatalf("%s at %v, %v", scan.Exposed(), scan.Settings.IntegrationTime, err)
	}
	line := 0.0
	for _, p := range []int{60, 150} {
		line = max(line, scan.Frames[0].Counts[p])
	}
	if line < wellLow*b.info.MaxCounts || line > wellHigh*b.info.MaxCounts {
		t.Errorf("the strongest line has %g counts", line)
	}
}

func TestEveryFrameOfTheSearchIsKept(t *testing.T) {
	b := newFake(256, 1)
	b.info.MaxCounts, b.info.MinIntegration, b.rate = 16383, 10*time.Microsecond, 5e8
	b.lines(0.7, 3, 60) // saturated all over: the offset shows only with the laser off
	scan, err := Acquire(within(t), b, Settings{AutoExposure: true}, nil)
	if err != nil || scan.Exposed() != ExposureReached {
		t.Fatalf("%s, %v", scan.Exposed(), err)
	}
	dark := 0
	for _, x := range scan.Exposures {
		if x.Dark {
			dark++
		}
	}
	if len(scan.Exposures)+len(scan.Frames)+len(scan.Dark) != b.frames || dark != 1 {
		t.Errorf("%d exposures (%d dark), %d frames and %d dark ones of %d read out", len(scan.Exposures), dark, len(scan.Frames), len(scan.Dark), b.frames)
	}
	raw, err := scan.Raw()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Decode(raw)
	if err != nil || len(again.Exposures) != len(scan.Exposures) {
		t.Fatalf("%d exposures came back, %v", len(again.Exposures), err)
	}
	for i, x := range again.Exposures {
		if x.Dark != scan.Exposures[i].Dark || x.IntegrationTime != scan.Exposures[i].IntegrationTime || !slices.Equal(x.Counts, scan.Exposures[i].Counts) {
			t.Errorf("exposure %d came back changed", i+1)
		}
	}
}
