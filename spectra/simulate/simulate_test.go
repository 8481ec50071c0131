package simulate

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"fentrace/spectra"
)

// quiet is an instrument without noise, so that the bands can be measured.
func quiet() Instrument {
	in := Handheld785()
	in.ReadNoise, in.Gain, in.Offset, in.FullScale, in.Pixels = 0, 1e6, 0, 1e9, 8192
	return in
}

func simulated(t testing.TB, lines []Line, in Instrument, c Conditions) spectra.Spectrum {
	t.Helper()
	s, err := Spectrum("test", lines, in, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	return s
}

var twoLines = []Line{{CM1: 700, Intensity: 1, WidthCM1: 6}, {CM1: 1400, Intensity: 0.5, WidthCM1: 6}}

func TestSimulatedSpectraSayThatTheyAre(t *testing.T) {
	s := simulated(t, twoLines, Handheld785(), Conditions{Counts: 1e4, Seed: 1})
	if !s.Metadata.Simulated || !strings.HasPrefix(s.Title, "SIMULATED ") || !strings.HasPrefix(s.Metadata.Instrument, "SIMULATED ") {
		t.Errorf("%q, %+v", s.Title, s.Metadata)
	}
	if s.Technique != spectra.Raman || s.XUnit != spectra.PerCM || len(s.X) != 1024 {
		t.Errorf("%s in %s, %d points", s.Technique, s.XUnit, len(s.X))
	}
	if lo, hi := s.Range(); math.Abs(lo-200) > 1e-6 || math.Abs(hi-2000) > 1e-6 {
		t.Errorf("range %g to %g", lo, hi)
	}
}

func TestTheSeedDecidesEverything(t *testing.T) {
	c := Conditions{Counts: 2e4, Fluorescence: 0.5, CosmicRays: 3, Seed: 7}
	a, b := simulated(t, twoLines, Handheld785(), c), simulated(t, twoLines, Handheld785(), c)
	if !reflect.DeepEqual(a, b) {
		t.Error("the same seed gave two spectra")
	}
	c.Seed = 8
	if slices.Equal(a.Y, simulated(t, twoLines, Handheld785(), c).Y) {
		t.Error("another seed gave the same spectrum")
	}
}

func TestBandsStandWhereTheLinesAreAndAreAsWideAsTheInstrumentMakesThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := quiet()
		in.ResolutionCM1 = rapid.Float64Range(4, 20).Draw(t, "resolution")
		in.ShiftCM1 = rapid.Float64Range(-10, 10).Draw(t, "axis error")
		l := Line{CM1: rapid.Float64Range(600, 1600).Draw(t, "position"), Intensity: 3, WidthCM1: rapid.Float64Range(0, 15).Draw(t, "width")}
		s, err := Spectrum("test", []Line{l}, in, Conditions{Counts: 1e8})
		if err != nil {
			t.Fatal(err)
		}
		top := 0
		for i := range s.Y {
			if s.Y[i] > s.Y[top] {
				top = i
			}
		}
		if math.Abs(s.X[top]-l.CM1-in.ShiftCM1) > 0.3 {
			t.Fatalf("line at %g appears at %g", l.CM1+in.ShiftCM1, s.X[top])
		}
		lo, hi := top, top
		for s.Y[lo] > s.Y[top]/2 {
			lo--
		}
		for s.Y[hi] > s.Y[top]/2 {
			hi++
		}
		// Olivero and Longbothum, J. Quant. Spectrosc. Radiat. Transfer 17 (1977) 233: width of a Voigt profile.
		want := 0.5346*l.WidthCM1 + math.Sqrt(0.2166*l.WidthCM1*l.WidthCM1+in.ResolutionCM1*in.ResolutionCM1)
		if got := s.X[hi] - s.X[lo]; math.Abs(got-want) > 0.02*want+0.6 {
			t.Fatalf("full width at half maximum %g, want %g", got, want)
		}
	})
}

func TestAreasFollowTheIntensities(t *testing.T) {
	s := simulated(t, twoLines, quiet(), Conditions{Counts: 1e8})
	area := func(lo, hi float64) (sum float64) {
		for i := 1; i < len(s.X); i++ {
			if s.X[i] > lo && s.X[i] < hi {
				sum += (s.X[i] - s.X[i-1]) * s.Y[i]
			}
		}
		return sum
	}
	if ratio := area(500, 900) / area(1200, 1600); math.Abs(ratio-2) > 0.02 {
		t.Errorf("areas 2 to 1 came out %.3f to 1", ratio)
	}
}

func TestNoiseIsShotAndReadNoise(t *testing.T) {
	in := Handheld785()
	in.Pixels, in.Gain, in.ReadNoise = 60000, 2, 10
	for _, light := range []float64{0, 5000} { // flat light: a band far wider than the window
		flat := []Line{{CM1: 1100, Intensity: 1, WidthCM1: 1e4}}
		s := simulated(t, flat, in, Conditions{Counts: light, Seed: 3})
		mean, sq := 0.0, 0.0
		mid := s.Y[30000-2000 : 30000+2000]
		for _, v := range mid {
			mean += v / float64(len(mid))
		}
		for _, v := range mid {
			sq += (v - mean) * (v - mean) / float64(len(mid)-1)
		}
		want := math.Sqrt(light/in.Gain + 100)
		if got := math.Sqrt(sq); math.Abs(got-want) > 0.06*want || math.Abs(mean-light) > 5*want/math.Sqrt(float64(len(mid)))+0.01*light {
			t.Errorf("light %g: mean %g, noise %g, want %g", light, mean, got, want)
		}
	}
}

