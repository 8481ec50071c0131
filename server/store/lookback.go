package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"fentrace/server/audit"
	"fentrace/spectra"
)

// The states of a Rescreen.
const (
	RescreenRunning   = "running"
	RescreenDone      = "done"
	RescreenCancelled = "cancelled"
	RescreenFailed    = "failed"
)

// ErrCancelled: the look-back was cancelled while it ran.
var ErrCancelled = errors.New("was cancelled")

// Rescreen is one look through all stored scans with one reference.
type Rescreen struct {
	ID          string    `json:"id" doc:"UUID"`
	ReferenceID string    `json:"reference_id"`
	Substance   string    `json:"substance"`
	Library     string    `json:"library" doc:"version of the library that answers"`
	Algorithm   string    `json:"algorithm" doc:"name and version of what compares and answers"`
	AskedBy     string    `json:"asked_by" doc:"empty: the server itself, because the library has learnt"`
	Created     time.Time `json:"created"`
	State       string    `json:"state" enum:"running,done,cancelled,failed"`
	Error       string    `json:"error" doc:"why it failed"`
	Screened    int       `json:"screened" doc:"scans in the archive"`
	Total       int       `json:"total" doc:"scans so like the reference that they are answered again"`
	Done        int       `json:"done" doc:"of these"`
	Reused      int       `json:"reused" doc:"of those done: looked at by an earlier look-back with the same library and algorithm, whose stored answers are used"`
	Hits        int       `json:"hits" doc:"scans that agree with the reference"`
	Stated      int       `json:"stated" doc:"of these, those whose answer of now rests on the substance"`
	// UpTo is the number of the scan up to which it is done.
	UpTo int64 `json:"-"`
	// Counts are Screened, Total, Done and Reused of each bucket. They are read for the program only.
	Counts map[Bucket]Tally `json:"-"`
}

// Tally is how far a look-back is with the scans of a bucket.
type Tally struct {
	Screened, Total, Done, Reused int
}

// Count changes the tally of each bucket, and what they sum up to.
func (r *Rescreen) Count(change func(Bucket, *Tally)) {
	var all Tally
	for b, t := range r.Counts {
		change(b, &t)
		r.Counts[b] = t
		all = Tally{all.Screened + t.Screened, all.Total + t.Total, all.Done + t.Done, all.Reused + t.Reused}
	}
	r.Screened, r.Total, r.Done, r.Reused = all.Screened, all.Total, all.Done, all.Reused
}

// CountIn changes the tally of one bucket, and what all sum up to.
func (r *Rescreen) CountIn(b Bucket, change func(*Tally)) {
	t := r.Counts[b]
	was := t
	change(&t)
	if r.Counts == nil {
		r.Counts = map[Bucket]Tally{}
	}
	r.Counts[b] = t
	r.Screened, r.Total = r.Screened+t.Screened-was.Screened, r.Total+t.Total-was.Total
	r.Done, r.Reused = r.Done+t.Done-was.Done, r.Reused+t.Reused-was.Reused
}

// LookBackHit is a scan like a reference that was not there when it was answered.
type LookBackHit struct {
	ReferenceID string    `json:"reference_id"`
	ScanID      string    `json:"scan_id"`
	Substance   string    `json:"substance"`
	Class       string    `json:"class"`
	Controlled  bool      `json:"controlled"`
	Score       float64   `json:"score" doc:"correlation with the reference, 0 to 1"`
	ShiftCM1    float64   `json:"shift_cm1"`
	Stated      bool      `json:"stated" doc:"the answer of now rests on the substance"`
	Verdict     string    `json:"verdict" doc:"of now, presumptive; the stored answer stays"`
	Headline    string    `json:"headline"`
	Library     string    `json:"library"`
	Algorithm   string    `json:"algorithm"`
	Found       time.Time `json:"found"`
	Acquired    time.Time `json:"acquired" doc:"when the scan was taken"`
	County      string    `json:"county"`
	State       string    `json:"state"`
	Simulated   bool      `json:"simulated"`
}

// SearchableScan is a stored spectrum, as it is stored, with its number.
type SearchableScan struct {
	Seq    int64
	ID     string
	stored sealed
	store  *Store
	recent *spectra.Spectrum // nil: it has to be read from stored
}

// Spectrum reads it, which takes some time: whoever has many does so on all cores.
func (sc SearchableScan) Spectrum() (sp spectra.Spectrum, err error) {
	if sc.recent != nil {
		return *sc.recent, nil
	}
	plain, err := sc.store.open(sc.stored, spectrumOf(sc.ID))
	if err != nil {
		return spectra.Spectrum{}, err
	}
	if err := json.Unmarshal(plain, &sp); err != nil {
		return spectra.Spectrum{}, fmt.Errorf("stored spectrum of scan %s: %w", sc.ID, err)
	}
	return sp, nil
}

