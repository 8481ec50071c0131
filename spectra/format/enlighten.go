package format

import (
	"fmt"
	"math"
	"strings"

	"fentrace/spectra"
)

// Wasatch Photonics ENLIGHTEN writes CSV with the measurement in columns. A saved measurement has rows of key and
// value, an empty row, the names of the columns and the data. An exported session has several measurements side by
// side: the axis columns (pixel, wavelength, wavenumber) of each spectrometer come first, then the same value columns
// (processed, raw, dark, reference) for every measurement, and each key holds its value above the first column of a
// measurement. Measurements in rows are read by enlighten_rows.go.

// enlightenValues are the value columns of one measurement.
var enlightenValues = map[string]bool{"processed": true, "raw": true, "dark": true, "reference": true}

// enlightenAxes are the axis columns of one spectrometer.
var enlightenAxes = map[string]bool{"pixel": true, "wavelength": true, "wavenumber": true}

func detectENLIGHTEN(head []byte, _ string) Confidence {
	text := strings.ToLower(headText(head))
	first := strings.TrimLeft(text, "\" \r\n")
	switch {
	case strings.HasPrefix(first, "enlighten version"), strings.HasPrefix(first, "dash output"), strings.HasPrefix(first, "wpspeccal version"):
		return Certain
	case strings.Contains(text, "measurement id,") && strings.Contains(text, "serial number,"):
		return Likely
	}
	return Never
}

// axisSet are the columns of one spectrometer's axes, -1 where there is none.
type axisSet struct {
	serial                        string
	pixel, wavelength, wavenumber int
}

// column is one measurement.
type column struct {
	start  int            // first of its columns
	values map[string]int // by name
	label  string         // of an export that names its columns instead of their kind
	meta   map[string]string
}

type enlighten struct {
	lines  []string
	header int // index of the line with the column names
	axes   []axisSet
	groups []*column
}

func readENLIGHTEN(name string, raw []byte) ([]spectra.Spectrum, error) {
	lines, err := splitLines(decodeText(raw))
	if err != nil {
		return nil, err
	}
	e := &enlighten{lines: lines, header: -1}
	cells := splitCells(lines[0], ',', nil)
	if strings.HasPrefix(strings.ToLower(cells[0]), "dash output") {
		return readEnlightenRows(name, lines)
	}
	if err := e.columns(); err != nil {
		return nil, err
	}
	if err := e.metadata(); err != nil {
		return nil, err
	}
	return e.read(name)
}

// columns finds the row of column names and what stands in each column.
func (e *enlighten) columns() error {
	var cells []string
	for i, l := range e.lines {
		cells = splitCells(l, ',', cells)
		if len(cells) > maxColumns {
			return at(i+1, "%w: more than %d columns", ErrTooLarge, maxColumns)
		}
		if len(cells) > 1 && enlightenAxes[strings.ToLower(cells[0])] && !isNumber(cells[1]) {
			e.header = i
			break
		}
	}
	if e.header < 0 {
		return fmt.Errorf("%w: no row of column names that begins with Pixel, Wavelength or Wavenumber (export again with the axis)", ErrNoSpectrum)
	}
	var group *column
	for i, c := range cells {
		c = strings.ToLower(c)
		switch {
		case enlightenAxes[c]:
			e.addAxis(c, i)
		case c == "":
		case !enlightenValues[c]:
			group = &column{start: i, values: map[string]int{"processed": i}, label: cells[i], meta: map[string]string{}}
			e.groups = append(e.groups, group)
			group = nil
		default:
			if group == nil || hasKey(group.values, c) {
				group = &column{start: i, values: map[string]int{}, meta: map[string]string{}}
				e.groups = append(e.groups, group)
			}
			group.values[c] = i
		}
	}
	if len(e.groups) == 0 {
		return at(e.header+1, "%w: no column of values beside the axis (export Processed or Raw)", ErrNoSpectrum)
	}
	return nil
}

func hasKey(m map[string]int, key string) bool { _, ok := m[key]; return ok }

func isNumber(s string) bool { _, ok := parseNumber(s); return ok }

// addAxis puts an axis column into the last spectrometer that has none of its kind yet.
func (e *enlighten) addAxis(name string, at int) {
	if n := len(e.axes); n == 0 || *e.axes[n-1].column(name) >= 0 {
		e.axes = append(e.axes, axisSet{pixel: -1, wavelength: -1, wavenumber: -1})
	}
	*e.axes[len(e.axes)-1].column(name) = at
}

