package identify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"fentrace/library"
	"fentrace/library/analog"
	"fentrace/library/search"
	"fentrace/spectra"
)

// Algorithm names the decision and its version; it changes whenever an answer can.
const Algorithm = "fentrace-identify/5"

// Presumptive stands on every screen, print and file.
const Presumptive = "Presumptive field result. Laboratory confirmation required."

// DefaultShiftCM1 is the axis error of a calibrated instrument that is forgiven: handhelds in use read up to about 6
// cm-1 off.
const DefaultShiftCM1 = 8

// candidatesKept is how many candidates an answer lists.
const candidatesKept = 10

// Options tune the decision; the zero value is the shipped default.
type Options struct {
	// MaxShiftCM1 is the axis error forgiven, whole cm-1 either way, 0 for DefaultShiftCM1, at most 20: beyond that
	// neighbouring lines of different substances meet.
	MaxShiftCM1 int
	// Calibration gives probabilities; nil for that of the library, and for Shipped when it has none.
	Calibration *Calibration
	// IndexDir is a folder for the prepared references of large libraries, so that the next start is quick; "" keeps them in
	// memory only.
	IndexDir string
	// Preparing, when set, hears how many references are prepared; it is silent when that is quick.
	Preparing func(done, total int)
	// Observe, when set, hears how long each stage of an answer took; it must be safe for concurrent use.
	Observe func(stage string, took time.Duration)
}

// Identifier answers scans against one library. It is safe for concurrent use.
type Identifier struct {
	lib       *library.Stack
	index     *search.Index
	real      *search.Subset // what is not simulated
	groups    *search.Groups // by id of the substance
	refs      map[string]library.Reference
	tables    []library.Reference // references that are peak tables
	fentanyls []string            // ids of the substances of that class
	// ids of the substances that are containers, and of the others
	containers, samples []string
	limitRefs           map[spectra.Technique]map[string][]library.Reference // see limited
	maxShift            int
	observe             func(stage string, took time.Duration) // nil: nobody does
	// calibrations give probabilities, by technique; none is missing.
	calibrations map[spectra.Technique]Calibration
	validated    map[spectra.Technique]string // which validation they are from, in words
	analogs      *analog.Model                // nil when the library was not validated, or has too few fentanyls
	peaks        sync.Map                     // lines of references by id, found when first needed
	wide         *lru.Cache[widenedKey, search.Vector]
}

// New prepares the library for search. It fails on options out of range and on a validation of the library that cannot be
// read; references that cannot be searched are left out (see search.Index.Skipped, and Damaged).
func New(lib *library.Stack, opts Options) (*Identifier, error) {
	if opts.MaxShiftCM1 == 0 {
		opts.MaxShiftCM1 = DefaultShiftCM1
	}
	if opts.MaxShiftCM1 < 0 || opts.MaxShiftCM1 > 20 {
		return nil, fmt.Errorf("identify: axis error of %d cm-1 is outside 1 to 20", opts.MaxShiftCM1)
	}
	id := &Identifier{lib: lib, refs: map[string]library.Reference{}, maxShift: opts.MaxShiftCM1, observe: opts.Observe}
	if err := id.calibrate(opts.Calibration); err != nil {
		return nil, err
	}
	all := lib.References()
	var err error
	if id.index, err = search.CachedIndex(context.Background(), opts.IndexDir, lib.Version(), all, opts.Preparing); err != nil {
		return nil, err
	}
	for _, r := range all {
		id.refs[r.ID] = r
		if len(r.Peaks) > 0 && !isSERS(r) {
			id.tables = append(id.tables, r)
		}
	}
	if id.wide, err = lru.New[widenedKey, search.Vector](widenedKept); err != nil {
		return nil, err
	}
	id.limitRefs = id.limited()
	id.groups = id.index.Groups(func(ref string) string { return id.refs[ref].SubstanceID })
	for _, s := range lib.Substances() {
		if s.FentanylClass() {
			id.fentanyls = append(id.fentanyls, s.ID)
		}
		if s.Container() {
			id.containers = append(id.containers, s.ID)
		} else {
			id.samples = append(id.samples, s.ID)
		}
	}
	id.real = id.index.Subset(func(ref string) bool { return id.refs[ref].Tier != library.Simulated })
	return id, nil
}

// Damaged lists the references that take no part in answers because the library does not hold them as they were stored; their
// errors wrap library.ErrDamaged.
func (id *Identifier) Damaged() []search.Skipped {
	return slices.DeleteFunc(slices.Clone(id.index.Skipped()), func(s search.Skipped) bool { return !errors.Is(s.Err, library.ErrDamaged) })
}

