// Package lookback looks through all scans ever stored: for those that a new reference would have matched, and for those that
// look like a given scan. The archive says quickly which may agree; the stored spectra say exactly which do; and what agrees is
// answered again with the library as it is now. Stored answers stay as they were given.
package lookback

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"fentrace/library"
	"fentrace/library/archive"
	"fentrace/library/identify"
	"fentrace/library/search"
	"fentrace/server/seal"
	"fentrace/server/store"
	"fentrace/spectra"
)

const (
	// Least is the correlation with a reference from which on a scan is answered again. A substance that makes up little of a
	// mixture correlates less and is not found this way.
	Least = 0.5
	// maxShift (cm-1) is the axis error forgiven.
	maxShift = identify.DefaultShiftCM1
	// fillAtOnce is how many scans are read from the database at a time, saveEvery how many answers are stored at a time.
	fillAtOnce, saveEvery = 256, 32
	// fillTries is how often a screening is repeated when a segment of the archive turns out to be damaged.
	fillTries = 3
)

// ErrNoReference is wrapped when a reference cannot be looked for.
var ErrNoReference = errors.New("the past cannot be looked through with it")

// Identifier answers spectra.
type Identifier interface {
	Identify(ctx context.Context, s spectra.Spectrum) (identify.Identification, error)
}

// Looker looks through the scans of one database.
type Looker struct {
	Store   *store.Store
	Archive *archive.Archive
	Clock   func() time.Time

	filling sync.Mutex // one at a time asks what is missing and adds it
}

// Fill brings the archive up to date with the database. progress, when set, hears how many scans were added.
func (l *Looker) Fill(ctx context.Context, progress func(added int)) error {
	ctx = store.ByProgram(ctx, "archive") // it holds everything: what is taken from it is looked at as whoever asks may
	l.filling.Lock()
	defer l.filling.Unlock()
	added := 0
	for _, t := range archive.Techniques {
		for {
			after, to := l.Archive.Missing(t)
			scans, upTo, err := l.Store.ScansAfter(ctx, string(t), after, to, fillAtOnce)
			if err != nil {
				return err
			}
			if upTo == after {
				break
			}
			ready, err := prepared(ctx, scans)
			if err != nil {
				return err
			}
			if err := l.Archive.Add(t, ready, upTo); err != nil {
				return err
			}
			if added += len(scans); progress != nil {
				progress(added)
			}
		}
	}
	return nil
}

// prepared are the scans that can be searched. One whose stored spectrum cannot be read is none: it must not keep those after it
// out of the archive.
func prepared(ctx context.Context, scans []store.SearchableScan) ([]archive.Scan, error) {
	vectors := make([]search.Vector, len(scans))
	err := onAllCores(ctx, len(scans), func(ctx context.Context, i int) error {
		sp, err := scans[i].Spectrum()
		if errors.Is(err, seal.ErrNoKey) { // it can be read, but not with the keys this program has
			return err
		}
		if err == nil {
			vectors[i], _ = search.Prepare(sp.Ascending()) // left empty when it cannot be searched
		}
		return nil
	})
	var out []archive.Scan
	for i, sc := range scans {
		if len(vectors[i].D) > 0 {
			out = append(out, archive.Scan{ID: sc.ID, Seq: sc.Seq, Vector: vectors[i]})
		}
	}
	return out, err
}

// onAllCores does 0..n-1 until ctx ends or one of them fails.
func onAllCores(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	g, until := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := 0; i < n && until.Err() == nil; i++ {
		g.Go(func() error { return do(until, i) })
	}
	return cmp.Or(g.Wait(), ctx.Err())
}

// screen are the scans that may agree with v at least so well, from an archive that is up to date.
func (l *Looker) screen(ctx context.Context, v search.Vector, least float64) (found []archive.Candidate, err error) {
	for range fillTries {
		if err := l.Fill(ctx, nil); err != nil {
			return nil, err
		}
		if found, err = l.Archive.Screen(ctx, v, maxShift, least, nil); !errors.Is(err, archive.ErrDamaged) {
			return found, err
		}
	}
	return nil, err
}

