package main

import (
	"encoding/csv"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fentrace/data"
	"fentrace/library"

	"github.com/google/go-cmp/cmp"
)

func facts() (substances, peaks string) {
	return filepath.Join("..", "..", "substances.csv"), filepath.Join("..", "..", "peaks.csv")
}

func core(t *testing.T) *library.Stack {
	t.Helper()
	stack, err := library.OpenStack(t.Context(), data.Core)
	if err != nil {
		t.Fatal(err)
	}
	return stack
}

func TestEmbeddedCoreIsBuiltFromTheFacts(t *testing.T) {
	substances, peaks := facts()
	out := filepath.Join(t.TempDir(), "core.db")
	for range 2 { // the second time it replaces a library
		version, err := build(t.Context(), substances, peaks, out)
		if err != nil {
			t.Fatal(err)
		}
		if got := core(t).Layers()[0].Version; got != version {
			t.Fatalf("the embedded core has version %s, the facts give %s: run `make core`", got, version)
		}
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(out), "*"))
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestEveryFactReachesTheCore(t *testing.T) {
	substancesPath, peaksPath := facts()
	substances, err := readTable(substancesPath, substanceColumns, parseSubstance)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := readTable(peaksPath, peakColumns, parseLine)
	if err != nil {
		t.Fatal(err)
	}
	stack := core(t)
	if len(stack.Substances()) != len(substances) {
		t.Errorf("%d of %d substances", len(stack.Substances()), len(substances))
	}
	peaks := 0
	for _, r := range stack.References() {
		peaks += len(r.Peaks)
		if r.Tier != library.Published || r.Provenance.Source == "" {
			t.Errorf("%s: tier %s, source %q", r.SubstanceID, r.Tier, r.Provenance.Source)
		}
		if _, ok := stack.Substance(r.SubstanceID); !ok {
			t.Errorf("reference of unknown substance %s", r.SubstanceID)
		}
	}
	if peaks != len(lines) {
		t.Errorf("%d of %d peaks", peaks, len(lines))
	}
}

