package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"fentrace/server/audit"
)

// Truth is what the laboratory result that counts says of a scan; SHA256 is that of its file.
type Truth struct {
	ScanID, SHA256 string
	Bucket         Bucket
	Substances     []LaboratorySubstance
	Pure           bool
}

// Truths returns up to limit scans with a laboratory result that may be seen, the one entered last first.
func (s *Store) Truths(ctx context.Context, limit int) ([]Truth, error) {
	see, args, err := visible(ctx, "s")
	if err != nil {
		return nil, err
	}
	rows, err := s.r.QueryContext(ctx, `SELECT r.scan_id, s.sha256, s.agency, s.tlp, r.substances, r.pure FROM laboratory_results r JOIN scans s ON s.id = r.scan_id
		WHERE NOT EXISTS (SELECT 1 FROM laboratory_results l WHERE l.scan_id = r.scan_id AND l.seq > r.seq) AND `+see+` ORDER BY r.seq DESC LIMIT ?`, append(args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("read laboratory truths: %w", err)
	}
	defer rows.Close()
	var out []Truth
	for rows.Next() {
		var t Truth
		var substances []byte
		if err := rows.Scan(&t.ScanID, &t.SHA256, &t.Bucket.Agency, &t.Bucket.Rank, &substances, &t.Pure); err != nil {
			return nil, fmt.Errorf("read laboratory truths: %w", err)
		}
		if err := json.Unmarshal(substances, &t.Substances); err != nil {
			return nil, fmt.Errorf("stored laboratory result of scan %s: %w", t.ScanID, err)
		}
		out = append(out, t)
	}
	return out, rows.Err()
}

// BeginComparison notes how many scans of each agency and marking the comparison of c answers again, and leaves out.
func (s *Store) BeginComparison(ctx context.Context, c LibraryChange, total, leftOut map[Bucket]int) error {
	return s.write(ctx, func(tx queries) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM change_counts WHERE change_seq = ?", c.seq); err != nil {
			return err
		}
		for _, counts := range []map[Bucket]int{total, leftOut} {
			for b := range counts {
				if _, err := tx.ExecContext(ctx, `INSERT INTO change_counts (change_seq, agency, tlp, total, left_out) VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING`,
					c.seq, b.Agency, b.Rank, total[b], leftOut[b]); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// EndComparison notes how the comparison of c ended, unless it has ended before.
func (s *Store) EndComparison(ctx context.Context, c LibraryChange, state, problem string) error {
	return s.write(ctx, func(tx queries) error {
		n, err := changed(tx.ExecContext(ctx, "UPDATE library_changes SET state = ?, error = ? WHERE seq = ? AND state = ?", state, problem, c.seq, ChangeRunning))
		if err != nil || n == 0 {
			return err
		}
		return tx.log(ctx, Entry{Action: audit.Combine, Kind: "comparison", ID: c.ID, Detail: map[string]any{"state": state}})
	})
}

// AnsweredBefore is what the scan was answered by the library before c: in the comparison of an earlier change, else when
// it was stored (found is false then). Its grade is left out, because the truth may have changed since. done tells whether the comparison of c has answered it already.
func (s *Store) AnsweredBefore(ctx context.Context, c LibraryChange, scanID string) (before Given, found, done bool, err error) {
	if err := onlyProgram(ctx); err != nil {
		return Given{}, false, false, err
	}
	if err := s.r.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM truth_answers WHERE change_seq = ? AND scan_id = ?)", c.seq, scanID).Scan(&done); err != nil || done {
		return Given{}, false, done, err
	}
	var named []byte
	err = s.r.QueryRowContext(ctx, "SELECT verdict, headline, named FROM truth_answers WHERE scan_id = ? AND change_seq < ? ORDER BY change_seq DESC LIMIT 1",
		scanID, c.seq).Scan(&before.Verdict, &before.Headline, &named)
	if errors.Is(err, sql.ErrNoRows) {
		return Given{}, false, false, nil
	}
	if err == nil {
		err = json.Unmarshal(named, &before.Named)
	}
	return before, err == nil, false, err
}

// AddTruthAnswer stores what the comparison of c found for one scan; a second time changes nothing.
func (s *Store) AddTruthAnswer(ctx context.Context, c LibraryChange, a TruthAnswer) error {
	before, err := json.Marshal(a.Before.Named)
	if err != nil {
		return err
	}
	after, err := json.Marshal(a.After.Named)
	if err != nil {
		return err
	}
	return s.write(ctx, func(tx queries) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO truth_answers (change_seq, scan_id, before_verdict, before_headline, before_named, before_grade,
				verdict, headline, named, grade, effect) VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`,
			c.seq, a.ScanID, a.Before.Verdict, a.Before.Headline, string(before), a.Before.Grade,
			a.After.Verdict, a.After.Headline, string(after), a.After.Grade, a.Effect)
		return err
	})
}

// truthAnswers reads those whose scan may be seen and that fit cond, in an order.
func (s *Store) truthAnswers(ctx context.Context, cond, order string, args ...any) ([]TruthAnswer, error) {
	see, seeArgs, err := visible(ctx, "s")
	if err != nil {
		return nil, err
	}
	rows, err := s.r.QueryContext(ctx, `SELECT t.scan_id, s.simulated, t.before_verdict, t.before_headline, t.before_named, t.before_grade, t.verdict, t.headline, t.named, t.grade, t.effect,
			(SELECT substances FROM laboratory_results r WHERE r.scan_id = t.scan_id ORDER BY r.seq DESC LIMIT 1)
		FROM truth_answers t JOIN scans s ON s.id = t.scan_id WHERE `+see+" AND "+cond+" "+order, append(seeArgs, args...)...)
	if err != nil {
		return nil, fmt.Errorf("read compared answers: %w", err)
	}
	defer rows.Close()
	out := []TruthAnswer{}
	for rows.Next() {
		a := TruthAnswer{Substances: []string{}}
		var substances, before, after []byte
		if err := rows.Scan(&a.ScanID, &a.Simulated, &a.Before.Verdict, &a.Before.Headline, &before, &a.Before.Grade, &a.After.Verdict, &a.After.Headline,
			&after, &a.After.Grade, &a.Effect, &substances); err != nil {
			return nil, fmt.Errorf("read compared answers: %w", err)
		}
		var list []LaboratorySubstance
		if err := errors.Join(json.Unmarshal(substances, &list), json.Unmarshal(before, &a.Before.Named), json.Unmarshal(after, &a.After.Named)); err != nil {
			return nil, fmt.Errorf("stored comparison of scan %s: %w", a.ScanID, err)
		}
		for _, sub := range list {
			a.Substances = append(a.Substances, sub.Name)
		}
		out = append(out, a)
	}
	return out, rows.Err()
}
