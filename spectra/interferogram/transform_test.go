package interferogram

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/floats"
	"pgregory.net/rapid"

	"fentrace/spectra"
	"fentrace/spectra/preprocess"
)

const laser = 15798.26 // cm-1, a helium-neon laser

// line is a Gaussian band of light.
type line struct{ position, width, height float64 }

// record is the interferogram of the lines with left points before and right points behind zero path difference, which lies
// offset points behind a sample, as seen by an instrument that delays wavenumber nu by chirp*nu.
func record(lines []line, left, right int, offset, chirp float64) []float64 {
	y := make([]float64, left+right+1)
	for i := range y {
		path := (float64(i-left) - offset) / (2 * laser)
		for _, l := range lines {
			// The envelope of a Gaussian line of this full width at half maximum.
			decay := math.Pi * l.width * path / (2 * math.Sqrt(math.Ln2))
			y[i] += l.height * math.Exp(-decay*decay) * math.Cos(2*math.Pi*l.position*path+chirp*l.position)
		}
	}
	return y
}

func of(y ...[]float64) Interferogram {
	return Interferogram{Sweeps: y, IntervalCM: 1 / (2 * laser), Title: "test"}
}

// sharp settings show lines where they are: no window, and points dense enough for a parabola through three of them.
func sharp() Settings {
	return Settings{Apodisation: NortonBeerMedium, Phase: Mertz, ZeroFill: 16, LowCM1: 400, HighCM1: 4000}
}

var knownLines = []line{{667.4, 9, 3}, {1028.3, 7, 5}, {1601.2, 8, 4}, {2349.143, 10, 6}, {2849.5, 12, 3}, {3060.125, 9, 2}}

func TestKnownLinesAreFoundWhereTheyAre(t *testing.T) {
	for _, c := range []struct {
		name          string
		left, right   int
		offset, chirp float64
		phase         Phase
	}{
		{"double-sided", 7900, 7900, 0, 0, Mertz},
		{"double-sided, zero path difference between two samples", 7900, 7900, 0.37, 0, Mertz},
		{"double-sided, chirped", 7900, 7900, 0.2, 1e-4, Mertz},
		{"unequal sides", 7344, 7900, -0.4, 0, Mertz},
		{"single-sided", 800, 15000, 0.25, 0, Mertz},
		{"single-sided, recorded the other way round", 15000, 800, -0.25, 0, Mertz},
		{"signed phase", 7900, 7900, 0.37, 0, MertzSigned},
		{"power", 7900, 7900, 0.37, 0, Power},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sharp()
			s.Phase = c.phase
			b, err := Transform(of(record(knownLines, c.left, c.right, c.offset, c.chirp)), s)
			if err != nil {
				t.Fatal(err)
			}
			y := slices.Clone(b.Y)
			for i := range y {
				y[i] = math.Abs(y[i]) // the signed phase gives every line the sign of its own
			}
			peaks := preprocess.FindPeaks(y, b.X(0), b.StepCM1, slices.Max(y)/20)
			if len(peaks) != len(knownLines) {
				t.Fatalf("%d lines, want %d: %+v", len(peaks), len(knownLines), peaks)
			}
			for i, l := range knownLines {
				if d := peaks[i].Position - l.position; math.Abs(d) > 0.01 {
					t.Errorf("line at %.4f cm-1, want %.4f (%+.4f)", peaks[i].Position, l.position, d)
				}
			}
		})
	}
}

func TestSingleAndDoubleSidedRecordsGiveTheSameLight(t *testing.T) {
	s := sharp()
	s.ResolutionCM1 = 4
	double, err := Transform(of(record(knownLines, 7900, 7900, 0, 0)), s)
	if err != nil {
		t.Fatal(err)
	}
	for _, sides := range [][2]int{{900, 7900}, {7900, 900}} {
		single, err := Transform(of(record(knownLines, sides[0], sides[1], 0, 0)), s)
		if err != nil {
			t.Fatal(err)
		}
		if d := floats.Distance(double.Y, single.Y, math.Inf(1)); d > 2e-3*slices.Max(double.Y) {
			t.Errorf("sides %v: %g of %g apart", sides, d, slices.Max(double.Y))
		}
	}
}

