package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Repeated is the error of a request that was done before, with the same Idempotency-Key: nothing is done again.
type Repeated struct {
	ID  string // of what it made, or found to be there
	New bool   // it made it
}

// ErrRepeated is what every *Repeated is, for errors.Is.
var ErrRepeated = errors.New("done before")

// Is makes errors.Is(err, ErrRepeated) true.
func (e *Repeated) Is(target error) bool { return target == ErrRepeated }

func (e *Repeated) Error() string {
	return fmt.Sprintf("the request with this Idempotency-Key was done before, and made %s. What it answered was shown once and is not kept, for it held a secret: "+
		"take back what it made and make another, with a new key", e.ID)
}

// asRepeated is the Repeated that an error is, nil for any other.
func asRepeated(err error) *Repeated {
	var r *Repeated
	errors.As(err, &r)
	return r
}

type onceKey struct{}

// asking is a request with a key.
type asking struct {
	key   Key
	asked any
}

// Once is ctx for a request that is done once, however often it comes with this key; asked is all that it asks for. What is done with it
// remembers the key in the transaction that stores it.
func Once(ctx context.Context, key Key, asked any) context.Context {
	return context.WithValue(ctx, onceKey{}, asking{key, asked})
}

// keyOf is the key of the request of ctx, zero without one.
func keyOf(ctx context.Context) Key {
	a, _ := ctx.Value(onceKey{}).(asking)
	return a.key
}

// once remembers that the request of ctx makes id. A request that was done before is a *Repeated, the same key for something else ErrKeyUsed.
// Without a key it does nothing.
func once(ctx context.Context, tx queries, id string, now time.Time) error {
	a, _ := ctx.Value(onceKey{}).(asking)
	made, isNew, err := madeBefore(ctx, tx, a.key, id, a.asked, now)
	if err == nil && made != "" {
		return &Repeated{made, isNew}
	}
	return err
}

// madeBefore looks whether the request with key has made a record already, and remembers it with that id when not: made is the id of
// the record that was made, empty for a new one. The same key for something else is ErrKeyUsed.
func madeBefore(ctx context.Context, tx queries, key Key, id string, asked any, now time.Time) (made string, isNew bool, err error) {
	if key == (Key{}) {
		return "", false, nil
	}
	text, err := json.Marshal(asked)
	if err != nil {
		return "", false, err
	}
	sum := sha256.Sum256(text)
	digest, had := hex.EncodeToString(sum[:]), ""
	err = tx.QueryRowContext(ctx, `SELECT id, digest, made FROM record_keys WHERE "user" = ? AND key = ?`, key.User, key.Value).Scan(&made, &had, &isNew)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		_, err = tx.ExecContext(ctx, `INSERT INTO record_keys ("user", key, id, digest, created) VALUES (?,?,?,?,?)`, key.User, key.Value, id, digest, micros(now))
		return "", false, err
	case err != nil:
		return "", false, err
	case had != digest:
		return "", false, fmt.Errorf("%w: it has made the record %s; a new record needs a new key", ErrKeyUsed, made)
	}
	return made, isNew, nil
}

// wasThere remembers that a request with key found what it asked for to be there, as id, and made nothing.
func wasThere(ctx context.Context, tx queries, key Key, id string) error {
	if key == (Key{}) {
		return nil
	}
	_, err := tx.ExecContext(ctx, `UPDATE record_keys SET id = ?, made = ? WHERE "user" = ? AND key = ?`, id, false, key.User, key.Value)
	return err
}
