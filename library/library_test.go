package library

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"fentrace/spectra"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// twoSubstances and threeReferences fill every field at least once.
func twoSubstances() []Substance {
	return []Substance{
		{ID: "fentanyl", Name: "Fentanyl", CAS: "437-38-7", InChIKey: "PJMPHNIQZUBGLI-UHFFFAOYSA-N", SMILES: "CCC(=O)N(C1CCN(CC1)CCC2=CC=CC=C2)C3=CC=CC=C3",
			Formula: "C22H28N2O", MolWt: 336.48, Class: "fentanyl", Schedule: "CSA II", Controlled: true, Synonyms: []string{"phentanyl"}, Source: "test"},
		{ID: "caffeine", Name: "caffeine", CAS: "58-08-2", Class: "cutting agent", Unverified: true},
	}
}

func threeReferences() []Reference {
	temperature := -5.5
	return []Reference{
		{SubstanceID: "caffeine", Tier: Measured, Technique: spectra.Raman, LaserNM: 785, Spectrum: &spectra.Spectrum{
			Title: "caffeine", Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Counts, X: []float64{300, 301.5, 303}, Y: []float64{0.1, 7, -2},
			Metadata: spectra.Metadata{Format: "test", Instrument: "A", Acquired: time.Date(2026, 4, 6, 11, 17, 51, 166187000, time.FixedZone("", 3600)),
				TemperatureC: &temperature, Fields: map[string]string{"Note": "x"}}},
			Provenance: Provenance{Source: "caffeine.csv", Licence: "MIT", SHA256: spectra.HashBytes([]byte("x")), Added: time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)}},
		{SubstanceID: "caffeine", Tier: Published, Technique: spectra.IR, Form: "powder", Peaks: []Peak{{1658, 100}, {745, 0}},
			Provenance: Provenance{Source: "a table", Unverified: true}},
		{SubstanceID: "fentanyl", Tier: Simulated, Technique: spectra.Raman, Form: "hydrochloride", Spectrum: &spectra.Spectrum{
			Technique: spectra.Raman, XUnit: spectra.PerCM, X: []float64{1000, 999, 998}, Y: []float64{1, 2, 3}, Metadata: spectra.Metadata{Simulated: true}}},
	}
}

