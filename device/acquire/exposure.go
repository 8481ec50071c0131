package acquire

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"fentrace/device"
	"fentrace/spectra/preprocess"
)

const (
	// measurable is how much less light than full scale one exposure still measures well enough to find the time from:
	// a hundredth of full scale is tens of times the read-out noise of every detector in use.
	measurable = 100
	// lonely is the part of a pixel's height that one of its neighbours must reach for the pixel to count as lit by the
	// sample. A line 1.5 pixels wide at half height reaches 0.29; a hot pixel and most cosmic rays stand alone.
	lonely = 0.15
	// noiseReach is how many standard deviations of noise an estimate may be off, driftReach which part of the signal.
	noiseReach, driftReach = 4, 0.02
	// inside is how far within 60 to 90 % an exposure must lie, so that the noise of the next does not take it out again.
	inside = 0.04
	// cautious is the fraction of full scale that the most light possible may reach with another try to come.
	cautious = 0.88
	// minWings is how many unsaturated pixels two exposures must share to tell the detector's offset.
	minWings = 16
)

// ExposureEnd is how the search for the integration time ended.
type ExposureEnd string

const (
	ExposureReached   ExposureEnd = "reached"    // the highest pixel is at 60 to 90 % of full scale
	ExposureTooWeak   ExposureEnd = "too_weak"   // less, at the longest time allowed
	ExposureTooBright ExposureEnd = "too_bright" // more, at the shortest time of the device
	ExposureUnsettled ExposureEnd = "unsettled"  // neither: the sample changed meanwhile, or the tries did not suffice
)

// Exposure is one frame of the search for the integration time.
type Exposure struct {
	device.Frame
	// Dark is true for a frame without laser light, taken to learn the detector's offset.
	Dark bool
}

// Exposed tells how the search ended, judged by the frames of the sample; "" when there was no search.
func (s Scan) Exposed() ExposureEnd {
	if !s.Settings.AutoExposure || len(s.Frames) == 0 {
		return ""
	}
	peaks := make([]float64, len(s.Frames))
	for i, f := range s.Frames {
		_, peaks[i] = brightest(f.Counts, s.Info)
	}
	peak := median(peaks) / s.Info.MaxCounts
	switch {
	case peak >= wellLow && peak <= wellHigh:
		return ExposureReached
	case peak < wellLow && s.Settings.IntegrationTime >= s.Settings.MaxIntegration:
		return ExposureTooWeak
	case peak > wellHigh && s.Settings.IntegrationTime <= s.Info.MinIntegration:
		return ExposureTooBright
	}
	return ExposureUnsettled
}

// expose looks for the integration time, in at most MaxTries exposures, and keeps their frames. It is left at the
// longest time allowed for a sample too weak. The error wraps device.ErrSaturated when full scale is reached even at
// the shortest time; the last try after nothing but saturation is at that time, so that this is always true.
func (r *run) expose(ctx context.Context) error {
	s := search{info: r.info, set: r.set}
	t := r.set.IntegrationTime
	for try := 1; try <= r.set.MaxTries; try++ {
		if err := r.dev.SetIntegrationTime(ctx, t); err != nil {
			return err
		}
		f, err := r.frame(ctx, Progress{Stage: StageExposure, Frame: try, Frames: r.set.MaxTries, IntegrationTime: t})
		if err != nil {
			return err
		}
		r.exposures = append(r.exposures, Exposure{Frame: f})
		x := s.add(f, t)
		r.set.IntegrationTime = t
		switch {
		case x.saturated && t <= r.info.MinIntegration:
			return fmt.Errorf("%w (%v): lower the laser power or move the probe back", device.ErrSaturated, t)
		case x.peak >= (wellLow+inside)*r.info.MaxCounts && x.peak <= (wellHigh-inside)*r.info.MaxCounts:
			return nil
		}
		if s.lost() && r.controlled {
			if s.dark, err = r.reference(ctx); err != nil {
				return err
			}
		}
		t = s.next(r.set.MaxTries - try)
		if t == r.set.IntegrationTime {
			return nil // the sample is weaker, or brighter, than the limits allow for
		}
		r.set.IntegrationTime = t
	}
	return nil
}

