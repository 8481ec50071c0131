package search

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"fentrace/library"
	"fentrace/spectra"
)

// Index holds the prepared reference spectra of a library.
type Index struct {
	entries map[spectra.Technique][]entry
	longest map[spectra.Technique]int
	vectors map[string]Vector
	skipped []Skipped
}

type entry struct {
	id          string
	vec, coarse Vector
}

// Skipped is a reference that cannot be searched, with the reason.
type Skipped struct {
	ReferenceID string
	Err         error
}

// Hit is one reference and how well it agrees with the scan.
type Hit struct {
	ReferenceID string
	Alignment
}

// Query says how to search.
type Query struct {
	K        int // hits wanted, best first; at least 1
	MaxShift int // whole cm-1 either way; 0 compares in place only
	// Keep, when set, chooses which references take part; it must be safe for concurrent use.
	Keep func(referenceID string) bool
}

// NewIndex prepares every reference that has a spectrum. References that cannot be searched are left out and
// reported by Skipped, so one bad reference does not disable a library.
func NewIndex(refs []library.Reference) *Index {
	ix := &Index{
		entries: map[spectra.Technique][]entry{}, longest: map[spectra.Technique]int{}, vectors: map[string]Vector{},
	}
	for _, r := range refs {
		if r.Spectrum == nil {
			continue
		}
		v, err := Prepare(*r.Spectrum)
		if err != nil {
			ix.skipped = append(ix.skipped, Skipped{r.ID, err})
			continue
		}
		ix.vectors[r.ID] = v
		ix.entries[v.Technique] = append(ix.entries[v.Technique], entry{r.ID, v, v.coarse()})
		ix.longest[v.Technique] = max(ix.longest[v.Technique], len(v.D))
	}
	return ix
}

// Skipped lists the references that take no part in searches.
func (ix *Index) Skipped() []Skipped { return ix.skipped }

// Len is the number of searchable references of a technique.
func (ix *Index) Len(t spectra.Technique) int { return len(ix.entries[t]) }

// Search returns the exact k best references for v, best first, equal scores in order of reference id. References
// that share less than MinRangeCM1 with the scan take no part.
func (ix *Index) Search(ctx context.Context, v Vector, q Query) ([]Hit, error) {
	if q.K < 1 || q.MaxShift < 0 || q.MaxShift > len(v.D) {
		return nil, fmt.Errorf("search: k %d must be at least 1, shift %d within 0..%d cm-1", q.K, q.MaxShift, len(v.D))
	}
	entries := ix.entries[v.Technique]
	hits := make([]Hit, len(entries))
	err := onEveryCore(ctx, len(entries), func() func(int) {
		c := newCorrelator(v, ix.longest[v.Technique], q.MaxShift)
		return func(i int) {
			hits[i] = Hit{ReferenceID: entries[i].id, Alignment: Alignment{Score: math.Inf(-1)}}
			if q.Keep != nil && !q.Keep(entries[i].id) {
				return
			}
			if a, ok := c.align(entries[i].vec); ok {
				hits[i].Alignment = a
			}
		}
	})
	if err != nil {
		return nil, err
	}
	hits = slices.DeleteFunc(hits, func(h Hit) bool { return math.IsInf(h.Score, -1) })
	slices.SortFunc(hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ReferenceID, b.ReferenceID))
	})
	return hits[:min(q.K, len(hits))], nil
}

// onEveryCore does 0..n-1, shared out among as many goroutines as there are cores, each with a worker of its own. Its error
// is that of ctx.
func onEveryCore(ctx context.Context, n int, worker func() func(i int)) error {
	workers := min(runtime.GOMAXPROCS(0), n)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			do := worker()
			for i := w; i < n && ctx.Err() == nil; i += workers {
				do(i)
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("search: %w", err)
	}
	return nil
}

// Vector returns the prepared form of a reference.
func (ix *Index) Vector(referenceID string) (Vector, bool) {
	v, ok := ix.vectors[referenceID]
	return v, ok
}
