// Package store keeps scans, their findings and the people who may see them in one SQLite file or in a PostgreSQL
// database. Both are asked with the same SQL; what differs is in dialect.go, sqlite.go and postgres.go.
//
// Writes go through one connection, in transactions that no other program writes beside; reads go through a pool
// that never waits for the writer. Times are kept in microseconds, UTC.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/pressly/goose/v3"

	"fentrace/server/audit"
	"fentrace/server/seal"
	"fentrace/spectra"
)

// Errors of this package; test with errors.Is.
var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("exists already")
	ErrInvalid  = errors.New("cannot be stored")
	// ErrNotNow: what is to be changed is in a state in which it cannot be.
	ErrNotNow = errors.New("not possible now")
	// ErrAddress: of a PostgreSQL database (see OpenPostgres).
	ErrAddress = errors.New("the address of the database cannot be used")
	// ErrFull: nothing of the transaction was stored, everything stored before is kept.
	ErrFull = errors.New("the disk is full; nothing was stored. Free some space and try again")
	// ErrDisk: nothing of the transaction was stored, everything stored before is kept. The store can be used again as soon as the disk
	// can be written to.
	ErrDisk = errors.New("the disk of the server cannot be written to: it is read-only or fails, or the data folder is gone; nothing was stored. Try again in a moment: when it is well again all goes on by itself")
	// ErrUnavailable: nothing of the transaction was stored. The store can be used again as soon as the database answers.
	ErrUnavailable = errors.New("the database cannot be reached or is too busy; nothing was stored. Try again in a moment")
	// ErrUncertain: the database was lost between being told to store a transaction and saying that it had. All of it is
	// stored or nothing is. Files and results that come again are stored once only.
	ErrUncertain = errors.New("the database was lost while it stored; it is not known whether it did. Try again in a moment: what was stored is not stored twice")
)

// Outage tells of an error that it is the database's or the disk's: whatever was asked for fails then, and goes well when it is well
// again.
func Outage(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.Is(err, ErrUncertain) || errors.Is(err, ErrFull) || errors.Is(err, ErrDisk)
}

//go:embed migrations/*.sql migrations/postgres/*.sql
var migrations embed.FS

// readers is the size of the read pool. Readers do not block each other; more only cost memory.
const readers = 8

// Store is the open database. It is safe for concurrent use.
type Store struct {
	d    *dialect
	w    *sql.DB // one connection: there is one writer
	pool *sql.DB
	r    queries // on pool
	id   string
	at   *whereabouts // of the file; nil: the database has none here
	// bound is how long a database on another machine may say nothing; nil: it is not one.
	bound *patience
	keys  *seal.Ring // nil: what comes is stored plain

	queue queue
	// Clock tells the time for the log; time.Now when nil. It is set before the store is used.
	Clock func() time.Time

	together group
	edge     audit.Edge                           // of the log when this program has added to it last; the leader of the group alone uses it
	recent   *lru.Cache[string, spectra.Spectrum] // by id of the scan: those stored last are looked at once more
}

// recentKept is how many spectra are kept in memory, some 30 kB each.
const recentKept = 256

// OpenDatabase opens the PostgreSQL database at address, or the one in the folder dir when address is empty: see OpenPostgres
// and Open. The folder is created in either case, readable by its owner only: what is made from a database is kept there.
func OpenDatabase(ctx context.Context, dir, address string, options ...Option) (*Store, error) {
	if address == "" {
		return Open(ctx, dir, options...)
	}
	if err := makeFolder(dir); err != nil {
		return nil, fmt.Errorf("create data folder: %w", err)
	}
	return OpenPostgres(ctx, address, options...)
}

// newStore brings the tables up to date and puts a store together; it closes w, pool and q when it cannot.
func newStore(ctx context.Context, d *dialect, w, pool *sql.DB, q queue, options []Option) (*Store, error) {
	w.SetMaxOpenConns(1)
	pool.SetMaxOpenConns(readers)
	pool.SetMaxIdleConns(readers)
	recent, err := lru.New[string, spectra.Spectrum](recentKept)
	if err != nil {
		return nil, err
	}
	s := &Store{recent: recent, d: d, w: w, pool: pool, r: queries{on: pool, d: d}, queue: q}
	for _, o := range options {
		o(s)
	}
	if err := s.checkKeys(ctx); err != nil {
		return nil, errors.Join(d.named(ctx, err), s.Close())
	}
	if err := d.migrate(ctx, w); err != nil {
		return nil, errors.Join(fmt.Errorf("bring tables up to date: %w", d.named(ctx, err)), s.Close())
	}
	if err := s.openQueue(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("bring tables up to date: %w", err), s.Close())
	}
	if err := s.noteKey(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("note the encryption key: %w", err), s.Close())
	}
	if d.identity != "" {
		if err := s.r.QueryRowContext(ctx, d.identity).Scan(&s.id); err != nil {
			return nil, errors.Join(fmt.Errorf("ask which database it is: %w", err), s.Close())
		}
	}
	if err := s.takeOver(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// ID tells databases apart that may be used with one data folder: an empty text for the one inside it, else a UUID.
func (s *Store) ID() string { return s.id }

// migrate brings the tables up to date. db has one connection only.
func (d *dialect) migrate(ctx context.Context, db *sql.DB) (err error) {
	if before, after := d.rebuilding[0], d.rebuilding[1]; before != "" {
		if _, err := db.ExecContext(ctx, before); err != nil {
			return err
		}
		defer func() {
			_, e := db.ExecContext(ctx, after)
			err = errors.Join(err, e)
		}()
	}
	return d.up(ctx, db)
}

// up runs the migrations that are missing.
func (d *dialect) up(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(migrations, d.migrations)
	if err != nil {
		return err
	}
	all, err := fs.Glob(files, "*.sql")
	if err != nil {
		return err
	}
	// Goose looks what is missing before it locks an SQLite database. A program that opens the same new folder meanwhile
	// makes one migration fail here, whole, and is past it then: trying again, once for each, gets through.
	for range len(all) + 1 {
		var p *goose.Provider
		if p, err = goose.NewProvider(d.goose, db, files, d.options...); err != nil {
			return fmt.Errorf("read migrations: %w", err)
		}
		if _, err = p.Up(ctx); err == nil {
			return nil
		}
	}
	return err
}

// Close closes all connections; the store cannot be used after.
func (s *Store) Close() error {
	s.together.ended.Wait()
	return errors.Join(s.queue.close(s.w), s.pool.Close(), s.w.Close())
}

func micros(t time.Time) int64 { return t.UnixMicro() }

func fromMicros(n int64) time.Time { return time.UnixMicro(n).UTC() }
