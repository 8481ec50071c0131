package acquire

import (
	"fmt"

	"fentrace/spectra"
	"fentrace/spectra/format"
)

// ReadSpectra returns the spectra of the bytes of a file called name: of a stored scan (see Scan.Raw) the one it gives,
// of anything else what format.Read makes of it. The error names the file and what is wrong with it.
func ReadSpectra(name string, raw []byte) ([]spectra.Spectrum, error) {
	if !IsScan(raw) {
		return format.Read(name, raw)
	}
	return readScan(name, raw)
}

// ReadAll is ReadSpectra that tells apart what could not be read of an archive, as format.ReadAll does.
func ReadAll(name string, raw []byte) (out []spectra.Spectrum, unread []error, err error) {
	if !IsScan(raw) {
		return format.ReadAll(name, raw)
	}
	out, err = readScan(name, raw)
	return out, nil, err
}

func readScan(name string, raw []byte) ([]spectra.Spectrum, error) {
	scan, err := Decode(raw)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	s, err := scan.Spectrum()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return []spectra.Spectrum{s}, nil
}
