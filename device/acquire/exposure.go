package acquire

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"fentrace/device"
)

const (
	// saturatedStep divides the integration time after a saturated exposure, which tells only "too much".
	saturatedStep = 16
	// longestStep bounds the growth after an exposure so dark that its signal is mostly noise.
	longestStep = 200
)

// expose looks for the integration time, in at most MaxTries exposures. Counts grow in proportion to time above
// the detector's baseline, taken as the lowest pixel, so one unsaturated exposure nearly gives the answer and the
// next corrects it. A sample too weak to reach the target keeps MaxIntegration. The last try after nothing but
// saturation is at the shortest time, so that ErrSaturated is always true.
func (r *run) expose(ctx context.Context) error {
	t, full := r.set.IntegrationTime, r.info.MaxCounts
	var good time.Duration // the longest that did not saturate, 0 when none
	for try := 1; try <= r.set.MaxTries; try++ {
		if err := r.dev.SetIntegrationTime(ctx, t); err != nil {
			return err
		}
		f, err := r.frame(ctx, Progress{Stage: StageExposure, Frame: try, Frames: r.set.MaxTries, IntegrationTime: t})
		if err != nil {
			return err
		}
		base, peak := extremes(f, r.info)
		if peak >= full && t <= r.info.MinIntegration {
			return fmt.Errorf("%w (%v): lower the laser power or move the probe back", device.ErrSaturated, t)
		}
		if peak >= wellLow*full && peak <= wellHigh*full {
			r.set.IntegrationTime = t
			return nil
		}
		var next time.Duration
		switch {
		case peak < full:
			good = max(good, t)
			step := float64(longestStep)
			if peak > base {
				step = min((r.set.TargetFraction*full-base)/(peak-base), longestStep)
			}
			next = time.Duration(float64(t) * max(step, 0))
		case good > 0: // between the two
			next = time.Duration(math.Sqrt(float64(good) * float64(t)))
		case try < r.set.MaxTries-1:
			next = t / saturatedStep
		default:
			next = r.info.MinIntegration
		}
		next = min(max(next.Round(time.Microsecond), r.info.MinIntegration), r.set.MaxIntegration)
		if try == r.set.MaxTries && peak >= full && good > 0 {
			next = good
		}
		r.set.IntegrationTime = next
		if next == t {
			return nil // the sample is weaker, or brighter, than the limits allow for
		}
		t = next
	}
	return nil
}

// extremes returns the lowest and the highest count of the pixels that see light.
func extremes(f device.Frame, info device.Info) (lowest, highest float64) {
	first := true
	for p, v := range f.Counts {
		if slices.Contains(info.DarkPixels, p) {
			continue
		}
		if first || v < lowest {
			lowest = v
		}
		if first || v > highest {
			highest = v
		}
		first = false
	}
	return lowest, highest
}
