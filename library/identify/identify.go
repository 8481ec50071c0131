package identify

import (
	"context"
	"errors"

	"fentrace/library"
	"fentrace/spectra"
)

// Options tune the decision; the zero value is the shipped default.
type Options struct{}

// Identifier answers scans against one library. It is safe for concurrent use.
type Identifier struct{ lib *library.Stack }

// New prepares the library for search.
func New(lib *library.Stack, opts Options) (*Identifier, error) { return &Identifier{lib: lib}, nil }

// Identify is the one front door.
func (id *Identifier) Identify(ctx context.Context, s spectra.Spectrum) (Identification, error) {
	return Identification{}, errors.ErrUnsupported
}

// Trace is one line of an overlay plot.
type Trace struct {
	Label     string       `json:"label"`
	Tier      library.Tier `json:"tier,omitempty"`
	Kind      string       `json:"kind"` // "spectrum" | "peaks"
	Simulated bool         `json:"simulated,omitempty"`
	X         []float64    `json:"x"`
	Y         []float64    `json:"y"`
}

// Overlay is what a person looks at to judge an answer: the scan above, the references to be mirrored below, the difference.
type Overlay struct {
	Scan        Trace   `json:"scan"`
	References  []Trace `json:"references"`
	Difference  *Trace  `json:"difference,omitempty"`
	Presumptive string  `json:"presumptive"`
}

// Overlay prepares the plot of a scan and the references its findings (or best candidates) rest on.
func (id *Identifier) Overlay(s spectra.Spectrum, ans Identification) (Overlay, error) {
	return Overlay{}, errors.ErrUnsupported
}
