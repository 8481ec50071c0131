package acquire

import (
	"cmp"
	"math"
	"slices"
)

const (
	// topGroup is how many of the brightest pixels share an estimate of the noise; each further group is twice as large.
	topGroup = 8
	// leastVariance is that of rounding to whole counts, and keeps frames without any noise from being all outliers.
	leastVariance = 1
	// madToSigma turns the median absolute deviation of a normal distribution into its standard deviation.
	madToSigma = 1.4826
)

// noise is the variance of one count by its level, from repeats. Photon noise grows with the level and read-out noise
// does not (J. R. Janesick, Photon Transfer, SPIE 2007), so the variance never falls with the level; beyond the
// brightest pixels it grows in proportion.
type noise struct {
	level    []float64 // counts, ascending
	variance []float64 // counts², never descending
}

// measureNoise takes the level of each pixel, without rays, and the differences of pairs of frames, without what
// drifted. The estimate is the median over pixels of about the same level, which a few cosmic rays do not move.
func measureNoise(level []float64, differences [][]float64) noise {
	order := make([]int, len(level))
	for k := range order {
		order[k] = k
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(level[b], level[a]), a-b) }) // brightest first
	var n noise
	for size := topGroup; len(order) > 0; size *= 2 {
		if len(order) < 2*size {
			size = len(order)
		}
		group := order[:size]
		order = order[size:]
		off := make([]float64, 0, len(group)*len(differences))
		for _, k := range group {
			for _, d := range differences {
				off = append(off, math.Abs(d[k]))
			}
		}
		sigma := madToSigma * median(off)
		n.level = append(n.level, median(pick(level, group)))
		n.variance = append(n.variance, max(sigma*sigma/2, leastVariance)) // the difference of two has twice the variance
	}
	slices.Reverse(n.level)
	slices.Reverse(n.variance)
	for i := 1; i < len(n.variance); i++ {
		n.variance[i] = max(n.variance[i], n.variance[i-1])
	}
	return n
}

// at is the variance of one count at a level, in counts².
func (n noise) at(level float64) float64 {
	last := len(n.level) - 1
	if last < 0 {
		return leastVariance
	}
	i, found := slices.BinarySearch(n.level, level)
	switch {
	case found || i == 0:
		return n.variance[i]
	case i > last:
		if n.level[last] > 0 {
			return n.variance[last] * level / n.level[last]
		}
		return n.variance[last]
	}
	f := (level - n.level[i-1]) / (n.level[i] - n.level[i-1])
	return n.variance[i-1]*(1-f) + n.variance[i]*f
}

const (
	// signalReach is how many pixels to either side of a line make its surroundings.
	signalReach = 25
	// darkShare is by which part the noise of the dark frames may raise the variance at the strongest line.
	darkShare = 0.1
)

// quality is what repeats say about the signal.
type quality struct {
	snr float64 // height of the strongest line over the standard deviation of its mean
	// dark is how many dark frames keep their noise from mattering: it then raises the variance at that line by at most a
	// tenth. At least 2 (one cannot be told from a ray), never more than there are frames of the sample.
	dark int
}

// judge returns the quality of the mean of repeats less the mean of dark frames: darkMean is nil while none were
// taken, dark is their number, below 0 for as many as quality.dark says.
//
// The signal is the height at a pixel, as the median of three neighbours, above the median of the 51 pixels around
// it, at the strongest line above the laser's; the noise is the standard deviation of the mean there,
// sqrt(v(level)/n + v(dark level)/dark), with v the variance of one count among the repeats (see noise). Both are in
// counts, their ratio is without unit. Height of a band over its standard deviation in repeated measurements is the
// definition of R. L. McCreery, Raman Spectroscopy for Chemical Analysis, Wiley 2000, chapter 4. Saturated pixels are
// not judged. Where there is no line it is about 1 to 3: that of the highest of many noisy pixels.
func (s Scan) judge(light combined, darkMean []float64, dark int) quality {
	saturated := s.Saturated()
	var pixels []int
	for p, shift := range ramanShift(s.Info, s.Settings.LaserNM) {
		if !math.IsNaN(shift) {
			pixels = append(pixels, p)
		}
	}
	signal, lowest := pick(light.mean, pixels), math.Inf(1)
	for i, p := range pixels {
		lowest = min(lowest, signal[i])
		if darkMean != nil {
			signal[i] -= darkMean[p]
		}
	}
	q := quality{dark: light.n}
	vd := light.noise.at(lowest) // the lowest pixel counts little more than it does in the dark
	for i, p := range pixels {
		if saturated[p] {
			continue
		}
		height := median(signal[max(i-1, 0):min(i+2, len(signal))]) - median(signal[max(i-signalReach, 0):min(i+signalReach+1, len(signal))])
		v := light.noise.at(light.mean[p])
		wanted := min(max(int(math.Ceil(float64(light.n)*vd/v/darkShare)), 2), light.n)
		variance := v / float64(light.n)
		switch {
		case dark > 0:
			variance += vd / float64(dark)
		case dark < 0:
			variance += vd / float64(wanted)
		}
		if snr := height / math.Sqrt(variance); snr > q.snr && !math.IsInf(snr, 0) {
			q = quality{snr: snr, dark: wanted}
		}
	}
	return q
}
