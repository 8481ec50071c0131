package format

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"fentrace/spectra"
)

// series is one axis and one set of values on their way to a spectrum, with the line each point stands on; lines is nil
// when the source has none.
type series struct {
	x, y  []float64
	lines []int
}

func (s *series) add(x, y float64, line int) {
	s.x, s.y, s.lines = append(s.x, x), append(s.y, y), append(s.lines, line)
}

func (s *series) line(i int) int {
	if s.lines == nil {
		return 0
	}
	return s.lines[i]
}

// ordered returns the points with neighbours of the same position collapsed to their mean, and a warning when there
// were any. An axis that turns round is an error at its line, one that never moves is ErrNoSpectrum.
func (s *series) ordered() (x, y []float64, warning string, err error) {
	x, y = make([]float64, 0, len(s.x)), make([]float64, 0, len(s.y))
	collapsed, direction := 0, 0.0
	for i := 0; i < len(s.x); {
		j, sum := i, 0.0
		for ; j < len(s.x) && s.x[j] == s.x[i]; j++ {
			sum += s.y[j]
		}
		value := s.y[i]
		if j-i > 1 {
			collapsed += j - i - 1
			value = sum / float64(j-i)
			if math.IsInf(sum, 0) || math.IsNaN(sum) {
				return nil, nil, "", at(s.line(i), "%w: the values at %g add up to no finite number", ErrNotNumber, s.x[i])
			}
		}
		if n := len(x); n > 0 {
			step := s.x[i] - x[n-1]
			if direction*step < 0 {
				return nil, nil, "", at(s.line(i), "%w: %g after %g, the axis turns round (sort the rows, or save each scan to its own file)",
					spectra.ErrNotMonotonic, s.x[i], x[n-1])
			}
			direction = math.Copysign(1, step)
		}
		x, y = append(x, s.x[i]), append(y, value)
		i = max(j, i+1) // a NaN does not even equal itself
	}
	if collapsed > 0 {
		if len(x) == 1 {
			return nil, nil, "", at(s.line(0), "%w: all %d rows have the position %g", ErrNoSpectrum, len(s.x), s.x[0])
		}
		warning = fmt.Sprintf("%d rows repeat the position of the row before; each such group was replaced by its mean.", collapsed)
	}
	return x, y, warning, nil
}

// fill puts the ordered points into out, with a warning when some were collapsed.
func (s *series) fill(out *spectra.Spectrum) error {
	x, y, doubled, err := s.ordered()
	if err != nil {
		return err
	}
	if doubled != "" {
		out.Metadata.Warnings = append(out.Metadata.Warnings, doubled)
	}
	out.X, out.Y = x, y
	return nil
}

// ramanShift returns the shift in cm-1 of light of wavelength nm scattered from a laser of laserNM, both in nm and > 0.
func ramanShift(laserNM, nm float64) float64 { return 1e7/laserNM - 1e7/nm }

// plausibleLaser reports whether nm can be the wavelength of a Raman laser: ultraviolet to near infrared.
func plausibleLaser(nm float64) bool { return nm >= 180 && nm <= 1600 }

var (
	quantity      = regexp.MustCompile(`^\s*([-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][-+]?\d+)?)\s*([^\d\s]\S*)?\s*$`)
	simulatedWord = regexp.MustCompile(`\bSIMULATED\b`)
)

// saysSimulated reports whether text holds the word SIMULATED. The plain search spares long remarks the slower one.
func saysSimulated(text string) bool {
	return strings.Contains(text, "SIMULATED") && simulatedWord.MatchString(text)
}

// measure splits "785 nm" into 785 and "nm"; the unit is in lower case and may be missing. A decimal comma is accepted.
func measure(s string) (v float64, unit string, ok bool) {
	m := quantity.FindStringSubmatch(s)
	if m == nil {
		return 0, "", false
	}
	v, err := strconv.ParseFloat(strings.Replace(m[1], ",", ".", 1), 64)
	if err != nil {
		return 0, "", false
	}
	return v, strings.ToLower(m[2]), true
}

// milliseconds reads a duration whose unit stands in the value ("2 s") or is given by the label.
func milliseconds(s, labelUnit string) (float64, bool) {
	v, unit, ok := measure(s)
	if !ok || v <= 0 {
		return 0, false
	}
	if unit == "" {
		unit = labelUnit
	}
	switch unit {
	case "ms", "msec", "milliseconds":
		return v, true
	case "s", "sec", "seconds":
		return v * 1e3, true
	case "us", "µs", "microseconds":
		return v / 1e3, true
	}
	return 0, false
}

