package format

import (
	"fmt"
	"strings"

	"fentrace/spectra"
)

// Delimited text: rows of numbers under any separator and decimal mark, with or without lines above them. The reader
// first finds the dialect (delimited_dialect.go), then which column is the axis and which are values
// (delimited_columns.go), and only then reads the rows, strictly: from the first row of numbers on, whatever is no
// number in a column that is read is an error.

// ownMark begins the first line of the files that WriteCSV writes.
const ownMark = "# fentrace spectrum"

// minRows is the fewest rows a text must have to be taken for a spectrum when it does not say that it is one.
const minRows = 3

func detectDelimited(head []byte, _ string) Confidence {
	if strings.HasPrefix(headText(head), ownMark) {
		return Certain
	}
	return Fallback // the numbers may begin beyond the head
}

// table is a delimited text whose dialect and columns are known.
type table struct {
	lines   []string
	dialect dialect
	start   int // index of the first row of numbers
	end     int // index of the line after the last row
	rows    int // rows whose axis is filled
	columns []int
	names   []string // of columns, "" where the text has none
	preface preface
}

func readDelimited(name string, raw []byte) ([]spectra.Spectrum, error) {
	lines, err := splitLines(decodeText(raw))
	if err != nil {
		return nil, err
	}
	t := &table{lines: lines}
	if err := t.findRows(); err != nil {
		return nil, err
	}
	t.preface = readPreface(t)
	plan, err := t.plan()
	if err != nil {
		return nil, err
	}
	t.findEnd(plan)
	t.preface.read(t, t.lines[t.end:])
	all, err := t.read(plan)
	if err != nil {
		return nil, err
	}
	if want, ok := wholeNumber(t.preface.get("npoints")); ok && !t.preface.own && len(all[0].x) < want {
		return nil, at(t.end, "%w: the text states %d points, %d rows follow (copy or export it again)", ErrTruncated, want, len(all[0].x))
	}
	var out []spectra.Spectrum
	var b budget
	if t.rows < minRows && !t.preface.own {
		return nil, at(t.start+1, "%w: only %d rows of numbers", ErrNoSpectrum, t.rows)
	}
	sparse := 0
	for i, list := range all {
		if 2*len(list.x) < t.rows || len(list.x) == 0 {
			sparse++
			continue
		}
		if err := firstError(b.take(t.start+1, len(list.x)), b.takeLabels(t.start+1, t.preface.all)); err != nil {
			return nil, err
		}
		s, err := t.spectrum(plan, i, list)
		if err != nil {
			return nil, err
		}
		if s.Title == "" {
			s.Title = stem(name)
		}
		if len(plan.values) > 1 {
			s.Title = fmt.Sprintf("%s: %s", s.Title, plan.labels[i])
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		return nil, at(t.start+1, "%w: no column of values holds numbers in half of the rows", ErrNoSpectrum)
	}
	for i := range out {
		if sparse > 0 {
			warn(&out[i].Metadata, "%d columns hold numbers in less than half of the rows and were left out.", sparse)
		}
	}
	return out, nil
}

// isComment reports a line that is no row wherever it stands.
func isComment(line string) bool {
	t := strings.TrimSpace(line)
	return t == "" || strings.HasPrefix(t, "#") || strings.HasPrefix(t, "//") || strings.HasPrefix(t, "%")
}

// findEnd sets end. What follows the rows is a footer, to be read like the lines above them, when an empty line
// stands before it and no line of it has anything like a number where the axis is.
func (t *table) findEnd(p plan) {
	t.end = len(t.lines)
	var cells []string
	for i := len(t.lines) - 1; i > t.start; i-- {
		if isComment(t.lines[i]) {
			if strings.TrimSpace(t.lines[i]) == "" && i < len(t.lines)-1 {
				t.end = i
			}
			continue
		}
		cells = t.dialect.split(t.lines[i], cells)
		if _, kind := t.cell(cells, p.axis); kind == numberCell || kind == notFiniteCell {
			return
		}
	}
	t.end = len(t.lines)
}

// read collects the points of every value column. An empty cell beside a filled axis is left out; anything else
// that is no number is an error.
func (t *table) read(p plan) ([]series, error) {
	rows := 0
	for _, l := range t.lines[t.start:t.end] {
		if !isComment(l) {
			rows++
		}
	}
	if rows > spectra.MaxPoints || rows*len(p.values) > maxFilePoints {
		return nil, at(t.start+1, "%w: %d rows of %d columns (split the file)", ErrTooLarge, rows, len(p.values))
	}
	all := make([]series, len(p.values))
	var cells []string
	for i := t.start; i < t.end; i++ {
		if isComment(t.lines[i]) {
			continue
		}
		cells = t.dialect.split(t.lines[i], cells)
		if len(cells) > maxColumns {
			return nil, at(i+1, "%w: more than %d columns", ErrTooLarge, maxColumns)
		}
		x, kind := t.cell(cells, p.axis)
		filled := false
		for j, c := range p.values {
			y, k := t.cell(cells, c)
			if k == emptyCell {
				continue
			}
			filled = true
			if kind != numberCell {
				break
			}
			if k != numberCell {
				return nil, badCell(i+1, p.labels[j], cells[c], k)
			}
			all[j].add(x, y, i+1)
		}
		if kind == numberCell && !filled && len(cells) <= p.values[0] {
			return nil, at(i+1, "%w: the row has %d cells and ends before %s (copy or export it again)", ErrTruncated, len(cells), p.labels[0])
		}
		if kind == numberCell {
			t.rows++
			continue
		}
		if kind == emptyCell && !filled {
			continue
		}
		text := ""
		if p.axis < len(cells) {
			text = cells[p.axis]
		}
		return nil, badCell(i+1, p.axisLabel, text, kind)
	}
	return all, nil
}

func (t *table) cell(cells []string, column int) (float64, cellKind) {
	if column >= len(cells) {
		return 0, emptyCell
	}
	return parseCell(cells[column], t.dialect.comma)
}

// spectrum makes the spectrum of value column i.
func (t *table) spectrum(p plan, i int, list series) (spectra.Spectrum, error) {
	m := t.preface.metadata()
	s := spectra.Spectrum{Title: t.preface.title(), Metadata: m, Peaks: t.preface.peaks()}
	x, y := list.x, list.y
	if !s.Peaks {
		var doubled string
		var err error
		if x, y, doubled, err = list.ordered(); err != nil {
			return s, err
		}
		if doubled != "" {
			s.Metadata.Warnings = append(s.Metadata.Warnings, doubled)
		}
	}
	s.X, s.Y = x, y
	if missing := t.rows - len(list.x); missing > 0 {
		warn(&s.Metadata, "%d empty cells were left out.", missing)
	}
	if err := t.interpret(&s, p, i); err != nil {
		return s, err
	}
	return s, nil
}
