package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"fentrace/server/audit"
	"fentrace/server/tlp"
	"fentrace/spectra"
)

// File is the source of one or more scans: the bytes as they came.
type File struct {
	Name string
	Raw  []byte
}

// Put stores a file and the scans of its spectra with their findings, all in one transaction. It is idempotent
// by content within an agency: a scan whose (agency, SHA-256, index) is stored already stays as it is, and of what another agency
// holds nothing is seen. The scans are marked as they say, AMBER when they do not, and belong to the agency of who asks. It returns the
// stored scans of the file in index order, and whether this request stored any (see Arrive). ErrFull when there is no room,
// ErrInvalid when a marking is above the clearance of who asks, ErrWithheld when that of what is stored is.
func (s *Store) Put(ctx context.Context, f File, scans []Scan, a Arrival) (stored []Scan, created bool, err error) {
	sum, all := spectra.HashBytes(f.Raw), false // all: nothing of the file was there
	agency, scans, err := marked(ctx, scans)
	if err != nil {
		return nil, false, err
	}
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
		if all, err = insertFile(ctx, tx, agency, sum, f.Name, len(f.Raw), raw, scans[0].Created); err != nil {
			return fmt.Errorf("store file %s: %w", f.Name, err)
		}
		for i, sc := range scans {
			isNew, err := insertScan(ctx, tx, sc, blobs[i])
			if err != nil {
				return fmt.Errorf("store scan %d of %s: %w", sc.SpectrumIndex, f.Name, err)
			}
			created, all = created || isNew, all && isNew
		}
		if !created {
			if err := withheld(ctx, tx, agency, sum); err != nil {
				return err
			}
		}
		created, err = arrive(ctx, tx, agency, sum, a, created, scans[0].Created)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	for _, sc := range scans {
		s.recent.Add(sc.ID, sc.Spectrum)
	}
	if all && len(a.Answers) == 0 && scans[0].Linked == nil {
		return asStored(ctx, scans), created, nil
	}
	stored, err = s.ByHash(ctx, sum)
	return stored, created, err
}

// marked are the scans with what belongs to them because of who asks.
func marked(ctx context.Context, scans []Scan) (agency string, out []Scan, err error) {
	if agency, err = holder(ctx); err != nil {
		return "", nil, err
	}
	p, _ := Asking(ctx)
	out = slices.Clone(scans)
	for i := range out {
		sc := &out[i]
		if sc.TLP == "" {
			sc.TLP = tlp.Amber
		}
		sc.Agency = agency
		if !p.Program && sc.TLP.Rank() > p.Clearance.Rank() {
			return "", nil, fmt.Errorf("%w: tlp: a scan marked %s is above your clearance, %s: you could not see its answer", ErrInvalid, sc.TLP, p.Clearance)
		}
	}
	return agency, out, nil
}

// insertFile stores the bytes, unless an agency has brought them before, and that this one has; isNew: it had not.
// What another agency has erased is stored anew.
func insertFile(ctx context.Context, tx queries, agency, sum, name string, size int, raw sealed, now time.Time) (isNew bool, err error) {
	if _, err := tx.ExecContext(ctx, `INSERT INTO files (sha256, name, size, created, raw, raw_key) VALUES (?,?,?,?,?,?)
		ON CONFLICT (sha256) DO UPDATE SET name = excluded.name, created = excluded.created, raw = excluded.raw, raw_key = excluded.raw_key
		WHERE files.raw_key = '`+erasedKey+`' AND NOT EXISTS (SELECT 1 FROM holdings WHERE agency = ? AND sha256 = ?)`,
		sum, name, size, micros(now), raw.value, raw.key, agency, sum); err != nil {
		return false, err
	}
	n, err := changed(tx.ExecContext(ctx, "INSERT INTO holdings (agency, sha256, name, created) VALUES (?,?,?,?) ON CONFLICT DO NOTHING", agency, sum, name, micros(now)))
	return n == 1, err
}

// withheld is ErrWithheld when of a file of the agency there is no scan that whoever asks may see.
func withheld(ctx context.Context, tx queries, agency, sum string) error {
	see, args, err := visible(ctx, "s")
	if err != nil {
		return err
	}
	var some bool
	err = tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM scans s WHERE s.agency = ? AND s.sha256 = ? AND "+see+")", append([]any{agency, sum}, args...)...).Scan(&some)
	if err == nil && !some {
		err = ErrWithheld
	}
	return err
}