// calibrate takes the calibration given, else that which the library was validated with, else the shipped one.
func (id *Identifier) calibrate(given *Calibration) error {
	id.calibrations, id.validated = map[spectra.Technique]Calibration{}, map[spectra.Technique]string{}
	for _, t := range []spectra.Technique{spectra.Raman, spectra.IR} {
		id.calibrations[t], id.validated[t] = Shipped, "as shipped, not for this library"
		if given != nil && !given.usable() {
			return fmt.Errorf("identify: calibration %+v is not usable", *given)
		}
		if given != nil {
			id.calibrations[t], id.validated[t] = *given, "given"
			continue
		}
		v, ok := id.lib.Validation(t)
		if !ok {
			continue
		}
		var report struct {
			Calibration *Calibration  `json:"calibration"`
			Analogs     *analog.Model `json:"analogs"`
		}
		if err := json.Unmarshal(v.Report, &report); err != nil || report.Calibration == nil || !report.Calibration.usable() {
			return fmt.Errorf("identify: the %s validation of library %.12s has no usable calibration (%v): run `fentrace library validate` again", t, v.LibraryVersion, err)
		}
		id.calibrations[t], id.validated[t] = *report.Calibration, "for this library, "+v.Made.UTC().Format(time.DateOnly)
		if t == spectra.Raman {
			id.analogs = report.Analogs
		}
	}
	return nil
}

// Identify is the one front door: the command line, the server, a batch worker and the tests all call it.
//
// A scan that cannot be judged is no error: the answer is Inconclusive with the reason and the next step. Errors are
// invalid spectra (see spectra.Spectrum.Validate), a context that ended, and a library that cannot be read.
func (id *Identifier) Identify(ctx context.Context, s spectra.Spectrum) (Identification, error) {
	if err := s.Validate(); err != nil {
		return Identification{}, fmt.Errorf("identify %s: %w", s.Title, err)
	}
	ev, err := id.gather(ctx, s)
	switch {
	case errors.Is(err, search.ErrNotSearchable):
		ans := id.blank(s)
		ev.quality.Axis = axisUnknown
		ans.Quality = ev.quality
		return ans.inconclusive(reasonNotSearchable(err, s)), nil
	case err != nil:
		return Identification{}, err
	}
	defer id.stage("decision and limits")()
	ans, err := id.decide(ev)
	if err != nil {
		return Identification{}, fmt.Errorf("identify %s: %w", s.Title, err)
	}
	if f := ev.fault; f != nil && f.mended {
		ans.NextSteps = append(ans.NextSteps, reasonAxis(f, ev.features).steps...)
	}
	if ans.Quality.Axis == axisOff {
		ans.NextSteps = append(ans.NextSteps, "recalibrate the axis with polystyrene or acetaminophen")
	}
	return ans, nil
}

// stage begins a stage; the function it returns ends it.
func (id *Identifier) stage(name string) (end func()) {
	if id.observe == nil {
		return func() {}
	}
	start := time.Now()
	return func() { id.observe(name, time.Since(start)) }
}

// Supports returns the evidence for every part of the explanation of s, whether or not it would be stated: what
// probabilities are fitted on. Errors are those of Identify and search.ErrNotSearchable.
func (id *Identifier) Supports(ctx context.Context, s spectra.Spectrum) ([]Support, error) {
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("identify %s: %w", s.Title, err)
	}
	ev, err := id.compare(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := id.explain(ctx, &ev); err != nil {
		return nil, err
	}
	if err := id.supports(ctx, &ev); err != nil {
		return nil, err
	}
	out := make([]Support, len(ev.parts))
	for i, p := range ev.parts {
		out[i] = p.support
	}
	return out, nil
}

// blank is an answer that says what was asked and by what it is answered.
func (id *Identifier) blank(s spectra.Spectrum) Identification {
	pipeline := ""
	if p, ok := search.Pipeline(s.Technique); ok {
		pipeline = p.String()
		if s.Technique == spectra.Raman {
			pipeline = "despike/1 " + pipeline
		}
	}
	reasons := []string{}
	if c := s.Metadata.Calibration; c != nil && c.Sentence() != "" {
		reasons = append(reasons, c.Sentence())
	}
	return Identification{
		SHA256: s.Metadata.SHA256, Technique: string(s.Technique), Simulated: s.Metadata.Simulated,
		Findings: []Finding{}, Candidates: []Finding{}, DetectionLimits: []DetectionLimit{},
		Reasons: reasons, NextSteps: []string{}, Unexplained: 1,
		Pipeline: pipeline, Library: id.lib.Version(), Algorithm: Algorithm, Probabilities: id.validated[s.Technique],
	}
}

// eligible says whether a reference may speak about a scan: a simulated one only about a scan that is simulated itself.
func eligible(r library.Reference, s spectra.Spectrum) bool {
	return r.Technique == s.Technique && (r.Tier != library.Simulated || s.Metadata.Simulated)
}

// subset are the references that may speak about a scan.
func (id *Identifier) subset(s spectra.Spectrum) *search.Subset {
	if s.Metadata.Simulated {
		return nil
	}
	return id.real
}