// Reference finds a reference that can be looked for. The error wraps ErrNoReference.
func Reference(lib *library.Stack, id string) (library.Reference, search.Vector, error) {
	for _, r := range lib.References() {
		if r.ID != id {
			continue
		}
		s, err := r.Load(context.Background())
		if err != nil {
			return r, search.Vector{}, fmt.Errorf("%w: %w", ErrNoReference, err)
		}
		v, err := search.Prepare(s.Ascending())
		if err != nil {
			return r, v, fmt.Errorf("reference %s: %w: %w", id, ErrNoReference, err)
		}
		return r, v, nil
	}
	return library.Reference{}, search.Vector{}, fmt.Errorf("reference %s is not in the library: %w", id, ErrNoReference)
}

// version is that of what this package does; it changes whenever a hit can.
const version = "fentrace-lookback/1"

// Algorithm names all besides the reference and the library that a hit and its answer follow from: what finds it, what answers it,
// and the validation that its thresholds are from.
func Algorithm(lib *library.Stack, t spectra.Technique) string {
	name := version + " " + identify.Algorithm
	if v, ok := lib.Validation(t); ok {
		name += " validated " + v.Made.UTC().Format(time.RFC3339Nano)
	}
	return name
}

// Begin notes that the past is to be looked through with a reference, as store.BeginRescreen says. by is who asks. The error wraps
// ErrNoReference when that is impossible.
func (l *Looker) Begin(ctx context.Context, lib *library.Stack, referenceID, by string) (store.Rescreen, error) {
	ref, _, err := Reference(lib, referenceID)
	if err != nil {
		return store.Rescreen{}, err
	}
	sub, _ := lib.Substance(ref.SubstanceID)
	return l.Store.BeginRescreen(ctx, store.Rescreen{ReferenceID: referenceID, Substance: sub.Name, Library: lib.Version(),
		Algorithm: Algorithm(lib, ref.Technique), AskedBy: by, Created: l.Clock()})
}

// Rescreen looks through the past with the reference of r, from where r stopped, and stores what agrees with it, how far it is,
// and how it ended. Whoever cancels r in the database ends it before the next scans are answered. progress, when set, hears how many
// of the scans that are answered again are done. The error is that of the database, as when it is away or full, or of ctx: r is then cut
// off, not ended, and can go on later.
func (l *Looker) Rescreen(ctx context.Context, lib *library.Stack, id Identifier, r store.Rescreen, progress func(done, total int)) (store.Rescreen, error) {
	ctx = store.ByProgram(ctx, "look-back")
	err := l.rescreen(ctx, lib, id, &r, progress)
	switch {
	case err == nil:
		r.State = store.RescreenDone
	case errors.Is(err, store.ErrCancelled):
		r.State = store.RescreenCancelled
		return r, nil
	case ctx.Err() != nil:
		return r, ctx.Err()
	case store.Outage(err):
		return r, err
	default:
		r.State, r.Error = store.RescreenFailed, err.Error()
	}
	// What is known must be stored although ctx may end now.
	return r, l.Store.EndRescreen(context.WithoutCancel(ctx), r)
}

