package search

import (
	"math"

	"gonum.org/v1/gonum/floats"
)

// Broadened is v as an instrument of lower resolution would show it: convolved with a Gaussian of the given full width at
// half maximum, cm-1, which is how much the squares of both widths differ by, rooted. At the ends the Gaussian is cut off.
func (v Vector) Broadened(fwhm float64) Vector {
	if fwhm <= 0 {
		return v
	}
	sigma := fwhm / (2 * math.Sqrt(2*math.Ln2))
	half := int(math.Ceil(3 * sigma))
	kernel := make([]float64, 2*half+1)
	for i := range kernel {
		u := float64(i-half) / sigma
		kernel[i] = math.Exp(-u * u / 2)
	}
	d := make([]float64, len(v.Derivative))
	total := floats.Sum(kernel)
	for i := range d {
		if i >= half && i+half < len(d) {
			d[i] = floats.Dot(kernel, v.Derivative[i-half:i+half+1]) / total
			continue
		}
		var sum, weight float64
		for j := max(0, i-half); j <= min(len(d)-1, i+half); j++ {
			w := kernel[j-i+half]
			sum += w * v.Derivative[j]
			weight += w
		}
		d[i] = sum / weight
	}
	return newVector(v.Technique, v.Low, d)
}
