package format

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"fentrace/spectra"
)

// textTable is the numbers of a vendor's text below its header, separated by tabs or blanks: either rows of a position
// and a value, or a first row of positions, with blanks in front, and rows of labels and values.
type textTable struct {
	x    []float64
	rows []textRow
	line int // of the first row
}

// textRow is the values of one spectrum.
type textRow struct {
	labels []string // what stands before the values: where or when they were measured
	y      []float64
	line   int   // of the first value
	lines  []int // of each value, nil when all stand on line
}

// readTextTable reads lines from first on, up to end.
func readTextTable(lines []string, first, end int) (*textTable, error) {
	for first < end && strings.TrimSpace(lines[first]) == "" {
		first++
	}
	if first == end {
		return nil, at(max(1, first), "%w: no rows of numbers (copy or export it again)", ErrNoSpectrum)
	}
	comma := decimalComma(lines[first:end])
	t := &textTable{line: first + 1}
	sep := byte('\t')
	if !strings.Contains(lines[first], "\t") {
		sep = ' '
	}
	if cells := splitCells(strings.TrimRight(lines[first], " \t"), sep, nil); cells[0] == "" || len(cells) > 2 {
		return t, t.matrix(lines[:end], first, sep, comma)
	}
	return t, t.column(lines[:end], first, sep, comma)
}

// decimalComma reports whether the numbers have commas and no points, as programs under some languages write them.
func decimalComma(lines []string) bool {
	commas := false
	for _, l := range lines[:min(len(lines), sampleLines)] {
		if strings.Contains(l, ".") {
			return false
		}
		commas = commas || strings.Contains(l, ",")
	}
	return commas
}

// column reads one spectrum, a point to a row.
func (t *textTable) column(lines []string, first int, sep byte, comma bool) error {
	row := textRow{line: first + 1}
	var cells []string
	for i := first; i < len(lines); i++ {
		if strings.TrimSpace(lines[i]) == "" {
			continue
		}
		if len(t.x) >= spectra.MaxPoints {
			return at(i+1, "%w: more than %d points", ErrTooLarge, spectra.MaxPoints)
		}
		cells = splitCells(strings.TrimSpace(lines[i]), sep, cells)
		if len(cells) != 2 {
			return at(i+1, "%w: the row has %d cells instead of a position and a value (copy or export it again)", ErrTruncated, len(cells))
		}
		x, kind := parseCell(cells[0], comma)
		if kind != numberCell {
			return badCell(i+1, "1", cells[0], kind)
		}
		y, kind := parseCell(cells[1], comma)
		if kind != numberCell {
			return badCell(i+1, "2", cells[1], kind)
		}
		t.x, row.y, row.lines = append(t.x, x), append(row.y, y), append(row.lines, i+1)
	}
	t.rows = []textRow{row}
	return nil
}

// matrix reads a row of positions and then a spectrum to a row.
func (t *textTable) matrix(lines []string, first int, sep byte, comma bool) error {
	cells := splitCells(strings.TrimRight(lines[first], " \t"), sep, nil)
	blank := 0
	for blank < len(cells) && cells[blank] == "" {
		blank++
	}
	if len(cells) > maxColumns {
		return at(first+1, "%w: more than %d columns", ErrTooLarge, maxColumns)
	}
	for i, c := range cells[blank:] {
		x, kind := parseCell(c, comma)
		if kind != numberCell {
			return badCell(first+1, strconv.Itoa(blank+i+1), c, kind)
		}
		t.x = append(t.x, x)
	}
	if len(t.x) == 0 {
		return at(first+1, "%w: the row of positions is empty (copy or export it again)", ErrNoSpectrum)
	}
	var b budget
	for i := first + 1; i < len(lines); i++ {
		if strings.TrimSpace(lines[i]) == "" {
			continue
		}
		if err := b.take(i+1, len(t.x)); err != nil {
			return err
		}
		cells = splitCells(strings.TrimRight(lines[i], " \t\r"), sep, cells)
		lead := len(cells) - len(t.x)
		if lead < 0 || (lead == 0 && blank > 0) {
			return at(i+1, "%w: the row has %d cells, the axis has %d positions (copy or export it again)", ErrTruncated, len(cells), len(t.x))
		}
		row := textRow{line: i + 1, y: make([]float64, len(t.x)), labels: append([]string(nil), cells[:lead]...)}
		for k, c := range cells[lead:] {
			y, kind := parseCell(c, comma)
			if kind != numberCell {
				return badCell(i+1, strconv.Itoa(lead+k+1), c, kind)
			}
			row.y[k] = y
		}
		t.rows = append(t.rows, row)
	}
	if len(t.rows) == 0 {
		return at(first+1, "%w: positions and no row of values (copy or export it again)", ErrTruncated)
	}
	return nil
}

// spectra makes a spectrum of each row: a copy of like with the row's points.
func (t *textTable) spectra(like spectra.Spectrum) ([]spectra.Spectrum, error) {
	var out []spectra.Spectrum
	var b budget
	straight := monotonic(t.x)
	for _, row := range t.rows {
		if err := firstError(b.take(row.line, len(t.x)), b.takeLabels(row.line, like.Metadata.Fields)); err != nil {
			return nil, err
		}
		s := like
		s.Metadata.Fields = maps.Clone(like.Metadata.Fields)
		s.Metadata.Warnings = append([]string(nil), like.Metadata.Warnings...)
		if err := t.points(&s, row, straight); err != nil {
			return nil, err
		}
		if s.XUnit == spectra.Nanometre && s.Technique == spectra.Raman {
			if err := shiftFromLaser(&s); err != nil {
				return nil, &Error{Line: row.line, Cause: err}
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// points gives s those of row. A straight axis needs no copy of the values: a map has as many as its file has room for.
func (t *textTable) points(s *spectra.Spectrum, row textRow, straight bool) error {
	if straight {
		s.X, s.Y = slices.Clone(t.x), row.y
		return nil
	}
	list := series{x: t.x, y: row.y, lines: row.lines}
	if list.lines == nil {
		list.lines = slices.Repeat([]int{t.line}, len(t.x))
	}
	var doubled string
	var err error
	if s.X, s.Y, doubled, err = list.ordered(); err != nil {
		return err
	}
	if doubled != "" {
		warn(&s.Metadata, "%s", doubled)
	}
	return nil
}

// monotonic reports whether x runs in one direction without a repeat.
func monotonic(x []float64) bool {
	for i := 1; i < len(x); i++ {
		if x[i] == x[i-1] || (x[i] > x[i-1]) != (x[1] > x[0]) {
			return false
		}
	}
	return true
}
