package format

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"fentrace/spectra"
)

// plan says which columns are read.
type plan struct {
	axis      int
	axisLabel string
	axisName  string   // as the text has it, "" when it has none
	values    []int    // columns
	names     []string // of the values as the text has them
	labels    []string // for people: the name, else "column 3"
}

var (
	shiftName      = regexp.MustCompile(`raman[ _-]*shift|^shift\b`)
	wavenumberName = regexp.MustCompile(`wave[ _-]*numbers?|cm\s*\^?[-−⁻][1¹]|1/cm|cm⁻¹`)
	wavelengthName = regexp.MustCompile(`wave[ _-]*lengths?|[\s(\[]nm\b|^nm$|micromet|[µμu]m\)`)
	counterName    = regexp.MustCompile(`^(pixels?|index|point|points|no\.?|nr\.?|#|unnamed: 0)$`)
	blankName      = regexp.MustCompile(`^(unnamed: \d+|)$`)
	processedName  = regexp.MustCompile(`process|corrected|subtracted|net\b`)
	rawName        = regexp.MustCompile(`\braw|^raw`)
	wideBlank      = regexp.MustCompile(`\t| {2,}`)
	absName        = regexp.MustCompile(`\babs\b`)
	asideName      = regexp.MustCompile(`\bdark|^dark|background|\bbkg|reference|\bstd|stdev|error|sigma|uncertainty|^time`)
)

// axisRank is how much a column name looks like the axis of a spectrum; 0 for any other name.
func axisRank(name string) int {
	switch {
	case len(name) > 200: // a remark, not a name
		return 0
	case shiftName.MatchString(name):
		return 4
	case wavenumberName.MatchString(name):
		return 3
	case wavelengthName.MatchString(name) && !strings.Contains(name, "laser"):
		return 2
	case name == "wave" || name == "x" || name == "x-axis" || name == "frequency":
		return 1
	}
	return 0
}

// plan chooses the axis and the values by the names over the columns, else by their order.
func (t *table) plan() (plan, error) {
	t.names = t.columnNames()
	lower := make([]string, len(t.names))
	for i, n := range t.names {
		lower[i] = strings.ToLower(strings.TrimSpace(strings.TrimLeft(n, "#% ")))
	}
	axis, rank := -1, 0
	for i, n := range lower {
		if r := axisRank(n); r > rank {
			axis, rank = i, r
		}
	}
	if axis < 0 {
		axis = 0
		if len(t.columns) > 2 && t.isCounter(0, lower[0]) {
			axis = 1
		}
	}
	p := plan{axis: t.columns[axis], axisName: t.names[axis]}
	p.axisLabel = t.label(axis)
	chosen := t.valueColumns(lower, axis)
	for _, i := range chosen {
		p.values = append(p.values, t.columns[i])
		p.names = append(p.names, t.names[i])
		p.labels = append(p.labels, t.label(i))
	}
	switch {
	case len(p.values) == 0:
		return p, at(t.start+1, "%w: no column of values beside the axis %s (export the intensities)", ErrNoSpectrum, p.axisLabel)
	case len(p.values) > maxFileSpectra:
		return p, at(t.start+1, "%w: %d columns of values, at most %d (split the file)", ErrTooLarge, len(p.values), maxFileSpectra)
	}
	return p, nil
}

func (t *table) label(i int) string {
	if n := t.names[i]; !blankName.MatchString(strings.ToLower(n)) {
		return n
	}
	return fmt.Sprintf("column %d", t.columns[i]+1)
}

// valueColumns returns the columns to read: what is named processed, else what is not raw, dark, reference, an axis
// or a counter, else what is raw.
func (t *table) valueColumns(lower []string, axis int) []int {
	var processed, plain, raw []int
	for i, n := range lower {
		switch {
		case i == axis, i < axis && t.isCounter(i, n), axisRank(n) > 0, counterName.MatchString(n):
		case processedName.MatchString(n):
			processed = append(processed, i)
		case rawName.MatchString(n):
			raw = append(raw, i)
		case asideName.MatchString(n):
		default:
			plain = append(plain, i)
		}
	}
	switch {
	case len(processed) > 0 && (len(raw) > 0 || len(plain) == 0):
		return processed
	case len(plain)+len(processed) > 0:
		plain = append(plain, processed...)
		slices.Sort(plain)
		return plain
	}
	return raw
}

// isCounter reports whether column i numbers the rows: by its name, or without one by counting up from 0 or 1.
func (t *table) isCounter(i int, name string) bool {
	if !blankName.MatchString(name) {
		return counterName.MatchString(name)
	}
	var cells []string
	next, seen := 0.0, 0
	for _, l := range t.lines[t.start:] {
		if isComment(l) {
			continue
		}
		cells = t.dialect.split(l, cells)
		v, kind := t.cell(cells, t.columns[i])
		if kind != numberCell || (seen > 0 && v != next) || (seen == 0 && v != 0 && v != 1) {
			return false
		}
		next = v + 1
		if seen++; seen == 50 {
			break
		}
	}
	return seen > 1
}