func TestBackwardSweepsAreTurnedRoundAndAveraged(t *testing.T) {
	forward := record(knownLines, 7400, 7340, 0.3, 0)
	backward := slices.Clone(forward)
	slices.Reverse(backward)
	s := spectra.Spectrum{Title: "dd", XUnit: spectra.DataPoint, YUnit: spectra.Arbitrary, Y: slices.Concat(forward, backward),
		Metadata: spectra.Metadata{SamplingIntervalCM: 1 / (2 * laser), Sweeps: 2}}
	for i := range s.Y {
		s.X = append(s.X, float64(i))
	}
	ig, err := FromSpectrum(s)
	if err != nil {
		t.Fatal(err)
	}
	if len(ig.Sweeps) != 2 || !slices.Equal(ig.Sweeps[0], ig.Sweeps[1]) {
		t.Fatalf("%d sweeps, not alike", len(ig.Sweeps))
	}
	both, err := Transform(ig, Default())
	if err != nil {
		t.Fatal(err)
	}
	// A sweep of the other sign, as detectors with different electronics record, adds the same light.
	floats.Scale(-1, ig.Sweeps[1])
	flipped, err := Transform(ig, Default())
	if err != nil {
		t.Fatal(err)
	}
	one, err := Transform(of(forward), Default())
	if err != nil {
		t.Fatal(err)
	}
	if d := floats.Distance(both.Y, one.Y, math.Inf(1)); d > 1e-9*slices.Max(one.Y) {
		t.Errorf("two equal sweeps are %g off one", d)
	}
	if d := floats.Distance(flipped.Y, one.Y, math.Inf(1)); d > 1e-9*slices.Max(one.Y) {
		t.Errorf("a flipped sweep is %g off", d)
	}
}

// anyRecord draws an interferogram with a clear centre burst.
func anyRecord(t *rapid.T) []float64 {
	var lines []line
	for range rapid.IntRange(2, 5).Draw(t, "lines") {
		lines = append(lines, line{rapid.Float64Range(500, 3900).Draw(t, "position"), rapid.Float64Range(150, 900).Draw(t, "width"), rapid.Float64Range(1, 5).Draw(t, "height")})
	}
	return record(lines, rapid.IntRange(900, 1100).Draw(t, "left"), rapid.IntRange(900, 1100).Draw(t, "right"), rapid.Float64Range(-0.5, 0.5).Draw(t, "offset"), 0)
}

func coarse() Settings {
	s := Default()
	s.ResolutionCM1 = 40
	return s
}

func mustTransform(t *rapid.T, y []float64, s Settings) SingleBeam {
	b, err := Transform(of(y), s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTransformIsLinearInTheLight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		y := anyRecord(t)
		factor, offset := rapid.Float64Range(0.01, 100).Draw(t, "factor"), rapid.Float64Range(-10, 10).Draw(t, "offset")
		one := mustTransform(t, y, coarse())
		scaled := slices.Clone(y)
		for i := range scaled {
			scaled[i] = factor*scaled[i] + offset // the offset is light that is not modulated
		}
		other := mustTransform(t, scaled, coarse())
		floats.Scale(factor, one.Y)
		if d := floats.Distance(one.Y, other.Y, math.Inf(1)); d > 1e-9*slices.Max(one.Y) {
			t.Fatalf("scaled by %g: %g off", factor, d)
		}
	})
}

func TestWhereTheBurstLiesInTheRecordDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		y := anyRecord(t)
		from := rapid.IntRange(0, 100).Draw(t, "from")
		to := len(y) - rapid.IntRange(0, 100).Draw(t, "to")
		s := coarse()
		a, b := mustTransform(t, y, s), mustTransform(t, y[from:to], s)
		if d := floats.Distance(a.Y, b.Y, math.Inf(1)); d > 1e-3*slices.Max(a.Y) { // only the mean differs
			t.Fatalf("without its ends: %g of %g off", d, slices.Max(a.Y))
		}
	})
}

func TestZeroFillingKeepsTheValuesAtTheOldPoints(t *testing.T) {
	y := record(knownLines, 7900, 7900, 0.2, 0)
	s := Default()
	s.LowCM1, s.HighCM1, s.ZeroFill = 0, 0, 1
	coarse, err := Transform(of(y), s)
	if err != nil {
		t.Fatal(err)
	}
	s.ZeroFill = 8
	fine, err := Transform(of(y), s)
	if err != nil {
		t.Fatal(err)
	}
	if len(coarse.Y) != 4097 || len(fine.Y) != 8*4096+1 || math.Abs(fine.X(len(fine.Y)-1)-laser) > 1e-9 {
		t.Fatalf("%d and %d points to %g", len(coarse.Y), len(fine.Y), fine.X(len(fine.Y)-1))
	}
	for i, v := range coarse.Y {
		if math.Abs(v-fine.Y[8*i]) > 1e-8 {
			t.Fatalf("point %d: %g and %g", i, v, fine.Y[8*i])
		}
	}
}

