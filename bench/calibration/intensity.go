package main

import (
	"fmt"
	"math"

	"fentrace/bench/dataset"
	"fentrace/bench/report"
	"fentrace/spectra"
	"fentrace/spectra/calibration"
)

// compared are the lines of polystyrene whose areas are taken relative to that of the one at unit, cm-1.
var compared = []float64{620.9, 1031.8, 1602.3}

const unit = 1001.4

// intensity compares the relative line areas of polystyrene on two instruments, before and after the response of each
// was corrected with its fluorescent glass.
func (b *bench) intensity() ([]report.Result, error) {
	var before, after [][]float64 // by instrument
	for _, g := range dataset.Glasses() {
		cert, err := calibration.FindCertificate(g.SRM)
		if err != nil {
			return nil, err
		}
		glass, err := b.read(g.File)
		if err != nil {
			return nil, err
		}
		response, err := calibration.NewResponse(cert, glass)
		if err != nil {
			return nil, err
		}
		sample, err := b.read(g.Polystyrene)
		if err != nil {
			return nil, err
		}
		corrected, err := response.Apply(sample)
		if err != nil {
			return nil, err
		}
		raw, err := areas(sample)
		if err != nil {
			return nil, err
		}
		fixed, err := areas(corrected)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b.log, "%s: lines at %v over that at %v: %.3f as recorded, %.3f corrected\n", g.Instrument, compared, unit, raw, fixed)
		before, after = append(before, raw), append(after, fixed)
	}
	return []report.Result{report.Exact("line areas of polystyrene, 785 nm against 532 nm instrument, responses corrected: apart by", "times",
		apart(after[0], after[1]), len(compared), "as recorded", apart(before[0], before[1]), command)}, nil
}

// areas of the lines compared, freed of the fall of scattering with the third power of the scattered wavenumber, which
// differs between lasers. Areas and not heights, because instruments differ in resolution.
func areas(s spectra.Spectrum) ([]float64, error) {
	found, err := calibration.FindLines(s, 200, math.Inf(1))
	if err != nil {
		return nil, err
	}
	laser := 1e7 / s.Metadata.LaserNM
	var out []float64
	for _, at := range append([]float64{unit}, compared...) {
		f, ok := near(found, at, 6)
		if !ok {
			return nil, fmt.Errorf("%w: %.0f cm-1", errNoLine, at)
		}
		out = append(out, f.Prominence*f.Width/math.Pow(laser-at, 3))
	}
	for i := range out[1:] {
		out[i+1] /= out[0]
	}
	return out[1:], nil
}

// apart is the mean factor between a and b.
func apart(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += math.Abs(math.Log(a[i]/b[i])) / float64(len(a))
	}
	return math.Exp(sum)
}
