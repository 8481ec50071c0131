package report

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Reference values: Wilson score interval for 86 of 87 and the two extremes, from the closed form with z = 1.959964.
func TestWilsonIntervalMatchesItsClosedForm(t *testing.T) {
	for _, c := range []struct {
		k, n      int
		low, high float64
	}{
		{0, 10, 0, 0.277533},
		{10, 10, 0.722467, 1},
		{5, 10, 0.236593, 0.763407},
		{0, 0, 0, 1},
	} {
		low, high := Wilson(c.k, c.n)
		if math.Abs(low-c.low) > 1e-5 || math.Abs(high-c.high) > 1e-5 {
			t.Errorf("Wilson(%d, %d) = %.6f, %.6f; want %.6f, %.6f", c.k, c.n, low, high, c.low, c.high)
		}
	}
}

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
