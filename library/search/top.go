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
// Every row is bounded from above by its int8 products (screen). The k rows of the highest bounds are compared exactly; the
// k-th of those scores is one that k rows reach, so a row whose bound is below it is not among the k best. All others are
// compared.
func (m *matrix) top(ctx context.Context, v Vector, q Query) ([]Hit, error) {
	bounds, err := m.bounds(ctx, v, q.MaxShift)
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
	hits, err := m.compare(ctx, v, q.MaxShift, rowsAbove(bounds, first, math.Inf(1)))
	if err != nil {
		return nil, err
	}
	if math.IsInf(first, -1) {
		return best(hits), nil // no more than k have enough in common
	}
	scores := make([]float64, len(hits))
	for i, h := range hits {
		scores[i] = h.Score
	}
	// Of equal bounds there may be more than k: then the k-th score of all of them counts.
	reached := kth(scores, q.K)
	more, err := m.compare(ctx, v, q.MaxShift, rowsAbove(bounds, reached, first))
	if err != nil {
		return nil, err
	}
	hits = best(append(hits, more...))
	return hits[:min(q.K, len(hits))], nil
}

// best sorts hits.
func best(hits []Hit) []Hit {
	slices.SortFunc(hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ReferenceID, b.ReferenceID))
	})
	return hits
}

// bounds of the scores of all rows.
func (m *matrix) bounds(ctx context.Context, v Vector, maxShift int) ([]float64, error) {
	s := newScreen(m, v, maxShift)
	for _, of := range m.spans {
		s.frame(of) // so that the workers only read
	}
	out := make([]float64, len(m.ids))
	return out, onEveryCore(ctx, (len(m.ids)+chunk-1)/chunk, func() func(int) {
		products := make([]int32, chunk*s.shifts)
		return func(c int) {
			from, to := c*chunk, min((c+1)*chunk, len(m.ids))
			kernel.DotsShifted(products, m.quant[from*m.n:to*m.n], m.n, s.quant, s.shifts)
			for i := from; i < to; i++ {
				out[i] = s.bound(i, products[(i-from)*s.shifts:(i-from+1)*s.shifts])
			}
		}
	})
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

// compare compares rows exactly.
func (m *matrix) compare(ctx context.Context, v Vector, maxShift int, rows []int) ([]Hit, error) {
	hits := make([]Hit, len(rows))
	err := onEveryCore(ctx, len(rows), func() func(int) {
		return func(i int) {
			hits[i] = Hit{ReferenceID: m.ids[rows[i]], Alignment: Alignment{Score: math.Inf(-1)}}
			if a, ok := Align(v, m.vector(rows[i]), 0, maxShift); ok {
				hits[i].Alignment = a
			}
		}
	})
	return slices.DeleteFunc(hits, func(h Hit) bool { return math.IsInf(h.Score, -1) }), err
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
