package main

import (
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/server"
	"fentrace/spectra"
)

// manyReferences are so many that their preparation is worth keeping.
func manyReferences() *library.Stack {
	refs := make([]library.Reference, 500)
	for i := range refs {
		s := spectra.Spectrum{Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Counts}
		for x := 300.0; x <= 1900; x += 4 {
			s.X = append(s.X, x)
			s.Y = append(s.Y, 10+500*math.Exp(-math.Pow((x-500-2*float64(i))/8, 2)))
		}
		s.Metadata.Simulated = true
		refs[i] = library.Reference{SubstanceID: "powder", Tier: library.Simulated, Technique: s.Technique, Spectrum: &s}
	}
	return library.NewStack([]library.Substance{{ID: "powder", Name: "powder"}}, refs)
}

// learntIn puts a library into a data folder as a server that has learnt does.
func learntIn(t *testing.T, dir string) {
	t.Helper()
	f, err := library.Create(filepath.Join(dir, server.LearnedFile))
	if err != nil {
		t.Fatal(err)
	}
	sp, err := simulated("Fentanyl", 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.PutSubstance(t.Context(), library.Substance{ID: "fentanyl", Name: "fentanyl"}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.PutReference(t.Context(), library.Reference{SubstanceID: "fentanyl", Tier: library.Simulated, Technique: sp.Technique, Spectrum: &sp}); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestALargeLibraryIsPreparedOnceForScansThatAreKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	learntIn(t, dir)
	stack := manyReferences()
	id, err := identify.New(stack, identify.Options{})
	if err != nil {
		t.Fatal(err)
	}
	keep := func() []os.FileInfo {
		env := &environment{ctx: t.Context(), stdout: io.Discard, stderr: io.Discard}
		kept, err := (&scanCommand{Data: dir}).keeper(env, stack, id)
		if err == nil {
			err = kept.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		paths, err := filepath.Glob(filepath.Join(dir, server.IndexFolder, "*"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("what was prepared is not kept: %v", err)
		}
		var files []os.FileInfo
		for _, p := range paths {
			info, err := os.Stat(p)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, info)
		}
		return files
	}
	first, second := keep(), keep()
	if !slices.EqualFunc(first, second, os.SameFile) {
		t.Error("it was prepared again")
	}
}
