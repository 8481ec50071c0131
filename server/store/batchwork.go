package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"fentrace/server/audit"
)

// BatchPart is the place of a file in a batch, for Arrival.
type BatchPart struct {
	Batch string
	File  int64 // its number
}

// finishFile notes that a file of a batch is answered. Noting it again changes nothing.
func finishFile(ctx context.Context, tx queries, sum string, p BatchPart, now time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE batch_files SET state = ?, error = '', finished = ?,
			scans = (SELECT count(*) FROM scans s WHERE s.sha256 = batch_files.sha256 AND s.agency = (SELECT b.agency FROM batches b WHERE b.id = batch_files.batch))
		WHERE seq = ? AND batch = ? AND sha256 = ? AND state <> ?`, FileDone, micros(now), p.File, p.Batch, sum, FileDone)
	if err != nil {
		return fmt.Errorf("note that a file of the batch is answered: %w", err)
	}
	return nil
}

// Gather gives the files of a batch that belong to no job to jobs, in one transaction.
func (s *Store) Gather(ctx context.Context, batch, queue string) error {
	return s.write(ctx, func(tx queries) error { return s.gather(ctx, tx, batch, queue) })
}

func (s *Store) gather(ctx context.Context, tx queries, batch, queue string) error {
	n, err := unassigned(ctx, tx, batch)
	for ; n > 0 && err == nil; n -= ChunkFiles {
		err = s.assign(ctx, tx, batch, queue)
	}
	return err
}

// WaitingFiles are the files of a part of a batch that wait to be answered.
func (s *Store) WaitingFiles(ctx context.Context, batch string, chunk int64) ([]BatchFile, error) {
	return s.workFiles(ctx, "batch = ? AND chunk = ? AND state = ? ORDER BY seq", batch, chunk, FileWaiting)
}

// UnfinishedFile is one file of a batch with its bytes to be answered; ErrNotFound when it is answered, or the batch was cancelled.
func (s *Store) UnfinishedFile(ctx context.Context, batch string, seq int64) (BatchFile, error) {
	found, err := s.workFiles(ctx, "batch = ? AND seq = ? AND state IN (?, ?)", batch, seq, FileWaiting, FileFailed)
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("file %d of batch %s that waits: %w", seq, batch, ErrNotFound)
	}
	if err != nil {
		return BatchFile{}, err
	}
	return found[0], nil
}

func (s *Store) workFiles(ctx context.Context, tail string, args ...any) ([]BatchFile, error) {
	if err := onlyProgram(ctx); err != nil {
		return nil, err
	}
	rows, err := s.r.QueryContext(ctx, "SELECT seq, sha256, name, state FROM batch_files WHERE "+tail, args...)
	if err != nil {
		return nil, fmt.Errorf("read the files of a batch: %w", err)
	}
	defer rows.Close()
	var out []BatchFile
	for rows.Next() {
		var f BatchFile
		if err := rows.Scan(&f.Seq, &f.SHA256, &f.Name, &f.State); err != nil {
			return nil, fmt.Errorf("read the files of a batch: %w", err)
		}
		out = append(out, f)
	}
	return out, rows.Err()
}

// FileBytes returns the stored bytes of a file; ErrNotFound when there are none.
func (s *Store) FileBytes(ctx context.Context, sum string) (raw []byte, err error) {
	if err := onlyProgram(ctx); err != nil {
		return nil, err
	}
	var v sealed
	err = s.r.QueryRowContext(ctx, "SELECT raw, raw_key FROM files WHERE sha256 = ?", sum).Scan(&v.value, &v.key)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("file %.12s: %w", sum, ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	if v.key == erasedKey {
		return nil, fmt.Errorf("file %.12s: %w", sum, ErrErased)
	}
	return s.open(v, rawOf(sum))
}

// FailFile notes why a file of a batch that waits cannot be answered. One that is answered meanwhile stays so, and so does one that has
// failed: whoever was cut off after this and does it again changes nothing.
func (s *Store) FailFile(ctx context.Context, p BatchPart, why string, now time.Time) error {
	return s.write(ctx, func(tx queries) error {
		n, err := changed(tx.ExecContext(ctx, "UPDATE batch_files SET state = ?, error = ?, finished = ? WHERE seq = ? AND batch = ? AND state = ?",
			FileFailed, why, micros(now), p.File, p.Batch, FileWaiting))
		if err != nil || n == 0 {
			return err
		}
		return tx.log(ctx, Entry{Action: audit.Alter, Kind: kindBatch, ID: p.Batch, Detail: map[string]any{"failed": p.File}})
	})
}

// Single gives files of a batch that wait to jobs of their own, in one transaction, so that each of them counts its own tries.
func (s *Store) Single(ctx context.Context, batch, queue string, files ...int64) error {
	return s.write(ctx, func(tx queries) error {
		for _, seq := range files {
			n, err := changed(tx.ExecContext(ctx, "UPDATE batch_files SET chunk = 0 WHERE seq = ? AND batch = ? AND state = ? AND chunk <> 0", seq, batch, FileWaiting))
			if err != nil {
				return fmt.Errorf("give file %d to a job of its own: %w", seq, err)
			}
			if n == 0 {
				continue // answered, or given already
			}
			if err := s.insertJob(ctx, tx, FileJob{Batch: batch, File: seq}, queue); err != nil {
				return err
			}
		}
		return nil
	})
}

// CancelBatch ends a batch: files that wait are not answered. ErrNotFound, or ErrNotNow when it was cancelled before.
func (s *Store) CancelBatch(ctx context.Context, id string, now time.Time) error {
	return s.write(ctx, func(tx queries) error {
		if err := openBatch(ctx, tx, id); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE batches SET cancelled = ? WHERE id = ?", micros(now), id); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "UPDATE batch_files SET state = ?, finished = ? WHERE batch = ? AND state = ?", FileCancelled, micros(now), id, FileWaiting)
		if err != nil {
			return err
		}
		return tx.log(ctx, Entry{Action: audit.Alter, Kind: kindBatch, ID: id, Detail: map[string]any{"cancelled": true}})
	})
}

// RetryBatch lets the files of a batch that failed, or were left when it was cancelled, wait again and gives them to jobs. It returns
// how many. ErrNotFound.
func (s *Store) RetryBatch(ctx context.Context, id, queue string) (n int, err error) {
	err = s.write(ctx, func(tx queries) error {
		if err := openBatch(ctx, tx, id); err != nil && !errors.Is(err, ErrNotNow) {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE batches SET cancelled = NULL WHERE id = ?", id); err != nil {
			return err
		}
		n, err = changed(tx.ExecContext(ctx, "UPDATE batch_files SET state = ?, error = '', finished = NULL, chunk = NULL WHERE batch = ? AND state IN (?, ?)",
			FileWaiting, id, FileFailed, FileCancelled))
		if err != nil {
			return err
		}
		if err := tx.log(ctx, Entry{Action: audit.Alter, Kind: kindBatch, ID: id, Detail: map[string]any{"again": n}}); err != nil {
			return err
		}
		return s.gather(ctx, tx, id, queue)
	})
	return n, err
}

// BatchMark is what changes of a batch while it is worked on.
type BatchMark struct {
	ID       string
	Finished int64 // when a file was finished last, microseconds
	Files    int64 // number of the last file
}

// BatchMarks are the marks of up to limit batches, newest first. Unlike Batches it counts nothing, so that it can be asked often.
func (s *Store) BatchMarks(ctx context.Context, limit int) ([]BatchMark, error) {
	see, seen, err := visible(ctx, "b")
	if err != nil {
		return nil, err
	}
	rows, err := s.r.QueryContext(ctx, `SELECT b.id, coalesce(b.cancelled, 0), coalesce((SELECT max(f.finished) FROM batch_files f WHERE f.batch = b.id), 0),
		coalesce((SELECT max(f.seq) FROM batch_files f WHERE f.batch = b.id), 0) FROM batches b WHERE `+see+` ORDER BY b.seq DESC LIMIT ?`, append(seen, limit)...)
	if err != nil {
		return nil, fmt.Errorf("read batches: %w", err)
	}
	defer rows.Close()
	var out []BatchMark
	for rows.Next() {
		var m BatchMark
		var cancelled int64
		if err := rows.Scan(&m.ID, &cancelled, &m.Finished, &m.Files); err != nil {
			return nil, fmt.Errorf("read batches: %w", err)
		}
		m.Finished = max(m.Finished, cancelled)
		out = append(out, m)
	}
	return out, rows.Err()
}

// Changes is a number that is another one after scans were stored or files of batches finished, by whatever program.
func (s *Store) Changes(ctx context.Context) (c [2]int64, err error) {
	if err := onlyProgram(ctx); err != nil {
		return c, err
	}
	err = s.r.QueryRowContext(ctx, "SELECT coalesce((SELECT max(seq) FROM scans), 0), coalesce((SELECT max(finished) FROM batch_files), 0)").Scan(&c[0], &c[1])
	return c, err
}
