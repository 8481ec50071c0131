package format

import (
	"encoding/json"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"fentrace/spectra"
)

// preface is the lines above the numbers: labelled values, comments and the names of the columns.
type preface struct {
	own     bool // written by WriteCSV
	fields  map[string]string
	keys    map[string]string // the same by fieldKey
	remarks []string
	all     map[string]string // fields and remarks, as they go into Metadata.Fields
}

// keySigns takes a few kilobytes to build, so it is built once.
var keySigns = strings.NewReplacer(" ", "", "_", "", "-", "", "#", "", ".", "", "\"", "")

// fieldKey compares labels without case, blanks and punctuation; the unit in parentheses stays.
func fieldKey(label string) string {
	return keySigns.Replace(strings.ToLower(label))
}

func (p preface) get(key string) string { return p.keys[key] }

// readPreface reads "key<separator>value", "key: value" and "key = value"; any other line is a remark.
func readPreface(t *table) preface {
	p := preface{own: strings.HasPrefix(t.lines[0], ownMark), fields: map[string]string{}, keys: map[string]string{}}
	p.read(t, t.lines[:t.start])
	return p
}

func (p *preface) read(t *table, lines []string) {
	for _, l := range lines {
		text := strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(l), "#%/"))
		if text == "" || len(p.fields)+len(p.remarks) >= maxFields {
			continue
		}
		key, value := t.labelled(text, p.own)
		if key == "" {
			if text = strings.Trim(text, ",; \t|\""); text != "" {
				p.remarks = append(p.remarks, text)
			}
			continue
		}
		p.fields[key] = value
		p.keys[fieldKey(key)] = value
	}
	p.all = maps.Clone(p.fields)
	if len(p.remarks) > 0 {
		p.all["remarks"] = strings.Join(p.remarks, "\n")
	}
}

// labelled splits a line of the preface; the key is empty when it is none. Our own files use only "key: value".
func (t *table) labelled(text string, own bool) (key, value string) {
	if !own {
		if t.dialect.sep != ' ' {
			cells := splitCells(text, t.dialect.sep, nil)
			for len(cells) > 0 && cells[len(cells)-1] == "" {
				cells = cells[:len(cells)-1]
			}
			if len(cells) == 2 && cells[0] != "" && !isNumber(cells[0]) {
				return cells[0], cells[1]
			}
		}
		if strings.Contains(text, "=") && !strings.Contains(text, ":") {
			key, value, _ = strings.Cut(text, "=")
			return strings.TrimSpace(key), strings.TrimSpace(value)
		}
	}
	key, value, ok := strings.Cut(text, ":")
	if key, value = strings.TrimSpace(key), strings.TrimSpace(value); !ok || value == "" || len(key) > 60 {
		return "", ""
	}
	return key, value
}

// labelled is a preface of nothing but labelled values, of a format that has found them itself.
func labelled(values map[string]string) preface {
	p := preface{fields: values, all: values, keys: make(map[string]string, len(values))}
	for k, v := range values {
		p.keys[fieldKey(k)] = v
	}
	return p
}

func (p preface) title() string {
	return firstOf(p.get("title"), p.get("name"), p.get("samplename"))
}

func (p preface) peaks() bool { return p.own && p.get("peaks") != "" && truthy(p.get("peaks")) }

// metadata maps the labels that vendors use; every label stays in Fields.
func (p preface) metadata() spectra.Metadata {
	m := spectra.Metadata{}
	if p.own {
		// A line that does not parse is somebody's edit; the fields it would have filled stay empty.
		if err := json.Unmarshal([]byte(p.get("metadata")), &m); err != nil && p.get("metadata") != "" {
			m = spectra.Metadata{}
			warn(&m, "The metadata line cannot be read; acquisition details are missing.")
		}
		m.Simulated = m.Simulated || p.simulated()
		return m
	}
	m.Fields = maps.Clone(p.all)
	m.SampleName = firstOf(p.get("samplename"), p.get("sample"), p.get("substance"), p.get("compound"))
	m.CAS = casNumber(firstOf(p.get("cas"), p.get("casnumber"), p.get("casregistryno")))
	m.InChIKey = inchiKey.FindString(p.get("inchikey"))
	m.Instrument = firstOf(p.get("instrument"), p.get("spectrometer"), p.get("model"), p.get("device"), p.get("spectrometer/datasystem"))
	m.SerialNumber = firstOf(p.get("serialnumber"), p.get("serial"), p.get("devicesn"))
	m.Operator = firstOf(p.get("operator"), p.get("user"))
	for _, key := range []string{"timestamp", "acquired", "datetime", "date"} {
		if m.Acquired.IsZero() {
			m.Acquired = parseTime(p.get(key))
		}
	}
	p.acquisition(&m)
	m.Simulated = p.simulated()
	return m
}

// laserKey is a label of the laser's wavelength by fieldKey.
var laserKey = regexp.MustCompile(`^(laser|excitation)(wavelength|nm|\(nm\))*$|^(wavelength)?laser$|^wavelengthlaser|^wl$`)

