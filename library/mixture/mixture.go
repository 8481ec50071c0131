// Package mixture says which few references, added up, explain a scan, and how much of another one the scan could hide.
//
// It works on first derivatives on a common axis (search.Vector.Derivative), in which mixtures add. References are
// scaled to unit length, so a coefficient is a share of the signal, not of the mass: how strongly a substance
// scatters is not known here.
package mixture

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"
)

// ErrInput is wrapped by Fit for vectors that differ in length, are zero, or are alike.
var ErrInput = errors.New("cannot fit the references")

// IndependentPoints is how many neighbouring derivative values carry one independent value: the Savitzky-Golay window
// correlates that many. Degrees of freedom are counted in these.
const IndependentPoints = 11

// limitFactor times the standard error is the smallest amount told from nothing: 3.3 for 5 % false positives and 5 %
// false negatives (ICH Q2).
const limitFactor = 3.3

// Fit is a scan explained by non-negative amounts of references.
type Fit struct {
	Coefficients []float64 // share of the scan's derivative norm, one per reference
	SE           []float64 // standard errors of Coefficients
	Residual     []float64 // what is left of the scan, in its own units
	Unexplained  float64   // squared norm of the residual over that of the scan, 0..1
	freedom      float64
	scale        float64 // norm of the scan
	columns      [][]float64
	gramInverse  *mat.SymDense
}

// NewFit fits scan by least squares with the references given, all of the scan's length. It returns ErrInput when the
// references cannot be told apart. A negative coefficient is returned as it is: the caller asked for a reference that
// is not there.
func NewFit(scan []float64, refs [][]float64) (Fit, error) {
	f := Fit{Residual: make([]float64, len(scan)), scale: floats.Norm(scan, 2)}
	copy(f.Residual, scan)
	f.freedom = float64(len(scan))/IndependentPoints - float64(len(refs))
	if f.scale == 0 || f.freedom < 1 {
		return Fit{}, fmt.Errorf("%w: %d points without signal or for too many references (%d)", ErrInput, len(scan), len(refs))
	}
	if len(refs) == 0 {
		f.Unexplained = 1
		return f, nil
	}
	for i, r := range refs {
		n := floats.Norm(r, 2)
		if len(r) != len(scan) || n == 0 {
			return Fit{}, fmt.Errorf("%w: reference %d has %d points of %d, norm %g", ErrInput, i, len(r), len(scan), n)
		}
		column := make([]float64, len(r))
		floats.ScaleTo(column, 1/n, r)
		f.columns = append(f.columns, column)
	}
	return f.solve(scan)
}

// solve uses the normal equations: at most a handful of unit columns, checked for near-dependence.
func (f Fit) solve(scan []float64) (Fit, error) {
	k := len(f.columns)
	gram, rhs := mat.NewSymDense(k, nil), mat.NewVecDense(k, nil)
	for i, a := range f.columns {
		rhs.SetVec(i, floats.Dot(a, scan)/f.scale)
		for j := i; j < k; j++ {
			gram.SetSym(i, j, floats.Dot(a, f.columns[j]))
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(gram) || chol.Cond() > 1e4 {
		return Fit{}, fmt.Errorf("%w: references too alike to tell apart", ErrInput)
	}
	var c mat.VecDense
	if err := chol.SolveVecTo(&c, rhs); err != nil {
		return Fit{}, fmt.Errorf("%w: %w", ErrInput, err)
	}
	f.gramInverse = mat.NewSymDense(k, nil)
	if err := chol.InverseTo(f.gramInverse); err != nil {
		return Fit{}, fmt.Errorf("%w: %w", ErrInput, err)
	}
	for i := range k {
		f.Coefficients = append(f.Coefficients, c.AtVec(i))
		floats.AddScaled(f.Residual, -c.AtVec(i)*f.scale, f.columns[i])
	}
	f.Unexplained = math.Pow(floats.Norm(f.Residual, 2)/f.scale, 2)
	for i := range k {
		f.SE = append(f.SE, math.Sqrt(f.variance()*f.gramInverse.At(i, i)))
	}
	return f, nil
}

// variance is the residual variance per independent value, on the scale where the scan has norm 1.
func (f Fit) variance() float64 { return f.Unexplained / f.freedom }

// T is the coefficient of reference i over its standard error.
func (f Fit) T(i int) float64 {
	if f.SE[i] == 0 {
		return math.Inf(1)
	}
	return f.Coefficients[i] / f.SE[i]
}

// Fraction is the share of the explained signal that reference i makes up, with its 95 % interval, all in 0..1.
func (f Fit) Fraction(i int) (estimate, low, high float64) {
	total := floats.Sum(f.Coefficients)
	if total <= 0 {
		return 0, 0, 1
	}
	half := distuv.StudentsT{Nu: f.freedom, Sigma: 1}.Quantile(0.975) * f.SE[i] / total
	estimate = f.Coefficients[i] / total
	if len(f.Coefficients) == 1 {
		// The only component is all of what is explained; what can be something else is what is left over.
		return estimate, math.Max(0, 1-math.Sqrt(f.Unexplained)), 1
	}
	return estimate, math.Max(0, estimate-half), math.Min(1, estimate+half)
}

// Limit is the smallest share of the signal of a further reference that this scan would have shown: limitFactor
// standard errors of its coefficient if it were fitted too. A nil reference stands for one unlike everything fitted.
// The result is in 0..1; 1 when the reference cannot be told from what was fitted.
func (f Fit) Limit(ref []float64) (float64, error) {
	unlike := 1.0
	if ref != nil {
		n := floats.Norm(ref, 2)
		if len(ref) != len(f.Residual) || n == 0 {
			return 0, fmt.Errorf("%w: reference has %d points of %d, norm %g", ErrInput, len(ref), len(f.Residual), n)
		}
		unlike = 1 - f.explained(ref, n)
	}
	if unlike < 1e-3 {
		return 1, nil
	}
	c := limitFactor * math.Sqrt(f.variance()/unlike)
	return math.Min(1, c/(c+math.Max(floats.Sum(f.Coefficients), 0))), nil
}

// explained is the squared share of ref (of norm n) that lies in the space of the fitted references.
func (f Fit) explained(ref []float64, n float64) float64 {
	k := len(f.columns)
	if k == 0 {
		return 0
	}
	b := mat.NewVecDense(k, nil)
	for i, a := range f.columns {
		b.SetVec(i, floats.Dot(a, ref)/n)
	}
	return mat.Inner(b, f.gramInverse, b)
}
