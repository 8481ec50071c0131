package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"fentrace/server/audit"
	"fentrace/server/tlp"
)

// SubjectUser is whose account a subject of a log-in provider opens, or ErrNotFound.
func (s *Store) SubjectUser(ctx context.Context, issuer, subject string) (User, error) {
	var u User
	var rank int
	err := s.r.QueryRowContext(ctx, "SELECT "+userColumns+` FROM subjects b JOIN users u ON u.name = b."user" WHERE b.issuer = ? AND b.subject = ?`, issuer, subject).
		Scan(u.into(&rank)...)
	if errors.Is(err, sql.ErrNoRows) {
		return User{}, fmt.Errorf("subject of %s: %w", issuer, ErrNotFound)
	}
	u.Clearance = tlp.OfRank(rank)
	return u, err
}

// BindSubject has a subject of a log-in provider open an account from now on. Errors wrap ErrNotFound without such an account, and
// ErrExists when another subject opens it, or the subject opens another. byName: nobody but the provider says that the account is that
// of the subject; one with a password or a second factor of its own is then left alone, which is ErrExists as well.
func (s *Store) BindSubject(ctx context.Context, issuer, subject, user string, byName bool, now time.Time) error {
	err := s.write(ctx, func(tx queries) error {
		var own bool
		err := tx.QueryRowContext(ctx, "SELECT password_hash <> '' OR totp_secret IS NOT NULL FROM users WHERE name = ?", user).Scan(&own)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return ErrNotFound
		case err != nil:
			return err
		case own && byName:
			return fmt.Errorf("%w with a password of its own", ErrExists)
		}
		n, err := changed(tx.ExecContext(ctx, `INSERT INTO subjects (issuer, subject, "user", bound) VALUES (?,?,?,?) ON CONFLICT DO NOTHING`, issuer, subject, user, micros(now)))
		if err == nil && n == 0 {
			err = fmt.Errorf("%w: it belongs to another log-in", ErrExists)
		}
		if err != nil {
			return err
		}
		return tx.logUser(ctx, audit.Grant, user, map[string]any{"issuer": issuer, "subject": subject})
	})
	if err != nil {
		return fmt.Errorf("account %s for a log-in of %s: %w", user, issuer, err)
	}
	return nil
}

// SpendToken notes the hash of what opened a session, and forgets those that have expired. ErrExists when it was noted before.
func (s *Store) SpendToken(ctx context.Context, hash []byte, now, expires time.Time) error {
	return s.write(ctx, func(tx queries) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM spent_tokens WHERE expires <= ?", micros(now)); err != nil {
			return err
		}
		n, err := changed(tx.ExecContext(ctx, "INSERT INTO spent_tokens (hash, expires) VALUES (?,?) ON CONFLICT DO NOTHING", hash, micros(expires)))
		if err == nil && n == 0 {
			err = fmt.Errorf("token of a log-in: %w", ErrExists)
		}
		return err
	})
}

// TouchToken notes when an access token was used, and from which address. It is known to the precision: a use sooner after the last one
// is not written.
func (s *Store) TouchToken(ctx context.Context, hash []byte, from string, now time.Time, precision time.Duration) error {
	var due bool
	err := s.r.QueryRowContext(ctx, "SELECT used IS NULL OR used <= ? FROM tokens WHERE hash = ?", micros(now.Add(-precision)), hash).Scan(&due)
	if errors.Is(err, sql.ErrNoRows) || err == nil && !due {
		return nil
	}
	if err != nil {
		return err
	}
	return s.write(ctx, func(tx queries) error {
		_, err := tx.ExecContext(ctx, "UPDATE tokens SET used = ?, used_from = ? WHERE hash = ?", micros(now), from, hash)
		return err
	})
}
