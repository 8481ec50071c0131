package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

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
