package search

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"fentrace/library"
	"fentrace/spectra"

	_ "github.com/mattn/go-sqlite3"
)

// inFile is a library that is large enough for its spectra to stay in their file, and its path.
func inFile(t *testing.T) (st *library.Stack, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "large.db")
	f, err := library.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	refs := many(t)
	for i := range refs {
		refs[i].ID, refs[i].SubstanceID, refs[i].Tier, refs[i].Technique = "", "made-up", library.Measured, spectra.Raman
	}
	if err := f.PutSubstance(t.Context(), library.Substance{ID: "made-up", Name: "made up"}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.PutReference(t.Context(), refs...); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	alter(t, path, `CREATE TABLE padding AS SELECT zeroblob(9000000) AS zeros`)
	return open(t, path), path
}

func open(t *testing.T, path string) *library.Stack {
	t.Helper()
	st, err := library.OpenStack(t.Context(), nil, path)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range st.References() {
		if r.Spectrum != nil {
			t.Fatal("the spectra are in memory")
		}
	}
	return st
}

func alter(t *testing.T, path, query string) {
	t.Helper()
	db, err := sql.Open("sqlite3", (&url.URL{Scheme: "file", Path: path}).String())
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(query)
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

func prepared(st *library.Stack, dir string) (*Index, error) {
	return CachedIndex(context.Background(), dir, st.Version(), st.References(), nil)
}

func TestALibraryThatCannotBeReadIsAnErrorAndNothingOfItIsKept(t *testing.T) {
	st, path := inFile(t)
	dir := t.TempDir()
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	if ix, err := prepared(st, dir); err == nil {
		t.Errorf("%d references were prepared from a file that is not there, %d left out", ix.Len(spectra.Raman), len(ix.Skipped()))
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	ix, err := prepared(open(t, path), dir)
	if err != nil || ix.Len(spectra.Raman) != worthCaching || len(ix.Skipped()) != 1 { // one is too short to be searched
		t.Errorf("%d searchable, left out %v, %v", ix.Len(spectra.Raman), ix.Skipped(), err)
	}
}

func TestADamagedReferenceIsBackOnceTheLibraryIsMended(t *testing.T) {
	st, path := inFile(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	alter(t, path, `UPDATE reference_spectra SET y = zeroblob(length(y)) WHERE id = (SELECT min(id) FROM reference_spectra WHERE length(y) > 1000)`)
	if ix, err := prepared(st, dir); err != nil || ix.Len(spectra.Raman) != worthCaching-1 || !ix.skips(library.ErrDamaged) {
		t.Fatalf("%d searchable, left out %v, %v", ix.Len(spectra.Raman), ix.Skipped(), err)
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if ix, err := prepared(open(t, path), dir); err != nil || ix.Len(spectra.Raman) != worthCaching || ix.skips(library.ErrDamaged) {
		t.Errorf("%d searchable, left out %v, %v", ix.Len(spectra.Raman), ix.Skipped(), err)
	}
}