// reference takes a frame at the shortest time with the laser off, which shows the detector's offset, and switches
// the laser on again.
func (r *run) reference(ctx context.Context) ([]float64, error) {
	if err := r.dev.Lamp(ctx, false); err != nil {
		return nil, fmt.Errorf("switch the laser off: %w", err)
	}
	if err := r.dev.SetIntegrationTime(ctx, r.info.MinIntegration); err != nil {
		return nil, err
	}
	f, err := r.frame(ctx, Progress{Stage: StageDark, Frame: 1, Frames: 1, IntegrationTime: r.info.MinIntegration})
	if err != nil {
		return nil, fmt.Errorf("offset: %w", err)
	}
	r.exposures = append(r.exposures, Exposure{Frame: f, Dark: true})
	if err := r.dev.Lamp(ctx, true); err != nil {
		return nil, fmt.Errorf("switch the laser on: %w", err)
	}
	return f.Counts, nil
}

// search is what the exposures so far say about the light. A pixel counts offset + rate x time up to full scale;
// what is not known exactly is kept as an interval, so that the next exposure is bold where much is known and careful
// where little is.
type search struct {
	info device.Info
	set  Settings
	seen []exposure
	dark []float64 // a frame without light at the shortest time; nil when none was taken
}

type exposure struct {
	counts       []float64
	t            float64 // seconds
	lowest, peak float64
	at           int // the pixel of the peak
	saturated    bool
}

func (s *search) add(f device.Frame, t time.Duration) exposure {
	x := exposure{counts: f.Counts, t: t.Seconds()}
	x.lowest, _ = extremes(f, s.info)
	x.at, x.peak = brightest(f.Counts, s.info)
	x.saturated = x.peak >= s.info.MaxCounts
	s.seen = append(s.seen, x)
	return x
}

// next is the time to expose for, with so many tries left to correct it.
func (s *search) next(left int) time.Duration {
	var best *exposure // the longest that is not saturated
	shortest := math.Inf(1)
	for i := range s.seen {
		x := &s.seen[i]
		switch {
		case x.saturated:
			shortest = min(shortest, x.t)
		case best == nil || x.t >= best.t:
			best = x
		}
	}
	if best == nil {
		return s.shorter(shortest, left)
	}
	full := s.info.MaxCounts
	aim := full * min(max(s.set.TargetFraction, wellLow+inside), wellHigh-inside)
	low, high := s.rate(*best)
	t := best.t + (aim-best.peak)/((low+high)/2)
	if left > 0 && best.peak < cautious*full {
		t = min(t, best.t+(cautious*full-best.peak)/high)
	}
	if t >= shortest {
		t = math.Sqrt(best.t * shortest) // the sample changed, or the detector is not linear
	}
	return s.limited(t)
}

// shorter is the time to go to after nothing but saturation, the last at the given time in seconds. Whether the next
// exposure is saturated again or not, what remains can be measured by one exposure wherever that is possible.
func (s *search) shorter(t float64, left int) time.Duration {
	least := s.info.MinIntegration.Seconds()
	if left <= 1 {
		return s.info.MinIntegration
	}
	return s.limited(min(max(t/measurable, least), least*measurable))
}

func (s *search) limited(seconds float64) time.Duration {
	seconds = min(max(seconds, 0), s.set.MaxIntegration.Seconds())
	t := time.Duration(seconds * float64(time.Second)).Round(time.Microsecond)
	return min(max(t, s.info.MinIntegration), s.set.MaxIntegration)
}

