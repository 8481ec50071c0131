package search

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"fentrace/library/search/kernel"
)

// Distortion is a wrong axis: a line at x is read at x + ShiftCM1 + Stretch*x.
type Distortion struct {
	ShiftCM1 float64 // cm-1
	Stretch  float64 // relative, 0.01 for 1 %
}

// At is how much too high a line at x reads, cm-1.
func (d Distortion) At(x float64) float64 { return d.ShiftCM1 + d.Stretch*x }

// Undo is the place of a line that is read at x.
func (d Distortion) Undo(x float64) float64 { return (x - d.ShiftCM1) / (1 + d.Stretch) }

// Largest is the greatest error between low and high cm-1.
func (d Distortion) Largest(low, high float64) float64 {
	return math.Max(math.Abs(d.At(low)), math.Abs(d.At(high)))
}

// DistortedHit is a reference that agrees with the scan once the distortion is taken out.
type DistortedHit struct {
	ReferenceID string
	Distortion
	Score   float64 // correlation after that, -1..1
	Overlap int     // cm-1 compared
}

// DistortedQuery says how wrong an axis may be. Of is that of Query.
type DistortedQuery struct {
	MaxShift   int     // whole cm-1 either way in the middle of the scan
	MaxStretch float64 // relative, 0 to 0.05
	Of         *Subset
	// Least is the score below which a hit is of no interest. It may be missed then.
	Least float64
}

const (
	coarseStretch = 0.005 // half of it moves the end of the window by 2 cm-1 against its middle
	fineStretch   = 0.00125
	// likely references, by the rough layer, are compared at the place where that says; the best coarseKept of them at every
	// stretch and resolution near.
	likely, coarseKept = 12, 4
	// roughLoss is more than the score gains by the finer steps, as a rule.
	roughLoss = 0.35
	// roughReach (cm-1) is how far from a place found in steps of a pool the best one can be.
	roughReach = 5
	// widthReach (cm-1) is how far it can move when the reference is widened.
	widthReach = 2
)

// fineWidths (cm-1) widen a reference to the resolution of the scan.
var fineWidths = []float64{8, 16}

// SearchDistorted returns the reference that agrees best when the axis of v is wrong within the limits of q; ok is false when
// nothing shares MinRangeCM1. Every reference is compared at steps of 4 cm-1 and 0.5 %, the best few then at 1 cm-1 and
// 0.125 %, at three resolutions, so unlike Search it may miss a best one that another resembles closely. Of a large library
// only those references are compared whose lines are at distances like those of the scan (see signature).
func (ix *Index) SearchDistorted(ctx context.Context, v Vector, q DistortedQuery) (best DistortedHit, ok bool, err error) {
	if q.MaxShift < 0 || q.MaxShift > len(v.D) || !(q.MaxStretch >= 0 && q.MaxStretch <= 0.05) {
		return best, false, fmt.Errorf("search: shift %d must be within 0..%d cm-1, stretch %g within 0..0.05", q.MaxShift, len(v.D), q.MaxStretch)
	}
	m := ix.tables[v.Technique]
	if m == nil {
		return best, false, ctx.Err()
	}
	d := newDistorted(m, v, q)
	rows, err := d.likely(ctx)
	if err != nil {
		return best, false, err
	}
	rows = slices.DeleteFunc(rows, func(r rough) bool { return r.score < q.Least-roughLoss })
	closest := make([]DistortedHit, len(rows))
	err = onEveryCore(ctx, len(rows), func() func(int) { return func(i int) { closest[i] = d.closest(rows[i]) } })
	for _, h := range closest {
		if h.Overlap > 0 && (!ok || h.Score > best.Score) {
			best, ok = h, true
		}
	}
	return best, ok, errors.Join(err, ix.usable())
}

// distorted is a scan at every stretch and shift that is looked at roughly.
type distorted struct {
	m         *matrix
	q         DistortedQuery
	v         Vector
	stretches []float64
	low       [][]float32 // pooled scans, by stretch
	shifts    int         // pools either way
	asked     asked       // by stretch, then shift
	inverse   []float32   // of the norm of each of these

	mu    sync.Mutex
	scans map[float64]Vector // by stretch, as far as they were needed
}

