package mixture

import (
	"math"

	"gonum.org/v1/gonum/floats"
)

// CorrelationLength is up to how many points apart residuals are taken to depend on one another: about twice the
// window of the derivative, which correlates the noise of neighbours, and about the width of a line, over which a
// reference of another resolution leaves its residue.
const CorrelationLength = 24

// autocovariance of r for 0..CorrelationLength points apart, tapered after Parzen so that every variance computed from
// it is non-negative (Priestley, Spectral Analysis and Time Series, 1981, section 6.2.3).
func autocovariance(r []float64) []float64 {
	c := make([]float64, min(CorrelationLength+1, len(r)))
	for lag := range c {
		t := float64(lag) / (CorrelationLength + 1)
		taper := 1 - 6*t*t*(1-t)
		if t > 0.5 {
			taper = 2 * math.Pow(1-t, 3)
		}
		c[lag] = taper * floats.Dot(r[lag:], r[:len(r)-lag]) / float64(len(r))
	}
	return c
}

// independent is how many independent values carry as much as n values of autocovariance c do (Bayley and Hammersley
// 1946, for a variance).
func independent(c []float64, n int) float64 {
	if c[0] == 0 {
		return float64(n)
	}
	sum := 1.0
	for _, v := range c[1:] {
		sum += 2 * (v / c[0]) * (v / c[0])
	}
	return float64(n) / sum
}

// covariance of a'r and b'r when r has autocovariance c.
func covariance(c, a, b []float64) float64 {
	n := len(a)
	sum := c[0] * floats.Dot(a, b)
	if n > 0 && &a[0] == &b[0] {
		for lag := 1; lag < len(c); lag++ {
			sum += 2 * c[lag] * floats.Dot(a[lag:], a[:n-lag])
		}
		return sum
	}
	for lag := 1; lag < len(c); lag++ {
		sum += c[lag] * (floats.Dot(a[lag:], b[:n-lag]) + floats.Dot(b[lag:], a[:n-lag]))
	}
	return sum
}

// CountingSD is the standard deviation of the noise in filtered counts, point by point: shot noise of all light that was
// counted, lines and background, and read noise (counts), carried through a linear filter with the weights given
// (an odd number, such as the derivative of Savitzky and Golay; the ends repeat the outermost count). Gain is
// photoelectrons per count, above 0. Negative counts have read noise alone.
func CountingSD(counts []float64, gain, read float64, weights []float64) []float64 {
	half := len(weights) / 2
	sd := make([]float64, len(counts))
	for i := range sd {
		var v float64
		for k, w := range weights {
			at := min(max(i+k-half, 0), len(counts)-1)
			v += w * w * (math.Max(counts[at], 0)/gain + read*read)
		}
		sd[i] = math.Sqrt(v)
	}
	return sd
}

// Background returns n-point columns for what varies slowly along the axis, such as the slope of fluorescence: Legendre
// polynomials of degree 0 to degree, to be fitted with either sign (Problem.Free).
func Background(n, degree int) [][]float64 {
	columns := make([][]float64, degree+1)
	for d := range columns {
		columns[d] = make([]float64, n)
		for i := range n {
			x := 2*float64(i)/math.Max(float64(n-1), 1) - 1
			switch d {
			case 0:
				columns[d][i] = 1
			case 1:
				columns[d][i] = x
			default:
				k := float64(d)
				columns[d][i] = ((2*k-1)*x*columns[d-1][i] - (k-1)*columns[d-2][i]) / k
			}
		}
	}
	return columns
}
