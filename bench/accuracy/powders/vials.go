// Package powders measures how well mass fractions and the presence of components come out of scans of weighed powders.
package powders

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/gonum/floats"

	"fentrace/bench/dataset"
	"fentrace/library/mixture"
	"fentrace/spectra"
	"fentrace/spectra/format"
	"fentrace/spectra/preprocess"
)

// low and high (cm-1) bound what is fitted.
const low, high = 350, 1750

// The first derivative of all fits, on the pixels of the instrument.
const derivativeWindow, derivativeOrder = 9, 2

// Noise of the detector for CountingSD, of which only the course matters: shot noise outweighs read noise at every
// pixel that was lit.
const electronsPerCount, readCounts = 2, 10

// backgroundDegree of the polynomials that take up the slope of fluorescence.
const backgroundDegree = 4

// scan is one measurement ready to be fitted.
type scan struct {
	values []float64 // first derivative per pixel
	sd     []float64
}

// vial is one weighed mixture.
type vial struct {
	name  string
	truth []float64 // mass fractions of dataset.Components
	plain recording // as recorded
	clean recording // without cosmic rays
}

// recording is all scans of one vial and their mean.
type recording struct {
	one  []scan
	mean scan
}

// powders is the recorded set.
type powders struct {
	derivative *preprocess.SavGol
	kernel     []float64 // weights of derivative in the middle
	window     []bool    // pixels that are fitted
	x          []float64
	plainPure  [][]float64 // derivative of each component per ms of integration, plain mean of its scans
	cleanPure  [][]float64 // the same without cosmic rays
	vials      []vial
}

func load(root string) (*powders, error) {
	files, err := dataset.PowderRepeats(root)
	if err != nil {
		return nil, err
	}
	truth, err := dataset.WeighedFractions(root)
	if err != nil {
		return nil, err
	}
	p := &powders{plainPure: make([][]float64, len(dataset.Components)), cleanPure: make([][]float64, len(dataset.Components))}
	if err := p.plan(files[0].Spectra[0].X); err != nil {
		return nil, err
	}
	for _, f := range files {
		name, _, _ := strings.Cut(f.Name, ".")
		plain, clean, ms, err := p.recordings(f.Spectra)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		if at := slices.Index(dataset.Components, name); at >= 0 {
			floats.Scale(1/ms, plain.mean.values)
			floats.Scale(1/ms, clean.mean.values)
			p.plainPure[at], p.cleanPure[at] = plain.mean.values, clean.mean.values
			continue
		}
		if truth[name] == nil {
			return nil, fmt.Errorf("%s: no weights of this vial", f.Name)
		}
		p.vials = append(p.vials, vial{name: name, truth: truth[name], plain: plain, clean: clean})
	}
	if i := slices.IndexFunc(p.cleanPure, func(v []float64) bool { return v == nil }); i >= 0 || len(p.vials) == 0 {
		return nil, fmt.Errorf("the pure powders or the vials are not all there (pure one %d, %d vials)", i, len(p.vials))
	}
	return p, nil
}

// plan prepares the derivative on the pixels whose Raman shifts are x.
func (p *powders) plan(x []float64) (err error) {
	p.x = x
	if p.derivative, err = preprocess.NewSavGol(derivativeWindow, derivativeOrder, 1, 1); err != nil {
		return err
	}
	for _, at := range x {
		p.window = append(p.window, at >= low && at <= high)
	}
	impulse, answer := make([]float64, 2*derivativeWindow+1), make([]float64, 2*derivativeWindow+1)
	impulse[derivativeWindow] = 1
	if err := p.derivative.Apply(answer, impulse); err != nil {
		return err
	}
	p.kernel = answer[derivativeWindow-derivativeWindow/2 : derivativeWindow+derivativeWindow/2+1]
	return nil
}

// recordings prepares the scans of one file; ms is their integration time.
func (p *powders) recordings(all []spectra.Spectrum) (plain, clean recording, ms float64, err error) {
	sumPlain, sumClean := make([]float64, len(p.x)), make([]float64, len(p.x))
	ms = all[0].Metadata.IntegrationTimeMS
	for _, s := range all {
		if len(s.Y) != len(p.x) || s.Metadata.IntegrationTimeMS != ms || ms <= 0 {
			return plain, clean, 0, fmt.Errorf("%s: %d pixels of %d, %g ms of %g", s.Title, len(s.Y), len(p.x), s.Metadata.IntegrationTimeMS, ms)
		}
		cleaned := make([]float64, len(s.Y))
		if _, err := preprocess.Despike(cleaned, s.Y, 8, 3); err != nil {
			return plain, clean, 0, err
		}
		for _, way := range []struct {
			y, sum []float64
			into   *recording
		}{{s.Y, sumPlain, &plain}, {cleaned, sumClean, &clean}} {
			floats.Add(way.sum, way.y)
			one, err := p.prepare(way.y)
			if err != nil {
				return plain, clean, 0, err
			}
			way.into.one = append(way.into.one, one)
		}
	}
	floats.Scale(1/float64(len(all)), sumPlain)
	floats.Scale(1/float64(len(all)), sumClean)
	if plain.mean, err = p.prepare(sumPlain); err != nil {
		return plain, clean, 0, err
	}
	clean.mean, err = p.prepare(sumClean)
	return plain, clean, ms, err
}

// prepare differentiates counts and keeps the fitted pixels.
func (p *powders) prepare(counts []float64) (scan, error) {
	d := make([]float64, len(counts))
	if err := p.derivative.Apply(d, counts); err != nil {
		return scan{}, err
	}
	return scan{p.fitted(d), p.fitted(mixture.CountingSD(counts, electronsPerCount, readCounts, p.kernel))}, nil
}

func (p *powders) fitted(all []float64) []float64 {
	var out []float64
	for i, v := range all {
		if p.window[i] {
			out = append(out, v)
		}
	}
	return out
}

// decoys are spectra of substances that are in no vial, on the same pixels: library-785 without the component it holds.
func (p *powders) decoys(root string) ([][]float64, error) {
	paths, err := filepath.Glob(filepath.Join(root, "raman", "library-785", "*.csv"))
	if err != nil {
		return nil, err
	}
	var out [][]float64
	for _, path := range paths {
		if filepath.Base(path) == "Alanine.csv" {
			continue
		}
		read, err := format.ReadFile(path)
		if err != nil {
			return nil, err
		}
		s, err := preprocess.Pipeline{Name: "decoy", Version: "1", Steps: []preprocess.Step{{Op: "resample"}}}.Run(read[0])
		if err != nil {
			return nil, err
		}
		y := make([]float64, len(p.x))
		for i, at := range p.x {
			k := min(max(int(at-s.X[0]), 0), len(s.Y)-2)
			w := min(max(at-s.X[k], 0), 1)
			y[i] = (1-w)*s.Y[k] + w*s.Y[k+1]
		}
		d, err := p.prepare(y)
		if err != nil {
			return nil, err
		}
		out = append(out, d.values)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no spectra in raman/library-785 under %s", root)
	}
	return out, nil
}
