// Package store keeps scans, their findings and the people who may see them in one SQLite file.
//
// Writes go through one connection, each in one immediate transaction; reads go through a pool that never
// waits for the writer (WAL). Times are kept in microseconds, UTC.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/mattn/go-sqlite3" // also the "sqlite3" driver
	"github.com/pressly/goose/v3"
)

// Errors of this package; test with errors.Is.
var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("exists already")
	ErrInvalid  = errors.New("cannot be stored")
	// ErrFull: nothing of the transaction was stored, everything stored before is kept.
	ErrFull = errors.New("the disk is full; nothing was stored. Free some space and try again")
)

//go:embed migrations/*.sql
var migrations embed.FS

// FileName is the name of the database inside a data folder.
const FileName = "fentrace.db"

// readers is the size of the read pool. SQLite readers do not block each other; more only cost memory.
const readers = 8

// Store is the open database. It is safe for concurrent use.
type Store struct {
	w *sql.DB // one connection: SQLite has one writer
	r *sql.DB
}

// Open opens the database in dir, creating the folder (readable by its owner only) and the tables as needed.
// Close must be called when done.
func Open(ctx context.Context, dir string) (*Store, error) {
	if err := makeFolder(dir); err != nil {
		return nil, fmt.Errorf("create data folder: %w", err)
	}
	path := filepath.Join(dir, FileName)
	// synchronous=FULL: an answer that was given must survive a power cut.
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() +
		"?_journal_mode=WAL&_synchronous=FULL&_foreign_keys=on&_busy_timeout=5000"
	w, err := sql.Open("sqlite3", dsn+"&_txlock=immediate")
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	w.SetMaxOpenConns(1)
	if err := migrate(ctx, w); err != nil {
		w.Close()
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	r, err := sql.Open("sqlite3", dsn+"&_query_only=1")
	if err != nil {
		w.Close()
		return nil, fmt.Errorf("open database %s for reading: %w", path, err)
	}
	r.SetMaxOpenConns(readers)
	r.SetMaxIdleConns(readers)
	return &Store{w: w, r: r}, nil
}

func migrate(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	all, err := fs.Glob(files, "*.sql")
	if err != nil {
		return err
	}
	// Goose looks what is missing before it locks the database. A program that opens the same new folder meanwhile makes
	// one migration fail here, whole, and is past it then: trying again, once for each, gets through.
	for range len(all) + 1 {
		var p *goose.Provider
		if p, err = goose.NewProvider(goose.DialectSQLite3, db, files); err != nil {
			return fmt.Errorf("read migrations: %w", err)
		}
		if _, err = p.Up(ctx); err == nil {
			return nil
		}
	}
	return fmt.Errorf("bring tables up to date: %w", full(err))
}

// Close closes both connections; the store cannot be used after.
func (s *Store) Close() error {
	return errors.Join(s.r.Close(), s.w.Close())
}

// write runs f in one transaction: either all of it is stored or nothing is.
func (s *Store) write(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := s.w.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		return full(err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", full(err))
	}
	return nil
}

// full calls errors by their name that mean there is no room: on the disk, in the quota or in the limits of the process.
func full(err error) error {
	var e sqlite3.Error
	if errors.As(err, &e) && (e.Code == sqlite3.ErrFull || slices.Contains([]syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG}, e.SystemErrno)) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// makeFolder creates dir and what is missing above it. The names of new folders are on the disk when it returns: else a
// power cut could take a folder away with everything that was synced inside.
func makeFolder(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := makeFolder(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := os.Open(parent)
	if err != nil {
		return nil // one may pass through but not look into it: the system syncs it in its own time
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, syscall.EINVAL) {
		return fmt.Errorf("sync %s: %w", parent, err)
	}
	return nil
}

func micros(t time.Time) int64 { return t.UnixMicro() }

func fromMicros(n int64) time.Time { return time.UnixMicro(n).UTC() }
