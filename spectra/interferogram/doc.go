// Package interferogram turns what an infrared interferometer records, light by optical path difference, into single
// beams, transmittance and absorbance. Settings are data with defaults, so that a stored result can be redone.
//
// The path of a record is FromSpectrum (split into sweeps), Transform (mean removed, centre burst found, apodised, zero
// filled, Fourier transformed, phase corrected, sweeps averaged) and Absorbance (divided by the background on the same
// grid). The terms are those of P. R. Griffiths and J. A. de Haseth, Fourier Transform Infrared Spectrometry, 2nd
// edition, 2007, chapters 2 to 4.
package interferogram

import "errors"

// Errors of this package; test with errors.Is. Errors of package spectra are passed through.
var (
	ErrNotInterferogram = errors.New("not an interferogram that can be transformed") // wrong unit, or no sampling interval
	ErrNoBurst          = errors.New("no centre burst")                              // constant, or too close to an end
	ErrSetting          = errors.New("setting out of range")                         //
	ErrGrid             = errors.New("sample and background are on different grids") // measured or computed differently
	ErrNoLight          = errors.New("no light")                                     // of the background, in the whole range
)
