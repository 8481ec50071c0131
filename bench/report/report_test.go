package report

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSaveReplacesOnlyItsOwnCommandsResults(t *testing.T) {
	dir := t.TempDir()
	js, md := filepath.Join(dir, "results.json"), filepath.Join(dir, "RESULTS.md")
	for _, step := range []struct{ command, name string }{{"make a", "first"}, {"make b", "other"}, {"make a", "second"}} {
		if err := Save(js, md, step.command, []Result{Share(step.name, 1, 2, "", 0, step.command)}); err != nil {
			t.Fatal(err)
		}
	}
	table, err := os.ReadFile(md)
	if err != nil {
		t.Fatal(err)
	}
	if s := string(table); strings.Contains(s, "first") || !strings.Contains(s, "second") || !strings.Contains(s, "other") {
		t.Errorf("table does not hold exactly the newest result of each command:\n%s", s)
	}
}

func TestFiguresAreRoundedToATenthOrToTheirDigits(t *testing.T) {
	for _, c := range []struct {
		digits int
		v      float64
		want   string
	}{
		{0, 95.7712, "95.8"}, {0, 99.99999999999999, "100"}, {0, 0.04, "0"}, {0, -0.04, "0"}, {0, 1800, "1800"}, {0, 0.25, "0.2"},
		{3, 0.3604, "0.36"}, {3, 0.0123456, "0.0123"}, {3, 1.0849, "1.08"}, {3, 12.345, "12.3"}, {3, 98765.4, "98765"},
		{3, 0, "0"}, {3, -0.36049, "-0.36"}, {3, 100, "100"}, {3, 1.4e-5, "0.000014"}, {3, math.NaN(), "NaN"},
	} {
		if got := (Result{Digits: c.digits}).number(c.v); got != c.want {
			t.Errorf("%g with %d digits is %q, want %q", c.v, c.digits, got, c.want)
		}
	}
	axis := Result{Name: "axis", Value: 0.364, Low: 0.301, High: 0.42, Unit: "cm-1", N: 14, Peer: "plain", PeerVal: 1.58, Digits: 3, Command: "make c"}
	for want, r := range map[string]Result{
		"| axis | 0.364 cm-1 | 0.301 to 0.42 | 14 |  | plain: 1.58 cm-1 | `make c` |":               axis,
		"| axis | 0.364 cm-1 | 0.301 to 0.42 | 14 | 0.02 (3 seeds) | plain: 1.58 cm-1 | `make c` |": axis.OverSeeds([]float64{0.344, 0.364, 0.384}),
	} {
		if table := Table([]Result{r}); !strings.Contains(table, want) {
			t.Errorf("%s\nlacks %s", table, want)
		}
	}
}

func TestTheIntervalOfAMeanCoversItAndStaysAmongTheValues(t *testing.T) {
	// The mean of 1..100 has a standard error of 2.9.
	var values []float64
	for i := range 100 {
		values = append(values, float64(i+1))
	}
	r := Mean("m", "s", values, "", 0, "make m")
	if r.Value != 50.5 || math.Abs(r.Low-(50.5-5.7)) > 0.5 || math.Abs(r.High-(50.5+5.7)) > 0.5 || r.N != 100 {
		t.Errorf("%+v", r)
	}
	if again := Mean("m", "s", values, "", 0, "make m"); again != r {
		t.Errorf("the same values gave %+v, then %+v", r, again)
	}
	if r := Mean("m", "s", []float64{0.1, 0.2}, "", 0, "make m"); r.Low < 0.1 || r.High > 0.2 || r.Low > r.Value || r.High < r.Value {
		t.Errorf("%+v", r)
	}
	if r := Mean("m", "s", nil, "", 0, "make m"); r.N != 0 || r.Value != 0 {
		t.Errorf("of nothing: %+v", r)
	}
}
