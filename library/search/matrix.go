package search

import (
	"math"

	lru "github.com/hashicorp/golang-lru/v2"

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
	ids       texts
	spans     []span    // of every row
	value     []float32 // rows × n, zero outside a row's span
	margins   margins
	fine      layer // of n columns
	rough     layer // of pooled columns
	lags      layer // signatures
	// sums of every row up to each block of kernel.Width columns, of the values and of their squares, rows × (blocks+1).
	sum, square []float64

	light bool // without value, sum and square, and without lags: bounds only

	kept   *lru.Cache[int, Vector] // rows as vectors, those asked for last
	stored *storedRows             // where value is read from; nil when it is in memory

	shapes []span  // the different spans
	shape  []int32 // of every row, index into shapes
	known  map[span]int32
}

// span is which columns a row covers, the last included.
type span struct{ first, last int32 }

// margins are what each row contributes to bounds of its scores whatever the layer, in units of its norm about its mean and
// rounded up; +Inf where that norm is next to nothing. The core of a row is all but reach columns at either end.
type margins struct {
	mean     []float32 // its sum, without sign
	core     []float32 // the norm of the whole over that of the core about the core's mean
	coreMean []float32 // the most that the sum over the core and any of the ends can be, without sign
	inverse  []float32 // of the norm itself
	one      []float32 // 1
	odd      bool      // some are +Inf
}

// reach is how many columns at either end of a row may not be in common for it to be bounded by its core: the widest shift.
const reach = kernelShift

// layer is the rows of a matrix in int8: value = step*quant + what has at most the norm miss. All columns but total are in
// units of the row's norm about its mean and rounded up.
type layer struct {
	n     int
	quant []int8    // rows × n
	total []int32   // sum of quant
	step  []float32 // per unit of quant
	size  []float32 // norm and miss
	miss  []float32
	rest  []float32 // norm of what pooling leaves out
}

// pool is how many columns are added up: lines are some three pools wide, so that little is left out.
const pool = 4

// entry is a reference ready for comparison.
type entry struct {
	id  string
	vec Vector
}

// newMatrix makes a matrix of entries, all of one technique, on the narrowest grid that holds them all.
func newMatrix(entries []entry) *matrix {
	low, high := entries[0].vec.Low, entries[0].vec.High()
	for _, e := range entries {
		low, high = min(low, e.vec.Low), max(high, e.vec.High())
	}
	m := emptyMatrix(entries[0].vec.Technique, low, high, len(entries), false)
	for _, e := range entries {
		m.add(e.id, e.vec)
	}
	return m
}

// emptyMatrix has a grid from low to high, cm-1, and room for rows.
func emptyMatrix(t spectra.Technique, low, high, rows int, light bool) *matrix {
	m := &matrix{technique: t, low: low, n: kernel.Padded(high - low + 1), light: light}
	m.fine.n, m.rough.n, m.lags.n = m.n, kernel.Padded(m.n/pool), signatureLags
	m.kept, _ = lru.New[int, Vector](rowsKept) // fails for a size below 1 only
	if !light {
		m.value = make([]float32, 0, rows*m.n)
		m.sum, m.square = make([]float64, 0, rows*(m.blocks()+1)), make([]float64, 0, rows*(m.blocks()+1))
	}
	for _, l := range []*layer{&m.fine, &m.rough, &m.lags} {
		l.quant = make([]int8, 0, rows*l.n)
	}
	return m
}

func (m *matrix) rows() int { return len(m.spans) }

func (m *matrix) blocks() int { return m.n / kernel.Width }

// add appends a row.
func (m *matrix) add(id string, v Vector) {
	first := v.Low - m.low
	row := make([]float32, m.n)
	for i, x := range v.D {
		row[first+i] = float32(x) // exact, see newVector
	}
	m.ids.add(id)
	m.spans = append(m.spans, span{int32(first), int32(first + len(v.D) - 1)})
	m.shape = append(m.shape, m.shapeOf(m.spans[len(m.spans)-1]))
	square := v.sumSq[len(v.D)]
	m.margins.add(v, square)
	unit, norm := float64(m.margins.inverse[m.rows()-1]), math.Sqrt(square)*rounding
	m.fine.add(row, norm, 0, unit)
	low, high := pooled(row)
	m.rough.add(low, norm, high, unit)
	if m.light {
		return
	}
	m.value = append(m.value, row...)
	m.addSums(row)
	m.lags.add(signature(low), 1, 0, 1)
}

