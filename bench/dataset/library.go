package dataset

import (
	"context"
	"math/rand/v2"

	"fentrace/library"
	"fentrace/spectra"
	"fentrace/spectra/format"
	"fentrace/spectra/simulate"
)

// Sample is a substance with one spectrum that others are made from.
type Sample struct {
	Substance library.Substance
	Spectrum  spectra.Spectrum
}

// Samples are the recorded and computed spectra as spectra.
func Samples(root string) ([]Sample, error) {
	var out []Sample
	queries, err := References(root)
	if err != nil {
		return nil, err
	}
	for _, q := range queries {
		read, err := format.ReadFile(q.Path)
		if err != nil {
			return nil, err
		}
		s := read[0]
		s.Technique = spectra.Raman
		out = append(out, Sample{library.Substance{Name: q.Sample}, s})
	}
	drawn, err := ComputedSamples(root)
	return append(out, drawn...), err
}

// ComputedSamples are the computed spectra as a handheld shows them.
func ComputedSamples(root string) ([]Sample, error) {
	table, err := ComputedLines(root)
	if err != nil {
		return nil, err
	}
	var out []Sample
	for i, c := range table {
		s, err := simulate.Spectrum(c.Name, c.Lines, simulate.Handheld785(), simulate.Conditions{Counts: 1e5, Seed: uint64(i)})
		if err != nil {
			return nil, err
		}
		sub := library.Substance{Name: c.Name, SMILES: c.SMILES, Class: c.Class, Controlled: c.Fentanyl()}
		out = append(out, Sample{sub, s})
	}
	return out, nil
}

// Shown is a sample as another spectrometer shows it. References are recorded with care, so their noise is low.
func (s Sample) Shown(rng *rand.Rand, reference bool) (spectra.Spectrum, error) {
	t := simulate.DrawTransfer(spectra.Raman, rng)
	if reference {
		t.Fluorescence, t.SNR = 0.2*rng.Float64(), 200+200*rng.Float64()
	}
	return t.Apply(s.Spectrum, rng)
}

// FillLibrary makes a library file at path, of n SIMULATED references made of samples in turn.
func FillLibrary(ctx context.Context, path string, of []Sample, n int, rng *rand.Rand) error {
	f, err := library.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, s := range of {
		if err := f.PutSubstance(ctx, s.Substance); err != nil {
			return err
		}
	}
	var some []library.Reference
	for i := range n {
		s := of[i%len(of)]
		shown, err := s.Shown(rng, true)
		if err != nil {
			return err
		}
		some = append(some, library.Reference{SubstanceID: library.SubstanceID(s.Substance.Name), Tier: library.Simulated, Technique: spectra.Raman,
			LaserNM: 785, Spectrum: &shown, Provenance: library.Provenance{Source: "bench"}})
		if len(some) == 1000 || i == n-1 {
			if _, err := f.PutReference(ctx, some...); err != nil {
				return err
			}
			some = some[:0]
		}
	}
	return f.Close()
}
