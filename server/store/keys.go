package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"fentrace/server/audit"
	"fentrace/server/seal"
)

// Errors of encrypted databases; test with errors.Is.
var (
	// ErrKeyNeeded: the database is encrypted and was opened without a key that it needs. Nothing was written.
	ErrKeyNeeded = errors.New("this database is encrypted")
	// ErrErased: bytes and spectrum of the scan were erased under a policy.
	ErrErased = errors.New("was erased under a retention policy; its hash and the record of the erasure are kept")
)

// erasedKey stands in the place of a key where nothing is left that could be encrypted.
const erasedKey = "erased"

// Option changes how a store is opened.
type Option func(*Store)

// WithKeys lets the store encrypt the bytes of files, and the spectra, that come from now on with the first key of the ring, and read
// those encrypted with any of its keys. What was stored plain before stays readable; Rotate encrypts it.
func WithKeys(r *seal.Ring) Option { return func(s *Store) { s.keys = r } }

// What is encrypted is bound to what it belongs to by these words.
func rawOf(sum string) string     { return "bytes of the file " + sum }
func spectrumOf(id string) string { return "spectrum of the scan " + id }

// checkKeys reports that a key is missing, before anything is written.
func (s *Store) checkKeys(ctx context.Context) error {
	var there bool
	if err := s.r.QueryRowContext(ctx, s.d.hasTable, "encryption_keys").Scan(&there); err != nil || !there {
		return err
	}
	rows, err := s.r.QueryContext(ctx, "SELECT id FROM encryption_keys WHERE retired IS NULL ORDER BY noted, id")
	if err != nil {
		return err
	}
	defer rows.Close()
	var missing []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return err
		}
		if !s.keys.Has(id) {
			missing = append(missing, id)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	switch {
	case len(missing) == 0:
		return nil
	case s.keys == nil:
		return fmt.Errorf("%w with the key %s: give its file with --encryption-key-file; nothing was changed", ErrKeyNeeded, strings.Join(missing, " and "))
	}
	return fmt.Errorf("%w with the key %s, and the file given holds another (%s): give the file of each key with --encryption-key-file, the one to go on with first; nothing was changed",
		ErrKeyNeeded, strings.Join(missing, " and "), s.keys.Current())
}

// noteKey notes that the database is encrypted with the first key from now on.
func (s *Store) noteKey(ctx context.Context) error {
	id := s.keys.Current()
	if id == "" {
		return nil
	}
	var there bool
	err := s.r.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM encryption_keys WHERE id = ? AND retired IS NULL)", id).Scan(&there)
	if err != nil || there {
		return err
	}
	return s.write(ctx, func(tx queries) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO encryption_keys (id, noted) VALUES (?,?) ON CONFLICT (id) DO UPDATE SET retired = NULL", id, micros(s.now()))
		if err != nil {
			return err
		}
		return tx.log(ctx, Entry{Action: audit.Grant, Kind: "encryption-key", ID: id})
	})
}

// sealed is a value as it is stored, with the key it is encrypted with.
type sealed struct {
	value []byte
	key   string
	plain []byte // what was sealed, where that is asked for
}

func (s *Store) seal(plain []byte, boundTo string) sealed {
	value, key := s.keys.Seal(plain, boundTo)
	return sealed{value: value, key: key}
}

// open is what was sealed.
func (s *Store) open(v sealed, boundTo string) ([]byte, error) {
	return s.keys.Open(v.value, v.key, boundTo)
}

// KeyUse is how much is encrypted with one key.
type KeyUse struct {
	ID      string // empty: plain
	Current bool   // new scans are encrypted with it
	Files   int
	Spectra int
	Retired time.Time // zero: it is in use
}

// KeysInUse counts what is encrypted with which key.
func (s *Store) KeysInUse(ctx context.Context) ([]KeyUse, error) {
	rows, err := s.r.QueryContext(ctx, keysInUse)
	if err != nil {
		return nil, fmt.Errorf("count what is encrypted: %w", err)
	}
	defer rows.Close()
	var out []KeyUse
	for rows.Next() {
		var k KeyUse
		var retired sql.NullInt64
		if err := rows.Scan(&k.ID, &k.Files, &k.Spectra, &retired); err != nil {
			return nil, fmt.Errorf("count what is encrypted: %w", err)
		}
		if retired.Valid {
			k.Retired = fromMicros(retired.Int64)
		}
		k.Current = k.ID != "" && k.ID == s.keys.Current()
		out = append(out, k)
	}
	return out, rows.Err()
}

const keysInUse = `SELECT k.id, coalesce(f.n, 0), coalesce(c.n, 0), k.retired
	FROM (SELECT id, retired, noted FROM encryption_keys UNION ALL SELECT '', NULL, 0) k
	LEFT JOIN (SELECT raw_key, count(*) AS n FROM files GROUP BY raw_key) f ON f.raw_key = k.id
	LEFT JOIN (SELECT spectrum_key, count(*) AS n FROM scans GROUP BY spectrum_key) c ON c.spectrum_key = k.id
	ORDER BY k.noted, k.id`

// chunkBytes and chunkRows bound what Rotate holds in memory, and how long others wait for it to write.
const (
	chunkBytes = 8 << 20
	chunkRows  = 64
)

// Rotated counts what Rotate has encrypted anew.
type Rotated struct{ Files, Spectra int }

