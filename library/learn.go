package library

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"fentrace/spectra"
	"fentrace/spectra/preprocess"

	"gonum.org/v1/gonum/stat"
)

// Errors of Learn; test with errors.Is.
var (
	ErrPoorRepeats      = errors.New("the repeats are not good enough for a reference")
	ErrUnknownSubstance = errors.New("no library has this substance")
)

// What a set of repeats must show before it may speak for a substance.
const (
	minRepeats = 3
	// minAgreement is the least correlation of the first derivatives of any two repeats. The same powder, lifted and
	// put back, stays above it on a working instrument; another substance does not reach it.
	minAgreement = 0.95
	minOverlap   = 0.8 // part of the widest range that all repeats must cover
)

// fromStandard is the source of what was learnt when no other is given.
const fromStandard = "learnt from a standard"

// LearnOptions describes the standard.
type LearnOptions struct {
	CAS, InChIKey string // decide before the name when given
	Form          string // salt or hydrate, when the name does not say
	Source        string // who made the standard, lot number
	Licence       string
	Tier          Tier             // Measured when empty; Simulated for training data, which is refused otherwise
	AllowNew      bool             // store a substance that no library knows, of unknown class, instead of refusing
	Now           func() time.Time // date of learning; none is recorded when nil
}

// LearnReport says what Learn stored.
type LearnReport struct {
	Substance      Substance `json:"substance"`
	New            bool      `json:"new"` // no library knew it
	Form           string    `json:"form,omitempty"`
	Added          int       `json:"added"`
	AlreadyPresent int       `json:"already_present"`
	Agreement      float64   `json:"agreement"` // least correlation of two repeats, 0..1
}

// Learn stores repeated scans of an authentic standard as references of one substance of known or dst, all or
// none. The scans must be at least three separate, unsaturated ones of one technique and laser that agree; otherwise
// the error wraps ErrPoorRepeats and says what is wrong. A name that no library has is refused with
// ErrUnknownSubstance unless opts.AllowNew is set, because a misspelt name would raise no alarm.
func Learn(ctx context.Context, dst *File, known *Stack, name string, repeats []spectra.Spectrum, opts LearnOptions) (LearnReport, error) {
	opts.Tier = cmp.Or(opts.Tier, Measured)
	if opts.Tier == Published {
		return LearnReport{}, fmt.Errorf("learn %q: own scans are measured or simulated, not published", name)
	}
	im, err := newImporter(ctx, dst, known, ImportOptions{})
	if err != nil {
		return LearnReport{}, fmt.Errorf("learn %q: %w", name, err)
	}
	m, ok := im.names.find(opts.CAS, opts.InChIKey, name)
	switch {
	case ok && m.contradicts != "":
		return LearnReport{}, fmt.Errorf("learn %q: by its %s it is %s, by its name %s: correct one of them", name, m.by, m.substance.Name, m.contradicts)
	case !ok && !opts.AllowNew:
		return LearnReport{}, fmt.Errorf("learn %q: %w; check the spelling or give its CAS number, or say that it is new", name, ErrUnknownSubstance)
	case !ok && cleanName(name) == "":
		return LearnReport{}, fmt.Errorf("learn: a new substance needs a name: it %w", ErrInvalid)
	case !ok:
		m.substance = im.unknown(Substance{Name: cleanName(name), CAS: opts.CAS, InChIKey: opts.InChIKey, Source: cmp.Or(opts.Source, fromStandard)})
	}
	report := LearnReport{Substance: m.substance, New: !ok, Form: cmp.Or(opts.Form, m.form)}
	if report.Agreement, err = checkRepeats(repeats, opts.Tier); err != nil {
		return LearnReport{}, fmt.Errorf("learn %s: %w", m.substance.Name, err)
	}
	var substances []Substance
	if !im.stored[m.substance.ID] {
		substances = []Substance{m.substance}
	}
	n, err := dst.put(ctx, substances, learnt(repeats, report, opts))
	report.Added = n.added
	if err != nil {
		return LearnReport{}, fmt.Errorf("learn %s: %w", m.substance.Name, err)
	}
	report.AlreadyPresent = len(repeats) - report.Added
	return report, nil
}

