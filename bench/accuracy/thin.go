package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"fentrace/bench/report"
	"fentrace/spectra"
)

// thin keeps 1/2 to 1/64 of the counts of every scan, with the shot noise of counting them anew, and answers.
func (b *bench) thin(ctx context.Context, cross []answered) ([]report.Result, error) {
	var results []report.Result
	for k := 2; k <= 64; k *= 2 {
		var right, wrong []float64
		nRight, nWrong, nIn, nAll := 0, 0, 0, 0
		for _, seed := range seeds {
			as, err := b.answer(ctx, queriesOf(cross), func(s spectra.Spectrum) spectra.Spectrum { return thinned(s, k, seed) })
			if err != nil {
				return nil, err
			}
			as = filter(as, func(a answered) bool { return a.Sample != liquids })
			in := filter(as, inLibrary)
			r, w := count(in, func(a answered) bool { return len(a.answer.Findings) > 0 && !a.wrongFinding() }), count(as, answered.wrongFinding)
			for _, a := range filter(as, answered.wrongFinding) {
				fmt.Printf("wrong at 1/%d of the counts: %s: %s\n", k, a.Path, a.answer.Summary)
			}
			right, wrong = append(right, 100*float64(r)/float64(len(in))), append(wrong, 100*float64(w)/float64(len(as)))
			nRight, nWrong, nIn, nAll = nRight+r, nWrong+w, nIn+len(in), nAll+len(as)
		}
		name := fmt.Sprintf("1/%d of the counts: ", k)
		results = append(results, report.Share(name+"stated wrongly", nWrong, nAll, "", 0, command).OverSeeds(wrong),
			report.AsDetail(report.Share(name+"stated, and right", nRight, nIn, "", 0, command).OverSeeds(right))[0])
	}
	return results, nil
}

// thinned is s with 1/k of its counts: what is left of N counts has a mean of N/k and, counted anew, a variance of
// N/k (1 - 1/k). Readings below zero count as none.
func thinned(s spectra.Spectrum, k int, seed uint64) spectra.Spectrum {
	rng := rand.New(rand.NewPCG(seed, uint64(k)))
	p := 1 / float64(k)
	y := make([]float64, len(s.Y))
	floor := min(0, slices.Min(s.Y))
	for i, v := range s.Y {
		y[i] = v*p + math.Sqrt((v-floor)*p*(1-p))*rng.NormFloat64()
	}
	s.Y = y
	return s
}
