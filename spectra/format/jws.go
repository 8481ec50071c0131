package format

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"time"

	"golang.org/x/text/encoding/japanese"

	"fentrace/spectra"
)

// JASCO writes .jws in two flavours, which are told apart by their first bytes and not by their age: a flat one (magic
// "L~S ", also .jrs from the instrument itself) and a compound file with the streams DataInfo and Y-Data (jws_ole.go).
// JASCO publishes neither. The offsets are those that the projects jwsProcessor and JASCOFiles.jl document and checked
// against exports of FT/IR-4600, V-730 and NRS-5100 instruments.

const (
	jwsMagic  = "L~S "
	jwsHeader = 0x740 // of the flat flavour; the values follow
)

func detectJWS(head []byte, _ string) Confidence {
	switch {
	case bytes.HasPrefix(head, []byte(jwsMagic)):
		return Certain
	case bytes.HasPrefix(head, []byte(cfbMagic)):
		return Likely // the streams say whether it is one
	}
	return Never
}

func readJWS(name string, raw []byte) ([]spectra.Spectrum, error) {
	if bytes.HasPrefix(raw, []byte(cfbMagic)) {
		return readCompoundJWS(name, raw)
	}
	if len(raw) < jwsHeader || string(raw[:4]) != jwsMagic {
		return nil, fmt.Errorf("%w: the header of a JASCO file has %d bytes, the file has %d (copy it again)", ErrTruncated, jwsHeader, len(raw))
	}
	h := numbers{raw, binary.LittleEndian}
	d := jwsData{name: name, channels: int(h.u16(0x82)), points: int(h.u32(0x84)), first: h.f64(0x88), last: h.f64(0x90), step: h.f64(0x98), xCode: h.u32(0xa0)}
	d.yCodes = []uint32{h.u32(0xa4)}
	for c := 1; c < min(d.channels, 4); c++ { // each channel has a block of 24 bytes, the code of its values in the second word
		d.yCodes = append(d.yCodes, h.u32(0xe0+24*c+4))
	}
	size := int(h.u32(0xc8))
	if size != 4*d.channels*d.points {
		return nil, fmt.Errorf("%w: the header says %d channels of %d points and %d bytes of values (export it again)", ErrInconsistent, d.channels, d.points, size)
	}
	d.y = raw[jwsHeader:]
	m := &d.meta
	m.Fields = map[string]string{}
	m.Instrument, m.SerialNumber, m.SampleName = jwsText(raw[0x140:0x160]), jwsText(raw[0x160:0x180]), jwsText(raw[0x180:0x1c0])
	put(m.Fields, "comment", jwsText(raw[0x1c0:0x240]))
	put(m.Fields, "written by", strings.TrimSpace(h.text(0x08, 16)+" "+h.text(0x20, 16)))
	if seconds := h.u32(0x2c0); seconds > 0 {
		m.Acquired = plausibleTime(time.Unix(int64(seconds), 0).UTC())
	}
	return d.spectra()
}

// jwsText decodes a field that ends at its first zero byte; the software writes Shift-JIS.
func jwsText(field []byte) string {
	text, err := japanese.ShiftJIS.NewDecoder().Bytes(beforeZero(field))
	if err != nil {
		return ""
	}
	return oneLine(string(text))
}

func put(fields map[string]string, label, value string) {
	if value != "" && len(fields) < maxFields {
		fields[label] = value
	}
}

// jwsData is what both flavours say of their spectra.
type jwsData struct {
	name              string
	channels, points  int
	first, last, step float64
	xCode             uint32
	yCodes            []uint32 // of the channels that state one
	x, y              []byte   // 32-bit floats; x is nil when the axis is even
	meta              spectra.Metadata
}

// The axis code is 0x10000100 and a number for a spectral axis; other classes (time) are not searched.
const jwsSpectral = 0x10000100

type jwsUnit struct {
	unit    spectra.Unit
	percent bool
	name    string
}

// jwsValues are the codes of values. 0x09 and 0x0a are the channels of a double-beam instrument.
var jwsValues = map[uint32]jwsUnit{
	0x00: {spectra.Transmittance, true, "%T"}, 0x02: {spectra.Reflectance, true, "%R"}, 0x03: {spectra.Absorbance, false, "Abs"},
	0x08: {spectra.Intensity, false, "single beam"}, 0x09: {spectra.Intensity, false, "single beam, reference"},
	0x0a: {spectra.Intensity, false, "single beam, sample"}, 0x0e: {spectra.Intensity, false, "intensity"},
	0x1001: {"mdeg", false, "CD"}, 0x2001: {"V", false, "HT voltage"},
}

