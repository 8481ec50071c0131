package search

import (
	"math"

	"fentrace/library/search/kernel"
	"fentrace/spectra"
)

// matrix holds the vectors of one technique on one grid of whole wavenumbers, one row each, three times: as they are
// compared exactly; rounded to int8 for the kernel; and rounded so after each pool of columns was added up, which is a
// quarter of the work. What rounding and pooling can cost is kept with every row, so that nothing is lost by them.
type matrix struct {
	technique spectra.Technique
	low       int // wavenumber of the first column
	n         int // columns, a multiple of kernel.Width
	ids       []string
	spans     []span    // of every row
	shapes    []span    // the different ones
	shape     []int32   // of every row, index into shapes
	norm      []float64 // of every row
	whole     []float64 // of every row, its sum, without sign
	inverse   []float64 // of the norm of every row about its mean; +Inf where that is next to nothing
	value     []float32 // rows × n, zero outside a row's span
	fine      layer     // of n columns
	rough     layer     // of pooled columns
	// sums of every row up to each block of kernel.Width columns, of the values and of their squares, rows × (blocks+1).
	sum, square []float64
	known       map[span]int32 // of shapes
}

// span is which columns a row covers, the last included.
type span struct{ first, last int32 }

// layer is the rows of a matrix in int8.
type layer struct {
	n     int
	quant []int8 // rows × n
	rows  []rounded
}

// rounded is what is known of a row of a layer: value = scale*quant + what has at most the norm miss; and the norm of what
// pooling leaves out.
type rounded struct{ scale, miss, high float64 }

// pool is how many columns are added up: lines are some three pools wide, so that little is left out.
const pool = 4

// entry is a reference ready for comparison.
type entry struct {
	id  string
	vec Vector
}

// newMatrix makes a matrix of entries, all of one technique, on the narrowest grid that holds them all.
func newMatrix(entries []entry) *matrix {
	m := &matrix{technique: entries[0].vec.Technique}
	low, high := entries[0].vec.Low, entries[0].vec.High()
	for _, e := range entries {
		low, high = min(low, e.vec.Low), max(high, e.vec.High())
	}
	m.low, m.n = low, kernel.Padded(high-low+1)
	rows := len(entries)
	m.fine.n, m.rough.n = m.n, kernel.Padded(m.n/pool)
	m.value = make([]float32, 0, rows*m.n)
	m.sum, m.square = make([]float64, 0, rows*(m.blocks()+1)), make([]float64, 0, rows*(m.blocks()+1))
	for _, l := range []*layer{&m.fine, &m.rough} {
		l.quant = make([]int8, 0, rows*l.n)
	}
	for _, e := range entries {
		m.add(e.id, e.vec)
	}
	return m
}

func (m *matrix) blocks() int { return m.n / kernel.Width }

// add appends a row.
func (m *matrix) add(id string, v Vector) {
	first := v.Low - m.low
	row := make([]float32, m.n)
	for i, x := range v.D {
		row[first+i] = float32(x) // exact, see newVector
	}
	m.ids, m.spans = append(m.ids, id), append(m.spans, span{int32(first), int32(first + len(v.D) - 1)})
	m.value = append(m.value, row...)
	m.shape = append(m.shape, m.shapeOf(m.spans[len(m.spans)-1]))
	m.fine.add(row, 0)
	m.rough.add(pooled(row))
	var s, sq float64
	m.sum, m.square = append(m.sum, 0), append(m.square, 0)
	for b := range m.blocks() {
		for _, x := range row[b*kernel.Width : (b+1)*kernel.Width] {
			s += float64(x)
			sq += float64(x) * float64(x)
		}
		m.sum, m.square = append(m.sum, s), append(m.square, sq)
	}
	m.norm = append(m.norm, math.Sqrt(sq)*rounding)
	inverse := math.Inf(1)
	if about := sq - s*s/float64(len(v.D)); about > leastPart*sq {
		inverse = rounding / math.Sqrt(about)
	}
	m.inverse, m.whole = append(m.inverse, inverse), append(m.whole, math.Abs(s))
}

