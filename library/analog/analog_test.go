package analog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"

	"fentrace/library/search"
	"fentrace/spectra"
	"fentrace/spectra/simulate"
)

// skeleton is what the members of the class share in these tests; substances that are none share nothing.
var skeleton = []simulate.Line{
	{CM1: 1002, Intensity: 6, WidthCM1: 7}, {CM1: 1031, Intensity: 3, WidthCM1: 7}, {CM1: 621, Intensity: 2, WidthCM1: 7},
	{CM1: 748, Intensity: 2, WidthCM1: 7}, {CM1: 1156, Intensity: 2, WidthCM1: 7}, {CM1: 1450, Intensity: 3, WidthCM1: 7},
	{CM1: 1598, Intensity: 4, WidthCM1: 7}, {CM1: 1650, Intensity: 3, WidthCM1: 7},
}

// material is a substance with lines of its own, and those of the skeleton for a fentanyl.
func material(fentanyl bool, seed uint64) []simulate.Line {
	rng := rand.New(rand.NewPCG(seed, 1))
	var lines []simulate.Line
	if fentanyl {
		lines = append(lines, skeleton...)
	}
	for range 12 {
		lines = append(lines, simulate.Line{CM1: 400 + 1400*rng.Float64(), Intensity: 2 * rng.Float64(), WidthCM1: 7})
	}
	return lines
}

