package mixture

import (
	"math"

	"gonum.org/v1/gonum/floats"
)

// Solver finds the non-negative amounts of unit columns that leave least of a vector, given the scalar products among
// the columns and with the vector: the active-set method of C. L. Lawson, R. J. Hanson, Solving Least Squares Problems
// (1974), chapter 23, on the normal equations (R. Bro, S. de Jong, J. Chemom. 11 (1997) 393). It may start from a nearby
// solution, which saves most of the work. It owns its buffers and serves one goroutine.
type Solver struct {
	// Passive are the columns with an amount, in the order in which they came in, Amounts theirs: the last solution.
	Passive []int
	Amounts []float64

	n      int
	gram   []float64
	effort Effort
	factor []float64 // lower Cholesky factor of the passive part of gram, rows effort.Most apart
	trial  []float64
	slope  []float64 // of the fit with respect to every amount
	in     []bool
	barred []bool // columns that depend on the passive ones
}

// Effort says how far a Solver goes.
type Effort struct {
	// Ridge is added to the diagonal of the Gram matrix: columns that are nearly alike have amounts that are decided by
	// noise without it. 0 or more.
	Ridge float64
	// Gain ends the search: what is left has a smaller scalar product than this with any further column. 0 or more.
	Gain float64
	// Most bounds the columns of one solution, at least 1.
	Most int
}

// leastUnique is the squared part of a unit column that must be unlike those in use, without a ridge.
const leastUnique = 1e-12

// NewSolver takes the Gram matrix of n unit columns, row by row, and keeps it.
func NewSolver(gram []float64, n int, effort Effort) *Solver {
	effort.Most = min(n, effort.Most)
	most := effort.Most
	return &Solver{
		n: n, gram: gram, effort: effort, factor: make([]float64, most*most), trial: make([]float64, most), slope: make([]float64, n),
		in: make([]bool, n), barred: make([]bool, n), Passive: make([]int, 0, most), Amounts: make([]float64, 0, most),
	}
}

// Begin makes those of the columns with these amounts that are allowed the start of the next solution. The slices may be
// those of s itself.
func (s *Solver) Begin(passive []int, amounts []float64, allowed []bool) {
	clear(s.in)
	s.Passive, s.Amounts = append(s.Passive[:0], passive...), append(s.Amounts[:0], amounts...)
	kept := 0
	for k, j := range s.Passive {
		if allowed[j] {
			s.Passive[kept], s.Amounts[kept], s.in[j] = j, s.Amounts[k], true
			kept++
		}
	}
	s.Passive, s.Amounts = s.Passive[:kept], s.Amounts[:kept]
	for k := range s.Passive {
		s.extend(k)
	}
}

// Solve leaves the columns used and their amounts in Passive and Amounts, and returns how much less than 1 the squared
// norm of what is left of a unit vector is: 1 - x'(b + slope), at least 0. b has the n scalar products with the vector;
// only columns that are allowed take part. It starts from what Begin was given, or from the last solution.
func (s *Solver) Solve(b []float64, allowed []bool) float64 {
	clear(s.barred)
	s.solvePassive(b)
	s.settle(b)
	s.slopes(b)
	for range 3 * s.n {
		best := -1
		for j, ok := range allowed {
			if ok && !s.in[j] && !s.barred[j] && s.slope[j] > s.effort.Gain && (best < 0 || s.slope[j] > s.slope[best]) {
				best = j
			}
		}
		if best < 0 || len(s.Passive) == s.effort.Most {
			break
		}
		if !s.enter(best, b) {
			s.barred[best] = true
			continue
		}
		clear(s.barred)
		s.slopes(b)
	}
	left := 1.0
	for k, j := range s.Passive {
		left -= s.Amounts[k] * (b[j] + s.slope[j])
	}
	return math.Max(left, 0)
}

// enter gives column j an amount and takes out those whose amounts would become negative. It reports false, with
// nothing changed, when j itself would.
func (s *Solver) enter(j int, b []float64) bool {
	s.Passive, s.Amounts = append(s.Passive, j), append(s.Amounts, 0)
	last := len(s.Passive) - 1
	if !s.extend(last) || s.solvePassive(b)[last] <= 0 {
		s.Passive, s.Amounts = s.Passive[:last], s.Amounts[:last]
		return false
	}
	s.in[j] = true
	s.settle(b)
	return true
}

// settle moves the amounts towards trial, the best ones, and takes out what would become negative on the way.
func (s *Solver) settle(b []float64) {
	for {
		step := 1.0
		for k, z := range s.trial[:len(s.Passive)] {
			if z <= 0 {
				step = math.Min(step, s.Amounts[k]/(s.Amounts[k]-z))
			}
		}
		for k, z := range s.trial[:len(s.Passive)] {
			s.Amounts[k] += step * (z - s.Amounts[k])
		}
		if step == 1 {
			return
		}
		s.drop()
		s.solvePassive(b)
	}
}

// drop takes out what has no amount left and refactors the rest.
func (s *Solver) drop() {
	kept := 0
	for k, j := range s.Passive {
		if s.Amounts[k] > 1e-12 {
			s.Passive[kept], s.Amounts[kept] = j, s.Amounts[k]
			kept++
		} else {
			s.in[j] = false
		}
	}
	s.Passive, s.Amounts = s.Passive[:kept], s.Amounts[:kept]
	for k := range s.Passive {
		s.extend(k)
	}
}

// extend writes row k of the Cholesky factor; false when the column is a sum of those before it.
func (s *Solver) extend(k int) bool {
	row, rest, least := s.row(k), 1+s.effort.Ridge, math.Max(s.effort.Ridge/2, leastUnique)
	for c := range k {
		v := s.gram[s.Passive[k]*s.n+s.Passive[c]]
		for m, f := range s.row(c)[:c] {
			v -= row[m] * f
		}
		row[c] = v / s.row(c)[c]
		rest -= row[c] * row[c]
	}
	row[k] = math.Sqrt(math.Max(rest, least))
	return rest > least
}

func (s *Solver) row(k int) []float64 { return s.factor[k*s.effort.Most : (k+1)*s.effort.Most] }

// solvePassive returns the unconstrained amounts of the passive columns, in trial.
func (s *Solver) solvePassive(b []float64) []float64 {
	x := s.trial[:len(s.Passive)]
	for k, j := range s.Passive {
		x[k] = b[j]
	}
	s.forward(x)
	for k := len(x) - 1; k >= 0; k-- {
		for m := k + 1; m < len(x); m++ {
			x[k] -= s.row(m)[k] * x[m]
		}
		x[k] /= s.row(k)[k]
	}
	return x
}

// forward solves with the lower factor, in place.
func (s *Solver) forward(x []float64) {
	for k := range x {
		for m, f := range s.row(k)[:k] {
			x[k] -= f * x[m]
		}
		x[k] /= s.row(k)[k]
	}
}

// slopes takes the amounts off the scalar products with the vector.
func (s *Solver) slopes(b []float64) {
	copy(s.slope, b)
	for k, j := range s.Passive {
		floats.AddScaled(s.slope, -s.Amounts[k], s.gram[j*s.n:j*s.n+s.n])
	}
}
