package preprocess

import (
	"fmt"
	"math"
	"slices"

	"fentrace/spectra"
)

const (
	spikeWidth  = 2    // most detector elements one cosmic ray lights
	spikeShare  = 0.75 // of a spike's height stands above the elements beside it
	spikeRounds = 10   // a ray next to a ray needs a second look
	spikeNear   = 16   // differences to either side that say how rough the spectrum is there
)

// Despike writes y to dst without its cosmic rays and returns the indices it replaced, ascending.
//
// A ray is a rise and a fall whose modified z-score, among the differences of neighbours, is beyond threshold (8
// is usual, above 0); its points become the mean of the other points within m (1..100, usually 3) to either side,
// and this is repeated until nothing is found. D. A. Whitaker, K. Hayes, Chemom. Intell. Lab. Syst. 179 (2018) 82.
//
// Two conditions are added to the paper, because strong real bands have steep flanks and more shot noise than the
// rest. Rise and fall must be beyond threshold on the scale of the 16 differences to either side too. And at most
// 2 points go at a time, three quarters of whose height must stand above the points beside them: a band that the
// instrument resolves, 2.5 points wide at half height or more, never does, and a ray spread over 3 points is left
// in. The first and last point are never judged. Use it on detector elements, not on interpolated data, where a
// ray has become as wide as a band.
//
// dst may be y. Errors: ErrTooFew below 3 points, ErrParameter, spectra.ErrLength, spectra.ErrNotFinite.
func Despike(dst, y []float64, threshold float64, m int) ([]int, error) {
	switch {
	case len(dst) != len(y):
		return nil, fmt.Errorf("despike: %w: %d to read, %d to write", spectra.ErrLength, len(y), len(dst))
	case len(y) < 3:
		return nil, fmt.Errorf("despike: %w: %d, it needs 3", ErrTooFew, len(y))
	case !(threshold > 0) || math.IsInf(threshold, 0):
		return nil, fmt.Errorf("%w: despike threshold %g: must be above 0", ErrParameter, threshold)
	case m < 1 || m > 100:
		return nil, fmt.Errorf("%w: despike m %d: must be 1 to 100", ErrParameter, m)
	}
	for i, v := range y {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("despike: value %d: %w", i+1, spectra.ErrNotFinite)
		}
	}
	copy(dst, y)
	z, scratch := make([]float64, len(y)-1), make([]float64, len(y)-1)
	spike := make([]bool, len(y))
	var replaced []int
	for range spikeRounds {
		modifiedZ(z, scratch, dst)
		found := markSpikes(spike, dst, z, threshold, m)
		if len(found) == 0 {
			break
		}
		for _, i := range found {
			if v, ok := meanOfOthers(dst, spike, i, m); ok {
				dst[i] = v
				replaced = append(replaced, i)
			}
		}
		clear(spike)
	}
	slices.Sort(replaced)
	return slices.Compact(replaced), nil
}

// modifiedZ writes the modified z-score (B. Iglewicz, D. C. Hoaglin, How to Detect and Handle Outliers, 1993) of
// the differences of y to z; the mean deviation stands in where half of the differences are equal.
func modifiedZ(z, scratch, y []float64) {
	for i := range z {
		z[i] = y[i+1] - y[i]
	}
	copy(scratch, z)
	mid := median(scratch)
	mean := 0.0
	for i, d := range z {
		scratch[i] = math.Abs(d - mid)
		mean += scratch[i] / float64(len(z))
	}
	scale := median(scratch) / 0.6745
	if scale == 0 {
		scale = 1.2533 * mean
	}
	for i, d := range z {
		if scale > 0 {
			z[i] = (d - mid) / scale
		} else {
			z[i] = 0
		}
	}
}

// markSpikes sets spike for every point of a ray and returns their indices.
func markSpikes(spike []bool, y, z []float64, threshold float64, m int) (found []int) {
	for a := 1; a < len(y)-1; a++ {
		if z[a-1] <= threshold {
			continue
		}
		limit := threshold * max(1, roughness(z, a))
		for b := a; b < a+spikeWidth && b < len(y)-1; b++ {
			if z[a-1] <= limit || z[b] >= -limit || !sharp(y, a, b, m) {
				continue
			}
			for i := a; i <= b; i++ {
				spike[i] = true
				found = append(found, i)
			}
			a = b
			break
		}
	}
	return found
}

// roughness is the spread of the differences z around i, 1 where it is that of the whole spectrum. It is taken
// from their own differences, to which the flanks of a resolved band add little.
func roughness(z []float64, i int) float64 {
	var change [2 * spikeNear]float64
	near := z[max(0, i-spikeNear):min(len(z), i+spikeNear)]
	for k := 1; k < len(near); k++ {
		change[k-1] = math.Abs(near[k] - near[k-1])
	}
	return median(change[:len(near)-1]) / 0.6745 / math.Sqrt(3)
}

// sharp tells whether y[a:b+1] stands above the points beside it by most of what it stands above its surroundings.
func sharp(y []float64, a, b, m int) bool {
	top := slices.Max(y[a : b+1])
	left, right := y[a-1], y[b+1]
	near := top - (left+right)/2
	if top <= max(left, right) {
		return false
	}
	for i := max(0, a-1-m); i < a-1; i++ {
		left = min(left, y[i])
	}
	for i := b + 2; i < min(len(y), b+2+m); i++ {
		right = min(right, y[i])
	}
	return near >= spikeShare*(top-(left+right)/2)
}

// meanOfOthers is the mean of the points within m of i that are no spikes; false when there are none.
func meanOfOthers(y []float64, spike []bool, i, m int) (float64, bool) {
	mean, n := 0.0, 0
	for j := max(0, i-m); j <= min(len(y)-1, i+m); j++ {
		if !spike[j] {
			n++
			mean += (y[j] - mean) / float64(n)
		}
	}
	return mean, n > 0
}

// Noise is the standard deviation of the point-to-point noise of y: the median absolute second difference, scaled
// to a normal distribution. Bands and background hardly count because their second differences are small or few.
// It is 0 for fewer than 3 points, and too low for data that were smoothed or interpolated, whose neighbours share
// their noise. It takes one scratch copy of y.
func Noise(y []float64) float64 {
	if len(y) < 3 {
		return 0
	}
	d := make([]float64, len(y)-2)
	for i := range d {
		d[i] = math.Abs(y[i] - 2*y[i+1] + y[i+2])
	}
	return median(d) / 0.6745 / math.Sqrt(6)
}

// median sorts v, which must not be empty.
func median(v []float64) float64 {
	slices.Sort(v)
	n := len(v)
	return v[(n-1)/2]/2 + v[n/2]/2
}
