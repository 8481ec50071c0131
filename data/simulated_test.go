package data_test

import (
	"bytes"
	"strings"
	"testing"

	"fentrace/data"
	"fentrace/spectra"
	"fentrace/spectra/simulate"
)

func TestSimulatedLinesAreMarkedAndComplete(t *testing.T) {
	first, _, _ := strings.Cut(string(data.SimulatedLines), "\n")
	if !strings.HasPrefix(first, "# SIMULATED") || !strings.Contains(first, "never a reference for a real scan") {
		t.Errorf("first line: %q", first)
	}
	substances, err := simulate.ParseLines(bytes.NewReader(data.SimulatedLines))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]map[spectra.Technique]bool{}
	fentanyls := 0
	for _, s := range substances {
		if seen[s.Name] == nil {
			seen[s.Name] = map[spectra.Technique]bool{}
		}
		seen[s.Name][s.Technique] = true
		strongest := 0.0
		limit := 4000.0
		if s.Technique == spectra.Raman {
			limit = 2000
		}
		for _, l := range s.Lines {
			strongest = max(strongest, l.Intensity)
			if l.CM1 > limit {
				t.Errorf("%s %s: line at %g", s.Name, s.Technique, l.CM1)
			}
		}
		if strongest != 100 || len(s.Lines) > 40 || len(s.Lines) < 10 {
			t.Errorf("%s %s: %d lines, strongest %g", s.Name, s.Technique, len(s.Lines), strongest)
		}
		if s.Technique == spectra.Raman && strings.HasPrefix(s.Class, "fentanyl") {
			fentanyls++
		}
	}
	for name, techniques := range seen {
		if len(techniques) != 2 {
			t.Errorf("%s: %d techniques", name, len(techniques))
		}
	}
	if fentanyls != 16 || len(seen) != 32 {
		t.Errorf("%d fentanyls of %d substances", fentanyls, len(seen))
	}
	for _, name := range []string{"Fentanyl", "Carfentanil", "heroin", "xylazine", "caffeine"} {
		if seen[name] == nil {
			t.Errorf("%s is missing", name)
		}
	}
}
