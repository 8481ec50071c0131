package library

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"fentrace/spectra"
)

// Substances returns every substance, ordered by id.
func (f *File) Substances(ctx context.Context) ([]Substance, error) {
	synonyms, err := f.synonyms(ctx)
	if err != nil {
		return nil, f.readError("synonyms", err)
	}
	rows, err := f.db.QueryContext(ctx, `SELECT id, name, cas, inchikey, smiles, formula, molecular_weight, class, schedule,
		controlled, unverified, source FROM substances ORDER BY id`)
	if err != nil {
		return nil, f.readError("substances", err)
	}
	defer rows.Close()
	var out []Substance
	for rows.Next() {
		var s Substance
		err := rows.Scan(&s.ID, &s.Name, &s.CAS, &s.InChIKey, &s.SMILES, &s.Formula, &s.MolWt, &s.Class, &s.Schedule,
			&s.Controlled, &s.Unverified, &s.Source)
		if err != nil {
			return nil, f.readError("substances", unreadable(err))
		}
		s.Synonyms = synonyms[s.ID]
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		return nil, f.readError("substances", err)
	}
	return out, nil
}

func (f *File) synonyms(ctx context.Context) (map[string][]string, error) {
	rows, err := f.db.QueryContext(ctx, `SELECT substance_id, synonym FROM synonyms ORDER BY substance_id, synonym`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string][]string{}
	for rows.Next() {
		var id, synonym string
		if err := rows.Scan(&id, &synonym); err != nil {
			return nil, unreadable(err)
		}
		out[id] = append(out[id], synonym)
	}
	return out, rows.Err()
}

// referenceColumns are what scanReference takes.
const referenceColumns = `id, substance_id, tier, technique, form, laser_nm, kind, title, x_unit, y_unit,
	x, y, metadata, source, licence, sha256, added, unverified`

// References returns every reference, ordered by id. Each is checked against its id, so that a damaged spectrum is
// an error wrapping ErrDamaged and never a wrong match.
func (f *File) References(ctx context.Context) ([]Reference, error) { return f.references(ctx, "") }

func (f *File) references(ctx context.Context, where string) ([]Reference, error) {
	rows, err := f.db.QueryContext(ctx, `SELECT `+referenceColumns+` FROM reference_spectra `+where+` ORDER BY id`)
	if err != nil {
		return nil, f.readError("references", err)
	}
	defer rows.Close()
	var out []Reference
	for rows.Next() {
		r, err := scanReference(rows)
		if err != nil {
			return nil, f.readError("references", err)
		}
		out = append(out, r)
	}
	if err := rows.Err(); err != nil {
		return nil, f.readError("references", err)
	}
	return out, nil
}

// parseAdded reads a time as utc writes it.
func parseAdded(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339Nano, text)
}

func (f *File) readError(what string, err error) error {
	return fmt.Errorf("read %s of library %s: %w", what, f.path, damaged(err))
}

// scanReference reads referenceColumns. The error wraps ErrDamaged when they do not hash to the id; what else could be read is then
// returned with it.
func scanReference(rows *sql.Rows) (Reference, error) {
	var r Reference
	var kind, metadata, added string
	var s spectra.Spectrum
	var x, y []byte
	err := rows.Scan(&r.ID, &r.SubstanceID, &r.Tier, &r.Technique, &r.Form, &r.LaserNM, &kind, &s.Title, &s.XUnit, &s.YUnit,
		&x, &y, &metadata, &r.Provenance.Source, &r.Provenance.Licence, &r.Provenance.SHA256, &added, &r.Provenance.Unverified)
	if err != nil {
		return Reference{}, unreadable(err)
	}
	spoilt := func(what string, err error) (Reference, error) {
		return r, fmt.Errorf("%w: %s of reference %s of %s: %w", ErrDamaged, what, r.ID, r.SubstanceID, err)
	}
	if s.X, err = decodeFloats(x); err != nil {
		return spoilt("axis", err)
	}
	if s.Y, err = decodeFloats(y); err != nil {
		return spoilt("values", err)
	}
	if len(s.X) != len(s.Y) {
		return spoilt("data", spectra.ErrLength)
	}
	if r.Provenance.Added, err = parseAdded(added); err != nil {
		return spoilt("date", err)
	}
	switch kind {
	case "spectrum":
		s.Technique = r.Technique
		if err := json.Unmarshal([]byte(metadata), &s.Metadata); err != nil {
			return spoilt("metadata", err)
		}
		r.Spectrum = &s
	default:
		r.Peaks = peaksOf(s.X, s.Y)
	}
	if id := r.ContentID(); id != r.ID {
		return spoilt("data", fmt.Errorf("they hash to %s", id))
	}
	return r, nil
}

