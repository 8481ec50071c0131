package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// enqueue puts the stored files that fit a condition and were never in the outbox into it, in the order of storing. The
// key is the id of the file's first scan: it is made once and never again.
func enqueue(ctx context.Context, tx queries, cond string, args ...any) (n int, err error) {
	return changed(tx.ExecContext(ctx, `INSERT INTO outbox (sha256, key)
		SELECT sha256, (SELECT id FROM scans s WHERE s.sha256 = files.sha256 ORDER BY spectrum_index LIMIT 1) FROM files
		WHERE EXISTS (SELECT 1 FROM scans s WHERE s.sha256 = files.sha256) AND `+cond+`
		ORDER BY (SELECT min(seq) FROM scans s WHERE s.sha256 = files.sha256) ON CONFLICT DO NOTHING`, args...))
}

// changed is how many rows a statement has changed.
func changed(res sql.Result, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	return int(n), err
}

// Unsent is a file in the outbox that has not reached the other server.
type Unsent struct {
	Seq      int64
	SHA256   string
	Key      string // Idempotency-Key of every attempt; the id of its first scan
	Filename string
	Headline string // of its first scan
	Scans    int
	// Simulated tells whether any of its scans is.
	Simulated bool
	Stored    time.Time
	Attempts  int
	Error     string     // why the last attempt failed
	Parked    *time.Time // when it was refused for good; nil: it waits
}

// Backlog is the outbox in numbers. Waiting and Parked count scans.
type Backlog struct {
	Waiting, Parked int
	Oldest          *time.Time // when the first waiting file was stored
	Error           string     // why the last attempt to send it failed; empty when none was made
	Tried           *time.Time // when that was
	LastSent        *time.Time
}

// Backlog counts what has not been sent.
func (s *Store) Backlog(ctx context.Context) (Backlog, error) {
	var b Backlog
	var oldest, tried, sent sql.NullInt64
	err := s.r.QueryRowContext(ctx, `SELECT count(*) FILTER (WHERE o.parked IS NULL), count(o.parked), (SELECT max(sent) FROM outbox)
		FROM outbox o JOIN scans s USING (sha256) WHERE o.sent IS NULL`).Scan(&b.Waiting, &b.Parked, &sent)
	if err != nil {
		return Backlog{}, fmt.Errorf("count what waits to be sent: %w", err)
	}
	err = s.r.QueryRowContext(ctx, `SELECT f.created, o.tried, o.error FROM outbox o JOIN files f USING (sha256)
		WHERE o.sent IS NULL AND o.parked IS NULL ORDER BY o.seq LIMIT 1`).Scan(&oldest, &tried, &b.Error)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Backlog{}, fmt.Errorf("look at what waits to be sent: %w", err)
	}
	b.Oldest, b.Tried, b.LastSent = instant(oldest), instant(tried), instant(sent)
	return b, nil
}

func instant(n sql.NullInt64) *time.Time {
	if !n.Valid {
		return nil
	}
	t := fromMicros(n.Int64)
	return &t
}

// Unsent returns up to limit files that have not been sent: those that wait, in the order of sending, then parked ones.
func (s *Store) Unsent(ctx context.Context, limit int) ([]Unsent, error) {
	return s.unsent(ctx, `ORDER BY o.parked IS NOT NULL, o.seq LIMIT ?`, limit)
}

// NextUnsent returns the file to be sent next, ErrNotFound when none waits.
func (s *Store) NextUnsent(ctx context.Context) (Unsent, error) {
	u, err := s.unsent(ctx, `AND o.parked IS NULL ORDER BY o.seq LIMIT 1`)
	if err != nil {
		return Unsent{}, err
	}
	if len(u) == 0 {
		return Unsent{}, fmt.Errorf("next file to send: %w", ErrNotFound)
	}
	return u[0], nil
}

