// Package calibration corrects the two axes of a spectrometer with samples whose spectra are known.
//
// The axis: the lines of a standard (polystyrene, acetaminophen, neon ...) are found, matched to their table and a
// smooth correction of the Raman shift is fitted, which is accepted only within stated limits. The intensity: the
// relative response follows from a fluorescent glass of the NIST SRM 224x series. Check tells how far the lines of a
// mid-infrared polystyrene film, or of a plastic container, are from their places, and changes nothing.
package calibration

import "errors"

// Errors of this package; test with errors.Is. Errors of packages spectra and preprocess are passed through.
var (
	ErrUnknown     = errors.New("not known")                           // a standard, a certificate or a container
	ErrAxisUnit    = errors.New("axis is not a Raman shift in cm-1")   // convert it, or state the laser
	ErrTechnique   = errors.New("wrong technique for this standard")   //
	ErrTooFewLines = errors.New("too few lines of the standard found") //
	ErrNotStandard = errors.New("spectrum is not that of the standard")
	ErrAmbiguous   = errors.New("lines match the standard in more than one way")
	ErrMonotonic   = errors.New("corrected axis would not run in one direction")
	ErrRange       = errors.New("outside the certified range")
	ErrLaser       = errors.New("laser wavelength does not fit")
	ErrNoSignal    = errors.New("signal too weak")
)
