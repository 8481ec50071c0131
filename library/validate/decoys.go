package validate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"gonum.org/v1/gonum/floats"

	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/spectra"
	"fentrace/spectra/preprocess"
)

// Decoys is a target-decoy count over the controlled substances (search all, assess the subset), or over all substances
// where none of the controlled ones has a spectrum. A decoy is a reference whose lines are moved by 20 to 60 cm-1: no
// substance has them, so that it is stated says how often chance states something.
type Decoys struct {
	Subset  string       `json:"subset"` // what was assessed, in words
	Scans   int          `json:"scans"`
	Targets int          `json:"targets"` // references
	Counts  []DecoyCount `json:"counts"`
}

// DecoyCount is one line of the table.
type DecoyCount struct {
	Probability float64 `json:"probability"` // stated from here on
	Stated      int     `json:"stated"`      // parts of the subset that are stated
	Wrong       int     `json:"wrong"`       // of these are not in the sample, which is known here
	Decoys      int     `json:"decoys"`      // decoys stated
	// FDR is (Decoys+1)/Stated, at most 1: the share of wrong ones among those stated, estimated as it would be where the
	// content of the samples is not known (Levitsky et al., J. Proteome Res. 16 (2017) 689).
	FDR float64 `json:"fdr"`
}

// decoyPrefix starts the substance ids of decoys.
const decoyPrefix = "decoy of "

// decoys chooses the alarm threshold with the first half of its rounds and reports on the others. It answers fresh scans with a decoy beside every reference of the subset.
func (v *validation) decoys(ctx context.Context, c *identify.Calibration) (Decoys, error) {
	subset, words := v.src.controlled()
	out := Decoys{Subset: words}
	var highest []float64 // probability of any decoy, of every scan that chooses the threshold
	for round := range v.opts.DecoyRounds {
		rng := rand.New(rand.NewPCG(v.opts.Seed, 1<<32+uint64(round)))
		hidden := v.src.hide(rng, 0.5)
		var added []library.Reference
		for _, r := range v.src.all {
			if !subset[r.SubstanceID] || hidden[r.SubstanceID] {
				continue
			}
			d, err := decoy(r, rng)
			if err != nil {
				return out, err
			}
			added = append(added, d)
		}
		id, err := v.src.identifier(hidden, added)
		if err != nil {
			return out, err
		}
		samples := make([]sample, v.opts.Draws)
		for i := range samples {
			if samples[i], err = v.src.draw(rng); err != nil {
				return out, err
			}
		}
		answers, err := supports(ctx, id, samples)
		if err != nil {
			return out, err
		}
		v.step(len(samples))
		if round < v.opts.DecoyRounds/2 {
			for _, parts := range answers {
				highest = append(highest, highestDecoy(*c, parts))
			}
			continue
		}
		if round == v.opts.DecoyRounds/2 {
			c.Alarm = threshold(highest, v.opts.FalseAlarms)
			out.Counts = thresholds(*c)
		}
		for i, parts := range answers {
			for _, s := range parts {
				out.count(c.Probability(s), s.Substance, subset[v.src.idOf[s.Substance]], v.src.right(s.Substance, samples[i]))
			}
		}
		out.Scans += len(samples)
		out.Targets = max(out.Targets, len(added))
	}
	for i := range out.Counts {
		n := &out.Counts[i]
		n.FDR = min(1, float64(n.Decoys+1)/float64(max(n.Stated, 1)))
	}
	return out, nil
}

// thresholds are the lines of the table.
func thresholds(c identify.Calibration) (counts []DecoyCount) {
	ps := []float64{0.5, c.Alarm, c.Stated, 0.95, 0.99}
	slices.Sort(ps)
	for _, p := range slices.Compact(ps) {
		counts = append(counts, DecoyCount{Probability: p})
	}
	return counts
}

// highestDecoy is the highest probability of a decoy among the parts, 0 without one.
func highestDecoy(c identify.Calibration, parts []identify.Support) (highest float64) {
	for _, s := range parts {
		if strings.HasPrefix(s.Substance, decoyPrefix) {
			highest = max(highest, c.Probability(s))
		}
	}
	return highest
}

func (d *Decoys) count(p float64, name string, inSubset, right bool) {
	for i := range d.Counts {
		n := &d.Counts[i]
		switch {
		case p < n.Probability:
		case strings.HasPrefix(name, decoyPrefix):
			n.Decoys++
		case inSubset:
			n.Stated++
			if !right {
				n.Wrong++
			}
		}
	}
}

// controlled are the substances to be assessed.
func (src *source) controlled() (subset map[string]bool, words string) {
	subset = map[string]bool{}
	for _, id := range src.substances {
		if s, _ := src.lib.Substance(id); s.Controlled || s.FentanylClass() {
			subset[id] = true
		}
	}
	if len(subset) > 0 {
		return subset, fmt.Sprintf("the %d controlled substances with a spectrum", len(subset))
	}
	for _, id := range src.substances {
		subset[id] = true
	}
	return subset, fmt.Sprintf("all %d substances: no controlled one has a spectrum here", len(subset))
}

// decoy is r with its lines moved round by 20 to 60 cm-1 either way and fresh noise.
func decoy(r library.Reference, rng *rand.Rand) (library.Reference, error) {
	s, err := r.Spectrum.Resample(r.Spectrum.CommonGrid(1))
	if err != nil {
		return r, fmt.Errorf("validate: decoy of %s: %w", r.SubstanceID, err)
	}
	n := len(s.Y)
	// Both ends are brought to zero, so that there is no step where they meet.
	first, slope := s.Y[0], (s.Y[n-1]-s.Y[0])/float64(n-1)
	level := make([]float64, n)
	for i, v := range s.Y {
		level[i] = v - first - slope*float64(i)
	}
	by := 20 + rng.IntN(41)
	if rng.IntN(2) == 0 {
		by = n - by
	}
	moved := append(append([]float64{}, level[n-by%n:]...), level[:n-by%n]...)
	sigma := preprocess.Noise(r.Spectrum.Ascending().Y)
	for i := range moved {
		moved[i] += sigma * rng.NormFloat64()
	}
	floats.AddConst(-floats.Min(moved), moved)
	s.Title, s.Metadata = decoyPrefix+s.Title, spectra.Metadata{Simulated: true}
	s.Y = moved
	out := library.Reference{SubstanceID: decoyPrefix + r.ID, Tier: library.Simulated, Technique: r.Technique, Spectrum: &s}
	out.ID = out.ContentID()
	return out, nil
}
