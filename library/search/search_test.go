package search

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"fentrace/library"
	"fentrace/spectra"
	"fentrace/spectra/preprocess"
)

// bands builds a spectrum of Lorentzian lines on a sloping background.
func bands(lo, hi, step float64, lines ...float64) spectra.Spectrum {
	s := spectra.Spectrum{Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Counts}
	for x := lo; x <= hi; x += step {
		y := 200 + 0.05*x
		for i, at := range lines {
			y += (1000 - 120*float64(i)) / (1 + math.Pow((x-at)/5, 2))
		}
		s.X, s.Y = append(s.X, x), append(s.Y, y)
	}
	return s
}

func prepare(t *testing.T, s spectra.Spectrum) Vector {
	t.Helper()
	v, err := Prepare(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func ref(id string, s spectra.Spectrum) library.Reference {
	return library.Reference{ID: id, Spectrum: &s}
}

// naive computes the score of one pair at one shift straight from the definition.
func naive(q, r Vector, shift int) (float64, bool) {
	var a, b []float64
	for p := r.Low; p <= r.High(); p++ {
		if i := p + shift - q.Low; i >= 0 && i < len(q.D) {
			a, b = append(a, q.D[i]), append(b, r.D[p-r.Low])
		}
	}
	if len(a) < MinRangeCM1 {
		return 0, false
	}
	mean := func(v []float64) (m float64) {
		for _, x := range v {
			m += x
		}
		return m / float64(len(v))
	}
	ma, mb := mean(a), mean(b)
	var ab, aa, bb float64
	for i := range a {
		ab += (a[i] - ma) * (b[i] - mb)
		aa += (a[i] - ma) * (a[i] - ma)
		bb += (b[i] - mb) * (b[i] - mb)
	}
	return ab / math.Sqrt(aa*bb), true
}

func TestFFTScoresEqualTheDefinitionAtEveryShift(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		random := func(low, n int) Vector {
			d := make([]float64, n)
			for i := range d {
				d[i] = rng.NormFloat64()
			}
			return newVector(spectra.Raman, low, d)
		}
		q := random(rapid.IntRange(300, 900).Draw(t, "q low"), rapid.IntRange(MinRangeCM1, 1500).Draw(t, "q n"))
		r := random(rapid.IntRange(300, 900).Draw(t, "r low"), rapid.IntRange(MinRangeCM1, 1500).Draw(t, "r n"))
		maxShift := rapid.IntRange(0, 200).Draw(t, "max shift")
		c := newCorrelator(q, len(r.D), maxShift)
		best, ok := c.align(r)
		wantBest, wantOK := math.Inf(-1), false
		for s := -maxShift; s <= maxShift; s++ {
			want, overlaps := naive(q, r, s)
			if !overlaps {
				continue
			}
			if got := c.scores[s+maxShift+1]; math.Abs(got-want) > 1e-9 {
				t.Fatalf("shift %d: FFT %.12f, definition %.12f", s, got, want)
			}
			wantBest, wantOK = math.Max(wantBest, want), true
		}
		if ok != wantOK || ok && math.Abs(best.Score-wantBest) > 1e-9 {
			t.Fatalf("best %v %v, want %v %v", best.Score, ok, wantBest, wantOK)
		}
	})
}

func TestScoreDoesNotDependOnGridOrderScaleOrOffset(t *testing.T) {
	r := prepare(t, bands(300, 2000, 1, 500, 790, 1003, 1450))
	base := bands(350, 1900, 0.5, 500, 790, 1003, 1450)
	turned := base
	turned.X, turned.Y = slices.Clone(base.X), slices.Clone(base.Y)
	slices.Reverse(turned.X)
	slices.Reverse(turned.Y)
	scaled := base
	scaled.Y = make([]float64, len(base.Y))
	for i, y := range base.Y {
		scaled.Y[i] = 37*y - 1200
	}
	for name, s := range map[string]spectra.Spectrum{"same": base, "descending": turned, "scaled and offset": scaled,
		"coarse grid": bands(350, 1900, 2, 500, 790, 1003, 1450)} {
		a, ok := newCorrelator(prepare(t, s), len(r.D), 8).align(r)
		if !ok || a.Score < 0.985 || math.Abs(a.ShiftCM1) > 0.6 {
			t.Errorf("%s: score %.4f at shift %.2f, want above 0.985 at 0", name, a.Score, a.ShiftCM1)
		}
	}
}

