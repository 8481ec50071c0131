package preprocess

import (
	"fmt"

	"fentrace/spectra"
)

// MaxWindow is the widest Savitzky-Golay window, in points.
const MaxWindow = 501

// SavGol is a plan for Savitzky-Golay smoothing or differentiation on a uniform axis: the value, or a derivative,
// of the polynomial fitted by least squares to the window around each point. The first and last half windows are
// read off the polynomial of the outermost full window, so polynomials up to the order come out exactly
// everywhere, ends included.
//
// A. Savitzky, M. J. E. Golay, Anal. Chem. 36 (1964) 1627; ends and coefficients by Gram polynomials after
// P. A. Gorry, Anal. Chem. 62 (1990) 570. A plan is read-only after NewSavGol and safe for concurrent use.
type SavGol struct {
	half int
	// rows[half+t] weighs the window so that the sum is the fit at t, -half <= t <= half.
	rows [][]float64
}

// NewSavGol plans a window of an odd number of points (1..MaxWindow), a polynomial order below it, and a
// derivative (0 smooths) not above the order. Step is the spacing of the axis, above 0; the derivative is per its
// unit to the power of the derivative. Errors: ErrParameter.
func NewSavGol(window, order, derivative int, step float64) (*SavGol, error) {
	switch {
	case window < 1 || window > MaxWindow || window%2 == 0:
		return nil, fmt.Errorf("%w: savgol window %d: must be odd, 1 to %d", ErrParameter, window, MaxWindow)
	case order < 0 || order >= window:
		return nil, fmt.Errorf("%w: savgol order %d: must be 0 to window-1 = %d", ErrParameter, order, window-1)
	case derivative < 0 || derivative > order:
		return nil, fmt.Errorf("%w: savgol derivative %d: must be 0 to order = %d", ErrParameter, derivative, order)
	case !(step > 0) || step > 1e100:
		return nil, fmt.Errorf("%w: savgol step %g: must be above 0", ErrParameter, step)
	}
	p := &SavGol{half: window / 2, rows: make([][]float64, window)}
	unit := 1.0
	for range derivative {
		unit *= step
	}
	if unit == 0 {
		return nil, fmt.Errorf("%w: savgol step %g is too small for derivative %d", ErrParameter, step, derivative)
	}
	scale := gramScale(p.half, order)
	plain := make([][]float64, window) // polynomials at each point of the window
	for i := range plain {
		plain[i] = gram(p.half, order, 0, i-p.half)
	}
	for t := range p.rows {
		at := gram(p.half, order, derivative, t-p.half)
		row := make([]float64, window)
		for i := range row {
			for k, c := range scale {
				row[i] += c * plain[i][k] * at[k]
			}
			row[i] /= unit
		}
		p.rows[t] = row
	}
	return p, nil
}

// Apply writes the filtered src to dst. Both have the same length, at least the window, and must not share memory.
// Errors: spectra.ErrLength, ErrTooFew, ErrOverlap. It allocates nothing.
func (p *SavGol) Apply(dst, src []float64) error {
	window, n := len(p.rows), len(src)
	switch {
	case len(dst) != n:
		return fmt.Errorf("savgol: %w: %d to read, %d to write", spectra.ErrLength, n, len(dst))
	case n < window:
		return fmt.Errorf("savgol: %w: %d, the window needs %d", ErrTooFew, n, window)
	case &dst[0] == &src[0]:
		return fmt.Errorf("savgol: %w", ErrOverlap)
	}
	for t := range p.half {
		dst[t] = dot(p.rows[t], src[:window])
		dst[n-1-t] = dot(p.rows[window-1-t], src[n-window:])
	}
	mid := p.rows[p.half]
	for i := p.half; i < n-p.half; i++ {
		dst[i] = dot(mid, src[i-p.half:i+p.half+1])
	}
	return nil
}

func dot(a, b []float64) float64 {
	sum := 0.0
	b = b[:len(a)]
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

// gram returns the s-th derivative at t of the Gram polynomials of degree 0..order on -m..m (Gorry 1990, eq. 7).
func gram(m, order, s, t int) []float64 {
	// low[j][k] is the j-th derivative of degree k.
	low := make([][]float64, s+1)
	for j := range low {
		row := make([]float64, order+1)
		if j == 0 {
			row[0] = 1
		}
		for k := 1; k <= order; k++ {
			d := float64(k * (2*m - k + 1))
			v := float64(t) * row[k-1]
			if j > 0 {
				v += float64(j) * low[j-1][k-1]
			}
			row[k] = float64(4*k-2) / d * v
			if k > 1 {
				row[k] -= float64((k-1)*(2*m+k)) / d * row[k-2]
			}
		}
		low[j] = row
	}
	return low[s]
}

// gramScale returns (2k+1) (2m)^(k) / (2m+k+1)^(k+1) for k = 0..order, where a^(b) is the falling factorial.
func gramScale(m, order int) []float64 {
	scale := make([]float64, order+1)
	for k := range scale {
		v := float64(2*k+1) / float64(2*m+k+1)
		for j := range k {
			v *= float64(2*m-j) / float64(2*m+k-j)
		}
		scale[k] = v
	}
	return scale
}