func (a *axisSet) column(name string) *int {
	switch name {
	case "pixel":
		return &a.pixel
	case "wavelength":
		return &a.wavelength
	}
	return &a.wavenumber
}

// metadata reads the keys above the columns.
func (e *enlighten) metadata() error {
	var cells []string
	seen, labels := map[string]bool{}, 0
	for i, l := range e.lines[:e.header] {
		cells = splitCells(l, ',', cells)
		if len(cells) > maxColumns {
			return at(i+1, "%w: more than %d columns", ErrTooLarge, maxColumns)
		}
		// The row above the column names repeats serial numbers over the axes and labels over the values.
		if i == e.header-1 && !emptyLine(e.lines[i]) && i > 0 && emptyLine(e.lines[i-1]) {
			e.serials(cells)
			continue
		}
		if len(seen) >= maxFields || cells[0] == "" || seen[cells[0]] {
			continue
		}
		seen[cells[0]] = true
		shared := e.shared(cells)
		for _, g := range e.groups {
			v := shared
			if g.start < len(cells) && cells[g.start] != "" {
				v = cells[g.start]
			}
			if v == "" {
				continue
			}
			if labels += 64 + len(cells[0]) + len(v); labels > maxLabelBytes {
				return at(i+1, "%w: the labels of all measurements together are more than %d bytes (export fewer scans per file)", ErrTooLarge, maxLabelBytes)
			}
			g.meta[cells[0]] = v
		}
	}
	return nil
}

// shared is the value of a key that stands beside it and not above a measurement: it belongs to all of them.
func (e *enlighten) shared(cells []string) string {
	filled, first := 0, 0
	for i, c := range cells[1:] {
		if c != "" {
			if filled++; filled == 1 {
				first = i + 1
			}
		}
	}
	if filled == 0 || (len(e.groups) > 1 && (filled > 1 || first > 1)) {
		return ""
	}
	return cells[first]
}

func (e *enlighten) serials(cells []string) {
	for i := range e.axes {
		first := len(cells)
		for _, c := range []int{e.axes[i].pixel, e.axes[i].wavelength, e.axes[i].wavenumber} {
			if c >= 0 {
				first = min(first, c)
			}
		}
		if first < len(cells) {
			e.axes[i].serial = cells[first]
		}
	}
}

func emptyLine(l string) bool { return strings.Trim(l, ", \t") == "" }

// axisOf is the spectrometer of g: by serial number, else the first.
func (e *enlighten) axisOf(g *column) axisSet {
	for _, a := range e.axes {
		if a.serial != "" && a.serial == g.meta["Serial Number"] {
			return a
		}
	}
	return e.axes[0]
}

func (e *enlighten) read(name string) ([]spectra.Spectrum, error) {
	rows := len(e.lines) - e.header - 1
	var b budget
	if rows > spectra.MaxPoints || rows*len(e.groups) > maxFilePoints {
		return nil, at(e.header+1, "%w: %d rows of %d measurements (export fewer scans per file)", ErrTooLarge, rows, len(e.groups))
	}
	data := make([]measurement, len(e.groups))
	for i, g := range e.groups {
		data[i] = measurement{column: g, axis: e.axisOf(g)}
	}
	var cells []string
	for i := e.header + 1; i < len(e.lines); i++ {
		if emptyLine(e.lines[i]) {
			continue
		}
		cells = splitCells(e.lines[i], ',', cells)
		for j := range data {
			if err := data[j].row(cells, i+1); err != nil {
				return nil, err
			}
		}
	}
	out := make([]spectra.Spectrum, 0, len(data))
	for i := range data {
		if len(data[i].lines) == 0 {
			return nil, at(e.header+1, "%w: no rows under the column names (copy or export it again)", ErrTruncated)
		}
		if err := b.take(e.header+1, len(data[i].lines)); err != nil {
			return nil, err
		}
		s, err := data[i].spectrum()
		if err != nil {
			return nil, err
		}
		if s.Title == "" {
			s.Title = stem(name)
		}
		if len(data) > 1 {
			s.Title = fmt.Sprintf("%s #%d", s.Title, i+1)
		}
		out = append(out, s)
	}
	return out, nil
}

// measurement collects the rows of one measurement.
type measurement struct {
	*column
	axis axisSet

	pixel, wavelength, wavenumber []float64
	processed, raw, dark          []float64
	lines                         []int
}