func newDistorted(m *matrix, v Vector, q DistortedQuery) *distorted {
	d := &distorted{m: m, q: q, v: v, shifts: (q.MaxShift + pool - 1) / pool, asked: asked{n: m.rough.n}, scans: map[float64]Vector{}}
	steps := int(math.Ceil(q.MaxStretch/coarseStretch - 1e-9))
	for i := -steps; i <= steps; i++ {
		stretch := math.Max(-q.MaxStretch, math.Min(q.MaxStretch, float64(i)*coarseStretch))
		low, _ := pooled(d.line(stretch))
		d.stretches, d.low = append(d.stretches, stretch), append(d.low, low)
	}
	lines := slices.Concat(d.low...)
	quant := make([]int8, len(lines))
	kernel.Quantise(quant, lines, kernel.MostAsked)
	d.ask(quant, len(lines)/len(d.low))
	return d
}

// line is the scan on the grid of the matrix with a stretch taken out, with as much beside it as shifts reach.
func (d *distorted) line(stretch float64) []float32 {
	margin := d.shifts * pool
	line := make([]float32, d.m.n+2*margin)
	low, values := d.v.stretchedBack(stretch)
	for k, x := range values {
		if at := low + k - d.m.low + margin; at >= 0 && at < len(line) {
			line[at] = float32(root(x))
		}
	}
	return line
}

// scan is the scan with a stretch taken out. It is safe for concurrent use.
func (d *distorted) scan(stretch float64) Vector {
	d.mu.Lock()
	defer d.mu.Unlock()
	v, ok := d.scans[stretch]
	if !ok {
		low, values := d.v.stretchedBack(stretch)
		v = newVector(d.v.Technique, low, values)
		d.scans[stretch] = v
	}
	return v
}

// signatures of the scan at every stretch.
func (d *distorted) signatures() asked {
	var lags []float32
	for _, low := range d.low {
		lags = append(lags, signature(low)...)
	}
	quant := make([]int8, len(lags))
	kernel.Quantise(quant, lags, kernel.MostAsked)
	out := asked{n: signatureLags}
	out.ask(quant, 1)
	return out
}

// ask makes queries of the parts of quant, which has each values a stretch, that meet the matrix at each shift.
func (d *distorted) ask(quant []int8, each int) {
	n, places := d.m.n/pool, 2*d.shifts+1
	queries := len(d.low) * places
	queries += (kernel.Tile - queries%kernel.Tile) % kernel.Tile
	d.asked.queries = make([]uint8, queries*d.asked.n)
	d.inverse = make([]float32, 0, queries)
	shown, squares := make([]uint8, each), make([]int32, each+1)
	for i := range d.low {
		line := quant[i*each : (i+1)*each]
		kernel.Asked(shown, line)
		for k, x := range line {
			squares[k+1] = squares[k] + int32(x)*int32(x)
		}
		for k := range places {
			query := d.asked.queries[(i*places+k)*d.asked.n:][:d.asked.n]
			for j := copy(query, shown[k:k+n]); j < len(query); j++ {
				query[j] = kernel.Offset
			}
			d.inverse = append(d.inverse, float32(1/math.Sqrt(math.Max(1, float64(squares[k+n]-squares[k])))))
		}
	}
}

// rough is a reference with the stretch and shift at which its rough layer agrees best with the scan.
type rough struct {
	row, stretch int
	shift        float64 // cm-1
	score        float64
}

// likely are the references that agree best with the scan at the places where their rough layers do, best first.
func (d *distorted) likely(ctx context.Context) ([]rough, error) {
	rows, err := d.candidates(ctx)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	places, scores := make([]int, len(rows)), make([]float32, len(rows))
	err = onEveryCore(ctx, len(rows), func() func(int) {
		products := make([]int32, d.asked.count())
		return func(k int) { places[k], scores[k] = d.best(rows[k], products) }
	})
	if err != nil {
		return nil, err
	}
	least := kthOf(scores, min(likely, len(scores)))
	var out []rough
	for k, i := range rows {
		if scores[k] >= least {
			stretch, shift := places[k]/(2*d.shifts+1), places[k]%(2*d.shifts+1)-d.shifts
			out = append(out, rough{row: i, stretch: stretch, shift: float64(pool * shift)})
		}
	}
	err = onEveryCore(ctx, len(out), func() func(int) { return func(k int) { d.place(&out[k]) } })
	slices.SortFunc(out, func(a, b rough) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(d.m.ids.at(a.row), d.m.ids.at(b.row)))
	})
	return out[:min(coarseKept, len(out))], err
}

// best is the stretch and shift at which the rough layer of row i agrees best with the scan, and how well, on a scale that all
// rows share. products is room for those with all queries.
func (d *distorted) best(i int, products []int32) (at int, score float32) {
	l := &d.m.rough
	kernel.Products(products, d.asked.queries, l.quant[i*l.n:(i+1)*l.n], l.n)
	offset := kernel.Offset * l.total[i]
	for k, by := range d.inverse {
		if s := float32(products[k]-offset) * by; k == 0 || s > score {
			at, score = k, s
		}
	}
	return at, score * l.step[i]
}

