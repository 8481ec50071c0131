// Package simulate is a model of a Raman spectrometer for the demo, the tests and the benchmarks, and for nothing
// else: what it makes never comes near a field answer. Every spectrum it returns has Metadata.Simulated set and a
// title that starts with "SIMULATED". The same arguments give the same spectrum, bit for bit, on one machine.
package simulate

import (
	"errors"
	"fmt"
	"math"

	"fentrace/spectra"
)

// TitlePrefix starts the title of every simulated spectrum.
const TitlePrefix = "SIMULATED "

// MaxLines is the most lines one sample may have.
const MaxLines = 5000

// Errors of this package; test with errors.Is.
var (
	ErrSample     = errors.New("sample cannot be simulated")
	ErrInstrument = errors.New("instrument cannot be simulated")
	ErrConditions = errors.New("conditions cannot be simulated")
)

// Line is one band of a sample before an instrument has broadened it.
type Line struct {
	CM1       float64 // position, cm-1
	Intensity float64 // area, relative to the other lines; not negative
	WidthCM1  float64 // natural full width at half maximum, cm-1; Lorentzian
}

// Substance is one material with its lines for one technique.
type Substance struct {
	Name, Class, CAS string // CAS is empty when it is not known
	Technique        spectra.Technique
	Lines            []Line // in the order of the source
}

// Component is a share of a sample.
type Component struct {
	Lines []Line
	// Fraction is the share of the signal (of the summed band area), not of the mass. Shares are relative: 1 and 3
	// mean a quarter and three quarters.
	Fraction float64
}

// Mix returns the lines of a mixture, scaled to a total area of 1. Errors: ErrSample when a fraction is negative
// or not finite, when nothing is left to mix, or when a line is not usable.
func Mix(components []Component) ([]Line, error) {
	total, count := 0.0, 0
	for i, c := range components {
		if !(c.Fraction >= 0) || math.IsInf(c.Fraction, 0) {
			return nil, fmt.Errorf("%w: fraction %d is %g: must be 0 or more", ErrSample, i+1, c.Fraction)
		}
		total += c.Fraction
		count += len(c.Lines)
	}
	if !(total > 0) || math.IsInf(total, 0) {
		return nil, fmt.Errorf("%w: the fractions add up to %g", ErrSample, total)
	}
	if count > MaxLines {
		return nil, fmt.Errorf("%w: %d lines, at most %d", ErrSample, count, MaxLines)
	}
	mixed := make([]Line, 0, count)
	for i, c := range components {
		if c.Fraction == 0 {
			continue
		}
		area := 0.0
		for _, l := range c.Lines {
			if err := l.validate(); err != nil {
				return nil, fmt.Errorf("component %d: %w", i+1, err)
			}
			area += l.Intensity
		}
		if !(area > 0) {
			return nil, fmt.Errorf("%w: component %d has no lines with intensity", ErrSample, i+1)
		}
		for _, l := range c.Lines {
			l.Intensity = l.Intensity / area * (c.Fraction / total)
			mixed = append(mixed, l)
		}
	}
	return mixed, nil
}

func (l Line) validate() error {
	switch {
	case !(math.Abs(l.CM1) <= 1e5):
		return fmt.Errorf("%w: a line at %g cm-1", ErrSample, l.CM1)
	case !(l.Intensity >= 0 && l.Intensity <= 1e12):
		return fmt.Errorf("%w: the line at %g cm-1 has intensity %g: must be 0 to 1e12", ErrSample, l.CM1, l.Intensity)
	case !(l.WidthCM1 >= 0 && l.WidthCM1 <= 1e4):
		return fmt.Errorf("%w: the line at %g cm-1 is %g cm-1 wide: must be 0 to 1e4", ErrSample, l.CM1, l.WidthCM1)
	}
	return nil
}
