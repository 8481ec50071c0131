package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"fentrace/server/audit"
	"fentrace/server/tlp"
)

// The kinds of what leaves.
const (
	ReleaseEvidence = "evidence"
	ReleaseSTIX     = "stix"
	ReleaseReport   = "report"
)

// Dissemination says who was given what of a scan, and why. Rows are never changed.
type Dissemination struct {
	ID         string    `json:"id" doc:"UUID"`
	Release    string    `json:"release" doc:"UUID; the same for all scans that left together"`
	At         time.Time `json:"at"`
	Kind       string    `json:"kind" enum:"evidence,stix,report"`
	ScanID     string    `json:"scan_id"`
	SHA256     string    `json:"sha256" doc:"of the bytes that left"`
	Recipient  string    `json:"recipient" doc:"who was given it; empty when nobody was stated"`
	Reason     string    `json:"reason"`
	ReleasedBy string    `json:"released_by"`
	Agency     string    `json:"agency" doc:"of the scan"`
	TLP        tlp.Level `json:"tlp" doc:"marking of the scan when it left"`

	seq int64
}

// Release is what leaves at once.
type Release struct {
	Kind      string
	SHA256    string // of the bytes
	Recipient string
	Reason    string
	By        string
	At        time.Time
}

// disclosed is what the log says of what left.
type disclosed struct {
	Release   string    `json:"release"`
	Form      string    `json:"form"`
	SHA256    string    `json:"sha256"` // of what left
	File      string    `json:"file_sha256"`
	Recipient string    `json:"recipient"`
	Reason    string    `json:"reason"`
	TLP       tlp.Level `json:"tlp"`
}

// Validate reports what cannot be stored, wrapped around ErrInvalid.
func (r Release) Validate() error {
	return errors.Join(ValidText("recipient", r.Recipient), ValidText("reason", r.Reason))
}

// Released notes that scans leave. When it fails nothing may leave.
func (s *Store) Released(ctx context.Context, r Release, scans []Scan) error {
	if err := r.Validate(); err != nil {
		return err
	}
	release := uuid.NewString()
	err := s.write(ctx, func(tx queries) error {
		for _, sc := range scans {
			// As it is marked now, and as long as it may be handed out; a report is for reading.
			may, args, err := exportable(ctx, "s")
			if r.Kind == ReleaseReport {
				may, args, err = visible(ctx, "s")
			}
			if err != nil {
				return err
			}
			var agency string
			var rank int
			err = tx.QueryRowContext(ctx, "SELECT s.agency, s.tlp FROM scans s WHERE s.id = ? AND "+may, append([]any{sc.ID}, args...)...).Scan(&agency, &rank)
			if errors.Is(err, sql.ErrNoRows) {
				return fmt.Errorf("scan %s: %w", sc.ID, ErrNotFound)
			}
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO disseminations (id, release, at, kind, scan_id, sha256, recipient, reason, released_by, agency, tlp)
				VALUES (?,?,?,?,?,?,?,?,?,?,?)`, uuid.NewString(), release, micros(r.At), r.Kind, sc.ID, r.SHA256, r.Recipient, r.Reason, r.By, agency, rank); err != nil {
				return err
			}
			if err := tx.log(ctx, Entry{Action: audit.Disclose, Kind: KindScan, ID: sc.ID, Detail: disclosed{release, r.Kind, r.SHA256, sc.SHA256, r.Recipient, r.Reason, tlp.OfRank(rank)}}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("note who is given what: %w", err)
	}
	return nil
}

// Disseminated narrows a list of disseminations; zero fields do not.
type Disseminated struct {
	ScanID, Recipient, Kind, ReleasedBy string
	From, To                            time.Time // From <= t < To
}

// Disseminations returns up to limit of those about scans that whoever asks may see, after the cursor ("" starts), newest first, and the cursor of the next page.
func (s *Store) Disseminations(ctx context.Context, f Disseminated, limit int, cursor string) (list []Dissemination, next string, err error) {
	cond, args, err := visible(ctx, "d")
	if err != nil {
		return nil, "", err
	}
	for _, eq := range []struct{ column, value string }{{"scan_id", f.ScanID}, {"kind", f.Kind}} {
		if eq.value != "" {
			cond, args = cond+" AND d."+eq.column+" = ?", append(args, eq.value)
		}
	}
	for _, eq := range []struct{ column, value string }{{"recipient", f.Recipient}, {"released_by", f.ReleasedBy}} {
		if eq.value != "" {
			cond, args = cond+" AND lower(d."+eq.column+") = ?", append(args, asciiLower(eq.value))
		}
	}
	if !f.From.IsZero() {
		cond, args = cond+" AND d.at >= ?", append(args, micros(f.From))
	}
	if !f.To.IsZero() {
		cond, args = cond+" AND d.at < ?", append(args, micros(f.To))
	}
	if cursor != "" {
		seq, _, err := parseCursor(cursor)
		if err != nil {
			return nil, "", err
		}
		cond, args = cond+" AND d.seq < ?", append(args, seq)
	}
	rows, err := s.r.QueryContext(ctx, `SELECT d.seq, d.id, d.release, d.at, d.kind, d.scan_id, d.sha256, d.recipient, d.reason, d.released_by, d.agency, d.tlp
		FROM disseminations d WHERE `+cond+` ORDER BY d.seq DESC LIMIT ?`, append(args, limit+1)...)
	if err != nil {
		return nil, "", fmt.Errorf("read disseminations: %w", err)
	}
	defer rows.Close()
	list = []Dissemination{}
	for rows.Next() {
		var d Dissemination
		var at int64
		var rank int
		if err := rows.Scan(&d.seq, &d.ID, &d.Release, &at, &d.Kind, &d.ScanID, &d.SHA256, &d.Recipient, &d.Reason, &d.ReleasedBy, &d.Agency, &rank); err != nil {
			return nil, "", fmt.Errorf("read disseminations: %w", err)
		}
		d.At, d.TLP = fromMicros(at), tlp.OfRank(rank)
		list = append(list, d)
	}
	if len(list) > limit {
		list = list[:limit]
		next = formatCursor(list[limit-1].seq, "")
	}
	return list, next, rows.Err()
}
