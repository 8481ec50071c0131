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
func (s *screen) best(ctx context.Context, q Query, bounds roughly, share sharing) ([]Hit, error) {
	if q.Of != nil || q.Except != nil {
		bounds.without(func(i int) bool { return !q.has(s.m, i) })
	}
	first, none := bounds.kth(q.K), float32(math.Inf(-1))
	top := newLeading(q.K)
	found, err := s.compare(ctx, bounds.within(max(first, -math.MaxFloat32), float32(math.Inf(1))), top, share)
	if err != nil {
		return nil, err
	}
	if first > none { // else no more than k have enough in common
		more, err := s.compare(ctx, bounds.within(max(below(top.reached()), -math.MaxFloat32), first), top, share)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	slices.SortFunc(found, rowHit.compare)
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

// below is a float32 that is less than x.
func below(x float64) float32 { return math.Nextafter32(float32(x), float32(math.Inf(-1))) }

// roughly are bounds of the scores of all rows.
type roughly struct {
	of   []float32
	most []float32 // of each chunk of rows
}

// without takes out rows, whose bound becomes -Inf.
func (b *roughly) without(out func(i int) bool) {
	none := float32(math.Inf(-1))
	for c := range b.most {
		part := b.of[c*chunk : min((c+1)*chunk, len(b.of))]
		b.most[c] = none
		for k := range part {
			if out(c*chunk + k) {
				part[k] = none
			}
			b.most[c] = max(b.most[c], part[k])
		}
	}
}

// within are the rows whose bound is at least low and below high.
func (b *roughly) within(low, high float32) (rows []int) {
	for c, most := range b.most {
		if most < low {
			continue
		}
		for k, x := range b.of[c*chunk : min((c+1)*chunk, len(b.of))] {
			if x >= low && x < high {
				rows = append(rows, c*chunk+k)
			}
		}
	}
	return rows
}

// kth is the k-th largest bound, -Inf when there are fewer.
func (b *roughly) kth(k int) float32 {
	none := float32(math.Inf(-1))
	heap := make([]float32, k) // the least on top
	for i := range heap {
		heap[i] = none
	}
	for c, most := range b.most {
		if most <= heap[0] {
			continue
		}
		for _, x := range b.of[c*chunk : min((c+1)*chunk, len(b.of))] {
			if x > heap[0] {
				heap[0] = x
				sink(heap, 0)
			}
		}
	}
	return heap[0]
}

// roughBounds of the scores of all rows of the matrix that the screens share, for each screen.
func roughBounds(ctx context.Context, screens []*screen) ([]roughly, error) {
	m := screens[0].m
	l := &m.rough
	out := make([]roughly, len(screens))
	chunks := (m.rows() + chunk - 1) / chunk
	for i := range screens {
		out[i] = roughly{make([]float32, m.rows()), make([]float32, chunks)}
	}
	return out, onEveryCore(ctx, chunks, func() func(int) {
		products := make([]int32, chunk)
		return func(c int) {
			from, to := c*chunk, min((c+1)*chunk, m.rows())
			for i, s := range screens {
				kernel.Largest(products[:to-from], s.rough.queries, l.quant[from*l.n:to*l.n], l.n)
				bounds := out[i].of[from:to]
				s.roughBounds(bounds, products[:to-from], from)
				out[i].most[c] = slices.Max(bounds)
			}
		}
	})
}

// bounded is a row with a bound of its score.
type bounded struct {
	row   int
	bound float64
}

// compare compares rows exactly, as Align does, but for those that are not among the best of top, which all the rows are added to,
// and those that share too little. Rows of the highest fine bounds come first, so that few are compared that are not.
func (s *screen) compare(ctx context.Context, rows []int, top *leading, share sharing) ([]rowHit, error) {
	ordered := make([]bounded, len(rows))
	err := share(ctx, len(rows), func() func(int) {
		products := make([]int32, s.fine.count())
		return func(k int) { ordered[k] = bounded{rows[k], s.fineBound(rows[k], products)} }
	})
	if err != nil {
		return nil, err
	}
	least := top.reached()
	ordered = slices.DeleteFunc(ordered, func(b bounded) bool { return b.bound < least || math.IsInf(b.bound, -1) })
	slices.SortFunc(ordered, func(a, b bounded) int { return cmp.Compare(b.bound, a.bound) })
	hits := make([]rowHit, len(ordered))
	err = share(ctx, len(ordered), func() func(int) {
		c := newComparison(s)
		return func(k int) {
			b := ordered[k]
			hits[k].Score = math.Inf(-1)
			if b.bound < top.reached() {
				return
			}
			if a, ok := c.align(b.row); ok {
				hits[k] = rowHit{Hit{s.m.ids.at(b.row), a}, b.row}
				top.add(a.Score)
			}
		}
	})
	return slices.DeleteFunc(hits, func(h rowHit) bool { return math.IsInf(h.Score, -1) }), err
}

// fineBound is at least the score of row i.
func (s *screen) fineBound(i int, products []int32) float64 {
	l := &s.m.fine
	kernel.Products(products, s.fine.queries, l.quant[i*l.n:(i+1)*l.n], l.n)
	return s.bound(i, l, &s.fine, slices.Max(products))
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
