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

	"fentrace/library"
	"fentrace/server/audit"
)

// LibrarySnapshot is what a library holds, in numbers.
type LibrarySnapshot struct {
	Version    string               `json:"version" doc:"empty: there was none before"`
	Substances int                  `json:"substances"`
	References int                  `json:"references"`
	ByTier     map[library.Tier]int `json:"references_by_tier"`
	// ControlledMeasured names the controlled substances with a measured reference, in order.
	ControlledMeasured []string `json:"controlled_measured"`
}

// The states of the comparison of a LibraryChange.
const (
	ChangeRunning   = "running"
	ChangeDone      = "done"
	ChangeCancelled = "cancelled"
	ChangeFailed    = "failed"
)

// LibraryChange is one step from a library to the next, and what it does to scans whose content a laboratory has stated.
type LibraryChange struct {
	ID      string          `json:"id" doc:"UUID"`
	Noted   time.Time       `json:"noted"`
	Cause   string          `json:"cause"`
	Before  LibrarySnapshot `json:"before"`
	After   LibrarySnapshot `json:"after"`
	State   string          `json:"state" enum:"running,done,cancelled,failed" doc:"of the comparison"`
	Total   int             `json:"total" doc:"scans with a laboratory result to be answered again"`
	Done    int             `json:"done"`
	LeftOut int             `json:"left_out" doc:"scans with a laboratory result that cannot be compared: they are references themselves, or the result does not say enough"`
	Error   string          `json:"error" doc:"why the comparison failed"`
	Better  int             `json:"better"`
	Worse   int             `json:"worse"`
	Changed int             `json:"changed" doc:"answered in other words, neither better nor worse"`
	Same    int             `json:"same"`

	seq int64
}

// Grade is how well an answer agrees with what the laboratory found.
type Grade string

// The grades.
const (
	GradeWrong  Grade = "wrong"
	GradeNone   Grade = "no answer"
	GradePartly Grade = "partly right"
	GradeRight  Grade = "right"
)

// Grades lists them from the worst to the best.
var Grades = []Grade{GradeWrong, GradeNone, GradePartly, GradeRight}

// Better reports whether g is a better grade than other.
func (g Grade) Better(other Grade) bool { return slices.Index(Grades, g) > slices.Index(Grades, other) }

// The effects of a change on one scan.
const (
	EffectBetter  = "better"
	EffectWorse   = "worse"
	EffectChanged = "changed" // other words, same grade
	EffectSame    = "same"
)

// Given is an answer with its grade.
type Given struct {
	Verdict  string   `json:"verdict"`
	Headline string   `json:"headline" doc:"presumptive"`
	Named    []string `json:"named" doc:"substances it rests on"`
	Grade    Grade    `json:"grade" enum:"wrong,no answer,partly right,right"`
}

// TruthAnswer is what one scan with a laboratory result was answered before and after a change.
type TruthAnswer struct {
	ScanID     string   `json:"scan_id"`
	Substances []string `json:"substances" doc:"according to the laboratory"`
	Simulated  bool     `json:"simulated"`
	Before     Given    `json:"before"`
	After      Given    `json:"after"`
	Effect     string   `json:"effect" enum:"better,worse,changed,same"`
}

// Compare sets the effect from the grades and words.
func (a *TruthAnswer) Compare() {
	switch {
	case a.After.Grade.Better(a.Before.Grade):
		a.Effect = EffectBetter
	case a.Before.Grade.Better(a.After.Grade):
		a.Effect = EffectWorse
	case a.After.Verdict != a.Before.Verdict || a.After.Headline != a.Before.Headline:
		a.Effect = EffectChanged
	default:
		a.Effect = EffectSame
	}
}

// NoteLibrary stores the step to the library now, unless it is the one noted last. changed tells whether there was one.
// The change returned is the last one in either case.
func (s *Store) NoteLibrary(ctx context.Context, now LibrarySnapshot, cause string, at time.Time) (c LibraryChange, changed bool, err error) {
	after, err := json.Marshal(now)
	if err != nil {
		return LibraryChange{}, false, fmt.Errorf("note library: %w", err)
	}
	err = s.write(ctx, func(tx queries) error {
		before := []byte(`{"references_by_tier":{},"controlled_measured":[]}`)
		err := tx.QueryRowContext(ctx, "SELECT after FROM library_changes ORDER BY seq DESC LIMIT 1").Scan(&before)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		var had LibrarySnapshot
		if err := json.Unmarshal(before, &had); err != nil {
			return err
		}
		if had.Version == now.Version {
			return nil
		}
		changed = true
		id := uuid.NewString()
		if _, err = tx.ExecContext(ctx, `INSERT INTO library_changes (id, noted, cause, before, after, state) VALUES (?,?,?,?,?,?)`,
			id, micros(at), cause, string(before), string(after), ChangeRunning); err != nil {
			return err
		}
		return tx.logBound(ctx, audit.Alter, "library-change", id, map[string]any{"before": had.Version, "after": now.Version})
	})
	if err != nil {
		return LibraryChange{}, false, fmt.Errorf("note library: %w", err)
	}
	last, err := s.changes(ctx, "TRUE ORDER BY c.seq DESC LIMIT 1")
	if err != nil {
		return LibraryChange{}, false, err
	}
	return last[0], changed, nil
}

