package search

import (
	"math"

	"fentrace/library/search/kernel"
)

// screen bounds the score of a scan with every row of a matrix from above, without touching the exact values.
type screen struct {
	m        *matrix
	v        Vector
	maxShift int
	shifts   int // 2*maxShift+1
	norm     float64
	rough    asked
	fine     asked
	frames   []frame // by shape
}

// asked is the scan at every shift, as the rows of a layer are: the same scale for all.
type asked struct {
	quant             []int8 // shifts × the layer's columns
	scale, miss, high float64
}

// frame is what all rows of one span share.
type frame struct {
	any                   bool    // enough is in common at some shift
	whole                 bool    // the whole row is in common at every shift
	least                 int     // fewest columns in common
	from, to              int     // columns in common at every shift
	outerFrom, outerTo    int     // columns in common at any shift
	meanMost, inverseMost float64 // of the scan over what is in common: its mean, and the inverse of its norm about that
}

func newScreen(m *matrix, v Vector, maxShift int) *screen {
	s := &screen{m: m, v: v, maxShift: maxShift, shifts: 2*maxShift + 1, frames: make([]frame, len(m.shapes))}
	for i, of := range m.shapes {
		s.frames[i] = s.frame(of)
	}
	// Column c of the matrix is wavenumber low+c, which the scan reads maxShift-k too low: line[c+k].
	line := make([]float32, m.n+2*maxShift)
	for i, x := range v.D {
		if at := v.Low + i - m.low + maxShift; at >= 0 && at < len(line) {
			line[at] = float32(x)
			s.norm += x * x
		}
	}
	s.norm = math.Sqrt(s.norm) * rounding
	quant := make([]int8, len(line))
	s.fine.scale, s.fine.miss = kernel.Quantise(quant, line)
	s.fine.quant = make([]int8, s.shifts*m.fine.n)
	lows := make([]float32, s.shifts*m.rough.n)
	for k := range s.shifts {
		copy(s.fine.quant[k*m.fine.n:], quant[k:k+m.n])
		low, high := pooled(line[k : k+m.n])
		copy(lows[k*m.rough.n:], low)
		s.rough.high = math.Max(s.rough.high, high)
	}
	// One scale and the miss of all shifts together, which is more than that of any.
	s.rough.quant = make([]int8, len(lows))
	s.rough.scale, s.rough.miss = quantiseRows(s.rough.quant, lows, m.rough.n)
	return s
}

// quantiseRows is kernel.Quantise with one scale for all rows; miss is the largest of any row.
func quantiseRows(dst []int8, v []float32, n int) (scale, miss float64) {
	scale, _ = kernel.Quantise(dst, v)
	for k := 0; k < len(v); k += n {
		miss = math.Max(miss, kernel.Miss(dst[k:k+n], v[k:k+n], scale))
	}
	return scale, miss
}

// frame for rows of a span.
func (s *screen) frame(of span) frame {
	f := frame{least: math.MaxInt, to: s.m.n - 1, outerFrom: s.m.n, outerTo: -1}
	low, high := s.m.low+int(of.first), s.m.low+int(of.last)
	for by := -s.maxShift; by <= s.maxShift; by++ {
		lo, hi := max(low, s.v.Low-by), min(high, s.v.High()-by)
		n := hi - lo + 1
		if n < MinRangeCM1 {
			continue
		}
		from, to, i := lo-s.m.low, hi-s.m.low, lo+by-s.v.Low
		f.any, f.least = true, min(f.least, n)
		f.from, f.to, f.outerFrom, f.outerTo = max(f.from, from), min(f.to, to), min(f.outerFrom, from), max(f.outerTo, to)
		f.meanMost = math.Max(f.meanMost, math.Abs(s.v.sum[i+n]-s.v.sum[i])/float64(n))
		if norm := math.Sqrt(s.v.norm2(i, i+n)); norm > 0 {
			f.inverseMost = math.Max(f.inverseMost, rounding/norm)
		}
	}
	f.whole = f.any && f.from <= int(of.first) && f.to >= int(of.last)
	return f
}

// bound is at least the score of row i at every shift, given its products with the scan in layer l, asked for as q; -Inf
// where too little is in common.
//
// With a = b + c for the scan and r = s + t for the row, where b and s are what int8 (and pooling) keeps, a.r = b.s + c.s +
// a.t, or with pooling, whose two parts are at right angles, the same for the pooled parts and at most the product of the
// norms for the rests (Cauchy-Schwarz). The score takes off the product of the means and divides by the norms about them; of
// the row these are known to a block.
func (s *screen) bound(i int, l *layer, q *asked, products []int32) float64 {
	f := &s.frames[s.m.shape[i]]
	if !f.any {
		return math.Inf(-1)
	}
	top := products[0]
	for _, p := range products[1:] {
		top = max(top, p)
	}
	r, norm := &l.rows[i], s.m.norm[i]
	lost := q.miss*(norm+r.miss) + s.norm*r.miss + q.high*r.high
	numerator := float64(top)*q.scale*r.scale + lost*rounding
	switch {
	case !f.whole:
		return s.partialBound(i, f, numerator)
	case math.IsInf(s.m.inverse[i], 1):
		return 1
	}
	return clamp((numerator + f.meanMost*s.m.whole[i]) * f.inverseMost * s.m.inverse[i])
}

// clamp keeps a bound within 0..1: a negative numerator over a norm that is at least so large says no more than 0.
func clamp(bound float64) float64 { return max(0, min(1, bound)) }

// partialBound is bound for a row of which only a part is in common; numerator is that without the means.
func (s *screen) partialBound(i int, f *frame, numerator float64) float64 {
	least, most, squareLeast, squareMost := s.m.totals(i, f.from, f.to)
	if f.outerFrom < f.from || f.outerTo > f.to {
		// What is in common changes with the shift: the sums may be those of more columns.
		_, _, _, squareMost = s.m.totals(i, f.outerFrom, f.outerTo)
		spread := math.Sqrt(float64(f.outerTo-f.outerFrom-f.to+f.from) * math.Max(squareMost-squareLeast, 0))
		least, most = least-spread, most+spread
	}
	sum := math.Max(math.Abs(least), math.Abs(most))
	norm2 := squareLeast - sum*sum/float64(f.least)
	if norm2 <= leastPart*squareMost {
		return 1 // nearly nothing is known of the row there
	}
	numerator += f.meanMost * sum
	return clamp(numerator * f.inverseMost * rounding / math.Sqrt(norm2))
}
