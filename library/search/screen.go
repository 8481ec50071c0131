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
	shifts   int     // 2*maxShift+1
	quant    []int8  // of the scan, from maxShift columns before the first of the matrix to as many after the last
	scale    float64 // of quant
	miss     float64
	norm     float64 // of the scan
	frames   map[span]*frame
}

// frame is what all rows of one span share.
type frame struct {
	allowed               []bool    // by shift, whether enough is in common
	mean                  []float64 // of the scan over what is in common
	inverse               []float64 // of the norm about it
	least                 int       // fewest columns in common
	from, to              int       // columns in common at every shift
	outerFrom, outerTo    int       // columns in common at any shift
	any                   bool
	meanMost, inverseMost float64
}

func newScreen(m *matrix, v Vector, maxShift int) *screen {
	s := &screen{m: m, v: v, maxShift: maxShift, shifts: 2*maxShift + 1, frames: map[span]*frame{}}
	// Column c of the matrix meets wavenumber low+c; quant[c+k] is the scan at low+c+k-maxShift.
	line := make([]float32, m.n+2*maxShift)
	for i, x := range v.D {
		if at := v.Low + i - m.low + maxShift; at >= 0 && at < len(line) {
			line[at] = float32(x)
			s.norm += x * x
		}
	}
	s.norm = math.Sqrt(s.norm) * rounding
	s.quant = make([]int8, kernel.Padded(len(line)))
	s.scale, s.miss = kernel.Quantise(s.quant, line)
	return s
}

// rounding makes room for what float64 loses in a few thousand additions.
const rounding = 1 + 1e-9

// frame for rows of a span.
func (s *screen) frame(of span) *frame {
	if f := s.frames[of]; f != nil {
		return f
	}
	f := &frame{allowed: make([]bool, s.shifts), mean: make([]float64, s.shifts), inverse: make([]float64, s.shifts),
		least: math.MaxInt, from: 0, to: s.m.n - 1, outerFrom: s.m.n, outerTo: -1}
	low, high := s.m.low+int(of.first), s.m.low+int(of.last)
	for k := range s.shifts {
		by := k - s.maxShift
		lo, hi := max(low, s.v.Low-by), min(high, s.v.High()-by)
		n := hi - lo + 1
		if n < MinRangeCM1 {
			continue
		}
		f.any, f.allowed[k], f.least = true, true, min(f.least, n)
		from, to := lo-s.m.low, hi-s.m.low
		f.from, f.to, f.outerFrom, f.outerTo = max(f.from, from), min(f.to, to), min(f.outerFrom, from), max(f.outerTo, to)
		i := lo + by - s.v.Low
		f.mean[k] = (s.v.sum[i+n] - s.v.sum[i]) / float64(n)
		if norm := math.Sqrt(s.v.norm2(i, i+n)); norm > 0 {
			f.inverse[k] = rounding / norm
		}
		f.meanMost, f.inverseMost = math.Max(f.meanMost, math.Abs(f.mean[k])), math.Max(f.inverseMost, f.inverse[k])
	}
	s.frames[of] = f
	return f
}

// bound is at least the score of row i at every shift, given its int8 products; -Inf where too little is in common.
func (s *screen) bound(i int, products []int32) float64 {
	f := s.frame(s.m.spans[i])
	if !f.any {
		return math.Inf(-1)
	}
	top := products[0]
	for _, p := range products[1:] {
		top = max(top, p)
	}
	least, most, squareLeast, squareMost := s.m.totals(i, f.from, f.to)
	if wide := s.m.spans[i]; f.outerFrom < f.from && f.outerFrom >= int(wide.first) || f.outerTo > f.to && f.outerTo <= int(wide.last) {
		// What is in common changes with the shift: the sums may be those of more columns.
		wideLeast, wideMost, _, wideSquare := s.m.totals(i, f.outerFrom, f.outerTo)
		spread := math.Sqrt(float64(f.outerTo-f.outerFrom-f.to+f.from) * math.Max(wideSquare-squareLeast, 0))
		least, most, squareMost = math.Min(least-spread, wideLeast), math.Max(most+spread, wideMost), wideSquare
	}
	sum := math.Max(math.Abs(least), math.Abs(most))
	norm2 := squareLeast - sum*sum/float64(f.least)
	if norm2 <= 1e-6*squareMost {
		return 1 // nearly nothing is known of the row there
	}
	miss := s.miss*math.Sqrt(s.m.square[i*(s.m.blocks()+1)+s.m.blocks()])*rounding + (s.norm+s.miss)*s.m.miss[i]
	numerator := float64(top)*s.scale*s.m.scale[i] + miss + f.meanMost*sum
	if numerator <= 0 {
		return 0
	}
	return math.Min(1, numerator*f.inverseMost*rounding/math.Sqrt(norm2))
}
