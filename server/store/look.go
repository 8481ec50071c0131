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
	"time"
)

// Look is what a database says about itself without being opened for writing.
type Look struct {
	Schema  int64 // version of the tables
	Scans   int
	Newest  time.Time // when the scan stored last was stored; zero without one
	Waiting int       // files that wait to be sent on
	Keys    int       // that the raw bytes and spectra are encrypted with
	Plain   int       // raw bytes and spectra that are not
	Refused int       // files that the other server refused
}

// LookAt reads the database in dir, and has SQLite look for damage, without changing anything, not even the version of its tables.
// The error wraps ErrNotFound when there is none.
func LookAt(ctx context.Context, dir string) (l Look, err error) {
	path := filepath.Join(dir, FileName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return l, fmt.Errorf("%s: %w", path, ErrNotFound)
	}
	db, err := sql.Open("sqlite3", "file:"+(&url.URL{Path: path}).EscapedPath()+"?mode=ro&_busy_timeout=5000")
	if err != nil {
		return l, err
	}
	defer db.Close()
	var damage string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&damage); err != nil {
		return l, fmt.Errorf("look through %s: %w", path, err)
	}
	if damage != "ok" {
		return l, fmt.Errorf("%s is damaged: %s", path, damage)
	}
	if err := db.QueryRowContext(ctx, "SELECT max(version_id) FROM goose_db_version WHERE is_applied").Scan(&l.Schema); err != nil {
		return l, fmt.Errorf("%s: %w", path, err)
	}
	var newest int64
	if err := db.QueryRowContext(ctx, "SELECT count(*), coalesce(max(created), 0) FROM scans").Scan(&l.Scans, &newest); err != nil {
		return l, fmt.Errorf("%s: %w", path, err)
	}
	if newest > 0 {
		l.Newest = fromMicros(newest)
	}
	if err := db.QueryRowContext(ctx, "SELECT count(*), count(parked) FROM outbox WHERE sent IS NULL").Scan(&l.Waiting, &l.Refused); err != nil {
		return l, fmt.Errorf("%s: %w", path, err)
	}
	l.Waiting -= l.Refused
	return l, l.encryption(ctx, db)
}

// encryption counts keys, and what is stored plain; nothing in a database of before there were keys.
func (l *Look) encryption(ctx context.Context, db *sql.DB) error {
	var there bool
	if err := db.QueryRowContext(ctx, sqlite.hasTable, "encryption_keys").Scan(&there); err != nil || !there {
		return err
	}
	return db.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM encryption_keys WHERE retired IS NULL),
		(SELECT count(*) FROM files WHERE raw_key = '') + (SELECT count(*) FROM scans WHERE spectrum_key = '')`).Scan(&l.Keys, &l.Plain)
}
