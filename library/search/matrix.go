package search

import (
	"math"

	"fentrace/library/search/kernel"
	"fentrace/spectra"
)

// matrix holds the vectors of one technique on one grid of whole wavenumbers, one row each, twice: as they are compared
// exactly, and rounded to int8 for the kernel, with what the rounding can cost.
type matrix struct {
	technique spectra.Technique
	low       int // wavenumber of the first column
	n         int // columns, a multiple of kernel.Width
	ids       []string
	spans     []span
	value     []float32 // rows × n, zero outside a row's span
	quant     []int8    // rows × n
	// scale and miss of every row: value = scale*quant + what has at most the norm miss.
	scale, miss []float64
	// sums of every row up to each block of kernel.Width columns, of the values and of their squares, rows × (blocks+1).
	sum, square []float64
}

// span is which columns a row covers, the last included.
type span struct{ first, last int32 }

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
	m.value, m.quant = make([]float32, 0, rows*m.n), make([]int8, 0, rows*m.n)
	m.sum, m.square = make([]float64, 0, rows*(m.blocks()+1)), make([]float64, 0, rows*(m.blocks()+1))
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
	quant := make([]int8, m.n)
	scale, miss := kernel.Quantise(quant, row)
	m.ids, m.spans = append(m.ids, id), append(m.spans, span{int32(first), int32(first + len(v.D) - 1)})
	m.value, m.quant = append(m.value, row...), append(m.quant, quant...)
	m.scale, m.miss = append(m.scale, scale), append(m.miss, miss)
	var s, sq float64
	m.sum, m.square = append(m.sum, 0), append(m.square, 0)
	for b := range m.blocks() {
		for _, x := range row[b*kernel.Width : (b+1)*kernel.Width] {
			s += float64(x)
			sq += float64(x) * float64(x)
		}
		m.sum, m.square = append(m.sum, s), append(m.square, sq)
	}
}

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
	if from <= int(s.first) && to >= int(s.last) {
		last := at + m.blocks()
		return m.sum[last], m.sum[last], m.square[last], m.square[last]
	}
	inFrom, inTo := (from+kernel.Width-1)/kernel.Width, (to+1)/kernel.Width
	outFrom, outTo := from/kernel.Width, (to+kernel.Width)/kernel.Width
	if from <= int(s.first) {
		inFrom = outFrom
	}
	if to >= int(s.last) {
		inTo = outTo
	}
	if inTo < inFrom {
		inTo = inFrom
	}
	inner := m.sum[at+inTo] - m.sum[at+inFrom]
	squareLeast, squareMost = m.square[at+inTo]-m.square[at+inFrom], m.square[at+outTo]-m.square[at+outFrom]
	// Whatever part of the outer blocks counts, its sum is at most this (Cauchy-Schwarz).
	outside := float64((outTo-outFrom)-(inTo-inFrom)) * kernel.Width
	spread := math.Sqrt(outside * math.Max(squareMost-squareLeast, 0))
	return inner - spread, inner + spread, squareLeast, squareMost
}
