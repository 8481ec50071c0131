package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/mattn/go-sqlite3" // also the "sqlite3" driver
	"github.com/pressly/goose/v3"
)

// FileName is the name of the database inside a data folder.
const FileName = "fentrace.db"

var sqlite = &dialect{goose: goose.DialectSQLite3, migrations: "migrations", name: nameSQLite, lost: lostSQLite,
	hasTable: "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?)", scrub: "PRAGMA wal_checkpoint(TRUNCATE)",
	rebuilding: [2]string{"PRAGMA foreign_keys = OFF", "PRAGMA foreign_keys = ON"}}

// Open opens the SQLite database in dir, creating the folder (readable by its owner only) and the tables as needed.
// Close must be called when done. Errors wrap ErrKeyNeeded.
func Open(ctx context.Context, dir string, options ...Option) (*Store, error) {
	if err := makeFolder(dir); err != nil {
		return nil, fmt.Errorf("create data folder: %w", err)
	}
	if err := writable(dir); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	path := filepath.Join(dir, FileName)
	// synchronous=FULL: an answer that was given must survive a power cut. secure_delete: what is erased, or encrypted in place, must
	// not stay behind in pages that are free.
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() +
		"?_journal_mode=WAL&_synchronous=FULL&_foreign_keys=on&_busy_timeout=5000"
	w, err := sql.Open("sqlite3", dsn+"&_txlock=immediate&_secure_delete=on")
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	r, err := sql.Open("sqlite3", dsn+"&_query_only=1")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s for reading: %w", path, err), w.Close())
	}
	s, err := newStore(ctx, sqlite, w, r, queue{on: w}, options)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	if s.at, err = placeOf(path); err != nil {
		return nil, errors.Join(fmt.Errorf("open database: %w", err), s.Close())
	}
	return s, nil
}

// nameSQLite knows the errors that mean there is no room, on the disk, in the quota or in the limits of the process, and
// those that mean another program has written for too long, or that the disk cannot be written to.
func nameSQLite(err error) error {
	var e sqlite3.Error
	switch {
	case !errors.As(err, &e):
	case e.Code == sqlite3.ErrFull || slices.Contains(full, e.SystemErrno):
		return fmt.Errorf("%w: %w", ErrFull, err)
	case e.Code == sqlite3.ErrBusy:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case slices.Contains([]sqlite3.ErrNo{sqlite3.ErrReadonly, sqlite3.ErrIoErr, sqlite3.ErrCantOpen, sqlite3.ErrPerm}, e.Code):
		return fmt.Errorf("%w: %w", ErrDisk, err)
	}
	return err
}

// lostSQLite: a commit that fails at the disk may be there after a power cut all the same.
func lostSQLite(err error) bool {
	var e sqlite3.Error
	return errors.As(err, &e) && e.Code == sqlite3.ErrIoErr
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
