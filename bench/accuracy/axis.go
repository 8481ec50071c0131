package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"fentrace/bench/dataset"
	"fentrace/bench/report"
	"fentrace/spectra"
)

// seeds of everything that is drawn in this package.
var seeds = []uint64{1, 2, 3}

// drawnAxis makes the axis of every cross-instrument scan wrong by an amount drawn anew for each scan and seed: moved by 10 to
// 150 cm-1, or with distances wrong by 1 to 3 %, either way. A good scan is one that is answered rightly as it came; only of
// those can a fault of the axis be told by the library at all.
func (b *bench) drawnAxis(ctx context.Context, cross []answered) ([]report.Result, error) {
	good := filter(cross, func(a answered) bool { return inLibrary(a) && len(a.answer.Findings) > 0 && !a.wrongFinding() })
	var results []report.Result
	for _, kind := range []struct {
		name    string
		distort func(*rand.Rand) func(float64) float64
	}{
		{"axis moved by 10 to 150 cm-1", func(rng *rand.Rand) func(float64) float64 {
			by := either(rng) * (10 + 140*rng.Float64())
			return func(x float64) float64 { return x + by }
		}},
		{"axis stretched by 1 to 3 %", func(rng *rand.Rand) func(float64) float64 {
			by := either(rng) * (0.01 + 0.02*rng.Float64())
			return func(x float64) float64 { return x * (1 + by) }
		}},
	} {
		var named, wrong, mended []float64
		faults, wrongs, nGood, nAll, nMended, nKnown := 0, 0, 0, 0, 0, 0
		for _, seed := range seeds {
			as, err := b.distorted(ctx, cross, seed, kind.distort)
			if err != nil {
				return nil, err
			}
			inGood := filter(as, func(a answered) bool {
				return slices.ContainsFunc(good, func(g answered) bool { return g.Path == a.Path })
			})
			w := count(as, func(a answered) bool { return a.wrongFinding() && a.Sample != liquids })
			f := count(inGood, answered.axisNamed)
			named, wrong = append(named, 100*float64(f)/float64(len(inGood))), append(wrong, 100*float64(w)/float64(len(as)))
			known := filter(inGood, func(a answered) bool { return slices.Contains(standards, a.Sample) })
			m := count(known, func(a answered) bool {
				return a.answer.Quality.Axis == "recalibrated" && a.answer.Quality.AxisMeanCM1 <= 1 && a.stated() && !a.wrongFinding()
			})
			mended, nMended, nKnown = append(mended, 100*float64(m)/float64(len(known))), nMended+m, nKnown+len(known)
			faults, wrongs, nGood, nAll = faults+f, wrongs+w, nGood+len(inGood), nAll+len(as)
			for _, a := range filter(as, func(a answered) bool { return a.wrongFinding() && a.Sample != liquids }) {
				fmt.Printf("wrong, %s: %s: %s\n", kind.name, a.Path, a.answer.Summary)
			}
		}
		results = append(results,
			report.Share(kind.name+", good scans: said to be wrong", faults, nGood, "", 0, command).OverSeeds(named),
			report.Share(kind.name+", all scans: stated wrongly", wrongs, nAll, "", 0, command).OverSeeds(wrong),
			report.Share(kind.name+", scans of a standard: axis put right to 1 cm-1 by its lines, and answered rightly", nMended, nKnown, "", 0, command).OverSeeds(mended))
	}
	right := filter(cross, func(a answered) bool { return a.axisFault() })
	return append(results, report.Share("axis as it came: called a fault", len(right), len(cross), "", 0, command),
		report.AsDetail(report.Share("axis as it came: answered, and said to be more than 4 cm-1 off", count(cross, answered.axisNamed)-len(right), len(cross), "", 0, command))[0]), nil
}

// standards are the samples whose lines are known (ASTM E1840).
var standards = []string{"Acetaminophen", "Cyclohexane"}

// liquids is the sample that holds two substances.
const liquids = "AcetonitrileToluene"

func either(rng *rand.Rand) float64 {
	if rng.IntN(2) == 0 {
		return -1
	}
	return 1
}

// distorted answers the scans on axes of which each is wrong in its own way.
func (b *bench) distorted(ctx context.Context, cross []answered, seed uint64, distort func(*rand.Rand) func(float64) float64) ([]answered, error) {
	at := map[string]func(float64) float64{}
	for i, a := range cross {
		at[a.scan.Metadata.SHA256] = distort(rand.New(rand.NewPCG(seed, uint64(i))))
	}
	return b.answer(ctx, queriesOf(cross), func(s spectra.Spectrum) spectra.Spectrum {
		s.X = slices.Clone(s.X)
		for i, x := range s.X {
			s.X[i] = at[s.Metadata.SHA256](x)
		}
		return s
	})
}

func queriesOf(as []answered) []dataset.Query {
	qs := make([]dataset.Query, len(as))
	for i, a := range as {
		qs[i] = a.Query
	}
	return qs
}
