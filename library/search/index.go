package search

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"sync"

	"fentrace/library"
	"fentrace/spectra"
)

// Index holds the prepared reference spectra of a library. It is safe for concurrent use.
type Index struct {
	tables  map[spectra.Technique]*matrix
	coarse  map[spectra.Technique][]Vector // of every row, for SearchDistorted
	rows    map[string]place
	skipped []Skipped
}

// place of a reference.
type place struct {
	of  *matrix
	row int
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
	entries := map[spectra.Technique][]entry{}
	var skipped []Skipped
	for _, r := range refs {
		if r.Spectrum == nil {
			continue
		}
		v, err := Prepare(*r.Spectrum)
		if err != nil {
			skipped = append(skipped, Skipped{r.ID, err})
			continue
		}
		entries[v.Technique] = append(entries[v.Technique], entry{r.ID, v})
	}
	ix := fromEntries(entries)
	ix.skipped = skipped
	return ix
}

// FromVectors makes an index of prepared spectra; ids[i] is the id of vectors[i].
func FromVectors(ids []string, vectors []Vector) *Index {
	entries := map[spectra.Technique][]entry{}
	for i, v := range vectors {
		entries[v.Technique] = append(entries[v.Technique], entry{ids[i], v})
	}
	return fromEntries(entries)
}

func fromEntries(entries map[spectra.Technique][]entry) *Index {
	ix := &Index{tables: map[spectra.Technique]*matrix{}, coarse: map[spectra.Technique][]Vector{}, rows: map[string]place{}}
	for t, of := range entries {
		m := newMatrix(of)
		ix.tables[t] = m
		for i, e := range of {
			ix.rows[e.id] = place{m, i}
			ix.coarse[t] = append(ix.coarse[t], e.vec.coarse())
		}
	}
	return ix
}

// Skipped lists the references that take no part in searches.
func (ix *Index) Skipped() []Skipped { return ix.skipped }

// Len is the number of searchable references of a technique.
func (ix *Index) Len(t spectra.Technique) int {
	if m := ix.tables[t]; m != nil {
		return len(m.ids)
	}
	return 0
}

// kernelShift is the widest shift that the kernel looks at; beyond, FFTs are faster.
const kernelShift = 31

// Search returns the exact k best references for v, best first, equal scores in order of reference id. References
// that share less than MinRangeCM1 with the scan take no part.
func (ix *Index) Search(ctx context.Context, v Vector, q Query) ([]Hit, error) {
	if q.K < 1 || q.MaxShift < 0 || q.MaxShift > len(v.D) {
		return nil, fmt.Errorf("search: k %d must be at least 1, shift %d within 0..%d cm-1", q.K, q.MaxShift, len(v.D))
	}
	m := ix.tables[v.Technique]
	switch {
	case m == nil:
		return nil, ctx.Err()
	case q.MaxShift <= kernelShift:
		return m.top(ctx, v, q)
	}
	return m.topByFFT(ctx, v, q)
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
	p, ok := ix.rows[referenceID]
	if !ok {
		return Vector{}, false
	}
	v := p.of.vector(p.row)
	v.Derivative = make([]float64, len(v.D))
	for i, x := range v.D {
		v.Derivative[i] = x * math.Abs(x)
	}
	return v, true
}
