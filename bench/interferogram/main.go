// Command interferogram measures how well absorbance computed from interferograms agrees with what the spectrometer's own
// software stored beside them, and writes bench/RESULTS.md and bench/results.json. The peer is the plain way: the same
// transform of the whole record, not cut to the resolution that the file states.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"fentrace/bench/dataset"
	"fentrace/bench/report"
	"fentrace/spectra/format"
	"fentrace/spectra/interferogram"
)

const (
	command = "make bench-interferogram"

	low, high = 650, 1800 // cm-1, the fingerprint region
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "interferogram:", err)
		os.Exit(1)
	}
}

func run() error {
	root, ok := dataset.Root()
	if !ok {
		return fmt.Errorf("the recorded interferograms (../shared/data) are not here: nothing to measure")
	}
	results, err := measure(filepath.Join(root, "formats", "opus", "ftir_ps.0"))
	if err != nil {
		return err
	}
	fmt.Print(report.Table(results))
	return report.Save("bench/results.json", "bench/RESULTS.md", command, results)
}

// measure computes the absorbance of the file at path twice. One file has no interval: low and high are the value.
func measure(path string) ([]report.Result, error) {
	stated, err := agreement(path, func(*interferogram.Settings) {})
	if err != nil {
		return nil, err
	}
	plain, err := agreement(path, func(s *interferogram.Settings) { s.ResolutionCM1 = 0 })
	if err != nil {
		return nil, err
	}
	result := func(name, unit string, value, peer float64) report.Result {
		return report.Exact("polystyrene, absorbance computed from interferograms less the stored one, 650 to 1800 cm-1: "+name, unit, value, stated.Points, "the whole record", peer, command)
	}
	return []report.Result{
		result("largest", "A", stated.Largest, plain.Largest),
		result("root mean square", "A", stated.RMS, plain.RMS),
		result("1 - correlation", "", 1-stated.Correlation, 1-plain.Correlation),
	}, nil
}

// agreement transforms the interferograms of sample and background with the settings of the file, changed by change, and
// compares the absorbance with the first spectrum of the file, which is the stored one.
func agreement(path string, change func(*interferogram.Settings)) (interferogram.Agreed, error) {
	read, err := format.ReadFile(path)
	if err != nil {
		return interferogram.Agreed{}, err
	}
	var beams [2]interferogram.SingleBeam // sample, background
	for _, s := range read {
		if !interferogram.IsInterferogram(s) {
			continue
		}
		set, _ := interferogram.FromFile(s.Metadata)
		change(&set)
		ig, err := interferogram.FromSpectrum(s)
		if err != nil {
			return interferogram.Agreed{}, err
		}
		b, err := interferogram.Transform(ig, set)
		if err != nil {
			return interferogram.Agreed{}, err
		}
		if s.Metadata.Background {
			beams[1] = b
		} else {
			beams[0] = b
		}
	}
	a, err := interferogram.Absorbance(beams[0], beams[1])
	if err != nil {
		return interferogram.Agreed{}, err
	}
	return interferogram.Agreement(a, read[0], low, high)
}
