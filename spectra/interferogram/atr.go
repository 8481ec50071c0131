package interferogram

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"fentrace/spectra"
)

// ATR describes an attenuated total reflection accessory.
type ATR struct {
	CrystalIndex float64 `json:"crystal_index"` // refractive index, 2.4 for diamond
	SampleIndex  float64 `json:"sample_index"`  // about 1.5 for organic matter
	AngleDegrees float64 `json:"angle_degrees"` // of incidence, usually 45
}

// DiamondATR is the accessory of most field instruments, with an organic sample on it.
func DiamondATR() ATR { return ATR{CrystalIndex: 2.4, SampleIndex: 1.5, AngleDegrees: 45} }

// atrReference is the wavenumber (cm-1) at which a correction leaves the absorbance as it is.
const atrReference = 1000

// ATRField is the key of Metadata.Fields under which a corrected spectrum keeps the accessory.
const ATRField = "atr_correction"

// DepthUM is the depth in um at which the field in the sample has fallen to 1/e, at a wavenumber in cm-1 > 0:
// d = 1/(2 pi nu n1 sqrt(sin^2 a - (n2/n1)^2)) (N. J. Harrick, Internal Reflection Spectroscopy, 1967). The error wraps
// ErrSetting; it is returned also when there is no total reflection because the angle is too small.
func (a ATR) DepthUM(wavenumber float64) (float64, error) {
	ratio, sin := a.SampleIndex/a.CrystalIndex, math.Sin(a.AngleDegrees*math.Pi/180)
	switch {
	case !(a.CrystalIndex >= 1) || !(a.SampleIndex >= 1) || math.IsInf(a.CrystalIndex, 0) || !(a.AngleDegrees > 0 && a.AngleDegrees < 90):
		return 0, fmt.Errorf("%w: ATR with refractive indices %g and %g at %g degrees (indices of 1 or more, an angle between 0 and 90)", ErrSetting, a.CrystalIndex, a.SampleIndex, a.AngleDegrees)
	case sin <= ratio:
		return 0, fmt.Errorf("%w: no total reflection at %g degrees between refractive indices %g and %g: above %.1f degrees there is",
			ErrSetting, a.AngleDegrees, a.CrystalIndex, a.SampleIndex, math.Asin(min(ratio, 1))*180/math.Pi)
	case !(wavenumber > 0):
		return 0, fmt.Errorf("%w: a depth at %g cm-1", ErrSetting, wavenumber)
	}
	return 1e4 / (2 * math.Pi * wavenumber * a.CrystalIndex * math.Sqrt(sin*sin-ratio*ratio)), nil
}

// Correct returns an absorbance measured by ATR as transmission through a layer of one thickness would show it: less its
// minimum, and divided by the depth of penetration relative to that at 1000 cm-1. Bands are not moved: that would need
// the dispersion of the sample. s must be an absorbance over wavenumbers above 0.
func (a ATR) Correct(s spectra.Spectrum) (spectra.Spectrum, error) {
	if err := s.Validate(); err != nil {
		return s, fmt.Errorf("ATR correction of %q: %w", s.Title, err)
	}
	if s.XUnit != spectra.PerCM || s.YUnit != spectra.Absorbance || s.Peaks {
		return s, fmt.Errorf("ATR correction of %q: %w: it needs absorbance over cm-1, not %s over %s", s.Title, ErrSetting, s.YUnit, s.XUnit)
	}
	reference, err := a.DepthUM(atrReference)
	if err != nil {
		return s, fmt.Errorf("ATR correction of %q: %w", s.Title, err)
	}
	least := slices.Min(s.Y)
	y := make([]float64, len(s.Y))
	for i, v := range s.Y {
		depth, err := a.DepthUM(s.X[i])
		if err != nil {
			return s, fmt.Errorf("ATR correction of %q: %w", s.Title, err)
		}
		y[i] = (v - least) * reference / depth
	}
	s.Y, s.Metadata.Fields = y, maps.Clone(s.Metadata.Fields)
	if s.Metadata.Fields == nil {
		s.Metadata.Fields = map[string]string{}
	}
	s.Metadata.Fields[ATRField] = fmt.Sprintf("refractive indices %g and %g, %g degrees, unchanged at %d cm-1", a.CrystalIndex, a.SampleIndex, a.AngleDegrees, atrReference)
	return s, nil
}