// columnNames reads the line above the first row as names of the columns, "" for all when it is none.
func (t *table) columnNames() []string {
	names := make([]string, len(t.columns))
	line := ""
	for i := t.start - 1; i >= 0 && line == ""; i-- {
		line = strings.TrimSpace(t.lines[i])
	}
	if t.dialect.sep == ' ' { // names may hold blanks themselves: two or more separate them
		line = wideBlank.ReplaceAllString(line, "\t")
	}
	for _, sep := range []byte{'\t', t.dialect.sep, ';', ',', ' '} {
		if t.named(splitCells(line, sep, nil), names) {
			return names
		}
	}
	return make([]string, len(t.columns))
}

// named puts the cells of a line over the columns and reports whether they fit: at their own place, or as many names as
// there are columns when more separators stand between the names than between the numbers.
func (t *table) named(cells, names []string) bool {
	var filled []string
	for _, c := range cells {
		if strings.Trim(c, "# ") != "" {
			filled = append(filled, c)
		}
	}
	if len(filled) == 0 || slices.ContainsFunc(filled, isNumber) || (len(filled) < 2 && axisRank(strings.ToLower(filled[0])) == 0) {
		return false
	}
	blank := 0
	if len(cells) > t.columns[len(t.columns)-1] && (t.dialect.sep != ' ' || len(cells) == len(names)) {
		for i, c := range t.columns {
			names[i] = cells[c]
			if strings.Trim(cells[c], "# ") == "" {
				blank++
			}
		}
		if blank == 0 || len(filled) != len(names) {
			return true
		}
	}
	if len(filled) != len(names) {
		return false
	}
	copy(names, filled)
	return true
}

// interpret sets technique and units from what the text says; what it does not say is assumed with a warning.
func (t *table) interpret(s *spectra.Spectrum, p plan, i int) error {
	pre := t.preface
	name := strings.ToLower(p.axisName)
	switch {
	case firstOf(pre.get("xunit"), pre.get("xunits")) != "":
		s.XUnit = axisUnit(firstOf(pre.get("xunit"), pre.get("xunits")))
	case shiftName.MatchString(name), wavenumberName.MatchString(name), strings.Trim(name, "# ") == "wave":
		s.XUnit = spectra.PerCM
	case wavelengthName.MatchString(name):
		s.XUnit = spectra.Nanometre
		if !strings.Contains(name, "nm") && strings.Contains(name, "m)") || strings.Contains(name, "micromet") {
			s.XUnit = spectra.Micrometre
		}
	default:
		s.XUnit = spectra.PerCM
		warn(&s.Metadata, "The text does not name its axis; wavenumbers in cm-1 were assumed.")
	}
	original, percent := p.names[i], false
	if u := firstOf(pre.get("yunit"), pre.get("yunits")); u != "" {
		original = u
	}
	s.YUnit, percent = yUnitOf(original, pre.own)
	if s.XUnit == spectra.Nanometre && s.Metadata.LaserNM > 0 && !pre.own {
		if err := t.toShift(s); err != nil {
			return err
		}
	}
	t.technique(s, name)
	if pre.own {
		return nil
	}
	return normaliseRatio(s, original, percent)
}

// yUnitOf names the unit of the values: exactly in our own files, by the words in a column name elsewhere.
func yUnitOf(text string, own bool) (spectra.Unit, bool) {
	if own {
		return spectra.Unit(text), false
	}
	w := strings.ToLower(text)
	switch {
	case strings.Contains(w, "absorb"), absName.MatchString(w):
		return spectra.Absorbance, false
	case strings.Contains(w, "transmit"), strings.Contains(w, "%t"), strings.Contains(w, "t%"), strings.Contains(w, "% t"):
		return spectra.Transmittance, strings.Contains(w, "%") || strings.Contains(w, "percent")
	case strings.Contains(w, "reflect"), strings.Contains(w, "%r"):
		return spectra.Reflectance, strings.Contains(w, "%") || strings.Contains(w, "percent")
	case strings.Contains(w, "count"):
		return spectra.Counts, false
	case strings.Contains(w, "int"):
		return spectra.Intensity, false
	}
	return spectra.Arbitrary, false
}

func (t *table) toShift(s *spectra.Spectrum) error {
	for i, nm := range s.X {
		if nm <= 0 {
			return at(t.start+1, "%w: point %d has the wavelength %g nm (correct the column)", ErrInconsistent, i+1, nm)
		}
		s.X[i] = ramanShift(s.Metadata.LaserNM, nm)
	}
	s.XUnit = spectra.PerCM
	warn(&s.Metadata, "The Raman shift was computed from the wavelength and the laser, %g nm.", s.Metadata.LaserNM)
	return nil
}
