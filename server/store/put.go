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
	err = s.write(ctx, func(tx queries) error {
		for _, sc := range scans {
			if sc.SHA256 != sum {
				return fmt.Errorf("%w: scan %d says its file is %.12s, the file is %.12s", ErrInvalid, sc.SpectrumIndex, sc.SHA256, sum)
			}
		}
		if len(scans) == 0 {
			return fmt.Errorf("%w: no scan", ErrInvalid)
		}
		if all, err = insertFile(ctx, tx, agency, sum, f, scans[0].Created); err != nil {
			return fmt.Errorf("store file %s: %w", f.Name, err)
		}
		for _, sc := range scans {
			isNew, err := insertScan(ctx, tx, sc)
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
func insertFile(ctx context.Context, tx queries, agency, sum string, f File, now time.Time) (isNew bool, err error) {
	if _, err := tx.ExecContext(ctx, `INSERT INTO files (sha256, name, size, created, raw) VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING`,
		sum, f.Name, len(f.Raw), micros(now), f.Raw); err != nil {
		return false, err
	}
	n, err := changed(tx.ExecContext(ctx, "INSERT INTO holdings (agency, sha256, name, created) VALUES (?,?,?,?) ON CONFLICT DO NOTHING", agency, sum, f.Name, micros(now)))
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
			case_number, exhibit, officer, verdict, headline, summary, agency, tlp, identification, spectrum)
		VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (agency, sha256, spectrum_index) DO NOTHING`,
		sc.ID, sc.SHA256, sc.SpectrumIndex, sc.Filename, micros(sc.Created), micros(sc.Acquired), sc.Technique,
		sc.Simulated, dev.Type, dev.Model, dev.SerialNumber, loc.Latitude, loc.Longitude, loc.PrecisionM, loc.County,
		loc.State, loc.FIPS, sc.Case, sc.Exhibit, sc.Officer, sc.Verdict, sc.Headline, sc.Summary, sc.Agency, sc.TLP.Rank(), string(ans), spectrum)
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
	return true, tx.log(ctx, Entry{Action: audit.Collect, Kind: KindScan, ID: sc.ID, Detail: sc.hashes(ans, spectrum)})
}

// Raw returns the bytes of the file a scan came from and the file's name, which for a scan from an archive is that of the
// archive; ErrNotFound when there is no such scan.
func (s *Store) Raw(ctx context.Context, scanID string) (raw []byte, filename string, err error) {
	see, args, err := visible(ctx, "s")
	if err != nil {
		return nil, "", err
	}
	err = s.r.QueryRowContext(ctx, `SELECT f.raw, h.name FROM scans s JOIN files f ON f.sha256 = s.sha256 JOIN holdings h ON h.agency = s.agency AND h.sha256 = s.sha256
		WHERE s.id = ? AND `+see, append([]any{scanID}, args...)...).Scan(&raw, &filename)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, "", fmt.Errorf("scan %s: %w", scanID, ErrNotFound)
	}
	return raw, filename, err
}

// Spectrum returns the spectrum of a scan; ErrNotFound when there is no such scan.
func (s *Store) Spectrum(ctx context.Context, scanID string) (spectra.Spectrum, error) {
	see, args, err := visible(ctx, "s")
	if err != nil {
		return spectra.Spectrum{}, err
	}
	var blob []byte
	err = s.r.QueryRowContext(ctx, `SELECT s.spectrum FROM scans s WHERE s.id = ? AND `+see, append([]any{scanID}, args...)...).Scan(&blob)
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
