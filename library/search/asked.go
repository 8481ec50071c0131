package search

import (
	"context"
	"errors"
	"math"
	"sync"
)

// Asked is a scan that references are looked for with, again and again: what one search found out about a reference, the next
// one knows. It is safe for concurrent use.
type Asked struct {
	ix       *Index
	m        *matrix // nil when there is no reference of its technique
	v        Vector
	maxShift int
	screen   *screen // nil for shifts beyond the kernel's
	rough    roughly

	mu    sync.Mutex
	known map[int]rowHit // rows compared; nil when there is only one search
}

// Ask prepares searches for v within maxShift, whole cm-1 either way. Errors are those of Search.
func (ix *Index) Ask(ctx context.Context, v Vector, maxShift int) (*Asked, error) {
	a, err := ix.ask(ctx, v, maxShift)
	if err == nil {
		a.known = map[int]rowHit{}
	}
	return a, err
}

func (ix *Index) ask(ctx context.Context, v Vector, maxShift int) (*Asked, error) {
	if err := (Query{K: 1, MaxShift: maxShift}).validate(v); err != nil {
		return nil, err
	}
	if err := ix.usable(); err != nil {
		return nil, err
	}
	a := &Asked{ix: ix, m: ix.tables[v.Technique], v: v, maxShift: maxShift}
	if a.m == nil || maxShift > kernelShift {
		return a, ended(ctx)
	}
	a.screen = newScreen(a.m, v, maxShift)
	bounds, err := roughBounds(ctx, []*screen{a.screen})
	if err != nil {
		return nil, err
	}
	a.rough = bounds[0]
	return a, nil
}

// Search is Index.Search for the scan; the shift of q is that of Ask, whatever it says.
func (a *Asked) Search(ctx context.Context, q Query) ([]Hit, error) {
	q.MaxShift = a.maxShift
	if err := q.validate(a.v); err != nil {
		return nil, err
	}
	if err := a.ix.usable(); err != nil {
		return nil, err
	}
	switch {
	case a.m == nil:
		return nil, ended(ctx)
	case a.screen == nil:
		hits, err := a.m.topByFFT(ctx, a.v, q)
		return hits, errors.Join(err, a.ix.usable())
	}
	hits, err := a.best(ctx, q, onEveryCore)
	return hits, errors.Join(err, a.ix.usable())
}

// bound is at least the score of row i. products is room for those with all shifts.
func (a *Asked) bound(i int, products []int32) float64 {
	if h, ok := a.knows(i); ok {
		return h.Score
	}
	return a.screen.fineBound(i, products)
}

// knows returns what an earlier search found out about row i.
func (a *Asked) knows(i int) (rowHit, bool) {
	if a.known == nil {
		return rowHit{}, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	h, ok := a.known[i]
	return h, ok
}

// align is comparison.align of a row, once; the score is -Inf when too little is in common.
func (a *Asked) align(c *comparison, i int) rowHit {
	h, ok := a.knows(i)
	if ok {
		return h
	}
	h.row, h.ReferenceID = i, a.m.ids.at(i)
	if h.Alignment, ok = c.align(i); !ok {
		h.Score = math.Inf(-1)
	}
	if a.known != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.known[i] = h
	}
	return h
}
