package analog

import (
	"math"

	"gonum.org/v1/gonum/floats"
)

// ridge is added to the diagonal of the Gram matrix of unit references: analogs are so alike that without it their
// amounts are decided by noise.
const ridge = 1e-4

// leastGain ends the search for further references: what is left of a unit scan has a smaller part than this along
// any of them.
const leastGain = 1e-3

// mostUsed bounds the references of one solution, far above what a scan can tell apart.
const mostUsed = 64

// nonNegative finds the non-negative amounts of unit references that leave least of a unit scan, given the scalar
// products among the references (gram, n×n, row by row) and with the scan: the active-set method of C. L. Lawson,
// R. J. Hanson, Solving Least Squares Problems (1974), chapter 23, on the normal equations (R. Bro, S. de Jong,
// J. Chemom. 11 (1997) 393). It owns its buffers and serves one goroutine.
type nonNegative struct {
	n       int
	gram    []float64
	passive []int     // references with an amount, in the order in which they came in
	amounts []float64 // of passive
	most    int       // of passive
	factor  []float64 // lower Cholesky factor of the passive part of gram, rows most apart
	trial   []float64
	slope   []float64 // of the fit with respect to every amount
	in      []bool
	barred  []bool
}

func newNonNegative(gram []float64, n int) *nonNegative {
	most := min(n, mostUsed)
	return &nonNegative{
		n: n, gram: gram, most: most, factor: make([]float64, most*most), trial: make([]float64, most), slope: make([]float64, n),
		in: make([]bool, n), barred: make([]bool, n), passive: make([]int, 0, most), amounts: make([]float64, 0, most),
	}
}

// begin makes those of the references with these amounts that are allowed the start of the next solve: a nearby
// solution, which saves most of the work. The slices may be those of s itself.
func (s *nonNegative) begin(passive []int, amounts []float64, allowed []bool) {
	clear(s.in)
	s.passive, s.amounts = append(s.passive[:0], passive...), append(s.amounts[:0], amounts...)
	kept := 0
	for k, j := range s.passive {
		if allowed[j] {
			s.passive[kept], s.amounts[kept], s.in[j] = j, s.amounts[k], true
			kept++
		}
	}
	s.passive, s.amounts = s.passive[:kept], s.amounts[:kept]
	for k := range s.passive {
		s.extend(k)
	}
}

// solve leaves the references used and their amounts in passive and amounts, and returns the squared norm of what is
// left of the scan, 0..1. b has the n scalar products with the scan; only references that are allowed take part. It
// starts from what begin was given, or from the last solution.
func (s *nonNegative) solve(b []float64, allowed []bool) float64 {
	clear(s.barred)
	s.solvePassive(b)
	s.settle(b)
	s.slopes(b)
	for range 3 * s.n {
		best := -1
		for j, ok := range allowed {
			if ok && !s.in[j] && !s.barred[j] && s.slope[j] > leastGain && (best < 0 || s.slope[j] > s.slope[best]) {
				best = j
			}
		}
		if best < 0 || len(s.passive) == s.most {
			break
		}
		if !s.enter(best, b) {
			s.barred[best] = true
			continue
		}
		s.slopes(b)
	}
	left := 1.0
	for k, j := range s.passive {
		left -= s.amounts[k] * (b[j] + s.slope[j])
	}
	return math.Max(left, 0)
}

// enter gives reference j an amount and takes out those whose amounts would become negative. It reports false, with
// nothing changed, when j itself would.
func (s *nonNegative) enter(j int, b []float64) bool {
	s.passive, s.amounts = append(s.passive, j), append(s.amounts, 0)
	last := len(s.passive) - 1
	if !s.extend(last) || s.solvePassive(b)[last] <= 0 {
		s.passive, s.amounts = s.passive[:last], s.amounts[:last]
		return false
	}
	s.in[j] = true
	s.settle(b)
	return true
}

// settle moves the amounts towards trial, the best ones, and takes out what would become negative on the way.
func (s *nonNegative) settle(b []float64) {
	for {
		step := 1.0
		for k, z := range s.trial[:len(s.passive)] {
			if z <= 0 {
				step = math.Min(step, s.amounts[k]/(s.amounts[k]-z))
			}
		}
		for k, z := range s.trial[:len(s.passive)] {
			s.amounts[k] += step * (z - s.amounts[k])
		}
		if step == 1 {
			return
		}
		s.drop()
		s.solvePassive(b)
	}
}

// drop takes out what has no amount left and refactors the rest.
func (s *nonNegative) drop() {
	kept := 0
	for k, j := range s.passive {
		if s.amounts[k] > 1e-12 {
			s.passive[kept], s.amounts[kept] = j, s.amounts[k]
			kept++
		} else {
			s.in[j] = false
		}
	}
	s.passive, s.amounts = s.passive[:kept], s.amounts[:kept]
	for k := range s.passive {
		s.extend(k)
	}
}

// extend writes row k of the Cholesky factor; false when the reference is a sum of those before it.
func (s *nonNegative) extend(k int) bool {
	row, rest := s.row(k), 1+ridge
	for c := range k {
		v := s.gram[s.passive[k]*s.n+s.passive[c]]
		for m, f := range s.row(c)[:c] {
			v -= row[m] * f
		}
		row[c] = v / s.row(c)[c]
		rest -= row[c] * row[c]
	}
	row[k] = math.Sqrt(math.Max(rest, ridge/2))
	return rest > ridge/2
}

func (s *nonNegative) row(k int) []float64 { return s.factor[k*s.most : (k+1)*s.most] }

// solvePassive returns the unconstrained amounts of the passive references, in trial.
func (s *nonNegative) solvePassive(b []float64) []float64 {
	x := s.trial[:len(s.passive)]
	for k, j := range s.passive {
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
func (s *nonNegative) forward(x []float64) {
	for k := range x {
		for m, f := range s.row(k)[:k] {
			x[k] -= f * x[m]
		}
		x[k] /= s.row(k)[k]
	}
}

// slopes takes the amounts off the scalar products with the scan.
func (s *nonNegative) slopes(b []float64) {
	copy(s.slope, b)
	for k, j := range s.passive {
		floats.AddScaled(s.slope, -s.amounts[k], s.gram[j*s.n:j*s.n+s.n])
	}
}
