package format

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"fentrace/spectra"
)

// PerkinElmer Spectrum keeps one spectrum in an SP file: the letters PEPE, a description of 40 bytes, then blocks of id
// (int16), length (int32) and content. Block 120 wraps members of the same form whose content begins with the code of
// its type (int16). The layout was published by the maker's own import tools for MATLAB (S. Westlake and S. Green, 2007,
// File Exchange 22736); specio (sp.py) and several readers derived from those tools agree on every id and type used here,
// but specio was tested on other files. Which end of the axis is stored first is checked against the interval. That a
// history record is itself made of members is told by specio (types of its texts) and by one C# reader (ids).
const (
	peSignature = "PEPE"
	peOld       = "PE IR" // an older format, not documented
	peBlocks    = 44

	peDataSet = 120

	peAbscissaRange = -29838
	peInterval      = -29836
	peNumPoints     = -29835
	peXLabel        = -29833
	peYLabel        = -29832
	peValues        = -29828
	peName          = -29827
	peHistory       = -29825
	peAlias         = -29823

	peTypeLong  = 29995 // int32
	peTypeText  = 29987 // int16 length, characters
	peTypeRange = 29981 // two float64
	peTypeCoord = 29979 // float64
	peTypeArray = 29974 // int32 bytes, float64 each
)

func detectPerkinElmer(head []byte, _ string) Confidence {
	if bytes.HasPrefix(head, []byte(peSignature)) {
		return Certain
	}
	// The letters begin no text of numbers, but may begin a sentence.
	if bytes.HasPrefix(head, []byte(peOld)) && bytes.IndexByte(head, 0) >= 0 {
		return Certain
	}
	return Never
}

// peMember is one block and, within a wrapper, the code of its type.
type peMember struct {
	id, kind int
	data     littleEndian
}

func (m peMember) text() string {
	if m.kind != peTypeText {
		return ""
	}
	return m.data.text(2, int(m.data.u16(0)))
}

// peSplit cuts b into blocks; typed ones carry the code of their type. A block that reaches beyond the end is an error,
// fewer bytes than the head of a block are padding.
func peSplit(b littleEndian, typed bool) ([]peMember, error) {
	var out []peMember
	for at := 0; b.has(at, 6); {
		m := peMember{id: int(int16(b.u16(at)))}
		length := position(b.u32(at + 2))
		at += 6
		if !b.has(at, length) {
			return out, fmt.Errorf("%w: block %d says %d bytes, %d follow (copy it again)", ErrTruncated, m.id, length, len(b)-at)
		}
		m.data = b.part(at, length)
		at += length
		if typed {
			if length < 2 {
				continue
			}
			m.kind, m.data = int(m.data.u16(0)), m.data[2:]
		}
		if out = append(out, m); len(out) > maxFields {
			return out, fmt.Errorf("%w: more than %d blocks", ErrTooLarge, maxFields)
		}
	}
	return out, nil
}

// peSpectrum collects what the members say.
type peSpectrum struct {
	first, last, interval float64
	points                int
	xLabel, yLabel        string
	name, alias           string
	hasRange              bool
	values                littleEndian
	labels                fields
}

// readPerkinElmer returns the one spectrum of an SP file.
func readPerkinElmer(_ string, raw []byte) ([]spectra.Spectrum, error) {
	if bytes.HasPrefix(raw, []byte(peOld)) {
		return nil, fmt.Errorf("%w: an old PerkinElmer file (PE IR), which is not documented (open it in Spectrum and save it as SP, JCAMP-DX or ASCII)", ErrUnknownFormat)
	}
	b := littleEndian(raw)
	blocks, err := peSplit(b.part(peBlocks, len(b)), false)
	var p *peSpectrum
	for _, block := range blocks {
		if block.id != peDataSet {
			continue
		}
		members, err := peSplit(block.data, true)
		if err != nil {
			return nil, err
		}
		p = &peSpectrum{labels: fields{}}
		p.labels.text("description", b.text(4, 40))
		for _, m := range members {
			p.take(m)
		}
		break
	}
	switch {
	case p == nil && err != nil:
		return nil, err
	case p == nil:
		return nil, fmt.Errorf("%w: none of %d blocks is a set of data (save it again in Spectrum as SP or JCAMP-DX)", ErrNoSpectrum, len(blocks))
	}
	s, err := p.spectrum()
	if err != nil {
		return nil, err
	}
	return []spectra.Spectrum{s}, nil
}

// take keeps what one member says; those of another type than the layout gives them are left out.
func (p *peSpectrum) take(m peMember) {
	switch {
	case m.id == peAbscissaRange && m.kind == peTypeRange && m.data.has(0, 16):
		p.first, p.last, p.hasRange = m.data.f64(0), m.data.f64(8), true
	case m.id == peInterval && m.kind == peTypeCoord:
		p.interval = m.data.f64(0)
	case m.id == peNumPoints && m.kind == peTypeLong:
		p.points = position(m.data.u32(0))
	case m.id == peXLabel:
		p.xLabel = m.text()
	case m.id == peYLabel:
		p.yLabel = m.text()
	case m.id == peName:
		p.name = m.text()
	case m.id == peAlias:
		p.alias = m.text()
	case m.id == peValues && m.kind == peTypeArray:
		p.values = m.data.part(4, max(0, position(m.data.u32(0))))
	case m.id == peHistory:
		p.history(m.data)
	}
}

