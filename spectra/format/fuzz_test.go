package format

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fentrace/spectra"
)

// fuzz checks one reader: whatever the bytes, it returns an error that says something or valid spectra within the
// bounds of a file, and never panics.
func fuzz(f *testing.F, read func(string, []byte) ([]spectra.Spectrum, error), patterns ...string) {
	var seeds [][]byte
	for _, p := range patterns {
		paths, err := filepath.Glob(filepath.Join("testdata", p))
		if err != nil || len(paths) == 0 {
			f.Fatalf("no seeds under %s (%v)", p, err)
		}
		for _, path := range paths {
			raw, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			seeds = append(seeds, raw)
		}
	}
	fuzzBytes(f, read, seeds...)
}

// fuzzBytes is fuzz with seeds made by a test.
func fuzzBytes(f *testing.F, read func(string, []byte) ([]spectra.Spectrum, error), seeds ...[]byte) {
	for _, raw := range seeds {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := read("fuzz", raw)
		if err != nil {
			if got != nil {
				t.Fatal("spectra beside an error")
			}
			if strings.TrimSpace(err.Error()) == "" {
				t.Fatal("an error without a word")
			}
			return
		}
		points := 0
		for i, s := range got {
			if err := s.Validate(); err != nil {
				t.Fatalf("spectrum %d: %v", i, err)
			}
			points += len(s.X)
		}
		if points > maxFilePoints || len(got) > maxFileSpectra {
			t.Fatalf("%d points in %d spectra from %d bytes", points, len(got), len(raw))
		}
		// The front door must agree with the reader it chooses.
		if _, err := Read("fuzz", raw); err != nil && len(err.Error()) < len("read fuzz: x") {
			t.Fatal(err)
		}
	})
}

func FuzzJCAMP(f *testing.F)     { fuzz(f, readJCAMP, "*.jdx") }
func FuzzENLIGHTEN(f *testing.F) { fuzz(f, readENLIGHTEN, "*enlighten*.csv") }
func FuzzBWTek(f *testing.F)     { fuzz(f, readBWTek, "*bwtek*.txt") }
func FuzzDelimited(f *testing.F) { fuzz(f, readDelimited, "*.csv", "*.txt", "*.tsv") }
