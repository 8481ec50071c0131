package library

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// File is one library: an SQLite file that can be carried about alone (rollback journal, no WAL beside it). It is
// safe for concurrent use; writers in several processes wait five seconds for one another.
type File struct {
	db   *sql.DB
	path string // empty for a library in memory
	// whole is the largest size of a file that is read whole, wholeBytes but in tests.
	whole int64
}

// Create makes a new, empty library. It fails with an error wrapping fs.ErrExist when path exists.
func Create(path string) (*File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("create library: %w", err)
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("create library: %w", err)
	}
	f, err := openDB(context.Background(), path, true)
	if err != nil {
		return nil, fmt.Errorf("create library %s: %w", path, errors.Join(err, os.Remove(path)))
	}
	return f, nil
}

// Open opens an existing library for reading and writing. The error wraps fs.ErrNotExist, ErrNotLibrary (another
// kind of file), ErrNewerSchema or ErrDamaged (truncated or corrupt); the file is then as it was. Opening writes only to undo what
// a killed program left half done, or to bring an older schema up to date.
func Open(path string) (*File, error) {
	if err := checkFile(path); err != nil {
		return nil, fmt.Errorf("open library %s: %w", path, err)
	}
	f, err := openDB(context.Background(), path, false)
	if err != nil {
		return nil, fmt.Errorf("open library %s: %w", path, err)
	}
	return f, nil
}

func openDB(ctx context.Context, path string, fresh bool) (*File, error) {
	db, err := openSQLite(path)
	if err != nil {
		return nil, err
	}
	f := &File{db: db, path: path, whole: wholeBytes}
	return f, f.prepare(ctx, fresh)
}

func openSQLite(path string) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	query := url.Values{"mode": {"rw"}, "_foreign_keys": {"1"}, "_busy_timeout": {"5000"}, "_txlock": {"immediate"}}
	dsn := url.URL{Scheme: "file", Path: filepath.ToSlash(abs), RawQuery: query.Encode()}
	return sql.Open("sqlite3", dsn.String())
}

// openBytes opens the bytes of a library file in memory. Changes are lost when it is closed.
func openBytes(ctx context.Context, raw []byte) (*File, error) {
	if err := checkHeader(raw[:min(len(raw), headerSize)], int64(len(raw)), false); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite3", ":memory:?_foreign_keys=1")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // each connection to ":memory:" would be a database of its own
	f := &File{db: db, whole: wholeBytes}
	conn, err := db.Conn(ctx)
	if err == nil {
		err = conn.Raw(func(driver any) error { return driver.(*sqlite3.SQLiteConn).Deserialize(raw, "main") })
		err = cmp.Or(err, conn.Close())
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return f, f.prepare(ctx, false)
}

// prepare checks the file and its schema; on error f is closed.
func (f *File) prepare(ctx context.Context, fresh bool) error {
	err := migrate(ctx, f.db, fresh)
	// A large file is not read whole; each of its spectra is checked when it is read (see Load).
	if err == nil && !fresh && f.wholeAtOnce() {
		var verdict string
		if err = f.db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&verdict); err == nil && verdict != "ok" {
			err = errors.New(verdict)
		}
		if err != nil {
			err = fmt.Errorf("%w: %w. Use a backup or import again", ErrDamaged, err)
		}
	}
	if err != nil {
		return errors.Join(err, f.db.Close())
	}
	return nil
}

// Path returns the path the library was opened with, empty for one in memory.
func (f *File) Path() string { return f.path }

// Close releases the file.
func (f *File) Close() error { return f.db.Close() }

// SetTitle names the library in lists of layers.
func (f *File) SetTitle(ctx context.Context, title string) error {
	_, err := f.db.ExecContext(ctx, `INSERT INTO meta (key, value) VALUES ('title', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value`, title)
	if err != nil {
		return fmt.Errorf("name library %s: %w", f.path, err)
	}
	return nil
}

// Title returns the name given with SetTitle, empty when there is none.
func (f *File) Title(ctx context.Context) (string, error) {
	var title string
	err := f.db.QueryRowContext(ctx, `SELECT value FROM meta WHERE key = 'title'`).Scan(&title)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", f.readError("title", err)
	}
	return title, nil
}

