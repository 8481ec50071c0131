package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"fentrace/library/identify"
	"fentrace/server/retention"
	"fentrace/server/tlp"
)

// Erasure says that a scan was erased, and under which policy.
type Erasure struct {
	At     time.Time `json:"at"`
	Policy string    `json:"policy" doc:"the rule, as it was written"`
	By     string    `json:"by"`
}

// erasedWords are the headline of what was erased.
const erasedWords = "ERASED under a retention policy"

// Due is a file whose scans are all past their term.
type Due struct {
	SHA256 string
	Scans  []string // ids
	Policy string   // the rule that decides about its first scan
	Size   int64    // bytes
}

// Erased counts what EraseDue did.
type Erased struct {
	Files, Scans int
	Held         int // files past their term that are under a hold
	Waiting      int // files past their term that have yet to be sent to another server
}

// eraseAtOnce is how many scans are looked at in one go.
const eraseAtOnce = 500

// EraseDue erases every file whose scans are all past their term at now: bytes, spectra, findings, field answers, names and places. What is
// kept of each scan is its id, hash, times, case and exhibit, and its laboratory results. What is under a hold, or has yet to be sent
// on, stays. With dry it only looks. each hears of every file.
func (s *Store) EraseDue(ctx context.Context, p retention.Policy, now time.Time, by string, dry bool, each func(Due)) (Erased, error) {
	var e Erased
	shortest, any := p.Shortest()
	if !any {
		return e, nil
	}
	for after := int64(0); ; {
		sums, last, err := s.maybeDue(ctx, after, now.Add(-shortest))
		if err != nil || len(sums) == 0 {
			return e, errors.Join(err, s.scrubAfter(ctx, e, dry))
		}
		after = last
		for _, sum := range sums {
			if err := s.eraseOne(ctx, sum, p, now, by, dry, &e, each); err != nil {
				return e, fmt.Errorf("erase the file %.12s: %w", sum, err)
			}
		}
	}
}

func (s *Store) scrubAfter(ctx context.Context, e Erased, dry bool) error {
	if dry || e.Files == 0 {
		return nil
	}
	return s.Scrub(ctx)
}

// maybeDue are files stored before a time whose first scan is behind after, and the number of that of the last one.
func (s *Store) maybeDue(ctx context.Context, after int64, before time.Time) (sums []string, last int64, err error) {
	rows, err := s.r.QueryContext(ctx, `SELECT s.seq, s.sha256 FROM scans s WHERE s.seq > ? AND s.created <= ?
		AND s.spectrum_index = (SELECT min(spectrum_index) FROM scans t WHERE t.sha256 = s.sha256) AND NOT EXISTS (SELECT 1 FROM erasures e WHERE e.scan_id = s.id) ORDER BY s.seq LIMIT ?`, after, micros(before), eraseAtOnce)
	if err != nil {
		return nil, after, err
	}
	defer rows.Close()
	last = after
	for rows.Next() {
		var sum string
		if err := rows.Scan(&last, &sum); err != nil {
			return nil, after, err
		}
		sums = append(sums, sum)
	}
	return sums, last, rows.Err()
}