func newFile(t *testing.T) *File {
	t.Helper()
	f, err := Create(filepath.Join(t.TempDir(), "test 100%#?.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func filled(t *testing.T) *File {
	t.Helper()
	f := newFile(t)
	if err := f.PutSubstance(t.Context(), twoSubstances()...); err != nil {
		t.Fatal(err)
	}
	if added, err := f.PutReference(t.Context(), threeReferences()...); err != nil || added != 3 {
		t.Fatalf("added %d, %v", added, err)
	}
	return f
}

func TestWhatIsStoredComesBack(t *testing.T) {
	f := filled(t)
	path := f.Path()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	subs, err := f.Substances(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := twoSubstances()
	slices.Reverse(want) // by id
	if diff := cmp.Diff(want, subs); diff != "" {
		t.Error(diff)
	}
	refs, err := f.References(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantRefs := threeReferences()
	for i := range wantRefs {
		wantRefs[i].ID = wantRefs[i].ContentID()
	}
	slices.SortFunc(wantRefs, func(a, b Reference) int { return bytes.Compare([]byte(a.ID), []byte(b.ID)) })
	if diff := cmp.Diff(wantRefs, refs); diff != "" {
		t.Error(diff)
	}
	beside, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	if err != nil || len(beside) != 1 {
		t.Errorf("a library is one file, found %v, %v", beside, err)
	}
}

func TestStoringTwiceStoresOnce(t *testing.T) {
	f := filled(t)
	before, err := f.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := f.PutSubstance(t.Context(), twoSubstances()...); err != nil {
		t.Fatal(err)
	}
	if added, err := f.PutReference(t.Context(), threeReferences()...); err != nil || added != 0 {
		t.Fatalf("added %d, %v", added, err)
	}
	if after, err := f.Version(t.Context()); err != nil || after != before {
		t.Errorf("version changed: %v", err)
	}
}

func TestBadReferencesAreRefusedWhole(t *testing.T) {
	good := threeReferences()[0]
	variants := map[string]func(*Reference){
		"no substance":        func(r *Reference) { r.SubstanceID = "" },
		"unknown substance":   func(r *Reference) { r.SubstanceID = "nobody" },
		"unknown tier":        func(r *Reference) { r.Tier = "best" },
		"other technique":     func(r *Reference) { r.Technique = spectra.Other },
		"wrong technique":     func(r *Reference) { r.Technique = spectra.IR },
		"nothing":             func(r *Reference) { r.Spectrum = nil },
		"both":                func(r *Reference) { r.Peaks = []Peak{{1, 1}} },
		"wrong id":            func(r *Reference) { r.ID = "0" },
		"measured peak table": func(r *Reference) { r.Spectrum, r.Peaks = nil, []Peak{{1000, 1}} },
		"peak at zero":        func(r *Reference) { r.Tier, r.Spectrum, r.Peaks = Published, nil, []Peak{{0, 1}} },
		"simulated as measured": func(r *Reference) {
			s := *r.Spectrum
			s.Metadata.Simulated = true
			r.Spectrum = &s
		},
		"nanometres": func(r *Reference) {
			s := *r.Spectrum
			s.XUnit = spectra.Nanometre
			r.Spectrum = &s
		},
		"unequal length": func(r *Reference) {
			s := *r.Spectrum
			s.Y = s.Y[:2]
			r.Spectrum = &s
		},
	}
	for name, change := range variants {
		t.Run(name, func(t *testing.T) {
			f := newFile(t)
			if err := f.PutSubstance(t.Context(), twoSubstances()...); err != nil {
				t.Fatal(err)
			}
			bad := good
			change(&bad)
			if _, err := f.PutReference(t.Context(), threeReferences()[1], bad); !errors.Is(err, ErrInvalid) {
				t.Errorf("got %v", err)
			}
			if refs, err := f.References(t.Context()); err != nil || len(refs) != 0 {
				t.Errorf("the good one of the pair stayed: %d, %v", len(refs), err)
			}
		})
	}
}

func TestCreateNeverOverwrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	if err := os.WriteFile(path, []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v", err)
	}
	if raw, _ := os.ReadFile(path); string(raw) != "precious" {
		t.Error("the file was changed")
	}
}

// Property: the version does not depend on the order of storing, on doing it in parts, or on doing it twice.
func TestVersionDoesNotDependOnOrder(t *testing.T) {
	want := NewStack(twoSubstances(), threeReferences()).Layers()[0].Version
	rapid.Check(t, func(rt *rapid.T) {
		f, err := Create(filepath.Join(t.TempDir(), "p.db"))
		if err != nil {
			rt.Fatal(err)
		}
		defer os.Remove(f.Path()) // the next draw uses the same name
		defer f.Close()
		ctx := context.Background()
		for _, s := range rapid.Permutation(twoSubstances()).Draw(rt, "substances") {
			if err := f.PutSubstance(ctx, s); err != nil {
				rt.Fatal(err)
			}
		}
		refs := append(rapid.Permutation(threeReferences()).Draw(rt, "references"), rapid.SampledFrom(threeReferences()).Draw(rt, "again"))
		for _, r := range refs {
			r.Provenance.Added = r.Provenance.Added.AddDate(0, 0, rapid.IntRange(0, 9).Draw(rt, "days"))
			if _, err := f.PutReference(ctx, r); err != nil {
				rt.Fatal(err)
			}
		}
		if got, err := f.Version(ctx); err != nil || got != want {
			rt.Fatalf("version %s, %v; want %s", got, err, want)
		}
	})
}
