// Package validate measures what answers from a library are worth: it draws samples of known content, as other instruments
// would record them, answers them with half of the substances hidden, and fits how probable a named substance is from what
// was right and wrong. Real scans of known content are weighed in where the user has some.
//
// The drawn scans are SIMULATED recordings of the library's own measured references (spectra/simulate.Transfer): they
// differ by axis, resolution, response, fluorescence and noise, not by what a sample can be. Nothing here touches the disk.
package validate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/spectra"
)

// ErrTooFew is wrapped by Run when the library cannot be validated; the message says what is missing.
var ErrTooFew = errors.New("not enough to validate with")

// MinSubstances is how many substances need a spectrum. With fewer, hiding half of them leaves too little to confuse
// anything with, and probabilities would be too high.
const MinSubstances = 20

// Options say how much to draw; the zero value is the default.
type Options struct {
	Technique spectra.Technique // Raman when empty
	Tier      library.Tier      // references drawn from; Measured when empty
	Seed      uint64
	Rounds    int // each hides other substances; 12 when 0
	Draws     int // scans of each round; 80 when 0
	// DecoyRounds are answered with decoys in the library, an even number; 8 when 0.
	DecoyRounds int
	WrongRate   float64 // tolerated share of scans for which something wrong is stated; 0.01 when 0
	// FalseAlarms is the tolerated share of scans in which a controlled substance, or fentanyls not in the library, would
	// alarm by chance, by decoys of every one of them; 0.01 when 0.
	FalseAlarms float64
	// Scans of known content on the user's own instruments. They take part in the fit as often as drawn ones.
	Scans []Scan
	// Progress is told how many of total scans are answered.
	Progress func(done, total int)
}

// Scan is a recorded spectrum and what is in the sample, by the names of the library.
type Scan struct {
	Spectrum   spectra.Spectrum
	Substances []string
}

func (o Options) withDefaults() Options {
	set := func(v *int, standard int) {
		if *v == 0 {
			*v = standard
		}
	}
	if o.Technique == "" {
		o.Technique = spectra.Raman
	}
	if o.Tier == "" {
		o.Tier = library.Measured
	}
	if o.WrongRate == 0 {
		o.WrongRate = 0.01
	}
	if o.FalseAlarms == 0 {
		o.FalseAlarms = 0.01
	}
	set(&o.Rounds, 12)
	set(&o.DecoyRounds, 8)
	set(&o.Draws, 80)
	return o
}

// Run validates lib. Errors: ErrTooFew, and those of ctx. Two runs with the same arguments give the same report.
func Run(ctx context.Context, lib *library.Stack, opts Options) (Report, error) {
	opts = opts.withDefaults()
	switch {
	case opts.DecoyRounds < 2 || opts.DecoyRounds > 1000 || opts.DecoyRounds%2 != 0:
		return Report{}, fmt.Errorf("validate: %d rounds with decoys: an even number, 2 to 1000, is possible", opts.DecoyRounds)
	case opts.Rounds < 2 || opts.Rounds > 1000 || opts.Draws < 10 || opts.Draws > 10000:
		return Report{}, fmt.Errorf("validate: %d rounds of %d scans: 2 to 1000 rounds of 10 to 10000 are possible", opts.Rounds, opts.Draws)
	case !(opts.WrongRate > 0 && opts.WrongRate <= 0.2) || !(opts.FalseAlarms > 0 && opts.FalseAlarms <= 0.2):
		return Report{}, fmt.Errorf("validate: shares of %g wrong statements and %g false alarms: both must be above 0, at most 0.2", opts.WrongRate, opts.FalseAlarms)
	}
	src := newSource(lib, opts)
	if len(src.substances) < MinSubstances {
		return Report{}, fmt.Errorf("validate: %w: %d substances have a %s %s spectrum of their own, %d are needed: import or learn more references",
			ErrTooFew, len(src.substances), opts.Tier, opts.Technique, MinSubstances)
	}
	v := &validation{opts: opts, src: src}
	if err := v.drawn(ctx); err != nil {
		return Report{}, err
	}
	if err := v.recorded(ctx); err != nil {
		return Report{}, err
	}
	report, err := v.fit(lib)
	if err != nil {
		return Report{}, err
	}
	if report.Decoys, err = v.decoys(ctx, &report.Calibration); err != nil {
		return Report{}, err
	}
	return report, v.analogs(ctx, &report)
}

// validation collects judged parts.
type validation struct {
	opts Options
	src  *source
	done int
	// outcomes of scans, drawn ones first.
	outcomes []outcome
}

// outcome is one answered scan of known content.
type outcome struct {
	group    string // what the sample holds: scans of one group are never on both sides of a cross-fit
	recorded bool
	simple   bool // one substance only
	inside   bool // all of the content is in the library
	parts    []judged
}

type judged struct {
	support identify.Support
	right   bool
}

// total is how many scans are answered in all.
func (v *validation) total() int {
	return v.opts.Rounds*v.opts.Draws + 2*len(v.opts.Scans) + v.opts.DecoyRounds*v.opts.Draws
}

func (v *validation) step(n int) {
	v.done += n
	if v.opts.Progress != nil {
		v.opts.Progress(v.done, v.total())
	}
}

// drawn answers SIMULATED scans with a share of the substances hidden.
func (v *validation) drawn(ctx context.Context) error {
	for round := range v.opts.Rounds {
		rng := rand.New(rand.NewPCG(v.opts.Seed, uint64(round)))
		hidden := v.src.hide(rng, shares[round%len(shares)])
		id, err := v.src.identifier(hidden, nil)
		if err != nil {
			return err
		}
		samples := make([]sample, v.opts.Draws)
		for i := range samples {
			if samples[i], err = v.src.draw(rng); err != nil {
				return err
			}
		}
		if err := v.judge(ctx, id, samples, hidden); err != nil {
			return err
		}
	}
	return nil
}

// shares of the substances are hidden in turn: a library may hold much or little of what is met.
var shares = []float64{0.2, 0.5, 0.8}

// recorded answers the user's scans twice: as they are, and with what they hold hidden.
func (v *validation) recorded(ctx context.Context) error {
	full, err := v.src.identifier(nil, nil)
	if err != nil {
		return err
	}
	for _, s := range v.opts.Scans {
		smp := sample{spectrum: s.Spectrum, substances: v.src.ids(s.Substances), recorded: true}
		if err := v.judge(ctx, full, []sample{smp}, nil); err != nil {
			return err
		}
		hidden := map[string]bool{}
		for _, id := range smp.substances {
			hidden[id] = true
		}
		without, err := v.src.identifier(hidden, nil)
		if err != nil {
			return err
		}
		if err := v.judge(ctx, without, []sample{smp}, hidden); err != nil {
			return err
		}
	}
	return nil
}

// judge answers the samples and keeps what was right.
func (v *validation) judge(ctx context.Context, id *identify.Identifier, samples []sample, hidden map[string]bool) error {
	answers, err := supports(ctx, id, samples)
	if err != nil {
		return err
	}
	for i, parts := range answers {
		smp := samples[i]
		o := outcome{group: smp.group(), recorded: smp.recorded, simple: len(smp.substances) == 1, inside: true}
		for _, sub := range smp.substances {
			o.inside = o.inside && !hidden[sub]
		}
		for _, s := range parts {
			o.parts = append(o.parts, judged{s, v.src.right(s.Substance, smp)})
		}
		v.outcomes = append(v.outcomes, o)
	}
	v.step(len(samples))
	return nil
}
