package format

import (
	"fmt"
	"math"
	"strings"

	"fentrace/spectra"
)

// spectraOf returns a spectrum for every data table of b. Blocks without one (LINK, a chemical structure) have none.
func (f *jcampFile) spectraOf(b *block) ([]spectra.Spectrum, error) {
	curves := 0
	for _, r := range b.records {
		if table, peaks := isTable(r); table && !(peaks && r.key != "PEAKTABLE" && r.key != "DATATABLE") {
			curves++
		}
	}
	h := header{f: f, values: map[string]string{}, tuples: map[string][]string{}}
	var out []spectra.Spectrum
	for _, r := range b.records {
		table, peaks := isTable(r)
		// Assignments beside a measured curve are remarks on it, not a spectrum of their own.
		if table && strings.HasPrefix(r.key, "PEAKASSIGNMENT") && curves > 0 {
			table = false
		}
		if !table {
			h.add(r)
			continue
		}
		s, err := f.table(b, r, &h, peaks)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// table reads the one table r under the header collected so far.
func (f *jcampFile) table(b *block, r record, h *header, peaks bool) (spectra.Spectrum, error) {
	form, ok := parseForm(dropComment(r.value))
	if !ok {
		return spectra.Spectrum{}, at(r.line, "%w: the form %q of ##%s= (export as XYDATA or XYPOINTS)", ErrUnknownFormat, clip(strings.TrimSpace(r.value)), r.label)
	}
	a, err := h.axis(form, r)
	if err != nil {
		return spectra.Spectrum{}, err
	}
	var p points
	switch {
	case form.increment:
		p, err = f.increments(r, a, b.closed)
	case form.assigned:
		p, err = f.assigned(r, form, a, b.closed)
	default:
		p, err = f.pairs(r, form, a, peaks, b.closed)
	}
	if err != nil {
		return spectra.Spectrum{}, err
	}
	s := spectra.Spectrum{X: p.x, Y: p.y, Peaks: peaks}
	if form.assigned {
		h.add(r)
	}
	if err := f.budget.takeLabels(r.line, h.values); err != nil {
		return s, err
	}
	h.describe(&s, form)
	s.Metadata.Warnings = append(s.Metadata.Warnings, p.warnings...)
	for i := range s.X {
		if math.IsInf(s.Y[i], 0) || math.IsInf(s.X[i], 0) {
			return spectra.Spectrum{}, at(r.line, "%w: point %d is beyond the range of numbers (XFACTOR or YFACTOR is wrong)", ErrNotNumber, i+1)
		}
	}
	if err := h.ratio(&s, form); err != nil {
		return spectra.Spectrum{}, &Error{Line: r.line, Cause: err}
	}
	if err := s.Validate(); err != nil {
		return spectra.Spectrum{}, at(r.line, "%w (FIRSTX, LASTX or the table is wrong: export again)", err)
	}
	return s, nil
}

// header is the labels of a block up to a table.
type header struct {
	f      *jcampFile
	order  []record
	values map[string]string   // by jcampKey
	tuples map[string][]string // the columns of ##VAR_NAME= and its like in NTUPLES
}

func (h *header) add(r record) {
	if r.key == "" || r.key == "ENDNTUPLES" { // ##= is a comment
		return
	}
	text := h.f.text(r)
	if r.key == "PAGE" {
		delete(h.values, "NPOINTS") // belongs to the page before
	}
	if _, seen := h.values[r.key]; !seen {
		h.order = append(h.order, r)
	}
	h.values[r.key] = text
	switch r.key {
	case "SYMBOL", "VARNAME", "VARDIM", "UNITS", "FIRST", "LAST", "FACTOR":
		var columns []string
		for c := range strings.SplitSeq(text, ",") {
			columns = append(columns, strings.TrimSpace(c))
		}
		h.tuples[r.key] = columns
	}
}

// tuple returns what the NTUPLES record key says about symbol, "" when nothing.
func (h *header) tuple(key, symbol string) string {
	for i, s := range h.tuples["SYMBOL"] {
		if strings.EqualFold(s, symbol) && i < len(h.tuples[key]) {
			return h.tuples[key][i]
		}
	}
	return ""
}

func (h *header) ntuples() bool { return len(h.tuples["SYMBOL"]) > 0 }

// axis collects the numbers that place the points of a table.
func (h *header) axis(form tableForm, r record) (axis, error) {
	get := map[string]string{
		"FIRSTX": h.values["FIRSTX"], "LASTX": h.values["LASTX"], "DELTAX": h.values["DELTAX"],
		"XFACTOR": h.values["XFACTOR"], "YFACTOR": h.values["YFACTOR"], "NPOINTS": h.values["NPOINTS"],
	}
	if r.key == "DATATABLE" && h.ntuples() {
		y := form.y
		get = map[string]string{
			"FIRSTX": h.tuple("FIRST", form.x), "LASTX": h.tuple("LAST", form.x), "DELTAX": "",
			"XFACTOR": h.tuple("FACTOR", form.x), "YFACTOR": h.tuple("FACTOR", y),
			"NPOINTS": firstOf(h.values["NPOINTS"], h.tuple("VARDIM", y)),
		}
	}
	var err error
	number := func(label string, missing float64) float64 {
		text := get[label]
		if text == "" {
			return missing
		}
		v, ok := parseNumber(text)
		if !ok && err == nil {
			err = at(r.line, "%w: %q in ##%s= of this table (correct the header)", ErrNotNumber, clip(text), label)
		}
		return v
	}
	nan := math.NaN()
	a := axis{xFactor: number("XFACTOR", 1), yFactor: number("YFACTOR", 1)}
	a.first, a.last, a.delta = nan, nan, nan
	if form.increment {
		a.first, a.last, a.delta = number("FIRSTX", nan), number("LASTX", nan), number("DELTAX", nan)
	}
	if n, ok := wholeNumber(get["NPOINTS"]); ok {
		a.points = n
	}
	if err == nil && (a.xFactor == 0 || a.yFactor == 0) {
		err = at(r.line, "%w: XFACTOR or YFACTOR of this table is zero (correct the header)", ErrInconsistent)
	}
	return a, err
}

// ratio converts transmittance and reflectance; see normaliseRatio.
func (h *header) ratio(s *spectra.Spectrum, form tableForm) error {
	original := h.yUnits(form)
	unit, percent := valueUnit(original)
	if unit != s.YUnit {
		return nil
	}
	return normaliseRatio(s, original, percent)
}

func (h *header) xUnits(form tableForm) string {
	if h.ntuples() {
		return h.tuple("UNITS", form.x)
	}
	return h.values["XUNITS"]
}

func (h *header) yUnits(form tableForm) string {
	if h.ntuples() {
		return h.tuple("UNITS", form.y)
	}
	return h.values["YUNITS"]
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// describe fills in the title, the technique, the units and the metadata.
func (h *header) describe(s *spectra.Spectrum, form tableForm) {
	s.Title = strings.ReplaceAll(h.values["TITLE"], "\n", " ")
	if page := h.values["PAGE"]; page != "" {
		s.Title = strings.TrimSpace(fmt.Sprintf("%s (%s)", s.Title, page))
	}
	s.XUnit = axisUnit(h.xUnits(form))
	s.YUnit, _ = valueUnit(h.yUnits(form))
	h.metadata(&s.Metadata, s.XUnit)
	s.Technique = h.technique(s)
}

// technique reads DATA TYPE. Without one a spectrum of absorbance or transmittance over wavenumbers is infrared.
func (h *header) technique(s *spectra.Spectrum) spectra.Technique {
	kind := strings.ToUpper(h.values["DATATYPE"])
	switch {
	case strings.Contains(kind, "RAMAN"):
		return spectra.Raman
	case strings.Contains(kind, "INTERFEROGRAM"):
		return spectra.Other
	case strings.Contains(kind, "INFRARED"), strings.Contains(kind, "FTIR"), strings.Contains(kind, "FT-IR"), kind == "IR SPECTRUM":
		return spectra.IR
	case kind == "" && s.XUnit == spectra.PerCM && (s.YUnit == spectra.Absorbance || s.YUnit == spectra.Transmittance):
		return assumeInfrared(s)
	}
	return spectra.Other
}

func assumeInfrared(s *spectra.Spectrum) spectra.Technique {
	warn(&s.Metadata, "The file does not state its technique; infrared was assumed from its units.")
	return spectra.IR
}
