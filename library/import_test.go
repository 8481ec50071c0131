package library

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fentrace/data"
	"fentrace/spectra"
	"fentrace/spectra/recorded"

	"github.com/google/go-cmp/cmp"
)

// jcamp is a small JCAMP-DX file of a curve that depends on seed.
func jcamp(title, dataType string, seed int, labels ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "##TITLE=%s\n##JCAMP-DX=4.24\n##DATA TYPE=%s\n", title, dataType)
	for _, l := range labels {
		fmt.Fprintf(&b, "##%s\n", l)
	}
	fmt.Fprint(&b, "##XUNITS=1/CM\n##YUNITS=ARBITRARY UNITS\n##XFACTOR=1\n##YFACTOR=1\n##FIRSTX=400\n##LASTX=439\n##NPOINTS=40\n##XYPOINTS=(XY..XY)\n")
	for i := range 40 {
		fmt.Fprintf(&b, "%d, %.3f\n", 400+i, 5+math.Sin(float64(i*seed)/7))
	}
	return b.String() + "##END=\n"
}

// folder writes files by name into a new folder.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func coreStack(t *testing.T) *Stack {
	t.Helper()
	st, err := OpenStack(t.Context(), data.Core)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func noon() time.Time { return time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC) }

func TestImportMapsNames(t *testing.T) {
	dir := folder(t, map[string]string{
		"a.jdx":              jcamp("Paracetamol", "RAMAN SPECTRUM", 1),
		"b.jdx":              jcamp("sample 12", "RAMAN SPECTRUM", 2, "CAS REGISTRY NO=58-08-2"),
		"c.jdx":              jcamp("Fentanyl HCl", "INFRARED SPECTRUM", 3),
		"d.jdx":              jcamp("Moon dust", "RAMAN SPECTRUM", 4),
		"e.jdx":              jcamp("moon-dust", "RAMAN SPECTRUM", 5),
		"sub/CoconutOil.csv": strings.ReplaceAll(pointsOf(6), " ", ","),
		"f.jdx":              jcamp("nothing to scan", "NMR SPECTRUM", 7),
		"g.jdx":              jcamp("caffeine", "RAMAN SPECTRUM", 8, "CAS REGISTRY NO=57-50-1"),
		"h.jdx":              "##TITLE=broken\n##JCAMP-DX=4.24\n",
		"i.jdx":              jcamp("caffeine", "RAMAN SPECTRUM SIMULATED", 9),
		".hidden.jdx":        jcamp("caffeine", "RAMAN SPECTRUM", 10),
		"LICENSE":            "Do what you like.\n",
		"p.jdx": "##TITLE=lactose\n##JCAMP-DX=4.24\n##DATA TYPE=RAMAN PEAK TABLE\n##XUNITS=1/CM\n##YUNITS=ARBITRARY UNITS\n" +
			"##NPOINTS=3\n##PEAK TABLE=(XY..XY)\n357, 100\n851, 60\n1087, 0\n##END=\n",
	})
	f := newFile(t)
	var events []ImportEvent
	opts := ImportOptions{Licence: "CC0", Now: noon}
	report, err := Import(t.Context(), f, coreStack(t), []string{dir, filepath.Join(dir, "a.jdx")}, opts, func(e ImportEvent) { events = append(events, e) })
	if err != nil {
		t.Fatal(err)
	}
	refs, err := f.References(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		Substance, Form string
		Tier            Tier
		Technique       spectra.Technique
		Peaks           int
	}
	var got []row
	for _, r := range refs {
		got = append(got, row{r.SubstanceID, r.Form, r.Tier, r.Technique, len(r.Peaks)})
		if r.Provenance.Licence != "CC0" || !r.Provenance.Added.Equal(noon()) || len(r.Provenance.SHA256) != 64 || r.Provenance.Source == "" {
			t.Errorf("%s: %+v", r.SubstanceID, r.Provenance)
		}
	}
	slices.SortFunc(got, func(a, b row) int { return strings.Compare(a.Substance+string(a.Tier), b.Substance+string(b.Tier)) })
	want := []row{
		{"acetaminophen", "", Measured, spectra.Raman, 0}, {"caffeine", "", Measured, spectra.Raman, 0}, {"caffeine", "", Simulated, spectra.Raman, 0},
		{"coconut-oil", "", Measured, spectra.Raman, 0}, {"fentanyl", "hydrochloride", Measured, spectra.IR, 0}, {"lactose", "", Published, spectra.Raman, 3},
		{"moon-dust", "", Measured, spectra.Raman, 0}, {"moon-dust", "", Measured, spectra.Raman, 0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(report.NotMapped) != 1 || report.NotMapped[0].Name != "Moon dust" || len(report.NotMapped[0].Files) != 2 {
		t.Errorf("not mapped: %+v", report.NotMapped)
	}
	if len(report.Failed) != 3 || !strings.Contains(fmt.Sprint(report.Failed), "by its CAS it is sucrose") {
		t.Errorf("failed: %+v", report.Failed)
	}
	if len(report.Skipped) != 1 || report.Files != 12 || report.Imported != 8 || len(events) != 12 || events[11].Done != 12 || events[0].Total != 12 {
		t.Errorf("%+v, %d events", report, len(events))
	}
	if subs, err := f.Substances(t.Context()); err != nil || !subs[slices.IndexFunc(subs, func(s Substance) bool { return s.ID == "fentanyl" })].Controlled {
		t.Errorf("the library alone does not know that fentanyl is controlled: %v", err)
	}
	for _, part := range []string{"12 files", "8 imported", "not mapped", "Moon dust", "failed: ", "skipped: "} {
		if !strings.Contains(report.String(), part) {
			t.Errorf("the printed report lacks %q:\n%s", part, report)
		}
	}

	before, err := f.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	again, err := Import(t.Context(), f, coreStack(t), []string{dir}, opts, nil)
	if err != nil || again.Imported != 0 || again.AlreadyPresent != 8 || len(again.NotMapped) != 1 {
		t.Errorf("again: %+v, %v", again, err)
	}
	if after, err := f.Version(t.Context()); err != nil || after != before {
		t.Errorf("importing again changed the library: %v", err)
	}
}

// pointsOf is two columns of text.
func pointsOf(seed int) string {
	var b strings.Builder
	fmt.Fprintln(&b, "wavenumber intensity")
	for i := range 60 {
		fmt.Fprintf(&b, "%d %.3f\n", 400+2*i, 7+math.Cos(float64(i*seed)/9))
	}
	return b.String()
}

func TestImportTierIsAnUpperBound(t *testing.T) {
	dir := folder(t, map[string]string{"caffeine-01.jdx": jcamp("caffeine", "RAMAN SPECTRUM", 1), "caffeine-02.jdx": jcamp("caffeine", "RAMAN SPECTRUM SIMULATED", 2)})
	for tier, want := range map[Tier][]Tier{Measured: {Measured, Simulated}, Published: {Published, Simulated}, Simulated: {Simulated, Simulated}} {
		f := newFile(t)
		if _, err := Import(t.Context(), f, nil, []string{dir}, ImportOptions{Tier: tier}, nil); err != nil {
			t.Fatal(err)
		}
		refs, err := f.References(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := []Tier{refs[0].Tier, refs[1].Tier}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("as %s: %v", tier, got)
		}
	}
	if _, err := Import(t.Context(), newFile(t), nil, []string{dir}, ImportOptions{Tier: "excellent"}, nil); err == nil {
		t.Error("an unknown tier was taken")
	}
}

func TestImportStopsForWhatItCannotGoOnFrom(t *testing.T) {
	f := newFile(t)
	if _, err := Import(t.Context(), f, nil, []string{filepath.Join(t.TempDir(), "absent")}, ImportOptions{}, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	dir := folder(t, map[string]string{"a.jdx": jcamp("a", "RAMAN SPECTRUM", 1), "b.jdx": jcamp("b", "RAMAN SPECTRUM", 2), "c.jdx": jcamp("c", "RAMAN SPECTRUM", 3)})
	ctx, cancel := context.WithCancel(t.Context())
	report, err := Import(ctx, f, nil, []string{dir}, ImportOptions{}, func(e ImportEvent) {
		if e.Done == 2 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || report.Imported != 2 {
		t.Errorf("%+v, %v", report, err)
	}
	if refs, err := f.References(t.Context()); err != nil || len(refs) != 2 {
		t.Errorf("%d, %v", len(refs), err)
	}
	if report, err := Import(t.Context(), f, nil, []string{dir, filepath.Dir(f.Path())}, ImportOptions{}, nil); err != nil || report.Imported != 1 || report.AlreadyPresent != 2 || len(report.Failed) != 0 {
		t.Errorf("going on: %+v, %v", report, err)
	}
}

// dieImporting kills itself after the third file.
func dieImporting(path, dir string) {
	f, err := Open(path)
	if err != nil {
		os.Exit(3)
	}
	_, _ = Import(context.Background(), f, nil, []string{dir}, ImportOptions{}, func(e ImportEvent) {
		if e.Done == 3 {
			kill()
		}
	})
	os.Exit(4)
}

func TestKilledImportLeavesWholeFiles(t *testing.T) {
	files := map[string]string{}
	for i := range 6 {
		files[fmt.Sprintf("s%d.jdx", i)] = jcamp(fmt.Sprintf("s%d", i), "RAMAN SPECTRUM", i+1)
	}
	f := newFile(t)
	path := f.Path()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	dir := folder(t, files)
	died(t, "LIBRARY_TEST_DIE_IMPORTING="+path, "LIBRARY_TEST_FOLDER="+dir)
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if refs, err := f.References(t.Context()); err != nil || len(refs) != 3 {
		t.Errorf("%d references, %v", len(refs), err)
	}
	if report, err := Import(t.Context(), f, nil, []string{dir}, ImportOptions{}, nil); err != nil || report.Imported != 3 || report.AlreadyPresent != 3 {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestImportOfARealLibrary(t *testing.T) {
	dir := recorded.Path(t, "raman", "library-785")
	f := newFile(t)
	report, err := Import(t.Context(), f, coreStack(t), []string{dir}, ImportOptions{Licence: "MIT", Now: noon}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if report.Imported != 80 || report.Spectra != 80 || len(report.Failed) != 2 { // LICENSE and SOURCE.txt
		t.Errorf("%v", report)
	}
	refs, err := f.References(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, r := range refs {
		got[r.SubstanceID]++
		if r.Technique != spectra.Raman || r.Tier != Measured || math.Abs(r.LaserNM-785) > 1 {
			t.Errorf("%s: %s, %s, %g nm", r.SubstanceID, r.Technique, r.Tier, r.LaserNM)
		}
	}
	for id, want := range map[string]int{
		"acetaminophen": 1, "caffeine": 1, "dipyrone": 1, "coconut-oil": 1, "citric-acid": 3, "isopropanol": 2, "2-butanone": 2, "thiamine": 1, "dmso": 1,
		"methylparaben": 1, "diethyl-ether": 1, "polyethylene-terephthalate": 1, "lactose": 1, "sucrose": 1, "silicon": 1, "silicon-carbide": 1,
	} {
		if got[id] != want {
			t.Errorf("%s: %d references, want %d", id, got[id], want)
		}
	}
	for _, n := range report.NotMapped {
		if _, ok := coreStack(t).Lookup("", "", n.Name); ok {
			t.Errorf("%s is known and was not mapped", n.Name)
		}
	}
	if n := len(report.NotMapped); n < 10 || n > 35 {
		t.Errorf("%d names not mapped: %v", n, report)
	}
}

func TestImportNamesTheSpectraOfAnArchiveAfterTheFilesWithin(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i, name := range []string{"standards/caffeine-01.csv", "Moon dust-2.csv"} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(w, strings.ReplaceAll(pointsOf(i+3), " ", ","))
	}
	w, err := z.Create("cut.csv")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(w, "200,1\n201\n")
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	f := newFile(t)
	report, err := Import(t.Context(), f, coreStack(t), []string{folder(t, map[string]string{"lab.zip": b.String()})}, ImportOptions{}, nil)
	if err != nil || report.Imported != 2 || len(report.Failed) != 1 || !strings.Contains(report.Failed[0].Reason, "lab.zip: cut.csv: ") {
		t.Fatalf("%+v, %v", report, err)
	}
	refs, err := f.References(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, r := range refs {
		got[r.SubstanceID] = r.Provenance.Source
	}
	if want := map[string]string{"caffeine": "lab.zip/standards/caffeine-01.csv", "moon-dust": "lab.zip/Moon dust-2.csv"}; !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
