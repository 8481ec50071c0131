package format

import (
	"regexp"
	"strings"

	"fentrace/spectra"
)

// full scale of the 16-bit converters of these spectrometers.
const fullScale16 = 65535

// markSaturation counts raw values at the top of a 16-bit converter. Nothing is set when none is there: the file does
// not state the converter.
func markSaturation(m *spectra.Metadata, raw []float64) {
	n := 0
	for _, v := range raw {
		if v >= fullScale16 {
			n++
		}
	}
	if n > 0 {
		m.SaturatedPoints, m.FullScale = n, fullScale16
	}
}

var (
	// autoLabel is a time and a serial number, which ENLIGHTEN puts when nobody typed a label.
	autoLabel = regexp.MustCompile(`^\d{1,2}[:_]\d{2}[:_]\d{2}(\s+\S+)?$`)
	// datedLabel has date and time before the name, scans and exposure after it.
	datedLabel = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}[ T]\d{1,2}:\d{2}:\d{2}\s+(.+?)(\s+\d+x[\d.]+\s*m?s)?(\s+Spectrum)?$`)
)

// labelName is the name of the sample in a label, "" when it has none.
func labelName(label string) string {
	label = strings.TrimSpace(label)
	if autoLabel.MatchString(label) {
		return ""
	}
	if m := datedLabel.FindStringSubmatch(label); m != nil {
		return m[1]
	}
	return label
}

// describe fills in what the keys of the measurement say.
func (m *measurement) describe(s *spectra.Spectrum) {
	d := &s.Metadata
	d.Fields = m.meta
	d.SampleName = labelName(firstOf(m.meta["Label"], m.label))
	s.Title = d.SampleName
	d.SerialNumber, d.Instrument, d.Operator = m.meta["Serial Number"], m.meta["Model"], m.meta["Operator"]
	if v, ok := milliseconds(m.meta["Integration Time"], "ms"); ok {
		d.IntegrationTimeMS = v
	}
	d.Averages, _ = wholeNumber(m.meta["Scan Averaging"])
	if v, ok := parseNumber(m.meta["Laser Wavelength"]); ok && plausibleLaser(v) {
		d.LaserNM = v
	}
	if v, ok := parseNumber(m.meta["Laser Power mW"]); ok && v > 0 {
		d.LaserPowerMW = v
	}
	// Spectrometers without a thermometer report exactly 0, -99 or -273.
	if v, ok := parseNumber(m.meta["Temperature"]); ok && v != 0 && v > -99 {
		d.TemperatureC = &v
	}
	d.Acquired = parseTime(m.meta["Timestamp"])
	if v, ok := m.meta["Simulated"]; ok {
		d.Simulated = truthy(v)
	}
	for _, v := range m.meta {
		d.Simulated = d.Simulated || saysSimulated(v)
	}
}
