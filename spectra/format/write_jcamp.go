package format

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"fentrace/spectra"
)

// WriteJCAMP writes s as one JCAMP-DX 5.01 block in plain numbers (AFFN): PEAK TABLE for lines, XYDATA when the axis
// is spaced so evenly that FIRSTX, LASTX and NPOINTS give it back to the last bit, else XYPOINTS. Read gives the same
// points back; infrared transmittance comes back as absorbance, as always. A spectrum that does not validate is
// refused. A simulated one carries SIMULATED in its title.
func WriteJCAMP(w io.Writer, s spectra.Spectrum) error {
	if err := s.Validate(); err != nil {
		return fmt.Errorf("write %q as JCAMP-DX: %w", s.Title, err)
	}
	b := bufio.NewWriter(w)
	even := !s.Peaks && slices.Equal(s.X, linspace(s.X[0], s.X[len(s.X)-1], len(s.X)))
	writeLabels(b, s, even)
	switch {
	case s.Peaks:
		fmt.Fprintln(b, "##PEAK TABLE=(XY..XY)")
		writePairs(b, s)
	case even:
		fmt.Fprintln(b, "##XYDATA=(X++(Y..Y))")
		writeIncrements(b, s)
	default:
		fmt.Fprintln(b, "##XYPOINTS=(XY..XY)")
		writePairs(b, s)
	}
	fmt.Fprintln(b, "##END=")
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write %q as JCAMP-DX: %w", s.Title, err)
	}
	return nil
}

var jcampTypes = map[spectra.Technique][2]string{
	spectra.Raman: {"RAMAN SPECTRUM", "RAMAN PEAK TABLE"},
	spectra.IR:    {"INFRARED SPECTRUM", "INFRARED PEAK TABLE"},
	spectra.Other: {"SPECTRUM", "PEAK TABLE"},
}

var jcampUnits = map[spectra.Unit]string{
	spectra.PerCM: "1/CM", spectra.Nanometre: "NANOMETERS", spectra.Micrometre: "MICROMETERS", spectra.Pixel: "PIXEL",
	spectra.Absorbance: "ABSORBANCE", spectra.Transmittance: "TRANSMITTANCE", spectra.Reflectance: "REFLECTANCE",
	spectra.Counts: "COUNTS", spectra.Intensity: "INTENSITY", spectra.Arbitrary: "ARBITRARY UNITS",
}

func jcampUnit(u spectra.Unit) string {
	if text, ok := jcampUnits[u]; ok {
		return text
	}
	return string(u)
}

// writeLabels writes the header: the standard's labels first, then what only Fentrace knows under $ labels.
func writeLabels(b *bufio.Writer, s spectra.Spectrum, even bool) {
	m := s.Metadata
	written := map[string]bool{}
	put := func(label, value string) {
		value = strings.ReplaceAll(oneLine(value), "$$", "$ $") // two dollars begin a comment
		if value == "" {
			return
		}
		written[jcampKey(label)] = true
		fmt.Fprintf(b, "##%s=%s\n", label, value)
	}
	title := s.Title
	if m.Simulated && !saysSimulated(title) {
		title = strings.TrimSpace("SIMULATED " + title)
	}
	put("TITLE", firstOf(oneLine(title), "untitled"))
	put("JCAMP-DX", "5.01")
	class, kind := "XYPOINTS", jcampTypes[s.Technique][0]
	if s.XUnit == spectra.DataPoint && s.Technique == spectra.Other {
		kind = "INFRARED INTERFEROGRAM"
	}
	if s.Peaks {
		class, kind = "PEAK TABLE", jcampTypes[s.Technique][1]
	} else if even {
		class = "XYDATA"
	}
	put("DATA TYPE", firstOf(kind, "SPECTRUM"))
	put("DATA CLASS", class)
	put("ORIGIN", firstOf(m.Fields["ORIGIN"], "fentrace"))
	put("OWNER", firstOf(m.Fields["OWNER"], "not stated"))
	if m.Simulated {
		put("$SIMULATED", simulatedNote)
	}
	writeAcquisition(m, put)
	writeFields(m, written, put)
	put("XUNITS", jcampUnit(s.XUnit))
	put("YUNITS", jcampUnit(s.YUnit))
	if even {
		put("FIRSTX", affn(s.X[0]))
		put("LASTX", affn(s.X[len(s.X)-1]))
		put("FIRSTY", affn(s.Y[0]))
	}
	put("XFACTOR", "1")
	put("YFACTOR", "1")
	put("NPOINTS", strconv.Itoa(len(s.X)))
}

