package format

import (
	"fmt"
	"math"
	"strings"

	"fentrace/spectra"
)

// B&W Tek BWSpec and BWRam write rows of key and value, then a table that begins with the column Pixel. The separator
// is a semicolon (or a comma or tab), the decimal mark follows the computer's language. Outside the calibrated part of
// the detector the axis cells are blank; those rows are no part of the spectrum.

func detectBWTek(head []byte, _ string) Confidence {
	text := strings.ToLower(headText(head))
	switch {
	case strings.HasPrefix(text, "file version") && len(text) > 12 && strings.HasPrefix(strings.TrimLeft(text[13:], " \""), "bw"):
		return Certain
	case strings.Contains(text, "pixel;wavelength") && strings.Contains(text, "dark subtracted"):
		return Certain
	case strings.Contains(text, "intigration times(ms)"): // the maker's own spelling
		return Likely
	}
	return Never
}

func readBWTek(_ string, raw []byte) ([]spectra.Spectrum, error) {
	lines, err := splitLines(decodeText(raw))
	if err != nil {
		return nil, err
	}
	names, sep, header := bwtekHeader(lines)
	if header < 0 {
		return nil, fmt.Errorf("%w: no row of column names that begins with Pixel (export again with the data columns)", ErrNoSpectrum)
	}
	meta := map[string]string{}
	for _, l := range lines[:header] {
		key, value, _ := strings.Cut(l, string(sep))
		if key, value = strings.TrimSpace(key), strings.TrimSpace(value); key != "" && value != "" && len(meta) < maxFields {
			meta[key] = value
		}
	}
	var out []spectra.Spectrum
	for _, c := range bwtekColumns(names) {
		s, err := c.read(lines, header, sep, meta)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		return nil, at(header+1, "%w: no column Dark Subtracted or Raw data (export again with the data columns)", ErrNoSpectrum)
	}
	return out, nil
}

// bwtekHeader finds the row of column names; the index is -1 when there is none.
func bwtekHeader(lines []string) (names []string, sep byte, index int) {
	for i, l := range lines {
		for _, sep := range []byte{';', '\t', ','} {
			rest, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(l)), "pixel"+string(sep))
			if ok && strings.ContainsAny(rest, "abcdefghijklmnopqrstuvwxyz") {
				return splitCells(strings.ToLower(l), sep, nil), sep, i
			}
		}
	}
	return nil, 0, -1
}

// bwtekColumn is where one measurement stands, -1 where a column is missing.
type bwtekColumn struct {
	shift, wavelength, dark, raw, subtracted int
	number                                   string // "#1"; files of overlaid scans have several
}

func bwtekColumns(names []string) []bwtekColumn {
	base := bwtekColumn{shift: -1, wavelength: -1, dark: -1, raw: -1, subtracted: -1}
	for i, n := range names {
		switch {
		case n == "raman shift":
			base.shift = i
		case n == "wavelength":
			base.wavelength = i
		case n == "dark":
			base.dark = i
		}
	}
	var out []bwtekColumn
	at := map[string]int{}
	for i, n := range names {
		kind, number, _ := strings.Cut(n, "#")
		kind = strings.TrimSpace(kind)
		if kind != "raw data" && kind != "dark subtracted" {
			continue
		}
		j, ok := at[number]
		if !ok {
			if len(out) >= maxFileSpectra {
				break
			}
			j = len(out)
			at[number] = j
			c := base
			c.number = number
			out = append(out, c)
		}
		if kind == "raw data" {
			out[j].raw = i
		} else {
			out[j].subtracted = i
		}
	}
	return out
}

