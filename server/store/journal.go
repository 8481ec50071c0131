package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"fentrace/server/audit"
)

// ErrLog: the log could not be written. Nothing of what it would have been about was stored.
var ErrLog = errors.New("what was to be done could not be noted in the log, so it was not done")

// Entry is what is noted in the log of one action: see audit.Leaf. Who acts is who asks (see As).
type Entry struct {
	Action, Kind, ID string
	Detail           any // becomes JSON; nil: none
}

// log notes an action in the log, in the transaction of q: it is there if, and only if, what else is done in it is.
func (q queries) log(ctx context.Context, e Entry) error {
	p, ok := Asking(ctx)
	if !ok {
		p = Principal{User: "fentrace", Program: true}
	}
	l := audit.Leaf{Actor: p.User, Role: p.Role, Agency: p.Agency, Request: p.Request, Action: e.Action, Kind: e.Kind, ID: e.ID}
	if e.Detail != nil {
		detail, err := json.Marshal(e.Detail)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrLog, err)
		}
		l.Detail = detail
	}
	*q.notes = append(*q.notes, l)
	return nil
}

// Note notes an action that changes nothing else, such as that somebody has looked at a record.
func (s *Store) Note(ctx context.Context, e Entry) error {
	return s.write(ctx, func(tx queries) error { return tx.log(ctx, e) })
}

// appendLog adds leaves to the log within the transaction of q. What is returned is to be kept once that is committed.
func (s *Store) appendLog(ctx context.Context, q queries, leaves []audit.Leaf) (grown audit.Edge, err error) {
	if grown, err = s.logEdge(ctx, q); err != nil {
		return grown, fmt.Errorf("%w: %w", ErrLog, err)
	}
	rows, hashes := []any{}, []any{}
	now := s.now()
	for _, l := range leaves {
		l.Seq, l.Time = grown.Size, now
		raw, err := l.Encode()
		if err != nil {
			return grown, fmt.Errorf("%w: %w", ErrLog, err)
		}
		next, first, stored, err := grown.Append(raw)
		if err != nil {
			return grown, fmt.Errorf("%w: %w", ErrLog, err)
		}
		rows = append(rows, l.Seq, micros(now), l.Actor, l.Agency, l.Action, l.Kind, l.ID, raw)
		for i, h := range stored {
			hashes = append(hashes, first+int64(i), h[:])
		}
		grown = next
	}
	err = errors.Join(
		insertMany(ctx, q, "INSERT INTO log_leaves (seq, at, actor, agency, action, kind, record, leaf) VALUES ", 8, rows),
		insertMany(ctx, q, "INSERT INTO log_hashes (n, hash) VALUES ", 2, hashes))
	if err != nil {
		return grown, fmt.Errorf("%w: %w", ErrLog, err)
	}
	return grown, nil
}

// logEdge is the edge of the log as it is in the transaction of q: that kept, when nobody else has added to it.
func (s *Store) logEdge(ctx context.Context, q queries) (audit.Edge, error) {
	var size int64
	if err := q.QueryRowContext(ctx, "SELECT coalesce(max(seq), -1) + 1 FROM log_leaves").Scan(&size); err != nil {
		return audit.Edge{}, fmt.Errorf("ask how large the log is: %w", err)
	}
	if size == s.edge.Size {
		return s.edge, nil
	}
	hashes, err := readHashes(ctx, q, audit.EdgeIndexes(size))
	if err != nil {
		return audit.Edge{}, err
	}
	return audit.NewEdge(size, hashes)
}

// readHashes reads stored hashes of the tree, in the order of the indexes.
func readHashes(ctx context.Context, q queries, indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	if len(indexes) == 0 {
		return out, nil
	}
	at := make(map[int64]int, len(indexes))
	args := make([]any, len(indexes))
	for i, n := range indexes {
		at[n], args[i] = i, n
	}
	rows, err := q.QueryContext(ctx, "SELECT n, hash FROM log_hashes WHERE n IN ("+marks(len(args))+")", args...)
	if err != nil {
		return nil, fmt.Errorf("read the hashes of the log: %w", err)
	}
	defer rows.Close()
	found := 0
	for ; rows.Next(); found++ {
		var n int64
		var hash []byte
		if err := rows.Scan(&n, &hash); err != nil {
			return nil, fmt.Errorf("read the hashes of the log: %w", err)
		}
		if len(hash) != tlog.HashSize {
			return nil, fmt.Errorf("hash %d of the log has %d bytes: it is damaged", n, len(hash))
		}
		out[at[n]] = tlog.Hash(hash)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the hashes of the log: %w", err)
	}
	if found != len(at) {
		return nil, fmt.Errorf("%d of %d hashes of the log are missing: it is damaged", len(at)-found, len(at))
	}
	return out, nil
}

// rowsAtOnce is how many rows one statement inserts: fewer values than either database takes.
const rowsAtOnce = 500

// insertMany inserts rows of so many columns, whose values follow each other.
func insertMany(ctx context.Context, q queries, into string, columns int, values []any) error {
	row := "(" + marks(columns) + ")"
	for len(values) > 0 {
		n := min(rowsAtOnce, len(values)/columns)
		if _, err := q.ExecContext(ctx, into+row+strings.Repeat(","+row, n-1), values[:n*columns]...); err != nil {
			return err
		}
		values = values[n*columns:]
	}
	return nil
}

// now is the time by the clock of the store.
func (s *Store) now() time.Time {
	if s.Clock != nil {
		return s.Clock()
	}
	return time.Now()
}

// logKey reads the detail of a leaf of kindLogKey.
func logKey(l audit.Leaf) (k LogKey, err error) {
	err = json.Unmarshal(l.Detail, &k)
	return k, err
}
