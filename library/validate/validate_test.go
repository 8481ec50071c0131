package validate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/spectra"
)

// madeUp is a library of n substances in families of three that share lines; they stand for nothing real.
func madeUp(n int) *library.Stack {
	rng := rand.New(rand.NewPCG(7, 7))
	var subs []library.Substance
	var refs []library.Reference
	var at, height []float64
	for k := range n {
		sub := library.Substance{ID: fmt.Sprintf("made-up-%02d", k), Name: fmt.Sprintf("made up %02d", k)}
		if k < 3 {
			sub.Controlled, sub.Class = true, "opioid"
		}
		s := spectra.Spectrum{Title: sub.Name, Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Counts}
		if k%3 == 0 { // a family
			at, height = nil, nil
			for range 6 {
				at, height = append(at, 400+1400*rng.Float64()), append(height, 0.2+rng.Float64())
			}
		} else { // a member: some lines are elsewhere
			for i := range 2 {
				at[i] = 400 + 1400*rng.Float64()
			}
		}
		for x := 300.0; x <= 2000; x++ {
			y := 0.05
			for i := range at {
				y += height[i] / (1 + math.Pow((x-at[i])/5, 2))
			}
			s.X, s.Y = append(s.X, x), append(s.Y, 1e4*y)
		}
		subs, refs = append(subs, sub), append(refs, library.Reference{SubstanceID: sub.ID, Tier: library.Measured, Technique: spectra.Raman, Spectrum: &s})
	}
	return library.NewStack(subs, refs)
}

