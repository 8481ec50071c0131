package identify

import (
	"context"
	"fmt"
	"slices"

	"fentrace/library"
	"fentrace/library/search"
	"fentrace/spectra/preprocess"
)

// Support is the evidence for one part of an explanation.
type Support struct {
	Substance string `json:"substance"`
	// With is the correlation of the explanation with the scan, Without that of the best explanation, or single reference,
	// without the substance and its twins, and for a fentanyl without any; both are correlations as in search, -1..1.
	With    float64 `json:"with"`
	Without float64 `json:"without"`
	// Own is the correlation of the part with what the others leave of the scan; that of the scan for the only part.
	Own float64 `json:"own"`
	SNR float64 `json:"snr"` // strongest line of the scan over its noise
}

// twinScore: references that agree this well are one spectrum under two names; neither speaks against the other. Two
// recordings of one substance on one instrument correlate by 0.95 to 0.99, the most alike of different ones by 0.86.
const twinScore = 0.97

// justify keeps the parts of the explanation that are probable enough to be stated: as long as one of several is not, the
// least probable is taken out and the rest is looked at again. The last one is kept whatever it is worth.
func (id *Identifier) justify(ctx context.Context, ev *evidence) error {
	for {
		if err := id.supports(ctx, ev); err != nil {
			return err
		}
		weakest := ev.weakest()
		if len(ev.parts) < 2 || ev.enough(weakest) {
			return nil
		}
		kept := slices.Delete(slices.Clone(ev.parts), weakest, weakest+1)
		proof, err := ev.together(kept, true)
		if err != nil {
			return nil // what is left covers too little to be looked at alone: the explanation stands as it is
		}
		if err := id.settle(ev, kept, proof); err != nil {
			return err
		}
	}
}

// probability that part i is in the sample.
func (ev *evidence) probability(i int) float64 {
	return ev.calibration.Probability(ev.parts[i].support)
}

// enough: part i is probable enough to be stated.
func (ev *evidence) enough(i int) bool { return ev.probability(i) >= ev.threshold(i) }

// alarms: a controlled substance is among the parts and probable enough, whether or not the parts explain the whole scan. A
// scan too weak to be judged alarms as little as it excludes anything.
func (ev *evidence) alarms() bool {
	if ev.features.snr < weakSNR {
		return false
	}
	for i, p := range ev.parts {
		if p.finding.alarming() && ev.enough(i) {
			return true
		}
	}
	return false
}

// threshold is the probability from which on part i is stated.
func (ev *evidence) threshold(i int) float64 {
	if len(ev.parts) == 1 || !ev.parts[i].finding.alarming() {
		return ev.calibration.Stated // of the only part, too: nothing else vouches for the scan
	}
	return ev.calibration.Alarm
}

// weakest is the index of the part that is furthest from being stated.
func (ev *evidence) weakest() int {
	weakest := 0
	for i := range ev.parts {
		if ev.probability(i)-ev.threshold(i) < ev.probability(weakest)-ev.threshold(weakest) {
			weakest = i
		}
	}
	return weakest
}

// supports finds, for every part of the explanation, how well the scan is explained without it.
func (id *Identifier) supports(ctx context.Context, ev *evidence) error {
	for i, p := range ev.parts {
		other := *ev
		other.parts, other.explained = nil, 0
		other.barred = id.twins(ev, p)
		if p.finding.fentanylClass() {
			// Analogs explain one another's scans: what is asked is whether any of them is there, not which.
			other.barred = append(other.barred, id.fentanyls...)
		}
		if err := id.explain(ctx, &other); err != nil {
			return err
		}
		next, _, err := id.best(ctx, &other) // without one its score is 0
		if err != nil {
			return err
		}
		ev.parts[i].support = Support{Substance: p.finding.Substance, With: ev.explained, SNR: ev.features.snr, Own: ev.own(i),
			Without: max(other.explained, next.Score)}
	}
	return nil
}

// own is the correlation of part i with what the others leave of the scan, all of them in their best shape.
func (ev *evidence) own(i int) float64 {
	if len(ev.parts) == 1 {
		return ev.explained
	}
	others := slices.Delete(slices.Clone(ev.parts), i, i+1)
	fit, err := ev.together(others, true)
	if err != nil {
		return 0
	}
	low, _ := ev.shared(others)
	return search.Correlation(fit.Residual, ev.parts[i].vector.At(low, len(fit.Residual), ev.parts[i].hit.ShiftCM1))
}

// weigh gives every candidate that will be listed its probability: a part of the explanation that of the part, any other
// spectrum that of being the whole explanation instead.
func (id *Identifier) weigh(ev *evidence) {
	for i := range ev.candidates[:min(candidatesKept, len(ev.candidates))] {
		c := &ev.candidates[i]
		if c.Tier == library.Published {
			continue
		}
		s := Support{Substance: c.Substance, With: c.Score, Without: ev.explained, Own: c.Score, SNR: ev.features.snr}
		for _, p := range ev.parts {
			if p.finding.Substance == c.Substance {
				s = p.support
			}
		}
		c.Probability = round(ev.calibration.Probability(s), 3)
	}
}

// twins are the ids of the part's substance and of those among the hits that its reference cannot be told from.
func (id *Identifier) twins(ev *evidence, p part) []string {
	out := []string{id.refs[p.hit.ReferenceID].SubstanceID}
	for _, h := range ev.hits {
		sub := id.refs[h.ReferenceID].SubstanceID
		if slices.Contains(out, sub) {
			continue
		}
		v, ok := id.reference(ev, h.ReferenceID)
		if !ok {
			continue
		}
		if a, ok := search.Align(v, p.vector, p.hit.ShiftCM1-h.ShiftCM1, id.maxShift); ok && a.Score >= twinScore {
			out = append(out, sub)
		}
	}
	return out
}

// barredReference reports whether the reference is of a substance that is left out.
func (id *Identifier) barredReference(ev *evidence, ref string) bool {
	return slices.Contains(ev.barred, id.refs[ref].SubstanceID)
}

// referencePeaks are the lines of a reference spectrum, found once. The error is that of a library that cannot be read now.
func (id *Identifier) referencePeaks(ref string) ([]preprocess.Peak, error) {
	if found, ok := id.peaks.Load(ref); ok {
		return found.([]preprocess.Peak), nil
	}
	s, err := id.refs[ref].Load(context.Background())
	if err != nil {
		return nil, fmt.Errorf("lines of reference %s: %w", ref, err)
	}
	f, err := extract(s.Ascending())
	if err != nil {
		f.peaks = nil // nothing can agree with it
	}
	id.peaks.Store(ref, f.peaks)
	return f.peaks, nil
}
