package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"fentrace/server/audit"
	"fentrace/server/tlp"
)

// LogFilter narrows the entries of the log. Zero fields do not narrow; texts are compared whole.
type LogFilter struct {
	Actor, Action, Kind, Record string
	From, To                    time.Time // From <= t < To
}

func (f LogFilter) where() (string, []any) {
	conds, args := []string{"TRUE"}, []any{}
	for _, eq := range []struct{ column, value string }{{"actor", f.Actor}, {"action", f.Action}, {"kind", f.Kind}, {"record", f.Record}} {
		if eq.value != "" {
			conds, args = append(conds, eq.column+" = ?"), append(args, eq.value)
		}
	}
	if !f.From.IsZero() {
		conds, args = append(conds, "at >= ?"), append(args, micros(f.From))
	}
	if !f.To.IsZero() {
		conds, args = append(conds, "at < ?"), append(args, micros(f.To))
	}
	return strings.Join(conds, " AND "), args
}

// LogEntry is a leaf of the log with the bytes of which its hash is taken.
type LogEntry struct {
	audit.Leaf
	Raw []byte `json:"-"`

	stored int64   // the number it is stored under
	found  columns // what it is found by
}

// columns are what a leaf is found by.
type columns struct {
	at                                  int64
	actor, agency, action, kind, record string
}

func foundBy(l audit.Leaf) columns {
	return columns{micros(l.Time), l.Actor, l.Agency, l.Action, l.Kind, l.ID}
}

// Log returns up to limit entries before the cursor ("" starts), newest first, and the cursor of those before them, "" at the end.
// What is added meanwhile makes no page repeat or skip one. ErrInvalid for a cursor that Log did not give.
// An auditor sees what the agency did, and one of LocalAgency everything. Another account sees that too, of LocalAgency also what the
// program did by itself, if it is cleared for all records of its agency, and otherwise only what it did itself.
func (s *Store) Log(ctx context.Context, f LogFilter, limit int, cursor string) (entries []LogEntry, next string, err error) {
	see, seen, err := logSeen(ctx)
	if err != nil {
		return nil, "", err
	}
	cond, args := f.where()
	cond, args = cond+" AND "+see, append(args, seen...)
	if cursor != "" {
		before, err := strconv.ParseInt(cursor, 10, 64)
		if err != nil || before < 0 {
			return nil, "", fmt.Errorf("%w: cursor was not given by this server", ErrInvalid)
		}
		cond, args = cond+" AND seq < ?", append(args, before)
	}
	entries, err = s.leaves(ctx, cond+" ORDER BY seq DESC LIMIT ?", append(args, limit+1)...)
	if len(entries) > limit {
		entries = entries[:limit]
		next = strconv.FormatInt(entries[limit-1].Seq, 10)
	}
	return entries, next, err
}

// logSeen is the condition that whoever asks may see a leaf.
func logSeen(ctx context.Context) (cond string, args []any, err error) {
	p, ok := Asking(ctx)
	switch {
	case !ok:
		return "", nil, ErrNobody
	case p.Program || p.Agency == LocalAgency && p.Role == "auditor":
		return "TRUE", nil, nil
	case p.Role != "auditor" && p.Clearance != tlp.Red:
		return "agency = ? AND actor = ?", []any{p.Agency, p.User}, nil
	case p.Agency == LocalAgency:
		return "agency IN (?, '')", []any{p.Agency}, nil
	}
	return "agency = ?", []any{p.Agency}, nil
}

// LogLeaf is one leaf; ErrNotFound when there is none that whoever asks may see.
func (s *Store) LogLeaf(ctx context.Context, seq int64) (LogEntry, error) {
	see, args, err := logSeen(ctx)
	if err != nil {
		return LogEntry{}, err
	}
	found, err := s.leaves(ctx, "seq = ? AND "+see, append([]any{seq}, args...)...)
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("entry %d of the log: %w", seq, ErrNotFound)
	}
	if err != nil {
		return LogEntry{}, err
	}
	return found[0], nil
}

// LogFrom returns up to limit leaves as they are stored, from number seq on, oldest first. A leaf that cannot be read has only its
// bytes and the number it is stored under.
func (s *Store) LogFrom(ctx context.Context, seq int64, limit int) ([]LogEntry, error) {
	return s.leaves(ctx, "seq >= ? ORDER BY seq LIMIT ?", seq, limit)
}

// LogAbout returns the leaves about a record, oldest first.
func (s *Store) LogAbout(ctx context.Context, kind, record string) ([]LogEntry, error) {
	return s.leaves(ctx, "kind = ? AND record = ? ORDER BY seq", kind, record)
}

func (s *Store) leaves(ctx context.Context, tail string, args ...any) ([]LogEntry, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT seq, at, actor, agency, action, kind, record, leaf FROM log_leaves WHERE "+tail, args...)
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	defer rows.Close()
	out := []LogEntry{}
	for rows.Next() {
		var e LogEntry
		if err := rows.Scan(&e.stored, &e.found.at, &e.found.actor, &e.found.agency, &e.found.action, &e.found.kind, &e.found.record, &e.Raw); err != nil {
			return nil, fmt.Errorf("read the log: %w", err)
		}
		if e.Leaf, err = audit.Decode(e.Raw); err != nil {
			e.Leaf = audit.Leaf{Seq: e.stored}
		}
		out = append(out, e)
	}
	return out, rows.Err()
}