// Rotate encrypts everything that is not encrypted with the first key with that key: what is plain, and what another key has
// encrypted, which the ring must hold. It works in small transactions beside others who read and write, goes on where it stopped when
// it is run again, and tells progress how many rows are done. In the end the other keys are retired: the database opens without them.
func (s *Store) Rotate(ctx context.Context, now time.Time, progress func(done int)) (Rotated, error) {
	var r Rotated
	if s.keys == nil {
		return r, fmt.Errorf("encrypt with a new key: %w: no key was given", seal.ErrNoKey)
	}
	err := s.rotateTable(ctx, table{"files", "sha256", "raw", "raw_key", rawOf}, func() { r.Files++; progress(r.Files + r.Spectra) })
	if err == nil {
		err = s.rotateTable(ctx, table{"scans", "id", "spectrum", "spectrum_key", spectrumOf}, func() { r.Spectra++; progress(r.Files + r.Spectra) })
	}
	if err == nil {
		err = s.rotateTable(ctx, table{"export_parts", "id", "data", "data_key", partOf}, func() {})
	}
	if err == nil {
		err = s.rotateTable(ctx, table{"webhooks", "id", "secret", "secret_key", secretOf}, func() {})
	}
	if err == nil {
		err = s.retireKeys(ctx, now)
	}
	if err == nil {
		err = s.Scrub(ctx)
	}
	if err != nil {
		return r, fmt.Errorf("encrypt with the key %s, %d files and %d spectra are done, run it again to go on: %w", s.keys.Current(), r.Files, r.Spectra, err)
	}
	return r, nil
}

// table is one with a column that is encrypted.
type table struct {
	name, id, value, key string
	boundTo              func(id string) string
}

// sealedRow is one value with the row it is in.
type sealedRow struct {
	id       string
	old, new sealed
}

func (s *Store) rotateTable(ctx context.Context, t table, done func()) error {
	for after := ""; ; {
		rows, err := s.nextToRotate(ctx, t, after)
		if err != nil || len(rows) == 0 {
			return err
		}
		changed := make([]bool, len(rows))
		err = s.write(ctx, func(tx queries) error {
			for i, r := range rows {
				res, err := tx.ExecContext(ctx, "UPDATE "+t.name+" SET "+t.value+" = ?, "+t.key+" = ? WHERE "+t.id+" = ? AND "+t.key+" = ?",
					r.new.value, r.new.key, r.id, r.old.key)
				if err != nil {
					return err
				}
				n, err := res.RowsAffected()
				if err != nil {
					return err
				}
				changed[i] = n == 1
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, c := range changed {
			if c {
				done()
			}
		}
		after = rows[len(rows)-1].id
	}
}

// nextToRotate reads the rows behind after that another key, or none, has encrypted, and encrypts them.
func (s *Store) nextToRotate(ctx context.Context, t table, after string) ([]sealedRow, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT "+t.id+", "+t.value+", "+t.key+" FROM "+t.name+" WHERE "+t.id+" > ? AND "+t.key+" NOT IN (?, ?) ORDER BY "+
		t.id+" LIMIT ?", after, s.keys.Current(), erasedKey, chunkRows)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []sealedRow
	for size := 0; size < chunkBytes && rows.Next(); {
		var r sealedRow
		if err := rows.Scan(&r.id, &r.old.value, &r.old.key); err != nil {
			return nil, err
		}
		plain, err := s.open(r.old, t.boundTo(r.id))
		if err != nil {
			return nil, err
		}
		r.new = s.seal(plain, t.boundTo(r.id))
		size += len(plain)
		out = append(out, r)
	}
	return out, rows.Err()
}

// retireKeys notes of every other key that nothing is encrypted with it any more, if so.
func (s *Store) retireKeys(ctx context.Context, now time.Time) error {
	return s.write(ctx, func(tx queries) error {
		n, err := changed(tx.ExecContext(ctx, `UPDATE encryption_keys SET retired = ? WHERE id <> ? AND retired IS NULL
			AND NOT EXISTS (SELECT 1 FROM files WHERE raw_key = encryption_keys.id)
			AND NOT EXISTS (SELECT 1 FROM scans WHERE spectrum_key = encryption_keys.id)
			AND NOT EXISTS (SELECT 1 FROM export_parts WHERE data_key = encryption_keys.id)
			AND NOT EXISTS (SELECT 1 FROM webhooks WHERE secret_key = encryption_keys.id)`, micros(now), s.keys.Current()))
		if err != nil || n == 0 {
			return err
		}
		return tx.log(ctx, Entry{Action: audit.Revoke, Kind: "encryption-key", ID: "all but " + s.keys.Current()})
	})
}

// Scrub takes what was overwritten out of the files of the database as far as it can: from SQLite's log. Of a PostgreSQL database
// only VACUUM FULL does, which is for its administrator to run.
func (s *Store) Scrub(ctx context.Context) error {
	if s.d.scrub == "" {
		return nil
	}
	for range 20 {
		var busy, log, done int
		if err := s.w.QueryRowContext(ctx, s.d.scrub).Scan(&busy, &log, &done); err != nil {
			return fmt.Errorf("empty the log of the database: %w", err)
		}
		if busy == 0 {
			return nil
		} // somebody reads what is in the log, and was waited for
	}
	return fmt.Errorf("%w: its log still holds what was overwritten, because somebody reads it all the time; run this again", ErrUnavailable)
}
