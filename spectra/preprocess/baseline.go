package preprocess

import (
	"fmt"
	"math"

	"fentrace/spectra"
)

// MaxLambda bounds the stiffness of a baseline: beyond it the equations lose more digits than data have.
const MaxLambda = 1e10

// ARPLS is a plan for asymmetrically reweighted penalised least squares baselines: the smooth z that minimises
// sum w (y-z)^2 + lambda sum (second difference of z)^2, where w falls to zero for points that stand out above
// the noise. S.-J. Baek, A. Park, Y.-J. Ahn, J. Choo, Analyst 140 (2015) 250.
//
// Each round solves (W + lambda D'D) z = W y, which has five diagonals, in O(n). A plan holds its scratch space
// and serves one goroutine.
type ARPLS struct {
	lambda, tol float64
	maxIter     int
	w           []float64
	diag        []float64 // of D'D
	off1, off2  []float64 // of D'D, off[i] couples i and i+1, i and i+2
	d, l1, l2   []float64 // LDL' factors: inverse pivots, first and second subdiagonal
}

// NewARPLS plans baselines of n points (3..spectra.MaxPoints). Lambda (above 0, at most MaxLambda) is the
// stiffness; 1e5 to 1e7 suits about 2000 points 1 cm-1 apart, and it grows with the fourth power of the points per
// cm-1. Tol (0..1) is the relative change of the weights at which rounds stop, 1e-3 by custom; maxIter (1..1000)
// bounds the rounds; recorded spectra mostly take 20 to 60. Errors: ErrTooFew, spectra.ErrTooLarge, ErrParameter.
func NewARPLS(n int, lambda, tol float64, maxIter int) (*ARPLS, error) {
	switch {
	case n < 3:
		return nil, fmt.Errorf("arpls: %w: %d, a baseline needs 3", ErrTooFew, n)
	case n > spectra.MaxPoints:
		return nil, fmt.Errorf("arpls: %w: %d, at most %d", spectra.ErrTooLarge, n, spectra.MaxPoints)
	case !(lambda > 0) || lambda > MaxLambda:
		return nil, fmt.Errorf("%w: arpls lambda %g: must be above 0, at most %g", ErrParameter, lambda, float64(MaxLambda))
	case !(tol > 0) || tol >= 1:
		return nil, fmt.Errorf("%w: arpls tol %g: must be between 0 and 1", ErrParameter, tol)
	case maxIter < 1 || maxIter > 1000:
		return nil, fmt.Errorf("%w: arpls max_iter %d: must be 1 to 1000", ErrParameter, maxIter)
	}
	buf := make([]float64, 7*n)
	next := func() []float64 { s := buf[:n:n]; buf = buf[n:]; return s }
	p := &ARPLS{
		lambda: lambda, tol: tol, maxIter: maxIter,
		w: next(), diag: next(), off1: next(), off2: next(), d: next(), l1: next(), l2: next(),
	}
	for i := range n - 2 { // add the outer product of (1, -2, 1) at i
		p.diag[i]++
		p.diag[i+1] += 4
		p.diag[i+2]++
		p.off1[i] -= 2
		p.off1[i+1] -= 2
		p.off2[i]++
	}
	return p, nil
}

// Fit writes the baseline of y to dst and returns the rounds taken. Both have n points; dst may not be y.
// Errors: spectra.ErrLength, spectra.ErrNotFinite, ErrOverlap, ErrSingular; ErrUnsettled when maxIter rounds did
// not reach tol, with the last baseline in dst. It allocates nothing.
func (p *ARPLS) Fit(dst, y []float64) (iterations int, err error) {
	if len(y) != len(p.w) || len(dst) != len(p.w) {
		return 0, fmt.Errorf("arpls: %w: planned for %d, %d to read, %d to write", spectra.ErrLength, len(p.w), len(y), len(dst))
	}
	if &dst[0] == &y[0] {
		return 0, fmt.Errorf("arpls: %w", ErrOverlap)
	}
	for i, v := range y {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return 0, fmt.Errorf("arpls: value %d: %w", i+1, spectra.ErrNotFinite)
		}
		p.w[i] = 1
	}
	for iterations = 1; iterations <= p.maxIter; iterations++ {
		if !p.solve(dst, y) {
			return iterations, fmt.Errorf("arpls: %w: lambda %g for %d points: use a smaller one", ErrSingular, p.lambda, len(y))
		}
		if p.reweigh(dst, y) < p.tol {
			return iterations, nil
		}
	}
	return p.maxIter, fmt.Errorf("arpls: %w in %d rounds", ErrUnsettled, p.maxIter)
}

// logistic falls from 1 to 0; beyond 40 either way float64 hardly knows better.
func logistic(x float64) float64 {
	switch {
	case x > 40:
		return 0
	case x < -40:
		return 1
	}
	return 1 / (1 + math.Exp(x))
}

// reweigh sets the weights from the residuals (Baek 2015, eq. 9) and returns their relative change, 0 when the
// fit is already exact.
func (p *ARPLS) reweigh(z, y []float64) float64 {
	count, mean := 0, 0.0
	for i := range y {
		if r := y[i] - z[i]; r < 0 {
			count++
			mean += (r - mean) / float64(count)
		}
	}
	if count < 2 {
		return 0
	}
	sq := 0.0
	for i := range y {
		if r := y[i] - z[i]; r < 0 {
			sq += (r - mean) * (r - mean)
		}
	}
	std := math.Sqrt(sq / float64(count-1))
	if std == 0 {
		return 0
	}
	change, size := 0.0, 0.0
	for i, old := range p.w {
		w := logistic(2 * ((y[i] - z[i]) - (2*std - mean)) / std)
		change += (w - old) * (w - old)
		size += old * old
		p.w[i] = w
	}
	return math.Sqrt(change / size)
}

// solve computes z from (W + lambda D'D) z = W y by LDL' factorisation of the five diagonals (G. H. Golub,
// C. F. Van Loan, Matrix Computations, section 4.3). It reports false when a pivot or the result is not usable.
func (p *ARPLS) solve(z, y []float64) bool {
	n, lambda := len(y), p.lambda
	d, l1, l2, w := p.d[:n], p.l1[:n], p.l2[:n], p.w[:n]
	diag, off1, off2 := p.diag[:n], p.off1[:n], p.off2[:n]
	z = z[:n]
	// One and two rows up: factors l1, l2, their products e1, e2 with the pivot, and the forward solution.
	var l1a, e1a, l2a, e2a, l2b, e2b, za, zb float64
	smallest := math.Inf(1)
	for i := range n {
		di := w[i] + lambda*diag[i] - l1a*e1a - l2b*e2b
		e1 := lambda*off1[i] - l1a*e2a
		e2 := lambda * off2[i]
		inv := 1 / di
		d[i], l1[i], l2[i] = inv, e1*inv, e2*inv
		z[i] = w[i]*y[i] - l1a*za - l2b*zb
		zb, za = za, z[i]
		l2b, e2b = l2a, e2a
		l1a, e1a, l2a, e2a = l1[i], e1, l2[i], e2
		smallest = min(smallest, di) // NaN stays NaN
	}
	if !(smallest > 0) {
		return false
	}
	var z1, z2 float64 // one and two rows down
	for i := n - 1; i >= 0; i-- {
		z[i] = z[i]*d[i] - l1[i]*z1 - l2[i]*z2
		z2, z1 = z1, z[i]
	}
	return !math.IsNaN(z1) && !math.IsInf(z1, 0)
}
