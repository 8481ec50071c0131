package interferogram

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"fentrace/spectra"
)

func beam(y ...float64) SingleBeam {
	return SingleBeam{StepCM1: 100, First: 10, Y: y, PathCM: 0.225, Settings: Default(), Title: "powder"}
}

func TestAbsorbanceOfAKnownRatio(t *testing.T) {
	a, err := Absorbance(beam(1, 0.1, 5, 0.02), beam(1, 1, 5, 2))
	if err != nil {
		t.Fatal(err)
	}
	if a.Technique != spectra.IR || a.YUnit != spectra.Absorbance || a.Title != "powder" || !slices.Equal(a.X, []float64{1000, 1100, 1200, 1300}) || a.Metadata.ResolutionCM1 != 4 {
		t.Errorf("%+v", a)
	}
	for i, want := range []float64{0, 1, 0, 2} {
		if math.Abs(a.Y[i]-want) > 1e-12 {
			t.Errorf("point %d is %g, want %g", i, a.Y[i], want)
		}
	}
	if a.Metadata.Fields[TransformField] != "apodisation norton-beer-medium, phase mertz at 32 cm-1, all of the record, zero filling 2" {
		t.Errorf("fields %q", a.Metadata.Fields)
	}
	if len(a.Metadata.Warnings) != 0 { // no air between 1000 and 1300 cm-1
		t.Errorf("warnings %q", a.Metadata.Warnings)
	}
}

func TestNoLightIsSaidAndBounded(t *testing.T) {
	a, err := Absorbance(beam(1, -0.1, 0.01, 1), beam(1, 1, 1, 0))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(a.Y, []float64{0, 2, 2, 2}) {
		t.Errorf("values %v", a.Y)
	}
	all := strings.Join(a.Metadata.Warnings, "\n")
	if !strings.Contains(all, "2 values of transmittance are not above zero") || !strings.Contains(all, "At 1 of 4 wavenumbers the background") {
		t.Errorf("warnings %q", all)
	}
	if _, err := Absorbance(beam(0, -1), beam(1, 1)); !errors.Is(err, ErrNoLight) {
		t.Errorf("an opaque sample: %v", err)
	}
	if _, err := Absorbance(beam(1, 1), beam(0, -1)); !errors.Is(err, ErrNoLight) {
		t.Errorf("a dark background: %v", err)
	}
}

func TestOnlyTheSameGridAndSettingsAreDivided(t *testing.T) {
	for says, change := range map[string]func(*SingleBeam){
		"and 3 from 1000":       func(b *SingleBeam) { b.Y = b.Y[:3] },
		"4 from 1100":           func(b *SingleBeam) { b.First++ },
		"steps of 100.01":       func(b *SingleBeam) { b.StepCM1 += 0.01 },
		"to 0.45 cm":            func(b *SingleBeam) { b.PathCM *= 2 },
		"happ-genzel":           func(b *SingleBeam) { b.Settings.Apodisation = HappGenzel },
		"transform both with t": func(b *SingleBeam) { b.Settings.Phase = Power },
	} {
		b := beam(1, 1, 1, 1)
		change(&b)
		if _, err := Transmittance(beam(1, 1, 1, 1), b); !errors.Is(err, ErrGrid) || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want one that says %q", err, says)
		}
	}
}

func TestWhatIsPartlySimulatedIsSimulated(t *testing.T) {
	background := beam(1, 1, 1, 1)
	background.Metadata.Simulated = true
	a, err := Absorbance(beam(1, 1, 1, 1), background)
	if err != nil || !a.Metadata.Simulated {
		t.Errorf("simulated %v, %v", a.Metadata.Simulated, err)
	}
}

func TestDifferentGainsAreSaid(t *testing.T) {
	sample, background := beam(1, 1, 1, 1), beam(1, 1, 1, 1)
	sample.Metadata.Fields, background.Metadata.Fields = map[string]string{"ASG": "4"}, map[string]string{"ARG": "2", "ASG": "4"}
	a, err := Absorbance(sample, background)
	if err != nil || len(a.Metadata.Warnings) != 1 || !strings.Contains(a.Metadata.Warnings[0], "gain 4 for the sample and 2 for the background") {
		t.Errorf("warnings %q, %v", a.Metadata.Warnings, err)
	}
}

func TestAirIsNamedWhereItAbsorbs(t *testing.T) {
	got := Atmosphere(670, 2000)
	if !slices.Equal(got, []Region{{670, 680, "carbon dioxide"}, {1350, 1900, "water vapour"}}) {
		t.Errorf("%v", got)
	}
	if got := Atmosphere(1000, 1300); got != nil {
		t.Errorf("%v", got)
	}
}

func TestATRDepthAndCorrection(t *testing.T) {
	for wavenumber, want := range map[float64]float64{1000: 2.0, 3000: 0.67} {
		if d, err := DiamondATR().DepthUM(wavenumber); err != nil || math.Abs(d-want) > 0.01 {
			t.Errorf("depth at %g cm-1: %g um, %v; want %g", wavenumber, d, err, want)
		}
	}
	s := spectra.Spectrum{Technique: spectra.IR, XUnit: spectra.PerCM, YUnit: spectra.Absorbance, X: []float64{3000, 1000, 500}, Y: []float64{0.2, 0.3, 0.1}}
	got, err := DiamondATR().Correct(s)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{0.3, 0.2, 0} {
		if math.Abs(got.Y[i]-want) > 1e-12 {
			t.Errorf("at %g: %g, want %g", got.X[i], got.Y[i], want)
		}
	}
	if s.Y[0] != 0.2 || s.Metadata.Fields != nil {
		t.Error("the source was changed")
	}
	if got.Metadata.Fields[ATRField] != "refractive indices 2.4 and 1.5, 45 degrees, unchanged at 1000 cm-1" {
		t.Errorf("fields %q", got.Metadata.Fields)
	}
	// Germanium still reflects totally where glass does not.
	if _, err := (ATR{CrystalIndex: 4, SampleIndex: 1.7, AngleDegrees: 45}).DepthUM(1000); err != nil {
		t.Error(err)
	}
	for _, bad := range []ATR{{1.6, 1.5, 45}, {0, 1.5, 45}, {2.4, 1.5, 0}, {2.4, math.NaN(), 45}, {2.4, 1.5, 90}} {
		if _, err := bad.Correct(s); !errors.Is(err, ErrSetting) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	s.YUnit = spectra.Transmittance
	if _, err := DiamondATR().Correct(s); !errors.Is(err, ErrSetting) {
		t.Errorf("transmittance: %v", err)
	}
}
