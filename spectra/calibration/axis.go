package calibration

import (
	"fmt"
	"math"
	"slices"

	"fentrace/spectra"
)

// Axis is a correction of the Raman shift of one instrument.
type Axis struct {
	// Reversed: the detector is read out from the wrong end, so the values are turned round before anything else.
	Reversed bool `json:"reversed,omitempty"`
	// Points is how many points a scan has then: only one cut like the standard's can be turned round.
	Points int `json:"points,omitempty"`
	// Correction is added to the shift as measured.
	Correction poly `json:"correction"`
	// LaserNM is the wavelength the shifts were computed with, 0 when the source did not state it. Shifts computed with
	// another one need another correction.
	LaserNM float64 `json:"laser_nm,omitempty"`
}

// Correct is the true Raman shift (cm-1) of what the instrument reads as x.
func (a Axis) Correct(x float64) float64 { return x + a.Correction.at(x) }

// Degree of the correction: 0 moves the axis, 1 stretches it, 2 and 3 bend it.
func (a Axis) Degree() int { return len(a.Correction.Coefficients) - 1 }

// Validate reports why a cannot be applied, which happens only to one read from a damaged file.
func (a Axis) Validate() error {
	p := a.Correction
	ok := len(p.Coefficients) > 0 && len(p.Coefficients) <= maxDegree+1 && p.Scale > 0 && p.Low <= p.High
	for _, v := range append([]float64{p.Centre, p.Scale, p.Low, p.High, a.LaserNM}, p.Coefficients...) {
		ok = ok && !math.IsNaN(v) && !math.IsInf(v, 0)
	}
	if !ok {
		return fmt.Errorf("correct the axis: %w: the correction is not usable: %+v", ErrMonotonic, p)
	}
	return nil
}

// Apply returns s with its axis corrected; the arrays of s are left alone.
// Errors: ErrAxisUnit, ErrTechnique, ErrLaser when s was computed with a clearly different laser, ErrRange, ErrMonotonic.
func (a Axis) Apply(s spectra.Spectrum) (spectra.Spectrum, error) {
	switch {
	case s.Technique != spectra.Raman:
		return s, fmt.Errorf("correct the axis: %w: it is %s, not Raman", ErrTechnique, s.Technique)
	case s.XUnit != spectra.PerCM:
		return s, fmt.Errorf("correct the axis: %w but in %q", ErrAxisUnit, s.XUnit)
	case a.Reversed && len(s.X) != a.Points:
		return s, fmt.Errorf("correct the axis: %w: the detector is read out from the wrong end, and the scan has %d points, the standard had %d: export all points alike", ErrRange, len(s.X), a.Points)
	}
	if err := a.Validate(); err != nil {
		return s, err
	}
	if m := s.Metadata.LaserNM; m > 0 && a.LaserNM > 0 && math.Abs(1e7/m-1e7/a.LaserNM) > 1 {
		return s, fmt.Errorf("correct the axis: %w: the scan was computed with %g nm, the calibration with %g nm: state the same or calibrate again", ErrLaser, m, a.LaserNM)
	}
	x := make([]float64, len(s.X))
	for i, v := range s.X {
		x[i] = a.Correct(v)
	}
	out := s
	out.X = x
	if ranges := s.Metadata.SaturatedRanges; len(ranges) > 0 && !a.Reversed {
		out.Metadata.SaturatedRanges = slices.Clone(ranges)
		for i, r := range ranges {
			out.Metadata.SaturatedRanges[i] = spectra.Range{Low: a.Correct(r.Low), High: a.Correct(r.High)}
		}
	}
	if a.Reversed {
		out = reversed(out)
		out.Metadata.SaturatedRanges = nil // they would have to be turned round as well
	}
	if err := out.Validate(); err != nil {
		return s, fmt.Errorf("correct the axis: %w: %w", ErrMonotonic, err)
	}
	return out, nil
}

// reversed is s with its values turned round: what a detector gives that is read out from the wrong end.
func reversed(s spectra.Spectrum) spectra.Spectrum {
	s.Y = slices.Clone(s.Y)
	slices.Reverse(s.Y)
	return s
}
