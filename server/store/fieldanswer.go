package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/google/uuid"

	"fentrace/library/identify"
	"fentrace/server/audit"
)

const (
	// MaxFieldAnswers is how many answers one file may bring along.
	MaxFieldAnswers = 2000
	// maxFieldAnswer and maxObjects bound one of them, in bytes and in objects ("{}" takes much more memory than text).
	maxFieldAnswer = 256 << 10
	maxObjects     = 4096
)

// FieldAnswer is what a server or program that had a scan before said of it there, and with it what the person who took
// it was shown. It is kept beside the answer given here, which may rest on another library, and never replaces it.
type FieldAnswer struct {
	ScanID        string    `json:"scan_id" doc:"UUID of the scan there"`
	SpectrumIndex int       `json:"spectrum_index" doc:"0-based position in its file"`
	Answered      time.Time `json:"answered" doc:"when it was stored there; it was shown after that"`
	Filename      string    `json:"filename"`
	Device        *Device   `json:"device"`
	Fields
	Identification identify.Identification `json:"identification"`

	// raw is the JSON it was read from. It is what is stored and passed on, so that members this version does not know
	// are not lost.
	raw json.RawMessage
}

// plainAnswer has the members of FieldAnswer without its methods.
type plainAnswer FieldAnswer

// UnmarshalJSON keeps the bytes beside what they say.
func (a *FieldAnswer) UnmarshalJSON(b []byte) error {
	var p plainAnswer
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	*a = FieldAnswer(p)
	a.raw = append(json.RawMessage(nil), b...)
	return nil
}

// MarshalJSON gives the answer as it came.
func (a FieldAnswer) MarshalJSON() ([]byte, error) {
	if a.raw != nil {
		return a.raw, nil
	}
	return json.Marshal(plainAnswer(a))
}

// Validate reports what cannot be stored, wrapped around ErrInvalid.
func (a FieldAnswer) Validate() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: answer of scan %.40q: %s", ErrInvalid, a.ScanID, fmt.Sprintf(format, args...))
	}
	ans := a.Identification
	if err := uuid.Validate(a.ScanID); err != nil {
		return bad("its id is no UUID")
	}
	if a.SpectrumIndex < 0 {
		return bad("spectrum_index %d", a.SpectrumIndex)
	}
	if y := a.Answered.UTC().Year(); y < 1900 || y > 9999 {
		return bad("answered in the year %d", y)
	}
	switch ans.Verdict {
	case identify.Alarm, identify.NoAlarm, identify.Inconclusive:
	default:
		return bad("verdict %.40q is none of alarm, no_alarm, inconclusive", ans.Verdict)
	}
	for _, f := range ans.Findings {
		if math.IsNaN(f.Probability) || f.Probability < 0 || f.Probability > 1 {
			return bad("probability %g of %.40q", f.Probability, f.Substance)
		}
	}
	if err := ValidText("filename", a.Filename); err != nil {
		return bad("%v", err)
	}
	if err := a.Fields.Validate(); err != nil {
		return bad("%v", err)
	}
	return nil
}

// ReadFieldAnswers reads and checks a JSON array of answers. Of each Identification only what storing it needs is kept
// beside its bytes, so that memory stays in proportion to raw. Errors wrap ErrInvalid.
func ReadFieldAnswers(raw []byte) ([]FieldAnswer, error) {
	bad := func(err error) ([]FieldAnswer, error) { return nil, fmt.Errorf("%w: answers: %w", ErrInvalid, err) }
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return bad(errors.New("they are no JSON array"))
	}
	out := []FieldAnswer{}
	for d.More() {
		var one json.RawMessage
		var a FieldAnswer
		if err := d.Decode(&one); err != nil {
			return bad(err)
		}
		switch {
		case len(out) == MaxFieldAnswers:
			return bad(fmt.Errorf("there are more than %d", MaxFieldAnswers))
		case len(one) > maxFieldAnswer || bytes.Count(one, []byte("{")) > maxObjects:
			return bad(fmt.Errorf("answer %d is larger than any answer: at most %d bytes and %d objects", len(out)+1, maxFieldAnswer, maxObjects))
		}
		if err := json.Unmarshal(one, &a); err != nil {
			return bad(err)
		}
		if err := a.Validate(); err != nil {
			return nil, err
		}
		a.Identification = identify.Identification{Verdict: a.Identification.Verdict, Simulated: a.Identification.Simulated}
		out = append(out, a)
	}
	if _, err := d.Token(); err != nil {
		return bad(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return bad(errors.New("more follows after the array"))
	}
	return out, nil
}