func TestShiftOfTheScanIsFoundToAFractionOfAWavenumber(t *testing.T) {
	r := prepare(t, bands(300, 2000, 1, 500, 790, 1003, 1450))
	for _, shift := range []float64{-7.5, -3, -0.4, 0, 2.25, 6} {
		q := prepare(t, bands(350, 1900, 1, 500+shift, 790+shift, 1003+shift, 1450+shift))
		a, _ := newCorrelator(q, len(r.D), 8).align(r)
		if math.Abs(a.ShiftCM1-shift) > 0.3 {
			t.Errorf("axis off by %+.2f: found %+.2f", shift, a.ShiftCM1)
		}
	}
}

func TestSearchRanksExactlyAndBreaksTiesByReference(t *testing.T) {
	same := bands(300, 2000, 1, 620, 1210, 1700)
	ix := NewIndex([]library.Reference{
		ref("b", same), ref("a", same), ref("other", bands(300, 2000, 1, 450, 900)), ref("short", bands(300, 500, 1, 450)),
	})
	if len(ix.Skipped()) != 1 || !errors.Is(ix.Skipped()[0].Err, ErrNotSearchable) {
		t.Errorf("skipped %v, want the short reference", ix.Skipped())
	}
	hits, err := ix.Search(context.Background(), prepare(t, same), Query{K: 5, MaxShift: 8})
	if err != nil {
		t.Fatal(err)
	}
	if len(hits) != 3 || hits[0].ReferenceID != "a" || hits[1].ReferenceID != "b" || hits[2].ReferenceID != "other" {
		t.Fatalf("hits %+v, want a, b, other", hits)
	}
	kept, err := ix.Search(context.Background(), prepare(t, same), Query{K: 1, MaxShift: 8, Of: ix.Subset(func(id string) bool { return id != "a" })})
	if err != nil || kept[0].ReferenceID != "b" {
		t.Fatalf("with a left out: %+v, %v", kept, err)
	}
	if _, err := ix.Search(context.Background(), prepare(t, same), Query{}); err == nil {
		t.Error("k = 0 was accepted")
	}
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := ix.Search(stopped, prepare(t, same), Query{K: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled search returned %v", err)
	}
}

func TestPrepareRefusesWhatCannotBeCompared(t *testing.T) {
	flat := bands(300, 2000, 1)
	for i := range flat.Y {
		flat.Y[i] = 7
	}
	nm := bands(300, 2000, 1, 500)
	nm.XUnit = spectra.Nanometre
	other := bands(300, 2000, 1, 500)
	other.Technique = spectra.Other
	for name, s := range map[string]spectra.Spectrum{"constant": flat, "wavelength axis": nm, "technique": other,
		"too short": bands(1000, 1300, 1, 1100), "outside": bands(2500, 3300, 1, 2900)} {
		if _, err := Prepare(s); !errors.Is(err, ErrNotSearchable) {
			t.Errorf("%s: %v, want ErrNotSearchable", name, err)
		}
	}
}

func found(at ...float64) []preprocess.Peak {
	slices.Sort(at)
	var ps []preprocess.Peak
	for _, x := range at {
		ps = append(ps, preprocess.Peak{Position: x, Height: 10, Prominence: 10})
	}
	return ps
}

func TestPeakTablesAreScoredAsLines(t *testing.T) {
	table := []library.Peak{{PositionCM1: 500, Relative: 40}, {PositionCM1: 800, Relative: 100}, {PositionCM1: 1000, Relative: 60},
		{PositionCM1: 1200, Relative: 30}, {PositionCM1: 1600, Relative: 50}, {PositionCM1: 1300, Relative: 2}}
	all := ScorePeaks(found(501, 799, 1002, 1200, 1598), 300, 1900, table, 6)
	if all.Lines != 5 || all.Matched != 5 || all.F != 1 || all.Chance > 1e-4 {
		t.Errorf("every line present: %+v", all)
	}
	shifted := ScorePeaks(found(506, 806, 1006, 1206, 1606), 300, 1900, table, 6)
	if shifted.Matched != 5 || shifted.ShiftCM1 < 2 {
		t.Errorf("axis 6 cm-1 high: %+v", shifted)
	}
	extra := ScorePeaks(found(500, 800, 1000, 1200, 1600, 600, 700, 900, 1100, 1400), 300, 1900, table, 6)
	if extra.Recall != 1 || extra.Precision != 0.5 || extra.Chance < all.Chance {
		t.Errorf("as many foreign lines: %+v", extra)
	}
	if none := ScorePeaks(nil, 300, 1900, table, 6); none.Matched != 0 || none.Chance != 1 || none.F != 0 {
		t.Errorf("no lines: %+v", none)
	}
	if outside := ScorePeaks(found(500), 2500, 3000, table, 6); outside.Lines != 0 || outside.Chance != 1 {
		t.Errorf("table outside the scan: %+v", outside)
	}
}

// The chance figure is a probability: unrelated lines must not reach a figure of p more often than about p.
func TestChanceAgreementIsNotOptimistic(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	const runs = 4000
	below := 0
	for range runs {
		var table []library.Peak
		for range 8 {
			table = append(table, library.Peak{PositionCM1: 400 + 1400*rng.Float64(), Relative: 100})
		}
		var at []float64
		for range 12 {
			at = append(at, 400+1400*rng.Float64())
		}
		if ScorePeaks(found(at...), 400, 1800, table, 6).Chance <= 0.05 {
			below++
		}
	}
	if share := float64(below) / runs; share > 0.05+3*math.Sqrt(0.05*0.95/runs) {
		t.Errorf("chance <= 0.05 in %.3f of unrelated pairs", share)
	}
}

// widened convolves s with a Gaussian of full width fwhm at half maximum.
func widened(s spectra.Spectrum, fwhm float64) spectra.Spectrum {
	sigma := fwhm / (2 * math.Sqrt(2*math.Ln2))
	y := make([]float64, len(s.Y))
	for i, at := range s.X {
		var sum, weight float64
		for j, x := range s.X {
			w := math.Exp(-math.Pow((x-at)/sigma, 2) / 2)
			sum, weight = sum+w*s.Y[j], weight+w
		}
		y[i] = sum / weight
	}
	s.Y = y
	return s
}

// Align finds by itself what Search finds with the Fourier transform.
func TestAlignAgreesWithSearch(t *testing.T) {
	r := bands(300, 2000, 1, 402, 548, 641, 850, 919, 1040)
	ix := NewIndex([]library.Reference{ref("r", r)})
	rapid.Check(t, func(rt *rapid.T) {
		shift := rapid.Float64Range(-7, 7).Draw(rt, "shift")
		scan := bands(300, 2000, 1, 402+shift, 548+shift, 641+shift, 850+shift, 919+shift, 1045+shift)
		v := prepare(t, scan)
		hits, err := ix.Search(context.Background(), v, Query{K: 1, MaxShift: 8})
		if err != nil {
			rt.Fatal(err)
		}
		a, ok := Align(v, prepare(t, r), 0, 8)
		if !ok || math.Abs(a.Score-hits[0].Score) > 1e-9 || math.Abs(a.ShiftCM1-hits[0].ShiftCM1) > 1e-6 || a.Overlap != hits[0].Overlap {
			rt.Fatalf("%+v, by search %+v", a, hits[0].Alignment)
		}
	})
	if _, ok := Align(prepare(t, bands(300, 900, 1, 500)), prepare(t, bands(1300, 1900, 1, 1500)), 0, 8); ok {
		t.Error("two spectra without a common range were compared")
	}
}
