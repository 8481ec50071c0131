// Package library holds what is known: substances, and the reference spectra and peak tables that speak for them.
// One library is one SQLite file that anyone can open; Stack layers several over the embedded core.
package library

import (
	"strings"
	"time"

	"fentrace/spectra"
)

// Tier says what a reference is worth as evidence.
type Tier string

const (
	// Measured is a spectrum taken from an authentic sample; it may support a named alarm.
	Measured Tier = "measured"
	// Published is a peak table with its source; it may support the class and name a candidate.
	Published Tier = "published"
	// Simulated serves demo, tests and benchmarks; it is used only for scans themselves marked simulated.
	Simulated Tier = "simulated"
)

// Substance is one chemical (or material, such as a container plastic) that references can speak for.
type Substance struct {
	ID       string   `json:"id"` // stable key: lower-case name, runs of other characters folded to one hyphen
	Name     string   `json:"name"`
	Synonyms []string `json:"synonyms,omitempty"`
	CAS      string   `json:"cas,omitempty"`
	InChIKey string   `json:"inchikey,omitempty"`
	SMILES   string   `json:"smiles,omitempty"`
	Formula  string   `json:"formula,omitempty"`
	MolWt    float64  `json:"molecular_weight,omitempty"` // g/mol
	Class    string   `json:"class,omitempty"`            // for example "fentanyl-analog", "cutting agent", "container"
	Schedule string   `json:"schedule,omitempty"`         // legal status in the source's words
	// Controlled is true when Schedule names a US schedule or list; false says only "not listed in this library".
	Controlled bool `json:"controlled"`
	// Unverified is true when any value comes from memory rather than a checked source. It is shown beside the name.
	Unverified bool   `json:"unverified,omitempty"`
	Source     string `json:"source,omitempty"`
}

// Container reports whether the substance is what samples are scanned through: a bag, a vial, a window. A class that names
// something else too, as that of cellulose, is no container: it may be what was scanned.
func (s Substance) Container() bool {
	switch strings.ToLower(s.Class) {
	case "container", "plastic", "glass", "window":
		return true
	}
	return false
}

// Peak is one line of a peak table.
type Peak struct {
	PositionCM1 float64 `json:"position_cm1"`
	Relative    float64 `json:"relative"` // 0..100 of the strongest; 0 when the source gives none
}

// Reference is one reference spectrum, or one published peak table, of one substance.
// Exactly one of Spectrum and Peaks is set.
type Reference struct {
	ID          string            `json:"id"` // SHA-256 over substance, technique, tier and the data: the same data has the same id
	SubstanceID string            `json:"substance_id"`
	Tier        Tier              `json:"tier"`
	Technique   spectra.Technique `json:"technique"`
	Form        string            `json:"form,omitempty"` // salt, hydrate, liquid, film ... in the source's words
	LaserNM     float64           `json:"laser_nm,omitempty"`
	Spectrum    *spectra.Spectrum `json:"spectrum,omitempty"`
	Peaks       []Peak            `json:"peaks,omitempty"`
	Provenance  Provenance        `json:"provenance"`
	// Stored, instead of Spectrum, is set for a spectrum that is still in its file; see Load.
	Stored *Stored `json:"-"`
}

// Provenance is where a reference came from.
type Provenance struct {
	Source     string    `json:"source"`            // citation, file name or instrument session
	Licence    string    `json:"licence,omitempty"` // as stated by the source
	SHA256     string    `json:"sha256,omitempty"`  // of the raw bytes it was read from
	Added      time.Time `json:"added,omitzero"`
	Unverified bool      `json:"unverified,omitempty"` // the source is memory
}
