package identify

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"fentrace/library"
	"fentrace/spectra"
)

// Lines of made-up substances; they stand for nothing real.
var (
	linesSugar   = []float64{402, 548, 641, 850, 919, 1040, 1125, 1238, 1350, 1461}
	linesOil     = []float64{600, 870, 968, 1080, 1263, 1301, 1440, 1655, 1745}
	linesOpioid  = []float64{448, 620, 747, 831, 1001, 1030, 1155, 1207, 1437, 1597, 1643}
	linesAnalog  = []float64{448, 620, 747, 831, 1001, 1030, 1155, 1207, 1437, 1597, 1648}
	linesStrange = []float64{480, 700, 790, 1110, 1390, 1510, 1580}
)

// sample is one scan to make: lines of unit height with a width, in counts over a background.
type sample struct {
	parts   map[string]float64
	counts  float64 // height of the strongest line
	noise   float64
	back    float64
	shift   float64
	seed    uint64
	scale   float64 // of the finished scan, 0 for 1
	step    float64 // cm-1, 0 for 2
	low     float64
	highCM1 float64
}

var lines = map[string][]float64{
	"sugar": linesSugar, "oil": linesOil, "opioid": linesOpioid, "analog": linesAnalog, "strange": linesStrange,
}

func (s sample) spectrum() spectra.Spectrum {
	out := spectra.Spectrum{Title: "made up", Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Counts}
	rng := rand.New(rand.NewPCG(s.seed, 5))
	low, high, step := s.low, s.highCM1, s.step
	if low == 0 {
		low = 250
	}
	if high == 0 {
		high = 2000
	}
	if step == 0 {
		step = 2
	}
	for x := low; x <= high; x += step {
		y := 100 + s.back*math.Exp(-math.Pow((x-1200)/900, 2))
		for name, amount := range s.parts {
			for i, at := range lines[name] {
				height := s.counts * amount * (0.35 + 0.65*math.Abs(math.Sin(float64(3*i+len(name)))))
				y += height / (1 + math.Pow((x-at-s.shift)/5, 2))
			}
		}
		out.X, out.Y = append(out.X, x), append(out.Y, y+s.noise*rng.NormFloat64())
	}
	if s.scale != 0 {
		for i := range out.Y {
			out.Y[i] *= s.scale
		}
	}
	return out
}

func pure(name string) sample {
	return sample{parts: map[string]float64{name: 1}, counts: 5000, noise: 5, back: 300, seed: 1}
}

type entry struct {
	name, class, schedule string
	tier                  library.Tier
}

