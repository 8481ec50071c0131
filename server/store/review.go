package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"fentrace/server/audit"
)

// What a second person can say of a presumptive answer or of a laboratory result.
const (
	OpinionAgree      = "agree"
	OpinionDisagree   = "disagree"
	OpinionLaboratory = "needs_laboratory" // a laboratory has to look, or to look again
)

// Opinions are all of these.
var Opinions = []string{OpinionAgree, OpinionDisagree, OpinionLaboratory}

// Review is what a second person said. It is never changed: of several about the same the last one counts.
type Review struct {
	ID         string    `json:"id" doc:"UUID"`
	ScanID     string    `json:"scan_id"`
	ResultID   string    `json:"result_id" doc:"the laboratory result it is about; empty: the presumptive answer"`
	Opinion    string    `json:"opinion" enum:"agree,disagree,needs_laboratory"`
	Reason     string    `json:"reason"`
	Alone      bool      `json:"alone" doc:"by the person who entered it, because no other person could"`
	ReviewedBy string    `json:"reviewed_by"`
	Reviewed   time.Time `json:"reviewed"`
	Current    bool      `json:"current" doc:"false: a later review of the same counts instead"`
}

// NewReview is what a person says.
type NewReview struct {
	ResultID string `json:"result_id,omitempty" maxLength:"36" doc:"the laboratory result it is about; left out: the presumptive answer"`
	Opinion  string `json:"opinion" enum:"agree,disagree,needs_laboratory"`
	Reason   string `json:"reason,omitempty" maxLength:"2000" doc:"needed to disagree, and to review alone"`
	Alone    bool   `json:"alone,omitempty" doc:"review what you entered, because no other person may; recorded as such"`
}

// reviewOf is what counts of the reviews of what counts of scan s, NULL when it waits for one.
const reviewOf = `(SELECT r.opinion FROM reviews r WHERE r.scan_id = s.id
	AND r.result_id = coalesce((SELECT l.id FROM laboratory_results l WHERE l.scan_id = s.id ORDER BY l.seq DESC LIMIT 1), '') ORDER BY r.seq DESC LIMIT 1)`

// secondPerson checks that what enteredBy entered is decided on by somebody else with one of the roles. Where there is nobody else, the same
// person may, who says that it is alone. isAlone is what is the case. Errors: ErrSecondPerson, ErrAlone.
func secondPerson(ctx context.Context, tx queries, enteredBy, by string, alone bool, roles []string, of Bucket) (isAlone bool, err error) {
	if by != enteredBy {
		return false, nil
	}
	other, err := otherReviewers(ctx, tx, enteredBy, roles, of)
	switch {
	case err != nil:
		return false, err
	case len(other) > 0:
		return false, fmt.Errorf("%w; ask %s", ErrSecondPerson, strings.Join(other, " or "))
	case !alone:
		return false, fmt.Errorf("%w; make an account for one, or do it alone and say so: that is recorded", ErrAlone)
	}
	return true, nil
}

// AddReview stores what whoever asks says of the presumptive answer of a scan, or of the laboratory result of it that counts. Whoever brought
// the scan, or entered the result, may not review it unless alone (see NewReview). The same said twice in a row is stored once; created is
// false then. With a key, a request that comes again is given what the first one was. Errors wrap ErrNotFound, ErrInvalid, ErrClosed, ErrSecondPerson, ErrAlone, ErrElsewhere, ErrKeyUsed or ErrFull.
func (s *Store) AddReview(ctx context.Context, scanID string, n NewReview, reviewers []string, key Key, now time.Time) (r Review, created bool, err error) {
	p, _, err := actor(ctx)
	if err != nil {
		return Review{}, false, err
	}
	n.Reason = strings.TrimSpace(n.Reason)
	if !slices.Contains(Opinions, n.Opinion) {
		return Review{}, false, badField("opinion", "%.40q is none of %s", n.Opinion, strings.Join(Opinions, ", "))
	}
	if err := ValidNote("reason", n.Reason); err != nil {
		return Review{}, false, err
	}
	err = s.write(ctx, func(tx queries) error {
		c, err := circumstancesOf(ctx, tx, scanID)
		if err != nil {
			return err
		}
		if err := mine(ctx, c.scan.Agency); err != nil {
			return err
		}
		r = Review{ID: uuid.NewString(), ScanID: scanID, ResultID: n.ResultID, Opinion: n.Opinion, Reason: n.Reason, ReviewedBy: p.User,
			Reviewed: now.UTC().Truncate(time.Microsecond), Current: true}
		made, isNew, err := madeBefore(ctx, tx, key, r.ID, struct {
			Scan   string
			Review NewReview
		}{scanID, n}, now)
		if err != nil {
			return err
		}
		had, err := reviews(ctx, tx, scanID)
		if err != nil {
			return err
		}
		for _, h := range had {
			if made != "" && h.ID == made {
				r, created = h, isNew
				return nil
			}
			if made == "" && h.Current && h.says(r) {
				r = h
				return wasThere(ctx, tx, key, h.ID)
			}
		}
		if r.Alone, err = reviewable(ctx, tx, n, c, p.User, scanID, reviewers); err != nil {
			return err
		}
		created = true
		if _, err := tx.ExecContext(ctx, `INSERT INTO reviews (id, scan_id, result_id, opinion, reason, alone, reviewed_by, reviewed) VALUES (?,?,?,?,?,?,?,?)`,
			r.ID, r.ScanID, r.ResultID, r.Opinion, r.Reason, r.Alone, r.ReviewedBy, micros(r.Reviewed)); err != nil {
			return err
		}
		return tx.logBound(ctx, audit.Collect, "review", r.ID, map[string]any{"scan": scanID})
	})
	if err != nil {
		return Review{}, false, fmt.Errorf("review scan %s: %w", scanID, err)
	}
	return r, created, nil
}