// Compact rewrites the file without unused space.
func (f *File) Compact(ctx context.Context) error {
	if _, err := f.db.ExecContext(ctx, `VACUUM`); err != nil {
		return fmt.Errorf("compact library %s: %w", f.path, err)
	}
	return nil
}

// PutSubstance stores substances, replacing those of the same id, all or none. An empty ID is filled in by
// SubstanceID. Errors wrap ErrInvalid when one has no name.
func (f *File) PutSubstance(ctx context.Context, substances ...Substance) error {
	_, err := f.put(ctx, substances, nil)
	return err
}

// PutReference stores references, all or none, and returns how many were not there before. One that is there but damaged is put in
// the place of what is left of it. An ID that is empty is filled in by ContentID. Errors wrap ErrInvalid when one breaks a rule of
// Reference, when its ID is not that of its data, or when its substance is not in the library, and ErrDamaged when the file is
// too damaged to be written to.
func (f *File) PutReference(ctx context.Context, references ...Reference) (added int, err error) {
	n, err := f.put(ctx, nil, references)
	return n.added, err
}

// RemoveReference takes references out, all or none; one that is not there is no error. Substances stay.
func (f *File) RemoveReference(ctx context.Context, ids ...string) error {
	tx, err := f.db.BeginTx(ctx, nil)
	if err != nil {
		return f.writeError(err)
	}
	defer tx.Rollback() // no effect after Commit
	for _, id := range ids {
		if _, err := tx.ExecContext(ctx, `DELETE FROM reference_spectra WHERE id = ?`, id); err != nil {
			return fmt.Errorf("take reference %.12s out of library %s: %w", id, f.path, damaged(err))
		}
	}
	if err := tx.Commit(); err != nil {
		return f.writeError(err)
	}
	return nil
}

// put stores everything in one transaction.
func (f *File) put(ctx context.Context, substances []Substance, references []Reference) (n stored, err error) {
	tx, err := f.db.BeginTx(ctx, nil)
	if err != nil {
		return n, f.writeError(err)
	}
	defer tx.Rollback() // no effect after Commit
	for _, s := range substances {
		if err := insertSubstance(ctx, tx, s); err != nil {
			return stored{}, fmt.Errorf("store substance %q in library %s: %w", s.Name, f.path, damaged(err))
		}
	}
	for _, r := range references {
		one, err := putReference(ctx, tx, r)
		if err != nil {
			return stored{}, fmt.Errorf("store reference of %q in library %s: %w", r.SubstanceID, f.path, damaged(err))
		}
		n.added += one.added
		n.mended += one.mended
	}
	if err := tx.Commit(); err != nil {
		return stored{}, f.writeError(err)
	}
	return n, nil
}

func (f *File) writeError(err error) error {
	return fmt.Errorf("write to library %s: %w", f.path, damaged(err))
}

// Version is the SHA-256 over the content, as 64 hex digits: the same for the same substances and references
// whatever order they were stored in, and whatever the bytes of the file.
func (f *File) Version(ctx context.Context) (string, error) {
	l, err := f.layer(ctx, "")
	if err != nil {
		return "", fmt.Errorf("version of library %s: %w", f.path, err)
	}
	return contentVersion(l.substances, l.references), nil
}

// layer reads everything; name is used when the library has no title.
func (f *File) layer(ctx context.Context, name string) (layer, error) {
	title, err := f.Title(ctx)
	if err != nil {
		return layer{}, err
	}
	l := layer{name: cmp.Or(title, name)}
	if l.substances, err = f.Substances(ctx); err != nil {
		return layer{}, err
	}
	if f.wholeAtOnce() {
		l.references, err = f.References(ctx)
	} else {
		l.references, err = f.facts(ctx)
	}
	if err != nil {
		return layer{}, err
	}
	l.validations, err = f.Validations(ctx)
	return l, err
}

// wholeAtOnce reports whether the file is small enough to be read whole.
func (f *File) wholeAtOnce() bool {
	info, err := os.Stat(f.path)
	return f.path == "" || err != nil || info.Size() <= f.whole
}

// utc is the form in which times are stored, empty for the zero time.
func utc(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// Tiers lists the tiers from the strongest evidence to the weakest.
var Tiers = []Tier{Measured, Published, Simulated}

// weakerTier returns the one of a and b that is worth less as evidence.
func weakerTier(a, b Tier) Tier {
	if slices.Index(Tiers, a) > slices.Index(Tiers, b) {
		return a
	}
	return b
}
