// Package mixture says which few references, added up, explain a scan, each with its test, and how much of another one
// the scan could hide.
//
// It works on values in which mixtures add, such as first derivatives on a common axis (search.Vector.Derivative).
// References are scaled to unit length, so a coefficient is a share of the signal, not of the mass: how strongly a
// substance scatters is not known here unless it was learned (LearnResponses).
//
// What a fit leaves over is noise, whose neighbours depend on one another through the derivative's window, and the
// difference between the instrument of the reference and that of the scan, which looks like lines. Both are measured
// from the residual itself, by its autocovariance, and go into every standard error.
package mixture

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"
)

// ErrInput is wrapped for vectors that differ in length, are zero, or are alike.
var ErrInput = errors.New("cannot fit the references")

// mostAlike is the condition of the Gram matrix above which references cannot be told apart.
const mostAlike = 1e4

// Problem is a scan to be explained. All vectors have the length of Scan.
type Problem struct {
	Scan       []float64
	References [][]float64 // amounts of these are sought, never below 0
	// Free are columns of either sign that are no part of the sample, such as Background.
	Free [][]float64
	// SD is the standard deviation of the noise of every point, above 0, in any unit: only its course matters, the size
	// is taken from the residual. nil: the same everywhere.
	SD []float64
}

// Fit is a scan explained by non-negative amounts of references.
type Fit struct {
	Coefficients []float64 // share of the scan's norm, one per reference, 0 or more
	SE           []float64 // standard errors of Coefficients; for one at 0, that which it would have
	Residual     []float64 // what references and free columns leave of the scan, in its own units
	Unexplained  float64   // squared norm of the residual over that of the scan, both over SD and without Free, 0..1
	Independent  float64   // independent values in the residual, at least 1

	norms      []float64   // of the references as given
	scale      float64     // norm of the scan
	sd         []float64   // nil when the same everywhere
	basis      [][]float64 // orthonormal, of the weighted free columns
	columns    [][]float64 // weighted unit references, without their part in basis
	active     []int       // references above 0
	covariance *mat.SymDense
	inverse    *mat.SymDense // of the Gram matrix of the active columns
	noise      []float64     // autocovariance of the weighted residual on the scale where the scan has norm 1
	course     []float64     // weighted scan without its part in basis, the same scale
}

// Solve fits p by weighted least squares with amounts that are not negative. It returns ErrInput when the references
// cannot be told apart or the vectors do not go together.
func Solve(p Problem) (Fit, error) {
	f := Fit{scale: floats.Norm(p.Scan, 2), sd: p.SD}
	if f.scale == 0 || len(p.Scan) <= CorrelationLength {
		return Fit{}, fmt.Errorf("%w: %d points without signal or too few (more than %d are needed)", ErrInput, len(p.Scan), CorrelationLength)
	}
	for name, vs := range map[string][][]float64{"reference": p.References, "free column": p.Free} {
		for i, v := range vs {
			if n := floats.Norm(v, 2); len(v) != len(p.Scan) || n == 0 || math.IsNaN(n) {
				return Fit{}, fmt.Errorf("%w: %s %d has %d points of %d, norm %g", ErrInput, name, i, len(v), len(p.Scan), n)
			}
		}
	}
	if p.SD != nil && (len(p.SD) != len(p.Scan) || !(floats.Min(p.SD) > 0)) {
		return Fit{}, fmt.Errorf("%w: noise of %d points of %d, all must be above 0", ErrInput, len(p.SD), len(p.Scan))
	}
	for _, v := range p.Free {
		f.addBasis(f.weighted(v, 1))
	}
	for _, v := range p.References {
		n := floats.Norm(v, 2)
		f.norms = append(f.norms, n)
		f.columns = append(f.columns, f.beside(f.weighted(v, 1/n)))
	}
	f.course = f.beside(f.weighted(p.Scan, 1/f.scale))
	return f.solve(p)
}

// NewFit is Solve with the references alone.
func NewFit(scan []float64, refs [][]float64) (Fit, error) {
	return Solve(Problem{Scan: scan, References: refs})
}

// weighted is v times factor over the noise.
func (f *Fit) weighted(v []float64, factor float64) []float64 {
	out := make([]float64, len(v))
	floats.ScaleTo(out, factor, v)
	if f.sd != nil {
		floats.Div(out, f.sd)
	}
	return out
}

// addBasis adds the direction of v that is new, unless there is none.
func (f *Fit) addBasis(v []float64) {
	before := floats.Norm(v, 2)
	v = f.beside(v)
	if n := floats.Norm(v, 2); n > 1e-8*before {
		floats.Scale(1/n, v)
		f.basis = append(f.basis, v)
	}
}

