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

// maxOverlay is the most scans of one file; each is read in a pass of its own.
const maxOverlay = 64

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
	var b budget
	columns := bwtekColumns(names)
	if len(columns) > maxOverlay {
		return nil, at(header+1, "%w: %d overlaid scans, at most %d (export fewer per file)", ErrTooLarge, len(columns), maxOverlay)
	}
	for _, c := range columns {
		s, err := c.read(lines, header, sep, meta)
		if err != nil {
			return nil, err
		}
		if err := b.take(header+1, len(s.X)); err != nil {
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

// bwtekRows are the points of one column and what tells how they were made.
type bwtekRows struct {
	series
	raw     []float64
	total   int  // rows in the table, with and without axis
	dark    bool // a dark spectrum was taken
	differs int  // values that are not raw less dark
}

// read makes the spectrum of one column.
func (c bwtekColumn) read(lines []string, header int, sep byte, meta map[string]string) (spectra.Spectrum, error) {
	s := spectra.Spectrum{Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Counts}
	bwtekMetadata(&s.Metadata, meta)
	axis, label := c.shift, "Raman Shift"
	if axis < 0 {
		axis, label = c.wavelength, "Wavelength"
	}
	if axis < 0 {
		return s, at(header+1, "%w: no column Raman Shift or Wavelength (export again with the axis)", ErrNoSpectrum)
	}
	var rows bwtekRows
	var cells []string
	for i := header + 1; i < len(lines); i++ {
		if strings.TrimSpace(lines[i]) == "" {
			continue
		}
		rows.total++
		cells = splitCells(lines[i], sep, cells)
		comma := sep != ',' && strings.IndexByte(lines[i], ',') >= 0
		if err := c.row(&rows, cells, comma, axis, label, i+1); err != nil {
			return s, err
		}
	}
	if len(rows.x) == 0 {
		return s, at(header+1, "%w: %d rows, none with a %s (copy or export it again)", ErrNoSpectrum, rows.total, label)
	}
	s.Metadata.DarkSubtracted = rows.dark && c.subtracted >= 0
	if rows.differs > 0 {
		warn(&s.Metadata, "%d values of the column Dark Subtracted are not Raw data less Dark; they were taken as the file has them.", rows.differs)
	}
	markSaturation(&s.Metadata, rows.raw)
	return s, c.finish(&s, rows.series, label == "Wavelength")
}

// row takes one line of the table; one without an axis cell is passed over.
func (c bwtekColumn) row(rows *bwtekRows, cells []string, comma bool, axis int, label string, line int) error {
	value, name := c.subtracted, "Dark Subtracted"
	if value < 0 {
		value, name = c.raw, "Raw data"
	}
	get := func(index int) (float64, cellKind) {
		if index < 0 || index >= len(cells) {
			return 0, emptyCell
		}
		return parseCell(cells[index], comma)
	}
	x, kind := get(axis)
	if len(cells) <= axis || (kind != emptyCell && len(cells) <= value) {
		return at(line, "%w: the row has %d cells (copy or export it again)", ErrTruncated, len(cells))
	}
	if kind == emptyCell {
		return nil
	}
	if kind != numberCell {
		return badCell(line, label, cells[axis], kind)
	}
	y, kind := get(value)
	if kind != numberCell {
		return badCell(line, name, cells[value], kind)
	}
	if len(rows.x) >= spectra.MaxPoints {
		return at(line, "%w: more than %d points", ErrTooLarge, spectra.MaxPoints)
	}
	rows.add(x, y, line)
	raw, hasRaw := get(c.raw)
	if hasRaw == numberCell {
		rows.raw = append(rows.raw, raw)
	}
	if dark, has := get(c.dark); has == numberCell && dark != 0 {
		rows.dark = true
		if hasRaw == numberCell && c.subtracted >= 0 && math.Abs(raw-dark-y) > 0.01*math.Max(1, math.Abs(y)) {
			rows.differs++
		}
	}
	return nil
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
	return list.fill(s)
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
		d.Simulated = d.Simulated || saysSimulated(v)
	}
}