// says: the two say the same by the same person.
func (r Review) says(n Review) bool {
	return r.ResultID == n.ResultID && r.Opinion == n.Opinion && r.Reason == n.Reason && r.ReviewedBy == n.ReviewedBy
}

// reviewable checks that by may say n of a scan; alone is what is stored.
func reviewable(ctx context.Context, tx queries, n NewReview, c circumstances, by, scanID string, roles []string) (alone bool, err error) {
	enteredBy := c.entered.By
	if n.ResultID != "" {
		last, err := lastResult(ctx, tx, scanID)
		switch {
		case err != nil:
			return false, err
		case last == nil:
			return false, badField("result_id", "%.40q is no laboratory result of this scan", n.ResultID)
		case last.ID != n.ResultID:
			var known bool
			if err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM laboratory_results WHERE id = ? AND scan_id = ?)", n.ResultID, scanID).Scan(&known); err != nil {
				return false, err
			}
			if !known {
				return false, badField("result_id", "%.40q is no laboratory result of this scan", n.ResultID)
			}
			return false, fmt.Errorf("the laboratory result %w: a later one counts", ErrClosed)
		}
		enteredBy = last.EnteredBy
	}
	if alone, err = secondPerson(ctx, tx, enteredBy, by, n.Alone, roles, Bucket{c.scan.Agency, c.scan.TLP.Rank()}); err != nil {
		return false, err
	}
	if n.Reason == "" && (alone || n.Opinion == OpinionDisagree) {
		return false, badField("reason", "is needed to disagree, and to review alone")
	}
	return alone, nil
}

// reviews are those of a scan, first one first.
func reviews(ctx context.Context, q queries, scanID string) ([]Review, error) {
	return reviewsThat(ctx, q, "r.scan_id = ? ORDER BY r.seq", scanID)
}

// reviewsThat fit tail. Whoever asks has been found to see their scan.
func reviewsThat(ctx context.Context, q queries, tail string, args ...any) ([]Review, error) {
	rows, err := q.QueryContext(ctx, `SELECT r.id, r.scan_id, r.result_id, r.opinion, r.reason, r.alone, r.reviewed_by, r.reviewed,
			NOT EXISTS (SELECT 1 FROM reviews l WHERE l.scan_id = r.scan_id AND l.result_id = r.result_id AND l.seq > r.seq)
		FROM reviews r WHERE `+tail, args...)
	if err != nil {
		return nil, fmt.Errorf("read reviews: %w", err)
	}
	defer rows.Close()
	out := []Review{}
	for rows.Next() {
		var r Review
		var at int64
		if err := rows.Scan(&r.ID, &r.ScanID, &r.ResultID, &r.Opinion, &r.Reason, &r.Alone, &r.ReviewedBy, &at, &r.Current); err != nil {
			return nil, fmt.Errorf("read reviews: %w", err)
		}
		r.Reviewed = fromMicros(at)
		out = append(out, r)
	}
	return out, rows.Err()
}

// Reviews returns those of a scan, first one first; ErrNotFound when there is no such scan that whoever asks may see.
func (s *Store) Reviews(ctx context.Context, scanID string) ([]Review, error) {
	if _, err := circumstancesOf(ctx, s.r, scanID); err != nil {
		return nil, err
	}
	return reviews(ctx, s.r, scanID)
}