// row takes the cells of one line. The columns used must hold numbers; a dark or raw column may be empty.
func (m *measurement) row(cells []string, line int) error {
	cell := func(index int, needed bool, to *[]float64, what string) error {
		if index < 0 {
			return nil
		}
		text := ""
		if index < len(cells) {
			text = cells[index]
		}
		v, kind := parseCell(text, false)
		if kind == numberCell {
			*to = append(*to, v)
			return nil
		}
		if kind == emptyCell && !needed {
			return nil
		}
		if kind == emptyCell && index >= len(cells) {
			return at(line, "%w: the row has %d cells and ends before column %s (copy or export it again)", ErrTruncated, len(cells), what)
		}
		return badCell(line, what, text, kind)
	}
	get := func(name string) int {
		if i, ok := m.values[name]; ok {
			return i
		}
		return -1
	}
	err := firstError(
		cell(m.axis.pixel, false, &m.pixel, "Pixel"),
		cell(m.axis.wavelength, m.axis.wavenumber < 0, &m.wavelength, "Wavelength"),
		cell(m.axis.wavenumber, true, &m.wavenumber, "Wavenumber"),
		cell(get("processed"), true, &m.processed, "Processed"),
		cell(get("raw"), get("processed") < 0, &m.raw, "Raw"),
		cell(get("dark"), false, &m.dark, "Dark"),
	)
	if err == nil {
		m.lines = append(m.lines, line)
	}
	return err
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// spectrum chooses the axis and the values: Wavenumber, else Raman shift from the wavelength and the laser;
// Processed, else Raw less Dark.
func (m *measurement) spectrum() (spectra.Spectrum, error) {
	s := spectra.Spectrum{Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Counts}
	m.describe(&s)
	n := len(m.lines)
	x, err := m.shifts(&s)
	if err != nil {
		return s, err
	}
	y := m.processed
	if len(y) == 0 {
		if y = m.raw; len(m.dark) == n {
			for i := range y {
				y[i] -= m.dark[i]
			}
		}
	}
	if len(y) != n {
		return s, at(m.lines[0], "%w: no Processed or Raw column is complete (export again)", ErrNoSpectrum)
	}
	for _, d := range m.dark {
		s.Metadata.DarkSubtracted = s.Metadata.DarkSubtracted || d != 0
	}
	markSaturation(&s.Metadata, m.raw)
	list := series{x: x, y: y, lines: m.lines}
	var doubled string
	if s.X, s.Y, doubled, err = list.ordered(); err != nil {
		return s, err
	}
	if doubled != "" {
		s.Metadata.Warnings = append(s.Metadata.Warnings, doubled)
	}
	return s, nil
}

// shifts returns the axis in cm-1, or in nm when nothing says what the laser was.
func (m *measurement) shifts(s *spectra.Spectrum) ([]float64, error) {
	n := len(m.lines)
	if len(m.wavenumber) == n {
		return m.wavenumber, nil
	}
	if len(m.wavelength) != n {
		return nil, at(m.lines[0], "%w: neither a Wavenumber nor a Wavelength column is complete (export again with the axis)", ErrNoSpectrum)
	}
	if s.Metadata.LaserNM == 0 {
		s.Technique, s.XUnit = spectra.Other, spectra.Nanometre
		warn(&s.Metadata, "No Wavenumber column and no laser wavelength: the axis stays in nm and the scan cannot be searched.")
		return m.wavelength, nil
	}
	nm := m.calibrated()
	correction, _ := parseNumber(m.meta["Wavenumber Correction"])
	for i, v := range nm {
		if v <= 0 {
			return nil, at(m.lines[i], "%w: the wavelength %g nm is not above zero (correct the column)", ErrInconsistent, v)
		}
		nm[i] = ramanShift(s.Metadata.LaserNM, v) + correction
	}
	warn(&s.Metadata, "No Wavenumber column: the Raman shift was computed from the wavelength and the laser, %g nm.", s.Metadata.LaserNM)
	return nm, nil
}

// calibrated returns the wavelengths in full precision: from the pixel and the calibration polynomial CCD C0..C4 when
// these agree with the printed column, which has two decimals (0.15 cm-1), else the column.
func (m *measurement) calibrated() []float64 {
	var c [5]float64
	for i := range c {
		c[i], _ = parseNumber(m.meta[fmt.Sprintf("CCD C%d", i)])
	}
	if len(m.pixel) != len(m.wavelength) {
		return m.wavelength
	}
	nm := make([]float64, len(m.pixel))
	for i, p := range m.pixel {
		nm[i] = c[0] + p*(c[1]+p*(c[2]+p*(c[3]+p*c[4])))
		if !(math.Abs(nm[i]-m.wavelength[i]) <= 0.006) {
			return m.wavelength
		}
	}
	return nm
}
