package format

import (
	"fmt"
	"slices"

	"fentrace/spectra"
)

// originalYUnits is the key of Metadata.Fields that keeps the unit values were converted from.
const originalYUnits = "original_yunits"

// percentAbove is the 95th percentile above which values called transmittance or reflectance must be percent: a
// fraction exceeds 1 by noise only.
const percentAbove = 1.5

// normaliseRatio brings values that are a ratio of light to the units of package spectra. Percent become fractions.
// Infrared transmittance T becomes absorbance A = -log10(T); where T is not above zero no absorbance exists and the
// largest one of the spectrum is put, with a warning.
func normaliseRatio(s *spectra.Spectrum, original string, percent bool) error {
	if s.YUnit != spectra.Transmittance && s.YUnit != spectra.Reflectance {
		return nil
	}
	if s.Peaks {
		return nil
	}
	if !percent && highQuantile(s.Y) > percentAbove {
		percent = true
	}
	if percent {
		for i := range s.Y {
			s.Y[i] /= 100
		}
	}
	if s.YUnit != spectra.Transmittance || s.Technique != spectra.IR {
		return nil
	}
	largest, clipped, ok := spectra.TransmittanceToAbsorbance(s.Y)
	if !ok {
		return fmt.Errorf("%w: no transmittance is above zero, so there is no absorbance (measure again with a valid background)", ErrNoSpectrum)
	}
	s.YUnit = spectra.Absorbance
	note := original
	if percent {
		note += " (percent)"
	}
	s.Metadata.Fields[originalYUnits] = note
	if clipped > 0 {
		warn(&s.Metadata, "%d values of transmittance are not above zero; they were set to the largest absorbance of the spectrum, %.2f.", clipped, largest)
	}
	return nil
}

// highQuantile is the 95th percentile, which a few spikes do not move.
func highQuantile(y []float64) float64 {
	sorted := slices.Clone(y)
	slices.Sort(sorted)
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)-1)*95/100]
}

func warn(m *spectra.Metadata, format string, args ...any) {
	m.Warnings = append(m.Warnings, fmt.Sprintf(format, args...))
}
