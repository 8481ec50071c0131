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

// Rescreens are up to limit of them after the cursor ("" starts), newest first. ErrInvalid for a cursor that it did not give.
func (s *Store) Rescreens(ctx context.Context, cursor string, limit int) ([]Rescreen, string, error) {
	cond, args, err := list{table: "rescreens", id: "id", alias: "r", part: "0"}.after(cursor)
	if err != nil {
		return nil, "", err
	}
	found, err := s.rescreens(ctx, cond+" ORDER BY r.seq DESC LIMIT ?", append(args, limit+1)...)
	found, next := page(found, limit, func(r Rescreen) (string, bool) { return r.ID, false })
	return found, next, err
}

// RescreenMark is what changes of a look-back while it runs.
type RescreenMark struct {
	ID, State   string
	Done, Total int
}

// RescreenMarks are the marks of up to limit look-backs, those that run first, then newest first. Unlike Rescreens it counts no
// hits, so that it can be asked often.
func (s *Store) RescreenMarks(ctx context.Context, limit int) ([]RescreenMark, error) {
	bucket, args, err := visible(ctx, "n")
	if err != nil {
		return nil, err
	}
	const of = "(SELECT coalesce(sum(n.%s), 0) FROM rescreen_counts n WHERE n.rescreen_id = r.id AND %s)"
	rows, err := s.r.QueryContext(ctx, "SELECT r.id, r.state, "+fmt.Sprintf(of, "done", bucket)+", "+fmt.Sprintf(of, "total", bucket)+
		" FROM rescreens r ORDER BY r.state = ? DESC, r.seq DESC LIMIT ?", slices.Concat(args, args, []any{RescreenRunning, limit})...)
	if err != nil {
		return nil, fmt.Errorf("read look-backs: %w", err)
	}
	defer rows.Close()
	var out []RescreenMark
	for rows.Next() {
		var m RescreenMark
		if err := rows.Scan(&m.ID, &m.State, &m.Done, &m.Total); err != nil {
			return nil, fmt.Errorf("read look-backs: %w", err)
		}
		out = append(out, m)
	}
	return out, rows.Err()
}

// Unfinished are those that were cut off, oldest first.
func (s *Store) Unfinished(ctx context.Context) ([]Rescreen, error) {
	return s.rescreens(ctx, "r.state = ? ORDER BY r.seq", RescreenRunning)
}