// eraseOne erases a file if all its scans are past their term, which it finds out in the transaction that erases it.
func (s *Store) eraseOne(ctx context.Context, sum string, p retention.Policy, now time.Time, by string, dry bool, e *Erased, each func(Due)) error {
	var due Due
	var held, waiting bool
	look := func(q queries) (err error) {
		if due, err = dueFile(ctx, q, sum, p, now); err != nil || due.SHA256 == "" {
			return err
		}
		return q.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM holds h JOIN scans s ON s.id = h.scan_id WHERE s.sha256 = ? AND h.released_at IS NULL),
			EXISTS (SELECT 1 FROM outbox WHERE sha256 = ? AND sent IS NULL)`, sum, sum).Scan(&held, &waiting)
	}
	err := look(s.r)
	if err == nil && due.SHA256 != "" && !held && !waiting && !dry {
		err = s.write(ctx, func(tx queries) error {
			if err := look(tx); err != nil || due.SHA256 == "" || held || waiting {
				return err
			}
			return eraseFile(ctx, tx, due, by, now)
		})
	}
	switch {
	case err != nil || due.SHA256 == "":
		return err
	case held:
		e.Held++
		return nil
	case waiting:
		e.Waiting++
		return nil
	}
	for _, id := range due.Scans {
		s.recent.Remove(id)
	}
	e.Files, e.Scans = e.Files+1, e.Scans+len(due.Scans)
	each(due)
	return nil
}

// dueFile is a file all of whose scans are past their term; its SHA256 is empty when one is not.
func dueFile(ctx context.Context, q queries, sum string, p retention.Policy, now time.Time) (Due, error) {
	rows, err := q.QueryContext(ctx, `SELECT s.id, s.created, s.simulated, s.verdict, s.case_number, f.size, EXISTS (SELECT 1 FROM erasures e WHERE e.scan_id = s.id)
		FROM scans s JOIN files f USING (sha256) WHERE s.sha256 = ? ORDER BY s.spectrum_index`, sum)
	if err != nil {
		return Due{}, err
	}
	defer rows.Close()
	due := Due{SHA256: sum}
	var of []retention.Scan
	for rows.Next() {
		var id string
		var created int64
		var erased bool
		var sc retention.Scan
		if err := rows.Scan(&id, &created, &sc.Simulated, &sc.Verdict, &sc.Case, &due.Size, &erased); err != nil {
			return Due{}, err
		}
		if erased {
			return Due{}, nil
		}
		sc.Stored = fromMicros(created)
		due.Scans, of = append(due.Scans, id), append(of, sc)
	}
	if err := rows.Err(); err != nil {
		return Due{}, err
	}
	for i, sc := range of {
		_, rank, err := markingOf(ctx, q, due.Scans[i])
		if err != nil {
			return Due{}, err
		}
		sc.TLP = tlp.OfRank(rank)
		rule, past := p.Past(sc, now)
		if !past {
			return Due{}, nil
		}
		if i == 0 {
			due.Policy = rule.Text
		}
	}
	return due, nil
}

// eraseFile leaves the tombstones of a file and its scans.
func eraseFile(ctx context.Context, tx queries, due Due, by string, now time.Time) error {
	blank, err := json.Marshal(identify.Identification{SHA256: due.SHA256, Verdict: identify.Inconclusive, Headline: erasedWords,
		Findings: []identify.Finding{}, Candidates: []identify.Finding{}, DetectionLimits: []identify.DetectionLimit{}, Reasons: []string{}, NextSteps: []string{}})
	if err != nil {
		return err
	}
	for _, id := range due.Scans {
		if _, err := tx.ExecContext(ctx, "INSERT INTO erasures (scan_id, sha256, erased, policy, erased_by) VALUES (?,?,?,?,?)", id, due.SHA256, micros(now), due.Policy, by); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, `UPDATE scans SET filename = '', device_type = '', device_model = '', device_serial = '', latitude = NULL, longitude = NULL,
			precision_m = NULL, county = '', state = '', fips = '', officer = '', verdict = ?, headline = ?, summary = '', identification = ?, spectrum = ?, spectrum_key = ''
		WHERE sha256 = ?`, string(identify.Inconclusive), erasedWords, string(blank), []byte{}, due.SHA256); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE files SET name = '', raw = ?, raw_key = '' WHERE sha256 = ?", []byte{}, due.SHA256); err != nil {
		return err
	}
	ids := make([]any, len(due.Scans))
	for i, id := range due.Scans {
		ids[i] = id
	}
	these := "(?" + strings.Repeat(",?", len(ids)-1) + ")"
	for _, table := range []string{"findings", "lookback_hits", "alerts", "truth_answers"} {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE scan_id IN "+these, ids...); err != nil {
			return fmt.Errorf("%s: %w", table, err)
		}
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM field_answers WHERE sha256 = ?", due.SHA256)
	return err
}

// LastErasure is when something was erased last; zero: never.
func (s *Store) LastErasure(ctx context.Context) (time.Time, error) {
	var at int64
	if err := s.r.QueryRowContext(ctx, "SELECT coalesce(max(erased), 0) FROM erasures").Scan(&at); err != nil || at == 0 {
		return time.Time{}, err
	}
	return fromMicros(at), nil
}
