package acquire

import (
	"cmp"
	"math"
	"slices"

	"fentrace/device"
)

const (
	// rayReach is how many standard deviations of its noise a count must stand above what was expected.
	rayReach = 6
	// rayDrift allows for what changes between repeats besides the intensity: this part of a pixel in position,
	// rayShape of the height above the lowest pixel in shape.
	rayDrift, rayShape = 0.1, 0.01
	// brightPixels tell by how much the whole signal rose or fell.
	brightPixels = 32
	// Slow changes along the detector, as of a fading fluorescence, are followed by the median of driftWidth pixels
	// every driftStep pixels.
	driftWidth, driftStep = 64, 16
)

// Ray is one count that was no light of the sample: a cosmic ray hit the pixel.
type Ray struct {
	Frame  int     `json:"frame"` // 0-based among the frames of the sample, or the dark ones
	Pixel  int     `json:"pixel"` // 0-based on the detector
	Dark   bool    `json:"dark,omitempty"`
	Excess float64 `json:"excess"` // counts above what was expected
}

// Rays lists the counts that Spectrum leaves out, dark frames last, by frame and pixel. The frames keep them.
func (s Scan) Rays() []Ray {
	rays := s.combine(s.Frames).rays
	for _, r := range s.combine(s.Dark).rays {
		r.Dark = true
		rays = append(rays, r)
	}
	return rays
}

// combined is the mean of n frames without cosmic rays.
type combined struct {
	n     int
	mean  []float64
	rays  []Ray
	noise noise // none with a single frame
}

// combine averages frames. Scans of the first stored form, and those whose settings say so, keep the rays.
func (s Scan) combine(frames []device.Frame) combined {
	return combine(frames, s.Info, s.version != 1 && !s.Settings.KeepRays)
}

// combine returns the mean of the frames. With two frames or more, a count that stands above what the other frames
// let expect by more than 6 standard deviations of the noise at that level is a cosmic ray, and the expected value
// stands in for it. Expected is the median over the frames (the lower of two), scaled to the brightness of this frame
// and moved by what changed slowly along the detector. The noise is measured from the same frames, by the median of
// their differences, as it depends on the level. Only counts that are too high are left out: a ray never lowers one.
//
// The bound is that of the upper-bound spectrum of D. Zhang, K. N. Jallad, D. Ben-Amotz, Appl. Spectrosc. 55 (2001)
// 1523: so many times the noise expected at the level of the spectrum. Median and median deviation in place of mean and
// standard deviation: B. Iglewicz, D. C. Hoaglin, How to Detect and Handle Outliers, 1993.
func combine(frames []device.Frame, info device.Info, reject bool) combined {
	c := combined{n: len(frames), mean: mean(frames, info.Pixels)}
	if len(frames) < 2 {
		return c
	}
	e := expect(frames, info)
	level, lit := e.level, e.lit
	excess := make([][]float64, len(frames))
	for i, f := range frames {
		excess[i] = e.excess(f.Counts)
	}
	c.noise = measureNoise(level, excess, lit)
	if !reject {
		return c
	}
	low := slices.Min(pick(level, lit))
	// Of the frame and of the median it is compared with (pi/2 times the variance of the mean); of the other frame for two.
	width := rayReach * math.Sqrt(1+math.Pi/2/float64(len(frames)))
	if len(frames) == 2 {
		width = rayReach * math.Sqrt2
	}
	for i := range frames {
		for k, p := range lit {
			steep := math.Abs(level[lit[min(k+1, len(lit)-1)]]-level[lit[max(k-1, 0)]]) / 2
			bound := width*math.Sqrt(c.noise.at(level[p])) + rayDrift*steep + rayShape*(level[p]-low)
			if excess[i][p] > bound {
				c.rays = append(c.rays, Ray{Frame: i, Pixel: p, Excess: excess[i][p]})
				c.mean[p] -= excess[i][p] / float64(len(frames))
			}
		}
	}
	return c
}

// expectation is what repeats let expect of a frame.
type expectation struct {
	level  []float64 // median of each pixel over the frames; the lower of two
	lit    []int     // pixels that see light, ascending
	base   float64   // median level of those
	bright []int     // the brightest of those
}

func expect(frames []device.Frame, info device.Info) expectation {
	e := expectation{level: make([]float64, info.Pixels)}
	column := make([]float64, len(frames))
	for p := range e.level {
		for i, f := range frames {
			column[i] = f.Counts[p]
		}
		slices.Sort(column)
		// The lower of the two in the middle: of two frames, one of which was hit by a ray, the other.
		e.level[p] = column[(len(column)-1)/2]
		if !slices.Contains(info.DarkPixels, p) {
			e.lit = append(e.lit, p)
		}
	}
	e.base = median(pick(e.level, e.lit))
	order := brightestFirst(e.level, e.lit)
	for _, p := range order[:min(brightPixels, len(order))] {
		if e.level[p] > e.base {
			e.bright = append(e.bright, p)
		}
	}
	return e
}

func brightestFirst(level []float64, pixels []int) []int {
	order := slices.Clone(pixels)
	slices.SortFunc(order, func(a, b int) int {
		if c := cmp.Compare(level[b], level[a]); c != 0 {
			return c
		}
		return a - b
	})
	return order
}

// excess is what counts has above what was expected of it, for the pixels that see light; 0 for others.
func (e expectation) excess(counts []float64) []float64 {
	base := median(pick(counts, e.lit))
	ratios := make([]float64, len(e.bright))
	for i, p := range e.bright {
		ratios[i] = (counts[p] - base) / (e.level[p] - e.base)
	}
	gain := 1.0
	if len(ratios) > 0 {
		gain = median(ratios)
	}
	rest := make([]float64, len(e.lit))
	for k, p := range e.lit {
		rest[k] = counts[p] - base - gain*(e.level[p]-e.base)
	}
	out := make([]float64, len(counts))
	for k, d := range slowly(rest) {
		out[e.lit[k]] = rest[k] - d
	}
	return out
}

// slowly follows v by the median of its surroundings, on straight lines between every driftStep points.
func slowly(v []float64) []float64 {
	out := make([]float64, len(v))
	var knots []float64
	for at := 0; at < len(v)+driftStep-1; at += driftStep {
		at := min(at, len(v)-1)
		knots = append(knots, median(v[max(at-driftWidth/2, 0):min(at+driftWidth/2+1, len(v))]))
	}
	for i := range v {
		k := i / driftStep
		next := min(k+1, len(knots)-1)
		start, end := k*driftStep, min(next*driftStep, len(v)-1)
		f := 0.0
		if end > start {
			f = float64(i-start) / float64(end-start)
		}
		out[i] = knots[k]*(1-f) + knots[next]*f
	}
	return out
}
