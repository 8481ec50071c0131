package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"fentrace/server/audit"
)

// enqueue puts the stored files that fit a condition on holdings h and were never in the outbox into it, in the order of storing. The
// key is the id of the file's first scan: it is made once and never again.
func enqueue(ctx context.Context, tx queries, cond string, args ...any) (n int, err error) {
	const of = "FROM scans s WHERE s.agency = h.agency AND s.sha256 = h.sha256"
	return changed(tx.ExecContext(ctx, `INSERT INTO outbox (agency, sha256, key)
		SELECT h.agency, h.sha256, (SELECT id `+of+` ORDER BY spectrum_index LIMIT 1) FROM holdings h
		WHERE EXISTS (SELECT 1 `+of+`) AND `+cond+` ORDER BY (SELECT min(seq) `+of+`) ON CONFLICT DO NOTHING`, args...))
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
	Agency   string
	SHA256   string
	Key      string // Idempotency-Key of every attempt; the id of its first scan
	ScanID   string // of the first of its scans that may be seen
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

// outboxSeen is the condition that whoever asks may see the row o of the outbox: it is of the own agency, and so is a scan that may be seen.
func outboxSeen(ctx context.Context) (cond string, args []any, err error) {
	cond, args, err = own(ctx, "v")
	if p, _ := Asking(ctx); p.Program {
		return "TRUE", nil, err
	}
	return "EXISTS (SELECT 1 FROM scans v WHERE v.agency = o.agency AND v.sha256 = o.sha256 AND " + cond + ")", args, err
}

// Backlog counts what has not been sent, of the agency of who asks.
func (s *Store) Backlog(ctx context.Context) (Backlog, error) {
	var b Backlog
	var oldest, tried, sent sql.NullInt64
	see, args, err := outboxSeen(ctx)
	if err != nil {
		return b, err
	}
	one, oneArgs, err := own(ctx, "s")
	if err != nil {
		return b, err
	}
	err = s.r.QueryRowContext(ctx, `SELECT count(*) FILTER (WHERE o.parked IS NULL), count(o.parked)
		FROM outbox o JOIN scans s ON s.agency = o.agency AND s.sha256 = o.sha256 WHERE o.sent IS NULL AND `+one, oneArgs...).Scan(&b.Waiting, &b.Parked)
	if err == nil {
		// Newest first, so that not everything that was ever sent is looked at.
		err = s.r.QueryRowContext(ctx, "SELECT o.sent FROM outbox o WHERE o.sent IS NOT NULL AND "+see+" ORDER BY o.sent DESC LIMIT 1", args...).Scan(&sent)
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Backlog{}, fmt.Errorf("count what waits to be sent: %w", err)
	}
	err = s.r.QueryRowContext(ctx, `SELECT h.created, o.tried, o.error FROM outbox o JOIN holdings h ON h.agency = o.agency AND h.sha256 = o.sha256
		WHERE o.sent IS NULL AND o.parked IS NULL AND `+see+` ORDER BY o.seq LIMIT 1`, args...).Scan(&oldest, &tried, &b.Error)
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

// UnsentPage is the same in pages; ErrInvalid for a cursor that it did not give.
func (s *Store) UnsentPage(ctx context.Context, cursor string, limit int) ([]Unsent, string, error) {
	cond, args, err := list{table: "outbox", id: "key", alias: "o", part: "CASE WHEN o.parked IS NULL THEN 0 ELSE 1 END", upwards: true}.after(cursor)
	if err != nil {
		return nil, "", err
	}
	unsent, err := s.unsent(ctx, "AND "+cond+" ORDER BY o.parked IS NOT NULL, o.seq LIMIT ?", append(args, limit+1)...)
	unsent, next := page(unsent, limit, func(u Unsent) (string, bool) { return u.Key, u.Parked != nil })
	return unsent, next, err
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
	see, seeArgs, err := outboxSeen(ctx)
	if err != nil {
		return nil, err
	}
	one, oneArgs, err := own(ctx, "s")
	if err != nil {
		return nil, err
	}
	of := "FROM scans s WHERE s.agency = o.agency AND s.sha256 = o.sha256 AND " + one
	rows, err := s.r.QueryContext(ctx, `SELECT o.seq, o.agency, o.sha256, coalesce((SELECT id `+of+` ORDER BY spectrum_index LIMIT 1), ''), o.key, h.name, h.created,
			o.attempts, o.error, o.parked, (SELECT count(*) `+of+`), EXISTS (SELECT 1 `+of+` AND s.simulated),
			coalesce((SELECT headline `+of+` ORDER BY spectrum_index LIMIT 1), '')
		FROM outbox o JOIN holdings h ON h.agency = o.agency AND h.sha256 = o.sha256 WHERE o.sent IS NULL AND `+see+` `+tail,
		slices.Concat(oneArgs, oneArgs, oneArgs, oneArgs, seeArgs, args)...)
	if err != nil {
		return nil, fmt.Errorf("read what waits to be sent: %w", err)
	}
	defer rows.Close()
	var out []Unsent
	for rows.Next() {
		var u Unsent
		var stored int64
		var parked sql.NullInt64
		if err := rows.Scan(&u.Seq, &u.Agency, &u.SHA256, &u.ScanID, &u.Key, &u.Filename, &stored, &u.Attempts, &u.Error, &parked, &u.Scans, &u.Simulated, &u.Headline); err != nil {
			return nil, fmt.Errorf("read what waits to be sent: %w", err)
		}
		u.Stored, u.Parked = fromMicros(stored), instant(parked)
		out = append(out, u)
	}
	return out, rows.Err()
}

// Sent notes that the other server has stored the file, as scan id there. What was noted before stays.
func (s *Store) Sent(ctx context.Context, seq int64, to, id string, now time.Time) error {
	return s.write(ctx, func(tx queries) error {
		n, err := note(ctx, tx, seq, `sent = ?, sent_to = ?, sent_id = ?, tried = ?, error = '', parked = NULL, attempts = attempts + 1`,
			micros(now), to, id, micros(now))
		if err != nil || n == 0 {
			return err
		}
		return logQueued(ctx, tx, audit.Disclose, seq, map[string]any{"to": to, "as": id})
	})
}

// NotSent notes why an attempt to send the file failed; it still waits.
func (s *Store) NotSent(ctx context.Context, seq int64, reason string, now time.Time) error {
	return s.write(ctx, func(tx queries) error {
		_, err := note(ctx, tx, seq, `tried = ?, error = ?, attempts = attempts + 1`, micros(now), reason)
		return err
	})
}

// Park takes a file that the other server refuses for good out of the order, with the reason. Unpark puts it back.
func (s *Store) Park(ctx context.Context, seq int64, reason string, now time.Time) error {
	return s.write(ctx, func(tx queries) error {
		n, err := note(ctx, tx, seq, `parked = ?, tried = ?, error = ?, attempts = attempts + 1`, micros(now), micros(now), reason)
		if err != nil || n == 0 {
			return err
		}
		return logQueued(ctx, tx, audit.Alter, seq, map[string]any{"parked": true})
	})
}

func note(ctx context.Context, tx queries, seq int64, set string, args ...any) (n int, err error) {
	return changed(tx.ExecContext(ctx, `UPDATE outbox SET `+set+` WHERE seq = ? AND sent IS NULL`, append(args, seq)...))
}

// logQueued notes in the log what became of a file in the outbox.
func logQueued(ctx context.Context, tx queries, action string, seq int64, detail map[string]any) error {
	var agency, sum string
	if err := tx.QueryRowContext(ctx, "SELECT agency, sha256 FROM outbox WHERE seq = ?", seq).Scan(&agency, &sum); err != nil {
		return err
	}
	detail["agency"] = agency
	return tx.log(ctx, Entry{Action: action, Kind: KindFile, ID: sum, Detail: detail})
}

// Unpark lets parked files of the agency of who asks wait again, each at its old place, and returns how many there were.
func (s *Store) Unpark(ctx context.Context) (n int, err error) {
	see, args, err := outboxSeen(ctx)
	if err != nil {
		return 0, err
	}
	err = s.write(ctx, func(tx queries) error {
		n, err = changed(tx.ExecContext(ctx, `UPDATE outbox AS o SET parked = NULL WHERE parked IS NOT NULL AND sent IS NULL AND `+see, args...))
		if err != nil || n == 0 {
			return err
		}
		return tx.log(ctx, Entry{Action: audit.Alter, Kind: "queue", ID: "parked", Detail: map[string]any{"files": n, "waiting": true}})
	})
	return n, err
}

// QueueStored puts every file of the agency of who asks that was never in the outbox at its end, in the order of storing, and returns
// how many there were.
func (s *Store) QueueStored(ctx context.Context) (n int, err error) {
	agency, err := holder(ctx)
	if err != nil {
		return 0, err
	}
	err = s.write(ctx, func(tx queries) error {
		if n, err = enqueue(ctx, tx, "h.agency = ?", agency); err != nil || n == 0 {
			return err
		}
		return tx.log(ctx, Entry{Action: audit.Alter, Kind: "queue", ID: "stored", Detail: map[string]any{"files": n, "waiting": true}})
	})
	return n, err
}

// File returns the bytes of a file stored for the agency of who asks by their SHA-256; ErrNotFound when there is none, ErrErased when
// they were erased.
func (s *Store) File(ctx context.Context, sum string) (File, error) {
	agency, err := holder(ctx)
	if err != nil {
		return File{}, err
	}
	see, args, err := visible(ctx, "s")
	if err != nil {
		return File{}, err
	}
	var f File
	var v sealed
	err = s.r.QueryRowContext(ctx, `SELECT h.name, f.raw, f.raw_key FROM holdings h JOIN files f ON f.sha256 = h.sha256 WHERE h.agency = ? AND h.sha256 = ?
		AND EXISTS (SELECT 1 FROM scans s WHERE s.agency = h.agency AND s.sha256 = h.sha256 AND `+see+")", append([]any{agency, sum}, args...)...).
		Scan(&f.Name, &v.value, &v.key)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return File{}, fmt.Errorf("file %.12s: %w", sum, ErrNotFound)
	case err != nil:
		return File{}, err
	case v.key == erasedKey:
		return File{}, fmt.Errorf("file %.12s %w", sum, ErrErased)
	}
	f.Raw, err = s.open(v, rawOf(sum))
	return f, err
}
