package format

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"

	"fentrace/spectra"
)

// AnIML, the analytical information markup language (ASTM E13.15, core schema 0.90; www.animl.org). A file holds steps of
// an experiment; a step's results hold sets of series of equal length. A spectrum is made of the independent series of
// a set and of each dependent one. The core schema says how numbers are written (one by one, base64 of little-endian
// numbers, or start and increment), not what they are called: names, units and technique are read by their words.

func detectAnIML(head []byte, _ string) Confidence {
	text := headText(head)
	if i := strings.Index(text, "AnIML"); i > 0 && (text[i-1] == '<' || text[i-1] == ':') && strings.HasPrefix(strings.TrimSpace(text), "<") {
		return Certain
	}
	return Never
}

// animlSeries is one series of a set.
type animlSeries struct {
	name, kind, unit string
	independent      bool
	values           []float64
	text             bool // holds words or pictures
	start, increment float64
	incremented      bool
	count            int // of an incremented one, 0 when not stated
}

// animlFile is what has been read of a file so far.
type animlFile struct {
	samples map[string]string // names by id
	values  int               // numbers read
	budget  budget
	out     []spectra.Spectrum

	step      animlStep
	set       []*animlSeries
	setName   string
	setLength int
}

// animlStep is what the open step says of all its spectra.
type animlStep struct {
	name, technique, sample  string
	device, serial, operator string
	timestamp                string
	labels                   fields
	spectra                  []int // made in this step: what follows the results holds for them as well
}

// readAnIML returns the spectra of a file in file order. Series that are no numbers are left out.
func readAnIML(name string, raw []byte) ([]spectra.Spectrum, error) {
	f := &animlFile{samples: map[string]string{}, step: animlStep{labels: fields{}}}
	if err := walkXML(decodeText(raw), f.open, f.close); err != nil {
		return nil, err
	}
	if len(f.out) == 0 {
		return nil, fmt.Errorf("%w: no set of series with an independent and a dependent one (export the spectrum with its axis)", ErrNoSpectrum)
	}
	return f.out, nil
}

func (f *animlFile) open(p xmlPath) error {
	e := p.last()
	switch e.name {
	case "Sample":
		if len(f.samples) < maxFields {
			f.samples[e.attr("sampleID")] = e.attr("name")
		}
	case "ExperimentStep":
		f.step = animlStep{name: e.attr("name"), labels: fields{}}
	case "Technique":
		f.step.technique = strings.ToLower(e.attr("name") + " " + e.attr("uri"))
	case "SampleReference":
		if f.step.sample == "" && strings.ToLower(e.attr("samplePurpose")) != "produced" {
			f.step.sample = f.samples[e.attr("sampleID")]
		}
	case "SeriesSet":
		f.set, f.setName, f.setLength = nil, e.attr("name"), xmlCount(e, "length")
	case "Series":
		if len(f.set) >= maxColumns {
			return fmt.Errorf("%w: more than %d series in a set", ErrTooLarge, maxColumns)
		}
		f.set = append(f.set, &animlSeries{name: e.attr("name"), kind: e.attr("seriesType"), independent: e.attr("dependency") == "independent"})
	case "Unit":
		if s := f.series(p); s != nil {
			s.unit = e.attr("label")
		}
	case "IndividualValueSet", "EncodedValueSet", "AutoIncrementedValueSet":
		return f.begins(e)
	}
	return nil
}

// series is the open one, nil outside of any.
func (f *animlFile) series(p xmlPath) *animlSeries {
	if len(f.set) == 0 || !p.within("Series") {
		return nil
	}
	return f.set[len(f.set)-1]
}

// begins checks that a set of values continues the series where the one before it ended.
func (f *animlFile) begins(e *xmlElement) error {
	if len(f.set) == 0 {
		return nil
	}
	s := f.set[len(f.set)-1]
	if from := e.attr("startIndex"); from != "" && from != strconv.Itoa(len(s.values)) {
		return fmt.Errorf("%w: the values of series %q begin at index %s after %d values (export it again)", ErrInconsistent, clip(s.name), clip(from), len(s.values))
	}
	if e.name == "AutoIncrementedValueSet" {
		s.incremented, s.count = true, f.setLength
		if end, err := strconv.Atoi(e.attr("endIndex")); err == nil && end >= 0 && end < spectra.MaxPoints {
			s.count = end + 1
		}
	}
	return nil
}