// rate returns bounds of the counts per second at the peak of x, above 0.
func (s *search) rate(x exposure) (low, high float64) {
	lowest, highest := s.offset(x)
	slack := x.slack()
	low, high = (x.peak-highest-slack)/x.t, (x.peak-lowest+slack)/x.t
	for _, other := range s.seen {
		if other.t == x.t {
			continue
		}
		if other.saturated {
			if other.t > x.t {
				low = max(low, (s.info.MaxCounts-x.peak-slack)/(other.t-x.t))
			}
			continue
		}
		rate, off := (x.peak-other.peak)/(x.t-other.t), (slack+other.slack())/math.Abs(x.t-other.t)
		low, high = max(low, rate-off), min(high, rate+off)
	}
	if low > high { // what was seen does not fit together: the newest exposure alone, and any offset
		low, high = max(x.peak-x.lowest, 0)/x.t, x.peak/x.t
	}
	high = max(high, 1e-12*s.info.MaxCounts/x.t)
	return min(max(low, 0), high), high
}

// slack is by how many counts the peak may be off.
func (x exposure) slack() float64 {
	return x.noise() + driftReach*max(x.peak-x.lowest, 0)
}

// noise is by how many counts a single pixel may be off; a count is rounded.
func (x exposure) noise() float64 { return noiseReach*preprocess.Noise(x.counts) + 1 }

// offset returns bounds of what the peak's pixel counts without light.
func (s *search) offset(x exposure) (low, high float64) {
	noise := x.noise()
	if s.dark != nil {
		return s.dark[x.at] - noise, s.dark[x.at] + noise
	}
	if len(s.info.DarkPixels) > 0 {
		level := median(pick(x.counts, s.info.DarkPixels))
		return level - noise, level + noise
	}
	for i := len(s.seen) - 1; i >= 0; i-- {
		if level, ok := s.wings(x, s.seen[i]); ok {
			return level - noise, level + noise
		}
	}
	return min(0, x.lowest), x.lowest
}

// wings extrapolates the pixels that saturated neither exposure to no time at all.
func (s *search) wings(a, b exposure) (offset float64, ok bool) {
	if min(a.t, b.t) > max(a.t, b.t)/2 {
		return 0, false // too near for the line through both to be certain
	}
	var offsets []float64
	for p := range a.counts {
		if a.counts[p] < s.info.MaxCounts && b.counts[p] < s.info.MaxCounts && !slices.Contains(s.info.DarkPixels, p) {
			offsets = append(offsets, (a.counts[p]*b.t-b.counts[p]*a.t)/(b.t-a.t))
		}
	}
	if len(offsets) < minWings {
		return 0, false
	}
	return median(offsets), true
}

// lost tells whether nothing seen so far shows the detector's offset, and time is running out.
func (s *search) lost() bool {
	if len(s.seen) < 2 || s.dark != nil || len(s.info.DarkPixels) > 0 {
		return false
	}
	for _, x := range s.seen {
		open := 0
		for _, v := range x.counts {
			if v < s.info.MaxCounts {
				open++
			}
		}
		if open >= minWings {
			return false
		}
	}
	return true
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

// brightest returns the highest pixel that is lit by the sample: one that stands alone among pixels without signal is
// hot, or was hit by a cosmic ray, and must not decide how long the sample is exposed.
func brightest(counts []float64, info device.Info) (at int, count float64) {
	lowest, _ := extremes(device.Frame{Counts: counts}, info)
	at, count = 0, lowest
	for p, v := range counts {
		if v <= count || slices.Contains(info.DarkPixels, p) {
			continue
		}
		beside := lowest
		for _, q := range [2]int{p - 1, p + 1} {
			if q >= 0 && q < len(counts) && !slices.Contains(info.DarkPixels, q) {
				beside = max(beside, counts[q])
			}
		}
		if beside-lowest >= lonely*(v-lowest) {
			at, count = p, v
		}
	}
	return at, count
}

func pick(v []float64, at []int) []float64 {
	var out []float64
	for _, p := range at {
		if p >= 0 && p < len(v) {
			out = append(out, v[p])
		}
	}
	return out
}

// median of v, which is left as it is; 0 of none.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	n := len(v)
	return v[(n-1)/2]/2 + v[n/2]/2
}
