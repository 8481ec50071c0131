package search

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"fentrace/library"
	"fentrace/spectra"
)

// many are references enough to be kept in a file, one of which cannot be searched.
func many(t *testing.T) []library.Reference {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 1))
	var refs []library.Reference
	for i := range worthCaching {
		s := bands(340, 1910, 3, 400+1400*rng.Float64(), 400+1400*rng.Float64(), 400+1400*rng.Float64())
		refs = append(refs, ref(fmt.Sprintf("r%03d", i), s))
	}
	return append(refs, ref("short", bands(300, 400, 1, 350)))
}

func cached(t *testing.T, dir string, refs []library.Reference) *Index {
	t.Helper()
	ix, err := CachedIndex(context.Background(), dir, "version 1", refs, nil)
	if err != nil {
		t.Fatal(err)
	}
	return ix
}

func TestAnIndexFromItsFileAnswersAsOneFromMemory(t *testing.T) {
	dir, refs := filepath.Join(t.TempDir(), "index"), many(t)
	memory := NewIndex(refs)
	for _, ix := range []*Index{cached(t, dir, refs), cached(t, dir, refs)} {
		if len(ix.files) != 2 {
			t.Fatalf("%d files", len(ix.files))
		}
		if s := ix.Skipped(); len(s) != 1 || s[0].ReferenceID != "short" || s[0].Err == nil {
			t.Errorf("%+v", s)
		}
		for _, i := range []int{0, 77, 499} {
			v := prepare(t, *refs[i].Spectrum)
			want, err := memory.Search(context.Background(), v, Query{K: 20, MaxShift: 8})
			if err != nil {
				t.Fatal(err)
			}
			got, err := ix.Search(context.Background(), v, Query{K: 20, MaxShift: 8})
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("%v, %v, want %v", got, err, want)
			}
			far, ok, err := ix.SearchDistorted(context.Background(), v, DistortedQuery{MaxShift: 100, MaxStretch: 0.01})
			if err != nil || !ok || far.ReferenceID != refs[i].ID {
				t.Errorf("%+v, %v", far, err)
			}
		}
	}
	if other, err := CachedIndex(context.Background(), dir, "version 2", refs[:len(refs)-1], nil); err != nil || len(other.Skipped()) != 0 {
		t.Errorf("another version: %v", err)
	}
	if few := cached(t, dir, refs[:20]); few.files != nil {
		t.Error("a small library is kept in a file")
	}
	if paths, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(paths) != 4 {
		t.Errorf("%v, %v", paths, err)
	}
}

func TestADamagedIndexIsMadeAgain(t *testing.T) {
	dir, refs := t.TempDir(), many(t)
	cached(t, dir, refs)
	path := indexPath(dir, "version 1", spectra.Raman)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{"cut off": whole[:len(whole)/2], "empty": {}, "another file": []byte("something else entirely, and long enough")} {
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		if ix := cached(t, dir, refs); len(ix.files) != 2 || ix.Len(spectra.Raman) != worthCaching {
			t.Errorf("%s: %d files", name, len(ix.files))
		}
		if got, err := os.ReadFile(path); err != nil || !slices.Equal(got, whole) {
			t.Errorf("%s: it was not made again: %v", name, err)
		}
	}
	// A flipped bit in what is not looked at before use is found while it is used.
	f, err := mapRows(path)
	if err != nil {
		t.Fatal(err)
	}
	at := f.head.Sections[slices.IndexFunc(f.head.Sections, func(s rowSection) bool { return s.Name == "value" })].Offset
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
	raw := slices.Clone(whole)
	raw[at+99] ^= 4
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	ix := cached(t, dir, refs)
	for range 500 {
		if _, err = ix.Search(context.Background(), prepare(t, *refs[0].Spectrum), Query{K: 1}); err != nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if !errors.Is(err, ErrRowFile) {
		t.Fatalf("a damaged index still answers: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestRowsThatCannotBeReadAreAnError(t *testing.T) {
	refs := many(t)
	dir := t.TempDir()
	cached(t, dir, refs)
	ix := cached(t, dir, refs)
	v, ok := ix.Vector(refs[0].ID)
	if !ok {
		t.Fatal("no vector of a reference")
	}
	for _, f := range ix.files {
		if err := f.file.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if _, err := ix.Search(t.Context(), v, Query{K: 3, MaxShift: 8}); !errors.Is(err, ErrRowFile) {
			t.Errorf("search: %v, want ErrRowFile", err)
		}
	}
	if _, ok := ix.Vector(refs[1].ID); ok {
		t.Error("a vector of what cannot be read")
	}
}

func TestWithoutAPlaceForAFileTheIndexIsInMemory(t *testing.T) {
	refs := many(t)
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"", filepath.Join(blocked, "sub")} {
		if ix := cached(t, dir, refs); ix.files != nil || ix.Len(spectra.Raman) != worthCaching {
			t.Errorf("%q: %d references", dir, ix.Len(spectra.Raman))
		}
	}
}

func TestIndexFilesDoNotPileUp(t *testing.T) {
	dir := t.TempDir()
	for i := range indexesKept + 3 {
		path := filepath.Join(dir, fmt.Sprint(i, indexExtension))
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Unix(int64(1e9+i), 0)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := prune(dir); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) != indexesKept || slices.Contains(left, filepath.Join(dir, "0"+indexExtension)) {
		t.Errorf("%v, %v", left, err)
	}
}
