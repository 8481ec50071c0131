package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"

	"fentrace/bench/report"
	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/library/validate"
	"fentrace/spectra"
)

// instruments leaves one spectrometer out at a time: its scans are answered from a library that holds the same substances as
// the four others recorded them. The probabilities are the shipped ones, which were fitted on none of these scans. They are
// said for samples of which the library holds half, so every scan is answered twice for them: with its substance in the
// library and without.
func (b *bench) instruments(ctx context.Context, cross []answered) ([]report.Result, error) {
	var said, outSaid []float64
	var right, outRight []bool
	top, n := 0, 0
	plain := derivative()
	plainTop := 0
	for _, out := range folders(cross) {
		lib, queries := leftOut(cross, out)
		id, err := identify.New(lib, identify.Options{})
		if err != nil {
			return nil, err
		}
		plain.refs = nil
		if err := plain.load(lib); err != nil {
			return nil, err
		}
		for _, a := range queries {
			ans, err := id.Identify(ctx, a.scan)
			if err != nil {
				return nil, err
			}
			n++
			withheld, err := withoutSubstance(ctx, lib, a)
			if err != nil {
				return nil, err
			}
			if len(withheld.Candidates) > 0 {
				outSaid, outRight = append(outSaid, withheld.Candidates[0].Probability), append(outRight, false)
			}
			is := len(ans.Candidates) > 0 && ans.Candidates[0].Substance == substanceOf(a)
			if is {
				top++
			} else {
				fmt.Printf("missed without its instrument: %s: %s\n", a.Path, ans.Headline)
			}
			if len(ans.Candidates) > 0 {
				said, right = append(said, ans.Candidates[0].Probability), append(right, is)
			}
			name, _, err := plain.best(a.scan)
			if err != nil {
				return nil, err
			}
			if name == substanceOf(a) {
				plainTop++
			}
		}
	}
	bins, _, _ := validate.Reliability(said, right)
	fmt.Println("leave one instrument out, best candidate: said, right, n")
	for _, bin := range bins {
		if bin.N > 0 {
			fmt.Printf("%5.1f %% %5.1f %% %4d\n", 100*bin.Predicted, 100*bin.Right, bin.N)
		}
	}
	const name = "one spectrometer left out: expected calibration error of the best candidate"
	bothSaid, bothRight := append(slices.Clone(said), outSaid...), append(slices.Clone(right), outRight...)
	return []report.Result{
		report.Share("one spectrometer left out: right best candidate", top, n, plain.name, plainTop, command),
		calibrationError(name, said, right),
		calibrationError(name+", with its substance in the library and without", bothSaid, bothRight),
	}, nil
}

// calibrationError is the expected calibration error with its interval.
func calibrationError(name string, said []float64, right []bool) report.Result {
	_, ece, _ := validate.Reliability(said, right)
	r := report.Exact(name, "%", 100*ece, len(said), "", 0, command)
	r.Low, r.High = resampledError(said, right)
	return r
}

// withoutSubstance answers a scan from the library without its substance.
func withoutSubstance(ctx context.Context, lib *library.Stack, a answered) (identify.Identification, error) {
	id, err := identify.New(library.NewStack(lib.Substances(), slices.DeleteFunc(slices.Clone(lib.References()), func(r library.Reference) bool {
		return r.SubstanceID == strings.ToLower(substanceOf(a))
	})), identify.Options{})
	if err != nil {
		return identify.Identification{}, err
	}
	return id.Identify(ctx, a.scan)
}

// resampledError is the 95 % interval, %, of the calibration error by resampling scans (percentile bootstrap, Efron 1979).
func resampledError(said []float64, right []bool) (low, high float64) {
	rng := rand.New(rand.NewPCG(1, 1)) // the same interval for the same scans
	errs := make([]float64, 2000)
	p, r := make([]float64, len(said)), make([]bool, len(said))
	for i := range errs {
		for k := range p {
			j := rng.IntN(len(said))
			p[k], r[k] = said[j], right[j]
		}
		_, ece, _ := validate.Reliability(p, r)
		errs[i] = 100 * ece
	}
	slices.Sort(errs)
	return stat.Quantile(0.025, stat.Empirical, errs, nil), stat.Quantile(0.975, stat.Empirical, errs, nil)
}

// folders are the spectrometers of the scans, in order.
func folders(as []answered) (out []string) {
	for _, a := range as {
		if f := filepath.Base(filepath.Dir(a.Path)); len(out) == 0 || out[len(out)-1] != f {
			out = append(out, f)
		}
	}
	return out
}

// substanceOf names what a scan is of; one sample has two names.
func substanceOf(a answered) string {
	if a.Sample == "Sugar" {
		return "Sucrose"
	}
	return a.Sample
}

// leftOut is a library of the scans of every spectrometer but one, and those of that one whose sample the others recorded.
// The mixture of two liquids, which is no substance, is in neither.
func leftOut(cross []answered, out string) (lib *library.Stack, queries []answered) {
	subs := map[string]library.Substance{}
	var refs []library.Reference
	for _, a := range cross {
		if a.Sample == liquids || filepath.Base(filepath.Dir(a.Path)) == out {
			continue
		}
		name := substanceOf(a)
		scan := a.scan
		subs[name] = library.Substance{ID: strings.ToLower(name), Name: name}
		refs = append(refs, library.Reference{SubstanceID: strings.ToLower(name), Tier: library.Measured, Technique: spectra.Raman, Spectrum: &scan})
	}
	var list []library.Substance
	for _, s := range subs {
		list = append(list, s)
	}
	for _, a := range cross {
		_, known := subs[substanceOf(a)]
		if filepath.Base(filepath.Dir(a.Path)) == out && known {
			queries = append(queries, a)
		}
	}
	return library.NewStack(list, refs), queries
}
