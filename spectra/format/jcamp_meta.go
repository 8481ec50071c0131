package format

import (
	"encoding/json"
	"regexp"
	"strings"
	"time"

	"fentrace/spectra"
)

// spent are labels whose whole content is in the points and units; they are not repeated in Metadata.Fields.
var spent = map[string]bool{
	"TITLE": true, "XUNITS": true, "YUNITS": true, "FIRSTX": true, "LASTX": true, "DELTAX": true, "XFACTOR": true, "YFACTOR": true,
	"NPOINTS": true, "FIRSTY": true, "MAXX": true, "MINX": true, "MAXY": true, "MINY": true, "BLOCKS": true,
}

// metadata maps the labels: those with a place of their own there, all others verbatim to Fields.
func (h *header) metadata(m *spectra.Metadata, x spectra.Unit) {
	m.Fields = map[string]string{}
	for _, r := range h.order {
		if text := h.values[r.key]; !spent[r.key] && text != "" {
			m.Fields[r.label] = text
		}
	}
	name, _, several := strings.Cut(h.values["NAMES"], "\n")
	m.SampleName = firstOf(name, h.values["CASNAME"], strings.ReplaceAll(h.values["TITLE"], "\n", " "))
	if cas := h.values["CASREGISTRYNO"]; !several || !strings.Contains(cas, "\n") {
		m.CAS = casNumber(cas) // several numbers are a mixture, which has none
	}
	m.InChIKey = inchiKey.FindString(firstOf(h.values["$INCHIKEY"], h.values["INCHIKEY"]))
	m.Formula = strings.Join(strings.Fields(h.values["MOLFORM"]), "")
	m.Instrument = h.values["SPECTROMETERDATASYSTEM"]
	m.SerialNumber = h.values["$SERIALNUMBER"]
	m.Operator = firstOf(h.values["$OPERATOR"], h.values["OPERATOR"])
	m.Acquired = acquired(h.values)
	setResolution(m, h.values["RESOLUTION"], x)
	for _, r := range h.order {
		acquisition(m, r.key, h.values[r.key])
	}
	m.Simulated = h.simulated()
}

var inchiKey = regexp.MustCompile(`\b[A-Z]{14}-[A-Z]{10}-[A-Z]\b`)

// acquisition reads the labels without a standard name by the words in them.
func acquisition(m *spectra.Metadata, key, text string) {
	key = strings.TrimLeft(key, "$.")
	switch {
	case key == "AVERAGES" || key == "NUMBEROFSCANS" || key == "SCANS" || key == "NSCANS":
		if n, ok := wholeNumber(text); ok {
			m.Averages = n
		}
	case strings.Contains(key, "LASERPOWER"):
		if v, unit, ok := measure(text); ok && v > 0 && (unit == "mw" || (unit == "" && strings.HasSuffix(key, "(MW)"))) {
			m.LaserPowerMW = v
		}
	case strings.Contains(key, "LASER") || strings.Contains(key, "EXCITATIONWAVELENGTH"):
		if v, unit, ok := measure(text); ok && (unit == "" || unit == "nm") && plausibleLaser(v) {
			m.LaserNM = v
		}
	case strings.Contains(key, "INTEGRATIONTIME") || strings.Contains(key, "EXPOSURETIME"):
		unit := ""
		if strings.HasSuffix(key, "(MS)") {
			unit = "ms"
		}
		if v, ok := milliseconds(text, unit); ok {
			m.IntegrationTimeMS = v
		}
	case key == "DETECTORTEMPERATURE(C)":
		if v, ok := parseNumber(text); ok {
			m.TemperatureC = &v
		}
	case key == "CALIBRATION":
		var c spectra.Calibration
		if json.Unmarshal([]byte(text), &c) == nil && c.State != "" { // another program's label of that name stays in Fields
			m.Calibration = &c
		}
	case key == "DARKSUBTRACTED":
		m.DarkSubtracted = truthy(text)
	case key == "SATURATEDPOINTS":
		if n, ok := wholeNumber(text); ok {
			m.SaturatedPoints = n
		}
	case key == "SAMPLINGINTERVAL(CM)":
		if v, ok := parseNumber(text); ok && v > 0 {
			m.SamplingIntervalCM = v
		}
	case key == "SWEEPS":
		if n, ok := wholeNumber(text); ok {
			m.Sweeps = n
		}
	case key == "BACKGROUND":
		m.Background = truthy(text)
	case key == "FULLSCALE(COUNTS)":
		if v, ok := parseNumber(text); ok && v > 0 {
			m.FullScale = v
		}
	}
}

// simulated reports whether the block says that nothing was measured.
func (h *header) simulated() bool {
	if v, ok := h.values["$SIMULATED"]; ok {
		return truthy(v)
	}
	if strings.Contains(strings.ToUpper(h.values["DATATYPE"]), "SIMULAT") {
		return true
	}
	for _, text := range h.values {
		if saysSimulated(text) {
			return true
		}
	}
	return false
}

// acquired reads LONG DATE, else DATE and TIME. The standard writes years first; a two-digit year is taken only
// when it cannot be a month or a day, everything else stays in Fields.
func acquired(values map[string]string) time.Time {
	if t := parseTime(values["LONGDATE"]); !t.IsZero() {
		return t
	}
	date := strings.ReplaceAll(values["DATE"], " ", "")
	if len(date) > 2 && date[2] == '/' && date[:2] > "31" && date[:2] <= "99" {
		date = "19" + date
	}
	clock := strings.Replace(strings.TrimSpace(values["TIME"]), ".", ":", 1)
	if t := parseTime(date + " " + clock); !t.IsZero() {
		return t
	}
	return parseTime(date)
}