// jwsInvalid marks points that the instrument could not compute: the smallest normal number, negative.
var jwsInvalid = float64(math.Float32frombits(0x80800000))

// axis returns unit and technique by the axis code.
func (d *jwsData) axis() (spectra.Unit, spectra.Technique) {
	switch d.xCode {
	case jwsSpectral:
		if strings.HasPrefix(d.meta.Instrument, "V-") {
			return spectra.PerCM, spectra.Other // ultraviolet and visible
		}
		return spectra.PerCM, spectra.IR
	case jwsSpectral | 1:
		return spectra.PerCM, spectra.Raman
	case jwsSpectral | 3:
		return spectra.Nanometre, spectra.Other
	}
	return spectra.Unit(fmt.Sprintf("JASCO axis 0x%08x", d.xCode)), spectra.Other
}

// spectra makes one spectrum of each channel.
func (d *jwsData) spectra() ([]spectra.Spectrum, error) {
	if d.channels < 1 || d.points < 1 {
		return nil, fmt.Errorf("%w: the header says %d channels of %d points", ErrNoSpectrum, d.channels, d.points)
	}
	if holds := len(d.y) / 4 / d.channels; d.points > holds {
		return nil, fmt.Errorf("%w: the header says %d points, the file holds %d (copy or export it again)", ErrTruncated, d.points, holds)
	}
	if holds := len(d.x) / 4; d.x != nil && d.points > holds {
		return nil, fmt.Errorf("%w: the header says %d points, the axis has %d (copy or export it again)", ErrTruncated, d.points, holds)
	}
	var b budget
	out := make([]spectra.Spectrum, 0, min(d.channels, maxFileSpectra))
	for c := range d.channels {
		if err := b.take(0, d.points); err != nil {
			return nil, err
		}
		s, err := d.channel(c)
		if err != nil {
			return nil, err
		}
		if out, err = b.keep(out, s); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (d *jwsData) channel(c int) (spectra.Spectrum, error) {
	s := spectra.Spectrum{Title: d.meta.SampleName, Metadata: d.meta, YUnit: spectra.Arbitrary}
	fields := map[string]string{}
	for k, v := range d.meta.Fields {
		fields[k] = v
	}
	s.Metadata.Fields = fields
	s.Metadata.Warnings = append([]string(nil), d.meta.Warnings...)
	s.XUnit, s.Technique = d.axis()
	var code jwsUnit
	known := c < len(d.yCodes)
	if known {
		code, known = jwsValues[d.yCodes[c]]
	}
	if known {
		s.YUnit = code.unit
	} else {
		warn(&s.Metadata, "The file does not say what channel %d of %d measures in words that are known.", c+1, d.channels)
	}
	if d.channels > 1 {
		s.Title = strings.TrimSpace(fmt.Sprintf("%s #%d %s", firstOf(s.Title, stem(d.name)), c+1, code.name))
		put(fields, "channel", fmt.Sprintf("%d of %d", c+1, d.channels))
	}
	for _, text := range fields {
		s.Metadata.Simulated = s.Metadata.Simulated || saysSimulated(text)
	}
	s.Metadata.Simulated = s.Metadata.Simulated || saysSimulated(s.Title)
	y := numbers{d.y, binary.LittleEndian}.floats(4*c*d.points, d.points)
	invalid := 0
	for _, v := range y {
		if v == jwsInvalid {
			invalid++
		}
	}
	if invalid > 0 {
		warn(&s.Metadata, "The instrument marked %d points as not valid; they hold %.3g.", invalid, jwsInvalid)
	}
	if d.x != nil {
		if err := explicitAxis(&s, numbers{d.x, binary.LittleEndian}.floats(0, d.points), y); err != nil {
			return s, err
		}
		return s, normaliseRatio(&s, code.name, code.percent)
	}
	s.X, s.Y = make([]float64, d.points), y
	for i := range s.X {
		s.X[i] = d.first + d.step*float64(i)
	}
	if end := s.X[d.points-1]; !(math.Abs(end-d.last) <= math.Abs(d.step)) {
		warn(&s.Metadata, "The header says that the axis ends at %.7g; its step leads to %.7g.", d.last, end)
	}
	return s, normaliseRatio(&s, code.name, code.percent)
}