func TestCoreClasses(t *testing.T) {
	want := map[string]int{
		"fentanyl": 1, "fentanyl-analog": 125, "fentanyl metabolite/nor": 7, "precursor/despropionyl": 5, "precursor": 2,
		"precursor (detection target, doi 10.1039/C9AN02568E)": 1, "opioid": 8, "nitazene opioid": 8, "opioid antagonist": 1,
		"benzodiazepine": 6, "barbiturate": 1, "stimulant": 5, "dissociative": 2, "sedative adulterant": 2, "adulterant": 1,
		"adulterant (HALS)": 1, "cutting agent": 30, "cutting agent/container": 1, "container": 5, "pigment": 1, "other": 69,
	}
	got := map[string]int{}
	for _, s := range core(t).Substances() {
		got[s.Class]++
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What a person is told about the law must not depend on a slip of the import.
func TestCoreStatus(t *testing.T) {
	stack := core(t)
	for _, want := range []struct {
		name                             string
		controlled, unverified, fentanyl bool
	}{
		{"Fentanyl", true, false, true},
		{"Carfentanil", true, true, true}, // schedule from memory
		{"4-ANPP", true, false, false},
		{"Benzylfentanyl", true, false, true}, // List I
		{"α-Methylbutyryl fentanyl", true, false, true},
		{"para-Fluoro Benzyl Fentanyl", false, false, true}, // no status in the source
		{"meta-fluorofentanyl", true, true, true},           // structure left out as doubtful
		{"heroin", true, true, false},
		{"buphedrone", true, true, false},
		{"xylazine", false, true, false},
		{"medetomidine", false, true, false}, // "not explicitly scheduled"
		{"BTMPS", false, true, false},        // "not controlled"
		{"caffeine", false, false, false},
		{"coconut oil", false, false, false},
	} {
		s, ok := stack.Lookup("", "", want.name)
		if !ok || s.Controlled != want.controlled || s.Unverified != want.unverified || s.FentanylClass() != want.fentanyl {
			t.Errorf("%s: found %v, controlled %v, unverified %v, fentanyl class %v (%q)", want.name, ok, s.Controlled, s.Unverified, s.FentanylClass(), s.Schedule)
		}
	}
}

// Names must lead to one substance each: a name that two share would be found for neither.
func TestCoreNamesAreUnambiguous(t *testing.T) {
	stack := core(t)
	for _, s := range stack.Substances() {
		for _, name := range append([]string{s.Name, strings.ToUpper(s.Name)}, s.Synonyms...) {
			if got, ok := stack.Lookup("", "", name); !ok || got.ID != s.ID {
				t.Errorf("%q leads to %q (%v), not to %q", name, got.Name, ok, s.Name)
			}
		}
	}
	for alias, want := range map[string]string{
		"Glucose (dextrose)": "", "dextrose": "glucose", "L-Alanine": "alanine", "Metamizole": "dipyrone", "2-Propanol": "isopropanol",
		"CoconutOil": "coconut oil", "Fentanyl HCl": "Fentanyl", "FENTANYL_CITRATE": "Fentanyl", "Thiamine HCl": "thiamine", "Despropionyl Fentanyl": "4-ANPP",
		"Cellulose Acetate": "cellulose acetate", "lactose acetate": "",
	} {
		if got, _ := stack.Lookup("", "", alias); got.Name != want {
			t.Errorf("%q leads to %q, want %q", alias, got.Name, want)
		}
	}
}

func TestCoreHoldsTheSharedFacts(t *testing.T) {
	file, err := os.Open(filepath.Join("..", "..", "..", "..", "shared", "science", "substances.csv"))
	if err != nil {
		t.Skipf("the fact tables beside the repository are absent: %v", err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	stack := core(t)
	classes := map[string]int{}
	for _, row := range rows[1:] {
		s, ok := stack.Substance(library.SubstanceID(row[0]))
		if !ok || s.Name != row[0] || s.Class != row[6] || s.Schedule != row[7] {
			t.Errorf("%s: got %+v", row[0], s)
		}
		if strings.Contains(row[7]+row[8], "memory") && !s.Unverified {
			t.Errorf("%s has values from memory and is not marked", row[0])
		}
		classes[s.Class]++
	}
	if len(rows)-1 != 211 || classes["fentanyl-analog"] != 124 || classes["cutting agent"] != 30 {
		t.Errorf("%d rows, %v", len(rows)-1, maps.Collect(maps.All(classes)))
	}
}

func TestBadFactsAreRefusedWithTheirLine(t *testing.T) {
	header := strings.Join(peakColumns, ",") + "\n"
	substances := strings.Join(substanceColumns, ",") + "\n"
	ok := "raman,water,,,785,1640,100,test\n"
	for name, test := range map[string]struct{ substances, peaks, want string }{
		"height":    {substances + "water,,,,,,,,test\n", header + ok + "raman,water,,,785,1640,200,test\n", "peaks.csv:3: \"200\""},
		"technique": {substances + "water,,,,,,,,test\n", header + "nmr,water,,,785,1640,1,test\n", "neither raman nor ir"},
		"substance": {substances, header + ok, `"water" is not in the table`},
		"cas":       {substances + "water,,7732-18-6,,,,,,test\n", header, "check digit"},
		"columns":   {strings.ToUpper(substances), header, "columns are"},
		"short row": {substances + "water,test\n", header, "wrong number of fields"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, p, out := filepath.Join(dir, "substances.csv"), filepath.Join(dir, "peaks.csv"), filepath.Join(dir, "core.db")
			for path, text := range map[string]string{s: test.substances, p: test.peaks, out: "old"} {
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := build(t.Context(), s, p, out); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
			if raw, _ := os.ReadFile(out); string(raw) != "old" {
				t.Error("a failed build replaced the library")
			}
		})
	}
}
