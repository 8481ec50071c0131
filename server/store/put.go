package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"fentrace/spectra"
)

// File is the source of one or more scans: the bytes as they came.
type File struct {
	Name string
	Raw  []byte
}

// Put stores a file and the scans of its spectra with their findings, all in one transaction. It is idempotent
// by content: a scan whose (SHA-256, index) is stored already stays as it is. It returns the stored scans of
// the file in index order, and whether this request stored any (see Arrive). ErrFull when there is no room.
func (s *Store) Put(ctx context.Context, f File, scans []Scan, a Arrival) (stored []Scan, created bool, err error) {
	sum, all := spectra.HashBytes(f.Raw), false // all: nothing of the file was there
	raw := s.seal(f.Raw, rawOf(sum))
	blobs, err := s.sealSpectra(scans)
	if err != nil {
		return nil, false, err
	}
	err = s.write(ctx, func(tx queries) error {
		for _, sc := range scans {
			if sc.SHA256 != sum {
				return fmt.Errorf("%w: scan %d says its file is %.12s, the file is %.12s", ErrInvalid, sc.SpectrumIndex, sc.SHA256, sum)
			}
		}
		if len(scans) == 0 {
			return fmt.Errorf("%w: no scan", ErrInvalid)
		}
		n, err := changed(tx.ExecContext(ctx, `INSERT INTO files (sha256, name, size, created, raw, raw_key) VALUES (?,?,?,?,?,?)
			ON CONFLICT DO NOTHING`, sum, f.Name, len(f.Raw), micros(scans[0].Created), raw.value, raw.key))
		if err != nil {
			return fmt.Errorf("store file %s: %w", f.Name, err)
		}
		all = n == 1
		for i, sc := range scans {
			isNew, err := insertScan(ctx, tx, sc, blobs[i])
			if err != nil {
				return fmt.Errorf("store scan %d of %s: %w", sc.SpectrumIndex, f.Name, err)
			}
			created, all = created || isNew, all && isNew
		}
		created, err = arrive(ctx, tx, sum, a, created, scans[0].Created)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	for _, sc := range scans {
		s.recent.Add(sc.ID, sc.Spectrum)
	}
	if all && len(a.Answers) == 0 {
		return asStored(scans), created, nil
	}
	stored, err = s.ByHash(ctx, sum)
	return stored, created, err
}

// asStored are scans of one file that were all stored just now, as ByHash would read them.
func asStored(scans []Scan) []Scan {
	out := slices.Clone(scans)
	for i := range out {
		sc := &out[i]
		sc.Created, sc.Acquired = fromMicros(micros(sc.Created)), fromMicros(micros(sc.Acquired))
		sc.FieldAnswers, sc.LaboratoryResults, sc.Siblings = []FieldAnswer{}, []LaboratoryResult{}, []string{}
		sc.Warnings = append([]string{}, sc.Spectrum.Metadata.Warnings...)
		for k := range scans {
			if k != i {
				sc.Siblings = append(sc.Siblings, scans[k].ID)
			}
		}
		sc.Spectrum = spectra.Spectrum{}
	}
	return out
}

// sealSpectra are the spectra of scans as they are stored.
func (s *Store) sealSpectra(scans []Scan) ([]sealed, error) {
	out := make([]sealed, len(scans))
	for i, sc := range scans {
		blob, err := json.Marshal(sc.Spectrum)
		if err != nil {
			return nil, fmt.Errorf("%w: spectrum %d: %w", ErrInvalid, sc.SpectrumIndex, err)
		}
		out[i] = s.seal(blob, spectrumOf(sc.ID))
	}
	return out, nil
}

func insertScan(ctx context.Context, tx queries, sc Scan, spectrum sealed) (bool, error) {
	ans, err := json.Marshal(sc.Identification)
	if err != nil {
		return false, fmt.Errorf("%w: answer: %w", ErrInvalid, err)
	}
	var loc Location
	if sc.Location != nil {
		loc = *sc.Location
	}
	var dev Device
	if sc.Device != nil {
		dev = *sc.Device
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO scans (id, sha256, spectrum_index, filename, created, acquired, technique,
			simulated, device_type, device_model, device_serial, latitude, longitude, precision_m, county, state, fips,
			case_number, exhibit, officer, verdict, headline, summary, identification, spectrum, spectrum_key)
		VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (sha256, spectrum_index) DO NOTHING`,
		sc.ID, sc.SHA256, sc.SpectrumIndex, sc.Filename, micros(sc.Created), micros(sc.Acquired), sc.Technique,
		sc.Simulated, dev.Type, dev.Model, dev.SerialNumber, loc.Latitude, loc.Longitude, loc.PrecisionM, loc.County,
		loc.State, loc.FIPS, sc.Case, sc.Exhibit, sc.Officer, sc.Verdict, sc.Headline, sc.Summary, string(ans), spectrum.value, spectrum.key)
	if err != nil {
		return false, err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return false, err
	}
	for i, fd := range sc.Identification.Findings {
		if _, err := tx.ExecContext(ctx, `INSERT INTO findings (scan_id, rank, substance, class, controlled, tier, probability)
			VALUES (?,?,?,?,?,?,?)`, sc.ID, i, fd.Substance, fd.Class, fd.Controlled, string(fd.Tier), fd.Probability); err != nil {
			return false, fmt.Errorf("finding %s: %w", fd.Substance, err)
		}
	}
	return true, nil
}

// Raw returns the bytes of the file a scan came from and the file's name, which for a scan from an archive is that of the
// archive; ErrNotFound when there is no such scan, ErrErased when they were erased.
func (s *Store) Raw(ctx context.Context, scanID string) (raw []byte, filename string, err error) {
	var v sealed
	var sum string
	var erased bool
	err = s.r.QueryRowContext(ctx, `SELECT f.sha256, f.raw, f.raw_key, f.name, EXISTS (SELECT 1 FROM erasures e WHERE e.scan_id = s.id)
		FROM scans s JOIN files f USING (sha256) WHERE s.id = ?`, scanID).Scan(&sum, &v.value, &v.key, &filename, &erased)
	if err = found(err, erased, scanID); err != nil {
		return nil, "", err
	}
	raw, err = s.open(v, rawOf(sum))
	return raw, filename, err
}

// Spectrum returns the spectrum of a scan; ErrNotFound when there is no such scan, ErrErased when it was erased.
func (s *Store) Spectrum(ctx context.Context, scanID string) (sp spectra.Spectrum, err error) {
	blob, err := s.spectrum(ctx, scanID)
	if err != nil {
		return spectra.Spectrum{}, err
	}
	if err := json.Unmarshal(blob, &sp); err != nil {
		return spectra.Spectrum{}, fmt.Errorf("stored spectrum of scan %s: %w", scanID, err)
	}
	return sp, nil
}

// spectrum is that of a scan as JSON.
func (s *Store) spectrum(ctx context.Context, scanID string) ([]byte, error) {
	var v sealed
	var erased bool
	err := s.r.QueryRowContext(ctx, `SELECT spectrum, spectrum_key, EXISTS (SELECT 1 FROM erasures e WHERE e.scan_id = scans.id) FROM scans WHERE id = ?`, scanID).
		Scan(&v.value, &v.key, &erased)
	if err = found(err, erased, scanID); err != nil {
		return nil, err
	}
	return s.open(v, spectrumOf(scanID))
}

// found is the error of reading one scan, called by its name.
func found(err error, erased bool, scanID string) error {
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("scan %s: %w", scanID, ErrNotFound)
	case err == nil && erased:
		return fmt.Errorf("scan %s %w", scanID, ErrErased)
	}
	return err
}
