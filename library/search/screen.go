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

	// For bounds by the rough layer, see quick.
	rows         kernel.Rows
	coefficients kernel.Coefficients
	some         bool // rows that have to be looked at one by one
}

// asked is the scan at every shift, as the kernel takes it: the same step for all. There are as many queries as the kernel
// wants; those beyond the shifts repeat the first.
type asked struct {
	queries          []uint8
	n                int // values of a query
	step, miss, rest float64
}

// count of queries.
func (q *asked) count() int { return len(q.queries) / q.n }

// frame is what all rows of one span share.
type frame struct {
	kind                  common
	least                 int     // fewest columns in common
	meanMost, inverseMost float64 // of the scan over what is in common: its mean, and the inverse of its norm about that
	from, to              int     // columns in common at every shift, the last included
	outerFrom, outerTo    int     // columns in common at any shift
	inner, outer          [2]int  // blocks of columns that are in common at every shift, and that hold what is at any
	within, beyond        int     // columns of the span in the inner blocks, and those of the outer that are not in them
}

// common says how much of a row is in common with the scan.
type common uint8

const (
	nothing common = iota // too little at every shift
	partly
	core  // at least its core, at every shift
	whole // all of it, at every shift
)

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
	s.fine.n = m.fine.n
	s.fine.step, s.fine.miss = kernel.Quantise(quant, line, kernel.MostAsked)
	rows := make([]int8, 0, s.shifts*m.fine.n)
	for k := range s.shifts {
		rows = append(rows, quant[k:k+m.n]...)
	}
	s.fine.ask(rows, kernel.Tile)
	s.pool(line)
	s.quick()
	return s
}

// pool prepares the rough layer of the scan, whose values are line. Shifts that differ by whole pools see the same pools. What is
// lost is taken over all that any of them sees, which is no less than over what one does.
func (s *screen) pool(line []float32) {
	n, each := s.m.n/pool, len(line)/pool
	lows := make([]float32, 0, pool*each)
	for first := range min(pool, s.shifts) {
		low, high := pooled(line[first : first+(len(line)-first)/pool*pool])
		lows = append(append(lows, low...), make([]float32, each-len(low))...)
		s.rough.rest = math.Max(s.rough.rest, high)
	}
	quant := make([]int8, len(lows))
	s.rough.n = s.m.rough.n
	s.rough.step, _ = kernel.Quantise(quant, lows, kernel.MostAsked)
	rows := make([]int8, s.shifts*s.rough.n)
	for k := range s.shifts {
		copy(rows[k*s.rough.n:][:n], quant[k%pool*each+k/pool:])
	}
	for k := 0; k < len(lows); k += each {
		s.rough.miss = math.Max(s.rough.miss, kernel.Miss(quant[k:k+each], lows[k:k+each], s.rough.step))
	}
	s.rough.ask(rows, 1)
}

// ask makes queries of rows: one, or as many as a multiple of multiple.
func (q *asked) ask(rows []int8, multiple int) {
	for len(rows) > q.n && len(rows)/q.n%multiple != 0 {
		rows = append(rows, rows[:q.n]...)
	}
	q.queries = make([]uint8, len(rows))
	kernel.Asked(q.queries, rows)
}

// frame for rows of a span.
func (s *screen) frame(of span) frame {
	f := frame{least: math.MaxInt}
	from, to, outerFrom, outerTo := 0, s.m.n-1, s.m.n, -1 // columns in common at every shift, and at any
	low, high := s.m.low+int(of.first), s.m.low+int(of.last)
	for by := -s.maxShift; by <= s.maxShift; by++ {
		lo, hi := max(low, s.v.Low-by), min(high, s.v.High()-by)
		n := hi - lo + 1
		if n < MinRangeCM1 {
			continue
		}
		first, last, i := lo-s.m.low, hi-s.m.low, lo+by-s.v.Low
		f.least = min(f.least, n)
		from, to, outerFrom, outerTo = max(from, first), min(to, last), min(outerFrom, first), max(outerTo, last)
		f.meanMost = math.Max(f.meanMost, math.Abs(s.v.sum[i+n]-s.v.sum[i])/float64(n))
		if norm := math.Sqrt(s.v.norm2(i, i+n)); norm > 0 {
			f.inverseMost = math.Max(f.inverseMost, rounding/norm)
		}
	}
	switch first, last := int(of.first), int(of.last); {
	case f.least == math.MaxInt:
		return f
	case from <= first && to >= last:
		f.kind = whole
	case from <= first+reach && to >= last-reach:
		f.kind = core
	default:
		f.kind, f.from, f.to, f.outerFrom, f.outerTo = partly, from, to, outerFrom, outerTo
		f.inside(first, last)
	}
	return f
}

// inside fills in the blocks for rows that cover first..last.
func (f *frame) inside(first, last int) {
	const w = kernel.Width
	f.inner = [2]int{(f.from + w - 1) / w, (f.to + 1) / w}
	f.outer = [2]int{f.outerFrom / w, (f.outerTo + w) / w}
	if f.from <= first { // nothing of the row is before
		f.inner[0] = first / w
	}
	if f.to >= last {
		f.inner[1] = (last + w) / w
	}
	f.inner[1] = max(f.inner[1], f.inner[0])
	f.within = max(0, min(f.inner[1]*w, last+1)-max(f.inner[0]*w, first))
	f.beyond = (f.outer[1] - f.outer[0] - f.inner[1] + f.inner[0]) * w
}

// boundSlack is more than what sums in float64 can cost a bound.
const boundSlack = 1e-9

