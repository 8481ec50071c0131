package store

import (
	"context"
	"fmt"
	"time"

	"fentrace/server/audit"
)

// ExportToMake is an export that waits, for who makes it; ErrNotFound, or ErrNotNow when it does not wait.
func (s *Store) ExportToMake(ctx context.Context, id string) (ExportTask, error) {
	if err := onlyProgram(ctx); err != nil {
		return ExportTask{}, err
	}
	found, err := s.exports(ctx, time.Time{}, "x.id = ?", id)
	switch {
	case err != nil:
		return ExportTask{}, err
	case len(found) == 0:
		return ExportTask{}, fmt.Errorf("export %s: %w", id, ErrNotFound)
	case found[0].State != ExportWaiting:
		return ExportTask{}, fmt.Errorf("export %s is %s: %w", id, found[0].State, ErrNotNow)
	}
	return found[0], nil
}

// BeginExport begins to make an export, also one that was begun before: what there is of that is taken away, and whoever made it can add
// nothing any more. ErrNotNow when it does not wait.
func (s *Store) BeginExport(ctx context.Context, id string) (run int, err error) {
	if err := onlyProgram(ctx); err != nil {
		return 0, err
	}
	err = s.write(ctx, func(tx queries) error {
		if err := waits(changed(tx.ExecContext(ctx, "UPDATE exports SET run = run + 1, size = 0, scans = 0 WHERE id = ? AND state = ?", id, ExportWaiting))); err != nil {
			return err
		}
		if err := tx.QueryRowContext(ctx, "SELECT run FROM exports WHERE id = ?", id).Scan(&run); err != nil {
			return err
		}
		return emptyExports(ctx, tx, "= ?", id)
	})
	if err != nil {
		return 0, fmt.Errorf("begin export %s: %w", id, err)
	}
	return run, nil
}

// waits is ErrNotNow when nothing was changed: the export is not waited for any more, or somebody else makes it.
func waits(n int, err error) error {
	if err == nil && n == 0 {
		err = ErrNotNow
	}
	return err
}

// emptyExports takes away what is in exports.
func emptyExports(ctx context.Context, tx queries, which string, args ...any) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM export_parts WHERE export_id "+which, args...); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "DELETE FROM export_scans WHERE export_id "+which, args...)
	return err
}

// AddToExport stores the n-th part of an export, from 0 on, and notes which scans are in it. ErrNotNow when it is not this run's any more.
func (s *Store) AddToExport(ctx context.Context, t ExportTask, run, n int, data []byte, scans []string) error {
	if err := onlyProgram(ctx); err != nil {
		return err
	}
	part := exportPart(t.ID, n)
	v := s.seal(data, partOf(part))
	err := s.write(ctx, func(tx queries) error {
		if err := waits(changed(tx.ExecContext(ctx, "UPDATE exports SET size = size + ?, scans = scans + ? WHERE id = ? AND state = ? AND run = ?", len(data), len(scans), t.ID, ExportWaiting, run))); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO export_parts (id, export_id, n, data, data_key) VALUES (?,?,?,?,?)", part, t.ID, n, v.value, v.key); err != nil {
			return err
		}
		var values []any
		for _, id := range scans {
			values = append(values, t.ID, id)
			if err := tx.log(ctx, Entry{Action: audit.Disclose, Kind: KindScan, ID: id, Detail: map[string]any{"export": t.ID, "form": t.Format, "for": t.CreatedBy}}); err != nil {
				return err
			}
		}
		return insertMany(ctx, tx, "INSERT INTO export_scans (export_id, scan_id) VALUES ", 2, values)
	})
	if err != nil {
		return fmt.Errorf("add to export %s: %w", t.ID, err)
	}
	return nil
}