func TestSaturationClipsAndIsCounted(t *testing.T) {
	in := Handheld785()
	s := simulated(t, twoLines, in, Conditions{Counts: 1e5, Seed: 1})
	clipped := 0
	for _, v := range s.Y {
		if v == s.Metadata.FullScale {
			clipped++
		}
	}
	if clipped == 0 || clipped != s.Metadata.SaturatedPoints || slices.Max(s.Y) != in.FullScale-in.Offset {
		t.Errorf("%d at full scale, %d counted, highest %g", clipped, s.Metadata.SaturatedPoints, slices.Max(s.Y))
	}
	if s := simulated(t, twoLines, in, Conditions{Counts: 1e4, Seed: 1}); s.Metadata.SaturatedPoints != 0 {
		t.Errorf("%d saturated in a good scan", s.Metadata.SaturatedPoints)
	}
}

func TestFluorescenceIsBroadAndAsHighAsAsked(t *testing.T) {
	in := quiet()
	with := simulated(t, twoLines, in, Conditions{Counts: 1e6, Fluorescence: 3, Seed: 5})
	without := simulated(t, twoLines, in, Conditions{Counts: 1e6, Seed: 5})
	top, steepest := 0.0, 0.0
	last := 0.0
	for i := range with.Y {
		v := with.Y[i] - without.Y[i]
		top = max(top, v)
		if i > 0 {
			steepest = max(steepest, math.Abs(v-last)/(with.X[i]-with.X[i-1]))
		}
		last = v
	}
	if math.Abs(top-3e6) > 1e4 || steepest > 3e6/100 {
		t.Errorf("highest %g, steepest %g a wavenumber", top, steepest)
	}
	empty := simulated(t, nil, in, Conditions{Counts: 1e6, Fluorescence: 1})
	if math.Abs(slices.Max(empty.Y)-1e6) > 1e4 {
		t.Errorf("background alone: %g", slices.Max(empty.Y))
	}
}

func TestMixKeepsTheShares(t *testing.T) {
	a := []Line{{CM1: 500, Intensity: 10, WidthCM1: 5}, {CM1: 600, Intensity: 30, WidthCM1: 5}}
	b := []Line{{CM1: 900, Intensity: 0.2, WidthCM1: 5}}
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.Float64Range(0.01, 100).Draw(t, "share of a")
		q := rapid.Float64Range(0.01, 100).Draw(t, "share of b")
		mixed, err := Mix([]Component{{a, p}, {b, q}, {a, 0}})
		if err != nil {
			t.Fatal(err)
		}
		if len(mixed) != 3 || math.Abs(mixed[0].Intensity+mixed[1].Intensity-p/(p+q)) > 1e-12 ||
			math.Abs(mixed[2].Intensity-q/(p+q)) > 1e-12 || math.Abs(mixed[1].Intensity-3*mixed[0].Intensity) > 1e-12 {
			t.Fatalf("%+v", mixed)
		}
	})
	if a[0].Intensity != 10 {
		t.Error("the component changed")
	}
	for _, c := range [][]Component{
		nil, {{a, 0}}, {{a, -1}, {b, 2}}, {{a, math.NaN()}}, {{a, math.Inf(1)}}, {{nil, 1}}, {{[]Line{{CM1: 1}}, 1}},
		{{[]Line{{CM1: 1, Intensity: -1}}, 1}}, {{make([]Line, MaxLines+1), 1}}, {{a, math.MaxFloat64}, {a, math.MaxFloat64}},
	} {
		if _, err := Mix(c); !errors.Is(err, ErrSample) {
			t.Errorf("%.60v: %v", c, err)
		}
	}
}

func TestSpectrumRefuses(t *testing.T) {
	good := Conditions{Counts: 1e4}
	change := func(f func(in *Instrument)) Instrument { in := Handheld785(); f(&in); return in }
	for _, c := range []struct {
		name  string
		lines []Line
		in    Instrument
		c     Conditions
		want  error
	}{
		{"zero instrument", twoLines, Instrument{}, good, ErrInstrument},
		{"few elements", twoLines, change(func(in *Instrument) { in.Pixels = 3 }), good, ErrInstrument},
		{"many elements", twoLines, change(func(in *Instrument) { in.Pixels = 1 << 20 }), good, ErrInstrument},
		{"range turned round", twoLines, change(func(in *Instrument) { in.HighCM1 = 100 }), good, ErrInstrument},
		{"no resolution", twoLines, change(func(in *Instrument) { in.ResolutionCM1 = 0 }), good, ErrInstrument},
		{"NaN gain", twoLines, change(func(in *Instrument) { in.Gain = math.NaN() }), good, ErrInstrument},
		{"full scale below offset", twoLines, change(func(in *Instrument) { in.FullScale = 500 }), good, ErrInstrument},
		{"negative counts", twoLines, Handheld785(), Conditions{Counts: -1}, ErrConditions},
		{"infinite background", twoLines, Handheld785(), Conditions{Counts: 1, Fluorescence: math.Inf(1)}, ErrConditions},
		{"a storm", twoLines, Handheld785(), Conditions{CosmicRays: 1e6}, ErrConditions},
		{"NaN line", []Line{{CM1: math.NaN(), Intensity: 1}}, Handheld785(), good, ErrSample},
		{"negative line", []Line{{CM1: 500, Intensity: -1}}, Handheld785(), good, ErrSample},
		{"too many lines", make([]Line, MaxLines+1), Handheld785(), good, ErrSample},
	} {
		if _, err := Spectrum("test", c.lines, c.in, c.c); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
