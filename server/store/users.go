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

// User is someone who may log in. PasswordHash is empty when only one-time codes open the account.
type User struct {
	Name, Role, PasswordHash string
	Agency                   string
	Clearance                tlp.Level
	Locked                   bool // it opens nothing
}

// columns of a user u, as scanned by into.
const userColumns = "u.name, u.role, u.password_hash, u.agency, u.clearance, u.locked IS NOT NULL"

func (u *User) into(rank *int) []any {
	return []any{&u.Name, &u.Role, &u.PasswordHash, &u.Agency, rank, &u.Locked}
}

// Token is an access token as its owner sees it again; the secret itself is shown once and never stored.
type Token struct {
	ID, Name string
	Scope    string // what it may be used for
	Created  time.Time
	Expires  *time.Time // nil: not by itself
	Used     *time.Time // when it was used last, to a minute; nil: never
	From     string     // the address it was used from then
}

// MaxTokens is how many access tokens one user may hold.
const MaxTokens = 50

// EnsureUser adds the user, of LocalAgency, when there is none of that name; an existing one stays as it is.
func (s *Store) EnsureUser(ctx context.Context, name, role string, clearance tlp.Level, now time.Time) error {
	return s.write(ctx, func(tx queries) error {
		_, err := addUser(ctx, tx, User{Name: name, Role: role, Agency: LocalAgency, Clearance: clearance}, now)
		return err
	})
}

// addUser adds the user unless there is one of that name; added tells.
func addUser(ctx context.Context, tx queries, u User, now time.Time) (added bool, err error) {
	n, err := changed(tx.ExecContext(ctx, "INSERT INTO users (name, role, agency, clearance, created) VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING",
		u.Name, u.Role, u.Agency, u.Clearance.Rank(), micros(now)))
	if err != nil || n == 0 {
		return false, err
	}
	return true, tx.logUser(ctx, audit.Grant, u.Name, map[string]any{"role": u.Role, "agency": u.Agency, "clearance": u.Clearance, "new": true})
}

// logUser notes in the log what became of an account.
func (q queries) logUser(ctx context.Context, action, user string, detail map[string]any) error {
	return q.log(ctx, Entry{Action: action, Kind: KindUser, ID: user, Detail: detail})
}

// SetRole gives the user this role, adding the user, with that clearance, when there is none.
func (s *Store) SetRole(ctx context.Context, name, role string, clearance tlp.Level, now time.Time) error {
	return s.write(ctx, func(tx queries) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO users (name, role, clearance, created) VALUES (?,?,?,?)
			ON CONFLICT (name) DO UPDATE SET role = excluded.role`, name, role, clearance.Rank(), micros(now))
		if err != nil {
			return err
		}
		return tx.logUser(ctx, audit.Grant, name, map[string]any{"role": role})
	})
}

// User returns the user of that name, or ErrNotFound.
func (s *Store) User(ctx context.Context, name string) (User, error) {
	var u User
	var rank int
	err := s.r.QueryRowContext(ctx, "SELECT "+userColumns+" FROM users u WHERE u.name = ?", name).Scan(u.into(&rank)...)
	if errors.Is(err, sql.ErrNoRows) {
		return User{}, fmt.Errorf("user: %w", ErrNotFound)
	}
	u.Clearance = tlp.OfRank(rank)
	return u, err
}

// SetPassword replaces the password hash and ends every session of the user except the one with hash keep
// (nil: all). ErrNotFound when there is no such user.
func (s *Store) SetPassword(ctx context.Context, name, hash string, keep []byte) error {
	return s.write(ctx, func(tx queries) error {
		if err := one(tx.ExecContext(ctx, "UPDATE users SET password_hash = ? WHERE name = ?", hash, name)); err != nil {
			return fmt.Errorf("user %s: %w", name, err)
		}
		n, err := changed(tx.ExecContext(ctx, `DELETE FROM sessions WHERE "user" = ? AND hash IS DISTINCT FROM ?`, name, keep))
		if err != nil {
			return err
		}
		return tx.logUser(ctx, audit.Alter, name, map[string]any{"password": "set", "sessions_ended": n})
	})
}

// AddLoginCode stores the hash of a one-time code and forgets expired ones.
func (s *Store) AddLoginCode(ctx context.Context, hash []byte, user string, now, expires time.Time) error {
	return s.write(ctx, func(tx queries) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM login_codes WHERE expires <= ?", micros(now)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO login_codes (hash, "user", expires) VALUES (?,?,?)`, hash, user, micros(expires)); err != nil {
			return err
		}
		return tx.logUser(ctx, audit.Grant, user, map[string]any{"login_code": "made", "expires": expires.UTC().Truncate(time.Second)})
	})
}