// wholeNumber reads a count of 1 or more.
func wholeNumber(s string) (int, bool) {
	v, ok := parseNumber(s)
	if !ok || v < 1 || v > 1e9 || v != math.Trunc(v) {
		return 0, false
	}
	return int(v), true
}

// casNumber returns a CAS registry number with its hyphens, "" when the check digit says s is none.
func casNumber(s string) string {
	digits := strings.ReplaceAll(strings.TrimSpace(s), "-", "")
	if len(digits) < 5 || len(digits) > 10 {
		return ""
	}
	sum := 0
	for i := range len(digits) {
		c := digits[len(digits)-1-i]
		if c < '0' || c > '9' {
			return ""
		}
		sum += i * int(c-'0')
	}
	if sum%10 != int(digits[len(digits)-1]-'0') {
		return ""
	}
	n := len(digits)
	return strings.TrimLeft(digits[:n-3], "0") + "-" + digits[n-3:n-1] + "-" + digits[n-1:]
}

// setResolution takes a resolution in cm-1, with or without its unit, when the axis x is in cm-1 too.
func setResolution(m *spectra.Metadata, text string, x spectra.Unit) {
	v, unit, ok := measure(text)
	if ok && v > 0 && x == spectra.PerCM && (unit == "" || axisUnit(unit) == spectra.PerCM) {
		m.ResolutionCM1 = v
	}
}

// truthy reads a flag; an empty one counts as set, as in ##$SIMULATED=.
func truthy(s string) bool {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "0", "no", "false", "off":
		return false
	}
	return true
}

// percentSigns takes a few kilobytes to build, so it is built once.
var percentSigns = strings.NewReplacer("%", "", "percent", "", "(", "", ")", "")

// valueUnit names the unit of the values from the words of a file. percent is true when the words say so; the text
// itself is kept as the unit when it is not one of ours.
func valueUnit(s string) (unit spectra.Unit, percent bool) {
	w := strings.ToLower(strings.TrimSpace(s))
	percent = strings.Contains(w, "%") || strings.Contains(w, "percent")
	bare := strings.Trim(percentSigns.Replace(w), " ")
	switch bare {
	case "":
		if percent {
			return spectra.Unit(strings.TrimSpace(s)), false
		}
		return spectra.Arbitrary, false
	case "absorbance", "abs", "a", "absorbance units", "au (absorbance)", "log1/t", "log 1/t":
		return spectra.Absorbance, false
	case "transmittance", "transmission", "t", "tr", "trans":
		return spectra.Transmittance, percent
	case "reflectance", "reflection", "r":
		return spectra.Reflectance, percent
	case "counts", "count", "cts", "raw counts":
		return spectra.Counts, false
	case "intensity", "int", "relative intensity", "raman intensity", "signal":
		return spectra.Intensity, false
	case "arbitrary", "arbitrary units", "arb. units", "arb.units", "a.u.", "au", "unknown":
		return spectra.Arbitrary, false
	}
	return spectra.Unit(strings.TrimSpace(s)), false
}

// axisUnit names the unit of an axis from the words of a file; the text itself is the unit when it is not one of ours.
func axisUnit(s string) spectra.Unit {
	w := strings.ToLower(strings.ReplaceAll(strings.TrimSpace(s), " ", ""))
	switch strings.Trim(w, "()[]") {
	case "":
		return spectra.Arbitrary
	case "1/cm", "cm-1", "cm^-1", "cm⁻¹", "cm−1", "wavenumber", "wavenumbers", "wavenumbers(cm-1)", "wavenumber(cm-1)", "ramanshift", "ramanshift(cm-1)", "ramanshift(1/cm)":
		return spectra.PerCM
	case "nm", "nanometer", "nanometers", "nanometre", "nanometres":
		return spectra.Nanometre
	case "um", "µm", "μm", "micrometer", "micrometers", "micrometre", "micrometres", "micron", "microns":
		return spectra.Micrometre
	case "pixel", "pixels":
		return spectra.Pixel
	}
	return spectra.Unit(strings.TrimSpace(s))
}
