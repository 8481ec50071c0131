package main

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"fentrace/bench/dataset"
	"fentrace/bench/report"
	"fentrace/library/identify"
	"fentrace/spectra"
)

// strangeSNR of a scan is enough for its lines to be seen when it is a part of a sum.
const strangeSNR = 20

// sum is two recorded scans added.
type sum struct {
	first, second answered
	answer        identify.Identification
}

// sums adds two recorded scans of pure substances from the same spectrometer, so that the parts differ from the library
// in everything in which spectrometers differ, and asks for both. The smaller part makes up the share of the signal
// (norm of the first derivative) in the name. With a second substance that is not in the library, what is asked is
// that it is not passed over.
func (b *bench) sums(ctx context.Context, cross []answered) ([]report.Result, error) {
	known := filter(cross, func(a answered) bool {
		// What is not found alone, or is an oil, which varies by nature, makes no test.
		return inLibrary(a) && !a.oil() && len(a.answer.Findings) == 1 && a.rightTop()
	})
	strange := filter(cross, func(a answered) bool {
		// A solution in water has hardly any lines.
		return !inLibrary(a) && a.Sample != "AcetonitrileToluene" && a.Sample != "Glucose100gperL" && a.answer.Quality.SNR > strangeSNR
	})
	var results []report.Result
	for _, share := range []float64{0.5, 0.3, 0.15} {
		all, err := b.added(ctx, known, known, share)
		if err != nil {
			return nil, err
		}
		both, wrong := 0, 0
		for _, s := range all {
			if s.names(s.first) && s.names(s.second) && !s.wrong() {
				both++
			}
			if s.wrong() {
				wrong++
				fmt.Printf("sum of %s and %.0f %% %s (%s): %s\n", s.first.Sample, 100*share, s.second.Sample, filepath.Base(filepath.Dir(s.first.Path)), s.answer.Summary)
			}
		}
		what := fmt.Sprintf("two scans of one spectrometer added, the smaller %.0f %% of the signal", 100*share)
		results = append(results,
			report.Share(what+": both stated and nothing else", both, len(all), "", 0, command),
			report.Share(what+": something else stated", wrong, len(all), "", 0, command))
	}
	for _, share := range []float64{0.5, 0.3} {
		all, err := b.added(ctx, known, strange, share)
		if err != nil {
			return nil, err
		}
		passedOver, wrong := 0, 0
		for _, s := range all {
			if s.wrong() {
				wrong++
				fmt.Printf("sum of %s and %.0f %% %s (%s): %s\n", s.first.Sample, 100*share, s.second.Sample, filepath.Base(filepath.Dir(s.first.Path)), s.answer.Summary)
			}
			if s.answer.Verdict == identify.NoAlarm && len(s.answer.ForeignLines) == 0 {
				passedOver++
			}
		}
		what := fmt.Sprintf("scan added to which a substance is %.0f %% that is not in the library", 100*share)
		results = append(results,
			report.Share(what+": passed over in silence", passedOver, len(all), "", 0, command),
			report.Share(what+": something else stated", wrong, len(all), "", 0, command))
	}
	return results, nil
}

func (s sum) names(a answered) bool {
	return slices.ContainsFunc(s.answer.Findings, func(f identify.Finding) bool { return a.Right(f.Substance) })
}

func (s sum) wrong() bool {
	return slices.ContainsFunc(s.answer.Findings, func(f identify.Finding) bool {
		return !s.first.Right(f.Substance) && !s.second.Right(f.Substance)
	})
}

// added answers one in sumsOneIn of the sums of a scan of firsts and a scan of seconds from the same spectrometer.
func (b *bench) added(ctx context.Context, firsts, seconds []answered, share float64) ([]sum, error) {
	var all []sum
	for i, first := range firsts {
		for j, second := range seconds {
			one := filepath.Dir(first.Path) == filepath.Dir(second.Path)
			if one && first.Sample != second.Sample && !slices.ContainsFunc(first.Truth, second.Right) && (i+j)%b.sumsOneIn == 0 {
				all = append(all, sum{first: first, second: second})
			}
		}
	}
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(all) && ctx.Err() == nil; i += workers {
				var s spectra.Spectrum
				if s, errs[i] = addedScan(all[i].first.scan, all[i].second.scan, share); errs[i] == nil {
					all[i].answer, errs[i] = b.identifier.Identify(ctx, s)
				}
			}
		})
	}
	wg.Wait()
	for _, err := range append(errs, ctx.Err()) {
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// addedScan is a with as much of b that its derivative makes up share of the sum of norms, on the axis of a.
func addedScan(a, b spectra.Spectrum, share float64) (spectra.Spectrum, error) {
	first, err := dataset.Signal(a.Ascending())
	if err != nil {
		return spectra.Spectrum{}, err
	}
	second, err := dataset.Signal(b.Ascending())
	if err != nil {
		return spectra.Spectrum{}, err
	}
	a, b = a.Ascending(), b.Ascending()
	factor := share / (1 - share) * first / second
	out := a
	out.X, out.Y = nil, nil
	out.Title = a.Title + " + " + b.Title
	at := 0
	for i, x := range a.X {
		for at+1 < len(b.X) && b.X[at+1] < x {
			at++
		}
		if x < b.X[0] || at+1 >= len(b.X) {
			continue
		}
		w := math.Min((x-b.X[at])/(b.X[at+1]-b.X[at]), 1)
		out.X, out.Y = append(out.X, x), append(out.Y, a.Y[i]+factor*((1-w)*b.Y[at]+w*b.Y[at+1]))
	}
	return out, nil
}
