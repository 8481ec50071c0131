package format

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
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

func FuzzSPC(f *testing.F) {
	two := []spcSub{{x: spcShape, y: spcSecond, exponent: -128}, {x: spcShape[:2], y: spcSecond[:2], exponent: 3}}
	for _, s := range []spcSpec{
		{version: 0x4b, exponent: -128, xType: 13, last: 4, log: "SCANS=3\r\nLaser=785 nm\r\n", subs: two[:1]},
		{version: 0x4b, flags: 1, exponent: 3, xType: 1, yType: 128, first: 9, subs: []spcSub{{y: spcShape}}},
		{version: 0x4c, flags: 4, exponent: -128, zType: 4, last: 1, subs: []spcSub{{y: spcShape, exponent: 3}, {y: spcShape, exponent: 4}}},
		{version: 0x4d, flags: 4, exponent: 2, last: 4, subs: []spcSub{{y: spcShape, exponent: 3}, {y: spcShape, exponent: 3}}},
		{version: 0x4b, flags: 0xc4, directory: true, subs: two},
	} {
		if s.flags&0xc0 == 0 {
			s.subs = slices.Clone(s.subs)
			for i := range s.subs {
				s.subs[i].x = nil
			}
		}
		f.Add(madeSPC(s))
	}
	var b bytes.Buffer
	s := spectra.Spectrum{Technique: spectra.Raman, X: spcShape[1:4], Y: spcShape[:3], Metadata: spectra.Metadata{Simulated: true}}
	if err := WriteSPC(&b, s, s); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	fuzz(f, readSPC)
}

func FuzzWDF(f *testing.F) {
	f.Add(madeWDF(madeMap()))
	spec := madeMap()
	spec.xUnit, spec.capacity, spec.positions = 3, 0, nil
	f.Add(madeWDF(spec))
	fuzz(f, readWDF)
}

func FuzzJWS(f *testing.F) {
	spec := jwsSpec{xCode: 0x10000103, codes: []uint32{0x1001, 0x2001}, first: 300, step: -1, y: [][]float64{{1, 2}, {300, 310}}, instrument: "J-815"}
	f.Add(madeJWS(spec))
	spec.module, spec.x = 9, []float64{300, 298.5}
	f.Add(madeCompoundJWS(512, spec))
	fuzz(f, readJWS)
}
