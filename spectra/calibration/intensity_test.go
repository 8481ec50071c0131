package calibration

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fentrace/bench/dataset"
	"fentrace/spectra"
	"fentrace/spectra/recorded"
)

func TestCertificatesAreWhatTheirGlassEmits(t *testing.T) {
	for _, c := range Certificates() {
		if got, err := FindCertificate("SRM " + c.Name); err != nil || got.Name != c.Name {
			t.Errorf("SRM %s: %v", c.Name, err)
		}
		top, at := 0.0, 0.0
		for x := c.Low; x <= c.High; x++ {
			v := c.At(x)
			if !(v > 0.001) || math.IsInf(v, 0) {
				t.Fatalf("SRM %s at %g cm-1: %g", c.Name, x, v)
			}
			if v > top {
				top, at = v, x
			}
		}
		// All curves are normalised to their highest value.
		if math.Abs(top-1) > 0.03 {
			t.Errorf("SRM %s: highest value %.3f at %.0f cm-1", c.Name, top, at)
		}
	}
	// A log-normal band is half as high where it is half as high, w apart.
	l := logNormal{h: 1, w: 3000, rho: 1.2, x0: 2500}
	left := l.x0 - l.w*l.rho*(1-1/l.rho)/(l.rho*l.rho-1)
	right := l.x0 + l.w*l.rho*(l.rho-1)/(l.rho*l.rho-1)
	if math.Abs(l.at(left)-0.5) > 1e-9 || math.Abs(l.at(right)-0.5) > 1e-9 || math.Abs(right-left-l.w) > 1e-9 {
		t.Errorf("halves at %g and %g: %g and %g", left, right, l.at(left), l.at(right))
	}
	if _, err := FindCertificate("9999"); !errors.Is(err, ErrUnknown) {
		t.Errorf("SRM 9999: %v", err)
	}
}

// glass is the SIMULATED spectrum of a certificate's glass on an instrument of the given sensitivity.
func glass(c Certificate, sensitivity func(float64) float64) spectra.Spectrum {
	s := spectra.Spectrum{Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Counts,
		Metadata: spectra.Metadata{LaserNM: c.LaserNM, DarkSubtracted: true, Simulated: true}}
	for x := 50.0; x <= 3600; x += 2.3 {
		s.X, s.Y = append(s.X, x), append(s.Y, 3e4*c.At(x)*sensitivity(x))
	}
	return s
}

func falling(x float64) float64 { return 1.1 - x/3500 + 0.04*math.Sin(x/60) }

func TestAResponseGivesBackTheTrueHeights(t *testing.T) {
	c, _ := FindCertificate("2241")
	r, err := NewResponse(c, glass(c, falling))
	if err != nil {
		t.Fatal(err)
	}
	if r.Low > 210 || r.High < 3490 || r.Noise > 0.01 || len(r.Notes) != 0 {
		t.Errorf("response from %g to %g, noise %g, notes %v", r.Low, r.High, r.Noise, r.Notes)
	}
	s := handheld.sees([]Line{{620, .5}, {1000, 1}, {1600, .5}, {2900, .5}})
	truth := slices.Clone(s.Y)
	for i, x := range s.X {
		s.Y[i] *= falling(x)
	}
	got, err := r.Apply(s)
	if err != nil || got.YUnit != spectra.Intensity {
		t.Fatal(err)
	}
	scale := 0.0
	for i, x := range s.X {
		if x < 300 || x > 3200 {
			continue
		}
		ratio := got.Y[i] / truth[i]
		if scale == 0 {
			scale = ratio
		}
		if math.Abs(ratio/scale-1) > 0.03 {
			t.Fatalf("at %g cm-1 the corrected value is %.3f times the true one, at 300 %.3f times", x, ratio, scale)
		}
	}
	if s.YUnit != spectra.Counts {
		t.Error("the scan itself was changed")
	}
}

