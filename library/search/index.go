package search

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"fentrace/library"
	"fentrace/spectra"
)

// Index holds the prepared reference spectra of a library. It is safe for concurrent use.
type Index struct {
	tables  map[spectra.Technique]*matrix
	rows    map[string]place
	skipped []Skipped
	files   []*rowFile // those that the tables are mapped from
	damaged atomic.Pointer[error]
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
	// Of is which references take part, nil for all.
	Of *Subset
	// Except is which groups of references take no part, nil for none.
	Except *Except
	// Each, when above 0, is how many hits of one of Groups there are at most.
	Each   int
	Groups *Groups
	// Least is the score below which hits are left out; 0 leaves out none.
	Least float64
}

// has reports whether row i of m takes part.
func (q Query) has(m *matrix, i int) bool { return q.Of.has(m, i) && !q.Except.has(m, i) }

// NewIndex prepares every reference that has a spectrum. References that cannot be searched are left out and
// reported by Skipped, so one bad reference does not disable a library.
func NewIndex(refs []library.Reference) *Index {
	entries := map[spectra.Technique][]entry{}
	var skipped []Skipped
	for _, r := range refs {
		if !r.HasSpectrum() {
			continue
		}
		v, err := prepareReference(r)
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

// preparedAtOnce is how many references are prepared, and held in memory in full, at a time.
const preparedAtOnce = 256

// newLargeIndex is NewIndex for so many references that their vectors are not all held in memory in full. progress, when set,
// hears how many are done.
func newLargeIndex(ctx context.Context, refs []library.Reference, progress func(done, total int)) (*Index, error) {
	of := map[spectra.Technique]int{}
	for _, r := range refs {
		if r.HasSpectrum() {
			of[r.Technique]++
		}
	}
	tables, skipped, done := map[spectra.Technique]*matrix{}, []Skipped(nil), 0
	for some := range slices.Chunk(refs, preparedAtOnce) {
		vectors, errs := make([]Vector, len(some)), make([]error, len(some))
		err := onEveryCore(ctx, len(some), func() func(int) {
			return func(i int) {
				if some[i].HasSpectrum() {
					vectors[i], errs[i] = prepareReference(some[i])
				}
			}
		})
		if err != nil {
			return nil, err
		}
		for i, r := range some {
			switch v := vectors[i]; {
			case errors.Is(errs[i], errUnread):
				return nil, errs[i]
			case errs[i] != nil:
				skipped = append(skipped, Skipped{r.ID, errs[i]})
			case v.D != nil:
				if tables[v.Technique] == nil {
					w := windows[v.Technique]
					tables[v.Technique] = emptyMatrix(v.Technique, int(w.Low), int(w.High), of[v.Technique], false)
				}
				tables[v.Technique].add(r.ID, v)
			}
		}
		if done += len(some); progress != nil {
			progress(done, len(refs))
		}
	}
	ix := newIndex()
	for _, m := range tables {
		ix.include(m)
	}
	ix.skipped = skipped
	return ix, nil
}

// errUnread: a reference could not be read although nothing is wrong with it, as when its file is locked or was moved. To leave it
// out would be to leave it out for good, since an index is kept.
var errUnread = errors.New("prepare the references")

func prepareReference(r library.Reference) (Vector, error) {
	s, err := r.Load(context.Background())
	switch {
	case errors.Is(err, library.ErrDamaged):
		return Vector{}, err
	case err != nil:
		return Vector{}, fmt.Errorf("%w: %w", errUnread, err)
	}
	return Prepare(s)
}

// skips reports whether a reference was left out for an error of this kind.
func (ix *Index) skips(kind error) bool {
	return slices.ContainsFunc(ix.skipped, func(s Skipped) bool { return errors.Is(s.Err, kind) })
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
	ix := newIndex()
	for _, of := range entries {
		ix.include(newMatrix(of))
	}
	return ix
}

func newIndex() *Index {
	return &Index{tables: map[spectra.Technique]*matrix{}, rows: map[string]place{}}
}

// include takes in the references of one technique.
func (ix *Index) include(m *matrix) {
	ix.tables[m.technique] = m
	for i := range m.rows() {
		ix.rows[m.ids.at(i)] = place{m, i}
	}
}

// Skipped lists the references that take no part in searches.
func (ix *Index) Skipped() []Skipped { return ix.skipped }

// Len is the number of searchable references of a technique.
func (ix *Index) Len(t spectra.Technique) int {
	if m := ix.tables[t]; m != nil {
		return m.rows()
	}
	return 0
}

// kernelShift is the widest shift that the kernel looks at; beyond, FFTs are faster.
const kernelShift = 31

// Search returns the exact k best references for v, best first, equal scores in order of reference id. References
// that share less than MinRangeCM1 with the scan take no part.
func (ix *Index) Search(ctx context.Context, v Vector, q Query) ([]Hit, error) {
	a, err := ix.ask(ctx, v, q.MaxShift)
	if err != nil {
		return nil, err
	}
	defer a.rough.release()
	return a.Search(ctx, q)
}

// usable is the error of a file that turned out to be damaged, or cannot be read.
func (ix *Index) usable() error {
	if damaged := ix.damaged.Load(); damaged != nil {
		return fmt.Errorf("search: the file of prepared references is damaged and was removed; start again: %w", *damaged)
	}
	for _, m := range ix.tables {
		if err := m.unread(); err != nil {
			return fmt.Errorf("search: the file of prepared references cannot be read; start again: %w", err)
		}
	}
	return nil
}

// SearchAll is Search for many scans of one technique, which share passes over the library; the answers are those of Search.
func (ix *Index) SearchAll(ctx context.Context, vs []Vector, q Query) ([][]Hit, error) {
	for _, v := range vs {
		if v.Technique != vs[0].Technique {
			return nil, fmt.Errorf("search: scans of %s and %s in one search", vs[0].Technique, v.Technique)
		}
		if err := q.validate(v); err != nil {
			return nil, err
		}
	}
	if len(vs) == 0 {
		return nil, ctx.Err()
	}
	if err := ix.usable(); err != nil {
		return nil, err
	}
	if m := ix.tables[vs[0].Technique]; m != nil && q.MaxShift <= kernelShift {
		hits, err := m.top(ctx, vs, q)
		return hits, errors.Join(err, ix.usable())
	}
	out := make([][]Hit, len(vs))
	for i, v := range vs {
		var err error
		if out[i], err = ix.Search(ctx, v, q); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (q Query) validate(v Vector) error {
	switch {
	case q.K < 1 || q.MaxShift < 0 || q.MaxShift > len(v.D):
		return fmt.Errorf("search: k %d must be at least 1, shift %d within 0..%d cm-1", q.K, q.MaxShift, len(v.D))
	case q.Each < 0 || q.Each > 0 && q.Groups == nil:
		return fmt.Errorf("search: %d hits of each group, of which there are none", q.Each)
	}
	return nil
}

// sharing does 0..n-1, in whatever order, among workers that each have state of their own. Its error is that of ctx.
type sharing func(ctx context.Context, n int, worker func() func(i int)) error

// onEveryCore shares the work out among as many goroutines as there are cores.
func onEveryCore(ctx context.Context, n int, worker func() func(i int)) error {
	workers := min(runtime.GOMAXPROCS(0), n)
	if workers < 2 {
		return onThisCore(ctx, n, worker)
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	part := func() {
		do := worker()
		for i := int(next.Add(1)); i <= n && ctx.Err() == nil; i = int(next.Add(1)) {
			do(i - 1)
		}
	}
	for range workers - 1 {
		wg.Go(part)
	}
	part()
	wg.Wait()
	return ended(ctx)
}

// onThisCore does all of it here.
func onThisCore(ctx context.Context, n int, worker func() func(i int)) error {
	if n > 0 {
		do := worker()
		for i := 0; i < n && ctx.Err() == nil; i++ {
			do(i)
		}
	}
	return ended(ctx)
}

func ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("search: %w", err)
	}
	return nil
}

// Has reports whether a reference can be searched.
func (ix *Index) Has(referenceID string) bool {
	_, ok := ix.rows[referenceID]
	return ok
}

// Vector returns the prepared form of a reference; ok is false when there is none, or it cannot be read.
func (ix *Index) Vector(referenceID string) (v Vector, ok bool) {
	p, ok := ix.rows[referenceID]
	if !ok {
		return Vector{}, false
	}
	return p.of.whole(p.row), p.of.unread() == nil
}