// LogSize is how many leaves the log has.
func (s *Store) LogSize(ctx context.Context) (size int64, err error) {
	err = s.r.QueryRowContext(ctx, "SELECT coalesce(max(seq), -1) + 1 FROM log_leaves").Scan(&size)
	return size, err
}

// LogTree reads the stored hashes of the log's tree.
func (s *Store) LogTree(ctx context.Context) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) { return readHashes(ctx, s.r, indexes) })
}

// LogRoot is the size of the log, and its hash by the stored hashes.
func (s *Store) LogRoot(ctx context.Context) (size int64, root tlog.Hash, err error) {
	if size, err = s.LogSize(ctx); err != nil {
		return 0, root, err
	}
	root, err = tlog.TreeHash(size, s.LogTree(ctx))
	return size, root, err
}

// StoredCheckpoint is a signed checkpoint with when it was made.
type StoredCheckpoint struct {
	Size       int64     `json:"size" doc:"leaves that the log had"`
	Origin     string    `json:"origin" doc:"name of the key"`
	Made       time.Time `json:"made"`
	Checkpoint string    `json:"checkpoint" doc:"signed note (C2SP tlog-checkpoint)"`
}

// AddCheckpoint keeps a signed checkpoint; one of the same size and origin stays as it is.
func (s *Store) AddCheckpoint(ctx context.Context, c StoredCheckpoint) error {
	return s.write(ctx, func(tx queries) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO log_checkpoints (size, origin, made, checkpoint) VALUES (?,?,?,?) ON CONFLICT DO NOTHING",
			c.Size, c.Origin, micros(c.Made), c.Checkpoint)
		return err
	})
}

// Checkpoints are those kept, the smallest first.
func (s *Store) Checkpoints(ctx context.Context) ([]StoredCheckpoint, error) {
	return s.checkpoints(ctx, "ORDER BY size, origin")
}

// LastCheckpoint is the newest of that origin; ErrNotFound when there is none.
func (s *Store) LastCheckpoint(ctx context.Context, origin string) (StoredCheckpoint, error) {
	found, err := s.checkpoints(ctx, "WHERE origin = ? ORDER BY size DESC LIMIT 1", origin)
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("checkpoint of %s: %w", origin, ErrNotFound)
	}
	if err != nil {
		return StoredCheckpoint{}, err
	}
	return found[0], nil
}

func (s *Store) checkpoints(ctx context.Context, tail string, args ...any) ([]StoredCheckpoint, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT size, origin, made, checkpoint FROM log_checkpoints "+tail, args...)
	if err != nil {
		return nil, fmt.Errorf("read checkpoints: %w", err)
	}
	defer rows.Close()
	out := []StoredCheckpoint{}
	for rows.Next() {
		var c StoredCheckpoint
		var made int64
		if err := rows.Scan(&c.Size, &c.Origin, &made, &c.Checkpoint); err != nil {
			return nil, fmt.Errorf("read checkpoints: %w", err)
		}
		c.Made = fromMicros(made)
		out = append(out, c)
	}
	return out, rows.Err()
}

// kindLogKey is the kind of the leaves that say with which public keys checkpoints are signed.
const kindLogKey = "log-key"

// NoteLogKey notes once in the log with which public key checkpoints of that origin are signed.
func (s *Store) NoteLogKey(ctx context.Context, origin, public string) error {
	return s.write(ctx, func(tx queries) error {
		var one int
		err := tx.QueryRowContext(ctx, "SELECT 1 FROM log_leaves WHERE kind = ? AND record = ? LIMIT 1", kindLogKey, origin).Scan(&one)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		return tx.log(ctx, Entry{Action: audit.Grant, Kind: kindLogKey, ID: origin, Detail: LogKey{public}})
	})
}

// LogKey is the detail of a leaf that says with which public key checkpoints are signed.
type LogKey struct {
	Public string `json:"public"` // of golang.org/x/mod/sumdb/note
}

// LogKeys are the public keys that the log says checkpoints are signed with, by origin.
func (s *Store) LogKeys(ctx context.Context) (map[string]string, error) {
	found, err := s.leaves(ctx, "kind = ? ORDER BY seq", kindLogKey)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, e := range found {
		if key, err := logKey(e.Leaf); err == nil {
			out[e.ID] = key.Public
		}
	}
	return out, nil
}

// Refusal is something that was refused.
type Refusal struct {
	What  string // log-in, token or request
	From  string // address; "others" for those that are not counted apart
	User  string // account; empty: nobody was logged in
	Route string
}

// Refused is a refusal with how often it came between two times.
type Refused struct {
	Refusal
	Count       int
	First, Last time.Time
}

// NoteRefusals notes them in the log, all or none.
func (s *Store) NoteRefusals(ctx context.Context, rs []Refused) error {
	return s.write(ctx, func(tx queries) error {
		for _, r := range rs {
			detail := map[string]any{"count": r.Count, "first": r.First.UTC().Truncate(time.Second), "last": r.Last.UTC().Truncate(time.Second)}
			if r.Route != "" {
				detail["route"] = r.Route
			}
			if err := tx.log(As(ctx, Principal{User: r.User}), Entry{Action: audit.Refuse, Kind: r.What, ID: r.From, Detail: detail}); err != nil {
				return err
			}
		}
		return nil
	})
}
