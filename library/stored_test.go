package library

import (
	"database/sql"
	"errors"
	"net/url"
	"testing"

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