// TakeLoginCode consumes a code: of two callers with the same code one gets the user, the other ErrNotFound. One that has expired is
// consumed as well: it is not good again when the clock goes back.
func (s *Store) TakeLoginCode(ctx context.Context, hash []byte, now time.Time) (user string, err error) {
	var expires int64
	err = s.write(ctx, func(tx queries) error {
		err := tx.QueryRowContext(ctx, `DELETE FROM login_codes WHERE hash = ? RETURNING "user", expires`, hash).Scan(&user, &expires)
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("login code: %w", ErrNotFound)
		}
		if err != nil {
			return err
		}
		how := "used"
		if expires <= micros(now) {
			how = "expired"
		}
		return tx.logUser(ctx, audit.Revoke, user, map[string]any{"login_code": how})
	})
	if err == nil && expires <= micros(now) {
		return "", fmt.Errorf("login code: %w", ErrNotFound)
	}
	return user, err
}

// EndExpired ends the session or token of that hash for good when it has expired, or the session was last used before since, so that it
// is not valid again when the clock goes back. Whatever else it is, nothing is written.
func (s *Store) EndExpired(ctx context.Context, hash []byte, now, since time.Time) error {
	const sessions, tokens = "sessions WHERE hash = ? AND (expires <= ? OR used < ?)", "tokens WHERE hash = ? AND expires <= ?"
	var expired bool
	err := s.r.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM "+sessions+") OR EXISTS (SELECT 1 FROM "+tokens+")",
		hash, micros(now), micros(since), hash, micros(now)).Scan(&expired)
	if err != nil || !expired {
		return err
	}
	return s.write(ctx, func(tx queries) error {
		var user, id string
		err := tx.QueryRowContext(ctx, "DELETE FROM "+sessions+` RETURNING "user"`, hash, micros(now), micros(since)).Scan(&user)
		if err == nil {
			return tx.logUser(ctx, audit.Revoke, user, map[string]any{"session": "expired"})
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		err = tx.QueryRowContext(ctx, "DELETE FROM "+tokens+` RETURNING "user", id`, hash, micros(now)).Scan(&user, &id)
		if errors.Is(err, sql.ErrNoRows) {
			return nil // somebody was quicker
		}
		if err != nil {
			return err
		}
		return tx.log(ctx, Entry{Action: audit.Revoke, Kind: "token", ID: id, Detail: map[string]any{"user": user, "expired": true}})
	})
}

// AddSession stores the hash of a session secret and forgets expired sessions.
func (s *Store) AddSession(ctx context.Context, hash []byte, user string, now, expires time.Time) error {
	return s.write(ctx, func(tx queries) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM sessions WHERE expires <= ?", micros(now)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO sessions (hash, "user", created, expires, used) VALUES (?,?,?,?,?)`, hash, user, micros(now), micros(expires), micros(now)); err != nil {
			return err
		}
		detail := map[string]any{}
		if p, _ := Asking(ctx); p.Address != "" {
			detail["from"] = p.Address
		}
		return tx.logUser(ctx, audit.LogIn, user, detail)
	})
}

// SessionUser returns whose session this is and when it was used last, or ErrNotFound when there is none, it has expired, it was not
// used since, or its account is locked.
func (s *Store) SessionUser(ctx context.Context, hash []byte, now, since time.Time) (u User, used time.Time, err error) {
	var at int64
	var rank int
	err = s.r.QueryRowContext(ctx, `SELECT `+userColumns+`, s.used FROM sessions s JOIN users u ON u.name = s."user"
		WHERE s.hash = ? AND s.expires > ? AND s.used >= ? AND u.locked IS NULL`, hash, micros(now), micros(since)).Scan(append(u.into(&rank), &at)...)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("session: %w", ErrNotFound)
	}
	u.Clearance = tlp.OfRank(rank)
	return u, fromMicros(at), err
}

