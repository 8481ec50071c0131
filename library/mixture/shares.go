package mixture

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Fraction is the share that reference i makes up of the signal explained by all references, with its 95 % interval,
// all in 0..1.
func (f Fit) Fraction(i int) (estimate, low, high float64) {
	all := make([]int, len(f.Coefficients))
	for j := range all {
		all[j] = j
	}
	return f.FractionOf(i, all)
}

// FractionOf is Fraction with only the references named counted as the sample, i among them.
func (f Fit) FractionOf(i int, sample []int) (estimate, low, high float64) {
	var total float64
	counted := make([]bool, len(f.Coefficients))
	for _, j := range sample {
		total += f.Coefficients[j]
		counted[j] = true
	}
	if total <= 0 {
		return 0, 0, 1
	}
	estimate = f.Coefficients[i] / total
	if len(sample) == 1 {
		// The only component is all of the sample that is explained; what can be something else is what is left over.
		return estimate, math.Max(0, 1-math.Sqrt(f.Unexplained)), 1
	}
	half := distuv.StudentsT{Nu: math.Max(f.Freedom(), 1), Sigma: 1}.Quantile(0.975)
	if f.Coefficients[i] == 0 {
		return 0, 0, math.Min(1, half*f.SE[i]/total)
	}
	// d(c_i/total)/dc_j = ((i==j) - c_i/total) / total
	gradient := mat.NewVecDense(len(f.active), nil)
	for at, j := range f.active {
		if !counted[j] {
			continue
		}
		g := -estimate
		if j == i {
			g++
		}
		gradient.SetVec(at, g/total)
	}
	half *= math.Sqrt(math.Max(mat.Inner(gradient, f.covariance, gradient), 0))
	return estimate, math.Max(0, estimate-half), math.Min(1, estimate+half)
}

// Limit is the smallest share of the signal of a further reference that this scan would have shown: limitFactor
// standard errors of its coefficient if it were fitted too. A nil reference stands for one with lines as wide as those
// of the scan, but elsewhere. The result is in 0..1; 1 when the reference cannot be told from what was fitted.
func (f Fit) Limit(ref []float64) (float64, error) {
	var se, unlike float64
	if ref == nil {
		own := floats.Dot(f.course, f.course)
		se, unlike = math.Sqrt(math.Max(covariance(f.noise, f.course, f.course), 0)/own), 1
	} else {
		n := floats.Norm(ref, 2)
		if len(ref) != len(f.Residual) || n == 0 {
			return 0, fmt.Errorf("%w: reference has %d points of %d, norm %g", ErrInput, len(ref), len(f.Residual), n)
		}
		se, unlike = f.further(f.beside(f.weighted(ref, 1/n)))
	}
	if unlike < 1e-3 {
		return 1, nil
	}
	c := limitFactor * se
	return math.Min(1, c/(c+floats.Sum(f.Coefficients))), nil
}