// labels of the acquisition, by fieldKey; the first that reads wins. A duration counts only with its unit.
func (p preface) acquisition(m *spectra.Metadata) {
	for _, key := range slices.Sorted(maps.Keys(p.keys)) {
		if !laserKey.MatchString(key) {
			continue
		}
		if v, unit, ok := measure(p.get(key)); ok && (unit == "" || unit == "nm") && plausibleLaser(v) {
			m.LaserNM = v
			break
		}
	}
	for _, l := range [][2]string{
		{"integrationtimems", "ms"}, {"integrationtime(ms)", "ms"}, {"integrationtime(s)", "s"}, {"integrationtime", ""}, {"integtime", strings.ToLower(p.get("integunit"))},
		{"exposurems", "ms"}, {"exposure(ms)", "ms"}, {"exposuretime(s)", "s"}, {"exposure(s)", "s"}, {"exposuretime", ""}, {"exposure", ""},
	} {
		if v, ok := milliseconds(p.get(l[0]), l[1]); ok {
			m.IntegrationTimeMS = v
			break
		}
	}
	for _, key := range []string{"averages", "scanaveraging", "accumulations", "repetitioncount", "scans", "numberofscans"} {
		if n, ok := wholeNumber(p.get(key)); ok {
			m.Averages = n
			break
		}
	}
	for _, l := range [][2]string{{"laserpowermw", "mw"}, {"laserpower(mw)", "mw"}, {"laserpower", ""}} {
		if v, unit, ok := measure(p.get(l[0])); ok && v > 0 && firstOf(unit, l[1]) == "mw" {
			m.LaserPowerMW = v
			break
		}
	}
	for _, key := range []string{"resolution(cm1)", "resolutioncm1", "resolution"} {
		if v, unit, ok := measure(p.get(key)); ok && v > 0 && (key != "resolution" || axisUnit(unit) == spectra.PerCM) {
			m.ResolutionCM1 = v
			break
		}
	}
}

func (p preface) simulated() bool {
	if v, ok := p.keys["simulated"]; ok {
		return truthy(v)
	}
	for k, v := range p.fields {
		if saysSimulated(k) || saysSimulated(v) {
			return true
		}
	}
	return slices.ContainsFunc(p.remarks, saysSimulated)
}

// says reports whether word stands anywhere above the numbers.
func (p preface) says(word string) bool {
	for k, v := range p.fields {
		if strings.Contains(strings.ToLower(k+" "+v), word) {
			return true
		}
	}
	return slices.ContainsFunc(p.remarks, func(r string) bool { return strings.Contains(strings.ToLower(r), word) })
}

// Bounds by which an unnamed axis is told apart: mid-infrared spectra begin at 350 cm-1 or above and reach beyond
// 3500 cm-1; Raman spectra of handheld instruments begin at the laser line and end before.
const (
	infraredLowest  = 350.0
	infraredReaches = 3500.0
	absorbanceMost  = 5.0
)

// technique decides what was measured. What the text says counts; else the range and the values, with a warning.
func (t *table) technique(s *spectra.Spectrum, axisName string) {
	stated := spectra.Technique(strings.ToLower(t.preface.get("technique")))
	lo, hi := s.Range()
	switch {
	case stated == spectra.Raman, stated == spectra.IR, stated == spectra.Other && t.preface.own:
		s.Technique = stated
	case s.XUnit != spectra.PerCM:
		s.Technique = spectra.Other
	case strings.Contains(axisName, "raman"), s.Metadata.LaserNM > 0, t.preface.says("raman"):
		s.Technique = spectra.Raman
	case s.YUnit == spectra.Absorbance, s.YUnit == spectra.Transmittance, s.YUnit == spectra.Reflectance,
		t.preface.says("ftir"), t.preface.says("infrared"), t.preface.says("ft-ir"):
		s.Technique = spectra.IR
	case lo >= infraredLowest && (hi > infraredReaches || (s.X[0] > s.X[len(s.X)-1] && hi > 0.95*infraredReaches && largest(s.Y) < absorbanceMost)):
		s.Technique = spectra.IR
		warn(&s.Metadata, "The text does not state its technique; infrared was assumed from its range, %.0f to %.0f cm-1.", lo, hi)
		t.assumeAbsorbance(s)
	default:
		s.Technique = spectra.Raman
		warn(&s.Metadata, "The text does not state its technique; Raman was assumed from its range, %.0f to %.0f cm-1.", lo, hi)
	}
}

// assumeAbsorbance names the values of an infrared spectrum that does not: absorbance is mostly near its lowest value,
// transmittance near its highest.
func (t *table) assumeAbsorbance(s *spectra.Spectrum) {
	if s.YUnit != spectra.Arbitrary && s.YUnit != spectra.Intensity {
		return
	}
	sorted := slices.Clone(s.Y)
	slices.Sort(sorted)
	low, middle, high := sorted[0], sorted[len(sorted)/2], sorted[len(sorted)-1]
	if largest(s.Y) < absorbanceMost && middle-low <= high-middle {
		s.YUnit = spectra.Absorbance
		warn(&s.Metadata, "The text does not name its values; absorbance was assumed because most are near the lowest.")
		return
	}
	warn(&s.Metadata, "The text does not say whether its values are absorbance or transmittance; they were left as they stand.")
}

// largest is the largest magnitude in y.
func largest(y []float64) float64 {
	most := 0.0
	for _, v := range y {
		most = max(most, math.Abs(v))
	}
	return most
}
