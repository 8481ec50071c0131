package library

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"fentrace/spectra"
)

// Validation is the report of one validation (library/validate) of a stack of libraries for one technique. Its content is
// that of the packages that write and read it.
type Validation struct {
	LibraryVersion string            `json:"library_version"` // of the stack, see Stack.Version
	Technique      spectra.Technique `json:"technique"`
	Made           time.Time         `json:"made"`
	Report         json.RawMessage   `json:"report"`
}

// validationsKept is how many reports of one technique a library keeps.
const validationsKept = 20

// maxReport (bytes) bounds what is read back.
const maxReport = 16 << 20

// PutValidation stores v in place of an earlier one of the same version and technique, and forgets the oldest beyond
// twenty. Errors wrap ErrInvalid.
func (f *File) PutValidation(ctx context.Context, v Validation) error {
	switch {
	case v.LibraryVersion == "" || v.Made.IsZero():
		return fmt.Errorf("validation without a library version or a date %w", ErrInvalid)
	case v.Technique != spectra.Raman && v.Technique != spectra.IR:
		return fmt.Errorf("validation for technique %q %w", v.Technique, ErrInvalid)
	case !json.Valid(v.Report) || len(v.Report) > maxReport:
		return fmt.Errorf("validation report of %d bytes %w: it is no JSON or too long", len(v.Report), ErrInvalid)
	}
	tx, err := f.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("write to library %s: %w", f.path, err)
	}
	defer tx.Rollback() // no effect after Commit
	_, err = tx.ExecContext(ctx, `INSERT INTO validations (library_version, technique, made, report) VALUES (?, ?, ?, ?)
		ON CONFLICT (library_version, technique) DO UPDATE SET made = excluded.made, report = excluded.report`,
		v.LibraryVersion, v.Technique, utc(v.Made), string(v.Report))
	if err == nil {
		_, err = tx.ExecContext(ctx, `DELETE FROM validations WHERE technique = ?1 AND library_version NOT IN
			(SELECT library_version FROM validations WHERE technique = ?1 ORDER BY made DESC LIMIT ?2)`, v.Technique, validationsKept)
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		return fmt.Errorf("store a validation in library %s: %w", f.path, err)
	}
	return nil
}

// Validations returns the reports the library holds, newest first.
func (f *File) Validations(ctx context.Context) ([]Validation, error) {
	rows, err := f.db.QueryContext(ctx, `SELECT library_version, technique, made, report FROM validations WHERE length(report) <= ? ORDER BY made DESC`, maxReport)
	if err != nil {
		return nil, f.readError("validations", err)
	}
	defer rows.Close()
	var out []Validation
	for rows.Next() {
		var v Validation
		var made, report string
		if err := rows.Scan(&v.LibraryVersion, &v.Technique, &made, &report); err != nil {
			return nil, f.readError("validations", err)
		}
		if v.Made, err = time.Parse(time.RFC3339Nano, made); err != nil || !json.Valid([]byte(report)) {
			return nil, f.readError("validations", fmt.Errorf("%w: validation of library %.12s", ErrDamaged, v.LibraryVersion))
		}
		v.Report = json.RawMessage(report)
		out = append(out, v)
	}
	return out, rows.Err()
}

// Validation returns the report for exactly this stack and technique; ok is false when it was never validated as it is.
func (st *Stack) Validation(t spectra.Technique) (v Validation, ok bool) {
	for _, v := range st.validations {
		if v.Technique == t && v.LibraryVersion == st.version {
			return v, true
		}
	}
	return Validation{}, false
}

// LastValidation returns the newest report for this technique of any stack that the layers lay in; it tells what changed,
// never what an answer is worth.
func (st *Stack) LastValidation(t spectra.Technique) (v Validation, ok bool) {
	for _, v := range st.validations {
		if v.Technique == t {
			return v, true
		}
	}
	return Validation{}, false
}

// uniteValidations lists the reports of all layers, newest first.
func uniteValidations(layers []layer) []Validation {
	var out []Validation
	for _, l := range layers {
		out = append(out, l.validations...)
	}
	slices.SortStableFunc(out, func(a, b Validation) int {
		return cmp.Or(b.Made.Compare(a.Made), cmp.Compare(a.LibraryVersion, b.LibraryVersion))
	})
	return out
}