// ReviewPage is Reviews in pages; ErrInvalid for a cursor that it did not give.
func (s *Store) ReviewPage(ctx context.Context, scanID, cursor string, limit int) ([]Review, string, error) {
	if _, err := circumstancesOf(ctx, s.r, scanID); err != nil {
		return nil, "", err
	}
	cond, args, err := list{table: "reviews", id: "id", alias: "r", part: "0", upwards: true}.after(cursor)
	if err != nil {
		return nil, "", err
	}
	found, err := reviewsThat(ctx, s.r, "r.scan_id = ? AND "+cond+" ORDER BY r.seq LIMIT ?", append(append([]any{scanID}, args...), limit+1)...)
	found, next := page(found, limit, func(r Review) (string, bool) { return r.ID, false })
	return found, next, err
}

// said fills in the versions and reviews of scans, which lists leave out.
func (s *Store) said(ctx context.Context, scans []Scan) (err error) {
	for i := range scans {
		sc := &scans[i]
		if sc.Version > 1 {
			if sc.Versions, err = scanVersions(ctx, s.r, sc.ID, 0, allVersions); err != nil {
				return err
			}
		}
		if sc.Reviews, err = reviews(ctx, s.r, sc.ID); err != nil {
			return err
		}
	}
	return nil
}

// AddReport keeps the laboratory's report on a result as a file; a result has one at most. The same bytes again change nothing, created is false
// then. Only the agency of the scan may add it. Errors wrap ErrNotFound, ErrInvalid, ErrExists, ErrElsewhere or ErrFull.
func (s *Store) AddReport(ctx context.Context, scanID, resultID string, f File, sum string, now time.Time) (r LaboratoryReport, created bool, err error) {
	p, _, err := actor(ctx)
	if err != nil {
		return LaboratoryReport{}, false, err
	}
	if len(f.Raw) == 0 {
		return LaboratoryReport{}, false, fmt.Errorf("%w: the file is empty", ErrInvalid)
	}
	if err := ValidText("filename", f.Name); err != nil {
		return LaboratoryReport{}, false, err
	}
	r = LaboratoryReport{SHA256: sum, Name: f.Name, Size: int64(len(f.Raw)), AddedBy: p.User, Added: now.UTC().Truncate(time.Microsecond)}
	err = s.write(ctx, func(tx queries) error {
		c, err := circumstancesOf(ctx, tx, scanID)
		if err != nil {
			return err
		}
		if err := mine(ctx, c.scan.Agency); err != nil {
			return err
		}
		had, err := laboratoryResults(ctx, tx, "r.id = ? AND r.scan_id = ?", resultID, scanID)
		switch {
		case err != nil:
			return err
		case len(had) == 0:
			return fmt.Errorf("laboratory result %s: %w", resultID, ErrNotFound)
		case had[0].Report != nil && had[0].Report.SHA256 == sum:
			r = *had[0].Report
			return nil
		case had[0].Report != nil:
			return fmt.Errorf("a report on this laboratory result %w: %s; enter a new result for another one", ErrExists, had[0].Report.Name)
		}
		created = true
		raw := s.seal(f.Raw, rawOf(sum))
		if _, err := tx.ExecContext(ctx, `INSERT INTO files (sha256, name, size, created, raw, raw_key) VALUES (?,?,?,?,?,?)
			ON CONFLICT (sha256) DO UPDATE SET raw = excluded.raw, raw_key = excluded.raw_key WHERE files.raw_key = '`+erasedKey+`'`,
			sum, f.Name, len(f.Raw), micros(now), raw.value, raw.key); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO laboratory_reports (result_id, sha256, name, size, added_by, added) VALUES (?,?,?,?,?,?)",
			resultID, sum, r.Name, r.Size, r.AddedBy, micros(r.Added)); err != nil {
			return err
		}
		return tx.logBound(ctx, audit.Collect, "laboratory-report", resultID, map[string]any{"scan": scanID})
	})
	if err != nil {
		return LaboratoryReport{}, false, fmt.Errorf("store laboratory report: %w", err)
	}
	return r, created, nil
}

// Report returns the bytes of the laboratory's report on a result of a scan, and its name; ErrNotFound when there is none.
func (s *Store) Report(ctx context.Context, scanID, resultID string) (raw []byte, name string, err error) {
	if _, err := circumstancesOf(ctx, s.r, scanID); err != nil {
		return nil, "", err
	}
	var v sealed
	var sum string
	err = s.r.QueryRowContext(ctx, `SELECT f.sha256, f.raw, f.raw_key, p.name FROM laboratory_reports p JOIN laboratory_results r ON r.id = p.result_id JOIN files f ON f.sha256 = p.sha256
		WHERE r.id = ? AND r.scan_id = ?`, resultID, scanID).Scan(&sum, &v.value, &v.key, &name)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("report on laboratory result %s: %w", resultID, ErrNotFound)
	}
	if err != nil {
		return nil, "", err
	}
	raw, err = s.open(v, rawOf(sum))
	return raw, name, err
}
