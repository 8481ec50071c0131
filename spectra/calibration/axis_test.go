package calibration

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fentrace/bench/dataset"
	"fentrace/spectra"
)

func TestTheTablesAreInOrderAndFindable(t *testing.T) {
	for _, s := range Standards() {
		if !slices.IsSortedFunc(s.Lines, func(a, b Line) int { return compare(a.Position, b.Position) }) || s.Source == "" || s.Reach <= 0 {
			t.Errorf("%s: lines out of order, or no source or reach", s.Name)
		}
		for _, l := range s.Lines {
			if !(l.Relative > 0 && l.Relative <= 1) {
				t.Errorf("%s: line %g has height %g", s.Name, l.Position, l.Relative)
			}
		}
		for _, name := range append(slices.Clone(s.Aliases), s.Name) {
			if got, err := Find(" " + name); err != nil || got.Name != s.Name {
				t.Errorf("%q finds %s, %v", name, got.Name, err)
			}
		}
	}
	if _, err := Find("sugar"); !errors.Is(err, ErrUnknown) {
		t.Errorf("sugar finds %v", err)
	}
}

func TestAirAndVacuumAreToldApart(t *testing.T) {
	// Both wavelengths of each line are listed by the NIST Atomic Spectra Database.
	for _, w := range [][2]float64{{632.81646, 632.99147}, {585.24878, 585.41101}, {703.24128, 703.43513}, {811.53108, 811.75418}} {
		if got := VacuumNM(w[0]); math.Abs(got-w[1]) > 2e-4 {
			t.Errorf("%g nm in air is %.5f in vacuum, want %g", w[0], got, w[1])
		}
		if got := AirNM(VacuumNM(w[0])); math.Abs(got-w[0]) > 1e-9 {
			t.Errorf("%g nm there and back is %.10f", w[0], got)
		}
	}
}

func TestAnAxisWrongByAnythingSeenInTheFieldIsRecovered(t *testing.T) {
	for _, name := range []string{"polystyrene", "acetaminophen", "cyclohexane", "naphthalene", "benzonitrile"} {
		truth := handheld.sees(linesOf(t, name))
		for _, offset := range []float64{-150, -80, -20, 0, 35, 100, 150} {
			for _, stretch := range []float64{-0.01, 0, 0.01} {
				for _, bow := range []float64{-30, 0, 30} {
					wrong := distorted(truth, offset, stretch, bow)
					got, err := CalibrateAxis(Sample{name, wrong})
					if err != nil {
						t.Errorf("%s moved %g, stretched %g, bent %g: %v", name, offset, stretch, bow, err)
						continue
					}
					if !got.Accepted {
						t.Errorf("%s moved %g, stretched %g, bent %g: %s", name, offset, stretch, bow, got.Reason)
					}
					lines := linesOf(t, name)
					if e := dataset.AxisError(got.Axis.Correct, truth, wrong, lines[1].Position, lines[len(lines)-2].Position); e > 1 {
						t.Errorf("%s moved %g, stretched %g, bent %g: corrected to %.2f cm-1 on average", name, offset, stretch, bow, e)
					}
				}
			}
		}
	}
}

func TestOneSubstanceIsNotTakenForAnother(t *testing.T) {
	for _, is := range Standards() {
		if is.Lamp {
			continue
		}
		s := handheld.sees(is.Lines)
		for _, said := range Standards() {
			got, err := CalibrateAxis(Sample{said.Name, s})
			if said.Name == is.Name {
				if err != nil || !got.Accepted {
					t.Errorf("%s as itself: %v %s", is.Name, err, got.Reason)
				}
				continue
			}
			if err == nil && got.Accepted {
				t.Errorf("%s was taken for %s: %+v", is.Name, said.Name, got.After)
			}
		}
	}
}

