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
	err = s.write(ctx, func(tx queries) error {
		for _, sc := range scans {
			if sc.SHA256 != sum {
				return fmt.Errorf("%w: scan %d says its file is %.12s, the file is %.12s", ErrInvalid, sc.SpectrumIndex, sc.SHA256, sum)
			}
		}
		if len(scans) == 0 {
			return fmt.Errorf("%w: no scan", ErrInvalid)
		}
		if all, err = putFile(ctx, tx, sum, f, scans[0].Created); err != nil {
			return err
		}
		for _, sc := range scans {
			isNew, err := insertScan(ctx, tx, sc)
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

func insertScan(ctx context.Context, tx queries, sc Scan) (bool, error) {
	ans, err := json.Marshal(sc.Identification)
	if err != nil {
		return false, fmt.Errorf("%w: answer: %w", ErrInvalid, err)
	}
	spectrum, err := json.Marshal(sc.Spectrum)
	if err != nil {
		return false, fmt.Errorf("%w: spectrum: %w", ErrInvalid, err)
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
			case_number, exhibit, officer, verdict, headline, summary, identification, spectrum)
		VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (sha256, spectrum_index) DO NOTHING`,
		sc.ID, sc.SHA256, sc.SpectrumIndex, sc.Filename, micros(sc.Created), micros(sc.Acquired), sc.Technique,
		sc.Simulated, dev.Type, dev.Model, dev.SerialNumber, loc.Latitude, loc.Longitude, loc.PrecisionM, loc.County,
		loc.State, loc.FIPS, sc.Case, sc.Exhibit, sc.Officer, sc.Verdict, sc.Headline, sc.Summary, string(ans), spectrum)
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
// archive; ErrNotFound when there is no such scan.
func (s *Store) Raw(ctx context.Context, scanID string) (raw []byte, filename string, err error) {
	err = s.r.QueryRowContext(ctx, `SELECT f.raw, f.name FROM scans s JOIN files f USING (sha256) WHERE s.id = ?`, scanID).
		Scan(&raw, &filename)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, "", fmt.Errorf("scan %s: %w", scanID, ErrNotFound)
	}
	return raw, filename, err
}

// Spectrum returns the spectrum of a scan; ErrNotFound when there is no such scan.
func (s *Store) Spectrum(ctx context.Context, scanID string) (spectra.Spectrum, error) {
	var blob []byte
	err := s.r.QueryRowContext(ctx, `SELECT spectrum FROM scans WHERE id = ?`, scanID).Scan(&blob)
	if errors.Is(err, sql.ErrNoRows) {
		return spectra.Spectrum{}, fmt.Errorf("scan %s: %w", scanID, ErrNotFound)
	}
	if err != nil {
		return spectra.Spectrum{}, err
	}
	var sp spectra.Spectrum
	if err := json.Unmarshal(blob, &sp); err != nil {
		return spectra.Spectrum{}, fmt.Errorf("stored spectrum of scan %s: %w", scanID, err)
	}
	return sp, nil
}