// ScansAfter are up to limit scans of a technique with a number above after and, unless to is 0, up to to, and the number up to
// which there are no others.
func (s *Store) ScansAfter(ctx context.Context, technique string, after, to int64, limit int) (scans []SearchableScan, upTo int64, err error) {
	see, args, err := visible(ctx, "s")
	if err != nil {
		return nil, 0, err
	}
	if upTo = to; to == 0 {
		if upTo, err = s.LastEvent(ctx); err != nil {
			return nil, 0, err
		}
	}
	rows, err := s.r.QueryContext(ctx, "SELECT s.seq, s.id, s.spectrum, s.spectrum_key FROM scans s WHERE s.seq > ? AND s.seq <= ? AND s.technique = ? AND s.spectrum_key <> '"+erasedKey+"' AND "+see+" ORDER BY s.seq LIMIT ?",
		slices.Concat([]any{after, upTo, technique}, args, []any{limit})...)
	if err != nil {
		return nil, 0, fmt.Errorf("read scans after %d: %w", after, err)
	}
	defer rows.Close()
	for rows.Next() {
		sc := SearchableScan{store: s}
		if err := rows.Scan(&sc.Seq, &sc.ID, &sc.stored.value, &sc.stored.key); err != nil {
			return nil, 0, fmt.Errorf("read scans after %d: %w", after, err)
		}
		if sp, ok := s.recent.Get(sc.ID); ok {
			sc.recent = &sp
		}
		scans = append(scans, sc)
	}
	if len(scans) == limit {
		upTo = scans[limit-1].Seq
	}
	return scans, max(upTo, after), rows.Err()
}

// BeginRescreen notes that the past is to be looked through with a reference. One with the same reference and library that was
// cancelled, or cut off, goes on where it stopped. Where one has ended with the same reference, library and algorithm, what it
// stored is used, and only scans stored since are looked at.
func (s *Store) BeginRescreen(ctx context.Context, r Rescreen) (Rescreen, error) {
	err := s.write(ctx, func(tx queries) error {
		same, err := answeredWith(ctx, tx, r)
		if err != nil {
			return err
		}
		if goesOn, err := resume(ctx, tx, &r, same); goesOn || err != nil {
			return errors.Join(err, logRescreen(ctx, tx, r, map[string]any{"state": RescreenRunning, "goes_on": true}))
		}
		var earlier string
		if same {
			err = tx.QueryRowContext(ctx, "SELECT id, upto FROM rescreens WHERE reference_id = ? AND library = ? AND algorithm = ? AND state = ? ORDER BY seq DESC LIMIT 1",
				r.ReferenceID, r.Library, r.Algorithm, RescreenDone).Scan(&earlier, &r.UpTo)
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				return err
			}
		}
		r.ID = uuid.NewString()
		if _, err = tx.ExecContext(ctx, `INSERT INTO rescreens (id, reference_id, substance, library, algorithm, asked_by, created, state, upto) VALUES (?,?,?,?,?,?,?,?,?)`,
			r.ID, r.ReferenceID, r.Substance, r.Library, r.Algorithm, r.AskedBy, micros(r.Created), RescreenRunning, r.UpTo); err != nil {
			return err
		}
		if _, err = tx.ExecContext(ctx, `INSERT INTO rescreen_counts (rescreen_id, agency, tlp, total, done, reused)
			SELECT ?, agency, tlp, done, done, done FROM rescreen_counts WHERE rescreen_id = ?`, r.ID, earlier); err != nil {
			return err
		}
		return logRescreen(ctx, tx, r, map[string]any{"state": RescreenRunning, "reference": r.ReferenceID, "library": r.Library, "algorithm": r.Algorithm})
	})
	if err != nil {
		return r, fmt.Errorf("begin to look back: %w", err)
	}
	return s.Rescreen(ctx, r.ID)
}

func logRescreen(ctx context.Context, tx queries, r Rescreen, detail map[string]any) error {
	return tx.log(ctx, Entry{Action: audit.Combine, Kind: "rescreen", ID: r.ID, Detail: detail})
}

// answeredWith tells whether all that is stored of a reference was answered with the library and algorithm of r: a look-back with
// others may have come in between.
func answeredWith(ctx context.Context, tx queries, r Rescreen) (same bool, err error) {
	err = tx.QueryRowContext(ctx, "SELECT NOT EXISTS (SELECT 1 FROM lookback_hits WHERE reference_id = ? AND (library <> ? OR algorithm <> ?))",
		r.ReferenceID, r.Library, r.Algorithm).Scan(&same)
	return same, err
}

// resume lets the look-back go on that has not ended, if there is one, and sets the id of r; from its beginning unless all that is
// stored is the same as what it would store.
func resume(ctx context.Context, tx queries, r *Rescreen, same bool) (goesOn bool, err error) {
	err = tx.QueryRowContext(ctx, "SELECT id FROM rescreens WHERE reference_id = ? AND library = ? AND state IN (?, ?, ?) ORDER BY seq DESC LIMIT 1",
		r.ReferenceID, r.Library, RescreenRunning, RescreenCancelled, RescreenFailed).Scan(&r.ID)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err == nil {
		_, err = tx.ExecContext(ctx, "UPDATE rescreens SET state = ?, error = '' WHERE id = ?", RescreenRunning, r.ID)
	}
	if err == nil && !same {
		if _, err = tx.ExecContext(ctx, "UPDATE rescreens SET upto = 0 WHERE id = ?", r.ID); err == nil {
			_, err = tx.ExecContext(ctx, "UPDATE rescreen_counts SET done = 0, reused = 0 WHERE rescreen_id = ?", r.ID)
		}
	}
	return true, err
}

