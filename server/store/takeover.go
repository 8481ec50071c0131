package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"fentrace/server/audit"
)

const (
	// takenOver is the id of the leaf, of KindLog, that says that everything stored before there was a log is in it.
	takenOver = "taken-over"
	// takeAtOnce is how many rows are taken over in one transaction.
	takeAtOnce = 100
)

// takeOver notes in the log what was stored before there was one, as it is now. What is left when it is cut off is done at the next
// opening; once it is done, it is never done again: what has no leaf then was put there behind the program's back.
func (s *Store) takeOver(ctx context.Context) error {
	var one int
	err := s.r.QueryRowContext(ctx, "SELECT 1 FROM log_leaves WHERE kind = ? AND record = ? LIMIT 1", KindLog, takenOver).Scan(&one)
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	ctx = ByProgram(ctx, "upgrade")
	for after, more := int64(0), true; more; {
		err := s.write(ctx, func(tx queries) error {
			scans, err := s.storedScans(ctx, tx, after, "NOT EXISTS (SELECT 1 FROM log_leaves l WHERE l.kind = '"+KindScan+"' AND l.record = s.id)", takeAtOnce)
			more = len(scans) > 0
			for _, sc := range scans {
				after, sc.now.TakenOver = sc.seq, true
				err = errors.Join(err, tx.log(ctx, Entry{Action: audit.Collect, Kind: KindScan, ID: sc.id, Detail: sc.now}))
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("take scans over into the log: %w", err)
		}
	}
	for _, b := range bounds {
		if err := s.takeOverBound(ctx, b); err != nil {
			return fmt.Errorf("take every %s over into the log: %w", b.words, err)
		}
	}
	return s.write(ctx, func(tx queries) error {
		err := tx.QueryRowContext(ctx, "SELECT 1 FROM log_leaves WHERE kind = ? AND record = ? LIMIT 1", KindLog, takenOver).Scan(&one)
		if !errors.Is(err, sql.ErrNoRows) {
			return err // another program was faster
		}
		return tx.log(ctx, Entry{Action: audit.Collect, Kind: KindLog, ID: takenOver})
	})
}

func (s *Store) takeOverBound(ctx context.Context, b bound) error {
	for after, more := any(nil), true; more; {
		err := s.write(ctx, func(tx queries) error {
			rows, err := boundRows(ctx, tx, b, after, "NOT EXISTS (SELECT 1 FROM log_leaves l WHERE l.kind = '"+b.kind+"' AND l.record = "+b.id+")", takeAtOnce)
			more = len(rows) > 0
			for _, r := range rows {
				after = r.at
				err = errors.Join(err, tx.log(ctx, Entry{Action: audit.Collect, Kind: b.kind, ID: r.id, Detail: map[string]any{"hash": r.hash, "taken_over": true}}))
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