// writeAcquisition writes what is known of the sample and of how it was measured.
func writeAcquisition(m spectra.Metadata, put func(label, value string)) {
	number := func(label string, v float64) {
		if v != 0 {
			put(label, affn(v))
		}
	}
	put("NAMES", m.SampleName)
	put("CAS REGISTRY NO", m.CAS)
	put("$INCHIKEY", m.InChIKey)
	put("MOLFORM", m.Formula)
	put("SPECTROMETER/DATA SYSTEM", m.Instrument)
	put("$SERIAL NUMBER", m.SerialNumber)
	put("$OPERATOR", m.Operator)
	if !m.Acquired.IsZero() {
		put("LONGDATE", m.Acquired.Format("2006/01/02 15:04:05.999999 -0700"))
	}
	number("RESOLUTION", m.ResolutionCM1)
	number("$LASER WAVELENGTH (NM)", m.LaserNM)
	number("$LASER POWER (MW)", m.LaserPowerMW)
	number("$INTEGRATION TIME (MS)", m.IntegrationTimeMS)
	number("$AVERAGES", float64(m.Averages))
	if m.TemperatureC != nil {
		put("$DETECTOR TEMPERATURE (C)", affn(*m.TemperatureC))
	}
	if m.DarkSubtracted {
		put("$DARK SUBTRACTED", "true")
	}
	number("$SATURATED POINTS", float64(m.SaturatedPoints))
	number("$FULL SCALE (COUNTS)", m.FullScale)
	number("$SAMPLING INTERVAL (CM)", m.SamplingIntervalCM)
	number("$SWEEPS", float64(m.Sweeps))
	if m.Background {
		put("$BACKGROUND", "true")
	}
	if m.Calibration != nil {
		if text, err := json.Marshal(m.Calibration); err == nil { // dates and numbers: only a NaN could fail
			put("$CALIBRATION", string(text))
		}
	}
}

// writeFields writes the remaining labels of the source. Those of another format become private ($) labels.
func writeFields(m spectra.Metadata, written map[string]bool, put func(label, value string)) {
	for _, label := range slices.Sorted(maps.Keys(m.Fields)) {
		clean := strings.ReplaceAll(oneLine(label), "=", " ")
		if m.Format != "jcamp-dx" && !strings.HasPrefix(clean, "$") && !strings.HasPrefix(clean, ".") {
			clean = "$" + clean
		}
		key := jcampKey(clean)
		if strings.Trim(key, "$.") == "" || written[key] || spent[key] || structural[key] {
			continue
		}
		put(clean, m.Fields[label])
	}
}

// structural labels steer the reader; they describe the source, not what is written.
var structural = map[string]bool{
	"JCAMPDX": true, "JCAMPCS": true, "DATATYPE": true, "DATACLASS": true, "END": true, "XYDATA": true, "XYPOINTS": true, "PEAKTABLE": true,
	"PEAKASSIGNMENTS": true, "PEAKASSIGNMENT": true, "DATATABLE": true, "NTUPLES": true, "ENDNTUPLES": true, "PAGE": true, "SYMBOL": true,
	"VARNAME": true, "VARTYPE": true, "VARFORM": true, "VARDIM": true, "UNITS": true, "FIRST": true, "LAST": true, "MIN": true, "MAX": true,
	"FACTOR": true, "LONGDATE": true, "DATE": true, "TIME": true, "SIMULATED": true, "$SIMULATED": true,
}

// affn prints v so that it reads back the same.
func affn(v float64) string { return strings.ToUpper(strconv.FormatFloat(v, 'g', -1, 64)) }

func writePairs(b *bufio.Writer, s spectra.Spectrum) {
	for i := range s.X {
		fmt.Fprintf(b, "%s, %s\n", affn(s.X[i]), affn(s.Y[i]))
	}
}

// jcampWidth is the longest line the standard allows.
const jcampWidth = 80

func writeIncrements(b *bufio.Writer, s spectra.Spectrum) {
	width := 0
	for i := range s.X {
		value := affn(s.Y[i])
		if width > 0 && width+1+len(value) > jcampWidth {
			b.WriteByte('\n')
			width = 0
		}
		if width == 0 {
			position := affn(s.X[i])
			b.WriteString(position)
			width = len(position)
		}
		b.WriteByte(' ')
		b.WriteString(value)
		width += 1 + len(value)
	}
	b.WriteByte('\n')
}
