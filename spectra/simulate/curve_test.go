package simulate

import (
	"errors"
	"math"
	"testing"
)

// recordedCurve is twoLines as an instrument of this resolution shows them, 1 cm-1 apart.
func recordedCurve(resolution float64) Curve {
	in := quiet()
	in.ResolutionCM1 = resolution
	x := make([]float64, 1700)
	for i := range x {
		x[i] = 250 + float64(i)
	}
	return Curve{LowCM1: 250, Intensity: bands(x, twoLines, in), ResolutionCM1: resolution}
}

func TestARecordedCurveLooksAsItsLinesWouldOnAnotherInstrument(t *testing.T) {
	in := quiet()
	in.ShiftCM1 = 2.5
	for _, resolution := range []float64{6, 9, 14} {
		in.ResolutionCM1 = resolution
		c := Conditions{Counts: 1e6, Seed: 1}
		want := simulated(t, twoLines, in, c)
		got, err := Mixture("test", nil, []Curve{recordedCurve(6)}, in, c)
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range got.X {
			if x > 300 && x < 1900 && math.Abs(got.Y[i]-want.Y[i]) > 0.03*1e6 {
				t.Fatalf("resolution %g: %g at %.1f cm-1, want %g", resolution, got.Y[i], x, want.Y[i])
			}
		}
	}
}

func TestLinesAndCurvesAddUpOnOneScale(t *testing.T) {
	in := quiet()
	in.ResolutionCM1 = 6
	other := []Line{{CM1: 1100, Intensity: 1, WidthCM1: 6}} // as strong as the stronger of twoLines
	s, err := Mixture("test", other, []Curve{recordedCurve(6)}, in, Conditions{Counts: 1e6})
	if err != nil {
		t.Fatal(err)
	}
	height := func(at float64) (top float64) {
		for i, x := range s.X {
			if math.Abs(x-at) < 5 {
				top = max(top, s.Y[i])
			}
		}
		return top
	}
	if a, b := height(1100), height(700); math.Abs(a/b-1) > 0.02 {
		t.Errorf("the line is %g high, the same in the curve %g", a, b)
	}
}

func TestMixtureRefusesUnusableCurves(t *testing.T) {
	good := recordedCurve(6)
	for name, change := range map[string]func(c *Curve){
		"no values":     func(c *Curve) { c.Intensity = nil },
		"negative":      func(c *Curve) { c.Intensity = []float64{1, -1} },
		"not a number":  func(c *Curve) { c.Intensity = []float64{1, math.NaN()} },
		"no resolution": func(c *Curve) { c.ResolutionCM1 = 0 },
		"no position":   func(c *Curve) { c.LowCM1 = math.NaN() },
	} {
		c := good
		change(&c)
		if _, err := Mixture("test", nil, []Curve{c}, Handheld785(), Conditions{Counts: 1e4}); !errors.Is(err, ErrSample) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
