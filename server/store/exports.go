package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"fentrace/server/audit"
)

// The forms of an export.
const (
	ExportCSV = "csv" // a row for each scan
	ExportZIP = "zip" // the scans as lines of JSON, and their files as they came
)

// The states of an export.
const (
	ExportWaiting = "waiting"
	ExportReady   = "ready"
	ExportFailed  = "failed"
	ExportExpired = "expired"
)

const (
	// MaxExports is how many exports an account may have at a time.
	MaxExports = 20
	// ExportKept is how long an export is kept once it is made.
	ExportKept = 24 * time.Hour
)

// kindExport is what an export is called in the log.
const kindExport = "export"

// Export is a file of scans that somebody asked for. Only that account has it.
type Export struct {
	ID        string     `json:"id" doc:"UUID"`
	Created   time.Time  `json:"created"`
	Format    string     `json:"format" enum:"csv,zip"`
	State     string     `json:"state" enum:"waiting,ready,failed,expired"`
	Error     string     `json:"error" doc:"why it failed"`
	Scans     int        `json:"scans" doc:"that are in it"`
	Size      int64      `json:"size" doc:"bytes"`
	SHA256    string     `json:"sha256"`
	Simulated bool       `json:"simulated" doc:"one of its scans is SIMULATED"`
	Finished  *time.Time `json:"finished"`
	Expires   *time.Time `json:"expires" doc:"when it is deleted"`
}

// ExportTask is an export as who makes it sees it.
type ExportTask struct {
	Export
	CreatedBy, Agency string
	Filter            Filter
}

func exportPart(id string, n int) string { return fmt.Sprintf("%s/%08d", id, n) }
func partOf(part string) string          { return "part of the export " + part }

// NewExport asks for the scans that fit a filter, and stores the job that makes the export in the same transaction. ErrNotNow when who
// asks has as many as may be.
func (s *Store) NewExport(ctx context.Context, format string, f Filter, queue string, now time.Time) (Export, error) {
	agency, err := holder(ctx)
	if err != nil {
		return Export{}, err
	}
	who, _ := Asking(ctx)
	filter, err := json.Marshal(f)
	if err != nil {
		return Export{}, err
	}
	e := Export{ID: uuid.NewString(), Created: fromMicros(micros(now)), Format: format, State: ExportWaiting}
	err = s.write(ctx, func(tx queries) error {
		if err := once(ctx, tx, e.ID, now); err != nil {
			return err
		}
		var have int
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM exports WHERE created_by = ? AND (state = ? OR state = ? AND expires > ?)", who.User, ExportWaiting, ExportReady, micros(now)).Scan(&have); err != nil {
			return err
		}
		if have >= MaxExports {
			return fmt.Errorf("you have %d exports, as many as may be; each is deleted a day after it was made: %w", have, ErrNotNow)
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO exports (id, created, created_by, agency, format, filter, state) VALUES (?,?,?,?,?,?,?)",
			e.ID, micros(now), who.User, agency, format, string(filter), ExportWaiting); err != nil {
			return err
		}
		if err := tx.log(ctx, Entry{Action: audit.Consult, Kind: kindExport, ID: e.ID, Detail: map[string]any{"format": format, "filter": f}}); err != nil {
			return err
		}
		return s.insertJob(ctx, tx, ExportJob{Export: e.ID}, queue)
	})
	if again := asRepeated(err); again != nil {
		return s.Export(ctx, again.ID, now)
	}
	if err != nil {
		return Export{}, fmt.Errorf("ask for an export: %w", err)
	}
	return e, nil
}

const exportColumns = "x.id, x.created, x.format, x.state, x.error, x.scans, x.size, x.sha256, x.simulated, x.finished, x.expires, x.created_by, x.agency, x.filter"

// Exports are up to limit of those that who asks has asked for, newest first. One whose time is over counts as expired.
func (s *Store) Exports(ctx context.Context, limit int, now time.Time) ([]Export, error) {
	tasks, err := s.exports(ctx, now, "TRUE ORDER BY x.seq DESC LIMIT ?", limit)
	out := []Export{}
	for _, t := range tasks {
		out = append(out, t.Export)
	}
	return out, err
}

