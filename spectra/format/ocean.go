package format

import (
	"strings"
	"time"

	"fentrace/spectra"
)

// Ocean Optics SpectraSuite and OceanView write lines "key: value", a line that says where the data begin, then the
// spectrum to two columns, or the axis in one row and a spectrum to each row after it, with its time in front.
const (
	oceanBegin = ">>>>>begin"
	oceanEnd   = ">>>>>end"
)

func oceanMark(line, mark string) bool {
	line = strings.ToLower(strings.TrimSpace(line))
	return strings.HasPrefix(line, mark) && strings.HasSuffix(line, "spectral data<<<<<")
}

func detectOcean(head []byte, _ string) Confidence {
	text := strings.ToLower(headText(head))
	if strings.Contains(text, oceanBegin) && strings.Contains(text, "spectral data<<<<<") {
		return Certain
	}
	return Never
}

func readOcean(name string, raw []byte) ([]spectra.Spectrum, error) {
	lines, err := splitLines(decodeText(raw))
	if err != nil {
		return nil, err
	}
	first, end := -1, len(lines)
	labels := fields{}
	for i, l := range lines {
		switch {
		case first < 0 && oceanMark(l, oceanBegin):
			first = i + 1
		case first < 0:
			if key, value, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(key) != "" && len(key) <= 60 {
				labels.text(strings.TrimSpace(key), value)
			} else if text := strings.Trim(l, "+ \t"); text != "" {
				labels.text("heading", text)
			}
		case oceanMark(l, oceanEnd) && end == len(lines):
			end = i
		}
	}
	if first < 0 {
		return nil, at(1, "%w: no line that says where the data begin (copy or export it again)", ErrNoSpectrum)
	}
	table, err := readTextTable(lines, first, end)
	if err != nil {
		return nil, err
	}
	if n, ok := wholeNumber(firstOf(labels["Number of Pixels in Spectrum"], labels["Number of Pixels in Processed Spectrum"], labels["Number of Pixels in File"])); ok && n > len(table.x) {
		return nil, at(end, "%w: the text states %d pixels, %d follow (copy or export it again)", ErrTruncated, n, len(table.x))
	}
	like := spectra.Spectrum{Metadata: oceanMetadata(labels)}
	oceanUnits(&like, labels)
	out, err := table.spectra(like)
	if err != nil {
		return nil, err
	}
	for i, row := range table.rows {
		if len(row.labels) > 0 {
			out[i].Title = stem(name) + ", " + strings.Join(row.labels, " ")
			out[i].Metadata.Fields["measured"] = strings.Join(row.labels, " ")
		}
	}
	return out, nil
}

// oceanUnits reads the mode of the axis. SpectraSuite writes wavelengths alone; values are counts unless processed.
func oceanUnits(s *spectra.Spectrum, labels fields) {
	s.Technique, s.YUnit = spectra.Other, spectra.Arbitrary
	words := strings.ToLower(labels["heading"])
	for key, value := range labels {
		words += " " + strings.ToLower(key+" "+value)
	}
	switch mode := strings.ToLower(labels["XAxis mode"]); {
	case strings.Contains(mode, "raman"):
		s.XUnit, s.Technique = spectra.PerCM, spectra.Raman
	case strings.Contains(mode, "pixel"):
		s.XUnit = spectra.Pixel
	case mode == "", strings.Contains(mode, "wavelength"):
		s.XUnit = spectra.Nanometre
		if strings.Contains(words, "raman") || s.Metadata.LaserNM > 0 {
			s.Technique = spectra.Raman // the table turns the axis into shifts when the laser is known
		}
	default:
		s.XUnit = axisUnit(labels["XAxis mode"])
	}
	if !strings.Contains(words, "absorbance") && !strings.Contains(words, "transmission") && !strings.Contains(words, "reflection") {
		s.YUnit = spectra.Counts
	}
}

// oceanLayouts are the ways in which the program writes its date; a zone of letters is not believed.
var oceanLayouts = []string{"Mon Jan 2 15:04:05 MST 2006", "Mon Jan 2 15:04:05 2006"}

func oceanMetadata(labels fields) spectra.Metadata {
	m := labelled(labels).metadata()
	m.SerialNumber = firstOf(labels["Spectrometer"], labels["Spectrometers"])
	m.Instrument, m.Operator = m.SerialNumber, labels["User"]
	own := func(value string) string { // SpectraSuite adds the serial number: "100000 (USB2E1234)"
		value, _, _ = strings.Cut(value, "(")
		return strings.TrimSpace(value)
	}
	for key, value := range labels {
		switch {
		case strings.HasPrefix(key, "Integration Time (sec)"):
			// Some versions forget the end of the line: "3.0E-1Scans to average: 1".
			seconds, scans, joined := strings.Cut(value, "Scans to average:")
			m.IntegrationTimeMS, _ = milliseconds(own(seconds), "s")
			if joined {
				m.Averages, _ = wholeNumber(strings.TrimSpace(scans))
			}
		case strings.HasPrefix(key, "Integration Time (usec)"):
			m.IntegrationTimeMS, _ = milliseconds(own(value), "us")
		case strings.HasPrefix(key, "Integration Time (msec)"):
			m.IntegrationTimeMS, _ = milliseconds(own(value), "ms")
		case key == "Scans to average", key == "Spectra Averaged":
			m.Averages, _ = wholeNumber(own(value))
		}
	}
	for _, layout := range oceanLayouts {
		if t, err := time.Parse(layout, strings.Join(strings.Fields(labels["Date"]), " ")); err == nil {
			m.Acquired = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
			break
		}
	}
	return m
}
