package library

import (
	"bytes"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"fentrace/spectra"

	"github.com/google/go-cmp/cmp"
)

func TestALargeLibraryIsTheSameWithItsSpectraLeftInTheFile(t *testing.T) {
	f := filled(t)
	whole, err := OpenStack(t.Context(), nil, f.Path())
	if err != nil {
		t.Fatal(err)
	}
	large, err := openStack(t.Context(), 0, nil, f.Path())
	if err != nil {
		t.Fatal(err)
	}
	if whole.Version() != large.Version() || len(whole.References()) != len(large.References()) {
		t.Fatalf("version %s and %s", whole.Version(), large.Version())
	}
	left := 0
	for i, r := range large.References() {
		want := whole.References()[i]
		if r.HasSpectrum() != want.HasSpectrum() {
			t.Errorf("%s: %t", r.ID, r.HasSpectrum())
		}
		if r.Stored != nil {
			left++
			s, err := r.Load(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			r.Spectrum, r.Stored = &s, nil
		} else if _, err := r.Load(t.Context()); !errors.Is(err, ErrNoSpectrum) {
			t.Error(err)
		}
		if diff := cmp.Diff(want, r); diff != "" {
			t.Error(diff)
		}
	}
	if left != 2 {
		t.Errorf("%d spectra were left in the file", left)
	}
	// They can be stored elsewhere.
	other := newFile(t)
	if err := other.PutSubstance(t.Context(), large.Substances()...); err != nil {
		t.Fatal(err)
	}
	if n, err := other.PutReference(t.Context(), large.References()...); err != nil || n != 3 {
		t.Errorf("%d, %v", n, err)
	}
}

func TestASpectrumThatWasChangedInItsFileIsNeverUsed(t *testing.T) {
	for name, change := range map[string]string{
		"damaged": `UPDATE reference_spectra SET y = zeroblob(length(y)) WHERE kind = 'spectrum'`,
		"cut off": `UPDATE reference_spectra SET y = x'00' WHERE kind = 'spectrum'`,
		"gone":    `DELETE FROM reference_spectra`,
		"another": `UPDATE reference_spectra SET kind = 'peaks'`,
		"moved":   `UPDATE reference_spectra SET substance_id = 'fentanyl' WHERE substance_id = 'caffeine'; UPDATE reference_spectra SET tier = 'published' WHERE tier = 'simulated'`,
	} {
		f := filled(t)
		st, err := openStack(t.Context(), 0, nil, f.Path())
		if err != nil {
			t.Fatal(err)
		}
		db, err := sql.Open("sqlite3", (&url.URL{Scheme: "file", Path: f.Path()}).String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(change); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		for _, r := range st.References() {
			if r.Stored == nil {
				continue
			}
			if _, err := r.Load(t.Context()); !errors.Is(err, ErrDamaged) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// What is said of a reference comes from an index: no damage to it may give a spectrum to another substance.
func TestNoDamageGivesASpectrumThatIsLeftInItsFileToAnotherSubstance(t *testing.T) {
	whole := bytesOf(t)
	path := filepath.Join(t.TempDir(), "x.db")
	listed := 0
	for _, text := range []string{"fentanyl", "caffeine", "measured", "simulated", "raman"} {
		for at := bytes.Index(whole, []byte(text)); at >= 0; at = next(whole, text, at) {
			bent := bytes.Clone(whole)
			bent[at] ^= 0x01
			if err := os.WriteFile(path, bent, 0o644); err != nil {
				t.Fatal(err)
			}
			st, err := openStack(t.Context(), 0, nil, path)
			if err != nil {
				continue
			}
			for _, r := range st.References() {
				if r.Stored == nil {
					continue
				}
				s, err := r.Load(t.Context())
				if err != nil {
					listed++
					continue
				}
				said := Reference{SubstanceID: r.SubstanceID, Tier: r.Tier, Technique: r.Technique, Spectrum: &s}
				if said.ContentID() != r.ID {
					t.Errorf("byte %d (%s): read as %s, %s, %s", at, text, r.SubstanceID, r.Tier, r.Technique)
				}
			}
		}
	}
	if listed == 0 {
		t.Error("no damage reached what is said of a spectrum")
	}
}

// next is where text occurs again after at, -1 where it does not.
func next(whole []byte, text string, at int) int {
	if i := bytes.Index(whole[at+1:], []byte(text)); i >= 0 {
		return at + 1 + i
	}
	return -1
}

func TestADescriptionThatWasChangedGivesAnotherVersion(t *testing.T) {
	version := func(change func(*Reference)) string {
		refs := threeReferences()
		for i := range refs {
			refs[i].ID = refs[i].ContentID()
		}
		change(&refs[0])
		return NewStack(twoSubstances(), refs).Version()
	}
	was := version(func(*Reference) {})
	for name, change := range map[string]func(*Reference){
		"substance": func(r *Reference) { r.SubstanceID = "fentanyl" },
		"tier":      func(r *Reference) { r.Tier = Simulated },
		"technique": func(r *Reference) { r.Technique = spectra.IR },
	} {
		if version(change) == was {
			t.Errorf("%s: the version is the same", name) // prepared references would be used as if it were the same library
		}
	}
}

func TestSpectraAreReadAfterAnotherProgramWasKilledWhileWriting(t *testing.T) {
	f := filled(t)
	st, err := openStack(t.Context(), 0, nil, f.Path())
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	died(t, "LIBRARY_TEST_DIE_WRITING="+f.Path())
	if journal, err := os.Stat(f.Path() + "-journal"); err != nil || journal.Size() == 0 {
		t.Fatalf("the transaction was to leave a journal: %v", err)
	}
	for _, r := range st.References() {
		if _, err := r.Load(t.Context()); r.Stored != nil && err != nil {
			t.Errorf("%s: %v", r.Tier, err)
		}
	}
}
