package store

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"fentrace/library/identify"
	"fentrace/server/tlp"
	"fentrace/spectra"
)

// Scan is one stored spectrum with its answer and the circumstances of taking it.
// SHA256 (of the file's bytes) and SpectrumIndex (0-based position in the file) are unique together within an agency.
type Scan struct {
	ID            string    `json:"id" doc:"UUID"`
	Agency        string    `json:"agency" doc:"id of the agency it belongs to"`
	TLP           tlp.Level `json:"tlp" enum:"clear,green,amber,amber+strict,red" doc:"marking by the Traffic Light Protocol 2.0"`
	SHA256        string    `json:"sha256" doc:"of the bytes the spectrum was read from"`
	SpectrumIndex int       `json:"spectrum_index" doc:"0-based position in its file"`
	Siblings      []string  `json:"siblings" doc:"scans of the other spectra of the same file"`
	Filename      string    `json:"filename" doc:"of a spectrum from an archive, the archive and the file within it: seized.zip/a.csv"`
	Created       time.Time `json:"created" doc:"when it was stored"`
	Acquired      time.Time `json:"acquired" doc:"when it was taken; when it was stored if the source does not say"`
	Technique     string    `json:"technique" doc:"raman, ir or other"`
	Simulated     bool      `json:"simulated"`
	Device        *Device   `json:"device"`
	Location      *Location `json:"location"`
	Case          string    `json:"case"`
	Exhibit       string    `json:"exhibit"`
	Officer       string    `json:"officer"`
	Verdict       string    `json:"verdict" doc:"alarm, no_alarm or inconclusive; presumptive whatever it is"`
	Headline      string    `json:"headline"`
	Summary       string    `json:"summary"`

	Identification identify.Identification `json:"identification"`
	// FieldAnswers, first one first, are what was said of the scan before it came here.
	FieldAnswers []FieldAnswer `json:"field_answers" doc:"what was said of it where it was before; left out in lists"`

	// LaboratoryResults, first one first, are what laboratories said of its sample. The answer stays as it was given.
	LaboratoryResults []LaboratoryResult `json:"laboratory_results" doc:"what laboratories said of its sample, first one first: the last one counts; left out in lists"`

	// Warnings are what is wrong with the measurement or its file, one sentence each, from the metadata of the spectrum.
	Warnings []string `json:"warnings" doc:"what is wrong with the measurement or its file; left out in lists"`

	// ScanRecord is what people have said of it since.
	ScanRecord
	// Erased says that the scan was erased under a retention policy: what is left is its tombstone.
	Erased *Erasure `json:"erased,omitempty" doc:"it was erased under a retention policy: what is left is its tombstone"`

	// Holds, first one first, are why it must not be erased.
	Holds []Hold `json:"holds,omitempty" doc:"legal holds on it, first one first; left out in lists"`

	// Spectrum is set on the way in; Store.Spectrum reads it back.
	Spectrum spectra.Spectrum `json:"-"`
}

// Device is the instrument as far as the source names it.
type Device struct {
	Type         string `json:"type"`
	Model        string `json:"model"`
	SerialNumber string `json:"serial_number"`
}

// Location is where a scan was taken: a point (WGS 84, degrees), a region, or both. Latitude and Longitude are
// set together.
type Location struct {
	Latitude   *float64 `json:"latitude,omitempty"`
	Longitude  *float64 `json:"longitude,omitempty"`
	PrecisionM *float64 `json:"precision_m,omitempty" doc:"radius in metres"`
	County     string   `json:"county,omitempty"`
	State      string   `json:"state,omitempty"`
	FIPS       string   `json:"fips,omitempty" doc:"US county code, five digits"`
}

// HasPoint reports whether the place has coordinates.
func (l *Location) HasPoint() bool { return l != nil && l.Latitude != nil && l.Longitude != nil }

// Fields are the circumstances whoever takes or uploads a scan may state; all are optional.
type Fields struct {
	Location
	Case    string `json:"case,omitempty"`
	Exhibit string `json:"exhibit,omitempty"`
	Officer string `json:"officer,omitempty"`
	// ExhibitID links a new scan to an exhibit. A file that is known already is not linked anew: its scan is amended.
	ExhibitID string `json:"exhibit_id,omitempty" doc:"links the scan to this exhibit"`
	// TLP is how the scan is to be marked; empty: as the server marks uploads.
	TLP tlp.Level `json:"tlp,omitempty" enum:"clear,green,amber,amber+strict,red" doc:"marking by the Traffic Light Protocol 2.0; without one it is the server's for uploads"`
}

