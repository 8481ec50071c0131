package format

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"fentrace/spectra"
)

// HORIBA LabSpec text: lines "#key=<tab>value", then a spectrum to two columns, or the axis in one row and a spectrum to
// each row after it, with its time or its place on the sample in front.
//
// LabSpec's own files (l6s, l6m) are named and not read. What is public about them is one program's search for marks and
// for numbers that look like an axis (RamanLab, labspec6_parser.py), not checked against LabSpec's own export: no ground
// for evidence.

// labspecKeys are those that LabSpec alone writes; two of them make a text one of its own.
var labspecKeys = []string{"#acq. time", "#exposition", "#accumulation", "#axistype[", "#axisunit[", "#range (", "#windows=", "#auto scanning", "#spike filter",
	"#readout mode", "#ics correction", "#dark correction", "#full time", "#detector=", "#grating=", "#laser", "#instrument="}

func detectLabSpec(head []byte, _ string) Confidence {
	text := strings.ToLower(headText(head))
	if !strings.HasPrefix(text, "#") {
		return Never
	}
	known := 0
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r", "\n"), "\n") {
		if !strings.HasPrefix(line, "#") || !strings.Contains(line, "=") {
			continue
		}
		for _, key := range labspecKeys {
			if strings.HasPrefix(line, key) {
				known++
				break
			}
		}
	}
	if known >= 2 {
		return Certain
	}
	return Never
}

func readLabSpec(name string, raw []byte) ([]spectra.Spectrum, error) {
	lines, err := splitLines(decodeText(raw))
	if err != nil {
		return nil, err
	}
	labels := fields{}
	first := 0
	for ; first < len(lines) && (strings.HasPrefix(lines[first], "#") || strings.TrimSpace(lines[first]) == ""); first++ {
		key, value, ok := strings.Cut(strings.TrimPrefix(lines[first], "#"), "=")
		if key = strings.TrimSpace(key); ok && key != "" {
			labels.text(key, value)
		}
	}
	table, err := readTextTable(lines, first, len(lines))
	if err != nil {
		return nil, err
	}
	like := spectra.Spectrum{Title: labels["Title"], Metadata: labspecMetadata(labels)}
	labspecUnits(&like, labels)
	out, err := table.spectra(like)
	if err != nil {
		return nil, err
	}
	for i, row := range table.rows {
		labspecPlace(&out[i], name, row.labels, labels)
	}
	return out, nil
}

// labspecUnits reads the units of axis and values, which older versions do not all write.
func labspecUnits(s *spectra.Spectrum, labels fields) {
	s.Technique, s.YUnit = spectra.Raman, spectra.Counts
	unit := labels["AxisUnit[1]"]
	for key := range labels {
		if rest, ok := strings.CutPrefix(key, "Range ("); ok && unit == "" {
			unit = strings.TrimSuffix(rest, ")")
		}
	}
	if values := labels["AxisUnit[0]"]; values != "" && !strings.EqualFold(values, "cnt") {
		s.YUnit, _ = valueUnit(values)
	}
	if unit == "" {
		s.XUnit = spectra.PerCM
		warn(&s.Metadata, "The text does not state the unit of its axis; Raman shift in cm-1 was assumed.")
		return
	}
	if s.XUnit = axisUnit(unit); s.XUnit != spectra.PerCM && s.XUnit != spectra.Nanometre {
		s.Technique = spectra.Other
	}
}

// leadingNumber is the wavelength in the name of a laser, "532nm_Edge".
var leadingNumber = regexp.MustCompile(`^\s*(\d+(?:[.,]\d+)?)\s*(?:nm)?`)

func labspecMetadata(labels fields) spectra.Metadata {
	m := labelled(labels).metadata()
	if v, ok := milliseconds(firstOf(labels["Acq. time (s)"], labels["Exposition"]), "s"); ok {
		m.IntegrationTimeMS = v
	}
	if n, ok := wholeNumber(firstOf(labels["Accumulations"], labels["Accumulation"])); ok {
		m.Averages = n
	}
	if found := leadingNumber.FindStringSubmatch(firstOf(labels["Laser (nm)"], labels["Laser"])); found != nil && m.LaserNM == 0 {
		if v, _, ok := measure(found[1]); ok && plausibleLaser(v) {
			m.LaserNM = v
		}
	}
	for key, value := range labels {
		if v, _, ok := measure(value); ok && strings.HasPrefix(key, "Detector temperature") {
			m.TemperatureC = &v
		}
	}
	for _, value := range []string{labels["Acquired"], labels["Date"]} {
		// With points the day comes first; with strokes that depends on the computer's language.
		if t, err := time.Parse("02.01.2006 15:04:05", value); err == nil && m.Acquired.IsZero() {
			m.Acquired = t
		}
	}
	return m
}

// labspecPlace keeps where or when one spectrum of a map or series was measured, under the names of its axes.
func labspecPlace(s *spectra.Spectrum, file string, place []string, labels fields) {
	if len(place) == 0 {
		return
	}
	if s.Title == "" {
		s.Title = stem(file)
	}
	for i, v := range place {
		key := fmt.Sprintf("position %d", i+1)
		if axis := labels[fmt.Sprintf("AxisType[%d]", i+2)]; axis != "" {
			key = strings.TrimSpace(axis + " " + labels[fmt.Sprintf("AxisUnit[%d]", i+2)])
		}
		s.Metadata.Fields[key] = v
	}
	s.Title += " (" + strings.Join(place, ", ") + ")"
}