// SaveRescreen notes how far r is, and what was found since it was noted last, in one transaction. The error wraps ErrCancelled,
// after that was stored, when it is not to go on: somebody has called CancelRescreen, maybe in another program.
func (s *Store) SaveRescreen(ctx context.Context, r Rescreen, hits []LookBackHit) error {
	var state string
	err := s.write(ctx, func(tx queries) error {
		for _, h := range hits {
			if err := putHit(ctx, tx, h); err != nil {
				return fmt.Errorf("store a look-back hit: %w", err)
			}
		}
		if err := putProgress(ctx, tx, r); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, "SELECT state FROM rescreens WHERE id = ?", r.ID).Scan(&state)
	})
	if err == nil && state == RescreenCancelled {
		err = fmt.Errorf("look-back %s %w", r.ID, ErrCancelled)
	}
	return err
}

// EndRescreen notes how far r was, its state and its error.
func (s *Store) EndRescreen(ctx context.Context, r Rescreen) error {
	return s.write(ctx, func(tx queries) error {
		if err := putProgress(ctx, tx, r); err != nil {
			return err
		}
		if err := one(tx.ExecContext(ctx, "UPDATE rescreens SET state = ?, error = ? WHERE id = ?", r.State, r.Error, r.ID)); err != nil {
			return err
		}
		return logRescreen(ctx, tx, r, map[string]any{"state": r.State})
	})
}

// putProgress leaves the state as it is.
func putProgress(ctx context.Context, tx queries, r Rescreen) error {
	if err := one(tx.ExecContext(ctx, "UPDATE rescreens SET library = ?, algorithm = ?, upto = ? WHERE id = ?", r.Library, r.Algorithm, r.UpTo, r.ID)); err != nil {
		return err
	}
	for b, t := range r.Counts {
		if _, err := tx.ExecContext(ctx, `INSERT INTO rescreen_counts (rescreen_id, agency, tlp, screened, total, done, reused) VALUES (?,?,?,?,?,?,?)
			ON CONFLICT (rescreen_id, agency, tlp) DO UPDATE SET screened = excluded.screened, total = excluded.total, done = excluded.done, reused = excluded.reused`,
			r.ID, b.Agency, b.Rank, t.Screened, t.Total, t.Done, t.Reused); err != nil {
			return err
		}
	}
	return nil
}

// CancelRescreen ends a look-back: whatever program it runs in looks at its state whenever it has done some scans more. The error
// wraps ErrNotFound, ErrElsewhere when somebody of another agency has asked for it, or ErrClosed when it has ended.
func (s *Store) CancelRescreen(ctx context.Context, id string) error {
	if p, _ := Asking(ctx); !p.Program {
		var of string
		err := s.r.QueryRowContext(ctx, "SELECT u.agency FROM rescreens r JOIN users u ON u.name = r.asked_by WHERE r.id = ?", id).Scan(&of)
		if err == nil {
			err = mine(ctx, of)
		}
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	err := s.write(ctx, func(tx queries) error {
		if err := one(tx.ExecContext(ctx, "UPDATE rescreens SET state = ? WHERE id = ? AND state = ?", RescreenCancelled, id, RescreenRunning)); err != nil {
			return err
		}
		return logRescreen(ctx, tx, Rescreen{ID: id}, map[string]any{"state": RescreenCancelled})
	})
	if errors.Is(err, ErrNotFound) {
		if _, err := s.Rescreen(ctx, id); err != nil {
			return err
		}
		return fmt.Errorf("cancel look-back %s: it has ended and %w", id, ErrClosed)
	}
	return err
}

// putHit stores a hit in the place of what was stored of the same reference and scan.
func putHit(ctx context.Context, tx queries, h LookBackHit) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO lookback_hits (reference_id, scan_id, substance, class, controlled, score, shift_cm1, stated, verdict,
			headline, library, algorithm, found) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)
		ON CONFLICT (reference_id, scan_id) DO UPDATE SET substance = excluded.substance, class = excluded.class, controlled = excluded.controlled,
			score = excluded.score, shift_cm1 = excluded.shift_cm1, stated = excluded.stated, verdict = excluded.verdict,
			headline = excluded.headline, library = excluded.library, algorithm = excluded.algorithm`,
		h.ReferenceID, h.ScanID, h.Substance, h.Class, h.Controlled, h.Score, h.ShiftCM1, h.Stated, h.Verdict, h.Headline, h.Library, h.Algorithm, micros(h.Found))
	return err
}

// Rescreen returns one; ErrNotFound when there is none.
func (s *Store) Rescreen(ctx context.Context, id string) (Rescreen, error) {
	rs, err := s.rescreens(ctx, "r.id = ?", id)
	if err == nil && len(rs) == 0 {
		err = fmt.Errorf("look-back %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return Rescreen{}, err
	}
	return rs[0], nil
}
