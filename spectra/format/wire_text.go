package format

import (
	"fmt"
	"slices"
	"strings"

	"fentrace/spectra"
)

// Renishaw WiRE text: one line of column names, each after a #, and rows separated by tabs. A map or a series has the
// place or the time of each spectrum in further columns before #Wave and #Intensity, one point of one spectrum to a row.
// The unit of the axis is that of the display, which the text does not name.

func detectWiRE(head []byte, _ string) Confidence {
	line, _, _ := strings.Cut(strings.ReplaceAll(headText(head), "\r", "\n"), "\n")
	if strings.HasPrefix(line, "#") && strings.Contains(line, "#Wave") && strings.Contains(line, "#Intensity") {
		return Certain
	}
	return Never
}

// wireText is what has been read of a text so far.
type wireText struct {
	file   string
	names  []string // of the columns
	place  []string // cells before the last two of the rows of list
	list   series
	budget budget
	out    []spectra.Spectrum
}

func readWiRE(name string, raw []byte) ([]spectra.Spectrum, error) {
	lines, err := splitLines(decodeText(raw))
	if err != nil {
		return nil, err
	}
	t := &wireText{file: name, names: strings.FieldsFunc(lines[0], func(r rune) bool { return r == '\t' || r == '#' || r == ' ' })}
	if n := len(t.names); n < 2 || n > 8 || t.names[n-2] != "Wave" || t.names[n-1] != "Intensity" {
		return nil, at(1, "%w: the columns are %q, not to end with Wave and Intensity (export it again)", ErrNoSpectrum, clip(strings.Join(t.names, " ")))
	}
	var cells []string
	comma := decimalComma(lines[1:])
	for i, l := range lines[1:] {
		if strings.TrimSpace(l) == "" {
			continue
		}
		cells = splitCells(strings.TrimSpace(l), '\t', cells)
		if err := t.row(cells, comma, i+2); err != nil {
			return nil, err
		}
	}
	if err := t.flush(); err != nil {
		return nil, err
	}
	if len(t.out) == 0 {
		return nil, at(1, "%w: names of columns and no rows (copy or export it again)", ErrTruncated)
	}
	return t.out, nil
}

// row takes one point; another place begins another spectrum.
func (t *wireText) row(cells []string, comma bool, line int) error {
	if len(cells) != len(t.names) {
		return at(line, "%w: the row has %d cells under %d names (copy or export it again)", ErrTruncated, len(cells), len(t.names))
	}
	last := len(cells) - 2
	var v [2]float64
	for k := range v {
		number, kind := parseCell(cells[last+k], comma)
		if kind != numberCell {
			return badCell(line, t.names[last+k], cells[last+k], kind)
		}
		v[k] = number
	}
	if len(t.list.x) > 0 && !slices.Equal(cells[:last], t.place) {
		if err := t.flush(); err != nil {
			return err
		}
	}
	if len(t.list.x) >= spectra.MaxPoints || t.budget.points+len(t.list.x) >= maxFilePoints {
		return at(line, "%w: more than %d points in one spectrum or %d in the file", ErrTooLarge, spectra.MaxPoints, maxFilePoints)
	}
	t.place = append(t.place[:0], cells[:last]...)
	t.list.add(v[0], v[1], line)
	return nil
}

// flush makes a spectrum of the points taken since the last one.
func (t *wireText) flush() error {
	if len(t.list.x) == 0 {
		return nil
	}
	s, err := wireSpectrum(t.file, t.names, t.place, t.list)
	if err != nil {
		return err
	}
	t.out, t.list = append(t.out, s), series{}
	return t.budget.take(0, len(s.X))
}

func wireSpectrum(file string, names, place []string, list series) (spectra.Spectrum, error) {
	s := spectra.Spectrum{Title: stem(file), Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Intensity, Metadata: spectra.Metadata{Fields: fields{}}}
	for i, v := range place {
		s.Metadata.Fields[names[i]] = v
	}
	if len(place) > 0 {
		s.Title += fmt.Sprintf(" (%s)", strings.Join(place, ", "))
	}
	warn(&s.Metadata, "WiRE text does not name the unit of its axis; Raman shift in cm-1 was assumed.")
	x, y, doubled, err := list.ordered()
	if err != nil {
		return s, err
	}
	if doubled != "" {
		warn(&s.Metadata, "%s", doubled)
	}
	s.X, s.Y = x, y
	return s, nil
}
