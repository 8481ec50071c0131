package street

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"fentrace/bench/report"
	"fentrace/spectra/racedetector"
)

// The limits are those the project promises; the figures themselves are in bench/RESULTS.md.
func TestAtTheStatedLimitNineOfTenScansAlarm(t *testing.T) {
	racedetector.Skip(t)
	// Two cuts tell whether the limit is honest to some ten percent; all of them are measured by make bench-accuracy.
	b, err := newBench()
	if err != nil {
		t.Fatal(err)
	}
	results, err := b.cuts(t.Context(), cuts[1:3])
	if err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + report.Table(results))
	for _, r := range results {
		switch {
		case !strings.Contains(r.Name, "SIMULATED"):
			t.Errorf("%q does not say that it is simulated", r.Name)
		case strings.HasSuffix(r.Name, "exactly at the stated limit") && (r.Value < 78 || r.Value > 98):
			t.Errorf("%s: %.1f %%, about nine of ten promised", r.Name, r.Value)
		case strings.HasSuffix(r.Name, "without fentanyl: alarms") && r.Value > 0:
			t.Errorf("%s: %.1f %%", r.Name, r.Value)
		}
	}
}

// The drawn samples have the composition that is published.
func TestDrawnSamplesHaveThePublishedComposition(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	const n = 20000
	var drug, ratios []float64
	for range n {
		c := drawComposition(rng)
		drug = append(drug, c.drug)
		total := 0.0
		for _, share := range c.parts {
			total += share
		}
		if c.drug <= 0 || c.drug > mostDrug || math.Abs(total-1) > 1e-9 {
			t.Fatalf("%+v", c)
		}
		if b := c.parts["BTMPS"]; b > 0 {
			ratios = append(ratios, b*(1-c.drug)/c.drug)
		}
	}
	slices.Sort(drug)
	more := 0
	for _, r := range ratios {
		if r > 1 {
			more++
		}
	}
	if m := drug[n/2]; math.Abs(m-0.097) > 0.003 {
		t.Errorf("median of fentanyl %.3f", m)
	}
	if share := float64(len(ratios)) / n; math.Abs(share-1./3) > 0.02 {
		t.Errorf("BTMPS in %.2f", share)
	}
	if share := float64(more) / float64(len(ratios)); math.Abs(share-0.63) > 0.03 {
		t.Errorf("more BTMPS than fentanyl in %.2f", share)
	}
}