// shapeOf is the index of a span among the different ones.
func (m *matrix) shapeOf(s span) int32 {
	if m.known == nil {
		m.known = map[span]int32{}
	}
	i, ok := m.known[s]
	if !ok {
		i = int32(len(m.shapes))
		m.known[s], m.shapes = i, append(m.shapes, s)
	}
	return i
}

func (l *layer) add(row []float32, high float64) {
	quant := make([]int8, l.n)
	scale, miss := kernel.Quantise(quant, row)
	l.quant = append(l.quant, quant...)
	l.rows = append(l.rows, rounded{scale, miss, high})
}

// pooled is the part of a row that is the same within each pool of columns, as one value a pool of the same norm, and the norm
// of the rest. Scalar products of rows are those of these parts and those of the rests.
func pooled(row []float32) (low []float32, high float64) {
	low = make([]float32, len(row)/pool)
	var rest float64
	for i := range low {
		var sum float64
		for _, x := range row[i*pool : (i+1)*pool] {
			sum += float64(x)
		}
		low[i] = float32(sum / math.Sqrt(pool))
		mean := float64(low[i]) / math.Sqrt(pool) // of what low holds, so that its rounding counts as rest
		for _, x := range row[i*pool : (i+1)*pool] {
			rest += (float64(x) - mean) * (float64(x) - mean)
		}
	}
	return low, math.Sqrt(rest) * rounding
}

// leastPart of the square of a norm is left about the mean, or rounding decides.
const leastPart = 1e-6

// rounding makes room for what float64 loses in a few thousand additions.
const rounding = 1 + 1e-9

// vector is row i as it was added, without its Derivative.
func (m *matrix) vector(i int) Vector {
	s := m.spans[i]
	v := Vector{Technique: m.technique, Low: m.low + int(s.first), D: make([]float64, s.last-s.first+1)}
	for k, x := range m.value[i*m.n+int(s.first) : i*m.n+int(s.last)+1] {
		v.D[k] = float64(x)
	}
	return v.summed()
}

// totals are the sum and the sum of squares of row i between columns from and to, the last included, each as the least and
// the most they can be: exact where the row ends there, else known to a block.
func (m *matrix) totals(i, from, to int) (least, most, squareLeast, squareMost float64) {
	s := m.spans[i]
	at := i * (m.blocks() + 1)
	inFrom, inTo := (from+kernel.Width-1)/kernel.Width, (to+1)/kernel.Width
	outFrom, outTo := from/kernel.Width, (to+kernel.Width)/kernel.Width
	if from <= int(s.first) {
		inFrom = outFrom
	}
	if to >= int(s.last) {
		inTo = outTo
	}
	inTo = max(inTo, inFrom)
	inner := m.sum[at+inTo] - m.sum[at+inFrom]
	squareLeast, squareMost = m.square[at+inTo]-m.square[at+inFrom], m.square[at+outTo]-m.square[at+outFrom]
	// Whatever part of the outer blocks counts, its sum is at most this (Cauchy-Schwarz).
	outside := float64((outTo-outFrom)-(inTo-inFrom)) * kernel.Width
	spread := math.Sqrt(outside * math.Max(squareMost-squareLeast, 0))
	return inner - spread, inner + spread, squareLeast, squareMost
}

// prefix is the sum and the sum of squares of row i before column c, added up in the order of columns as Vector does.
func (m *matrix) prefix(i, c int) (sum, square float64) {
	b := c / kernel.Width
	at := i*(m.blocks()+1) + b
	sum, square = m.sum[at], m.square[at]
	for _, x := range m.value[i*m.n+b*kernel.Width : i*m.n+c] {
		sum += float64(x)
		square += float64(x) * float64(x)
	}
	return sum, square
}