// Answers returns what is passed on with a scan: the answers it came with, first one first, and the one given here.
func (sc Scan) Answers() []FieldAnswer {
	own := FieldAnswer{ScanID: sc.ID, SpectrumIndex: sc.SpectrumIndex, Answered: sc.Created, Filename: sc.Filename, Device: sc.Device,
		Fields: Fields{Case: sc.Case, Exhibit: sc.Exhibit, Officer: sc.Officer, TLP: sc.TLP}, Identification: sc.Identification}
	if sc.Location != nil {
		own.Location = *sc.Location
	}
	return append(append([]FieldAnswer{}, sc.FieldAnswers...), own)
}

func insertFieldAnswers(ctx context.Context, tx queries, agency, sum string, answers []FieldAnswer) error {
	for _, a := range answers {
		raw, err := json.Marshal(a)
		if err != nil {
			return fmt.Errorf("%w: answer of scan %s: %w", ErrInvalid, a.ScanID, err)
		}
		// Scans keep their ids on the way back: an answer given here is no news.
		var own bool
		err = tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM scans WHERE id = ? AND agency = ?)", a.ScanID, agency).Scan(&own)
		if err == nil && !own {
			err = insertFieldAnswer(ctx, tx, agency, sum, a, string(raw))
		}
		if err != nil {
			return fmt.Errorf("answer of scan %s: %w", a.ScanID, err)
		}
	}
	return nil
}

func insertFieldAnswer(ctx context.Context, tx queries, agency, sum string, a FieldAnswer, raw string) error {
	n, err := changed(tx.ExecContext(ctx, "INSERT INTO field_answers (agency, sha256, spectrum_index, scan_id, answer) VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING",
		agency, sum, a.SpectrumIndex, a.ScanID, raw))
	if err != nil || n == 0 {
		return err
	}
	return tx.log(ctx, Entry{Action: audit.Collect, Kind: kindFieldAnswer, ID: fmt.Sprintf("%s/%d/%s/%s", sum, a.SpectrumIndex, a.ScanID, agency),
		Detail: map[string]any{"hash": hashRow(agency, sum, a.SpectrumIndex, a.ScanID, raw)}})
}

// fieldAnswers fills in what was said of the scans before they came here. All scans are of one file of one agency, and may be seen.
func (s *Store) fieldAnswers(ctx context.Context, scans []Scan) error {
	if len(scans) == 0 {
		return nil
	}
	rows, err := s.r.QueryContext(ctx, `SELECT spectrum_index, answer FROM field_answers WHERE agency = ? AND sha256 = ? ORDER BY seq`, scans[0].Agency, scans[0].SHA256)
	if err != nil {
		return fmt.Errorf("read field answers: %w", err)
	}
	defer rows.Close()
	of := map[int][]FieldAnswer{}
	for rows.Next() {
		var index int
		var raw []byte
		var a FieldAnswer
		if err := rows.Scan(&index, &raw); err != nil {
			return fmt.Errorf("read field answers: %w", err)
		}
		if err := json.Unmarshal(raw, &a); err != nil {
			return fmt.Errorf("stored field answer of file %.12s: %w", scans[0].SHA256, err)
		}
		of[index] = append(of[index], a)
	}
	for i := range scans {
		if answers := of[scans[i].SpectrumIndex]; answers != nil {
			scans[i].FieldAnswers = answers
		}
	}
	return rows.Err()
}
