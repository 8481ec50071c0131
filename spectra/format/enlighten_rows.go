package format

import (
	"fmt"
	"strings"

	"fentrace/spectra"
)

// Dash and the by-row files of ENLIGHTEN: a first row "Dash Output ...", a row of keys that ends with Pixel Count, then
// rows of those keys' values followed by one value per pixel. A measurement is the rows of one Line Number: its
// spectrum first, under a free note, then optionally rows whose note is raw, dark or reference, or the axes as
// pixels, wavelengths and wavenumbers.
func readEnlightenRows(name string, lines []string) ([]spectra.Spectrum, error) {
	keys, first := rowKeys(lines)
	if keys == nil {
		return nil, fmt.Errorf("%w: no row of keys from Line Number to Pixel Count (export in columns)", ErrNoSpectrum)
	}
	var out []spectra.Spectrum
	var b budget
	var cells []string
	current := rowMeasurement{}
	flush := func() error {
		if current.values == nil {
			return nil
		}
		if err := b.take(current.line, len(current.values)); err != nil {
			return err
		}
		s, err := current.spectrum()
		if err == nil {
			out = append(out, s)
		}
		return err
	}
	for i := first; i < len(lines); i++ {
		if emptyLine(lines[i]) {
			continue
		}
		cells = splitCells(lines[i], ',', cells)
		if len(cells) > maxColumns {
			return nil, at(i+1, "%w: more than %d columns", ErrTooLarge, maxColumns)
		}
		if len(cells) <= len(keys) {
			return nil, at(i+1, "%w: the row has %d cells and ends before its first pixel (copy or export it again)", ErrTruncated, len(cells))
		}
		if number := cells[0]; number != "" && (current.values == nil || number != current.number) {
			if err := flush(); err != nil {
				return nil, err
			}
			current = rowMeasurement{number: number}
		}
		if err := current.row(keys, cells, i+1); err != nil {
			return nil, err
		}
	}
	if err := flush(); err != nil {
		return nil, err
	}
	for i := range out {
		if out[i].Title == "" {
			out[i].Title = stem(name)
		}
		if len(out) > 1 {
			out[i].Title = fmt.Sprintf("%s #%d", out[i].Title, i+1)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: no rows under the keys (copy or export it again)", ErrTruncated)
	}
	return out, nil
}

// rowKeys returns the names of the leading cells and the index of the first row after them.
func rowKeys(lines []string) ([]string, int) {
	for i, l := range lines[:min(len(lines), 20)] {
		cells := splitCells(l, ',', nil)
		if !strings.EqualFold(cells[0], "Line Number") {
			continue
		}
		for j, c := range cells {
			if strings.EqualFold(c, "Pixel Count") {
				return cells[:j+1], i + 1
			}
		}
	}
	return nil, 0
}

// rowMeasurement is the rows of one Line Number.
type rowMeasurement struct {
	number                          string
	line                            int
	meta                            map[string]string
	values, raw, dark, nm, shift, x []float64
}

func (r *rowMeasurement) row(keys, cells []string, line int) error {
	meta := map[string]string{}
	for i, k := range keys {
		if cells[i] != "" {
			meta[k] = cells[i]
		}
	}
	values, err := rowValues(cells[len(keys):], line)
	if err != nil {
		return err
	}
	switch strings.ToLower(meta["Note"]) {
	case "pixels":
		r.x = values
	case "wavelengths":
		r.nm = values
	case "wavenumbers":
		r.shift = values
	case "raw":
		r.raw = values
	case "dark":
		r.dark = values
	case "reference":
	default:
		if r.values != nil {
			return at(line, "%w: a second spectrum under line number %s (export in columns)", ErrInconsistent, r.number)
		}
		r.values, r.meta, r.line = values, meta, line
	}
	return nil
}

func rowValues(cells []string, line int) ([]float64, error) {
	for len(cells) > 0 && cells[len(cells)-1] == "" {
		cells = cells[:len(cells)-1]
	}
	values := make([]float64, len(cells))
	for i, c := range cells {
		v, kind := parseCell(c, false)
		if kind != numberCell {
			return nil, badCell(line, fmt.Sprintf("pixel %d", i), c, kind)
		}
		values[i] = v
	}
	return values, nil
}

// spectrum reads the rows as one measurement in columns would be read.
func (r *rowMeasurement) spectrum() (spectra.Spectrum, error) {
	n := len(r.values)
	if want, ok := wholeNumber(r.meta["Pixel Count"]); ok && want != n {
		return spectra.Spectrum{}, at(r.line, "%w: the row states %d pixels and holds %d (copy or export it again)", ErrTruncated, want, n)
	}
	if n == 0 {
		return spectra.Spectrum{}, at(r.line, "%w: the row holds no pixels", ErrNoSpectrum)
	}
	if r.meta["Label"] == "" {
		r.meta["Label"] = r.meta["Note"] // the note is the only name in this format
	}
	m := measurement{column: &column{meta: r.meta}, processed: r.values, raw: r.raw, dark: r.dark, wavelength: r.nm, wavenumber: r.shift, pixel: r.x}
	m.lines = make([]int, n)
	for i := range m.lines {
		m.lines[i] = r.line
	}
	if len(m.wavenumber) != n && len(m.wavelength) != n {
		m.wavelength = r.polynomial(n)
	}
	s, err := m.spectrum()
	if s.Metadata.SerialNumber == "" {
		s.Metadata.SerialNumber = r.meta["Blank"]
	}
	return s, err
}

// polynomial computes the wavelengths from the calibration in the row; nil when it has none.
func (r *rowMeasurement) polynomial(n int) []float64 {
	var c [4]float64
	for i := range c {
		var ok bool
		if c[i], ok = parseNumber(r.meta[fmt.Sprintf("CCD C%d", i)]); !ok {
			return nil
		}
	}
	nm := make([]float64, n)
	for i := range nm {
		p := float64(i)
		nm[i] = c[0] + p*(c[1]+p*(c[2]+p*c[3]))
	}
	return nm
}
