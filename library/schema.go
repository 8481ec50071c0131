package library

import (
	"context"
	"database/sql"
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/pressly/goose/v3"
)

// Errors of opening; test with errors.Is.
var (
	ErrNotLibrary  = errors.New("not a Fentrace library")
	ErrNewerSchema = errors.New("the library was written by a newer version of Fentrace")
	ErrDamaged     = errors.New("the library file is damaged")
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// applicationID marks an SQLite file as a library: "FTRC" in the header, see migrations/00001_library.sql.
const applicationID = 0x46545243

// headerSize is the length of the SQLite file header (sqlite.org/fileformat2.html, section 1.3).
const headerSize = 100

// checkHeader looks at the first bytes of a file of size bytes before SQLite touches it, so that somebody else's
// file is never changed. journal says that a rollback journal lies beside it: then the size may be in flux.
func checkHeader(head []byte, size int64, journal bool) error {
	switch {
	case size == 0:
		return fmt.Errorf("%w: the file is empty; delete it and create the library anew", ErrNotLibrary)
	case len(head) < headerSize || string(head[:16]) != "SQLite format 3\x00":
		return fmt.Errorf("%w: it is not an SQLite file; import spectra into a library with `fentrace library import --into FILE.db PATH`", ErrNotLibrary)
	case binary.BigEndian.Uint32(head[68:]) != applicationID && !journal:
		return fmt.Errorf("%w: it is an SQLite file of another program", ErrNotLibrary)
	}
	page := int64(binary.BigEndian.Uint16(head[16:]))
	if page == 1 {
		page = 65536
	}
	if want := page * int64(binary.BigEndian.Uint32(head[28:])); size < want && !journal {
		return fmt.Errorf("%w: its header says %d bytes, it holds %d: truncated? Use a backup or import again", ErrDamaged, want, size)
	}
	return nil
}

// checkFile runs checkHeader on path.
func checkFile(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: it is a folder or a device, not a file", ErrNotLibrary)
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	head := make([]byte, headerSize)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	_, journalErr := os.Stat(path + "-journal")
	return checkHeader(head[:n], info.Size(), journalErr == nil)
}

// migrate brings db to the schema this program knows. Up to date, it writes nothing. fresh is true for a new file.
func migrate(ctx context.Context, db *sql.DB, fresh bool) error {
	provider, err := newProvider(db)
	if err != nil {
		return err
	}
	if !fresh {
		have, err := schemaOf(ctx, db)
		if err != nil {
			return err
		}
		if have == newest(provider) {
			return nil
		}
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("bring the schema up to date: %w", damaged(err))
	}
	return nil
}

func newProvider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
}

// newest is the version of the schema that this program knows.
func newest(provider *goose.Provider) int64 {
	sources := provider.ListSources()
	return sources[len(sources)-1].Version
}

// schemaOf is the version of the schema of db. The error wraps ErrNotLibrary, ErrNewerSchema or ErrDamaged.
func schemaOf(ctx context.Context, db *sql.DB) (have int64, err error) {
	var id int64
	if err := db.QueryRowContext(ctx, `PRAGMA application_id`).Scan(&id); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if id != applicationID {
		return 0, fmt.Errorf("%w: it is an SQLite file of another program", ErrNotLibrary)
	}
	err = db.QueryRowContext(ctx, `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`).Scan(&have)
	if err != nil {
		return 0, fmt.Errorf("%w: read its schema version: %w", ErrDamaged, err)
	}
	provider, err := newProvider(db)
	if err != nil {
		return 0, err
	}
	if known := newest(provider); have > known {
		return 0, fmt.Errorf("%w: its schema is %d, this program knows %d; update Fentrace", ErrNewerSchema, have, known)
	}
	return have, nil
}
