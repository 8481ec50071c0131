package dataset

import (
	"gonum.org/v1/gonum/floats"

	"fentrace/library/search"
	"fentrace/spectra"
	"fentrace/spectra/preprocess"
)

// Signal is how much signal a scan holds: the norm of its first derivative, taken as for search, in the scan's own units.
// Shares of the signal in answers are shares of this.
func Signal(s spectra.Spectrum) (float64, error) {
	p := search.Windowed(preprocess.Search, s.Technique)
	p.Name, p.Steps = "signal", p.Steps[:len(p.Steps)-1] // without the normalisation
	d, err := p.Run(s)
	if err != nil {
		return 0, err
	}
	return floats.Norm(d.Y, 2), nil
}
