package library

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Verification is what Verify has read of a library file, and what is wrong with it.
type Verification struct {
	Substances int                `json:"substances"`
	References int                `json:"references"` // rows, damaged ones included
	Damaged    []DamagedReference `json:"damaged"`
	// Problems are damage to anything else: pages of the file, its indexes, substances, validations.
	Problems []string `json:"problems"`
}

// DamagedReference is one that no answer can rest on.
type DamagedReference struct {
	ID          string `json:"id"`        // empty where it cannot be read
	SubstanceID string `json:"substance"` // likewise
	Row         int64  `json:"row"`       // of the table
	Reason      string `json:"reason"`
}

// Whole reports whether nothing is wrong.
func (v Verification) Whole() bool { return len(v.Damaged)+len(v.Problems) == 0 }

// maxProblems bounds what SQLite is to say of one file.
const maxProblems = 100

// Verify reads everything in a library file: its pages and indexes as SQLite checks them, every substance, every reference with its
// spectrum, which are compared with the hash that is the id, and how many each index holds. It changes nothing, but for undoing
// what a killed program left half done. What is damaged is in the answer; the error wraps fs.ErrNotExist, ErrNotLibrary,
// ErrNewerSchema, or ErrDamaged when so little is left that nothing can be read. progress, when set, hears how many references are
// read. A large file takes as long as its disk needs to deliver it, and nothing can be stored in it meanwhile.
func Verify(ctx context.Context, path string, progress func(done, total int)) (v Verification, err error) {
	cut := checkFile(path)
	if cut != nil && !errors.Is(cut, ErrDamaged) {
		return v, fmt.Errorf("verify library %s: %w", path, cut)
	}
	f, schema, err := openUnchecked(ctx, path)
	if err != nil {
		return v, fmt.Errorf("verify library %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	vf := verifier{f: f, schema: schema, progress: progress, rows: map[int64]listing{}}
	vf.Damaged, vf.Problems = []DamagedReference{}, []string{}
	vf.problem(cut)
	if err := f.atOnce(ctx, func(conn *sql.Conn) error { return vf.verify(ctx, conn) }); err != nil {
		return vf.Verification, fmt.Errorf("verify library %s: %w", path, err)
	}
	return vf.Verification, nil
}

// openUnchecked opens a library whatever is damaged in it, and leaves its schema as it is.
func openUnchecked(ctx context.Context, path string) (f *File, schema int64, err error) {
	db, err := openSQLite(path)
	if err != nil {
		return nil, 0, err
	}
	if schema, err = schemaOf(ctx, db); err != nil {
		return nil, 0, errors.Join(err, db.Close())
	}
	return &File{db: db, path: path, whole: wholeBytes}, schema, nil
}

// The versions of the schema from which on there are validations, and an index of facts.
const schemaValidations, schemaFacts = 2, 3

// listing is what the indexes say of a row.
type listing struct{ id, substance string }

// verifier is one verification.
type verifier struct {
	Verification
	f        *File
	schema   int64
	progress func(done, total int)
	rows     map[int64]listing // all that the table or an index has
	known    map[string]bool   // substances; nil when they cannot be read
}

// problem notes what is wrong besides references; nil is nothing.
func (v *verifier) problem(err error) {
	if err != nil {
		v.Problems = append(v.Problems, err.Error())
	}
}

// verify reads all within one transaction. The error is the end of ctx.
func (v *verifier) verify(ctx context.Context, conn *sql.Conn) error {
	v.pages(ctx, conn)
	v.substances(ctx)
	v.list(ctx, conn)
	v.References = len(v.rows)
	for i, rowid := range slices.Sorted(maps.Keys(v.rows)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		v.reference(ctx, conn, rowid)
		if v.progress != nil {
			v.progress(i+1, len(v.rows))
		}
	}
	if v.schema >= schemaValidations {
		_, err := v.f.Validations(ctx)
		v.problem(err)
	}
	return ctx.Err()
}

// pages lets SQLite check the file.
func (v *verifier) pages(ctx context.Context, conn *sql.Conn) {
	rows, err := conn.QueryContext(ctx, fmt.Sprintf(`PRAGMA integrity_check(%d)`, maxProblems))
	if err != nil {
		v.problem(damaged(err))
		return
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			v.problem(damaged(err))
			return
		}
		if text != "ok" {
			v.Problems = append(v.Problems, strings.Split(text, "\n")...)
		}
	}
	v.problem(damaged(rows.Err()))
}

func (v *verifier) substances(ctx context.Context) {
	all, err := v.f.Substances(ctx)
	if err != nil {
		v.problem(err)
		return
	}
	v.Substances, v.known = len(all), make(map[string]bool, len(all))
	for _, s := range all {
		v.known[s.ID] = true
	}
}

// list finds all rows by the table itself and by each of its indexes: where one is damaged another may tell what is there.
func (v *verifier) list(ctx context.Context, conn *sql.Conn) {
	counts := map[int]string{}
	for _, by := range []struct {
		since       int64 // schema
		name, query string
	}{
		{schemaFacts, "the list of facts", `SELECT rowid, id, substance_id FROM reference_spectra INDEXED BY reference_spectra_facts`},
		{1, "the list by substance", `SELECT rowid, '', substance_id FROM reference_spectra INDEXED BY reference_spectra_substance`},
		{1, "the table", `SELECT rowid, '', '' FROM reference_spectra NOT INDEXED`},
	} {
		if v.schema < by.since {
			continue
		}
		n, err := v.listBy(ctx, conn, by.query)
		if err != nil {
			v.problem(fmt.Errorf("read %s of references: %w", by.name, err))
			continue
		}
		counts[n] = by.name
	}
	if len(counts) > 1 {
		var parts []string
		for _, n := range slices.Sorted(maps.Keys(counts)) {
			parts = append(parts, fmt.Sprintf("%s holds %d", counts[n], n))
		}
		v.problem(fmt.Errorf("%w: the numbers of references differ: %s", ErrDamaged, strings.Join(parts, ", ")))
	}
}

// listBy adds the rows of a query, and counts them.
func (v *verifier) listBy(ctx context.Context, conn *sql.Conn, query string) (n int, err error) {
	rows, err := conn.QueryContext(ctx, query)
	if err != nil {
		return 0, damaged(err)
	}
	defer rows.Close()
	for ; rows.Next(); n++ {
		var rowid int64
		var l listing
		if err := rows.Scan(&rowid, &l.id, &l.substance); err != nil {
			return n, unreadable(err)
		}
		had := v.rows[rowid]
		v.rows[rowid] = listing{cmp.Or(had.id, l.id), cmp.Or(had.substance, l.substance)}
	}
	return n, damaged(rows.Err())
}

// reference reads one row and compares it with its id, with what the index of facts says of it, and with the substances.
func (v *verifier) reference(ctx context.Context, conn *sql.Conn, rowid int64) {
	r, err := readRow(ctx, conn, rowid)
	if err == nil && v.schema >= schemaFacts {
		err = listedAsItIs(ctx, conn, r)
	}
	if err == nil && v.known != nil && !v.known[r.SubstanceID] {
		err = fmt.Errorf("%w: its substance %s is not in the library", ErrDamaged, r.SubstanceID)
	}
	if err == nil || ctx.Err() != nil {
		return
	}
	l := v.rows[rowid]
	v.Damaged = append(v.Damaged, DamagedReference{ID: cmp.Or(l.id, r.ID), SubstanceID: cmp.Or(l.substance, r.SubstanceID), Row: rowid, Reason: damaged(err).Error()})
}
