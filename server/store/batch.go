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
	"fentrace/server/tlp"
	"fentrace/spectra"
)

// The states of a file of a batch.
const (
	FileWaiting   = "waiting"
	FileDone      = "done" // it has scans
	FileFailed    = "failed"
	FileCancelled = "cancelled"
)

const (
	// ChunkFiles is how many files of a batch one job answers.
	ChunkFiles = 32
	// rateOver is the time over which the rate of a batch is measured.
	rateOver = 30 * time.Second
)

// kindBatch is what a batch is called in the log.
const kindBatch = "batch"

// Batch is a number of files that were handed in together.
type Batch struct {
	ID        string     `json:"id" doc:"UUID"`
	Name      string     `json:"name"`
	Fields    Fields     `json:"fields" doc:"circumstances of all its files"`
	Created   time.Time  `json:"created"`
	CreatedBy string     `json:"created_by"`
	Agency    string     `json:"agency" doc:"that it belongs to"`
	TLP       tlp.Level  `json:"tlp" doc:"marking of all its files (Traffic Light Protocol 2.0)"`
	Cancelled *time.Time `json:"cancelled" doc:"when it was cancelled"`
	Files     int        `json:"files" doc:"that are stored here"`
	Waiting   int        `json:"waiting" doc:"of these, those not answered yet"`
	Done      int        `json:"done" doc:"those that are answered"`
	Failed    int        `json:"failed" doc:"those that cannot be answered; each says why"`
	Left      int        `json:"left" doc:"those not answered because the batch was cancelled"`
	Scans     int        `json:"scans" doc:"that were answered; a file may hold several, or none that is new"`
	Rate      float64    `json:"rate" doc:"files answered per second, over the last half minute"`
	SecondsTo *float64   `json:"seconds_to_go" doc:"at this rate; null while it is not known"`

	// Submitter is on whose behalf the scans are stored.
	Submitter Principal `json:"-"`
}

// BatchFile is one file of a batch.
type BatchFile struct {
	Seq      int64      `json:"number" doc:"in the order of coming"`
	SHA256   string     `json:"sha256"`
	Name     string     `json:"name"`
	State    string     `json:"state" enum:"waiting,done,failed,cancelled"`
	Error    string     `json:"error" doc:"why it failed"`
	Scans    int        `json:"scans"`
	Added    time.Time  `json:"added"`
	Finished *time.Time `json:"finished"`
	// Of its first scan.
	ScanID    string `json:"scan_id"`
	Verdict   string `json:"verdict" doc:"of its first scan, presumptive"`
	Headline  string `json:"headline"`
	Simulated bool   `json:"simulated"`
}

// NewBatch begins a batch, on behalf of whoever asks. ErrInvalid when name or fields cannot be stored.
func (s *Store) NewBatch(ctx context.Context, name string, f Fields, level tlp.Level, now time.Time) (Batch, error) {
	if err := errors.Join(ValidText("name", name), f.Validate()); err != nil {
		return Batch{}, err
	}
	agency, err := holder(ctx)
	if err != nil {
		return Batch{}, err
	}
	who, _ := Asking(ctx)
	if !who.Program && level.Rank() > who.Clearance.Rank() {
		return Batch{}, fmt.Errorf("%w: tlp: a batch marked %s is above your clearance, %s", ErrInvalid, level, who.Clearance)
	}
	f.TLP = level
	fields, err := json.Marshal(f)
	if err != nil {
		return Batch{}, err
	}
	submitter, err := json.Marshal(who)
	if err != nil {
		return Batch{}, err
	}
	id := uuid.NewString()
	err = s.write(ctx, func(tx queries) error {
		if err := once(ctx, tx, id, now); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO batches (id, name, fields, created, created_by, submitter, agency, tlp) VALUES (?,?,?,?,?,?,?,?)",
			id, name, string(fields), micros(now), who.User, string(submitter), agency, level.Rank())
		if err != nil {
			return err
		}
		return tx.log(ctx, Entry{Action: audit.Collect, Kind: kindBatch, ID: id, Detail: map[string]any{"tlp": level}})
	})
	if again := asRepeated(err); again != nil {
		return s.Batch(ctx, again.ID, now)
	}
	if err != nil {
		return Batch{}, fmt.Errorf("begin batch %s: %w", name, err)
	}
	return s.Batch(ctx, id, now)
}

