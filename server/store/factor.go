package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"fentrace/server/audit"
)

// Factor is the second factor of a user's log-ins with a password.
type Factor struct {
	Secret []byte // of RFC 6238; nil: none was set up
	On     bool   // it is asked for
}

// Factor returns that of a user; ErrNotFound when there is no such user.
func (s *Store) Factor(ctx context.Context, user string) (f Factor, err error) {
	err = s.r.QueryRowContext(ctx, "SELECT totp_secret, totp_on FROM users WHERE name = ?", user).Scan(&f.Secret, &f.On)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("user %s: %w", user, ErrNotFound)
	}
	return f, err
}

// ProposeFactor keeps the secret of a factor that is not asked for yet. ErrExists when one is.
func (s *Store) ProposeFactor(ctx context.Context, user string, secret []byte) error {
	return s.write(ctx, func(tx queries) error {
		err := one(tx.ExecContext(ctx, "UPDATE users SET totp_secret = ?, totp_step = 0 WHERE name = ? AND NOT totp_on", secret, user))
		if errors.Is(err, ErrNotFound) {
			err = fmt.Errorf("second factor of %s: %w; take it off first", user, ErrExists)
		}
		if err != nil {
			return err
		}
		return tx.logUser(ctx, audit.Alter, user, map[string]any{"second_factor": "proposed"})
	})
}

// ConfirmFactor has the factor asked for from now on: its code of that step was shown. recovery are the hashes of codes that can be used
// in its place, once each.
func (s *Store) ConfirmFactor(ctx context.Context, user string, step int64, recovery [][]byte) error {
	return s.write(ctx, func(tx queries) error {
		err := one(tx.ExecContext(ctx, "UPDATE users SET totp_on = TRUE, totp_step = ? WHERE name = ? AND totp_secret IS NOT NULL AND NOT totp_on", step, user))
		if errors.Is(err, ErrNotFound) {
			return fmt.Errorf("second factor of %s: %w", user, ErrExists)
		}
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM recovery_codes WHERE "user" = ?`, user); err != nil {
			return err
		}
		for _, hash := range recovery {
			if _, err := tx.ExecContext(ctx, `INSERT INTO recovery_codes (hash, "user") VALUES (?,?)`, hash, user); err != nil {
				return err
			}
		}
		return tx.logUser(ctx, audit.Grant, user, map[string]any{"second_factor": "on"})
	})
}

// UseFactor notes that the code of that step was used. ErrNotFound when that one, or a later one, was used before.
func (s *Store) UseFactor(ctx context.Context, user string, step int64) error {
	return s.write(ctx, func(tx queries) error {
		return one(tx.ExecContext(ctx, "UPDATE users SET totp_step = ? WHERE name = ? AND totp_on AND totp_step < ?", step, user, step))
	})
}

// UseRecovery uses up a recovery code. ErrNotFound when it is none of the user's.
func (s *Store) UseRecovery(ctx context.Context, user string, hash []byte) error {
	return s.write(ctx, func(tx queries) error {
		if err := one(tx.ExecContext(ctx, `DELETE FROM recovery_codes WHERE hash = ? AND "user" = ?`, hash, user)); err != nil {
			return err
		}
		return tx.logUser(ctx, audit.Revoke, user, map[string]any{"recovery_code": "used"})
	})
}

// RemoveFactor takes the factor off; without one nothing changes.
func (s *Store) RemoveFactor(ctx context.Context, user string) error {
	return s.write(ctx, func(tx queries) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM recovery_codes WHERE "user" = ?`, user); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE users SET totp_secret = NULL, totp_on = FALSE, totp_step = 0 WHERE name = ?", user); err != nil {
			return err
		}
		return tx.logUser(ctx, audit.Revoke, user, map[string]any{"second_factor": "off"})
	})
}