// peHistoryTitles are the records of a history whose meaning is known; an id is stored less 29839.
var peHistoryTitles = map[int]string{
	1: "operator", 2: "modification", 3: "modified", 4: "parameters", 5: "sample description",
	140: "instrument model", 141: "instrument serial number", 142: "instrument software",
}

// history looks for the texts of a history record. Only those that keep the form of a member, id, length and a text of
// just that length, are taken; the wrappers round them are not documented.
func (p *peSpectrum) history(b littleEndian) {
	for at := 0; b.has(at, 10); at++ {
		length, kind, size := int(b.u32(at+2)), int(b.u16(at+6)), int(b.u16(at+8))
		if kind != peTypeText || length != size+4 || !b.has(at+10, size) {
			continue
		}
		if title, known := peHistoryTitles[int(int16(b.u16(at)))+29839]; known {
			p.labels.text(title, strings.Trim(b.text(at+10, size), `" `))
		}
		at += 9 + size
	}
}

// axis returns the axis. The range names its two ends; the interval tells which of them the values begin at.
func (p *peSpectrum) axis(n int) (x []float64, err error) {
	if !p.hasRange {
		return nil, fmt.Errorf("%w: no range of the axis (save it again in Spectrum)", ErrInconsistent)
	}
	span := p.interval * float64(n-1)
	tolerance := 1e-3 * math.Max(1e-9, math.Abs(p.interval)) * math.Sqrt(float64(n))
	switch {
	case p.interval == 0, math.Abs(p.first+span-p.last) <= tolerance:
		return linear(p.first, p.last, n)
	case math.Abs(p.last+span-p.first) <= tolerance:
		return linear(p.last, p.first, n)
	}
	return nil, fmt.Errorf("%w: %d points by %g do not lead from %g to %g (save it again in Spectrum)", ErrInconsistent, n, p.interval, p.first, p.last)
}

func (p *peSpectrum) spectrum() (spectra.Spectrum, error) {
	s := spectra.Spectrum{Title: firstOf(p.alias, p.name), Metadata: p.metadata()}
	n := len(p.values) / 8
	switch {
	case n < 2:
		return s, fmt.Errorf("%w: %d values (save it again in Spectrum)", ErrNoSpectrum, n)
	case p.points > n:
		return s, fmt.Errorf("%w: the header says %d points, the file holds %d (copy it again)", ErrTruncated, p.points, n)
	case p.points >= 2 && p.points < n:
		warn(&s.Metadata, "The file holds %d values, its header says %d points: the first %d were taken.", n, p.points, p.points)
		n = p.points
	}
	var b budget
	if err := firstError(b.take(0, n), b.takeLabels(0, s.Metadata.Fields)); err != nil {
		return s, err
	}
	x, err := p.axis(n)
	if err != nil {
		return s, err
	}
	s.X, s.Y = x, make([]float64, n)
	for i := range s.Y {
		s.Y[i] = p.values.f64(8 * i)
	}
	if err := dropBlanked(&s); err != nil {
		return s, err
	}
	percent := p.units(&s)
	return s, normaliseRatio(&s, p.yLabel, percent)
}

// units names the units by the labels, and the technique by the units: the file states none.
func (p *peSpectrum) units(s *spectra.Spectrum) (percent bool) {
	s.XUnit = axisUnit(p.xLabel)
	s.YUnit, percent = valueUnit(p.yLabel)
	words := strings.ToLower(p.xLabel + " " + p.yLabel)
	switch {
	case s.XUnit != spectra.PerCM:
		s.Technique = spectra.Other
	case strings.Contains(words, "raman"):
		s.Technique = spectra.Raman
	case s.YUnit == spectra.Absorbance, s.YUnit == spectra.Transmittance, s.YUnit == spectra.Reflectance:
		s.Technique = spectra.IR
	default:
		s.Technique = spectra.Other
		warn(&s.Metadata, "The values are in %q: neither an absorbance nor a Raman intensity, so the spectrum is not searched.", p.yLabel)
	}
	return percent
}

func (p *peSpectrum) metadata() spectra.Metadata {
	m := spectra.Metadata{Instrument: p.labels["instrument model"], SerialNumber: p.labels["instrument serial number"], Operator: p.labels["operator"]}
	p.labels.text("name", p.name)
	p.labels.text("alias", p.alias)
	p.labels.text("axis", p.xLabel)
	p.labels.text("values", p.yLabel)
	m.Fields = p.labels
	for _, v := range p.labels {
		m.Simulated = m.Simulated || saysSimulated(v)
	}
	return m
}