// MaxText is the longest text field, in characters.
const MaxText = 200

// Validate reports the first field that cannot be stored, by its JSON name, wrapped around ErrInvalid.
func (f Fields) Validate() error {
	for _, t := range []struct{ name, value string }{
		{"county", f.County}, {"state", f.State}, {"fips", f.FIPS},
		{"case", f.Case}, {"exhibit", f.Exhibit}, {"officer", f.Officer}, {"exhibit_id", f.ExhibitID},
	} {
		if err := ValidText(t.name, t.value); err != nil {
			return err
		}
	}
	if f.TLP != "" && !slices.Contains(tlp.Levels, f.TLP) {
		return fmt.Errorf("%w: tlp %.40q is none of clear, green, amber, amber+strict, red", ErrInvalid, string(f.TLP))
	}
	for _, n := range []struct {
		name   string
		value  *float64
		lo, hi float64
	}{{"latitude", f.Latitude, -90, 90}, {"longitude", f.Longitude, -180, 180}, {"precision_m", f.PrecisionM, 0, 2e7}} {
		// Written so that NaN fails too.
		if n.value != nil && !(*n.value >= n.lo && *n.value <= n.hi) {
			return badField(n.name, "%g is outside %g to %g", *n.value, n.lo, n.hi)
		}
	}
	if (f.Latitude == nil) != (f.Longitude == nil) {
		return &FieldError{Field: "latitude", Problem: "latitude and longitude go together; one is missing"}
	}
	if f.PrecisionM != nil && f.Latitude == nil {
		return badField("precision_m", "without latitude and longitude")
	}
	if f.FIPS != "" && !isFIPS(f.FIPS) {
		return badField("fips", "%q is not five digits", f.FIPS)
	}
	return nil
}

// ValidText reports a text that is too long, not UTF-8 or holds control characters.
func ValidText(name, value string) error {
	switch {
	case !utf8.ValidString(value):
		return badField(name, "is not UTF-8 text")
	case utf8.RuneCountInString(value) > MaxText:
		return badField(name, "is longer than %d characters", MaxText)
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return badField(name, "holds control characters")
	}
	return nil
}

func isFIPS(s string) bool {
	if len(s) != 5 {
		return false
	}
	return strings.Trim(s, "0123456789") == ""
}

// place returns the location, nil when nothing of it was stated.
func (f Fields) place() *Location {
	if f.Location == (Location{}) {
		return nil
	}
	l := f.Location
	return &l
}

// NewScan puts together what is stored of one spectrum: its answer, and the circumstances stated by f. created
// is now. The acquisition time falls back to created. ErrInvalid when f, the acquisition time or the answer
// cannot be stored.
func NewScan(id, filename string, index int, s spectra.Spectrum, ans identify.Identification, f Fields, created time.Time) (Scan, error) {
	if err := f.Validate(); err != nil {
		return Scan{}, err
	}
	acquired := s.Metadata.Acquired
	if acquired.IsZero() {
		acquired = created
	}
	if y := acquired.UTC().Year(); y < 1900 || y > 9999 {
		return Scan{}, fmt.Errorf("%w: acquisition year %d", ErrInvalid, y)
	}
	for _, fd := range ans.Findings {
		if math.IsNaN(fd.Probability) || fd.Probability < 0 || fd.Probability > 1 {
			return Scan{}, fmt.Errorf("%w: probability %g of %s", ErrInvalid, fd.Probability, fd.Substance)
		}
	}
	sc := Scan{
		ID: id, SHA256: s.Metadata.SHA256, SpectrumIndex: index, Filename: filename,
		Created: created.UTC().Truncate(time.Microsecond), Acquired: acquired.UTC().Truncate(time.Microsecond),
		Technique: string(s.Technique), Simulated: s.Metadata.Simulated || ans.Simulated,
		Location: f.place(), Case: f.Case, Exhibit: f.Exhibit, Officer: f.Officer, TLP: f.TLP,
		Verdict: string(ans.Verdict), Headline: ans.Headline, Summary: ans.Summary,
		Identification: ans, Spectrum: s,
	}
	if f.ExhibitID != "" {
		sc.Linked = &LinkedTo{ExhibitID: f.ExhibitID}
	}
	if s.Metadata.Instrument != "" || s.Metadata.SerialNumber != "" {
		sc.Device = &Device{Model: s.Metadata.Instrument, SerialNumber: s.Metadata.SerialNumber}
	}
	return sc, nil
}