// kthOf is the k-th largest of values, of which there are as many at least.
func kthOf(values []float32, k int) float32 {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return sorted[len(sorted)-k]
}

// place finds how well r agrees with the scan near the place where their rough layers do best.
func (d *distorted) place(r *rough) {
	a, ok := Align(d.scan(d.stretches[r.stretch]), d.m.whole(r.row), r.shift, roughReach)
	if r.score = a.Score; !ok {
		r.score = math.Inf(-1)
	}
}

// closest compares the scan with a reference at stretches near the one found, and near the best of these at several
// resolutions. Its Overlap is 0 where too little is in common.
func (d *distorted) closest(r rough) (best DistortedHit) {
	ref := d.m.whole(r.row)
	middle, stretch := float64(d.v.Low+d.v.High())/2, d.stretches[r.stretch]
	for i := -3; i <= 3; i++ {
		other := stretch + float64(i)*fineStretch
		// What is in the middle of the scan stays where it is.
		d.try(&best, r.row, ref, other, r.shift+middle/(1+other)-middle/(1+stretch), roughReach)
	}
	if best.Overlap == 0 {
		return best
	}
	found := best
	for _, width := range fineWidths {
		shown := ref.Broadened(width)
		for i := -1; i <= 1; i++ {
			other := found.Stretch + float64(i)*fineStretch
			around := found.ShiftCM1/(1+found.Stretch) + middle/(1+other) - middle/(1+found.Stretch)
			d.try(&best, r.row, shown, other, around, widthReach)
		}
	}
	return best
}

// try takes the reference at a stretch, around a shift, if that is better than best.
func (d *distorted) try(best *DistortedHit, row int, ref Vector, stretch, around float64, reach int) {
	if math.Abs(stretch) > d.q.MaxStretch+fineStretch {
		return
	}
	a, ok := Align(d.scan(stretch), ref, around, reach)
	if ok && (best.Overlap == 0 || a.Score > best.Score) {
		// Positions of the scan without its stretch read a.ShiftCM1 too high, so those of the scan 1+stretch times that.
		*best = DistortedHit{d.m.ids.at(row), Distortion{a.ShiftCM1 * (1 + stretch), stretch}, a.Score, a.Overlap}
	}
}

// comparedRoughly is how many references are compared at every stretch and shift: so many at least, and one in so many.
const comparedRoughly, comparedOneIn = 40, 50

// candidates are the rows that may take part; when they are many, those whose signatures agree best with the scan's.
func (d *distorted) candidates(ctx context.Context) (rows []int, err error) {
	for i := range d.m.rows() {
		if d.q.Of.has(d.m, i) {
			rows = append(rows, i)
		}
	}
	compared := comparedRoughly + len(rows)/comparedOneIn
	if len(rows) <= compared {
		return rows, ctx.Err()
	}
	l, lags := &d.m.lags, d.signatures()
	agree := make([]float32, d.m.rows())
	err = onEveryCore(ctx, (len(agree)+chunk-1)/chunk, func() func(int) {
		products := make([]int32, chunk)
		return func(c int) {
			from, to := c*chunk, min((c+1)*chunk, len(agree))
			kernel.Largest(products[:to-from], lags.queries, l.quant[from*l.n:to*l.n], l.n)
			for i := from; i < to; i++ {
				agree[i] = float32(products[i-from]-kernel.Offset*l.total[i]) * l.step[i]
			}
		}
	})
	of := make([]float32, len(rows))
	for k, i := range rows {
		of[k] = agree[i]
	}
	least := kthOf(of, compared)
	return slices.DeleteFunc(rows, func(i int) bool { return agree[i] < least }), err
}

// stretchedBack is the derivative of v from wavenumber low on with a stretch of its axis taken out.
func (v Vector) stretchedBack(stretch float64) (low int, derivative []float64) {
	if stretch == 0 {
		return v.Low, v.Derivative
	}
	low = int(math.Ceil(float64(v.Low) / (1 + stretch)))
	high := int(math.Floor(float64(v.High()) / (1 + stretch)))
	d := make([]float64, high-low+1)
	for i := range d {
		at := float64(low+i)*(1+stretch) - float64(v.Low)
		k := min(int(at), len(v.Derivative)-2)
		f := at - float64(k)
		d[i] = (1-f)*v.Derivative[k] + f*v.Derivative[k+1]
	}
	return low, d
}