func (s *Store) unsent(ctx context.Context, tail string, args ...any) ([]Unsent, error) {
	rows, err := s.r.QueryContext(ctx, `SELECT o.seq, o.sha256, o.key, f.name, f.created, o.attempts, o.error, o.parked,
			(SELECT count(*) FROM scans s WHERE s.sha256 = o.sha256),
			EXISTS (SELECT 1 FROM scans s WHERE s.sha256 = o.sha256 AND s.simulated),
			coalesce((SELECT headline FROM scans s WHERE s.sha256 = o.sha256 ORDER BY spectrum_index LIMIT 1), '')
		FROM outbox o JOIN files f USING (sha256) WHERE o.sent IS NULL `+tail, args...)
	if err != nil {
		return nil, fmt.Errorf("read what waits to be sent: %w", err)
	}
	defer rows.Close()
	var out []Unsent
	for rows.Next() {
		var u Unsent
		var stored int64
		var parked sql.NullInt64
		if err := rows.Scan(&u.Seq, &u.SHA256, &u.Key, &u.Filename, &stored, &u.Attempts, &u.Error, &parked, &u.Scans, &u.Simulated, &u.Headline); err != nil {
			return nil, fmt.Errorf("read what waits to be sent: %w", err)
		}
		u.Stored, u.Parked = fromMicros(stored), instant(parked)
		out = append(out, u)
	}
	return out, rows.Err()
}

// Sent notes that the other server has stored the file, as scan id there. What was noted before stays.
func (s *Store) Sent(ctx context.Context, seq int64, to, id string, now time.Time) error {
	return s.note(ctx, seq, `sent = ?, sent_to = ?, sent_id = ?, tried = ?, error = '', parked = NULL, attempts = attempts + 1`,
		micros(now), to, id, micros(now))
}

// NotSent notes why an attempt to send the file failed; it still waits.
func (s *Store) NotSent(ctx context.Context, seq int64, reason string, now time.Time) error {
	return s.note(ctx, seq, `tried = ?, error = ?, attempts = attempts + 1`, micros(now), reason)
}

// Park takes a file that the other server refuses for good out of the order, with the reason. Unpark puts it back.
func (s *Store) Park(ctx context.Context, seq int64, reason string, now time.Time) error {
	return s.note(ctx, seq, `parked = ?, tried = ?, error = ?, attempts = attempts + 1`, micros(now), micros(now), reason)
}

func (s *Store) note(ctx context.Context, seq int64, set string, args ...any) error {
	return s.write(ctx, func(tx queries) error {
		_, err := tx.ExecContext(ctx, `UPDATE outbox SET `+set+` WHERE seq = ? AND sent IS NULL`, append(args, seq)...)
		return err
	})
}

// Unpark lets parked files wait again, each at its old place, and returns how many there were.
func (s *Store) Unpark(ctx context.Context) (n int, err error) {
	err = s.write(ctx, func(tx queries) error {
		n, err = changed(tx.ExecContext(ctx, `UPDATE outbox SET parked = NULL WHERE parked IS NOT NULL AND sent IS NULL`))
		return err
	})
	return n, err
}

// QueueStored puts every file that was never in the outbox at its end, in the order of storing, and returns how many
// there were.
func (s *Store) QueueStored(ctx context.Context) (n int, err error) {
	err = s.write(ctx, func(tx queries) error {
		n, err = enqueue(ctx, tx, "TRUE")
		return err
	})
	return n, err
}

// File returns the bytes of a stored file by their SHA-256; ErrNotFound when there is none, ErrErased when they were erased.
func (s *Store) File(ctx context.Context, sum string) (File, error) {
	var f File
	var v sealed
	var erased bool
	err := s.r.QueryRowContext(ctx, `SELECT name, raw, raw_key, EXISTS (SELECT 1 FROM erasures e WHERE e.sha256 = files.sha256) FROM files WHERE sha256 = ?`, sum).
		Scan(&f.Name, &v.value, &v.key, &erased)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return File{}, fmt.Errorf("file %.12s: %w", sum, ErrNotFound)
	case err != nil:
		return File{}, err
	case erased:
		return File{}, fmt.Errorf("file %.12s %w", sum, ErrErased)
	}
	f.Raw, err = s.open(v, rawOf(sum))
	return f, err
}