func (l *Looker) rescreen(ctx context.Context, lib *library.Stack, id Identifier, r *store.Rescreen, progress func(done, total int)) error {
	ref, v, err := Reference(lib, r.ReferenceID)
	if err != nil {
		return err
	}
	may, err := l.screen(ctx, v, Least)
	if err != nil {
		return err
	}
	if library, algorithm := lib.Version(), Algorithm(lib, ref.Technique); r.Library != library || r.Algorithm != algorithm {
		// It was cut off, or waited, until others answer: what is done was not done with them.
		r.Library, r.Algorithm, r.UpTo = library, algorithm, 0
		r.Count(func(_ store.Bucket, t *store.Tally) { t.Done, t.Reused = 0, 0 })
	}
	left := slices.DeleteFunc(may, func(c archive.Candidate) bool { return c.Seq <= r.UpTo })
	of, err := l.tally(ctx, v.Technique, r, left)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(left, saveEvery) {
		hits := make([]*store.LookBackHit, len(some))
		err := onAllCores(ctx, len(some), func(ctx context.Context, i int) (err error) {
			hits[i], err = l.look(ctx, ref, v, r, id, some[i])
			return err
		})
		if err != nil {
			return err
		}
		before := r.UpTo
		count := func(n int) {
			for _, c := range some {
				r.CountIn(of[c.ScanID], func(t *store.Tally) { t.Done += n })
			}
		}
		count(1)
		r.UpTo = some[len(some)-1].Seq
		if err := l.Store.SaveRescreen(ctx, *r, found(hits)); err != nil {
			if !errors.Is(err, store.ErrCancelled) { // what was not stored is not done, whatever is noted of r now
				count(-1)
				r.UpTo = before
			}
			return err
		}
		if progress != nil {
			progress(r.Done, r.Total)
		}
	}
	return l.alert(ctx, *r)
}

// tally sets how many scans of each bucket r is about, and returns the buckets of those that are left.
func (l *Looker) tally(ctx context.Context, t spectra.Technique, r *store.Rescreen, left []archive.Candidate) (of map[string]store.Bucket, err error) {
	archived, _ := l.Archive.Missing(t)
	screened, err := l.Store.Searchable(ctx, string(t), archived)
	if err != nil {
		return nil, err
	}
	r.Count(func(_ store.Bucket, t *store.Tally) { t.Screened, t.Total = 0, t.Done })
	for b, n := range screened {
		r.CountIn(b, func(t *store.Tally) { t.Screened = n })
	}
	of = map[string]store.Bucket{}
	for some := range slices.Chunk(left, fillAtOnce) {
		ids := make([]string, len(some))
		for i, c := range some {
			ids[i] = c.ScanID
		}
		buckets, err := l.Store.Buckets(ctx, ids)
		if err != nil {
			return nil, err
		}
		for id, b := range buckets {
			of[id] = b
			r.CountIn(b, func(t *store.Tally) { t.Total++ })
		}
	}
	return of, nil
}

// found leaves out what is no hit.
func found(hits []*store.LookBackHit) (out []store.LookBackHit) {
	for _, h := range hits {
		if h != nil {
			out = append(out, *h)
		}
	}
	return out
}

// look compares one scan exactly and answers it again; nil when it does not agree with the reference.
func (l *Looker) look(ctx context.Context, ref library.Reference, v search.Vector, r *store.Rescreen, id Identifier, c archive.Candidate) (*store.LookBackHit, error) {
	sp, err := l.Store.Spectrum(ctx, c.ScanID)
	if err != nil {
		return nil, err
	}
	if ref.Tier == library.Simulated && !sp.Metadata.Simulated {
		return nil, nil // a simulated reference says nothing about a real scan
	}
	a, ok := agrees(sp, v, Least)
	if !ok {
		return nil, nil
	}
	ans, err := id.Identify(ctx, sp)
	if err != nil {
		return nil, fmt.Errorf("answer a scan again: %w", err)
	}
	hit := &store.LookBackHit{ReferenceID: r.ReferenceID, ScanID: c.ScanID, Substance: r.Substance, Score: a.Score, ShiftCM1: a.ShiftCM1,
		Verdict: string(ans.Verdict), Headline: ans.Headline, Library: ans.Library, Algorithm: r.Algorithm, Found: l.Clock()}
	for _, f := range ans.Findings {
		if strings.EqualFold(f.Substance, r.Substance) {
			hit.Stated, hit.Class, hit.Controlled = true, f.Class, f.Controlled
		}
	}
	return hit, nil
}

// agrees compares a stored spectrum exactly; ok when it correlates with v by at least least.
func agrees(sp spectra.Spectrum, v search.Vector, least float64) (a search.Alignment, ok bool) {
	scan, err := search.Prepare(sp.Ascending())
	if err != nil {
		return a, false
	}
	a, ok = search.Align(scan, v, 0, maxShift)
	return a, ok && a.Score >= least
}
