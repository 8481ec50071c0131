package dataset

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/gonum/floats"

	"fentrace/spectra"
	"fentrace/spectra/format"
)

// noise is how much is added to what is repeated, as a share of the height of the spectrum.
const noise = 0.005

// leastPoints is how many points a spectrum has at least to be repeated.
const leastPoints = 100

// RecordedFiles lists the files of every vendor with recorded spectra, in order of path; also those that are meant not to be read.
func RecordedFiles(root string) (paths []string, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "computed":
			return filepath.SkipDir
		case d.Type().IsRegular() && format.Readable(path) && !strings.HasPrefix(d.Name(), "SOURCE"):
			paths = append(paths, path)
		}
		return nil
	})
	if err == nil && len(paths) == 0 {
		err = fmt.Errorf("no recorded spectra under %s", root)
	}
	slices.Sort(paths)
	return paths, err
}

// FillFolder makes dir a folder of n files: the recorded ones as their vendors' programs wrote them, as many as go in, at most a half, and
// then spectra of theirs in turn, each with noise of its own, as JCAMP-DX, CSV and SPC. The same seed makes the same files.
func FillFolder(root, dir string, n int, seed uint64) error {
	paths, err := RecordedFiles(root)
	if err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	rng.Shuffle(len(paths), func(i, k int) { paths[i], paths[k] = paths[k], paths[i] })
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	var of []spectra.Spectrum
	made := 0
	put := func(raw []byte, extension string) error {
		made++
		return os.WriteFile(filepath.Join(dir, fmt.Sprintf("%05d%s", made, extension)), raw, 0o600)
	}
	seen := map[string]bool{}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if sum := spectra.HashBytes(raw); made < n/2 && !seen[sum] {
			seen[sum] = true
			if err := put(raw, extension(path)); err != nil {
				return err
			}
		}
		read, err := format.Read(path, raw)
		if err != nil {
			continue // it is there to be refused
		}
		of = append(of, repeatable(read)...)
	}
	if len(of) == 0 {
		return fmt.Errorf("no recorded spectrum under %s can be repeated", root)
	}
	for i := 0; made < n; i++ {
		raw, extension, err := noisy(of[i%len(of)], i, rng)
		if err != nil {
			return err
		}
		if err := put(raw, extension); err != nil {
			return err
		}
	}
	return nil
}

// extension is that of a file, with the one before it when the file is compressed.
func extension(path string) string {
	ext := filepath.Ext(path)
	if strings.EqualFold(ext, ".gz") {
		return filepath.Ext(strings.TrimSuffix(path, ext)) + ext
	}
	return ext
}

// repeatable are the first of the spectra of a file that an answer can be asked for.
func repeatable(read []spectra.Spectrum) []spectra.Spectrum {
	for _, s := range spectra.Scans(read) {
		if (s.Technique == spectra.Raman || s.Technique == spectra.IR) && len(s.X) >= leastPoints && floats.Max(s.Y) > floats.Min(s.Y) {
			return []spectra.Spectrum{s}
		}
	}
	return nil
}

// noisy is a file of a recorded spectrum with noise.
func noisy(s spectra.Spectrum, number int, rng *rand.Rand) (raw []byte, extension string, err error) {
	s.Y = slices.Clone(s.Y)
	sigma := noise * (floats.Max(s.Y) - floats.Min(s.Y))
	for i := range s.Y {
		s.Y[i] += sigma * rng.NormFloat64()
	}
	s.Title = fmt.Sprintf("%s, recorded; SIMULATED noise added, %d", s.Title, number)
	var b bytes.Buffer
	switch number % 3 {
	case 0:
		extension, err = ".jdx", format.WriteJCAMP(&b, s)
	case 1:
		extension, err = ".csv", format.WriteCSV(&b, s)
	default:
		extension, err = ".spc", format.WriteSPC(&b, s)
	}
	if err != nil {
		return nil, "", fmt.Errorf("write %s: %w", s.Title, err)
	}
	return b.Bytes(), extension, nil
}
