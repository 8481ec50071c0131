package dataset

import (
	"math"
	"testing"

	"fentrace/spectra/recorded"
)

func TestMolarMassesAreThoseOfTheFormulas(t *testing.T) {
	for _, c := range []struct {
		name, smiles string
		mass         float64
	}{
		{"fentanyl, C22H28N2O", "CCC(=O)N(c1ccccc1)C1CCN(CCc2ccccc2)CC1", 336.48},
		{"caffeine, C8H10N4O2", "Cn1cnc2c1c(=O)n(C)c(=O)n2C", 194.19},
		{"dimethyl sulfone, C2H6O2S", "CS(C)(=O)=O", 94.13},
		{"theophylline, C7H8N4O2", "Cn1c(=O)c2[nH]cnc2n(C)c1=O", 180.17},
		{"nitrobenzene, C6H5NO2", "c1ccc(cc1)[N+](=O)[O-]", 123.11},
		{"para-chlorobromobenzene, C6H4BrCl", "Clc1ccc(Br)cc1", 191.45},
		{"acetonitrile, C2H3N", "CC#N", 41.05},
	} {
		if m, err := molarMass(c.smiles); err != nil || math.Abs(m-c.mass) > 0.02 {
			t.Errorf("%s: %g, %v, want %g", c.name, m, err, c.mass)
		}
	}
	for _, bad := range []string{"CC[N+", "Xx"} {
		if m, err := molarMass(bad); err == nil {
			t.Errorf("%s has a mass of %g", bad, m)
		}
	}
}

func TestTheComputedTableHasBothClasses(t *testing.T) {
	list, err := ComputedLines(recorded.Path(t))
	if err != nil {
		t.Fatal(err)
	}
	fentanyls, precursors := 0, 0
	for _, s := range list {
		if s.Fentanyl() {
			fentanyls++
		}
		if s.Precursor() {
			precursors++
		}
		if len(s.Lines) < 10 || s.PerMass() <= 0 {
			t.Errorf("%s: %d lines, %g per mass", s.Name, len(s.Lines), s.PerMass())
		}
	}
	if len(list) != 146 || fentanyls != 71 || precursors != 5 {
		t.Errorf("%d substances, %d fentanyls, %d precursors", len(list), fentanyls, precursors)
	}
}