// NotLookedFor are the references accepted from laboratory results that no look-back was ever begun with, in the order they were
// proposed.
func (s *Store) NotLookedFor(ctx context.Context) ([]string, error) {
	if err := onlyProgram(ctx); err != nil {
		return nil, err
	}
	rows, err := s.r.QueryContext(ctx, `SELECT p.reference_id FROM proposals p WHERE p.status = 'accepted'
		AND NOT EXISTS (SELECT 1 FROM rescreens r WHERE r.reference_id = p.reference_id) ORDER BY p.seq`)
	if err != nil {
		return nil, fmt.Errorf("read references not looked for: %w", err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("read references not looked for: %w", err)
		}
		out = append(out, id)
	}
	return out, rows.Err()
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

// rescreens reads those that fit tail, with the numbers of what may be seen. That the past is looked through with a reference is seen
// by everybody, as references are; who has asked for that, within the own agency.
func (s *Store) rescreens(ctx context.Context, tail string, args ...any) ([]Rescreen, error) {
	see, seeArgs, err := visible(ctx, "s")
	if err != nil {
		return nil, err
	}
	asked, askedArgs := "r.asked_by", []any{}
	if p, _ := Asking(ctx); !p.Program {
		asked, askedArgs = "coalesce((SELECT u.name FROM users u WHERE u.name = r.asked_by AND u.agency = ?), '')", []any{p.Agency}
	}
	hits := "(SELECT count(*) FROM lookback_hits h JOIN scans s ON s.id = h.scan_id WHERE h.reference_id = r.reference_id AND " + see
	rows, err := s.r.QueryContext(ctx, `SELECT r.id, r.reference_id, r.substance, r.library, r.algorithm, `+asked+`, r.created, r.state, r.error, r.upto,
			`+hits+"), "+hits+` AND h.stated) FROM rescreens r WHERE `+tail, slices.Concat(askedArgs, seeArgs, seeArgs, args)...)
	if err != nil {
		return nil, fmt.Errorf("read look-backs: %w", err)
	}
	defer rows.Close()
	out := []Rescreen{}
	for rows.Next() {
		var r Rescreen
		var created int64
		if err := rows.Scan(&r.ID, &r.ReferenceID, &r.Substance, &r.Library, &r.Algorithm, &r.AskedBy, &created, &r.State, &r.Error, &r.UpTo,
			&r.Hits, &r.Stated); err != nil {
			return nil, fmt.Errorf("read look-backs: %w", err)
		}
		r.Created, r.Error = fromMicros(created), toldError(ctx, r.Error)
		out = append(out, r)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, fmt.Errorf("read look-backs: %w", err)
	}
	return out, s.tallies(ctx, out)
}

// tallies fills in how far look-backs are with what may be seen.
func (s *Store) tallies(ctx context.Context, rs []Rescreen) error {
	see, args, err := visible(ctx, "n")
	if err != nil || len(rs) == 0 {
		return err
	}
	at, idArgs := map[string]*Rescreen{}, []any{}
	for i := range rs {
		rs[i].Counts = map[Bucket]Tally{}
		at[rs[i].ID], idArgs = &rs[i], append(idArgs, rs[i].ID)
	}
	rows, err := s.r.QueryContext(ctx, "SELECT n.rescreen_id, n.agency, n.tlp, n.screened, n.total, n.done, n.reused FROM rescreen_counts n WHERE n.rescreen_id IN ("+
		marks(len(rs))+") AND "+see, append(idArgs, args...)...)
	if err != nil {
		return fmt.Errorf("read look-backs: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var b Bucket
		var t Tally
		if err := rows.Scan(&id, &b.Agency, &b.Rank, &t.Screened, &t.Total, &t.Done, &t.Reused); err != nil {
			return fmt.Errorf("read look-backs: %w", err)
		}
		at[id].Counts[b] = t
	}
	for _, r := range at {
		r.Count(func(Bucket, *Tally) {})
	}
	return rows.Err()
}

// LookBackHits are up to limit hits of a reference in scans that may be seen, those taken first first.
func (s *Store) LookBackHits(ctx context.Context, referenceID string, limit int) ([]LookBackHit, error) {
	return s.hits(ctx, "h.reference_id = ?", []any{referenceID}, limit)
}

// LookBackHitPage is the same in pages; ErrInvalid for a cursor that it did not give.
func (s *Store) LookBackHitPage(ctx context.Context, referenceID, cursor string, limit int) ([]LookBackHit, string, error) {
	cond, args := "h.reference_id = ?", []any{referenceID}
	if cursor != "" {
		at, id, err := parseCursor(cursor)
		if err != nil {
			return nil, "", err
		}
		cond, args = cond+" AND (s.acquired, s.id) > (?, ?)", append(args, at, id)
	}
	hits, err := s.hits(ctx, cond, args, limit+1)
	if err != nil || len(hits) <= limit {
		return hits, "", err
	}
	last := hits[limit-1]
	return hits[:limit], formatCursor(micros(last.Acquired), last.ScanID), nil
}

func (s *Store) hits(ctx context.Context, cond string, condArgs []any, limit int) ([]LookBackHit, error) {
	see, args, err := visible(ctx, "s")
	if err != nil {
		return nil, err
	}
	rows, err := s.r.QueryContext(ctx, `SELECT h.reference_id, h.scan_id, h.substance, h.class, h.controlled, h.score, h.shift_cm1, h.stated, h.verdict, h.headline,
			h.library, h.algorithm, h.found, s.acquired, s.county, s.state, s.simulated
		FROM lookback_hits h JOIN scans s ON s.id = h.scan_id WHERE `+cond+` AND `+see+` ORDER BY s.acquired, s.id LIMIT ?`,
		slices.Concat(condArgs, args, []any{limit})...)
	if err != nil {
		return nil, fmt.Errorf("read look-back hits: %w", err)
	}
	defer rows.Close()
	out := []LookBackHit{}
	for rows.Next() {
		var h LookBackHit
		var found, acquired int64
		if err := rows.Scan(&h.ReferenceID, &h.ScanID, &h.Substance, &h.Class, &h.Controlled, &h.Score, &h.ShiftCM1, &h.Stated, &h.Verdict, &h.Headline,
			&h.Library, &h.Algorithm, &found, &acquired, &h.County, &h.State, &h.Simulated); err != nil {
			return nil, fmt.Errorf("read look-back hits: %w", err)
		}
		h.Found, h.Acquired = fromMicros(found), fromMicros(acquired)
		out = append(out, h)
	}
	return out, rows.Err()
}
