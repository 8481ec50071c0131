package calibration

import (
	"math"
	"math/rand/v2"
	"testing"

	"fentrace/bench/dataset"
	"fentrace/spectra"
	"fentrace/spectra/format"
)

func mustRead(t *testing.T, path string) spectra.Spectrum {
	t.Helper()
	got, err := format.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return got[0]
}

// look is how a made-up instrument sees a standard.
type look struct {
	low, high, step float64 // axis, true Raman shift in cm-1
	width           float64 // full width at half height, cm-1
	noise           float64 // of the strongest line
	seed            uint64
}

var handheld = look{low: 150, high: 3300, step: 1.7, width: 9, noise: 0.002, seed: 1}

// sees is the SIMULATED spectrum of the lines (Raman shift) on a sloping background.
func (l look) sees(lines []Line) spectra.Spectrum {
	random := rand.New(rand.NewPCG(l.seed, 7))
	s := spectra.Spectrum{Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Counts, Metadata: spectra.Metadata{LaserNM: 785, Simulated: true}}
	for x := l.low; x <= l.high; x += l.step {
		y := 3 + 2*math.Exp(-x/900)
		for _, line := range lines {
			u := (x - line.Position) / l.width
			y += line.Relative * math.Exp(-4*math.Ln2*u*u)
		}
		s.X, s.Y = append(s.X, x), append(s.Y, 1e4*(y+l.noise*random.NormFloat64()))
	}
	return s
}

func linesOf(t *testing.T, name string) []Line {
	t.Helper()
	std, err := Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return std.Lines
}

// distorted is s as an instrument with a wrong axis shows it.
func distorted(s spectra.Spectrum, offset, stretch, bow float64) spectra.Spectrum {
	return dataset.Distortion{Offset: offset, Stretch: stretch, Bow: bow}.Apply(s)
}
