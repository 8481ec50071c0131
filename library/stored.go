package library

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"sync"
	"time"

	"fentrace/spectra"
)

// wholeBytes is how large a library file may be for its spectra to be read when it is opened. Those of a larger one are read when
// they are asked for: a laboratory has tens of thousands.
const wholeBytes = 8 << 20

// ErrNoSpectrum: the reference is a peak table.
var ErrNoSpectrum = errors.New("the reference is a peak table, it has no spectrum")

// Stored is the spectrum of a reference that is still in its file.
type Stored struct {
	file *reader
	id   string
}

// HasSpectrum reports whether r is a spectrum and no peak table.
func (r Reference) HasSpectrum() bool { return r.Spectrum != nil || r.Stored != nil }

// Load is the spectrum of r, read from its file where it is not in memory. It is checked against the id of r, so that a damaged
// or replaced file gives an error wrapping ErrDamaged and never a wrong match. The error wraps ErrNoSpectrum for a peak table.
func (r Reference) Load(ctx context.Context) (spectra.Spectrum, error) {
	switch {
	case r.Spectrum != nil:
		return *r.Spectrum, nil
	case r.Stored == nil:
		return spectra.Spectrum{}, fmt.Errorf("reference %s: %w", r.ID, ErrNoSpectrum)
	}
	whole, err := r.Stored.file.read(ctx, r.Stored.id)
	if err != nil {
		return spectra.Spectrum{}, err
	}
	// The id stands for substance, technique and tier as well. Those of r come from an index of the file, of which a page may
	// be damaged while the row is whole.
	if whole.SubstanceID != r.SubstanceID || whole.Technique != r.Technique || whole.Tier != r.Tier {
		return spectra.Spectrum{}, fmt.Errorf("read reference %s from library %s: %w: it was listed as %s, %s, %s and is %s, %s, %s. Use a backup or import again",
			r.ID, r.Stored.file.path, ErrDamaged, r.SubstanceID, r.Technique, r.Tier, whole.SubstanceID, whole.Technique, whole.Tier)
	}
	return *whole.Spectrum, nil
}

// reader reads references of a library file one by one. It holds no file while nobody asks.
type reader struct {
	path string
	once sync.Once
	db   *sql.DB
	err  error
}

// idleTime is how long a file stays open after it was read.
const idleTime = 30 * time.Second

func (f *reader) open() (*sql.DB, error) {
	f.once.Do(func() {
		abs, err := filepath.Abs(f.path)
		if err != nil {
			f.err = err
			return
		}
		// Nothing is written, but what a killed program left half done has to be undone before anything can be read.
		dsn := url.URL{Scheme: "file", Path: filepath.ToSlash(abs), RawQuery: url.Values{"mode": {"rw"}, "_busy_timeout": {"5000"}}.Encode()}
		if f.db, f.err = sql.Open("sqlite3", dsn.String()); f.err == nil {
			f.db.SetConnMaxIdleTime(idleTime)
		}
	})
	return f.db, f.err
}

func (f *reader) read(ctx context.Context, id string) (Reference, error) {
	db, err := f.open()
	if err != nil {
		return Reference{}, fmt.Errorf("read reference %s from library %s: %w", id, f.path, err)
	}
	rows, err := db.QueryContext(ctx, `SELECT `+referenceColumns+` FROM reference_spectra WHERE id = ?`, id)
	if err != nil {
		return Reference{}, fmt.Errorf("read reference %s from library %s: %w", id, f.path, damaged(err))
	}
	defer rows.Close()
	if !rows.Next() {
		if err = rows.Err(); err == nil {
			err = fmt.Errorf("%w: it was there when the library was opened; start again", ErrDamaged)
		}
		return Reference{}, fmt.Errorf("read reference %s from library %s: %w", id, f.path, damaged(err))
	}
	r, err := scanReference(rows)
	if err == nil && r.Spectrum == nil {
		err = fmt.Errorf("%w: reference %s has become a peak table", ErrDamaged, id)
	}
	if err != nil {
		return Reference{}, fmt.Errorf("read reference from library %s: %w", f.path, err)
	}
	return r, nil
}

// facts are all references, ordered by id, spectra left in the file. The error wraps ErrDamaged when the indexes of the file hold
// different numbers of them.
func (f *File) facts(ctx context.Context) (out []Reference, err error) {
	err = f.atOnce(ctx, func(conn *sql.Conn) error {
		// The index that is counted is another one than the next query reads.
		var n int
		if err := conn.QueryRowContext(ctx, `SELECT count(*) FROM reference_spectra INDEXED BY reference_spectra_substance`).Scan(&n); err != nil {
			return err
		}
		if out, err = f.listed(ctx, conn, n); err == nil && len(out) != n {
			err = fmt.Errorf("%w: one index holds %d references, another %d. Use a backup or import again", ErrDamaged, n, len(out))
		}
		return err
	})
	if err != nil {
		return nil, f.readError("references", err)
	}
	return out, f.peakTables(ctx, out)
}

// atOnce lets do read the file as it is at one moment, whatever others write.
func (f *File) atOnce(ctx context.Context, do func(*sql.Conn) error) error {
	conn, err := f.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	// The transactions of the driver would lock out writers (see openDB).
	if _, err := conn.ExecContext(ctx, `BEGIN`); err != nil {
		return err
	}
	err = do(conn)
	_, end := conn.ExecContext(context.WithoutCancel(ctx), `ROLLBACK`) // nothing was written
	return cmp.Or(err, end)
}

// listed are the about n references that the index of facts lists.
func (f *File) listed(ctx context.Context, conn *sql.Conn, n int) ([]Reference, error) {
	// The driver starts a goroutine for each row of a query that can be cancelled, which costs more than the row.
	rows, err := conn.QueryContext(context.WithoutCancel(ctx), `SELECT id, substance_id, tier, technique, form, laser_nm, kind, source, licence, sha256, added, unverified
		FROM reference_spectra INDEXED BY reference_spectra_facts ORDER BY id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	file, out := &reader{path: f.path}, make([]Reference, 0, n)
	for rows.Next() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var r Reference
		var kind, added string
		err := rows.Scan(&r.ID, &r.SubstanceID, &r.Tier, &r.Technique, &r.Form, &r.LaserNM, &kind, &r.Provenance.Source, &r.Provenance.Licence,
			&r.Provenance.SHA256, &added, &r.Provenance.Unverified)
		if err == nil {
			r.Provenance.Added, err = parseAdded(added)
		}
		if err != nil {
			return nil, unreadable(err)
		}
		if kind == "spectrum" {
			r.Stored = &Stored{file, r.ID}
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// peakTables reads the peak tables among references, which are ordered by id.
func (f *File) peakTables(ctx context.Context, references []Reference) error {
	tables, err := f.references(ctx, `WHERE kind = 'peaks'`)
	if err != nil {
		return err
	}
	byID := map[string]Reference{}
	for _, r := range tables {
		byID[r.ID] = r
	}
	for i, r := range references {
		if r.Stored != nil {
			continue
		}
		table, ok := byID[r.ID]
		if !ok {
			return f.readError("references", fmt.Errorf("%w: peak table %s is gone", ErrDamaged, r.ID))
		}
		references[i] = table
	}
	return nil
}