// bound is at least the score of row i at every shift whose product with it in layer l, asked for as q, is at most top; -Inf
// where too little is in common.
//
// With a = b + c for the scan and r = s + t for the row, where b and s are what int8 (and pooling) keeps, a.r = b.s + c.s +
// a.t, or with pooling, whose two parts are at right angles, the same for the pooled parts and at most the product of the
// norms for the rests (Cauchy-Schwarz). The score takes off the product of the means and divides by the norms about them. A
// sum of squares about the mean is no smaller over more columns, so that over the core is enough where not all is in common.
func (s *screen) bound(i int, l *layer, q *asked, top int32) float64 {
	f, mg := &s.frames[s.m.shape[i]], &s.m.margins
	product := float64(top-kernel.Offset*l.total[i]) * q.step * float64(l.step[i])
	if product < 0 {
		product *= 1 - 0x1p-22 // a step that was rounded up makes it less than it is
	}
	numerator := product + q.miss*float64(l.size[i]) + s.norm*float64(l.miss[i]) + q.rest*float64(l.rest[i])
	switch {
	case f.kind == nothing:
		return math.Inf(-1)
	case math.IsInf(float64(mg.mean[i]), 1):
		return 1
	case f.kind == whole:
		return clamp((numerator + f.meanMost*float64(mg.mean[i])) * f.inverseMost)
	case f.kind == partly && s.m.light:
		return s.roundedBound(i, l, f, numerator)
	case f.kind == partly:
		return s.partialBound(i, f, numerator)
	case math.IsInf(float64(mg.core[i]), 1):
		return 1
	}
	return clamp((numerator + f.meanMost*float64(mg.coreMean[i])) * float64(mg.core[i]) * f.inverseMost)
}

// roughBounds writes bounds of rows from first on, whose largest rough products are given.
func (s *screen) roughBounds(out []float32, products []int32, first int) {
	kernel.Scores(out, products, s.rows, first, &s.coefficients)
	if !s.some {
		return
	}
	for k := range out {
		if i := first + k; s.frames[s.m.shape[i]].kind < core || math.IsInf(float64(s.m.margins.core[i]), 1) {
			out[k] = up(s.bound(i, &s.m.rough, &s.rough, products[k]))
		}
	}
}

// quick prepares what roughBounds takes.
func (s *screen) quick() {
	l, mg := &s.m.rough, &s.m.margins
	s.rows = kernel.Rows{Total: l.total, Step: l.step, Size: l.size, Miss: l.miss, Rest: l.rest, Mean: mg.coreMean, Stretch: mg.core}
	least, inverse, mean := whole, 0.0, 0.0
	for _, f := range s.frames {
		least = min(least, f.kind)
		if f.kind >= core {
			inverse, mean = math.Max(inverse, f.inverseMost), math.Max(mean, f.meanMost)
		}
	}
	if least == whole {
		s.rows.Mean, s.rows.Stretch = mg.mean, mg.one
	}
	s.some = least < core || mg.odd
	for i, c := range []float64{s.rough.step, s.rough.miss + floatSlack*s.norm, s.norm, s.rough.rest, mean} {
		s.coefficients[i] = up(c * inverse)
	}
}

// floatSlack is more than what a bound in float32 can lose, of the product of the norms, which is more than any of its terms
// but those that are themselves a small part of the bound.
const floatSlack = 1e-5

// clamp keeps a bound within 0..1: a negative numerator over a norm that is at least so large says no more than 0.
func clamp(bound float64) float64 { return max(0, min(1, bound+boundSlack)) }

// partialBound is bound for a row of which only a part is in common, known to a block; numerator is that without the means.
func (s *screen) partialBound(i int, f *frame, numerator float64) float64 {
	at := i * (s.m.blocks() + 1)
	sum := s.m.sum[at+f.inner[1]] - s.m.sum[at+f.inner[0]]
	square := s.m.square[at+f.inner[1]] - s.m.square[at+f.inner[0]]
	outside := s.m.square[at+f.outer[1]] - s.m.square[at+f.outer[0]] - square
	about := square - sum*sum/float64(max(1, f.within))
	if about <= leastPart*s.m.square[at+s.m.blocks()] {
		return 1 // nearly nothing is known of the row there
	}
	// Whatever part of the outer blocks counts besides, its sum is at most this (Cauchy-Schwarz).
	sum = math.Abs(sum) + math.Sqrt(float64(f.beyond)*math.Max(outside, 0))*rounding
	unit := float64(s.m.margins.inverse[i])
	return clamp((numerator/unit*rounding + f.meanMost*sum) * f.inverseMost * rounding / math.Sqrt(about))
}

// roundedBound is bound for a row of which only a part is in common and nothing but its int8 is there: what rounding took is
// known as a whole, so that much may be missing from any part. The rough layer says too little.
func (s *screen) roundedBound(i int, l *layer, f *frame, numerator float64) float64 {
	if l != &s.m.fine || f.from > f.to {
		return 1
	}
	row := l.quant[i*l.n : (i+1)*l.n]
	step, miss := float64(l.step[i]), float64(l.miss[i])
	var sum, square, beside int64
	for c := f.outerFrom; c <= f.outerTo; c++ {
		x := int64(row[c])
		if c < f.from || c > f.to {
			beside += max(x, -x)
			continue
		}
		sum += x
		square += x * x
	}
	n, outer := float64(f.to-f.from+1), float64(f.outerTo-f.outerFrom+1)
	about := float64(square) - float64(sum)*float64(sum)/n
	norm := math.Sqrt(math.Max(about, 0))*step*(1-0x1p-22) - miss
	if norm < leastKnown {
		return 1
	}
	mean := (math.Abs(float64(sum))+float64(beside))*step + math.Sqrt(outer)*miss
	return clamp((numerator + f.meanMost*mean) * f.inverseMost * rounding / norm)
}

// leastKnown of the norm of a row has to be in common for roundedBound to say something.
const leastKnown = 0.01
