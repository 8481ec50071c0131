package library

import (
	"testing"

	"pgregory.net/rapid"
)

func TestNamesFoldTogether(t *testing.T) {
	for _, same := range [][]string{
		{"coconut oil", "CoconutOil", "Coconut_Oil", "COCONUT OIL", " coconut-oil "},
		{"α-Methylfentanyl", "alpha-methylfentanyl", "Alpha Methyl Fentanyl"},
		{"para-Fluorofentanyl", "p-fluorofentanyl", "P-Fluoro Fentanyl"},
		{"(+)-methamphetamine", "(-)-Methamphetamine", "(RS)-methamphetamine", "(±)-methamphetamine", "Methamphetamine"},
		{"2′-Fluoro Fentanyl", "2'-fluorofentanyl", "2ʹ-Fluorofentanyl", "2’-fluorofentanyl"},
		{"1,1-Dichloroethene", "1,1 dichloroethene"},
		{"4′′-Methoxy fentanyl", "4″-methoxyfentanyl"},
	} {
		for _, name := range same {
			if NormaliseName(name) != NormaliseName(same[0]) {
				t.Errorf("%q folds to %q, %q to %q", name, NormaliseName(name), same[0], NormaliseName(same[0]))
			}
		}
	}
}

func TestIsomersStayApart(t *testing.T) {
	names := []string{"2-fluorofentanyl", "2'-fluorofentanyl", "3-fluorofentanyl", "2,2'-difluorofentanyl", "ortho-fluorofentanyl",
		"meta-fluorofentanyl", "para-fluorofentanyl", "α-methylfentanyl", "β-methylfentanyl", "4''-methoxyfentanyl", "4'-methoxyfentanyl"}
	for i, a := range names {
		for _, b := range names[:i] {
			if NormaliseName(a) == NormaliseName(b) || SubstanceID(a) == SubstanceID(b) {
				t.Errorf("%q and %q fold to one", a, b)
			}
		}
	}
}

func TestFormsComeOff(t *testing.T) {
	for _, test := range []struct {
		name, parent, form string
		ester              bool
	}{
		{"fentanyl HCl", "fentanyl", "hydrochloride", false},
		{"FentanylHCl", "fentanyl", "hydrochloride", false},
		{"Fentanyl hydrogen chloride", "fentanyl", "hydrochloride", false},
		{"(RS)-Ketamine hydrochloride", "(rs)-ketamine", "hydrochloride", false},
		{"cocaine base", "cocaine", "base", false},
		{"Fentanyl (free base)", "fentanyl", "base", false},
		{"Quinine hydrochloride dihydrate", "quinine", "hydrochloride dihydrate", false},
		{"2,2'-difluorofentanyl HCl", "2,2'-difluorofentanyl", "hydrochloride", false},
		{"fentanyl citrate", "fentanyl", "citrate", true},
		{"cellulose acetate", "cellulose", "acetate", true},
		{"hydrochloride", "hydrochloride", "", false},
		{"caffeine", "caffeine", "", false},
		{"", "", "", false},
	} {
		parent, form, ester := splitForm(test.name)
		if parent != test.parent || form != test.form || ester != test.ester {
			t.Errorf("%q splits into %q, %q, %v", test.name, parent, form, ester)
		}
	}
}

func TestSubstanceIDs(t *testing.T) {
	for name, want := range map[string]string{
		"Fentanyl": "fentanyl", "  N,N-Dimethylamido Fentanyl ": "n-n-dimethylamido-fentanyl", "β-Hydroxyfentanyl": "beta-hydroxyfentanyl",
		"2'-Fluoro Fentanyl": "2-prime-fluoro-fentanyl",
	} {
		if got := SubstanceID(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	if a, b := SubstanceID("芬太尼"), SubstanceID("海洛因"); a == b || a == "" {
		t.Errorf("two names in another script: %q, %q", a, b)
	}
}

// Property: folding never panics, and folding a folded name changes nothing.
func TestFoldingIsStable(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.String().Draw(rt, "name")
		if once := NormaliseName(name); NormaliseName(once) != once {
			rt.Fatalf("%q -> %q -> %q", name, once, NormaliseName(once))
		}
		if id := SubstanceID(name); id == "" || SubstanceID(id) != id {
			rt.Fatalf("%q -> %q -> %q", name, id, SubstanceID(id))
		}
		parent, _, _ := splitForm(name)
		if len(parent) > 4*len(name)+4 {
			rt.Fatalf("%q -> %q", name, parent)
		}
	})
}

func TestCASCheckDigit(t *testing.T) {
	for cas, want := range map[string]bool{"58-08-2": true, "437-38-7": true, "2785346-75-8": true, "58-08-3": false, "58082": false, "": false, "76-42-5": false} {
		if ValidCAS(cas) != want {
			t.Errorf("%q: %v", cas, !want)
		}
	}
}

func TestControlledFollowsTheWords(t *testing.T) {
	for schedule, want := range map[string]bool{
		"": false, "CSA I (82 FR 58575)": true, "CSA II": true, "CSA III (source=memory)": true, "CSA IV": true, "CSA V": true,
		"CSA List I chemical (85 FR 20822)": true, "Schedule I, temporary order": true, "temporarily scheduled 2018": true,
		"CSA I as fentanyl-related substance where it meets the 5-site definition": true, "see note: another isomer; FRS class": true,
		"not controlled (a source)": false, "not federally scheduled (source=memory)": false, "not explicitly scheduled federally": false,
		"Not in CSA II": false, "unscheduled": false, "exempt from CSA III": false, "vitamin C": false, "List II chemical": true,
	} {
		if ControlledBy(schedule) != want {
			t.Errorf("%q: %v", schedule, !want)
		}
	}
}