func identifier(t testing.TB, entries ...entry) *Identifier {
	t.Helper()
	var subs []library.Substance
	var refs []library.Reference
	for _, e := range entries {
		subs = append(subs, library.Substance{ID: e.name, Name: e.name, Class: e.class, Schedule: e.schedule, Controlled: e.schedule != ""})
		ref := library.Reference{ID: e.name + "-" + string(e.tier), SubstanceID: e.name, Tier: e.tier, Technique: spectra.Raman}
		if e.tier == library.Published {
			for _, at := range lines[e.name] {
				ref.Peaks = append(ref.Peaks, library.Peak{PositionCM1: at, Relative: 100})
			}
		} else {
			made := sample{parts: map[string]float64{e.name: 1}, counts: 8000, noise: 1, seed: 99, step: 1}.spectrum()
			ref.Spectrum = &made
		}
		refs = append(refs, ref)
	}
	id, err := New(library.NewStack(subs, refs), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

var (
	sugar           = entry{name: "sugar", class: "cutting agent", tier: library.Measured}
	oil             = entry{name: "oil", class: "container", tier: library.Measured}
	opioid          = entry{name: "opioid", class: "fentanyl", schedule: "CSA II", tier: library.Measured}
	lookalike       = entry{name: "analog", class: "fentanyl", schedule: "CSA I", tier: library.Measured}
	threeSubstances = []entry{sugar, oil, opioid}
)

func answer(t testing.TB, id *Identifier, s spectra.Spectrum) Identification {
	t.Helper()
	ans, err := id.Identify(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	checkWords(t, ans)
	if _, err := json.Marshal(ans); err != nil {
		t.Fatalf("answer does not survive JSON: %v", err)
	}
	return ans
}

var forbidden = regexp.MustCompile(`(?i)\b(identified|confirmed|safe|positive|negative|clean\b)`)

// checkWords: whatever the answer, a field result never says more than it knows.
func checkWords(t testing.TB, ans Identification) {
	t.Helper()
	said := append([]string{ans.Headline, ans.Summary}, append(slices.Clone(ans.Reasons), ans.NextSteps...)...)
	for _, s := range said {
		if m := forbidden.FindString(strings.ReplaceAll(s, "clean the window", "")); m != "" {
			t.Errorf("answer says %q: %s", m, s)
		}
	}
	if ans.Verdict == NoAlarm && len(ans.DetectionLimits) == 0 {
		t.Error("no alarm without a detection limit")
	}
	if ans.Verdict == Inconclusive && (len(ans.Reasons) == 0 || len(ans.NextSteps) == 0) {
		t.Error("no answer without a reason and a next step")
	}
}

func TestKnownHarmlessMaterialGivesNoAlarmWithItsLimit(t *testing.T) {
	ans := answer(t, identifier(t, threeSubstances...), pure("sugar").spectrum())
	if ans.Verdict != NoAlarm || ans.Findings[0].Substance != "sugar" || ans.Quality.Axis != axisOK {
		t.Fatalf("%s: %s %+v", ans.Verdict, ans.Headline, ans.Findings)
	}
	if ans.DetectionLimits[0].Substance != "opioid" || ans.DetectionLimits[0].Fraction <= 0 || ans.DetectionLimits[0].Fraction > 0.3 {
		t.Errorf("limits %+v", ans.DetectionLimits)
	}
	if !strings.HasPrefix(ans.Headline, "NOTHING CONTROLLED SEEN above ") {
		t.Errorf("headline %q", ans.Headline)
	}
}

func TestControlledSubstanceRaisesAlarmPureAndInAMixture(t *testing.T) {
	id := identifier(t, threeSubstances...)
	mixed := pure("sugar")
	mixed.parts = map[string]float64{"sugar": 0.7, "opioid": 0.3}
	for name, s := range map[string]spectra.Spectrum{"pure": pure("opioid").spectrum(), "30 % in sugar": mixed.spectrum()} {
		ans := answer(t, id, s)
		if ans.Verdict != Alarm || len(controlled(ans.Findings)) != 1 {
			t.Fatalf("%s: %s, %s, %+v", name, ans.Verdict, ans.Headline, ans.Findings)
		}
	}
	ans := answer(t, id, mixed.spectrum())
	if ans.Findings[0].Substance != "opioid" {
		t.Errorf("an alarm that names %s first", ans.Findings[0].Substance)
	}
	for _, f := range ans.Findings {
		want := map[string]float64{"sugar": 0.7, "opioid": 0.3}[f.Substance]
		if math.Abs(f.Fraction.Estimate-want) > 0.08 || f.Fraction.Low > f.Fraction.Estimate || f.Fraction.High < f.Fraction.Estimate {
			t.Errorf("%s: share %+v, want about %.1f", f.Substance, f.Fraction, want)
		}
	}
}

func TestAnalogsThatCannotBeToldApartAreNamedByClass(t *testing.T) {
	noisy := pure("opioid")
	noisy.noise = 150
	ans := answer(t, identifier(t, sugar, opioid, lookalike), noisy.spectrum())
	if ans.Verdict != Alarm || ans.Headline != "ALARM: fentanyl-type substance" {
		t.Fatalf("%s: %s (%s)", ans.Verdict, ans.Headline, ans.Summary)
	}
}

func TestSimulatedReferencesSpeakOnlyAboutSimulatedScans(t *testing.T) {
	fake := opioid
	fake.tier = library.Simulated
	id := identifier(t, sugar, fake)
	scan := pure("opioid").spectrum()
	real := answer(t, id, scan)
	if real.Verdict != Inconclusive || slices.ContainsFunc(real.Candidates, func(f Finding) bool { return f.Tier == library.Simulated }) {
		t.Errorf("real scan: %s, %+v", real.Verdict, real.Candidates)
	}
	scan.Metadata.Simulated = true
	simulated := answer(t, id, scan)
	if simulated.Verdict != Alarm || !simulated.Simulated || !strings.Contains(simulated.Summary, "SIMULATED") {
		t.Errorf("simulated scan: %s %s", simulated.Verdict, simulated.Summary)
	}
}

func TestPublishedTableSupportsTheClassNotTheName(t *testing.T) {
	table := opioid
	table.tier = library.Published
	id := identifier(t, sugar, table)
	ans := answer(t, id, pure("opioid").spectrum())
	if ans.Verdict != Alarm || ans.Headline != "ALARM: fentanyl-type substance" || ans.Findings[0].ChanceAgreement == nil {
		t.Fatalf("%s: %s %+v", ans.Verdict, ans.Headline, ans.Findings)
	}
	if other := answer(t, id, pure("strange").spectrum()); other.Verdict != Inconclusive {
		t.Errorf("other lines: %s %s", other.Verdict, other.Headline)
	}
	harmless := sugar
	harmless.tier = library.Published
	if ans := answer(t, identifier(t, harmless), pure("sugar").spectrum()); ans.Verdict != Inconclusive || ans.Candidates[0].Substance != "sugar" {
		t.Errorf("a table alone answered %s %s", ans.Verdict, ans.Headline)
	}
}

func TestWrongAxisIsAFaultNotAnAnswer(t *testing.T) {
	id := identifier(t, threeSubstances...)
	for _, name := range []string{"sugar", "oil", "opioid"} {
		for _, shift := range []float64{-143, -69, 40, 120} {
			s := pure(name)
			s.shift = shift
			ans := answer(t, id, s.spectrum())
			if ans.Verdict != Inconclusive || ans.Quality.Axis != axisFaulty || math.Abs(ans.Quality.AxisShiftCM1-shift) > 2 {
				t.Errorf("%s moved %+.0f: %s %s, axis %s %+.1f", name, shift, ans.Verdict, ans.Headline, ans.Quality.Axis, ans.Quality.AxisShiftCM1)
			}
		}
		turned := pure(name).spectrum()
		slices.Reverse(turned.Y)
		if ans := answer(t, id, turned); ans.Quality.Axis != axisFaulty || ans.Verdict != Inconclusive {
			t.Errorf("%s read out backwards: %s %s", name, ans.Verdict, ans.Headline)
		}
	}
}

func TestPoorScansGetAReasonNotAnAnswer(t *testing.T) {
	id := identifier(t, threeSubstances...)
	weak := pure("opioid")
	weak.counts, weak.noise = 30, 12
	bright := pure("strange")
	bright.counts, bright.noise, bright.back = 1000, 20, 60000
	clipped := pure("opioid").spectrum()
	for i := range clipped.Y {
		clipped.Y[i] = math.Min(clipped.Y[i], 3000)
	}
	short := pure("opioid")
	short.low, short.highCM1 = 2400, 3200
	near := short.spectrum()
	near.Technique, near.XUnit, near.YUnit = spectra.IR, spectra.Nanometre, spectra.Absorbance
	for i := range near.X {
		near.X[i] = 900 + float64(i)
	}
	for _, c := range []struct {
		scan spectra.Spectrum
		want string
	}{
		{weak.spectrum(), "signal too weak"},
		{clipped, "detector saturated"},
		{short.spectrum(), "outside the range compared"},
		{near, "near infrared, which the library does not hold"},
		{pure("strange").spectrum(), "not in the library"},
		{bright.spectrum(), "fluorescence"},
	} {
		ans := answer(t, id, c.scan)
		if ans.Verdict != Inconclusive || ans.Headline != "NO ANSWER: "+c.want {
			t.Errorf("want %q, got %s: %s (snr %.1f, fluorescence %.2f)", c.want, ans.Verdict, ans.Headline, ans.Quality.SNR, ans.Quality.Fluorescence)
		}
	}
}

// One detector element hit by a cosmic ray must neither hide a substance nor pass for saturation.
func TestCosmicRaysChangeNoAnswer(t *testing.T) {
	id := identifier(t, threeSubstances...)
	for name, want := range map[string]Verdict{"opioid": Alarm, "sugar": NoAlarm} {
		for _, at := range []int{80, 300, 411, 555, 690} {
			scan := pure(name).spectrum()
			scan.Y[at] += 30000
			scan.Metadata.SaturatedPoints = 1
			if ans := answer(t, id, scan); ans.Verdict != want || ans.Quality.Saturated != 0 {
				t.Errorf("%s with a ray at %.0f cm-1: %s, %s", name, scan.X[at], ans.Verdict, ans.Headline)
			}
		}
	}
}

func TestEmptyLibrarySaysSo(t *testing.T) {
	ans := answer(t, identifier(t), pure("sugar").spectrum())
	if ans.Verdict != Inconclusive || ans.Headline != "NO ANSWER: no reference to compare with" {
		t.Errorf("%s: %s", ans.Verdict, ans.Headline)
	}
}

func TestBrokenSpectraAndOptionsAreErrors(t *testing.T) {
	id := identifier(t, sugar)
	nan := pure("sugar").spectrum()
	nan.Y[7] = math.NaN()
	if _, err := id.Identify(context.Background(), nan); !errors.Is(err, spectra.ErrNotFinite) {
		t.Errorf("NaN: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := id.Identify(ctx, pure("sugar").spectrum()); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := New(library.NewStack(nil, nil), Options{MaxShiftCM1: 21}); err == nil {
		t.Error("an axis error of 21 cm-1 was accepted")
	}
}

// The same scan gets the same answer whatever its grid, order, unit or scale.
func TestAnswerDoesNotDependOnOrderScaleOrGrid(t *testing.T) {
	id := identifier(t, threeSubstances...)
	rapid.Check(t, func(rt *rapid.T) {
		s := pure(rapid.SampledFrom([]string{"sugar", "oil", "opioid"}).Draw(rt, "sample"))
		base := answer(t, id, s.spectrum())
		s.scale = math.Pow(10, rapid.Float64Range(-4, 4).Draw(rt, "decades"))
		s.step = rapid.SampledFrom([]float64{1, 2, 3}).Draw(rt, "step")
		scan := s.spectrum()
		if rapid.Bool().Draw(rt, "descending") {
			slices.Reverse(scan.X)
			slices.Reverse(scan.Y)
		}
		got := answer(t, id, scan)
		if got.Verdict != base.Verdict || got.Findings[0].Substance != base.Findings[0].Substance {
			rt.Fatalf("%s %s became %s %s", base.Verdict, base.Headline, got.Verdict, got.Headline)
		}
		if d := math.Abs(got.Findings[0].Score - base.Findings[0].Score); d > 0.03 {
			rt.Fatalf("score moved by %.3f", d)
		}
	})
}

func TestOverlayShowsTheScanItsReferenceAndTheDifference(t *testing.T) {
	id := identifier(t, threeSubstances...)
	scan := pure("sugar").spectrum()
	o, err := id.Overlay(scan, answer(t, id, scan))
	if err != nil {
		t.Fatal(err)
	}
	if len(o.References) != 1 || o.References[0].Label != "sugar" || o.Difference == nil || o.Presumptive != Presumptive {
		t.Fatalf("overlay %d references, difference %v", len(o.References), o.Difference != nil)
	}
	var worst float64
	for _, y := range o.Difference.Y {
		worst = max(worst, math.Abs(y))
	}
	if worst > 0.15 {
		t.Errorf("difference of a scan and its own substance reaches %.2f of the strongest line", worst)
	}
	if _, err := id.Overlay(spectra.Spectrum{}, Identification{}); err == nil {
		t.Error("an empty scan was drawn")
	}
}

// Harmless material that a controlled substance could hide in is no reason for calm.
func TestNoAlarmIsWithheldWhenAFentanylCouldHide(t *testing.T) {
	lines["twin"] = linesSugar
	twin := entry{name: "twin", class: "fentanyl-analog", schedule: "CSA I", tier: library.Measured}
	noisy := pure("sugar")
	noisy.noise = 100
	ans := answer(t, identifier(t, sugar, twin), noisy.spectrum())
	if ans.Verdict == NoAlarm {
		t.Errorf("%s although an analog with the same lines is in the library: %+v", ans.Headline, ans.DetectionLimits)
	}
}

func TestAnAnswerSaysThatTheCalibrationOfTheInstrumentDoesNotCount(t *testing.T) {
	id := identifier(t, sugar)
	for state, want := range map[spectra.CalibrationState]string{
		spectra.CalibrationValid: "", spectra.CalibrationExpired: "expired on 2026-04-01", spectra.CalibrationFailed: "calibration of the instrument failed",
	} {
		s := pure("sugar").spectrum()
		s.Metadata.Calibration = &spectra.Calibration{State: state, Until: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)}
		ans := answer(t, id, s)
		reasons := strings.Join(ans.Reasons, "; ")
		if said := strings.Contains(reasons, "calibration"); said != (want != "") || !strings.Contains(reasons, want) {
			t.Errorf("%s: the reasons are %q", state, reasons)
		}
	}
}

// The lines of a standard in the scan, here of what the sample is scanned through, put a wrong axis right; the fault is
// named and the answer is that of the right axis.
func TestTheKnownLinesOfAStandardPutAWrongAxisRight(t *testing.T) {
	lines["polystyrene"] = []float64{620.9, 795.8, 1001.4, 1031.8, 1155.3, 1450.5, 1583.1, 1602.3}
	id := identifier(t, append(threeSubstances, entry{name: "polystyrene", class: "container", tier: library.Measured})...)
	for _, c := range []struct {
		of   map[string]float64
		want Verdict
	}{
		{map[string]float64{"polystyrene": 1}, NoAlarm},
		{map[string]float64{"polystyrene": 1, "opioid": 0.3}, Alarm},
	} {
		for _, shift := range []float64{-69, 40, 120} {
			s := pure("polystyrene")
			s.parts, s.shift = c.of, shift
			ans := answer(t, id, s.spectrum())
			if q := ans.Quality; ans.Verdict != c.want || q.Axis != axisMended || q.AxisKnown != "polystyrene" || q.AxisMeanCM1 > 1 || math.Abs(q.AxisShiftCM1-shift) > 3 {
				t.Errorf("%v moved %+.0f: %s, %+v", c.of, shift, ans.Headline, q)
			}
			if !slices.ContainsFunc(ans.NextSteps, func(s string) bool { return strings.Contains(s, "fentrace calibrate axis --standard polystyrene") }) {
				t.Errorf("next steps %q", ans.NextSteps)
			}
			o, err := id.Overlay(s.spectrum(), ans)
			if err != nil {
				t.Fatal(err)
			}
			at := o.Scan.X[slices.Index(o.Scan.Y, slices.Max(o.Scan.Y))]
			if !slices.ContainsFunc(lines["polystyrene"], func(l float64) bool { return math.Abs(at-l) < 3 }) {
				t.Errorf("%v moved %+.0f: the strongest line is drawn at %.1f", c.of, shift, at)
			}
		}
	}
	s := pure("sugar")
	s.shift = 69
	if q := answer(t, id, s.spectrum()).Quality; q.Axis != axisFaulty || q.AxisKnown != "" {
		t.Errorf("sugar has no known lines: %+v", q)
	}
}

// Distances between lines that are wrong are a fault of the axis as well.
func TestAStretchedAxisIsAFault(t *testing.T) {
	id := identifier(t, threeSubstances...)
	for _, name := range []string{"sugar", "oil", "opioid"} {
		for _, stretch := range []float64{-0.03, -0.015, 0.015, 0.03} {
			scan := pure(name).spectrum()
			for i := range scan.X {
				scan.X[i] *= 1 + stretch
			}
			if ans := answer(t, id, scan); ans.Verdict != Inconclusive || ans.Quality.Axis != axisFaulty {
				t.Errorf("%s stretched by %+.1f %%: %s, axis %s", name, 100*stretch, ans.Headline, ans.Quality.Axis)
			}
		}
	}
}

// A part that is probable by its own agreement and by what is lost without it is stated, one that is not is left out.
func TestProbabilityRisesWithTheEvidence(t *testing.T) {
	weak := Support{With: 0.6, Without: 0.55, Own: 0.5, SNR: 100}
	for what, better := range map[string]Support{
		"agrees better": {With: 0.8, Without: 0.55, Own: 0.5, SNR: 100}, "is missed more": {With: 0.6, Without: 0.2, Own: 0.5, SNR: 100},
		"agrees with the rest": {With: 0.6, Without: 0.55, Own: 0.8, SNR: 100}, "agrees as well in noise": {With: 0.6, Without: 0.55, Own: 0.5, SNR: 10},
	} {
		if Shipped.Probability(better) <= Shipped.Probability(weak) {
			t.Errorf("a part that %s is no more probable", what)
		}
	}
	if p := Shipped.Probability(Support{With: 1, Own: 1, SNR: 1e9}); p < 0.99 || p >= 1 {
		t.Errorf("the best there is has probability %g", p)
	}
}

func TestAValidationThatCannotBeReadIsAnErrorWithWhatToDo(t *testing.T) {
	if _, err := New(library.NewStack(nil, nil), Options{Calibration: &Calibration{}}); err == nil {
		t.Error("a calibration that states nothing was accepted")
	}
}

// A scan within the error that is forgiven is answered, and says how far its axis is off.
func TestAnAnswerSaysThatTheAxisIsOff(t *testing.T) {
	id := identifier(t, threeSubstances...)
	for shift, want := range map[float64]string{0: axisOK, 2: axisOK, 6: axisOff, -7: axisOff} {
		s := pure("sugar")
		s.shift = shift
		ans := answer(t, id, s.spectrum())
		q := ans.Quality
		if ans.Verdict != NoAlarm || q.Axis != want || want == axisOff && math.Abs(q.AxisShiftCM1-shift) > 1 {
			t.Errorf("moved %+.0f: %s, axis %s %+.1f", shift, ans.Headline, q.Axis, q.AxisShiftCM1)
		}
		if said := strings.Contains(strings.Join(ans.NextSteps, "; "), "recalibrate"); said != (want == axisOff) {
			t.Errorf("moved %+.0f: next steps %q", shift, ans.NextSteps)
		}
	}
}
