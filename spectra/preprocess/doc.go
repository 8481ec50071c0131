// Package preprocess turns a spectrum as measured into one that can be compared: cosmic rays, baseline, smoothing,
// derivative, normalisation. A Pipeline is data, a named and versioned list of steps, so that a stored result can
// be redone. The methods underneath are plain functions and plans on []float64 that write where they are told.
package preprocess

import "errors"

// Errors of this package; test with errors.Is. Errors of package spectra are passed through.
var (
	ErrUnknown    = errors.New("not known")                       // an operation or a parameter
	ErrParameter  = errors.New("parameter out of range")          //
	ErrTooFew     = errors.New("too few points")                  // for the window or the method
	ErrNotUniform = errors.New("axis is not uniform")             // resample first
	ErrAxisUnit   = errors.New("axis is not in cm-1")             // convert with the laser wavelength first
	ErrNoSignal   = errors.New("no signal to process")            // constant, zero, or nothing but rounding left
	ErrUnsettled  = errors.New("baseline did not settle")         // the last estimate is still returned
	ErrOverlap    = errors.New("source and destination are one")  // these methods cannot work in place
	ErrSingular   = errors.New("baseline equations are singular") // lambda too large for the number of points
)