// AddToBatch stores files in a batch, and the jobs that answer them, in one transaction. Files whose bytes are in the batch already
// are left as they are; added is how many were not. gather and queue are those of the jobs that give files
// to others and that answer them. ErrNotFound, or ErrNotNow when the batch was cancelled.
func (s *Store) AddToBatch(ctx context.Context, id, gather, queue string, files []File, now time.Time) (added int, err error) {
	agency, err := holder(ctx)
	if err != nil {
		return 0, err
	}
	sums, raws := make([]string, len(files)), make([]sealed, len(files))
	for i, f := range files {
		sums[i] = spectra.HashBytes(f.Raw)
		raws[i] = s.seal(f.Raw, rawOf(sums[i]))
	}
	err = s.write(ctx, func(tx queries) error {
		added = 0
		if err := openBatch(ctx, tx, id); err != nil {
			return err
		}
		before, err := unassigned(ctx, tx, id)
		if err != nil {
			return err
		}
		for i, f := range files {
			if _, err := insertFile(ctx, tx, agency, sums[i], f.Name, len(f.Raw), raws[i], now); err != nil {
				return fmt.Errorf("store file %s: %w", f.Name, err)
			}
			n, err := changed(tx.ExecContext(ctx, `INSERT INTO batch_files (batch, sha256, name, state, added) VALUES (?,?,?,?,?)
				ON CONFLICT DO NOTHING`, id, sums[i], f.Name, FileWaiting, micros(now)))
			if err != nil {
				return fmt.Errorf("store %s in the batch: %w", f.Name, err)
			}
			if added += n; n > 0 {
				if err := tx.log(ctx, Entry{Action: audit.Collect, Kind: KindFile, ID: sums[i], Detail: map[string]any{"batch": id}}); err != nil {
					return err
				}
			}
		}
		left := before + added
		for ; left >= ChunkFiles; left -= ChunkFiles {
			if err := s.assign(ctx, tx, id, queue); err != nil {
				return err
			}
		}
		if left > 0 && before == 0 { // else the job is there already
			return s.insertJob(ctx, tx, GatherJob{Batch: id}, gather)
		}
		return nil
	})
	return added, err
}

// openBatch reports why nothing can be put into a batch of who asks.
func openBatch(ctx context.Context, tx queries, id string) error {
	see, args, err := own(ctx, "b")
	if err != nil {
		return err
	}
	var cancelled sql.NullInt64
	err = tx.QueryRowContext(ctx, "SELECT b.cancelled FROM batches b WHERE b.id = ? AND "+see, append([]any{id}, args...)...).Scan(&cancelled)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("batch %s: %w", id, ErrNotFound)
	case err == nil && cancelled.Valid:
		return fmt.Errorf("batch %s was cancelled; let its files be tried again first: %w", id, ErrNotNow)
	}
	return err
}

// unassigned is how many files of a batch belong to no job. As long as there are some there is a GatherJob.
func unassigned(ctx context.Context, tx queries, id string) (n int, err error) {
	err = tx.QueryRowContext(ctx, "SELECT count(*) FROM batch_files WHERE batch = ? AND chunk IS NULL AND state = ?", id, FileWaiting).Scan(&n)
	return n, err
}