// TouchSession notes that a session was used.
func (s *Store) TouchSession(ctx context.Context, hash []byte, now time.Time) error {
	return s.write(ctx, func(tx queries) error {
		_, err := tx.ExecContext(ctx, "UPDATE sessions SET used = ? WHERE hash = ? AND used < ?", micros(now), hash, micros(now))
		return err
	})
}

// DeleteSession ends a session; ending one that does not exist is no error.
func (s *Store) DeleteSession(ctx context.Context, hash []byte) error {
	return s.write(ctx, func(tx queries) error {
		var user string
		err := tx.QueryRowContext(ctx, `DELETE FROM sessions WHERE hash = ? RETURNING "user"`, hash).Scan(&user)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		return tx.logUser(ctx, audit.Revoke, user, map[string]any{"session": "ended"})
	})
}

// AddToken stores the hash of an access token; a *Repeated when the request with its key did, ErrExists when the user holds MaxTokens already.
func (s *Store) AddToken(ctx context.Context, t Token, user string, hash []byte) error {
	return s.write(ctx, func(tx queries) error {
		if err := once(ctx, tx, "the access token "+t.ID, t.Created); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM tokens WHERE "user" = ?`, user).Scan(&n); err != nil {
			return err
		}
		if n >= MaxTokens {
			return fmt.Errorf("%d access tokens of %s: %w; delete one first", n, user, ErrExists)
		}
		var expires *int64
		if t.Expires != nil {
			at := micros(*t.Expires)
			expires = &at
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO tokens (id, name, scope, "user", hash, created, expires) VALUES (?,?,?,?,?,?,?)`,
			t.ID, t.Name, t.Scope, user, hash, micros(t.Created), expires)
		if err != nil {
			return err
		}
		return tx.log(ctx, Entry{Action: audit.Grant, Kind: "token", ID: t.ID, Detail: map[string]any{"user": user, "scope": t.Scope, "expires": t.Expires}})
	})
}

// Tokens returns the user's access tokens, oldest first, those that have expired as well.
func (s *Store) Tokens(ctx context.Context, user string) ([]Token, error) {
	rows, err := s.r.QueryContext(ctx, `SELECT id, name, scope, created, expires, used, used_from FROM tokens WHERE "user" = ? ORDER BY created, id`, user)
	if err != nil {
		return nil, fmt.Errorf("read tokens: %w", err)
	}
	defer rows.Close()
	out := []Token{}
	for rows.Next() {
		var t Token
		var created int64
		var expires, used *int64
		if err := rows.Scan(&t.ID, &t.Name, &t.Scope, &created, &expires, &used, &t.From); err != nil {
			return nil, fmt.Errorf("read tokens: %w", err)
		}
		if t.Created = fromMicros(created); expires != nil {
			at := fromMicros(*expires)
			t.Expires = &at
		}
		if used != nil {
			at := fromMicros(*used)
			t.Used = &at
		}
		out = append(out, t)
	}
	return out, rows.Err()
}

// TokenUser returns whose access token this is and what it may be used for, or ErrNotFound when there is none, it has
// expired, or its account is locked.
func (s *Store) TokenUser(ctx context.Context, hash []byte, now time.Time) (u User, scope string, err error) {
	var rank int
	err = s.r.QueryRowContext(ctx, `SELECT `+userColumns+`, t.scope FROM tokens t JOIN users u ON u.name = t."user"
		WHERE t.hash = ? AND (t.expires IS NULL OR t.expires > ?) AND u.locked IS NULL`, hash, micros(now)).Scan(append(u.into(&rank), &scope)...)
	u.Clearance = tlp.OfRank(rank)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("access token: %w", ErrNotFound)
	}
	return u, scope, err
}

// DeleteToken revokes one of the user's tokens, or returns ErrNotFound.
func (s *Store) DeleteToken(ctx context.Context, user, id string) error {
	return s.write(ctx, func(tx queries) error {
		if err := one(tx.ExecContext(ctx, `DELETE FROM tokens WHERE "user" = ? AND id = ?`, user, id)); err != nil {
			return fmt.Errorf("access token %s: %w", id, err)
		}
		return tx.log(ctx, Entry{Action: audit.Revoke, Kind: "token", ID: id, Detail: map[string]any{"user": user}})
	})
}

// one turns "no row was changed" into ErrNotFound.
func one(res sql.Result, err error) error {
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	return err
}