func TestLinesThatFitTwiceAreRefused(t *testing.T) {
	// A comb fits itself after a move by one tooth.
	var comb []Line
	for x := 600.0; x <= 3000; x += 60 {
		comb = append(comb, Line{x, 0.8})
	}
	s := handheld.sees(comb)
	found, err := FindLines(s, 100, math.Inf(1))
	if err != nil {
		t.Fatal(err)
	}
	std := Standard{Name: "comb", Title: "Comb", Lines: comb[5:35], Reach: 100, Least: 5}
	_, err = matcher{std: std, lines: std.Lines, found: found, low: 150, top: 3300}.find()
	if !errors.Is(err, ErrAmbiguous) {
		t.Errorf("a comb gives %v", err)
	}
}

func TestADetectorReadOutFromTheWrongEndIsTurnedRound(t *testing.T) {
	truth := handheld.sees(linesOf(t, "acetaminophen"))
	wrong := reversed(distorted(truth, 40, 0, 10))
	got, err := CalibrateAxis(Sample{"acetaminophen", wrong})
	if err != nil || !got.Accepted || !got.Axis.Reversed {
		t.Fatalf("%v, %+v", err, got)
	}
	fixed, err := got.Axis.Apply(wrong)
	if err != nil {
		t.Fatal(err)
	}
	found, _ := FindLines(fixed, 100, math.Inf(1))
	if f, ok := nearest(found, 857.9, 3); !ok || math.Abs(f.X-857.9) > 0.5 {
		t.Errorf("the line at 857.9 is at %.1f", f.X)
	}
}

func TestALampAndARamanStandardTellWhereTheLaserIs(t *testing.T) {
	const said, laser = 785.0, 784.6
	narrow := look{low: 150, high: 2400, step: 1.2, width: 4, noise: 0.001, seed: 3}
	neon := linesOf(t, "neon")
	var lamp []Line
	for _, l := range neon {
		// The wavelengths are right, so the lamp stands where the laser as stated puts it.
		lamp = append(lamp, Line{ShiftCM1(said, l.Position), l.Relative})
	}
	silicon := narrow.sees([]Line{{520.45 + 1e7/said - 1e7/laser, 1}}) // 1e7/said-1e7/wl of light scattered from the real laser
	alone, err := CalibrateAxis(Sample{"neon", narrow.sees(lamp)})
	if err != nil || !alone.Accepted || alone.LaserNM != 0 || math.Abs(alone.Axis.Correct(1000)-1000) > 0.5 {
		t.Errorf("neon alone: %v, %+v", err, alone)
	}
	both, err := CalibrateAxis(Sample{"neon", narrow.sees(lamp)}, Sample{"silicon", silicon})
	if err != nil || !both.Accepted {
		t.Fatalf("neon and silicon: %v, %s", err, both.Reason)
	}
	if math.Abs(both.LaserNM-laser) > 0.02 {
		t.Errorf("the laser is at %.3f nm, want %g", both.LaserNM, laser)
	}
	shift := 1e7/laser - 1e7/said
	if got := both.Axis.Correct(1500); math.Abs(got-(1500+shift)) > 0.5 {
		t.Errorf("1500 is corrected to %.2f, want %.2f", got, 1500+shift)
	}
}