// assign gives the first ChunkFiles files that belong to no job to one.
func (s *Store) assign(ctx context.Context, tx queries, id, queue string) error {
	if err := one(tx.ExecContext(ctx, "UPDATE batches SET chunks = chunks + 1 WHERE id = ?", id)); err != nil {
		return err
	}
	var chunk int64
	if err := tx.QueryRowContext(ctx, "SELECT chunks FROM batches WHERE id = ?", id).Scan(&chunk); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE batch_files SET chunk = ? WHERE seq IN
		(SELECT seq FROM batch_files WHERE batch = ? AND chunk IS NULL AND state = ? ORDER BY seq LIMIT ?)`,
		chunk, id, FileWaiting, ChunkFiles); err != nil {
		return fmt.Errorf("give files to a job: %w", err)
	}
	return s.insertJob(ctx, tx, ChunkJob{Batch: id, Chunk: chunk}, queue)
}

// Batch returns one with its counts; ErrNotFound when there is none.
func (s *Store) Batch(ctx context.Context, id string, now time.Time) (Batch, error) {
	found, err := s.batches(ctx, now, "b.id = ?", id)
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("batch %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return Batch{}, err
	}
	return found[0], nil
}

// Batches are up to limit of them, newest first.
func (s *Store) Batches(ctx context.Context, limit int, now time.Time) ([]Batch, error) {
	return s.batches(ctx, now, "TRUE ORDER BY b.seq DESC LIMIT ?", limit)
}

// BatchPage is the same in pages; ErrInvalid for a cursor that it did not give.
func (s *Store) BatchPage(ctx context.Context, cursor string, limit int, now time.Time) ([]Batch, string, error) {
	cond, args, err := list{table: "batches", id: "id", alias: "b", part: "0"}.after(cursor)
	if err != nil {
		return nil, "", err
	}
	batches, err := s.batches(ctx, now, cond+" ORDER BY b.seq DESC LIMIT ?", append(args, limit+1)...)
	batches, next := page(batches, limit, func(b Batch) (string, bool) { return b.ID, false })
	return batches, next, err
}

func (s *Store) batches(ctx context.Context, now time.Time, tail string, args ...any) ([]Batch, error) {
	see, seen, err := visible(ctx, "b")
	if err != nil {
		return nil, err
	}
	rows, err := s.r.QueryContext(ctx, `SELECT b.id, b.name, b.fields, b.created, b.created_by, b.submitter, b.agency, b.tlp, b.cancelled FROM batches b WHERE `+see+" AND "+tail,
		append(seen, args...)...)
	if err != nil {
		return nil, fmt.Errorf("read batches: %w", err)
	}
	defer rows.Close()
	out := []Batch{}
	for rows.Next() {
		var b Batch
		var fields, submitter string
		var created int64
		var rank int
		var cancelled sql.NullInt64
		if err := rows.Scan(&b.ID, &b.Name, &fields, &created, &b.CreatedBy, &submitter, &b.Agency, &rank, &cancelled); err != nil {
			return nil, fmt.Errorf("read batches: %w", err)
		}
		if err := errors.Join(json.Unmarshal([]byte(fields), &b.Fields), json.Unmarshal([]byte(submitter), &b.Submitter)); err != nil {
			return nil, fmt.Errorf("read batch %s: %w", b.ID, err)
		}
		b.Created, b.TLP = fromMicros(created), tlp.OfRank(rank)
		if cancelled.Valid {
			at := fromMicros(cancelled.Int64)
			b.Cancelled = &at
		}
		out = append(out, b)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read batches: %w", err)
	}
	for i := range out {
		if err := s.countFiles(ctx, &out[i], now); err != nil {
			return nil, fmt.Errorf("count the files of batch %s: %w", out[i].ID, err)
		}
	}
	return out, nil
}

// countFiles fills in what is counted.
func (s *Store) countFiles(ctx context.Context, b *Batch, now time.Time) error {
	rows, err := s.r.QueryContext(ctx, "SELECT state, count(*), coalesce(sum(scans), 0) FROM batch_files WHERE batch = ? GROUP BY state", b.ID)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var state string
		var n, scans int
		if err := rows.Scan(&state, &n, &scans); err != nil {
			return err
		}
		b.Files += n
		b.Scans += scans
		switch state {
		case FileWaiting:
			b.Waiting = n
		case FileDone:
			b.Done = n
		case FileFailed:
			b.Failed = n
		case FileCancelled:
			b.Left = n
		}
	}
	if err := rows.Err(); err != nil || b.Waiting == 0 {
		return err
	}
	var n int
	var first sql.NullInt64
	if err := s.r.QueryRowContext(ctx, "SELECT count(*), min(finished) FROM batch_files WHERE batch = ? AND finished >= ?", b.ID, micros(now.Add(-rateOver))).
		Scan(&n, &first); err != nil {
		return err
	}
	if over := now.Sub(fromMicros(first.Int64)); first.Valid && over > 0 {
		b.Rate = float64(n) / over.Seconds()
		left := float64(b.Waiting) / b.Rate
		b.SecondsTo = &left
	}
	return nil
}

// FilesQuery narrows the files of a batch.
type FilesQuery struct {
	State, Verdict string
	Text           string // part of name, headline or error
	After          int64  // number of the last file seen
	Limit          int
}

// BatchFiles are files of a batch in the order of coming.
func (s *Store) BatchFiles(ctx context.Context, id string, q FilesQuery) ([]BatchFile, error) {
	see, seen, err := visible(ctx, "s")
	if err != nil {
		return nil, err
	}
	seeBatch, seenBatch, err := visible(ctx, "b")
	if err != nil {
		return nil, err
	}
	cond, args := seeBatch+" AND f.batch = ? AND f.seq > ?", append(append(seen, seenBatch...), id, q.After)
	if q.State != "" {
		cond, args = cond+" AND f.state = ?", append(args, q.State)
	}
	if q.Verdict != "" {
		cond, args = cond+" AND s.verdict = ?", append(args, q.Verdict)
	}
	if q.Text != "" {
		like := likeText(q.Text)
		cond += ` AND (lower(f.name) LIKE ? ESCAPE '\' OR lower(coalesce(s.headline, '')) LIKE ? ESCAPE '\' OR lower(f.error) LIKE ? ESCAPE '\')`
		args = append(args, like, like, like)
	}
	// The first scan is the first searchable one, as for an upload.
	rows, err := s.r.QueryContext(ctx, `SELECT f.seq, f.sha256, f.name, f.state, f.error, f.scans, f.added, f.finished,
			coalesce(s.id, ''), coalesce(s.verdict, ''), coalesce(s.headline, ''), coalesce(s.simulated, FALSE)
		FROM batch_files f JOIN batches b ON b.id = f.batch
		LEFT JOIN scans s ON s.sha256 = f.sha256 AND s.agency = b.agency AND f.state = 'done' AND s.spectrum_index =
			(SELECT i.spectrum_index FROM scans i WHERE i.sha256 = f.sha256 AND i.agency = b.agency
				ORDER BY CASE WHEN i.technique IN ('raman', 'ir') THEN 0 ELSE 1 END, i.spectrum_index LIMIT 1) AND `+see+`
		WHERE `+cond+" ORDER BY f.seq LIMIT ?", append(args, q.Limit)...)
	if err != nil {
		return nil, fmt.Errorf("read the files of batch %s: %w", id, err)
	}
	defer rows.Close()
	out := []BatchFile{}
	for rows.Next() {
		var f BatchFile
		var added int64
		var finished sql.NullInt64
		if err := rows.Scan(&f.Seq, &f.SHA256, &f.Name, &f.State, &f.Error, &f.Scans, &added, &finished, &f.ScanID, &f.Verdict, &f.Headline, &f.Simulated); err != nil {
			return nil, fmt.Errorf("read the files of batch %s: %w", id, err)
		}
		f.Added = fromMicros(added)
		if finished.Valid {
			at := fromMicros(finished.Int64)
			f.Finished = &at
		}
		out = append(out, f)
	}
	return out, rows.Err()
}

// BatchSums are up to limit SHA-256 sums of the files of a batch that follow after, in their own order: what has come already.
func (s *Store) BatchSums(ctx context.Context, id, after string, limit int) ([]string, error) {
	see, seen, err := own(ctx, "b")
	if err != nil {
		return nil, err
	}
	rows, err := s.r.QueryContext(ctx, "SELECT f.sha256 FROM batch_files f JOIN batches b ON b.id = f.batch WHERE "+see+" AND f.batch = ? AND f.sha256 > ? ORDER BY f.sha256 LIMIT ?",
		append(seen, id, after, limit)...)
	if err != nil {
		return nil, fmt.Errorf("read the files of batch %s: %w", id, err)
	}
	defer rows.Close()
	out := []string{}
	for rows.Next() {
		var sum string
		if err := rows.Scan(&sum); err != nil {
			return nil, fmt.Errorf("read the files of batch %s: %w", id, err)
		}
		out = append(out, sum)
	}
	return out, rows.Err()
}
