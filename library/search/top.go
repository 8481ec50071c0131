package search

import (
	"cmp"
	"context"
	"math"
	"slices"

	"fentrace/library/search/kernel"
)

// chunk is how many rows one worker takes at a time: their int8 values fit its cache.
const chunk = 128

// top is the exact k best rows for v within maxShift, best first, equal scores in order of id, as if every row had been
// compared by Align. Rows that keep refuses take no part.
//
// Every row is bounded from above by its rough int8 products (screen). The k rows of the highest bounds are compared exactly;
// the k-th of their scores is one that k rows reach, so a row whose bound is below it is not among the k best. The others
// are bounded by their fine products, and what still is not below is compared.
func (m *matrix) top(ctx context.Context, v Vector, q Query) ([]Hit, error) {
	s := newScreen(m, v, q.MaxShift)
	bounds, err := s.roughBounds(ctx)
	if err != nil {
		return nil, err
	}
	if q.Keep != nil {
		for i, id := range m.ids {
			if !math.IsInf(bounds[i], -1) && !q.Keep(id) {
				bounds[i] = math.Inf(-1)
			}
		}
	}
	first := kth(bounds, q.K)
	found, err := m.compare(ctx, v, q.MaxShift, rowsAbove(bounds, first, math.Inf(1)))
	if err != nil {
		return nil, err
	}
	if found = best(found); !math.IsInf(first, -1) { // else no more than k have enough in common
		reached := math.Inf(-1)
		if len(found) >= q.K { // of equal bounds there may be more
			reached = found[q.K-1].Score
		}
		rows, err := s.fineAbove(ctx, rowsAbove(bounds, reached, first), reached)
		if err != nil {
			return nil, err
		}
		more, err := m.compare(ctx, v, q.MaxShift, rows)
		if err != nil {
			return nil, err
		}
		found = best(append(found, more...))
	}
	return found[:min(q.K, len(found))], nil
}

// best sorts hits.
func best(hits []Hit) []Hit {
	slices.SortFunc(hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ReferenceID, b.ReferenceID))
	})
	return hits
}

// roughBounds of the scores of all rows.
func (s *screen) roughBounds(ctx context.Context) ([]float64, error) {
	m, l := s.m, &s.m.rough
	out := make([]float64, len(m.ids))
	return out, onEveryCore(ctx, (len(m.ids)+chunk-1)/chunk, func() func(int) {
		products := make([]int32, max(chunk, s.shifts))
		return func(c int) {
			from, to := c*chunk, min((c+1)*chunk, len(m.ids))
			if s.shifts == 1 { // the other way round there is one product a call
				kernel.Products(products[:to-from], s.rough.quant, l.quant[from*l.n:to*l.n])
				for i := from; i < to; i++ {
					out[i] = s.bound(i, l, &s.rough, products[i-from:i-from+1])
				}
				return
			}
			for i := from; i < to; i++ {
				kernel.Products(products[:s.shifts], l.quant[i*l.n:(i+1)*l.n], s.rough.quant)
				out[i] = s.bound(i, l, &s.rough, products[:s.shifts])
			}
		}
	})
}

// fineAbove are those of rows whose fine bound is at least low.
func (s *screen) fineAbove(ctx context.Context, rows []int, low float64) ([]int, error) {
	l := &s.m.fine
	keep := make([]bool, len(rows))
	err := onEveryCore(ctx, len(rows), func() func(int) {
		products := make([]int32, s.shifts)
		return func(k int) {
			i := rows[k]
			kernel.Products(products, l.quant[i*l.n:(i+1)*l.n], s.fine.quant)
			keep[k] = s.bound(i, l, &s.fine, products) >= low
		}
	})
	var out []int
	for k, i := range rows {
		if keep[k] {
			out = append(out, i)
		}
	}
	return out, err
}

// rowsAbove are the rows whose bound is at least low and below high.
func rowsAbove(bounds []float64, low, high float64) (rows []int) {
	for i, b := range bounds {
		if b >= low && b < high && !math.IsInf(b, -1) {
			rows = append(rows, i)
		}
	}
	return rows
}

// compare compares rows exactly, as Align does; those that share too little are left out.
func (m *matrix) compare(ctx context.Context, v Vector, maxShift int, rows []int) ([]Hit, error) {
	hits := make([]Hit, len(rows))
	err := onEveryCore(ctx, len(rows), func() func(int) {
		row, scores := make([]float64, m.n), make([]float64, 2*maxShift+3)
		return func(k int) {
			i := rows[k]
			for c, x := range m.value[i*m.n : (i+1)*m.n] {
				row[c] = float64(x)
			}
			a, ok := bestShift(0, maxShift, scores, func(shift int) (float64, int) { return m.correlation(v, row, i, shift) })
			if hits[k] = (Hit{m.ids[i], a}); !ok {
				hits[k].Score = math.Inf(-1)
			}
		}
	})
	return slices.DeleteFunc(hits, func(h Hit) bool { return math.IsInf(h.Score, -1) }), err
}

// correlation is Vector.correlation of v with row i, whose values are given, to the last bit.
func (m *matrix) correlation(v Vector, row []float64, i, shift int) (score float64, overlap int) {
	first, last := m.low+int(m.spans[i].first), m.low+int(m.spans[i].last)
	lo, hi := max(first, v.Low-shift), min(last, v.High()-shift)
	n := hi - lo + 1
	if n < MinRangeCM1 {
		return math.Inf(-1), 0
	}
	vi, ri := lo+shift-v.Low, lo-m.low
	sumTo, squareTo := m.prefix(i, ri+n)
	sumFrom, squareFrom := m.prefix(i, ri)
	sum := sumTo - sumFrom
	return pearson(v, vi, n, row[ri:ri+n], sum, math.Max(squareTo-squareFrom-sum*sum/float64(n), 0)), n
}

// kth is the k-th largest of values, -Inf when there are fewer.
func kth(values []float64, k int) float64 {
	if len(values) < k {
		return math.Inf(-1)
	}
	// A heap of the k largest so far, the least on top.
	heap := slices.Clone(values[:k])
	down := func(i int) {
		for {
			least := i
			for c := 2*i + 1; c <= 2*i+2 && c < k; c++ {
				if heap[c] < heap[least] {
					least = c
				}
			}
			if least == i {
				return
			}
			heap[i], heap[least] = heap[least], heap[i]
			i = least
		}
	}
	for i := k/2 - 1; i >= 0; i-- {
		down(i)
	}
	for _, x := range values[k:] {
		if x > heap[0] {
			heap[0] = x
			down(0)
		}
	}
	return heap[0]
}

// topByFFT is top for shifts beyond the kernel's: every row is compared at all shifts at once.
func (m *matrix) topByFFT(ctx context.Context, v Vector, q Query) ([]Hit, error) {
	hits := make([]Hit, len(m.ids))
	err := onEveryCore(ctx, len(hits), func() func(int) {
		c := newCorrelator(v, m.n, q.MaxShift)
		return func(i int) {
			hits[i] = Hit{ReferenceID: m.ids[i], Alignment: Alignment{Score: math.Inf(-1)}}
			if q.Keep != nil && !q.Keep(m.ids[i]) {
				return
			}
			if a, ok := c.align(m.vector(i)); ok {
				hits[i].Alignment = a
			}
		}
	})
	hits = best(slices.DeleteFunc(hits, func(h Hit) bool { return math.IsInf(h.Score, -1) }))
	return hits[:min(q.K, len(hits))], err
}
