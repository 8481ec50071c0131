package identify

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// findingOf is the finding of a substance in an answer.
func findingOf(t *testing.T, ans Identification, name string) Finding {
	t.Helper()
	for _, f := range ans.Findings {
		if f.Substance == name {
			return f
		}
	}
	t.Fatalf("%s is not among the findings: %s", name, ans.Summary)
	return Finding{}
}

func TestPartsOfAMixtureAreNamedWithTheirSharesOfTheSignal(t *testing.T) {
	id := identifier(t, sugar, oil, opioid, entry{name: "strange", class: "other", tier: "measured"})
	mixed := pure("sugar")
	mixed.parts = map[string]float64{"sugar": 0.5, "opioid": 0.3, "strange": 0.2}
	ans := answer(t, id, mixed.spectrum())
	if len(ans.Findings) != 3 || ans.Verdict != Alarm || len(ans.ForeignLines) != 0 {
		t.Fatalf("%s: %s (foreign %v)", ans.Verdict, ans.Summary, ans.ForeignLines)
	}
	var sum float64
	for _, f := range ans.Findings {
		sum += f.Fraction.Estimate
		if !(f.Fraction.Low > 0 && f.Fraction.Low < f.Fraction.Estimate && f.Fraction.Estimate < f.Fraction.High && f.Fraction.High < 1) {
			t.Errorf("%s: %+v", f.Substance, *f.Fraction)
		}
	}
	if math.Abs(sum-1) > 0.005 {
		t.Errorf("shares add up to %.3f", sum)
	}
	if a, b := findingOf(t, ans, "sugar").Fraction, findingOf(t, ans, "strange").Fraction; a.Low <= b.High {
		t.Errorf("half of sugar (%+v) is not more than a fifth of the strange one (%+v)", *a, *b)
	}
}

func TestTheContainerIsNoPartOfTheSample(t *testing.T) {
	id := identifier(t, threeSubstances...)
	through := pure("sugar")
	through.parts = map[string]float64{"sugar": 0.6, "oil": 0.4} // the oil is of class "container"
	ans := answer(t, id, through.spectrum())
	if c := findingOf(t, ans, "oil"); !c.Container || c.Fraction.Estimate > 0.6 {
		t.Errorf("container: %+v, share %+v", c, c.Fraction)
	}
	if s := findingOf(t, ans, "sugar"); s.Container || s.Fraction.Estimate != 1 {
		t.Errorf("sample: %+v, share %+v; it is all of the sample that was seen", s, s.Fraction)
	}
	empty := answer(t, id, pure("oil").spectrum())
	if !slices.ContainsFunc(empty.Reasons, func(r string) bool { return strings.Contains(r, "only lines of a container") }) {
		t.Errorf("of an empty container it is said: %q %q", empty.Summary, empty.Reasons)
	}
}

// Whatever is not in the library is either named as being there or keeps the scan from being answered.
func TestSomethingElseInTheScanIsNotPassedOver(t *testing.T) {
	id := identifier(t, threeSubstances...)
	for _, share := range []float64{0.2, 0.3, 0.4, 0.5, 0.7, 0.9} {
		mixed := pure("sugar")
		mixed.parts = map[string]float64{"sugar": 1 - share, "strange": share}
		ans := answer(t, id, mixed.spectrum())
		for _, f := range ans.Findings {
			if f.Substance != "sugar" {
				t.Errorf("%.0f %% foreign: named %s", 100*share, f.Substance)
			}
		}
		if ans.Verdict == Inconclusive {
			if len(ans.ForeignLines) > 0 || len(ans.Findings) > 0 {
				t.Errorf("%.0f %% foreign: withheld, yet it shows %v and %v", 100*share, ans.Findings, ans.ForeignLines)
			}
			continue
		}
		if len(ans.ForeignLines) == 0 || !slices.ContainsFunc(ans.Reasons, func(r string) bool { return strings.Contains(r, "something else") }) {
			t.Errorf("%.0f %% foreign: %s, %v, %q", 100*share, ans.Headline, ans.ForeignLines, ans.Reasons)
		}
		for _, at := range ans.ForeignLines {
			if !slices.ContainsFunc(linesStrange, func(l float64) bool { return math.Abs(l-at) < 4 }) {
				t.Errorf("%.0f %% foreign: the line at %.0f is none of the foreign ones", 100*share, at)
			}
		}
	}
}

// Another spectrometer shows the same substance with other widths: what that leaves is no second substance.
func TestAnotherResolutionMakesNoSecondSubstance(t *testing.T) {
	id := identifier(t, threeSubstances...)
	for _, name := range []string{"sugar", "opioid"} {
		s := pure(name).spectrum()
		blurred := slices.Clone(s.Y)
		for i := 3; i < len(s.Y)-3; i++ {
			var sum float64
			for k := -3; k <= 3; k++ {
				sum += s.Y[i+k]
			}
			blurred[i] = sum / 7
		}
		s.Y = blurred
		for i := range s.X {
			s.X[i] += 1.5
		}
		ans := answer(t, id, s)
		if len(ans.Findings) != 1 || ans.Findings[0].Substance != name {
			t.Errorf("%s on another spectrometer: %s", name, ans.Summary)
		}
	}
}