// asStored are scans of one file that were all stored just now, as ByHash would read them.
func asStored(ctx context.Context, scans []Scan) []Scan {
	out := slices.Clone(scans)
	for i := range out {
		sc := &out[i]
		sc.Created, sc.Acquired = fromMicros(micros(sc.Created)), fromMicros(micros(sc.Acquired))
		sc.ScanRecord = newRecord(enteredBy(ctx))
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
		out[i].plain = blob
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
			case_number, exhibit, officer, verdict, headline, summary, agency, tlp, identification, spectrum, spectrum_key)
		VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (agency, sha256, spectrum_index) DO NOTHING`,
		sc.ID, sc.SHA256, sc.SpectrumIndex, sc.Filename, micros(sc.Created), micros(sc.Acquired), sc.Technique,
		sc.Simulated, dev.Type, dev.Model, dev.SerialNumber, loc.Latitude, loc.Longitude, loc.PrecisionM, loc.County,
		loc.State, loc.FIPS, sc.Case, sc.Exhibit, sc.Officer, sc.Verdict, sc.Headline, sc.Summary, sc.Agency, sc.TLP.Rank(), string(ans), spectrum.value, spectrum.key)
	if err != nil {
		return false, err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return false, err
	}
	if err := enterScan(ctx, tx, sc); err != nil {
		return false, err
	}
	for i, fd := range sc.Identification.Findings {
		if _, err := tx.ExecContext(ctx, `INSERT INTO findings (scan_id, rank, substance, class, controlled, tier, probability)
			VALUES (?,?,?,?,?,?,?)`, sc.ID, i, fd.Substance, fd.Class, fd.Controlled, string(fd.Tier), fd.Probability); err != nil {
			return false, fmt.Errorf("finding %s: %w", fd.Substance, err)
		}
	}
	return true, tx.log(ctx, Entry{Action: audit.Collect, Kind: KindScan, ID: sc.ID, Detail: sc.hashes(ans, spectrum.plain)})
}

// Raw returns the bytes of the file a scan came from and the file's name, which for a scan from an archive is that of the
// archive; ErrNotFound when there is no such scan, ErrErased when they were erased.
func (s *Store) Raw(ctx context.Context, scanID string) (raw []byte, filename string, err error) {
	see, args, err := visible(ctx, "s")
	if err != nil {
		return nil, "", err
	}
	var v sealed
	var sum, erased string
	err = s.r.QueryRowContext(ctx, `SELECT f.sha256, f.raw, f.raw_key, h.name, s.spectrum_key FROM scans s JOIN files f ON f.sha256 = s.sha256
		JOIN holdings h ON h.agency = s.agency AND h.sha256 = s.sha256 WHERE s.id = ? AND `+see, append([]any{scanID}, args...)...).
		Scan(&sum, &v.value, &v.key, &filename, &erased)
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
	see, args, err := visible(ctx, "s")
	if err != nil {
		return nil, err
	}
	var v sealed
	err = s.r.QueryRowContext(ctx, "SELECT s.spectrum, s.spectrum_key FROM scans s WHERE s.id = ? AND "+see, append([]any{scanID}, args...)...).Scan(&v.value, &v.key)
	if err = found(err, v.key, scanID); err != nil {
		return nil, err
	}
	return s.open(v, spectrumOf(scanID))
}

// AsStored are the answer and the spectrum of a scan byte by byte as they were stored, of which the log has the hashes; ErrNotFound when
// there is no such scan, ErrErased when it was erased.
func (s *Store) AsStored(ctx context.Context, scanID string) (answer, spectrum []byte, err error) {
	if spectrum, err = s.spectrum(ctx, scanID); err != nil {
		return nil, nil, err
	}
	err = s.r.QueryRowContext(ctx, "SELECT identification FROM scans WHERE id = ?", scanID).Scan(&answer)
	return answer, spectrum, err
}

// found is the error of reading one scan, called by its name.
func found(err error, key, scanID string) error {
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("scan %s: %w", scanID, ErrNotFound)
	case err == nil && key == erasedKey:
		return fmt.Errorf("scan %s %w", scanID, ErrErased)
	}
	return err
}