// LibraryChanges returns up to limit changes, newest first.
func (s *Store) LibraryChanges(ctx context.Context, limit int) ([]LibraryChange, error) {
	return s.changes(ctx, "TRUE ORDER BY c.seq DESC LIMIT ?", limit)
}

// LibraryChangePage is the same in pages; ErrInvalid for a cursor that it did not give.
func (s *Store) LibraryChangePage(ctx context.Context, cursor string, limit int) ([]LibraryChange, string, error) {
	cond, args, err := list{table: "library_changes", id: "id", alias: "c", part: "0"}.after(cursor)
	if err != nil {
		return nil, "", err
	}
	changes, err := s.changes(ctx, cond+" ORDER BY c.seq DESC LIMIT ?", append(args, limit+1)...)
	changes, next := page(changes, limit, func(c LibraryChange) (string, bool) { return c.ID, false })
	return changes, next, err
}

// LibraryChange returns one change with up to limit of the scans whose answer it changed, worst first; ErrNotFound when
// there is none.
func (s *Store) LibraryChange(ctx context.Context, id string, limit int) (LibraryChange, []TruthAnswer, error) {
	cs, err := s.changes(ctx, "c.id = ?", id)
	if err == nil && len(cs) == 0 {
		err = fmt.Errorf("library change %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return LibraryChange{}, nil, err
	}
	answers, err := s.truthAnswers(ctx, "t.change_seq = ? AND t.effect <> 'same'", "ORDER BY "+effectRank+", t.scan_id LIMIT ?", cs[0].seq, limit)
	return cs[0], answers, err
}

// effectRank is the place of an effect in the list of those of a change, worst first.
const effectRank = "CASE t.effect WHEN 'worse' THEN 0 WHEN 'better' THEN 1 ELSE 2 END"

// ChangedScans are the scans whose answer a change has changed, in pages, worst first; ErrInvalid for a cursor that it did not give.
func (s *Store) ChangedScans(ctx context.Context, c LibraryChange, cursor string, limit int) ([]TruthAnswer, string, error) {
	cond, args := "t.change_seq = ? AND t.effect <> 'same'", []any{c.seq}
	if cursor != "" {
		rank, id, err := parseCursor(cursor)
		if err != nil {
			return nil, "", err
		}
		cond, args = cond+" AND ("+effectRank+", t.scan_id) > (?, ?)", append(args, rank, id)
	}
	found, err := s.truthAnswers(ctx, cond, "ORDER BY "+effectRank+", t.scan_id LIMIT ?", append(args, limit+1)...)
	found, next := cutPage(found, limit, func(a TruthAnswer) (int64, string) { return a.rank(), a.ScanID })
	return found, next, err
}

// rank is effectRank.
func (a TruthAnswer) rank() int64 {
	switch a.Effect {
	case EffectWorse:
		return 0
	case EffectBetter:
		return 1
	}
	return 2
}

// changes reads those that fit tail, with the numbers of what may be seen. That a library has changed is seen by everybody.
func (s *Store) changes(ctx context.Context, tail string, args ...any) ([]LibraryChange, error) {
	bucket, bucketArgs, err := visible(ctx, "n")
	if err != nil {
		return nil, err
	}
	see, seeArgs, err := visible(ctx, "s")
	if err != nil {
		return nil, err
	}
	effect := func(e string) string {
		return "(SELECT count(*) FROM truth_answers t JOIN scans s ON s.id = t.scan_id WHERE t.change_seq = c.seq AND t.effect = '" + e + "' AND " + see + ")"
	}
	sum := func(column string) string {
		return "(SELECT coalesce(sum(n." + column + "), 0) FROM change_counts n WHERE n.change_seq = c.seq AND " + bucket + ")"
	}
	rows, err := s.r.QueryContext(ctx, `SELECT c.seq, c.id, c.noted, c.cause, c.before, c.after, c.state, `+sum("total")+", "+sum("left_out")+`, c.error,
			`+effect(EffectBetter)+", "+effect(EffectWorse)+", "+effect(EffectChanged)+", "+effect(EffectSame)+`
		FROM library_changes c WHERE `+tail, slices.Concat(bucketArgs, bucketArgs, seeArgs, seeArgs, seeArgs, seeArgs, args)...)
	if err != nil {
		return nil, fmt.Errorf("read library changes: %w", err)
	}
	defer rows.Close()
	out := []LibraryChange{}
	for rows.Next() {
		var c LibraryChange
		var noted int64
		var before, after []byte
		if err := rows.Scan(&c.seq, &c.ID, &noted, &c.Cause, &before, &after, &c.State, &c.Total, &c.LeftOut, &c.Error,
			&c.Better, &c.Worse, &c.Changed, &c.Same); err != nil {
			return nil, fmt.Errorf("read library changes: %w", err)
		}
		if err := errors.Join(json.Unmarshal(before, &c.Before), json.Unmarshal(after, &c.After)); err != nil {
			return nil, fmt.Errorf("stored library change %s: %w", c.ID, err)
		}
		c.Cause, c.Error = told(ctx, c.Cause), toldError(ctx, c.Error)
		c.Noted, c.Done = fromMicros(noted), c.Better+c.Worse+c.Changed+c.Same
		out = append(out, c)
	}
	return out, rows.Err()
}