func scanOf(t testing.TB, lines []simulate.Line, seed uint64) spectra.Spectrum {
	t.Helper()
	s, err := simulate.Spectrum("test", lines, simulate.Handheld785(), simulate.Conditions{Counts: 2e4, Fluorescence: 0.5, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func vectorOf(t testing.TB, s spectra.Spectrum) search.Vector {
	t.Helper()
	v, err := search.Prepare(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// collection is a library of so many substances of each class; the first six others are cuts.
func collection(t testing.TB, fentanyls, others int) (examples []Example) {
	for i := range fentanyls + others {
		is := i < fentanyls
		name := fmt.Sprintf("substance %d", i)
		examples = append(examples, Example{
			SubstanceID: name, Name: strings.ToUpper(name), Fentanyl: is, Cut: !is && i < fentanyls+6,
			Spectrum: scanOf(t, material(is, uint64(i)), uint64(i)),
		})
	}
	return examples
}

var fitOnce = sync.OnceValues(func() (*Model, error) {
	return Fit(context.Background(), collection(&testing.T{}, MinFentanyls, MinOthers), Options{ScansPerSubstance: 6, Seed: 1})
})

func fitted(t testing.TB) *Model {
	t.Helper()
	m, err := fitOnce()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func score(t testing.TB, m *Model, s spectra.Spectrum) Score {
	t.Helper()
	got, err := m.Score(vectorOf(t, s))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func mixed(t testing.TB, lines, cut []simulate.Line, share float64) []simulate.Line {
	t.Helper()
	all, err := simulate.Mix([]simulate.Component{{Lines: lines, Fraction: share}, {Lines: cut, Fraction: 1 - share}})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestAnAnalogTheLibraryDoesNotHaveAlarmsAloneAndInACut(t *testing.T) {
	m := fitted(t)
	cut := material(false, MinFentanyls)
	for seed := uint64(1000); seed < 1010; seed++ {
		for _, share := range []float64{1, 0.4} {
			for _, fentanyl := range []bool{true, false} {
				s := score(t, m, scanOf(t, mixed(t, material(fentanyl, seed), cut, share), seed))
				if s.Alarm != fentanyl || (s.Probability > 0.5) != fentanyl {
					t.Errorf("fentanyl %v, share %g, seed %d: %+v, threshold %g", fentanyl, share, seed, s, m.Threshold())
				}
			}
		}
	}
}

func TestWhatTheLibraryHasScoresByItsClass(t *testing.T) {
	m := fitted(t)
	for i := range MinFentanyls + MinOthers {
		if s := score(t, m, scanOf(t, material(i < MinFentanyls, uint64(i)), 500)); s.Alarm != (i < MinFentanyls) {
			t.Errorf("substance %d: %+v", i, s)
		}
	}
}

func TestACutAloneOrNothingButFluorescenceDoesNotAlarm(t *testing.T) {
	m := fitted(t)
	for seed := range uint64(10) {
		if s := score(t, m, scanOf(t, mixed(t, material(false, MinFentanyls), material(false, MinFentanyls+1), 0.5), seed)); s.Alarm || s.Unexplained > 0.1 {
			t.Errorf("two cuts: %+v", s)
		}
		if s := score(t, m, scanOf(t, []simulate.Line{{CM1: 1000, Intensity: 1, WidthCM1: 3000}}, seed)); s.Alarm {
			t.Errorf("noise: %+v", s)
		}
	}
}

func TestTheNearestKnownAnalogIsNamedFirst(t *testing.T) {
	m := fitted(t)
	s := score(t, m, scanOf(t, mixed(t, material(true, 3), material(false, MinFentanyls), 0.5), 9))
	if len(s.Nearest) != 3 || s.Nearest[0].SubstanceID != "substance 3" || s.Nearest[0].Name != "SUBSTANCE 3" ||
		s.Nearest[0].Similarity < 0.9 || s.Nearest[1].Similarity > s.Nearest[0].Similarity {
		t.Errorf("%+v", s.Nearest)
	}
}

func TestTheScoreFollowsNeitherScaleNorBackgroundNorASmallErrorOfTheAxis(t *testing.T) {
	m := fitted(t)
	s := scanOf(t, material(true, 1000), 1)
	want := score(t, m, s)
	other := s
	other.X, other.Y = append([]float64(nil), s.X...), append([]float64(nil), s.Y...)
	for i := range other.Y {
		other.Y[i] = 7*other.Y[i] + 1e5
		other.X[i] += 2
	}
	got := score(t, m, other)
	if d := got.Value - want.Value; d > 0.05 || d < -0.05 || got.ShiftCM1-want.ShiftCM1 < 1.5 || got.ShiftCM1-want.ShiftCM1 > 2.5 {
		t.Errorf("%+v, want like %+v", got, want)
	}
}

func TestAModelFromSimulatedReferencesSaysSoAndNamesNoPartOfTheMolecule(t *testing.T) {
	m := fitted(t)
	if s := score(t, m, scanOf(t, moved(material(true, 3), 1650, 1672), 2)); !m.Simulated() || s.Differs != nil {
		t.Errorf("simulated %v, differs %v", m.Simulated(), s.Differs)
	}
}

// moved is lines with one line of the skeleton elsewhere.
func moved(lines []simulate.Line, from, to float64) []simulate.Line {
	out := append([]simulate.Line(nil), lines...)
	for i := range out {
		if out[i].CM1 == from {
			out[i].CM1 = to
			out[i].Intensity *= 3
		}
	}
	return out
}

func TestThePartOfTheMoleculeThatDiffersIsNamedOnlyWhereTheDifferenceIs(t *testing.T) {
	examples := collection(t, MinFentanyls, MinOthers)
	for i := range examples {
		examples[i].Spectrum.Metadata.Simulated = false // stands for a recorded library
	}
	m, err := Fit(context.Background(), examples, Options{ScansPerSubstance: 3})
	if err != nil {
		t.Fatal(err)
	}
	s := score(t, m, scanOf(t, moved(material(true, 3), 1650, 1672), 2))
	if m.Simulated() || len(s.Differs) != 1 || !strings.Contains(s.Differs[0].Part, "N-acyl") || s.Nearest[0].SubstanceID != "substance 3" {
		t.Errorf("another amide line: %+v", s)
	}
	if s := score(t, m, scanOf(t, material(true, 3), 2)); s.Differs != nil {
		t.Errorf("the substance itself differs from itself: %+v", s.Differs)
	}
	if s := score(t, m, scanOf(t, material(true, 1001), 2)); s.Differs != nil {
		t.Errorf("one that differs everywhere: %+v", s.Differs)
	}
}

func TestTheSameSeedGivesTheSameModelAndAStoredOneTheSameScores(t *testing.T) {
	m := fitted(t)
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Fit(context.Background(), collection(t, MinFentanyls, MinOthers), Options{ScansPerSubstance: 6, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if other, err := json.Marshal(again); err != nil || string(other) != string(raw) {
		t.Errorf("the same examples and seed gave another model (%v)", err)
	}
	var read Model
	if err := json.Unmarshal(raw, &read); err != nil {
		t.Fatal(err)
	}
	s := scanOf(t, material(true, 1000), 1)
	if a, b := score(t, m, s), score(t, &read, s); !reflect.DeepEqual(a, b) {
		t.Errorf("%+v became %+v", a, b)
	}
	if !read.Simulated() || read.Threshold() != m.Threshold() {
		t.Error("the model read back lost its marks")
	}
}

func TestOneModelServesManyGoroutines(t *testing.T) {
	m := fitted(t)
	v := vectorOf(t, scanOf(t, material(true, 1000), 1))
	want, err := m.Score(v)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if got, err := m.Score(v); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	wg.Wait()
}

func TestFitRefuses(t *testing.T) {
	full := collection(t, MinFentanyls, MinOthers)
	noCuts := append([]Example(nil), full...)
	for i := range noCuts {
		noCuts[i].Cut = false
	}
	both := append([]Example(nil), full...)
	both[0].SubstanceID = both[len(both)-1].SubstanceID
	for _, c := range []struct {
		name     string
		examples []Example
		opts     Options
		want     error
	}{
		{"no examples", nil, Options{}, ErrTooFew},
		{"few fentanyls", full[1:], Options{}, ErrTooFew},
		{"few others", full[:len(full)-1], Options{}, ErrTooFew},
		{"no cuts", noCuts, Options{}, ErrTooFew},
		{"a substance of both classes", append(both, full[0]), Options{}, ErrOptions},
		{"false-alarm rate", full, Options{FalseAlarmRate: 1}, ErrOptions},
		{"scans", full, Options{ScansPerSubstance: 2}, ErrOptions},
		{"range", full, Options{LowCM1: 200}, ErrOptions},
		{"short range", full, Options{LowCM1: 1000, HighCM1: 1200}, ErrOptions},
	} {
		if _, err := Fit(context.Background(), c.examples, c.opts); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Fit(ctx, full, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestReferencesThatCannotTakePartAreNamed(t *testing.T) {
	examples := collection(t, MinFentanyls, MinOthers+2)
	short, infrared := &examples[len(examples)-1], &examples[len(examples)-2]
	short.Spectrum.X, short.Spectrum.Y = short.Spectrum.X[300:], short.Spectrum.Y[300:]
	infrared.Spectrum.Technique = spectra.IR
	m, err := Fit(context.Background(), examples, Options{ScansPerSubstance: 3})
	if err != nil {
		t.Fatal(err)
	}
	if out := strings.Join(m.LeftOut(), "\n"); len(m.LeftOut()) != 2 || !strings.Contains(out, short.Name+": it does not cover") ||
		!strings.Contains(out, infrared.Name+": its technique") {
		t.Errorf("%q", m.LeftOut())
	}
}

func TestScoreRefusesWhatItCannotCompare(t *testing.T) {
	m := fitted(t)
	v := vectorOf(t, scanOf(t, material(true, 0), 1))
	infrared, flat := v, v.With(make([]float64, len(v.Derivative)))
	infrared.Technique = spectra.IR
	narrow := scanOf(t, material(true, 0), 1)
	narrow.X, narrow.Y = narrow.X[150:], narrow.Y[150:]
	for name, v := range map[string]search.Vector{"infrared": infrared, "flat": flat, "narrow": vectorOf(t, narrow), "empty": {}} {
		if _, err := m.Score(v); !errors.Is(err, ErrScan) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzModelFromJSON(f *testing.F) {
	raw, err := json.Marshal(fitted(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw[:len(raw)/2])
	f.Add([]byte(`{"version":2,"options":{"FalseAlarmRate":0.01,"ScansPerSubstance":9,"LowCM1":382,"HighCM1":1866}}`))
	f.Add([]byte(`{"version":1}`))
	v := vectorOf(f, scanOf(f, material(true, 0), 1))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var m Model
		if err := m.UnmarshalJSON(raw); err != nil {
			if !errors.Is(err, ErrModel) {
				t.Fatalf("unmarked error: %v", err)
			}
			return
		}
		if _, err := m.Score(v); err != nil && !errors.Is(err, ErrScan) {
			t.Fatal(err)
		}
	})
}

// The score of several fits is the mean of what each would say alone, and so is the threshold.
func TestSeveralFitsAreAveraged(t *testing.T) {
	examples := collection(t, MinFentanyls, MinOthers)
	fit := func(seed uint64, fits int) *Model {
		m, err := Fit(context.Background(), examples, Options{ScansPerSubstance: 3, Seed: seed, Fits: fits})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	another := uint64(anotherSeed)
	both, first, second := fit(7, 2), fit(7, 1), fit(7+another, 1)
	if d := both.Threshold() - (first.Threshold()+second.Threshold())/2; math.Abs(d) > 1e-9 {
		t.Errorf("the threshold is %g off the mean", d)
	}
	for seed := range uint64(4) {
		v := vectorOf(t, scanOf(t, material(seed%2 == 0, 100+seed), seed))
		value := func(m *Model) float64 {
			s, err := m.Score(v)
			if err != nil {
				t.Fatal(err)
			}
			return s.Value
		}
		a, b := value(first), value(second)
		if d := value(both) - (a+b)/2; math.Abs(d) > 1e-6 || a == b {
			t.Errorf("scan %d: the score is %g off the mean of %g and %g", seed, d, a, b)
		}
	}
}