// Export is one of those that who asks has asked for; ErrNotFound.
func (s *Store) Export(ctx context.Context, id string, now time.Time) (Export, error) {
	found, err := s.exports(ctx, now, "x.id = ?", id)
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("export %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return Export{}, err
	}
	return found[0].Export, nil
}

// exports are those of who asks, all of them for the program itself.
func (s *Store) exports(ctx context.Context, now time.Time, tail string, args ...any) ([]ExportTask, error) {
	agency, err := holder(ctx)
	if err != nil {
		return nil, err
	}
	own := []any{}
	if who, _ := Asking(ctx); !who.Program {
		tail, own = "x.created_by = ? AND x.agency = ? AND "+tail, []any{who.User, agency}
	}
	rows, err := s.r.QueryContext(ctx, "SELECT "+exportColumns+" FROM exports x WHERE "+tail, append(own, args...)...)
	if err != nil {
		return nil, fmt.Errorf("read exports: %w", err)
	}
	defer rows.Close()
	var out []ExportTask
	for rows.Next() {
		var t ExportTask
		var created int64
		var filter string
		var finished, expires sql.NullInt64
		if err := rows.Scan(&t.ID, &created, &t.Format, &t.State, &t.Error, &t.Scans, &t.Size, &t.SHA256, &t.Simulated, &finished, &expires, &t.CreatedBy, &t.Agency, &filter); err != nil {
			return nil, fmt.Errorf("read exports: %w", err)
		}
		t.Created, t.Finished, t.Expires = fromMicros(created), whenKnown(finished), whenKnown(expires)
		if t.State == ExportReady && t.Expires != nil && !now.Before(*t.Expires) {
			t.State = ExportExpired
		}
		if filter != "" {
			if err := json.Unmarshal([]byte(filter), &t.Filter); err != nil {
				return nil, fmt.Errorf("read export %s: %w", t.ID, err)
			}
		}
		out = append(out, t)
	}
	return out, rows.Err()
}

func whenKnown(v sql.NullInt64) *time.Time {
	if !v.Valid {
		return nil
	}
	at := fromMicros(v.Int64)
	return &at
}

// OpenExport is Export for who is about to be given it: ErrNotNow when it is not ready, or when something in it may not be seen by who
// asks any more; ErrNotFound also when it has expired.
func (s *Store) OpenExport(ctx context.Context, id string, now time.Time) (Export, error) {
	e, err := s.Export(ctx, id, now)
	switch {
	case err != nil:
		return Export{}, err
	case e.State == ExportExpired:
		return Export{}, fmt.Errorf("export %s was deleted, a day after it was made: %w", id, ErrNotFound)
	case e.State != ExportReady:
		return Export{}, fmt.Errorf("export %s is %s: %w", id, e.State, ErrNotNow)
	}
	see, args, err := visible(ctx, "s")
	if err != nil {
		return Export{}, err
	}
	var still int
	err = s.r.QueryRowContext(ctx, `SELECT count(*) FROM export_scans x JOIN scans s ON s.id = x.scan_id WHERE x.export_id = ?
		AND NOT EXISTS (SELECT 1 FROM erasures e WHERE e.scan_id = s.id) AND `+see, append([]any{id}, args...)...).Scan(&still)
	if err != nil {
		return Export{}, fmt.Errorf("look whether export %s may be seen: %w", id, err)
	}
	if still != e.Scans {
		return Export{}, fmt.Errorf("some of what is in export %s was marked or shared otherwise since, or erased; ask for a new one: %w", id, ErrNotNow)
	}
	return e, nil
}

// ExportPart is the n-th part of an export of who asks, from 0 on; ErrNotFound behind the last one.
func (s *Store) ExportPart(ctx context.Context, id string, n int) ([]byte, error) {
	agency, err := holder(ctx)
	if err != nil {
		return nil, err
	}
	who, _ := Asking(ctx)
	var v sealed
	err = s.r.QueryRowContext(ctx, `SELECT p.data, p.data_key FROM export_parts p JOIN exports x ON x.id = p.export_id
		WHERE p.export_id = ? AND p.n = ? AND (x.created_by = ? AND x.agency = ? OR ?)`, id, n, who.User, agency, who.Program).Scan(&v.value, &v.key)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("part %d of export %s: %w", n, id, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read export %s: %w", id, err)
	}
	return s.open(v, partOf(exportPart(id, n)))
}