func run(t *testing.T, lib *library.Stack, opts Options) Report {
	t.Helper()
	r, err := Run(context.Background(), lib, opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAValidatedLibraryStatesWhatItHoldsAndLittleElse(t *testing.T) {
	lib := madeUp(24)
	last := 0
	opts := Options{Rounds: 9, Draws: 30, DecoyRounds: 2, Seed: 3, WrongRate: 0.02, Progress: func(done, total int) {
		if done < last || done > total {
			t.Errorf("progress %d after %d of %d", done, last, total)
		}
		last = done
	}}
	r := run(t, lib, opts)
	if r.LibraryVersion != lib.Version() || r.Substances != 24 || r.Drawn != 270 || last != 270+2*30 {
		t.Errorf("%+v, progress ended at %d", r, last)
	}
	if n := r.KnownSingle; n.N == 0 || float64(n.Stated) < 0.6*float64(n.N) {
		t.Errorf("single substances: %+v", n)
	}
	wrong, all := r.KnownSingle.Wrong+r.KnownMixed.Wrong+r.Unknown.Wrong, r.KnownSingle.N+r.KnownMixed.N+r.Unknown.N
	if all != 270 || float64(wrong) > 0.02*270 {
		t.Errorf("%d of %d scans have something wrong stated, at most 2 %% tolerated", wrong, all)
	}
	if !r.Fitted || r.ECE > 0.1 {
		t.Errorf("probabilities are off by %.3f", r.ECE)
	}
	if c := r.Calibration; c.With+c.Gain+c.Own <= 0 || c.Stated < 0.5 || c.Stated > 0.99 || c.Alarm < 0.5 || c.Alarm > 0.99 {
		t.Errorf("calibration %+v", c)
	}
	if !strings.Contains(r.Decoys.Subset, "3 controlled") || r.Decoys.Scans != 30 || r.Decoys.Counts[0].Decoys > 3 {
		t.Errorf("decoys %+v", r.Decoys)
	}
	opts.Progress = nil
	if again := run(t, lib, opts); !reflect.DeepEqual(again, r) {
		t.Error("the same validation gave another report")
	}
	for _, l := range r.Summary() {
		if len(l) > 80 {
			t.Errorf("longer than 80 columns: %s", l)
		}
	}
}

// Scans of the user's own instrument are part of the report and of the fit.
func TestRecordedScansTakePart(t *testing.T) {
	lib := madeUp(24)
	var scans []Scan
	for i, r := range lib.References() {
		if i%3 == 0 {
			sub, _ := lib.Substance(r.SubstanceID)
			scans = append(scans, Scan{Spectrum: *r.Spectrum, Substances: []string{sub.Name}})
		}
	}
	opts := Options{Rounds: 9, Draws: 30, DecoyRounds: 2, Seed: 3, WrongRate: 0.02}
	plain := run(t, lib, opts)
	opts.Scans = scans
	r := run(t, lib, opts)
	if r.Recorded != len(scans) || r.RecordedScans.N != 2*len(scans) || r.RecordedScans.Stated < len(scans)-1 || r.RecordedScans.Wrong > 0 {
		t.Errorf("%d recorded scans, with and without their substance in the library: %+v", len(scans), r.RecordedScans)
	}
	if r.Calibration == plain.Calibration {
		t.Error("recorded scans changed nothing")
	}
}

func TestASmallLibraryCannotBeValidated(t *testing.T) {
	if _, err := Run(context.Background(), madeUp(MinSubstances-1), Options{}); !errors.Is(err, ErrTooFew) || !strings.Contains(err.Error(), "19 substances") {
		t.Error(err)
	}
	for _, opts := range []Options{{Rounds: 1}, {DecoyRounds: 3}, {Draws: -1}, {WrongRate: 0.5}, {WrongRate: math.NaN()}, {FalseAlarms: 1}} {
		if _, err := Run(context.Background(), madeUp(MinSubstances), opts); err == nil {
			t.Errorf("%+v was accepted", opts)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, madeUp(MinSubstances), Options{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestReliabilityComparesWhatWasSaidWithWhatWas(t *testing.T) {
	bins, ece, brier := Reliability([]float64{0.05, 0.05, 0.95, 0.95, 1}, []bool{false, true, true, true, true})
	if bins[0].N != 2 || bins[0].Right != 0.5 || bins[9].N != 3 || bins[9].Right != 1 {
		t.Errorf("%+v", bins)
	}
	// (|0.1-1| + |2.9-3|) / 5, and the mean of 0.0025, 0.9025, 0.0025, 0.0025, 0.
	if math.Abs(ece-0.2) > 1e-9 || math.Abs(brier-0.182) > 1e-9 {
		t.Errorf("calibration error %.4f, Brier score %.4f", ece, brier)
	}
}

func TestTheFitFindsTheCurveThatJudgementsWereDrawnFrom(t *testing.T) {
	want := identify.Calibration{Intercept: -2, With: 1.5, Gain: 4, Own: 1, LogSNR: -0.3}
	rng := rand.New(rand.NewPCG(1, 1))
	var outcomes []outcome
	for i := range 20000 {
		s := identify.Support{With: rng.Float64(), Own: rng.Float64(), SNR: 1 + 200*rng.Float64()}
		s.Without = s.With * rng.Float64()
		outcomes = append(outcomes, outcome{group: fmt.Sprint(i), parts: []judged{{s, rng.Float64() < want.Probability(s)}}})
	}
	weights := make([]float64, len(outcomes))
	for i := range weights {
		weights[i] = 1
	}
	got, err := logistic(outcomes, weights, func(outcome) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []float64{got.Intercept - want.Intercept, got.With - want.With, got.Gain - want.Gain, got.Own - want.Own, got.LogSNR - want.LogSNR} {
		if math.Abs(d) > 0.25 {
			t.Fatalf("%+v, drawn from %+v", got, want)
		}
	}
	if _, err := logistic(outcomes[:30], weights, func(outcome) bool { return true }); !errors.Is(err, ErrTooFew) {
		t.Errorf("thirty judgements made a curve: %v", err)
	}
}

func TestTheThresholdToleratesOnlyTheShareOfWrongStatementsAskedFor(t *testing.T) {
	v := &validation{opts: Options{WrongRate: 0.01}}
	var left [][]float64
	for i := range 200 {
		v.outcomes = append(v.outcomes, outcome{parts: []judged{{right: i >= 20}}})
		left = append(left, []float64{0.5 + 0.02*float64(i%20)}) // wrong ones at 0.50, 0.52 .. 0.88
	}
	got := v.stated(left)
	wrong := 0
	for i, o := range v.outcomes {
		if !o.parts[0].right && left[i][0] >= got {
			wrong++
		}
	}
	if wrong != 2 {
		t.Errorf("from %.2f on %d of 200 scans have something wrong stated, 2 tolerated", got, wrong)
	}
}

func TestChangesSayWhatAUserWouldNotice(t *testing.T) {
	a := Report{Substances: 20, References: 30, Calibration: identify.Calibration{Stated: 0.9}, ECE: 0.02, KnownSingle: Outcomes{N: 100, Stated: 80}}
	if c := a.Changes(a); len(c) != 0 {
		t.Errorf("nothing changed: %q", c)
	}
	b := a
	b.References, b.Calibration.Stated, b.KnownSingle.Stated = 33, 0.93, 90
	text := strings.Join(b.Changes(a), "; ")
	for _, want := range []string{"33 spectra, 20 with 30 before", "probability of 93 % on, 90 % before", "stated in 90 % of scans, 80 % before"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q lacks %q", text, want)
		}
	}
}

func TestDecoysHaveTheLinesOfNoSubstanceButKeepTheirShape(t *testing.T) {
	r := madeUp(1).References()[0]
	for seed := range uint64(20) {
		d, err := decoy(r, rand.New(rand.NewPCG(seed, 1)))
		if err != nil {
			t.Fatal(err)
		}
		if d.Tier != library.Simulated || len(d.Spectrum.Y) < 1690 || d.Spectrum.Validate() != nil {
			t.Fatalf("%+v", d.Tier)
		}
		var worst float64
		for i := 1; i < len(d.Spectrum.Y); i++ {
			worst = max(worst, math.Abs(d.Spectrum.Y[i]-d.Spectrum.Y[i-1]))
		}
		var steepest float64
		for i := 1; i < len(r.Spectrum.Y); i++ {
			steepest = max(steepest, math.Abs(r.Spectrum.Y[i]-r.Spectrum.Y[i-1]))
		}
		if worst > 1.5*steepest {
			t.Errorf("a step of %.0f where the ends meet, the steepest line has %.0f", worst, steepest)
		}
	}
}

// Reference values: Wilson score interval for 86 of 87 and the two extremes, from the closed form with z = 1.959964.
func TestWilsonIntervalMatchesItsClosedForm(t *testing.T) {
	for _, c := range []struct {
		k, n      int
		low, high float64
	}{
		{0, 10, 0, 0.277533},
		{10, 10, 0.722467, 1},
		{5, 10, 0.236593, 0.763407},
		{0, 0, 0, 1},
	} {
		low, high := Wilson(c.k, c.n)
		if math.Abs(low-c.low) > 1e-5 || math.Abs(high-c.high) > 1e-5 {
			t.Errorf("Wilson(%d, %d) = %.6f, %.6f; want %.6f, %.6f", c.k, c.n, low, high, c.low, c.high)
		}
	}
}
