package dataset

import (
	"bytes"
	"fmt"

	"fentrace/data"
	"fentrace/spectra"
	"fentrace/spectra/format"
	"fentrace/spectra/simulate"
)

// simulatedScan begins the title of every scan of Handheld.
const simulatedScan = "SIMULATED scan of "

// Handheld is a SIMULATED scan of a sample with a handheld, as JCAMP-DX.
func Handheld(name string, lines []simulate.Line, seed uint64) ([]byte, error) {
	s, err := simulate.Spectrum(name, lines, simulate.Handheld785(), simulate.Conditions{Counts: 1e4, Seed: seed})
	if err != nil {
		return nil, err
	}
	s.Title = simulatedScan + name
	var w bytes.Buffer
	if err := format.WriteJCAMP(&w, s); err != nil {
		return nil, err
	}
	return w.Bytes(), nil
}

// Numbered is a file of Handheld under a title of its own, so that no two are the same.
func Numbered(file []byte, number int) []byte {
	return bytes.Replace(file, []byte(simulatedScan), fmt.Appendf(nil, "SIMULATED scan %d of ", number), 1)
}

// CarriedScans are SIMULATED scans of each substance whose lines the program carries for its demo: they need no other data.
func CarriedScans() (files [][]byte, err error) {
	table, err := simulate.ParseLines(bytes.NewReader(data.SimulatedLines))
	if err != nil {
		return nil, err
	}
	for i, sub := range table {
		if sub.Technique != spectra.Raman {
			continue
		}
		file, err := Handheld(sub.Name, sub.Lines, uint64(i))
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}