func (f *animlFile) close(p xmlPath) error {
	e := p.last()
	text := func() string { return strings.TrimSpace(string(e.text)) }
	s := f.series(p)
	switch e.name {
	case "I", "L", "F", "D":
		return f.number(p, s, text())
	case "S", "Boolean", "DateTime", "PNG", "SVG", "EmbeddedXML":
		if s != nil {
			s.text = true
		} else if p.parent() == "Parameter" && e.name != "PNG" && e.name != "SVG" && e.name != "EmbeddedXML" {
			f.parameter(p, text())
		}
	case "EncodedValueSet":
		if s != nil {
			return f.encoded(s, text())
		}
	case "Unit":
		if parameter := p.above("Parameter"); parameter != nil {
			f.unit(parameter, e.attr("label"))
		}
	case "SIUnit":
		if unit := siUnit(text(), e.attr("factor"), e.attr("exponent")); s != nil && unit != "" {
			switch axisUnit(s.unit) {
			case spectra.PerCM, spectra.Nanometre, spectra.Micrometre, spectra.Pixel:
			default: // a label that says nothing
				s.unit = unit
			}
		}
	case "Name", "SerialNumber", "Manufacturer":
		f.device(p, text())
	case "Timestamp":
		if p.parent() == "Infrastructure" {
			f.step.timestamp = text()
		}
	case "SeriesSet":
		return f.finishSet()
	case "ExperimentStep":
		return f.finishStep()
	}
	return nil
}

// siUnit names the unit of an axis from its factor and exponent of the metre, "" for others. Writers put the factor of
// cm-1 before the power (0.01 m) or behind it (100 per m).
func siUnit(base, factor, exponent string) string {
	f, ok := parseNumber(factor)
	switch {
	case base != "m" || !ok:
	case exponent == "-1" && (f == 0.01 || f == 100):
		return string(spectra.PerCM)
	case (exponent == "1" || exponent == "") && f == 1e-9:
		return string(spectra.Nanometre)
	case (exponent == "1" || exponent == "") && f == 1e-6:
		return string(spectra.Micrometre)
	}
	return ""
}

// number takes one value: of a series, of the start or step of one, or of a parameter.
func (f *animlFile) number(p xmlPath, s *animlSeries, text string) error {
	if s == nil {
		if p.parent() == "Parameter" {
			f.parameter(p, text)
		}
		return nil
	}
	v, kind := parseCell(text, false)
	if kind == notFiniteCell && p.parent() == "IndividualValueSet" {
		v = math.NaN() // left out later, with its position
	} else if kind != numberCell {
		return fmt.Errorf("%w: %q in series %q (export it again)", ErrNotNumber, clip(text), clip(s.name))
	}
	switch p.parent() {
	case "StartValue":
		s.start = v
	case "Increment":
		s.increment = v
	case "IndividualValueSet":
		if f.values++; f.values > maxFilePoints || len(s.values) >= spectra.MaxPoints {
			return fmt.Errorf("%w: more than %d numbers in the file or %d in series %q", ErrTooLarge, maxFilePoints, spectra.MaxPoints, clip(s.name))
		}
		s.values = append(s.values, v)
	}
	return nil
}

// encoded takes values written as base64 of little-endian numbers.
func (f *animlFile) encoded(s *animlSeries, text string) error {
	text = strings.Join(strings.Fields(text), "")
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return fmt.Errorf("%w: the values of series %q are not base64: %v (copy or export it again)", ErrInconsistent, clip(s.name), err)
	}
	b := littleEndian(raw)
	size, known := map[string]int{"Int32": 4, "Float32": 4, "Int64": 8, "Float64": 8}[s.kind]
	switch {
	case !known:
		s.text = true
		return nil
	case len(b)%size != 0:
		return fmt.Errorf("%w: %d bytes of %s in series %q (copy or export it again)", ErrTruncated, len(b), s.kind, clip(s.name))
	}
	n := len(b) / size
	if f.values += n; f.values > maxFilePoints || len(s.values)+n > spectra.MaxPoints {
		return fmt.Errorf("%w: more than %d numbers in the file or %d in series %q", ErrTooLarge, maxFilePoints, spectra.MaxPoints, clip(s.name))
	}
	for i := range n {
		switch s.kind {
		case "Int32":
			s.values = append(s.values, float64(int32(b.u32(4*i))))
		case "Float32":
			s.values = append(s.values, b.f32(4*i))
		case "Int64":
			s.values = append(s.values, float64(int64(b.u64(8*i))))
		case "Float64":
			s.values = append(s.values, b.f64(8*i))
		}
	}
	return nil
}