func TestMertzKeepsTheSignOfNoiseAndPowerDoesNot(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	y := record([]line{{1500, 600, 100}, {3400, 900, 5}}, 7200, 7200, 0.3, 0)
	noisy := slices.Clone(y)
	for i := range noisy {
		noisy[i] += 2 * rng.NormFloat64() // more than the light at 3,400 cm-1 makes at a point of the spectrum
	}
	s := Default()
	s.PhaseResolutionCM1 = 250
	s.LowCM1, s.HighCM1 = 3200, 3600
	mean := func(y []float64) float64 {
		b, err := Transform(of(y), s)
		if err != nil {
			t.Fatal(err)
		}
		return floats.Sum(b.Y) / float64(len(b.Y))
	}
	truth, mertz := mean(y), mean(noisy)
	s.Phase = Power
	power := mean(noisy)
	if math.Abs(mertz-truth) > 0.1*truth || power-truth < 0.5*truth {
		t.Errorf("of %g the mean is %g by Mertz and %g by power", truth, mertz, power)
	}
}

func TestTransformRefusesWhatItCannotDo(t *testing.T) {
	good := record(knownLines, 500, 500, 0, 0)
	with := func(change func(*Settings)) Settings {
		s := Default()
		change(&s)
		return s
	}
	for name, c := range map[string]struct {
		ig    Interferogram
		s     Settings
		cause error
		says  string
	}{
		"no sweep":           {of(), Default(), ErrNotInterferogram, "0 sweeps"},
		"no interval":        {Interferogram{Sweeps: [][]float64{good}}, Default(), ErrNotInterferogram, "0 cm apart"},
		"a short sweep":      {of(good[:9]), Default(), ErrNotInterferogram, "9 points"},
		"a constant":         {of(slices.Repeat([]float64{3}, 99)), Default(), ErrNoBurst, "are 3"},
		"a burst at the end": {of(good[500:]), Default(), ErrNoBurst, "point 1 of 501"},
		"not a number":       {of(append(slices.Clone(good), math.Inf(1))), Default(), ErrNoBurst, ""},
		"an unknown window":  {of(good), with(func(s *Settings) { s.Apodisation = "x" }), ErrSetting, `"x"`},
		"an unknown phase":   {of(good), with(func(s *Settings) { s.Phase = "" }), ErrSetting, "phase"},
		"three times":        {of(good), with(func(s *Settings) { s.ZeroFill = 3 }), ErrSetting, "by 3"},
		"no resolution":      {of(good), with(func(s *Settings) { s.ResolutionCM1 = math.NaN() }), ErrSetting, "NaN"},
		"all too coarse":     {of(good), with(func(s *Settings) { s.ResolutionCM1 = 1e5 }), ErrSetting, "at most 7109"},
		"a range turned":     {of(good), with(func(s *Settings) { s.LowCM1, s.HighCM1 = 900, 400 }), ErrSetting, "900 to 400"},
		"a range far out":    {of(good), with(func(s *Settings) { s.LowCM1, s.HighCM1 = 2e4, 3e4 }), ErrSetting, "from 0 to 15798"},
		"too many points":    {of(make([]float64, 1<<20)), with(func(s *Settings) { s.ZeroFill = 64 }), ErrNoBurst, "are 0"},
		"filled too far":     {of(append(make([]float64, 1<<20), good...)), with(func(s *Settings) { s.ZeroFill = 64 }), spectra.ErrTooLarge, "after zero filling"},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := Transform(c.ig, c.s)
			if !errors.Is(err, c.cause) || !strings.Contains(err.Error(), c.says) || b.Y != nil {
				t.Errorf("%v\nwant %v, saying %q", err, c.cause, c.says)
			}
		})
	}
}

func TestFromSpectrumRefusesWhatIsNoInterferogram(t *testing.T) {
	good := func() spectra.Spectrum {
		s := spectra.Spectrum{Title: "scan", XUnit: spectra.DataPoint, Metadata: spectra.Metadata{SamplingIntervalCM: 1e-4, Sweeps: 1}}
		for i := range 64 {
			s.X, s.Y = append(s.X, float64(i)), append(s.Y, float64(i%7))
		}
		return s
	}
	if _, err := FromSpectrum(good()); err != nil {
		t.Fatal(err)
	}
	for says, change := range map[string]func(*spectra.Spectrum){
		"points are needed":    func(s *spectra.Spectrum) { s.XUnit = spectra.PerCM },
		"not stated":           func(s *spectra.Spectrum) { s.Metadata.SamplingIntervalCM = 0 },
		"64 points in 3":       func(s *spectra.Spectrum) { s.Metadata.Sweeps = 3 },
		"64 points in 8":       func(s *spectra.Spectrum) { s.Metadata.Sweeps = 8 },
		"no data points":       func(s *spectra.Spectrum) { s.X, s.Y = nil, nil },
		"value 1: value is Na": func(s *spectra.Spectrum) { s.Y[0] = math.NaN() },
	} {
		s := good()
		change(&s)
		if _, err := FromSpectrum(s); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want one that says %q", err, says)
		}
	}
}
