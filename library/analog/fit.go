package analog

import (
	"context"
	"fmt"
	"slices"

	"gonum.org/v1/gonum/floats"

	"fentrace/library/search"
	"fentrace/spectra"
)

// edgeCM1 is covered by references beyond the range compared: marginCM1, what Prepare drops, and a detector element.
const edgeCM1 = 32

// Fit makes a model from the references of a library. Errors: ErrOptions; ErrTooFew when fewer than MinFentanyls,
// MinOthers or MinCuts substances have a reference that can take part; that of ctx. References that cannot take part
// are left out and named by LeftOut. The context is looked at between scans.
func Fit(ctx context.Context, examples []Example, opts Options) (*Model, error) {
	opts, err := opts.complete()
	if err != nil {
		return nil, err
	}
	m := &Model{options: opts}
	m.bank.low, m.bank.n = opts.LowCM1, (opts.HighCM1-opts.LowCM1)/stepCM1+1
	samples := m.take(examples)
	if err := m.enough(samples); err != nil {
		return nil, err
	}
	m.bank.finish()
	for i := range uint64(opts.Fits) {
		one := &Model{options: opts, bank: m.bank}
		one.options.Seed += i * anotherSeed
		if err := one.fit(ctx, samples); err != nil {
			return nil, err
		}
		m.join(one)
	}
	return m, nil
}

// anotherSeed is added for every further fit.
const anotherSeed = 0x9e3779b97f4a7c15

// fit is one of the regressions.
func (m *Model) fit(ctx context.Context, samples []sample) error {
	scans := m.plan(samples)
	if err := m.simulate(ctx, samples, scans); err != nil {
		return err
	}
	scans = slices.DeleteFunc(scans, func(s scan) bool { return s.views == nil })
	held, err := m.regress(scans)
	if err != nil {
		return err
	}
	m.threshold = m.limit(scans, held)
	m.logistic = logistic(scans, held)
	return nil
}

// join makes one of the regressions part of the mean. Its threshold is that of a single one, whose scores scatter more: the
// mean of such thresholds lets through rather less than is wanted.
func (m *Model) join(one *Model) {
	part := 1 / float64(m.options.Fits)
	floats.Scale(part, one.weights)
	m.centres, m.weights = append(m.centres, one.centres...), append(m.weights, one.weights...)
	m.threshold += part * one.threshold
	for i, v := range one.logistic {
		m.logistic[i] += part * v
	}
}

func (o Options) complete() (Options, error) {
	if o.FalseAlarmRate == 0 {
		o.FalseAlarmRate = 0.01
	}
	if o.ScansPerSubstance == 0 {
		o.ScansPerSubstance = 9
	}
	if o.Fits == 0 {
		o.Fits = 3
	}
	if o.LowCM1 == 0 {
		o.LowCM1 = 382
	}
	if o.HighCM1 == 0 {
		o.HighCM1 = 1866
	}
	switch {
	case !(o.FalseAlarmRate >= 1e-4 && o.FalseAlarmRate <= 0.5):
		return o, fmt.Errorf("%w: false-alarm rate %g: must be 0.0001 to 0.5", ErrOptions, o.FalseAlarmRate)
	case o.ScansPerSubstance < leastScans || o.ScansPerSubstance > 60:
		return o, fmt.Errorf("%w: %d scans per substance: must be %d to 60", ErrOptions, o.ScansPerSubstance, leastScans)
	case o.Fits < 1 || o.Fits > 8:
		return o, fmt.Errorf("%w: %d fits: must be 1 to 8", ErrOptions, o.Fits)
	case o.LowCM1 < 382 || o.HighCM1 > 1866 || o.HighCM1-o.LowCM1 < search.MinRangeCM1:
		return o, fmt.Errorf("%w: range %d to %d cm-1: must be inside 382 to 1866 and at least %d long", ErrOptions, o.LowCM1, o.HighCM1, search.MinRangeCM1)
	}
	return o, nil
}

// take fills the bank with the examples that can take part and returns them without background.
func (m *Model) take(examples []Example) (samples []sample) {
	low, n := m.grid()
	for _, e := range examples {
		v, s, err := m.prepare(e, low, n)
		if err != nil {
			m.leftOut = append(m.leftOut, fmt.Sprintf("%s: %v", e.Name, err))
			continue
		}
		m.bank.add(e.SubstanceID, e.Fentanyl, v)
		m.names = append(m.names, e.Name)
		m.simulated = m.simulated || e.Spectrum.Metadata.Simulated
		samples = append(samples, s)
	}
	return samples
}

// grid is where references are needed: whole wavenumbers from low.
func (m *Model) grid() (low, n int) {
	return m.bank.low - edgeCM1, m.bank.high() - m.bank.low + 2*edgeCM1 + 1
}

func (m *Model) prepare(e Example, low, n int) (search.Vector, sample, error) {
	if e.Spectrum.Technique != spectra.Raman {
		return search.Vector{}, sample{}, fmt.Errorf("its technique is %q, the model knows raman only", e.Spectrum.Technique)
	}
	v, err := search.Prepare(e.Spectrum)
	if err != nil {
		return v, sample{}, err
	}
	if !m.bank.covers(v) {
		return v, sample{}, fmt.Errorf("it does not cover %d to %d cm-1", low, low+n-1)
	}
	s, err := newSample(e, low, n)
	return v, s, err
}

// enough counts substances; one with references of both classes is a fault of the caller that no answer survives.
func (m *Model) enough(samples []sample) error {
	fentanyls, others, cuts := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for i, s := range samples {
		if m.bank.fentanyl[i] {
			fentanyls[s.substance] = true
		} else {
			others[s.substance] = true
			if s.cut {
				cuts[s.substance] = true
			}
		}
	}
	for id := range fentanyls {
		if others[id] {
			return fmt.Errorf("%w: %q is given as a fentanyl and as none", ErrOptions, id)
		}
	}
	if len(fentanyls) < MinFentanyls || len(others) < MinOthers || len(cuts) < MinCuts {
		return fmt.Errorf("%w: %d fentanyls, %d other substances, %d cuts have a Raman reference over the range, at least %d, %d and %d are needed: import more (left out: %s)",
			ErrTooFew, len(fentanyls), len(others), len(cuts), MinFentanyls, MinOthers, MinCuts, m.firstLeftOut())
	}
	return nil
}

// firstLeftOut says how many references could not take part, and why the first could not.
func (m *Model) firstLeftOut() string {
	if len(m.leftOut) == 0 {
		return "none"
	}
	return fmt.Sprintf("%d, the first one %s", len(m.leftOut), m.leftOut[0])
}