// read collects the rows that have an axis.
func (c bwtekColumn) read(lines []string, header int, sep byte, meta map[string]string) (spectra.Spectrum, error) {
	s := spectra.Spectrum{Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Counts}
	bwtekMetadata(&s.Metadata, meta)
	axis, label := c.shift, "Raman Shift"
	if axis < 0 {
		axis, label = c.wavelength, "Wavelength"
	}
	value, name := c.subtracted, "Dark Subtracted"
	if value < 0 {
		value, name = c.raw, "Raw data"
	}
	if axis < 0 {
		return s, at(header+1, "%w: no column Raman Shift or Wavelength (export again with the axis)", ErrNoSpectrum)
	}
	var list series
	var raw []float64
	var cells []string
	dark, differs, rows := false, 0, 0
	for i := header + 1; i < len(lines); i++ {
		if strings.TrimSpace(lines[i]) == "" {
			continue
		}
		rows++
		cells = splitCells(lines[i], sep, cells)
		comma := sep != ',' && strings.IndexByte(lines[i], ',') >= 0
		get := func(index int) (float64, cellKind, string) {
			if index < 0 || index >= len(cells) {
				return 0, emptyCell, ""
			}
			v, kind := parseCell(cells[index], comma)
			return v, kind, cells[index]
		}
		x, kind, text := get(axis)
		if len(cells) <= axis || (kind != emptyCell && len(cells) <= value) {
			return s, at(i+1, "%w: the row has %d cells (copy or export it again)", ErrTruncated, len(cells))
		}
		if kind == emptyCell {
			continue
		}
		if kind != numberCell {
			return s, badCell(i+1, label, text, kind)
		}
		y, kind, text := get(value)
		if kind != numberCell {
			return s, badCell(i+1, name, text, kind)
		}
		if len(list.x) >= spectra.MaxPoints {
			return s, at(i+1, "%w: more than %d points", ErrTooLarge, spectra.MaxPoints)
		}
		list.add(x, y, i+1)
		d, hasDark, _ := get(c.dark)
		r, hasRaw, _ := get(c.raw)
		if hasRaw == numberCell {
			raw = append(raw, r)
		}
		if hasDark == numberCell && d != 0 {
			dark = true
			if hasRaw == numberCell && c.subtracted >= 0 && math.Abs(r-d-y) > 0.01*math.Max(1, math.Abs(y)) {
				differs++
			}
		}
	}
	if len(list.x) == 0 {
		return s, at(header+1, "%w: %d rows, none with a %s (copy or export it again)", ErrNoSpectrum, rows, label)
	}
	s.Metadata.DarkSubtracted = dark && c.subtracted >= 0
	if differs > 0 {
		warn(&s.Metadata, "%d values of the column Dark Subtracted are not Raw data less Dark; they were taken as the file has them.", differs)
	}
	markSaturation(&s.Metadata, raw)
	return s, c.finish(&s, list, label == "Wavelength")
}

// finish orders the points and turns a wavelength axis into Raman shift when the laser is known.
func (c bwtekColumn) finish(s *spectra.Spectrum, list series, wavelength bool) error {
	if wavelength && s.Metadata.LaserNM > 0 {
		for i, nm := range list.x {
			if nm <= 0 {
				return at(list.lines[i], "%w: the wavelength %g nm is not above zero (correct the column)", ErrInconsistent, nm)
			}
			list.x[i] = ramanShift(s.Metadata.LaserNM, nm)
		}
		warn(&s.Metadata, "No Raman Shift column: it was computed from the wavelength and the laser, %g nm.", s.Metadata.LaserNM)
	} else if wavelength {
		s.Technique, s.XUnit = spectra.Other, spectra.Nanometre
		warn(&s.Metadata, "No Raman Shift column and no laser wavelength: the axis stays in nm and the scan cannot be searched.")
	}
	x, y, doubled, err := list.ordered()
	if err != nil {
		return err
	}
	if doubled != "" {
		s.Metadata.Warnings = append(s.Metadata.Warnings, doubled)
	}
	s.X, s.Y = x, y
	return nil
}

func bwtekMetadata(d *spectra.Metadata, meta map[string]string) {
	d.Fields = make(map[string]string, len(meta))
	for k, v := range meta {
		d.Fields[k] = v
	}
	d.Instrument, d.Operator = firstOf(meta["model"], meta["title"]), meta["operator"] // title is the spectrometer's
	d.Acquired = parseTime(meta["Date"])
	if v, ok := milliseconds(firstOf(meta["intigration times(ms)"], meta["integration times(ms)"]), "ms"); ok {
		d.IntegrationTimeMS = v
	}
	d.Averages, _ = wholeNumber(meta["average number"])
	if v, _, ok := measure(meta["laser_wavelength"]); ok && plausibleLaser(v) {
		d.LaserNM = v
	}
	for _, v := range meta {
		d.Simulated = d.Simulated || simulatedWord.MatchString(v)
	}
}