func learnt(repeats []spectra.Spectrum, report LearnReport, opts LearnOptions) []Reference {
	var added time.Time
	if opts.Now != nil {
		added = opts.Now()
	}
	out := make([]Reference, len(repeats))
	for i, s := range repeats {
		source := cmp.Or(opts.Source, fromStandard)
		if instrument := strings.TrimSpace(s.Metadata.Instrument + " " + s.Metadata.SerialNumber); instrument != "" {
			source += " (" + instrument + ")"
		}
		out[i] = Reference{SubstanceID: report.Substance.ID, Tier: opts.Tier, Technique: s.Technique, Form: report.Form, LaserNM: s.Metadata.LaserNM,
			Spectrum: &s, Provenance: Provenance{Source: source, Licence: opts.Licence, SHA256: s.Metadata.SHA256, Added: added}}
	}
	return out
}

// checkRepeats returns the least agreement of two repeats, or why they are refused.
func checkRepeats(repeats []spectra.Spectrum, tier Tier) (agreement float64, err error) {
	poor := func(format string, args ...any) (float64, error) {
		return 0, fmt.Errorf("%w: %s", ErrPoorRepeats, fmt.Sprintf(format, args...))
	}
	if len(repeats) < minRepeats {
		return poor("%d scans; at least %d of the same standard are needed, lifted and put back between them", len(repeats), minRepeats)
	}
	for i, s := range repeats {
		if why := Unfit(s, tier); why != "" {
			return poor("scan %d %s", i+1, why)
		}
		if first := repeats[0]; s.Technique != first.Technique || math.Abs(s.Metadata.LaserNM-first.Metadata.LaserNM) > 5 {
			return poor("scan %d was taken with %s at %g nm, the first with %s at %g nm", i+1, s.Technique, s.Metadata.LaserNM, first.Technique, first.Metadata.LaserNM)
		}
	}
	derivatives, err := commonDerivatives(repeats)
	if err != nil {
		return 0, err
	}
	agreement = 1
	for i := range derivatives {
		for j := range i {
			if equal(repeats[i], repeats[j]) {
				return poor("scans %d and %d are the same data; take separate scans", j+1, i+1)
			}
			r := stat.Correlation(derivatives[i], derivatives[j], nil) // NaN when one is flat
			if !(r >= minAgreement) {
				return poor("scans %d and %d disagree: correlation %.3f, at least %.2f is needed; check the sample and scan longer", j+1, i+1, r, minAgreement)
			}
			agreement = min(agreement, r)
		}
	}
	return agreement, nil
}

// Unfit says why one scan cannot be a reference of this tier, in words that follow "the scan"; empty when it can. Whether
// its sample is what it is said to be is not asked.
func Unfit(s spectra.Spectrum, tier Tier) string {
	if err := s.Validate(); err != nil {
		return fmt.Sprintf("cannot be used: %v", err)
	}
	switch {
	case unsearchable(s) != "":
		return "cannot be used: " + unsearchable(s)
	case s.Peaks:
		return "is a peak table; scan the standard"
	case s.Metadata.Simulated && tier != Simulated:
		return "is SIMULATED; only scans of a real standard can be measured references"
	case s.Metadata.SaturatedPoints > 0:
		return fmt.Sprintf("is saturated at %d points; shorten the integration time or lower the laser power", s.Metadata.SaturatedPoints)
	}
	return ""
}

func equal(a, b spectra.Spectrum) bool {
	ids := [2]string{}
	for i, s := range []spectra.Spectrum{a, b} {
		ids[i] = Reference{Spectrum: &s}.ContentID()
	}
	return ids[0] == ids[1]
}

// commonDerivatives returns the first derivatives (Savitzky-Golay, 11 points, second order) of the repeats on one
// grid over the range they share.
func commonDerivatives(repeats []spectra.Spectrum) ([][]float64, error) {
	low, high := repeats[0].Range()
	widest, step := 0.0, 1.0
	for _, s := range repeats {
		lo, hi := s.Range()
		low, high, widest = max(low, lo), min(high, hi), max(widest, hi-lo)
		step = max(step, (hi-lo)/float64(len(s.X)-1))
	}
	start := math.Ceil(low/step) * step
	grid := spectra.Grid{Start: start, Step: step, N: int((high-start)/step) + 1}
	if high-low < minOverlap*widest || grid.N < 50 {
		return nil, fmt.Errorf("%w: the scans share only %.0f to %.0f cm-1", ErrPoorRepeats, low, high)
	}
	filter, err := preprocess.NewSavGol(11, 2, 1, step)
	if err != nil {
		return nil, err
	}
	out := make([][]float64, len(repeats))
	for i, s := range repeats {
		even, err := s.Resample(grid)
		if err != nil {
			return nil, fmt.Errorf("%w: scan %d: %w", ErrPoorRepeats, i+1, err)
		}
		out[i] = make([]float64, grid.N)
		if err := filter.Apply(out[i], even.Y); err != nil {
			return nil, err
		}
	}
	return out, nil
}
