package search

import (
	"math"

	"gonum.org/v1/gonum/floats"

	"fentrace/library/search/kernel"
)

// comparison compares a scan with rows exactly. It owns its buffers and is used by one goroutine.
type comparison struct {
	s        *screen
	row      []float64 // the values of the row compared
	room     []float32 // for them as they are stored
	products []int32   // with it, at every shift
}

func newComparison(s *screen) *comparison {
	return &comparison{s: s, row: make([]float64, s.m.n), room: make([]float32, s.m.n), products: make([]int32, s.fine.count())}
}

// align is Align of the scan with row i, at whole shifts; ok is false when they share too little.
//
// Only those shifts are compared whose bound is not below the score at the shift of the largest product: no other can win.
func (c *comparison) align(i int) (best Alignment, ok bool) {
	s, l := c.s, &c.s.m.fine
	if s.frames[s.m.shape[i]].kind == nothing {
		return Alignment{}, false
	}
	c.load(i)
	if s.shifts == 1 {
		best.Score, best.Overlap = c.correlation(i, 0)
		return best, best.Overlap > 0
	}
	kernel.Products(c.products, s.fine.queries, l.quant[i*l.n:(i+1)*l.n], l.n)
	at := 0
	for k, p := range c.products[:s.shifts] {
		if p > c.products[at] {
			at = k
		}
	}
	reached, overlap := c.correlation(i, at-s.maxShift)
	for k, p := range c.products[:s.shifts] {
		score, n := reached, overlap
		if k != at {
			if s.bound(i, l, &s.fine, p) < reached {
				continue
			}
			score, n = c.correlation(i, k-s.maxShift)
		}
		if n > 0 && (!ok || score > best.Score) {
			best, ok = Alignment{Score: score, ShiftCM1: float64(k - s.maxShift), Overlap: n}, true
		}
	}
	return best, ok
}

// fraction is what the neighbours of the best whole shift add to it.
func (c *comparison) fraction(i, shift int, score float64) float64 {
	c.load(i)
	below, _ := c.correlation(i, shift-1)
	above, _ := c.correlation(i, shift+1)
	return vertex([]float64{below, score, above})
}

// load takes the values of row i.
func (c *comparison) load(i int) {
	kernel.Widen(c.row, c.s.m.row(i, c.room))
}

// correlation is Vector.correlation of the scan with row i, to the last bit.
func (c *comparison) correlation(i, shift int) (score float64, overlap int) {
	m, v := c.s.m, c.s.v
	first, last := m.low+int(m.spans[i].first), m.low+int(m.spans[i].last)
	lo, hi := max(first, v.Low-shift), min(last, v.High()-shift)
	n := hi - lo + 1
	if n < MinRangeCM1 {
		return math.Inf(-1), 0
	}
	vi, ri := lo+shift-v.Low, lo-m.low
	sumTo, squareTo := m.prefix(i, ri+n, c.row)
	sumFrom, squareFrom := m.prefix(i, ri, c.row)
	sum := sumTo - sumFrom
	return pearson(v, vi, n, c.row[ri:ri+n], sum, math.Max(squareTo-squareFrom-sum*sum/float64(n), 0)), n
}

// pearson is the correlation of n values of v from i on with others, whose sum and squared norm about their mean are given.
func pearson(v Vector, i, n int, others []float64, sum, norm2 float64) float64 {
	norm := math.Sqrt(v.norm2(i, i+n) * norm2)
	if norm == 0 {
		return 0
	}
	return (floats.Dot(v.D[i:i+n], others) - (v.sum[i+n]-v.sum[i])*sum/float64(n)) / norm
}
