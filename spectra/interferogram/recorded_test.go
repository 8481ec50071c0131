package interferogram

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/stat"

	"fentrace/spectra"
	"fentrace/spectra/format"
	"fentrace/spectra/recorded"
)

// recordedFilm returns a measurement of polystyrene with everything kept: the stored absorbance, the stored single beams and the
// interferograms of sample and reference.
func recordedFilm(t *testing.T) (absorbance, sample, reference, sampleIG, referenceIG spectra.Spectrum) {
	t.Helper()
	s, err := format.ReadFile(recorded.Path(t, "formats", "opus", "ftir_ps.0"))
	if err != nil {
		t.Fatal(err)
	}
	if len(s) != 5 {
		t.Fatalf("%d spectra", len(s))
	}
	return s[0], s[1], s[2], s[3], s[4]
}

func transformed(t *testing.T, s spectra.Spectrum, set Settings) SingleBeam {
	t.Helper()
	ig, err := FromSpectrum(s)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Transform(ig, set)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRecordedInterferogramsGiveTheStoredAbsorbance(t *testing.T) {
	absorbance, sample, reference, sampleIG, referenceIG := recordedFilm(t)
	set, notes := FromFile(sampleIG.Metadata)
	want := Settings{Apodisation: NortonBeerMedium, Phase: Mertz, ResolutionCM1: 4, PhaseResolutionCM1: 32, ZeroFill: 2, LowCM1: 400, HighCM1: 4500}
	if set != want || len(notes) != 0 {
		t.Fatalf("settings %+v, %q", set, notes)
	}
	s, r := transformed(t, sampleIG, set), transformed(t, referenceIG, set)
	got, err := Absorbance(s, r)
	if err != nil {
		t.Fatal(err)
	}
	a, err := Agreement(got, absorbance, 650, 1800)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("absorbance: %+v", a)
	if a.Correlation < 0.99998 || a.Largest > 0.005 || a.Points < 590 {
		t.Errorf("the computed absorbance is not the stored one: %+v", a)
	}
	// Measured: correlation 0.9999998, at most 0.00044 off. A tenth of the bound guards what was reached.
	if a.Correlation < 0.999999 || a.Largest > 0.0005 {
		t.Errorf("the computed absorbance agrees less well than it did: %+v", a)
	}
	for _, b := range []struct {
		name             string
		computed, stored spectra.Spectrum
	}{{"sample", s.Spectrum(), sample}, {"reference", r.Spectrum(), reference}} {
		a, err := Agreement(b.computed, b.stored, 410, 4490)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("single beam of the %s: %+v", b.name, a)
		if a.Correlation < 0.999999 {
			t.Errorf("the single beam of the %s is not the stored one: %+v", b.name, a)
		}
	}
}

// The record reaches farther than the resolution asks for. Used whole it resolves more, and agrees less.
func TestRecordedResolutionIsThatOfTheFile(t *testing.T) {
	absorbance, _, _, sampleIG, referenceIG := recordedFilm(t)
	set, _ := FromFile(sampleIG.Metadata)
	set.ResolutionCM1 = 0
	s := transformed(t, sampleIG, set)
	got, err := Absorbance(s, transformed(t, referenceIG, set))
	if err != nil {
		t.Fatal(err)
	}
	a, err := Agreement(got, absorbance, 650, 1800)
	if err != nil {
		t.Fatal(err)
	}
	if a.Largest < 0.001 || s.PathCM < 0.23 || math.Abs(nominal/s.PathCM-3.87) > 0.01 {
		t.Errorf("all of the record, to %g cm: %+v", s.PathCM, a)
	}
}

func TestRecordedSweepsAgree(t *testing.T) {
	_, _, _, sampleIG, _ := recordedFilm(t)
	ig, err := FromSpectrum(sampleIG)
	if err != nil {
		t.Fatal(err)
	}
	var beams [2]SingleBeam
	for i, y := range ig.Sweeps {
		one := ig
		one.Sweeps = [][]float64{y}
		if beams[i], err = Transform(one, Default()); err != nil {
			t.Fatal(err)
		}
	}
	if r := stat.Correlation(beams[0].Y, beams[1].Y, nil); r < 0.9999 {
		t.Errorf("forward and backward correlate by %g", r)
	}
}