// addSums appends the sums up to each block of a row.
func (m *matrix) addSums(row []float32) {
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

// add appends those of v, which has that sum of squares.
func (mg *margins) add(v Vector, square float64) {
	n, inf := len(v.D), math.Inf(1)
	mean, core, coreMean, inverse := inf, inf, inf, inf
	if about := v.norm2(0, n); about > leastPart*square {
		norm := math.Sqrt(about) / rounding
		mean, inverse = math.Abs(v.sum[n])/norm, 1/norm
		if inner := v.core(); inner > leastPart*square {
			core, coreMean = norm*rounding*rounding/math.Sqrt(inner), v.coreSum()/norm
		}
	}
	mg.mean, mg.core, mg.coreMean = append(mg.mean, up(mean)), append(mg.core, up(core)), append(mg.coreMean, up(coreMean))
	mg.inverse, mg.one = append(mg.inverse, up(inverse)), append(mg.one, 1)
	mg.odd = mg.odd || math.IsInf(core, 1)
}

// finish fills in what follows from the columns.
func (mg *margins) finish() {
	for _, core := range mg.core {
		mg.one = append(mg.one, 1)
		mg.odd = mg.odd || math.IsInf(float64(core), 1)
	}
}

// core is the squared norm of the core about its mean, 0 without one.
func (v Vector) core() float64 {
	if len(v.D) <= 2*reach {
		return 0
	}
	return v.norm2(reach, len(v.D)-reach)
}

// coreSum is the most that the sum over the core and any of the ends can be.
func (v Vector) coreSum() float64 {
	n := len(v.D)
	sum := math.Abs(v.sum[n-reach] - v.sum[reach])
	for i := range reach {
		sum += math.Abs(v.D[i]) + math.Abs(v.D[n-1-i])
	}
	return sum * rounding
}

// up is x as float32, not less.
func up(x float64) float32 {
	f := float32(x)
	if float64(f) < x {
		f = math.Nextafter32(f, float32(math.Inf(1)))
	}
	return f
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

// add appends a row of that norm, of which pooling left out rest; unit is the inverse of its norm about its mean.
func (l *layer) add(row []float32, norm, rest, unit float64) {
	quant := make([]int8, l.n)
	step, miss := kernel.Quantise(quant, row, kernel.Most)
	l.quant, l.total = append(l.quant, quant...), append(l.total, kernel.Sum(quant))
	l.step, l.size = append(l.step, up(step*unit)), append(l.size, up((norm+miss)*unit))
	l.miss, l.rest = append(l.miss, up(miss*unit)), append(l.rest, up(rest*unit))
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
	v := Vector{Technique: m.technique, Low: m.low + int(s.first)}.withRoom(int(s.last - s.first + 1))
	kernel.Widen(v.D, m.row(i, nil)[s.first:s.last+1])
	return v.summed()
}

// unread is the error with which a row could not be read, nil when there was none.
func (m *matrix) unread() error {
	if m.stored == nil {
		return nil
	}
	if failed := m.stored.failed.Load(); failed != nil {
		return *failed
	}
	return nil
}

// row is the values of row i; room is used for those that have to be read, when it is large enough.
func (m *matrix) row(i int, room []float32) []float32 {
	if m.stored == nil || m.stored.reads.Add(1) > mapAfter {
		return m.value[i*m.n : (i+1)*m.n]
	}
	if len(room) < m.n {
		room = make([]float32, m.n)
	}
	m.stored.read(room[:m.n], i)
	return room[:m.n]
}

// rowsKept is how many rows are kept as vectors, some 50 kB each: the same few references are looked at scan after scan.
const rowsKept = 160

// whole is row i with its Derivative.
func (m *matrix) whole(i int) Vector {
	if v, ok := m.kept.Get(i); ok {
		return v
	}
	v := m.vector(i)
	v.Derivative = make([]float64, len(v.D))
	for k, x := range v.D {
		v.Derivative[k] = x * math.Abs(x)
	}
	if m.unread() == nil {
		m.kept.Add(i, v)
	}
	return v
}

// prefix is the sum and the sum of squares of row i, whose values are given, before column c, added up in the order of columns as
// Vector does.
func (m *matrix) prefix(i, c int, row []float64) (sum, square float64) {
	b := c / kernel.Width
	at := i*(m.blocks()+1) + b
	sum, square = m.sum[at], m.square[at]
	for _, x := range row[b*kernel.Width : c] {
		sum += x
		square += x * x
	}
	return sum, square
}
