package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fentrace/server/audit"
)

// ErrKeyUsed: a request key came again with other content.
var ErrKeyUsed = errors.New("this Idempotency-Key was used for other content")

// Key is the Idempotency-Key of a request and whose request it is; two users may use the same key.
type Key struct {
	User, Value string
}

// Arrival is how a file came here, beside its bytes.
type Arrival struct {
	// Key, unless zero, is remembered with the file for as long as the file is kept.
	Key Key
	// Answers are kept beside the answers given here.
	Answers []FieldAnswer
	// Batch, unless nil, is the file of a batch that is answered with this.
	Batch *BatchPart
	// Queue puts the file at the end of the outbox unless it was ever in it.
	Queue bool
}

// Arrive notes that the bytes of a file that is stored for the agency of who asks came again. created is true when this very request, told by its key,
// stored the file the first time. ErrKeyUsed when the key belongs to another file; nothing is noted then.
func (s *Store) Arrive(ctx context.Context, sum string, a Arrival, now time.Time) (created bool, err error) {
	agency, err := holder(ctx)
	if err != nil {
		return false, err
	}
	err = s.write(ctx, func(tx queries) error {
		created, err = arrive(ctx, tx, agency, sum, a, false, now)
		return err
	})
	return created, err
}

// arrive is the part of storing a file that does not depend on whether it was known. isNew says whether this
// transaction stored something; created, whether the request did, now or when it came first.
func arrive(ctx context.Context, tx queries, agency, sum string, a Arrival, isNew bool, now time.Time) (created bool, err error) {
	created = isNew
	if a.Key != (Key{}) {
		if created, err = useKey(ctx, tx, sum, a.Key, isNew, now); err != nil {
			return false, err
		}
	}
	if err := insertFieldAnswers(ctx, tx, agency, sum, a.Answers); err != nil {
		return false, err
	}
	if a.Batch != nil {
		if err := finishFile(ctx, tx, sum, *a.Batch, now); err != nil {
			return false, err
		}
	}
	if a.Queue {
		if _, err := enqueue(ctx, tx, "h.agency = ? AND h.sha256 = ?", agency, sum); err != nil {
			return false, fmt.Errorf("put into the queue: %w", err)
		}
	}
	if isNew {
		return created, nil // its scans are in the log
	}
	return created, tx.log(ctx, Entry{Action: audit.Collect, Kind: KindFile, ID: sum, Detail: map[string]any{"again": true}})
}

func useKey(ctx context.Context, tx queries, sum string, key Key, isNew bool, now time.Time) (created bool, err error) {
	if _, err := tx.ExecContext(ctx, `INSERT INTO request_keys ("user", key, sha256, created, at) VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING`,
		key.User, key.Value, sum, isNew, micros(now)); err != nil {
		return false, fmt.Errorf("remember the request: %w", err)
	}
	var of string
	if err := tx.QueryRowContext(ctx, `SELECT sha256, created FROM request_keys WHERE "user" = ? AND key = ?`, key.User, key.Value).
		Scan(&of, &created); err != nil {
		return false, fmt.Errorf("remember the request: %w", err)
	}
	if of != sum {
		return false, fmt.Errorf("%w: it came with the file %.12s first, now with %.12s; a new upload needs a new key", ErrKeyUsed, of, sum)
	}
	return created, nil
}
