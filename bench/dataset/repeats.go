package dataset

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"fentrace/spectra"
	"fentrace/spectra/format"
)

// Repeats are scans of one powder, on the pixels of the instrument that took them.
type Repeats struct {
	Name    string
	Spectra []spectra.Spectrum
}

// PowderRepeats reads the repeated scans of powders, 10 of each pure one and 60 of each mixture, in order of file name.
// Between scans the vial was turned, so that the mixture under the laser changed: repeats of one scan differ far less.
func PowderRepeats(root string) ([]Repeats, error) {
	files, err := filepath.Glob(filepath.Join(root, "raman", "powder-mixtures", "*", "*.csv*"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no repeated scans of powders under %s", root)
	}
	out := make([]Repeats, len(files))
	for i, path := range files {
		raw, err := readMaybeCompressed(path)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		out[i].Name = filepath.Base(path)
		if out[i].Spectra, err = format.Read(strings.TrimSuffix(path, ".gz"), raw); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func readMaybeCompressed(path string) ([]byte, error) {
	raw, err := os.ReadFile(path)
	if err != nil || !strings.HasSuffix(path, ".gz") {
		return raw, err
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}
