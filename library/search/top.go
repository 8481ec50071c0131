package search

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"

	"fentrace/library/search/kernel"
)

const (
	// chunk is how many rows are bounded at a time: their rough values fit the first cache.
	chunk = 64
	// grain is how many chunks in a row one worker takes: memory is read ahead where it is read in order.
	grain = 8
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
			return func(i int) {
				a := &Asked{m: m, v: some[i], maxShift: q.MaxShift, screen: screens[i], rough: bounds[i]}
				hits[i], failed[i] = a.best(ctx, q, onThisCore)
				a.rough.release()
			}
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
func (a *Asked) best(ctx context.Context, q Query, share sharing) ([]Hit, error) {
	bounds := a.rough
	if q.Of != nil || q.Except != nil {
		bounds = bounds.without(func(i int) bool { return !q.has(a.m, i) })
	}
	none := float32(math.Inf(-1))
	first, least := bounds.kth(q, a.m), below(q.least())
	top := newLeading(q.K, q.Each)
	found, err := a.compare(ctx, bounds.within(max(first, least, -math.MaxFloat32), float32(math.Inf(1))), q, top, share)
	if err != nil {
		return nil, err
	}
	if first > max(none, least) { // else no more than k have enough in common, or say enough
		more, err := a.compare(ctx, bounds.within(max(below(top.reached()), least, -math.MaxFloat32), first), q, top, share)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	slices.SortFunc(found, rowHit.compare)
	found = q.choose(a.m, found)
	out := make([]Hit, len(found))
	return out, share(ctx, len(found), func() func(int) {
		c := newComparison(a.screen)
		return func(i int) {
			out[i] = found[i].Hit
			out[i].ShiftCM1 += c.fraction(found[i].row, int(found[i].ShiftCM1), found[i].Score)
		}
	})
}

// choose takes the k best of found, which are in order, and of one group no more than wanted.
func (q Query) choose(m *matrix, found []rowHit) []rowHit {
	of := map[int]int{}
	found = slices.DeleteFunc(found, func(h rowHit) bool {
		g := q.Groups.of(m, h.row)
		of[g]++
		return q.Each > 0 && of[g] > q.Each || q.Least > 0 && h.Score < q.Least
	})
	return found[:min(q.K, len(found))]
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

// spareRoughly are bounds of searches that have ended: they are written anew faster than new memory.
var spareRoughly sync.Pool

func newRoughly(rows, chunks int) roughly {
	if spare, ok := spareRoughly.Get().(*roughly); ok && cap(spare.of) >= rows && cap(spare.most) >= chunks {
		return roughly{spare.of[:rows], spare.most[:chunks]}
	}
	return roughly{make([]float32, rows), make([]float32, chunks)}
}

// release gives the bounds back; they must not be used any more.
func (b roughly) release() { spareRoughly.Put(&b) }

// without are the bounds where those of some rows are -Inf.
func (b roughly) without(out func(i int) bool) roughly {
	none := float32(math.Inf(-1))
	b.of, b.most = slices.Clone(b.of), slices.Clone(b.most)
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
	return b
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

// kth is the k-th largest bound, of one group no more than wanted; -Inf when there are fewer.
func (b *roughly) kth(q Query, m *matrix) float32 {
	top, least := newLeading(q.K, q.Each), float32(math.Inf(-1))
	for c, most := range b.most {
		if most <= least {
			continue
		}
		for k, x := range b.of[c*chunk : min((c+1)*chunk, len(b.of))] {
			if x > least {
				top.add(float64(x), q.Groups.of(m, c*chunk+k))
				least = float32(top.reached())
			}
		}
	}
	return least
}

// roughBounds of the scores of all rows of the matrix that the screens share, for each screen.
func roughBounds(ctx context.Context, screens []*screen) ([]roughly, error) {
	m := screens[0].m
	l := &m.rough
	out := make([]roughly, len(screens))
	chunks := (m.rows() + chunk - 1) / chunk
	for i := range screens {
		out[i] = newRoughly(m.rows(), chunks)
	}
	return out, onEveryCore(ctx, (chunks+grain-1)/grain, func() func(int) {
		products := make([]int32, chunk)
		return func(g int) {
			for c := g * grain; c < min((g+1)*grain, chunks); c++ {
				from, to := c*chunk, min((c+1)*chunk, m.rows())
				for i, s := range screens {
					kernel.Largest(products[:to-from], s.rough.queries, l.quant[from*l.n:to*l.n], l.n)
					bounds := out[i].of[from:to]
					s.roughBounds(bounds, products[:to-from], from)
					out[i].most[c] = largest(bounds)
				}
			}
		}
	})
}

// largest of values, none of which is NaN.
func largest(values []float32) float32 {
	most := values[0]
	for _, x := range values[1:] {
		if x > most {
			most = x
		}
	}
	return most
}

// bounded is a row with a bound of its score.
type bounded struct {
	row   int
	bound float64
}

// compare compares rows exactly, as Align does, but for those that are not among the best of top, which all the rows are added to,
// and those that share too little. Rows of the highest fine bounds come first, so that few are compared that are not.
func (a *Asked) compare(ctx context.Context, rows []int, q Query, top *leading, share sharing) ([]rowHit, error) {
	ordered := make([]bounded, len(rows))
	err := share(ctx, len(rows), func() func(int) {
		products := make([]int32, a.screen.fine.count())
		return func(k int) { ordered[k] = bounded{rows[k], a.bound(rows[k], products)} }
	})
	if err != nil {
		return nil, err
	}
	least := max(top.reached(), q.least())
	ordered = slices.DeleteFunc(ordered, func(b bounded) bool { return b.bound < least || math.IsInf(b.bound, -1) })
	slices.SortFunc(ordered, func(a, b bounded) int { return cmp.Compare(b.bound, a.bound) })
	hits := make([]rowHit, len(ordered))
	err = share(ctx, len(ordered), func() func(int) {
		c := newComparison(a.screen)
		return func(k int) {
			b := ordered[k]
			hits[k].Score = math.Inf(-1)
			group := q.Groups.of(a.m, b.row)
			if !top.wants(b.bound, group) {
				return
			}
			hits[k] = a.align(c, b.row)
			top.add(hits[k].Score, group) // not when it is -Inf
		}
	})
	return slices.DeleteFunc(hits, func(h rowHit) bool { return math.IsInf(h.Score, -1) }), err
}

// least score that is of interest.
func (q Query) least() float64 {
	if q.Least > 0 {
		return q.Least
	}
	return math.Inf(-1)
}

// fineBound is at least the score of row i.
func (s *screen) fineBound(i int, products []int32) float64 {
	l := &s.m.fine
	kernel.Products(products, s.fine.queries, l.quant[i*l.n:(i+1)*l.n], l.n)
	return s.bound(i, l, &s.fine, slices.Max(products))
}

// topByFFT is top for shifts beyond the kernel's: every row is compared at all shifts at once.
func (m *matrix) topByFFT(ctx context.Context, v Vector, q Query) ([]Hit, error) {
	hits := make([]rowHit, m.rows())
	err := onEveryCore(ctx, len(hits), func() func(int) {
		c := newCorrelator(v, m.n, q.MaxShift)
		return func(i int) {
			hits[i] = rowHit{Hit{ReferenceID: m.ids.at(i), Alignment: Alignment{Score: math.Inf(-1)}}, i}
			if !q.has(m, i) {
				return
			}
			if a, ok := c.align(m.vector(i)); ok {
				hits[i].Alignment = a
			}
		}
	})
	hits = slices.DeleteFunc(hits, func(h rowHit) bool { return math.IsInf(h.Score, -1) })
	slices.SortFunc(hits, rowHit.compare)
	var out []Hit
	for _, h := range q.choose(m, hits) {
		out = append(out, h.Hit)
	}
	return out, err
}