// EndExport says that an export is whole. ErrNotNow when it is not this run's any more.
func (s *Store) EndExport(ctx context.Context, id string, run int, sha256 string, simulated bool, now time.Time) error {
	if err := onlyProgram(ctx); err != nil {
		return err
	}
	err := s.write(ctx, func(tx queries) error {
		if err := waits(changed(tx.ExecContext(ctx, "UPDATE exports SET state = ?, sha256 = ?, simulated = ?, finished = ?, expires = ? WHERE id = ? AND state = ? AND run = ?",
			ExportReady, sha256, simulated, micros(now), micros(now.Add(ExportKept)), id, ExportWaiting, run))); err != nil {
			return err
		}
		return tx.log(ctx, Entry{Action: audit.Combine, Kind: kindExport, ID: id, Detail: map[string]any{"sha256": sha256}})
	})
	if err != nil {
		return fmt.Errorf("end export %s: %w", id, err)
	}
	return nil
}

// FailExport says why an export is not made. One that does not wait any more stays as it is.
func (s *Store) FailExport(ctx context.Context, id, why string, now time.Time) error {
	if err := onlyProgram(ctx); err != nil {
		return err
	}
	return s.write(ctx, func(tx queries) error {
		n, err := changed(tx.ExecContext(ctx, "UPDATE exports SET state = ?, error = ?, finished = ?, scans = 0, size = 0, filter = '' WHERE id = ? AND state = ?", ExportFailed, why, micros(now), id, ExportWaiting))
		if err != nil || n == 0 {
			return err
		}
		if err := emptyExports(ctx, tx, "= ?", id); err != nil {
			return err
		}
		return tx.log(ctx, Entry{Action: audit.Alter, Kind: kindExport, ID: id, Detail: map[string]any{"failed": true}})
	})
}

// expiredAtOnce is how many exports are deleted in one transaction.
const expiredAtOnce = 10

// ExpireExports deletes what is in exports whose time is over, and returns of how many.
func (s *Store) ExpireExports(ctx context.Context, now time.Time) (n int, err error) {
	if err := onlyProgram(ctx); err != nil {
		return 0, err
	}
	for {
		ids, err := s.expired(ctx, now)
		if err != nil || len(ids) == 0 {
			return n, err
		}
		err = s.write(ctx, func(tx queries) error {
			for _, id := range ids {
				changed, err := changed(tx.ExecContext(ctx, "UPDATE exports SET state = ?, filter = '' WHERE id = ? AND state = ?", ExportExpired, id, ExportReady))
				if err != nil {
					return err
				}
				if changed == 0 {
					continue // another program was quicker
				}
				if err := emptyExports(ctx, tx, "= ?", id); err != nil {
					return err
				}
				if err := tx.log(ctx, Entry{Action: audit.Erase, Kind: kindExport, ID: id}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return n, fmt.Errorf("delete exports whose time is over: %w", err)
		}
		n += len(ids)
	}
}

func (s *Store) expired(ctx context.Context, now time.Time) (ids []string, err error) {
	rows, err := s.r.QueryContext(ctx, "SELECT id FROM exports WHERE state = ? AND expires <= ? ORDER BY seq LIMIT ?", ExportReady, micros(now), expiredAtOnce)
	if err != nil {
		return nil, fmt.Errorf("look for exports whose time is over: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// withoutErased takes away the exports that scans which are erased are in; who asked for one asks again.
func withoutErased(ctx context.Context, tx queries, scans []any) error {
	which := "IN (SELECT export_id FROM export_scans WHERE scan_id IN (" + marks(len(scans)) + "))"
	rows, err := tx.QueryContext(ctx, "SELECT id FROM exports WHERE id "+which, scans...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var ids []any
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return err
		}
		ids = append(ids, id)
	}
	if err := rows.Close(); err != nil {
		return err
	}
	for _, id := range ids {
		if _, err := tx.ExecContext(ctx, "UPDATE exports SET state = ?, error = ?, scans = 0, size = 0, filter = '' WHERE id = ?", ExportFailed, "something in it was erased; ask for a new one", id); err != nil {
			return err
		}
		if err := emptyExports(ctx, tx, "= ?", id); err != nil {
			return err
		}
		if err := tx.log(ctx, Entry{Action: audit.Erase, Kind: kindExport, ID: id.(string)}); err != nil {
			return err
		}
	}
	return nil
}