// beside takes from v, in place, what the free columns explain.
func (f *Fit) beside(v []float64) []float64 {
	for _, b := range f.basis {
		floats.AddScaled(v, -floats.Dot(b, v), b)
	}
	return v
}

func (f Fit) solve(p Problem) (Fit, error) {
	k := len(f.columns)
	rest := append([]float64(nil), f.course...)
	f.Coefficients, f.SE = []float64{}, make([]float64, k)
	if k > 0 {
		gram, rhs := mat.NewSymDense(k, nil), make([]float64, k)
		all := make([]int, k)
		for i, a := range f.columns {
			all[i], rhs[i] = i, floats.Dot(a, f.course)
			for j := range i + 1 {
				gram.SetSym(i, j, floats.Dot(a, f.columns[j]))
			}
		}
		var chol mat.Cholesky
		if !chol.Factorize(correlations(gram)) || chol.Cond() > mostAlike {
			return Fit{}, fmt.Errorf("%w: references too alike to tell apart", ErrInput)
		}
		f.Coefficients = NNLS(gram, rhs)
		for i, c := range f.Coefficients {
			if c > 0 {
				f.active = append(f.active, i)
				floats.AddScaled(rest, -c, f.columns[i])
			}
		}
		if len(f.active) > 0 {
			f.inverse, _ = invert(gram, f.active) // of a well-conditioned matrix
		}
	}
	f.Residual = append([]float64(nil), rest...)
	if f.sd != nil {
		floats.Mul(f.Residual, f.sd)
	}
	floats.Scale(f.scale, f.Residual)
	if whole := floats.Dot(f.course, f.course); whole > 0 {
		f.Unexplained = floats.Dot(rest, rest) / whole
	}
	f.noise = autocovariance(rest)
	f.Independent = math.Max(independent(f.noise, len(rest)), 1)
	// Every fitted column takes its share of the noise out of the residual.
	floats.Scale(f.Independent/math.Max(f.Freedom(), 1), f.noise)
	f.errors()
	return f, nil
}

// correlations is a Gram matrix of columns scaled to length 1.
func correlations(gram *mat.SymDense) *mat.SymDense {
	k := gram.SymmetricDim()
	out := mat.NewSymDense(k, nil)
	for i := range k {
		for j := range i + 1 {
			out.SetSym(i, j, gram.At(i, j)/math.Sqrt(gram.At(i, i)*gram.At(j, j)))
		}
	}
	return out
}

// Freedom is the number of independent values left when every column has taken one.
func (f Fit) Freedom() float64 { return f.Independent - float64(len(f.active)+len(f.basis)) }

// errors fills the covariance of the active coefficients: G^-1 A'CA G^-1 with C the covariance of the residual.
func (f *Fit) errors() {
	k := len(f.active)
	if k > 0 {
		middle := mat.NewSymDense(k, nil)
		for i, a := range f.active {
			for j, b := range f.active[:i+1] {
				middle.SetSym(i, j, covariance(f.noise, f.columns[a], f.columns[b]))
			}
		}
		var half, full mat.Dense
		half.Mul(f.inverse, middle)
		full.Mul(&half, f.inverse)
		f.covariance = mat.NewSymDense(k, nil)
		for i := range k {
			for j := range i + 1 {
				f.covariance.SetSym(i, j, (full.At(i, j)+full.At(j, i))/2)
			}
			f.SE[f.active[i]] = math.Sqrt(math.Max(full.At(i, i), 0))
		}
	}
	for i, c := range f.Coefficients {
		if c == 0 {
			f.SE[i], _ = f.further(f.columns[i])
		}
	}
}

// further is the standard error that the coefficient of a weighted column beside the active ones would have, and the
// share 0..1 of the column that is unlike them.
func (f Fit) further(column []float64) (se, unlike float64) {
	z := f.rest(append([]float64(nil), column...))
	whole, own := floats.Dot(column, column), floats.Dot(z, z)
	if own <= 1e-12*whole {
		return math.Inf(1), 0
	}
	return math.Sqrt(math.Max(covariance(f.noise, z, z), 0)) / own, own / whole
}

// T is the coefficient of reference i over its standard error.
func (f Fit) T(i int) float64 {
	switch {
	case f.Coefficients[i] == 0:
		return 0
	case f.SE[i] == 0:
		return math.Inf(1)
	}
	return f.Coefficients[i] / f.SE[i]
}

// P is the probability that a reference that is not in the sample reaches T(i): Student's one-sided test.
func (f Fit) P(i int) float64 {
	return distuv.StudentsT{Sigma: 1, Nu: math.Max(f.Freedom(), 1)}.Survival(f.T(i))
}

// Amount is how many times reference i, as it was given, is in the scan, with its standard error.
func (f Fit) Amount(i int) (amount, se float64) {
	unit := f.scale / f.norms[i]
	return f.Coefficients[i] * unit, f.SE[i] * unit
}
