package mixture

import (
	"fmt"
	"math"
	"slices"

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

// Further is the standard error that the coefficient of a further reference would have if it were fitted too, together
// with free columns of its own, on the scale of Coefficients; +Inf when the reference cannot be told from what is
// fitted already.
func (f Fit) Further(ref []float64, free ...[]float64) (float64, error) {
	n := floats.Norm(ref, 2)
	if len(ref) != len(f.Residual) || n == 0 {
		return 0, fmt.Errorf("%w: reference has %d points of %d, norm %g", ErrInput, len(ref), len(f.Residual), n)
	}
	with := f
	with.basis = slices.Clip(f.basis)
	for _, v := range free {
		if len(v) != len(ref) {
			return 0, fmt.Errorf("%w: free column has %d points of %d", ErrInput, len(v), len(ref))
		}
		with.addBasis(f.rest(f.weighted(v, 1)))
	}
	se, unlike := with.further(with.beside(f.weighted(ref, 1/n)))
	if unlike < leastUnlike {
		return math.Inf(1), nil
	}
	return se, nil
}

// leastUnlike is the share of a reference that has to be its own for it to be told from the others.
const leastUnlike = 1e-3

// Rest is what this fit would leave of v if v were added to the scan. It has the length of the scan.
func (f Fit) Rest(v []float64) []float64 {
	out := f.rest(f.weighted(v, 1))
	if f.sd != nil {
		floats.Mul(out, f.sd)
	}
	return out
}

// rest takes from a weighted vector, in place, what free columns and active references explain.
func (f Fit) rest(v []float64) []float64 {
	f.beside(v)
	if len(f.active) == 0 {
		return v
	}
	b := make([]float64, len(f.active))
	for i, a := range f.active {
		b[i] = floats.Dot(f.columns[a], v)
	}
	for i, a := range f.active {
		floats.AddScaled(v, -floats.Dot(mat.Row(nil, i, f.inverse), b), f.columns[a])
	}
	return v
}
