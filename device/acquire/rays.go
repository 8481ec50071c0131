package acquire

import (
	"cmp"
	"math"
	"slices"

	"fentrace/device"
	"fentrace/spectra/preprocess"
)

const (
	// rayReach is how many standard deviations of its noise a count must stand above what was expected.
	rayReach = 6
	// rayDrift allows for what changes between repeats besides the intensity: this part of a pixel in position,
	// rayShape of the height above the lowest pixel in shape, and more when the lines rose or fell: rayGain times by how much.
	rayDrift, rayShape, rayGain = 0.1, 0.01, 0.03
	// The mostFlanks steepest places tell by how much the lines rose or fell, those of at least flankNoise times the noise;
	// with fewer than leastFlanks they are taken to have stayed, beyond mostGain the frame is not judged.
	mostFlanks, leastFlanks, flankNoise, flankStep, mostGain = 128, 8, 15, 8, 2.5
	// sharpReach is how many pixels away from a ray its frame is as expected again.
	sharpReach = 3
	// besideFrames is how many frames tell what to expect of the one in their middle.
	besideFrames = 4
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

// combine returns the mean of the frames. With two frames or more, a count that stands above what the frames beside it
// let expect by more than 6 standard deviations of the noise at that level is a cosmic ray, and the expected value
// stands in for it. Expected is the median of up to four other frames, the nearest, so that slow changes matter little;
// of two or four the lower middle, so that one of them may have been hit too. It is scaled as the lines rose or fell and
// moved by what changed slowly along the detector. The noise is measured from the same frames, by the median of the
// differences of neighbours, as it depends on the level. Only counts that are too high are left out: a ray never lowers
// one; and only where the excess is as narrow as a ray, up to five pixels, which cannot be told at the three pixels of
// either end. Near pixels that are saturated in most frames nothing is left out: they cannot be compared.
//
// The bound is that of the upper-bound spectrum of D. Zhang, K. N. Jallad, D. Ben-Amotz, Appl. Spectrosc. 55 (2001)
// 1523: so many times the noise expected at the level of the spectrum. Median and median deviation in place of mean and
// standard deviation: B. Iglewicz, D. C. Hoaglin, How to Detect and Handle Outliers, 1993.
func combine(frames []device.Frame, info device.Info, reject bool) combined {
	c := combined{n: len(frames), mean: mean(frames, info.Pixels)}
	if len(frames) < 2 {
		return c
	}
	r := newRepeats(frames, info)
	c.noise = r.noise()
	if !reject {
		return c
	}
	for i := range frames {
		others := min(len(frames)-1, besideFrames)
		width := rayReach * math.Sqrt(1+math.Pi/2/float64(others)) // the variance of a median is pi/2 times that of a mean
		level := r.beside(i)
		lowest := slices.Min(level)
		clipped := r.clipped(level)
		excess, gain := r.excess(i, level)
		if gain < 1/mostGain || gain > mostGain {
			continue // another sample seems to have been there
		}
		shape := rayShape + rayGain*math.Abs(gain-1)
		for k, x := range excess {
			steep := math.Abs(level[min(k+1, len(level)-1)]-level[max(k-1, 0)]) / 2
			bound := width*math.Sqrt(c.noise.at(level[k])) + rayDrift*steep + shape*(level[k]-lowest)
			if x > bound && !clipped[k] && sharp(excess, k) {
				p := r.pixel[k]
				c.rays = append(c.rays, Ray{Frame: i, Pixel: p, Excess: x})
				c.mean[p] -= x / float64(len(frames))
			}
		}
	}
	return c
}

// repeats are frames of the same light, without the pixels that see none.
type repeats struct {
	full   float64
	pixel  []int       // on the detector, of each column
	counts [][]float64 // by frame
	flanks []int       // columns from which the signal changes most within flankStep
}

func newRepeats(frames []device.Frame, info device.Info) *repeats {
	r := &repeats{full: info.MaxCounts}
	for p := range info.Pixels {
		if !slices.Contains(info.DarkPixels, p) {
			r.pixel = append(r.pixel, p)
		}
	}
	for _, f := range frames {
		r.counts = append(r.counts, pick(f.Counts, r.pixel))
	}
	level := middle(r.counts[:min(len(r.counts), besideFrames+1)])
	clipped, least := r.clipped(level), flankNoise*preprocess.Noise(level)
	steep := func(k int) float64 { return math.Abs(level[k+flankStep] - level[k]) }
	for k := range len(level) - flankStep {
		if !clipped[k] && !clipped[k+flankStep] && steep(k) > least {
			r.flanks = append(r.flanks, k)
		}
	}
	slices.SortFunc(r.flanks, func(a, b int) int { return cmp.Or(cmp.Compare(steep(b), steep(a)), a-b) })
	r.flanks = r.flanks[:min(mostFlanks, len(r.flanks))]
	return r
}

// beside is the middle of up to besideFrames frames nearest to the i-th, without it.
func (r *repeats) beside(i int) []float64 {
	start := min(max(i-besideFrames/2, 0), max(len(r.counts)-besideFrames-1, 0))
	var near [][]float64
	for j := start; j < len(r.counts) && len(near) < besideFrames; j++ {
		if j != i {
			near = append(near, r.counts[j])
		}
	}
	return middle(near)
}

// middle is the median of each column, of an even number the lower of the two in the middle: one of them may have been
// hit by a ray.
func middle(frames [][]float64) []float64 {
	out, column := make([]float64, len(frames[0])), make([]float64, len(frames))
	for k := range out {
		for j, counts := range frames {
			column[j] = counts[k]
		}
		slices.Sort(column)
		out[k] = column[(len(column)-1)/2]
	}
	return out
}

// clipped tells for each column whether it is near one that is saturated in level.
func (r *repeats) clipped(level []float64) []bool {
	out := make([]bool, len(level))
	for k, v := range level {
		if v >= r.full {
			for n := max(k-driftWidth, 0); n < min(k+driftWidth+1, len(out)); n++ {
				out[n] = true
			}
		}
	}
	return out
}

// excess is what the i-th frame has above what level, times gain, lets expect.
func (r *repeats) excess(i int, level []float64) (excess []float64, gain float64) {
	gain = r.gain(r.counts[i], level)
	excess = make([]float64, len(level))
	for k := range excess {
		excess[k] = r.counts[i][k] - gain*level[k]
	}
	// What is left changes slowly along the detector, but for noise and rays.
	for k, v := range slowly(excess) {
		excess[k] -= v
	}
	return excess, gain
}

// gain is how many times as high as in b the lines are in a: of the differences of pixels 8 apart, in which a slow
// background hardly counts, the line through zero with the least sum of absolute deviations, on which a ray has little hold. It is 1
// where there are hardly any lines.
func (r *repeats) gain(a, b []float64) float64 {
	type point struct{ ratio, weight float64 }
	points := make([]point, 0, len(r.flanks))
	half := 0.0
	for _, k := range r.flanks {
		if rise := b[k+flankStep] - b[k]; rise != 0 {
			p := point{(a[k+flankStep] - a[k]) / rise, math.Abs(rise)}
			p.weight *= min(math.Abs(p.ratio), 1) // the smaller of the two: a ray may have hit either frame
			points = append(points, p)
			half += p.weight / 2
		}
	}
	if len(points) < leastFlanks {
		return 1
	}
	slices.SortFunc(points, func(a, b point) int { return cmp.Compare(a.ratio, b.ratio) })
	for _, p := range points {
		if half -= p.weight; half <= 0 {
			return p.ratio
		}
	}
	return 1
}

// noise compares each frame with the next.
func (r *repeats) noise() noise {
	level := r.beside(len(r.counts) / 2)
	differences := make([][]float64, len(r.counts)-1)
	for i := range differences {
		differences[i], _ = r.excess(i+1, r.counts[i])
	}
	return measureNoise(level, differences)
}

// slowly follows v by the median of its surroundings, on straight lines between every driftStep points; the surroundings
// are the same to either side, and the ends lie on the next lines.
func slowly(v []float64) []float64 {
	if len(v) < 4*driftStep {
		m := median(v)
		return slices.Repeat([]float64{m}, len(v))
	}
	n := (len(v) - 1) / driftStep // knots, the ends not among them
	knots := make([]float64, n)
	scratch := make([]float64, 0, driftWidth+1)
	for k := range knots {
		at := (k + 1) * driftStep
		reach := max(min(driftWidth/2, at, len(v)-1-at), driftStep/2)
		scratch = append(scratch[:0], v[max(at-reach, 0):min(at+reach+1, len(v))]...)
		slices.Sort(scratch)
		knots[k] = scratch[(len(scratch)-1)/2]
	}
	out := make([]float64, len(v))
	for i := range out {
		k := min(max(i/driftStep-1, 0), n-2)
		f := float64(i-(k+1)*driftStep) / driftStep
		out[i] = knots[k]*(1-f) + knots[k+1]*f
	}
	return out
}

// sharp tells whether an excess stands above what is around it as a ray does, which hits up to five neighbouring pixels:
// a band that changed is as wide as every band. Too near an end of the detector nobody can tell.
func sharp(excess []float64, k int) bool {
	if k < sharpReach || k >= len(excess)-sharpReach {
		return false
	}
	return max(excess[k-sharpReach], excess[k+sharpReach]) <= excess[k]/2
}
