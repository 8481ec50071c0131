package powders

import (
	"strings"
	"testing"

	"fentrace/bench/report"
	"fentrace/spectra/racedetector"
	"fentrace/spectra/recorded"
)

// The limits are those the project promises; the figures themselves are in bench/RESULTS.md.
func TestWeighedPowdersComeOutAsPromised(t *testing.T) {
	racedetector.Skip(t)
	root := recorded.Path(t)
	results, err := Measure(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + report.Table(results))
	for _, promise := range []struct {
		name  string
		limit float64
		least bool
	}{
		{"alone, mean of 60 scans: mean absolute error", 0.041, false},
		{"alone, one scan: mean absolute error", 0.045, false},
		{"other vials, mean of 60 scans: mean absolute error", 0.026, false},
		{"other vials, one scan: mean absolute error", 0.033, false},
		{"mean of 60 scans: component of 5 % and more detected", 95, true},
		{"one scan: component of 5 % and more detected", 95, true},
		{"mean of 60 scans: component detected that is not there", 2, false},
		{"one scan: component detected that is not there", 2, false},
	} {
		found := 0
		for _, r := range results {
			if !strings.Contains(r.Name, promise.name) {
				continue
			}
			found++
			if promise.least && r.Value < promise.limit || !promise.least && r.Value > promise.limit {
				t.Errorf("%s is %.4g, promised %.4g", r.Name, r.Value, promise.limit)
			}
		}
		if found != 1 {
			t.Errorf("%q: %d results", promise.name, found)
		}
	}
}
