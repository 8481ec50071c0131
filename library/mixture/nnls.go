package mixture

import (
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// NNLS returns the x >= 0 that minimises |A x - y|, given gram = A'A (k x k) and rhs = A'y (k); see Solver. A column that
// depends on those already in use stays at 0.
func NNLS(gram mat.Symmetric, rhs []float64) []float64 {
	k := len(rhs)
	x, along := make([]float64, k), make([]float64, k)
	// Columns are taken at unit length, so that a faint one is not mistaken for one that depends on others.
	norms, unit, all := make([]float64, k), make([]float64, k*k), make([]bool, k)
	for i := range k {
		norms[i] = math.Sqrt(gram.At(i, i))
		if norms[i] == 0 {
			continue // nothing can be had of it
		}
		along[i], all[i] = rhs[i]/norms[i], true
		for j := range i + 1 {
			if norms[j] > 0 {
				v := gram.At(i, j) / norms[i] / norms[j]
				unit[i*k+j], unit[j*k+i] = v, v
			}
		}
	}
	scale := floats.Norm(along, math.Inf(1))
	if scale == 0 {
		return x
	}
	for i := range along {
		along[i] /= scale // the inverse of the smallest numbers is infinite
	}
	s := NewSolver(unit, k, Effort{Gain: 1e-12, Most: k})
	s.Solve(along, all)
	for i, j := range s.Passive {
		x[j] = s.Amounts[i] * scale / norms[j]
	}
	return x
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