func insertSubstance(ctx context.Context, tx *sql.Tx, s Substance) error {
	if s.Name = strings.TrimSpace(s.Name); s.Name == "" {
		return fmt.Errorf("substance without a name %w", ErrInvalid)
	}
	if s.ID == "" {
		s.ID = SubstanceID(s.Name)
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO substances (id, name, cas, inchikey, smiles, formula, molecular_weight, class, schedule,
			controlled, unverified, source) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, cas = excluded.cas, inchikey = excluded.inchikey, smiles = excluded.smiles,
			formula = excluded.formula, molecular_weight = excluded.molecular_weight, class = excluded.class,
			schedule = excluded.schedule, controlled = excluded.controlled, unverified = excluded.unverified, source = excluded.source`,
		s.ID, s.Name, s.CAS, s.InChIKey, s.SMILES, s.Formula, s.MolWt, s.Class, s.Schedule, s.Controlled, s.Unverified, s.Source)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM synonyms WHERE substance_id = ?`, s.ID); err != nil {
		return err
	}
	for _, synonym := range uniteSynonyms(s.Name, s.Synonyms) {
		if _, err := tx.ExecContext(ctx, `INSERT INTO synonyms (substance_id, synonym) VALUES (?, ?)`, s.ID, synonym); err != nil {
			return err
		}
	}
	return nil
}

// stored counts what became of references that were to be stored.
type stored struct {
	added  int // they were not there
	mended int // they were there, damaged
}

// putReference stores r unless it is there already, and whole.
func putReference(ctx context.Context, tx *sql.Tx, r Reference) (n stored, err error) {
	if r.Stored != nil {
		s, err := r.Load(ctx)
		if err != nil {
			return n, err
		}
		r.Spectrum, r.Stored = &s, nil
	}
	id, err := checked(ctx, tx, r)
	if err != nil {
		return n, err
	}
	there, found, err := holds(ctx, tx, id)
	switch {
	case err != nil:
		return n, err
	case !found:
		n.added = 1
	case there.damage == nil:
		return n, nil
	default:
		if err := takeOut(ctx, tx, there); err != nil {
			return n, fmt.Errorf("mend it: %w", err)
		}
		n.mended = 1
	}
	return n, insertReference(ctx, tx, id, r)
}

// checked is the id under which r can be stored. The error wraps ErrInvalid when it cannot.
func checked(ctx context.Context, tx *sql.Tx, r Reference) (id string, err error) {
	if err := r.validate(); err != nil {
		return "", err
	}
	id = r.ContentID()
	if r.ID != "" && r.ID != id {
		return "", fmt.Errorf("its id %s is not that of its data (%s) %w", r.ID, id, ErrInvalid)
	}
	var known bool
	if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM substances WHERE id = ?)`, r.SubstanceID).Scan(&known); err != nil {
		return "", err
	}
	if !known {
		return "", fmt.Errorf("substance %s is not in the library: reference %w", r.SubstanceID, ErrInvalid)
	}
	return id, nil
}

func insertReference(ctx context.Context, tx *sql.Tx, id string, r Reference) error {
	kind, s := "peaks", spectra.Spectrum{XUnit: spectra.PerCM, YUnit: spectra.Intensity}
	if r.Spectrum != nil {
		kind, s = "spectrum", *r.Spectrum
	} else {
		s.X, s.Y = peakArrays(r.Peaks)
	}
	metadata, err := json.Marshal(s.Metadata)
	if err != nil {
		return fmt.Errorf("its metadata %w: %w", ErrInvalid, err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO reference_spectra (id, substance_id, tier, technique, form, laser_nm, kind, title, x_unit,
			y_unit, x, y, metadata, source, licence, sha256, added, unverified)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		id, r.SubstanceID, r.Tier, r.Technique, r.Form, r.LaserNM, kind, s.Title, s.XUnit, s.YUnit, encodeFloats(s.X), encodeFloats(s.Y),
		string(metadata), r.Provenance.Source, r.Provenance.Licence, r.Provenance.SHA256, utc(r.Provenance.Added), r.Provenance.Unverified)
	return err
}
