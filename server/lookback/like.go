package lookback

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"fentrace/library/archive"
	"fentrace/library/search"
	"fentrace/server/store"
	"fentrace/spectra"
)

// Similar is a stored scan that looks like another, with what was answered to it at the time.
type Similar struct {
	ScanID    string    `json:"scan_id"`
	Score     float64   `json:"score" doc:"correlation, 0 to 1"`
	ShiftCM1  float64   `json:"shift_cm1"`
	Acquired  time.Time `json:"acquired"`
	County    string    `json:"county"`
	State     string    `json:"state"`
	Verdict   string    `json:"verdict" doc:"presumptive"`
	Headline  string    `json:"headline"`
	Simulated bool      `json:"simulated"`
}

// better orders by likeness, best first.
func better(a, b Similar) int {
	return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ScanID, b.ScanID))
}

// LikePage is Like in pages: next is the cursor of the page after it, "" on the last. The error wraps store.ErrInvalid for a cursor that
// it did not give.
func (l *Looker) LikePage(ctx context.Context, scanID string, s spectra.Spectrum, least float64, cursor string, limit int) (found []Similar, next string, err error) {
	var last *Similar
	if cursor != "" {
		bits, id, err := store.ReadCursor(cursor)
		if err != nil {
			return nil, "", err
		}
		last = &Similar{Score: math.Float64frombits(uint64(bits)), ScanID: id}
	}
	if found, err = l.like(ctx, scanID, s, least, last, limit+1); err != nil || len(found) <= limit {
		return found, "", err
	}
	found = found[:limit]
	return found, store.Cursor(int64(math.Float64bits(found[limit-1].Score)), found[limit-1].ScanID), nil
}

// likeAtOnce is how many scans Like compares before it looks whether the rest can still be among the best.
const likeAtOnce = 64

// Like are up to limit stored scans that whoever asks may see and that agree with s by a correlation of at least least, best first, s itself left out: exactly
// the best, though only those are compared that by what the archive says of them may be.
// The error wraps search.ErrNotSearchable when s cannot be compared.
func (l *Looker) Like(ctx context.Context, scanID string, s spectra.Spectrum, least float64, limit int) ([]Similar, error) {
	return l.like(ctx, scanID, s, least, nil, limit)
}

// like is Like of those that follow last, unless that is nil.
func (l *Looker) like(ctx context.Context, scanID string, s spectra.Spectrum, least float64, last *Similar, limit int) ([]Similar, error) {
	v, err := search.Prepare(s.Ascending())
	if err != nil {
		return nil, err
	}
	may, err := l.screen(ctx, v, least)
	if err != nil {
		return nil, err
	}
	may = slices.DeleteFunc(may, func(c archive.Candidate) bool { return c.ScanID == scanID })
	slices.SortStableFunc(may, func(a, b archive.Candidate) int { return cmp.Compare(b.Bound, a.Bound) })
	best := []Similar{}
	for some := range slices.Chunk(may, likeAtOnce) {
		if len(best) == limit && some[0].Bound < best[limit-1].Score-rounding {
			break
		}
		like := make([]Similar, len(some))
		err := onAllCores(ctx, len(some), func(ctx context.Context, i int) error {
			sp, err := l.Store.Spectrum(ctx, some[i].ScanID)
			if errors.Is(err, store.ErrNotFound) {
				return nil // whoever asks may not see it
			}
			if err != nil {
				return err
			}
			if a, ok := agrees(sp, v, least); ok {
				like[i] = Similar{ScanID: some[i].ScanID, Score: a.Score, ShiftCM1: a.ShiftCM1}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		best = append(best, slices.DeleteFunc(like, func(s Similar) bool { return s.ScanID == "" || last != nil && better(s, *last) <= 0 })...)
		slices.SortFunc(best, better)
		best = best[:min(limit, len(best))]
	}
	return best, l.describe(ctx, best)
}

// describe fills in what is known of the scans besides their likeness.
func (l *Looker) describe(ctx context.Context, found []Similar) error {
	for i := range found {
		f := &found[i]
		sc, err := l.Store.Scan(ctx, f.ScanID)
		if err != nil {
			return err
		}
		f.Acquired, f.Verdict, f.Headline, f.Simulated = sc.Acquired, sc.Verdict, sc.Headline, sc.Simulated
		if sc.Location != nil {
			f.County, f.State = sc.Location.County, sc.Location.State
		}
	}
	return nil
}

// rounding is more than what a score can be above its bound because of rounding.
const rounding = 1e-6
