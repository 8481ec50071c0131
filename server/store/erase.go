package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"fentrace/library/identify"
	"fentrace/server/audit"
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

// Due is a file, as one agency holds it, whose scans are all past their term.
type Due struct {
	Agency string
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

// eraseAtOnce is how many files are looked at in one go.
const eraseAtOnce = 500

// EraseDue erases every file whose scans are all past their term at now: bytes, spectra, findings, field answers, names and places. What
// is kept of each scan is its id, hash, times, case and exhibit, and its laboratory results, which are never deleted. What is under a
// hold, or has yet to be sent on, stays; bytes that another agency holds as well stay for that one. With dry it only looks. each
// hears of every file. Only the program itself may ask for it.
func (s *Store) EraseDue(ctx context.Context, p retention.Policy, now time.Time, by string, dry bool, each func(Due)) (Erased, error) {
	var e Erased
	if err := onlyProgram(ctx); err != nil {
		return e, err
	}
	shortest, some := p.Shortest()
	if !some {
		return e, nil
	}
	for after := int64(0); ; {
		files, last, err := s.maybeDue(ctx, after, now.Add(-shortest))
		if err != nil || len(files) == 0 {
			return e, errors.Join(err, s.scrubAfter(ctx, e, dry))
		}
		after = last
		for _, f := range files {
			if err := s.eraseOne(ctx, f, p, now, by, dry, &e, each); err != nil {
				return e, fmt.Errorf("erase the file %.12s: %w", f.SHA256, err)
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
func (s *Store) maybeDue(ctx context.Context, after int64, before time.Time) (files []Due, last int64, err error) {
	rows, err := s.r.QueryContext(ctx, `SELECT s.seq, s.agency, s.sha256 FROM scans s WHERE s.seq > ? AND s.created <= ?
		AND s.spectrum_index = (SELECT min(spectrum_index) FROM scans t WHERE t.agency = s.agency AND t.sha256 = s.sha256)
		AND NOT EXISTS (SELECT 1 FROM erasures e WHERE e.scan_id = s.id) ORDER BY s.seq LIMIT ?`, after, micros(before), eraseAtOnce)
	if err != nil {
		return nil, after, err
	}
	defer rows.Close()
	last = after
	for rows.Next() {
		var d Due
		if err := rows.Scan(&last, &d.Agency, &d.SHA256); err != nil {
			return nil, after, err
		}
		files = append(files, d)
	}
	return files, last, rows.Err()
}

// eraseOne erases a file if all its scans are past their term, which it finds out again in the transaction that erases it.
func (s *Store) eraseOne(ctx context.Context, f Due, p retention.Policy, now time.Time, by string, dry bool, e *Erased, each func(Due)) error {
	var due Due
	var past, held, waiting bool
	look := func(q queries) (err error) {
		if due, past, err = dueFile(ctx, q, f, p, now); err != nil || !past {
			return err
		}
		return q.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM holds h JOIN scans s ON s.id = h.scan_id WHERE s.agency = ? AND s.sha256 = ? AND h.released_at IS NULL),
			EXISTS (SELECT 1 FROM outbox WHERE agency = ? AND sha256 = ? AND sent IS NULL)`, f.Agency, f.SHA256, f.Agency, f.SHA256).Scan(&held, &waiting)
	}
	err := look(s.r)
	if err == nil && past && !held && !waiting && !dry {
		err = s.write(ctx, func(tx queries) error {
			if err := look(tx); err != nil || !past || held || waiting {
				return err
			}
			return eraseFile(ctx, tx, due, by, now)
		})
	}
	switch {
	case err != nil || !past:
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

// dueFile tells whether all scans of a file are past their term.
func dueFile(ctx context.Context, q queries, f Due, p retention.Policy, now time.Time) (due Due, past bool, err error) {
	rows, err := q.QueryContext(ctx, `SELECT s.id, s.created, s.simulated, s.verdict, s.case_number, s.tlp, f.size, EXISTS (SELECT 1 FROM erasures e WHERE e.scan_id = s.id)
		FROM scans s JOIN files f ON f.sha256 = s.sha256 WHERE s.agency = ? AND s.sha256 = ? ORDER BY s.spectrum_index`, f.Agency, f.SHA256)
	if err != nil {
		return due, false, err
	}
	defer rows.Close()
	due, past = f, true
	for rows.Next() {
		var id string
		var created int64
		var rank int
		var erased bool
		var sc retention.Scan
		if err := rows.Scan(&id, &created, &sc.Simulated, &sc.Verdict, &sc.Case, &rank, &due.Size, &erased); err != nil {
			return due, false, err
		}
		sc.Stored, sc.TLP = fromMicros(created), tlp.OfRank(rank)
		rule, over := p.Past(sc, now)
		past = past && over && !erased
		if due.Scans = append(due.Scans, id); len(due.Scans) == 1 {
			due.Policy = rule.Text
		}
	}
	return due, past && len(due.Scans) > 0, rows.Err()
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
	if err := eraseFieldAnswers(ctx, tx, due, by); err != nil {
		return err
	}
	if err := eraseVersions(ctx, tx, due, by); err != nil {
		return err
	}
	ids := make([]any, len(due.Scans))
	for i, id := range due.Scans {
		ids[i] = id
	}
	if err := withoutErased(ctx, tx, ids); err != nil {
		return err
	}
	of := []any{due.Agency, due.SHA256}
	these := " IN (?" + strings.Repeat(",?", len(ids)-1) + ")"
	for _, step := range []struct {
		do   string
		args []any
	}{
		{`UPDATE scans SET filename = '', device_type = '', device_model = '', device_serial = '', latitude = NULL, longitude = NULL,
			precision_m = NULL, county = '', state = '', fips = '', officer = '', verdict = ?, headline = ?, summary = '', identification = ?, spectrum = ?, spectrum_key = ?
			WHERE agency = ? AND sha256 = ?`, append([]any{string(identify.Inconclusive), erasedWords, string(blank), []byte{}, erasedKey}, of...)},
		{"UPDATE holdings SET name = '' WHERE agency = ? AND sha256 = ?", of},
		{"UPDATE files SET name = '', raw = ?, raw_key = ? WHERE sha256 = ? AND NOT EXISTS (SELECT 1 FROM scans s WHERE s.sha256 = files.sha256 AND s.spectrum_key <> ?)",
			[]any{[]byte{}, erasedKey, due.SHA256, erasedKey}},
		{"DELETE FROM findings WHERE scan_id" + these, ids},
		{"DELETE FROM lookback_hits WHERE scan_id" + these, ids},
		{"DELETE FROM truth_answers WHERE scan_id" + these, ids},
		{"DELETE FROM alert_reads WHERE alert_id IN (SELECT id FROM alerts WHERE scan_id" + these + ")", ids},
		{"DELETE FROM alerts WHERE scan_id" + these, ids},
	} {
		if _, err := tx.ExecContext(ctx, step.do, step.args...); err != nil {
			return err
		}
	}
	for _, id := range due.Scans {
		if err := tx.log(ctx, Entry{Action: audit.Erase, Kind: KindScan, ID: id, Detail: erasing{due.SHA256, due.Policy, by}}); err != nil {
			return err
		}
	}
	return nil
}

// eraseVersions erases what was stated of the circumstances of the scans of a file before they were amended.
func eraseVersions(ctx context.Context, tx queries, due Due, by string) error {
	for _, id := range due.Scans {
		var last int
		if err := tx.QueryRowContext(ctx, "SELECT coalesce(max(version), 0) FROM scan_versions WHERE scan_id = ?", id).Scan(&last); err != nil {
			return err
		}
		for v := 1; v <= last; v++ {
			if err := tx.log(ctx, Entry{Action: audit.Erase, Kind: "scan-version", ID: id + "/" + strconv.Itoa(v), Detail: erasing{due.SHA256, due.Policy, by}}); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM scan_versions WHERE scan_id = ?", id); err != nil {
			return err
		}
	}
	return nil
}

// eraseFieldAnswers erases what was said of the scans of a file before they came here.
func eraseFieldAnswers(ctx context.Context, tx queries, due Due, by string) error {
	b := boundOf("field-answer")
	rows, err := tx.QueryContext(ctx, "SELECT "+b.id+" FROM field_answers WHERE agency = ? AND sha256 = ? ORDER BY seq", due.Agency, due.SHA256)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return err
		}
		if err := tx.log(ctx, Entry{Action: audit.Erase, Kind: b.kind, ID: id, Detail: erasing{due.SHA256, due.Policy, by}}); err != nil {
			return err
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM field_answers WHERE agency = ? AND sha256 = ?", due.Agency, due.SHA256)
	return err
}

// erasing is what the log says of what was erased.
type erasing struct {
	SHA256 string `json:"sha256"` // of the file
	Policy string `json:"policy"`
	By     string `json:"by"`
}

// LastErasure is when something was erased last; zero: never.
func (s *Store) LastErasure(ctx context.Context) (time.Time, error) {
	var at int64
	if err := s.r.QueryRowContext(ctx, "SELECT coalesce(max(erased), 0) FROM erasures").Scan(&at); err != nil || at == 0 {
		return time.Time{}, err
	}
	return fromMicros(at), nil
}