func TestAnAxisIsAppliedOnlyWhereItHolds(t *testing.T) {
	s := handheld.sees(linesOf(t, "polystyrene"))
	got, err := CalibrateAxis(Sample{"polystyrene", distorted(s, 30, 0, 0)})
	if err != nil {
		t.Fatal(err)
	}
	before := slices.Clone(s.X)
	out, err := got.Axis.Apply(s)
	if err != nil || !slices.Equal(s.X, before) || math.Abs(out.X[100]-s.X[100]+30) > 0.5 {
		t.Errorf("applied: %v; moved by %g", err, out.X[100]-s.X[100])
	}
	for name, c := range map[string]struct {
		spoil func(*spectra.Spectrum)
		want  error
	}{
		"infrared":      {func(s *spectra.Spectrum) { s.Technique = spectra.IR }, ErrTechnique},
		"in nanometres": {func(s *spectra.Spectrum) { s.XUnit = spectra.Nanometre }, ErrAxisUnit},
		"other laser":   {func(s *spectra.Spectrum) { s.Metadata.LaserNM = 532 }, ErrLaser},
	} {
		bad := s
		c.spoil(&bad)
		if _, err := got.Axis.Apply(bad); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (Axis{}).Apply(s); !errors.Is(err, ErrMonotonic) {
		t.Errorf("an empty correction gives %v", err)
	}
	folding := Axis{Correction: poly{Coefficients: []float64{0, 100, -900}, Centre: 1500, Scale: 1000, Low: 500, High: 2500}}
	if _, err := folding.Apply(s); !errors.Is(err, ErrMonotonic) {
		t.Errorf("a correction that folds the axis gives %v", err)
	}
}

func TestBeyondTheLinesTheCorrectionGoesOnStraight(t *testing.T) {
	p := poly{Coefficients: []float64{1, 2, 3, -4}, Centre: 1500, Scale: 900, Low: 600, High: 2400}
	for _, end := range []float64{p.Low, p.High} {
		out := 1.0
		if end == p.Low {
			out = -1
		}
		step := p.at(end+out*100) - p.at(end)
		again := p.at(end+out*200) - p.at(end+out*100)
		inside := (p.at(end) - p.at(end-out*0.01)) / (out * 0.01)
		if math.Abs(step-again) > 1e-9 || math.Abs(step/100*out-inside) > 1e-3 || math.Abs(p.slope(end)-inside) > 1e-3 {
			t.Errorf("at %g: steps of %g and %g, slope inside %g, slope() %g", end, step, again, inside, p.slope(end))
		}
	}
}

func TestAWrongSampleIsAnError(t *testing.T) {
	good := handheld.sees(linesOf(t, "polystyrene"))
	short := look{low: 1500, high: 2700, step: 2, width: 9, noise: 0.002}.sees(linesOf(t, "polystyrene"))
	nm := good
	nm.XUnit, nm.Metadata.LaserNM = spectra.Nanometre, 0
	ir := good
	ir.Technique = spectra.IR
	for name, c := range map[string]struct {
		sample Sample
		want   error
	}{
		"unknown standard":           {Sample{"salt", good}, ErrUnknown},
		"no such lines in the range": {Sample{"polystyrene", short}, ErrTooFewLines},
		"wavelengths without laser":  {Sample{"polystyrene", nm}, ErrLaser},
		"infrared":                   {Sample{"polystyrene", ir}, ErrTechnique},
		"empty":                      {Sample{"polystyrene", spectra.Spectrum{Technique: spectra.Raman}}, spectra.ErrEmpty},
	} {
		if _, err := CalibrateAxis(c.sample); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := CalibrateAxis(); !errors.Is(err, ErrTooFewLines) {
		t.Errorf("nothing: %v", err)
	}
	other := good
	other.Metadata.LaserNM = 532
	if _, err := CalibrateAxis(Sample{"polystyrene", good}, Sample{"polystyrene", other}); !errors.Is(err, ErrLaser) {
		t.Errorf("two lasers: %v", err)
	}
}

func TestALineFarFromTheOthersIsSetAsideAndABadAxisIsNotAccepted(t *testing.T) {
	lines := slices.Clone(linesOf(t, "acetaminophen"))
	lines[9].Position += 4 // 857.9
	got, err := CalibrateAxis(Sample{"acetaminophen", handheld.sees(lines)})
	if err != nil || !got.Accepted {
		t.Fatalf("%v %s", err, got.Reason)
	}
	if l := got.Lines[9]; l.Used || l.Note == "" {
		t.Errorf("the moved line: %+v", l)
	}
	for i := range lines { // an axis that jumps to and fro
		lines[i].Position += 3.2 * float64(i%2*2-1)
	}
	if got, err := CalibrateAxis(Sample{"acetaminophen", handheld.sees(lines)}); err == nil && (got.Accepted || got.Reason == "" || got.Advice == "") {
		t.Errorf("a jumping axis was accepted: %+v", got.After)
	}
}

func TestAnAxisSurvivesItsStoredForm(t *testing.T) {
	got, err := CalibrateAxis(Sample{"polystyrene", distorted(handheld.sees(linesOf(t, "polystyrene")), 12, 0.004, 8)})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var back AxisResult
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(got, back); d != "" {
		t.Error(d)
	}
}
