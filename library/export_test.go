package library

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fentrace/spectra"
	"fentrace/spectra/recorded"

	"github.com/google/go-cmp/cmp"
)

// roundTrip exports st and imports the files into an empty library.
func roundTrip(t *testing.T, st *Stack) *Stack {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "out")
	done := 0
	report, err := st.Export(t.Context(), dir, func(n, total int) { done = n })
	if err != nil || report.Files != len(st.References()) || done != report.Files {
		t.Fatalf("%+v, %d, %v", report, done, err)
	}
	f := newFile(t)
	imported, err := Import(t.Context(), f, nil, []string{dir}, ImportOptions{}, nil)
	if err != nil || len(imported.Failed)+len(imported.Skipped)+len(imported.NotMapped) > 0 || imported.Imported != report.Files {
		t.Fatalf("%v, %v", imported, err)
	}
	back, err := OpenStack(t.Context(), nil, f.Path())
	if err != nil {
		t.Fatal(err)
	}
	return back
}

// same compares what an export must keep: ids stand for substance, technique, tier, units and every number.
func same(t *testing.T, want, got *Stack) {
	t.Helper()
	var wantSubs []Substance
	for _, s := range want.Substances() {
		if slices.ContainsFunc(want.References(), func(r Reference) bool { return r.SubstanceID == s.ID }) {
			wantSubs = append(wantSubs, s)
		}
	}
	for i := range wantSubs {
		wantSubs[i].Synonyms = uniteSynonyms(wantSubs[i].Name, wantSubs[i].Synonyms)
	}
	if diff := cmp.Diff(wantSubs, got.Substances()); diff != "" {
		t.Error(diff)
	}
	heads := func(st *Stack) (out []Reference) {
		for _, r := range st.References() {
			r.Spectrum, r.Peaks = nil, nil
			r.Provenance = Provenance{Source: r.Provenance.Source, Licence: r.Provenance.Licence, Unverified: r.Provenance.Unverified}
			out = append(out, r)
		}
		return out
	}
	if diff := cmp.Diff(heads(want), heads(got)); diff != "" {
		t.Error(diff)
	}
}

func TestExportComesBackTheSame(t *testing.T) {
	refs := threeReferences()
	refs[2].SubstanceID = "thing"
	st := NewStack(append(twoSubstances(), Substance{Name: "thing", Synonyms: []string{"β-Ding, $5 = \"a\"\n##END="}, Class: "other", Unverified: true}), refs)
	short := func(x, y []float64) { // a curve long enough to be one
		for i := range 40 {
			x, y = append(x, 500+1.7*float64(i)+0.001*float64(i*i)), append(y, 1/float64(i+3))
		}
		for i := range refs {
			if s := refs[i].Spectrum; s != nil {
				s.X, s.Y = slices.Clone(x), slices.Clone(y)
			}
		}
	}
	short(nil, nil)
	slices.Reverse(refs[2].Spectrum.X) // infrared files descend
	refs[2].Spectrum.YUnit = spectra.Intensity
	st = NewStack(st.Substances(), refs)
	same(t, st, roundTrip(t, st))
}

func TestExportOfTheCoreComesBackTheSame(t *testing.T) {
	st := coreStack(t)
	same(t, st, roundTrip(t, st))
}

func TestExportOfARealLibraryComesBackTheSame(t *testing.T) {
	dir := recorded.Path(t, "raman", "library-785")
	f := newFile(t)
	if _, err := Import(t.Context(), f, coreStack(t), []string{dir}, ImportOptions{Licence: "MIT"}, nil); err != nil {
		t.Fatal(err)
	}
	st, err := OpenStack(t.Context(), nil, f.Path())
	if err != nil || len(st.References()) != 80 {
		t.Fatalf("%d, %v", len(st.References()), err)
	}
	dir = filepath.Join(t.TempDir(), "out")
	if _, err := st.Export(t.Context(), dir, nil); err != nil {
		t.Fatal(err)
	}
	back := newFile(t)
	report, err := Import(t.Context(), back, nil, []string{dir}, ImportOptions{}, nil)
	if err != nil || report.Imported != 80 {
		t.Fatalf("%v, %v", report, err)
	}
	again, err := OpenStack(t.Context(), nil, back.Path())
	if err != nil {
		t.Fatal(err)
	}
	same(t, st, again)
}

func TestExportOverwritesNothing(t *testing.T) {
	st := NewStack(twoSubstances(), threeReferences())
	dir := folder(t, map[string]string{"fentanyl-01.jdx": "mine"})
	if _, err := st.Export(t.Context(), dir, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v", err)
	}
	entries, err := os.ReadDir(dir)
	if raw, _ := os.ReadFile(filepath.Join(dir, "fentanyl-01.jdx")); err != nil || len(entries) != 1 || string(raw) != "mine" {
		t.Errorf("something was written: %v, %v", entries, err)
	}
}

func TestExportStaysInItsFolder(t *testing.T) {
	refs := threeReferences()[1:2]
	refs[0].SubstanceID = "../../escape"
	st := NewStack([]Substance{{ID: "../../escape", Name: "escape"}}, refs)
	dir := filepath.Join(t.TempDir(), "a", "b", "out")
	if _, err := st.Export(t.Context(), dir, nil); err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.jdx"))
	if err != nil || len(found) != 1 || strings.Contains(found[0], "escape") {
		t.Errorf("%v, %v", found, err)
	}
}

// A label of an export may lower the tier of what is imported, never raise it.
func TestLabelsCannotRaiseTheTier(t *testing.T) {
	dir := folder(t, map[string]string{
		"a.jdx": jcamp("caffeine", "RAMAN SPECTRUM", 1, `$FENTRACE REFERENCE={"tier":"measured"}`),
		"b.jdx": jcamp("caffeine", "RAMAN SPECTRUM", 2, `$FENTRACE REFERENCE={"tier":"published"`),
		"c.jdx": jcamp("caffeine", "RAMAN SPECTRUM", 3, `$FENTRACE SUBSTANCE={"id":"caffeine","name":"Fentanyl"}`),
	})
	f := newFile(t)
	report, err := Import(t.Context(), f, coreStack(t), []string{dir}, ImportOptions{Tier: Published}, nil)
	if err != nil || len(report.Failed) != 2 || !strings.Contains(report.Failed[0].Reason, "FENTRACE REFERENCE") || !strings.Contains(report.Failed[1].Reason, "by its label it is caffeine") {
		t.Fatalf("%v, %v", report, err)
	}
	if refs, err := f.References(t.Context()); err != nil || len(refs) != 1 || refs[0].Tier != Published {
		t.Errorf("%+v, %v", refs, err)
	}
}