func TestOutsideTheRangeOfAResponseTheScanStaysWholeAndSaysSo(t *testing.T) {
	c, _ := FindCertificate("2241")
	r, err := NewResponse(c, glass(c, func(x float64) float64 { return max(1-x/2800, 0) }))
	if err != nil {
		t.Fatal(err)
	}
	if r.High > 2790 {
		t.Errorf("the detector sees nothing above 2800 cm-1, the response reaches to %g", r.High)
	}
	s := handheld.sees(linesOf(t, "polystyrene"))
	got, err := r.Apply(s)
	if err != nil || got.Validate() != nil || len(got.Metadata.Warnings) != 1 || !strings.Contains(got.Metadata.Warnings[0], "correction holds from") {
		t.Errorf("%v %v %v", err, got.Validate(), got.Metadata.Warnings)
	}
	inside := s
	inside.X, inside.Y = s.X[200:800], s.Y[200:800]
	if got, err := r.Apply(inside); err != nil || len(got.Metadata.Warnings) != 0 {
		t.Errorf("inside: %v %v", err, got.Metadata.Warnings)
	}
	raw, _ := json.Marshal(r)
	var back Response
	if err := json.Unmarshal(raw, &back); err != nil || cmp.Diff(r, back) != "" || back.Validate() != nil {
		t.Errorf("stored and read again: %v, %s", err, cmp.Diff(r, back))
	}
	back.Values[3] = 0
	if err := back.Validate(); !errors.Is(err, ErrRange) {
		t.Errorf("a zero in the response: %v", err)
	}
}

func TestAResponseIsRefusedWhereItWouldBeWrong(t *testing.T) {
	c, _ := FindCertificate("2242a")
	good := glass(c, falling)
	r, err := NewResponse(c, good)
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct {
		spoil func(*spectra.Spectrum)
		want  error
		apply bool
	}{
		"laser":       {func(s *spectra.Spectrum) { s.Metadata.LaserNM = 785 }, ErrLaser, true},
		"infrared":    {func(s *spectra.Spectrum) { s.Technique = spectra.IR }, ErrTechnique, true},
		"nanometres":  {func(s *spectra.Spectrum) { s.XUnit = spectra.Nanometre }, ErrAxisUnit, true},
		"peak table":  {func(s *spectra.Spectrum) { s.Peaks = true }, spectra.ErrPeaks, false},
		"short range": {func(s *spectra.Spectrum) { s.X, s.Y = s.X[:150], s.Y[:150] }, ErrRange, false},
		"no signal": {func(s *spectra.Spectrum) {
			s.Y = make([]float64, len(s.Y))
			for i := range s.Y {
				s.Y[i] = -float64(i % 3)
			}
		}, ErrNoSignal, false},
	} {
		s := good
		x.spoil(&s)
		if _, err := NewResponse(c, s); !errors.Is(err, x.want) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := r.Apply(s); x.apply && !errors.Is(err, x.want) {
			t.Errorf("%s applied: %v", name, err)
		}
	}
	undark := good
	undark.Metadata.DarkSubtracted = false
	if r, err := NewResponse(c, undark); err != nil || len(r.Notes) != 1 {
		t.Errorf("dark not subtracted: %v %v", err, r.Notes)
	}
}

// every gives the points of s whose index is k modulo n.
func every(s spectra.Spectrum, n, k int) spectra.Spectrum {
	out := s
	out.X, out.Y = nil, nil
	for i := k; i < len(s.X); i += n {
		out.X, out.Y = append(out.X, s.X[i]), append(out.Y, s.Y[i])
	}
	return out
}

func TestHalfOfARecordedGlassCorrectsTheOtherHalf(t *testing.T) {
	for _, glass := range dataset.Glasses() {
		c, _ := FindCertificate(glass.SRM)
		s := mustRead(t, recorded.Path(t, glass.File))
		r, err := NewResponse(c, every(s, 2, 0))
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.Apply(every(s, 2, 1))
		if err != nil {
			t.Fatal(err)
		}
		var ratio []float64
		for i, x := range got.X {
			if x >= r.Low && x <= r.High {
				ratio = append(ratio, got.Y[i]/c.At(x))
			}
		}
		sorted := slices.Sorted(slices.Values(ratio))
		middle := sorted[len(sorted)/2]
		off := 0.0
		for _, v := range ratio {
			off += math.Abs(v/middle-1) / float64(len(ratio))
		}
		lowest := slices.Min(r.Values)
		t.Logf("SRM %s: response holds from %.0f to %.0f cm-1, lowest %.3f of the highest, noise %.4f; the other half is off by %.2f %% on average", glass.SRM, r.Low, r.High, lowest, r.Noise, 100*off)
		if off > 0.02 {
			t.Errorf("SRM %s: the corrected half is %.1f %% off its certificate on average", glass.SRM, 100*off)
		}
	}
}
