package search

import (
	"cmp"
	"context"
	"math"
	"slices"

	"fentrace/library/search/kernel"
)

const (
	// chunk is how many rows one worker takes at a time: their rough values fit its first cache.
	chunk = 64
	// batch is how many scans share a pass over the rows.
	batch = 16
)

// top is the exact k best rows for each of several scans within maxShift, best first, equal scores in order of id, as if every
// row had been compared by Align. Rows that are not wanted take no part.
//
// Every row is bounded from above by its rough int8 products (screen). The k rows of the highest bounds are compared exactly;
// the k-th of their scores is one that k rows reach, so a row whose bound is below it is not among the k best. The others
// are bounded by their fine products, and what still is not below is compared.
func (m *matrix) top(ctx context.Context, scans []Vector, q Query) ([][]Hit, error) {
	if len(scans) == 1 {
		s := newScreen(m, scans[0], q.MaxShift)
		bounds, err := roughBounds(ctx, []*screen{s})
		if err != nil {
			return nil, err
		}
		hits, err := s.best(ctx, q, bounds[0], onEveryCore)
		return [][]Hit{hits}, err
	}
	out := make([][]Hit, 0, len(scans))
	for some := range slices.Chunk(scans, batch) {
		screens := make([]*screen, len(some))
		for i, v := range some {
			screens[i] = newScreen(m, v, q.MaxShift)
		}
		bounds, err := roughBounds(ctx, screens)
		if err != nil {
			return nil, err
		}
		hits, failed := make([][]Hit, len(some)), make([]error, len(some))
		err = onEveryCore(ctx, len(some), func() func(int) {
			return func(i int) { hits[i], failed[i] = screens[i].best(ctx, q, bounds[i], onThisCore) }
		})
		for _, e := range append(failed, err) {
			if e != nil {
				return nil, e
			}
		}
		out = append(out, hits...)
	}
	return out, nil
}

// rowHit is a hit whose shift is whole yet.
type rowHit struct {
	Hit
	row int
}

// best rows, given the rough bounds of all.
func (s *screen) best(ctx context.Context, q Query, bounds []float32, share sharing) ([]Hit, error) {
	for i := range bounds {
		if !q.has(s.m, i) {
			bounds[i] = float32(math.Inf(-1))
		}
	}
	first := kth(bounds, q.K)
	rows := rowsAbove(bounds, first, float32(math.Inf(1)))
	found, err := s.compare(ctx, rows, math.Inf(-1), share)
	if err != nil {
		return nil, err
	}
	if !math.IsInf(float64(first), -1) { // else no more than k have enough in common
		reached := math.Inf(-1)
		if len(found) >= q.K { // of equal bounds there may be more
			reached = found[q.K-1].Score
		}
		more, err := s.compare(ctx, rowsAbove(bounds, float32(reached-boundSlack), first), reached, share)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
		slices.SortFunc(found, rowHit.compare)
	}
	found = found[:min(q.K, len(found))]
	out := make([]Hit, len(found))
	return out, share(ctx, len(found), func() func(int) {
		c := newComparison(s)
		return func(i int) {
			out[i] = found[i].Hit
			out[i].ShiftCM1 += c.fraction(found[i].row, int(found[i].ShiftCM1), found[i].Score)
		}
	})
}

func (h rowHit) compare(other rowHit) int { return h.Hit.compare(other.Hit) }

// compare orders hits: the better one first, equal ones by id.
func (h Hit) compare(other Hit) int {
	return cmp.Or(cmp.Compare(other.Score, h.Score), cmp.Compare(h.ReferenceID, other.ReferenceID))
}

// roughBounds of the scores of all rows of the matrix that the screens share, for each screen.
func roughBounds(ctx context.Context, screens []*screen) ([][]float32, error) {
	m := screens[0].m
	l := &m.rough
	out := make([][]float32, len(screens))
	for i := range screens {
		out[i] = make([]float32, m.rows())
	}
	return out, onEveryCore(ctx, (m.rows()+chunk-1)/chunk, func() func(int) {
		products := make([]int32, chunk)
		return func(c int) {
			from, to := c*chunk, min((c+1)*chunk, m.rows())
			for i, s := range screens {
				kernel.Largest(products[:to-from], s.rough.queries, l.quant[from*l.n:to*l.n], l.n)
				s.roughBounds(out[i][from:to], products[:to-from], from)
			}
		}
	})
}

// rowsAbove are the rows whose bound is at least low and below high.
func rowsAbove(bounds []float32, low, high float32) (rows []int) {
	for i, b := range bounds {
		if b >= low && b < high && !math.IsInf(float64(b), -1) {
			rows = append(rows, i)
		}
	}
	return rows
}

// compare compares rows exactly, as Align does, but for those whose fine bound is below least, and those that share too
// little, which are left out. The best come first.
func (s *screen) compare(ctx context.Context, rows []int, least float64, share sharing) ([]rowHit, error) {
	hits := make([]rowHit, len(rows))
	err := share(ctx, len(rows), func() func(int) {
		c := newComparison(s)
		return func(k int) {
			a, ok := c.align(rows[k], least)
			if hits[k] = (rowHit{Hit{s.m.ids.at(rows[k]), a}, rows[k]}); !ok {
				hits[k].Score = math.Inf(-1)
			}
		}
	})
	hits = slices.DeleteFunc(hits, func(h rowHit) bool { return math.IsInf(h.Score, -1) })
	slices.SortFunc(hits, rowHit.compare)
	return hits, err
}

// kth is the k-th largest of values, -Inf when there are fewer.
func kth(values []float32, k int) float32 {
	if len(values) < k {
		return float32(math.Inf(-1))
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
	hits := make([]Hit, m.rows())
	err := onEveryCore(ctx, len(hits), func() func(int) {
		c := newCorrelator(v, m.n, q.MaxShift)
		return func(i int) {
			hits[i] = Hit{ReferenceID: m.ids.at(i), Alignment: Alignment{Score: math.Inf(-1)}}
			if !q.has(m, i) {
				return
			}
			if a, ok := c.align(m.vector(i)); ok {
				hits[i].Alignment = a
			}
		}
	})
	hits = slices.DeleteFunc(hits, func(h Hit) bool { return math.IsInf(h.Score, -1) })
	slices.SortFunc(hits, Hit.compare)
	return hits[:min(q.K, len(hits))], err
}
