package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"fentrace/server/audit"
)

// Kinds of records that leaves of the log are about, besides those of bound.
const (
	KindScan = "scan"
	KindFile = "file"
	KindUser = "user"
	KindLog  = "log"

	kindFieldAnswer = "field-answer"
)

// bound is a table whose rows are never changed, each bound to the log by the hash in the leaf of its making.
type bound struct {
	kind, words string
	table       string
	id          string // what the leaf calls the row: SQL
	where       string // that the row is the one called so, given the parts of the id between slashes
	order       string // column that tells rows apart and orders them
	columns     string // what the hash is taken of
}

// bounds are all of these. A column that is added later is to be left out, or rows of before fail: put it into a table of its own.
var bounds = []bound{
	{"laboratory-result", "laboratory result", "laboratory_results", "id", "id = ?", "seq",
		"id, scan_id, result, substances, pure, substance_id, technique, laboratory, note, entered_by, entered, not_proposed"},
	{"proposal", "proposal", "reference_proposals", "id", "id = ?", "seq", "id, result_id, substance_id, substance, tier, reference_id"},
	{"decision", "decision on proposal", "proposal_decisions", "proposal_id", "proposal_id = ?", "proposal_id", "proposal_id, accepted, reason, alone, decided_by, decided"},
	{"library-change", "change of the library", "library_changes", "id", "id = ?", "seq", "id, noted, cause, before, after"},
	{kindFieldAnswer, "field answer", "field_answers", "sha256 || '/' || spectrum_index || '/' || scan_id || '/' || agency",
		"sha256 = ? AND CAST(spectrum_index AS TEXT) = ? AND scan_id = ? AND agency = ?", "seq",
		"agency, sha256, spectrum_index, scan_id, answer"},
	{"seizure", "version of seizure", "seizures", "id || '/' || version", "id = ? AND CAST(version AS TEXT) = ?", "seq",
		"id, version, agency, tlp, case_number, seized, latitude, longitude, precision_m, county, state, fips, officer, note, simulated, changed_by, changed, reason"},
	{"exhibit", "version of exhibit", "exhibits", "id || '/' || version", "id = ? AND CAST(version AS TEXT) = ?", "seq",
		"id, version, seizure_id, agency, tlp, label, form, quantity, unit, uncertainty, packaging, expected_as, taken, note, changed_by, changed, reason"},
	{"scan-version", "version of scan", "scan_versions", "scan_id || '/' || version", "scan_id = ? AND CAST(version AS TEXT) = ?", "seq",
		"scan_id, version, tlp, latitude, longitude, precision_m, county, state, fips, case_number, exhibit, exhibit_id, officer, changed_by, changed, reason"},
	{"review", "review", "reviews", "id", "id = ?", "seq", "id, scan_id, result_id, opinion, reason, alone, reviewed_by, reviewed"},
	{"laboratory-work", "work of the laboratory for result", "laboratory_work", "result_id", "result_id = ?", "result_id", "result_id, methods, analyst, report_number"},
	{"laboratory-report", "report on laboratory result", "laboratory_reports", "result_id", "result_id = ?", "result_id", "result_id, sha256, name, size, added_by, added"},
}

// parts are the values for where.
func (b bound) parts(id string) []any {
	n := strings.Count(b.where, "?")
	out := make([]any, n)
	for i, part := range strings.SplitN(id, "/", n) {
		out[i] = part
	}
	return out
}

func boundOf(kind string) bound {
	return bounds[slices.IndexFunc(bounds, func(b bound) bool { return b.kind == kind })]
}

// logBound notes in the log that a row of that kind was made, with the hash of what is stored and what else is to be said.
func (q queries) logBound(ctx context.Context, action, kind, id string, more map[string]any) error {
	b := boundOf(kind)
	rows, err := q.QueryContext(ctx, "SELECT "+b.columns+" FROM "+b.table+" WHERE "+b.where, b.parts(id)...)
	if err != nil {
		return fmt.Errorf("read the %s %s: %w", b.words, id, err)
	}
	defer rows.Close()
	if !rows.Next() {
		return fmt.Errorf("read the %s %s: %w", b.words, id, errorsOr(rows.Err(), sql.ErrNoRows))
	}
	values, err := rowOf(rows, strings.Count(b.columns, ",")+1)
	if err != nil {
		return err
	}
	if err := rows.Close(); err != nil {
		return err
	}
	detail := map[string]any{"hash": hashRow(values...)}
	for k, v := range more {
		detail[k] = v
	}
	return q.log(ctx, Entry{Action: action, Kind: kind, ID: id, Detail: detail})
}

func errorsOr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// rowOf reads the n columns of a row.
func rowOf(r *rows, n int) ([]any, error) {
	values, at := make([]any, n), make([]any, n)
	for i := range values {
		at[i] = &values[i]
	}
	return values, r.Scan(at...)
}

