package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
)

// Ping reports whether the database can be read and written now.
func (s *Store) Ping(ctx context.Context) error {
	if s.at != nil {
		if err := errors.Join(s.at.still(), s.at.writable(), writable(filepath.Dir(s.at.path))); err != nil {
			return fmt.Errorf("write to the database: %w", err)
		}
	}
	var one int
	if err := s.r.QueryRowContext(ctx, "SELECT 1").Scan(&one); err != nil {
		return fmt.Errorf("read the database: %w", err)
	}
	tx, err := s.w.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("write to the database: %w", s.d.named(ctx, err))
	}
	return tx.Rollback()
}
