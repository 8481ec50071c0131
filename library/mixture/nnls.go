package mixture

import (
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// NNLS returns the x >= 0 that minimises |A x - y|, given gram = A'A (k x k) and rhs = A'y (k): the active-set method of
// C. L. Lawson, R. J. Hanson, Solving Least Squares Problems (1974), chapter 23. A column that depends on those already
// in use stays at 0.
func NNLS(gram mat.Symmetric, rhs []float64) []float64 {
	k := len(rhs)
	// Columns are taken at unit length, so that a faint one is not mistaken for one that depends on others.
	norms, unit, along := make([]float64, k), mat.NewSymDense(k, nil), make([]float64, k)
	for i := range k {
		if norms[i] = math.Sqrt(gram.At(i, i)); norms[i] == 0 {
			norms[i] = 1
		}
		along[i] = rhs[i] / norms[i]
		for j := range i + 1 {
			unit.SetSym(i, j, gram.At(i, j)/norms[i]/norms[j])
		}
	}
	x := unitNNLS(unit, along)
	floats.Div(x, norms)
	return x
}

// unitNNLS is NNLS for columns of unit length.
func unitNNLS(gram mat.Symmetric, rhs []float64) []float64 {
	k := len(rhs)
	s := nonNegative{gram: gram, rhs: rhs, x: make([]float64, k), passive: make([]bool, k)}
	for i := range k {
		s.scale = math.Max(s.scale, math.Abs(rhs[i]))
	}
	barred := make([]bool, k) // columns that depend on the passive ones
	for range 10 * (k + 1) {
		j := s.steepest(barred)
		if j < 0 {
			break
		}
		s.passive[j] = true
		if !s.descend() || s.x[j] == 0 {
			s.passive[j], barred[j] = false, true
			s.descend()
			continue
		}
		clear(barred)
	}
	return s.x
}

type nonNegative struct {
	gram    mat.Symmetric
	rhs     []float64
	x       []float64
	passive []bool // free to be above 0
	scale   float64
}

// steepest is the column at 0 along which the error falls fastest, -1 when it falls along none.
func (s *nonNegative) steepest(barred []bool) int {
	best, at := 1e-12*s.scale, -1
	for i := range s.x {
		if s.passive[i] || barred[i] {
			continue
		}
		w := s.rhs[i]
		for j, x := range s.x {
			w -= s.gram.At(i, j) * x
		}
		if w > best {
			best, at = w, i
		}
	}
	return at
}

// descend goes from x towards the least squares solution over the passive columns, as far as every amount stays
// non-negative; those that reach 0 leave the passive set. It reports false when the columns depend on one another.
func (s *nonNegative) descend() bool {
	for {
		z, ok := s.unconstrained()
		if !ok {
			return false
		}
		step, blocked := 1.0, -1
		for i, p := range s.passive {
			if p && z[i] <= 0 {
				if t := s.x[i] / (s.x[i] - z[i]); t <= step || blocked < 0 {
					step, blocked = math.Min(t, step), i
				}
			}
		}
		if blocked < 0 {
			copy(s.x, z)
			return true
		}
		for i := range s.x {
			s.x[i] += step * (z[i] - s.x[i])
			if s.passive[i] && (i == blocked || s.x[i] <= 0) {
				s.passive[i], s.x[i] = false, 0
			}
		}
	}
}

// unconstrained solves for the passive columns alone; the others are 0.
func (s *nonNegative) unconstrained() ([]float64, bool) {
	z := make([]float64, len(s.x))
	var at []int
	for i, p := range s.passive {
		if p {
			at = append(at, i)
		}
	}
	if len(at) == 0 {
		return z, true
	}
	inverse, ok := invert(s.gram, at)
	if !ok {
		return nil, false
	}
	rhs := make([]float64, len(at))
	for i, a := range at {
		rhs[i] = s.rhs[a]
	}
	for i, a := range at {
		z[a] = floats.Dot(mat.Row(nil, i, inverse), rhs)
	}
	return z, true
}

// worstCondition of a Gram matrix whose columns still count as different.
const worstCondition = 1e10

// invert returns the inverse of the part of gram at the rows and columns named.
func invert(gram mat.Symmetric, at []int) (*mat.SymDense, bool) {
	part := mat.NewSymDense(len(at), nil)
	for i, a := range at {
		for j, b := range at[:i+1] {
			part.SetSym(i, j, gram.At(a, b))
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(part) || chol.Cond() > worstCondition {
		return nil, false
	}
	out := mat.NewSymDense(len(at), nil)
	return out, chol.InverseTo(out) == nil
}