// hashRow is the SHA-256, in hex, of values as either database gives them back: texts, whole numbers, numbers and NULL, as a JSON array.
func hashRow(values ...any) string {
	plain := make([]any, len(values))
	for i, v := range values {
		plain[i] = plainValue(v)
	}
	raw, err := json.Marshal(plain)
	if err != nil { // an infinite number: it is no JSON, and none was ever stored
		raw = fmt.Append(nil, plain...)
	}
	return hashOf(raw)
}

// plainValue is v as both databases and the program have it.
func plainValue(v any) any {
	r := reflect.ValueOf(v)
	if r.Kind() == reflect.Pointer {
		if r.IsNil() {
			return nil
		}
		r = r.Elem()
	}
	switch r.Kind() {
	case reflect.Bool:
		if r.Bool() {
			return 1
		}
		return 0
	case reflect.Int, reflect.Int16, reflect.Int32, reflect.Int64:
		return r.Int()
	case reflect.Float64:
		return r.Float()
	case reflect.String:
		return r.String()
	case reflect.Slice:
		return string(r.Bytes())
	}
	return nil
}

func hashOf(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// The columns of a scan that its leaf has hashes of: what never changes, and what is said of its circumstances, which may be amended.
const (
	scanFacts = "agency, filename, created, acquired, technique, simulated, device_type, device_model, device_serial, verdict, headline, summary"
	scanSaid  = "tlp, latitude, longitude, precision_m, county, state, fips, case_number, exhibit, officer"
)

// ScanHashes are what a leaf says of the content of a scan, each a SHA-256 in hex. Of those in several leaves the last ones count.
type ScanHashes struct {
	File      string `json:"file,omitempty"`     // bytes as they came
	Index     *int   `json:"index,omitempty"`    // of the spectrum in the file
	Answer    string `json:"answer,omitempty"`   // presumptive answer, as JSON
	Findings  string `json:"findings,omitempty"` // as they are searched
	Spectrum  string `json:"spectrum,omitempty"` // as JSON, before it is encrypted
	Facts     string `json:"facts,omitempty"`    // what never changes
	Said      string `json:"said,omitempty"`     // place, case, exhibit, officer, marking
	TakenOver bool   `json:"taken_over,omitempty"`
}

// hashes are those of a scan that is stored with this answer and spectrum.
func (sc Scan) hashes(answer, spectrum []byte) ScanHashes {
	var loc Location
	if sc.Location != nil {
		loc = *sc.Location
	}
	var dev Device
	if sc.Device != nil {
		dev = *sc.Device
	}
	findings := []any{}
	for i, f := range sc.Identification.Findings {
		findings = append(findings, i, f.Substance, f.Class, f.Controlled, string(f.Tier), f.Probability)
	}
	return ScanHashes{File: sc.SHA256, Index: &sc.SpectrumIndex, Answer: hashOf(answer), Findings: hashRow(findings...), Spectrum: hashOf(spectrum),
		Facts: hashRow(sc.Agency, sc.Filename, micros(sc.Created), micros(sc.Acquired), sc.Technique, sc.Simulated, dev.Type, dev.Model, dev.SerialNumber,
			sc.Verdict, sc.Headline, sc.Summary),
		Said: hashRow(sc.TLP.Rank(), loc.Latitude, loc.Longitude, loc.PrecisionM, loc.County, loc.State, loc.FIPS, sc.Case, sc.Exhibit, sc.Officer)}
}

// Hashes are those that the log has of a scan which was stored with this answer and spectrum, as JSON.
func (sc Scan) Hashes(answer, spectrum []byte) ScanHashes { return sc.hashes(answer, spectrum) }

// ToldByLog is what leaves, in their order, say of the content of a scan; ok is false when they say nothing of it.
func ToldByLog(scanID string, leaves []audit.Leaf) (told ScanHashes, seq int64, ok bool) {
	var t toldOf
	for _, l := range leaves {
		if l.Kind == KindScan && l.ID == scanID && (l.Action == audit.Collect || l.Action == audit.Alter) {
			t.add(l)
		}
	}
	return t.scan, t.seq, t.any
}

// logSaid notes in the log that what is said of the circumstances of a scan was changed, with the hash of what is stored now. Whatever
// amends a scan calls it after the change, in the same transaction.
func (q queries) logSaid(ctx context.Context, scanID string) error {
	values := make([]any, strings.Count(scanSaid, ",")+1)
	at := make([]any, len(values))
	for i := range values {
		at[i] = &values[i]
	}
	if err := q.QueryRowContext(ctx, "SELECT "+scanSaid+" FROM scans WHERE id = ?", scanID).Scan(at...); err != nil {
		return fmt.Errorf("read the circumstances of scan %s: %w", scanID, err)
	}
	return q.log(ctx, Entry{Action: audit.Alter, Kind: KindScan, ID: scanID, Detail: ScanHashes{Said: hashRow(values...)}})
}
