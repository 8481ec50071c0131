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

func readWiRE(name string, raw []byte) ([]spectra.Spectrum, error) {
	lines, err := splitLines(decodeText(raw))
	if err != nil {
		return nil, err
	}
	names := strings.FieldsFunc(lines[0], func(r rune) bool { return r == '\t' || r == '#' || r == ' ' })
	if n := len(names); n < 2 || n > 8 || names[n-2] != "Wave" || names[n-1] != "Intensity" {
		return nil, at(1, "%w: the columns are %q, not to end with Wave and Intensity (export it again)", ErrNoSpectrum, clip(strings.Join(names, " ")))
	}
	var out []spectra.Spectrum
	var b budget
	var list series
	var cells, place []string
	flush := func() error {
		if len(list.x) == 0 {
			return nil
		}
		s, err := wireSpectrum(name, names, place, list)
		if err != nil {
			return err
		}
		out, list = append(out, s), series{}
		return b.take(0, len(s.X))
	}
	comma := decimalComma(lines[1:])
	for i, l := range lines[1:] {
		if strings.TrimSpace(l) == "" {
			continue
		}
		line := i + 2
		cells = splitCells(strings.TrimSpace(l), '\t', cells)
		if len(cells) != len(names) {
			return nil, at(line, "%w: the row has %d cells under %d names (copy or export it again)", ErrTruncated, len(cells), len(names))
		}
		var v [2]float64
		for k := range v {
			c := len(names) - 2 + k
			number, kind := parseCell(cells[c], comma)
			if kind != numberCell {
				return nil, badCell(line, names[c], cells[c], kind)
			}
			v[k] = number
		}
		if here := cells[:len(cells)-2]; len(list.x) == 0 || !slices.Equal(here, place) {
			if err := flush(); err != nil {
				return nil, err
			}
			place = append(place[:0], here...)
		}
		if len(list.x) >= spectra.MaxPoints || b.points+len(list.x) >= maxFilePoints {
			return nil, at(line, "%w: more than %d points in one spectrum or %d in the file", ErrTooLarge, spectra.MaxPoints, maxFilePoints)
		}
		list.add(v[0], v[1], line)
	}
	if err := flush(); err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, at(1, "%w: names of columns and no rows (copy or export it again)", ErrTruncated)
	}
	return out, nil
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
