package calibration

import (
	"errors"
	"math"
	"testing"

	"fentrace/spectra"
)

func TestACentreIsFoundBetweenThePoints(t *testing.T) {
	for _, step := range []float64{1, 1.7, 3, 4} {
		for _, at := range []float64{1000, 1000.4, 1001.1, 1002.7} {
			l := handheld
			l.step, l.width, l.noise = step, 12, 0.0005
			found, err := FindLines(l.sees([]Line{{at, 1}}), 900, 1100)
			if err != nil {
				t.Fatal(err)
			}
			best, ok := nearest(found, at, 5)
			if !ok || math.Abs(best.X-at) > 0.1 || math.Abs(best.Width-12) > 1.5 {
				t.Errorf("line at %g in steps of %g: found at %.3f, %.1f wide", at, step, best.X, best.Width)
			}
		}
	}
}

func TestALineCutOffAtFullScaleIsMarked(t *testing.T) {
	s := handheld.sees([]Line{{800, 1}, {1000, 1}})
	for i, x := range s.X {
		if x > 950 && x < 1050 {
			s.Y[i] = min(s.Y[i], 43000)
		}
	}
	found, err := FindLines(s, 600, 1200)
	if err != nil {
		t.Fatal(err)
	}
	whole, _ := nearest(found, 800, 10)
	cut, _ := nearest(found, 1000, 10)
	if whole.Clipped || !cut.Clipped || math.Abs(cut.X-1000) > 1 {
		t.Errorf("found %+v and %+v", whole, cut)
	}
}

func TestASpectrumWithoutLinesHasNoSignal(t *testing.T) {
	l := handheld
	l.noise = 0.05
	_, err := FindLines(l.sees(nil), 400, 2000)
	if !errors.Is(err, ErrNoSignal) {
		t.Errorf("noise gives %v", err)
	}
	if _, err := FindLines(spectra.Spectrum{}, 0, 1); !errors.Is(err, spectra.ErrEmpty) {
		t.Errorf("nothing gives %v", err)
	}
	if _, err := FindLines(handheld.sees(nil), 5000, 6000); !errors.Is(err, ErrTooFewLines) {
		t.Errorf("a range outside gives %v", err)
	}
}
