package format

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"fentrace/spectra"
)

// WriteSPC writes list as one Galactic SPC file in the new format, least significant byte first, with 32-bit floats:
// evenly spaced when every axis can be given by its ends to the precision of a 32-bit float, else with the common axis
// in front, else with an axis for each subfile and a directory. Positions and values are rounded to 32 bits (about
// 7 digits); an axis whose points that rounding would merge is refused, as are values beyond its range. The log block
// holds the metadata, so that Read gives back title, technique, units, peaks and Metadata as they were; other programs
// show it as text. A simulated spectrum carries SIMULATED in the comment and in the log.
//
// The units and the technique of the spectra must be the same: SPC has one of each per file. Errors: those of Validate,
// ErrInconsistent, ErrTooLarge (more than 8,192 spectra) and those of w.
func WriteSPC(w io.Writer, list ...spectra.Spectrum) error {
	raw, err := encodeSPC(list)
	if err == nil {
		_, err = w.Write(raw)
	}
	if err != nil {
		title := ""
		if len(list) > 0 {
			title = list[0].Title
		}
		return fmt.Errorf("write %q as SPC: %w", title, err)
	}
	return nil
}

// spcTypes are the type codes of a file.
type spcTypes struct{ experiment, x, y byte }

// spcTypesOf finds the codes; 0, arbitrary, stands for a unit that has none.
func spcTypesOf(technique spectra.Technique, x, y spectra.Unit) (t spcTypes) {
	switch technique {
	case spectra.Raman:
		t.experiment = spcRaman
	case spectra.IR:
		t.experiment = spcFTIR
	}
	for code := 254; code > 0; code-- { // the lowest code of a unit wins
		if a, ok := spcAxes[byte(code)]; ok && a.unit == x {
			t.x = byte(code)
		}
		if unit, ok := spcValues[byte(code)]; ok && unit == y {
			t.y = byte(code)
		}
	}
	if technique == spectra.Raman && x == spectra.PerCM {
		t.x = spcRamanShift
	}
	return t
}

// spcLayout is how the axes of a file are stored.
type spcLayout int

const (
	spcEven spcLayout = iota
	spcCommonAxis
	spcOwnAxes
)

func encodeSPC(list []spectra.Spectrum) ([]byte, error) {
	layout, err := spcLayoutOf(list)
	if err != nil {
		return nil, err
	}
	first := list[0]
	b := &spcWriter{}
	b.header(list, layout)
	if layout == spcCommonAxis {
		b.floats(first.X)
	}
	var places []int
	for i, s := range list {
		places = append(places, b.Len())
		b.subHeader(i, s, layout)
		if layout == spcOwnAxes {
			b.floats(s.X)
		}
		b.floats(s.Y)
	}
	raw := func(at int) []byte { return b.Bytes()[at:] }
	if layout == spcOwnAxes {
		binary.LittleEndian.PutUint32(raw(4), uint32(b.Len()))
		for i, at := range places {
			b.u32(uint32(at))
			b.u32(uint32(spcSubHeader + 8*len(list[i].X)))
			b.f32(float64(i))
		}
	}
	binary.LittleEndian.PutUint32(raw(248), uint32(b.Len()))
	if err := b.log(list); err != nil {
		return nil, err
	}
	if b.Len() > math.MaxInt32 {
		return nil, fmt.Errorf("%w: %d bytes, places in the format have 31 bits (write fewer spectra per file)", ErrTooLarge, b.Len())
	}
	return b.Bytes(), nil
}

// spcLayoutOf checks that the spectra can be one file and picks the smallest layout for their axes.
func spcLayoutOf(list []spectra.Spectrum) (spcLayout, error) {
	if len(list) == 0 {
		return 0, ErrNoSpectrum
	}
	if len(list) > maxFileSpectra {
		return 0, fmt.Errorf("%w: %d spectra, at most %d (write several files)", ErrTooLarge, len(list), maxFileSpectra)
	}
	even, common := true, true
	first := list[0]
	for i, s := range list {
		if err := s.Validate(); err != nil {
			return 0, fmt.Errorf("spectrum %d: %w", i+1, err)
		}
		if s.XUnit != first.XUnit || s.YUnit != first.YUnit || s.Technique != first.Technique {
			return 0, fmt.Errorf("%w: spectrum %d is %s over %s in %s, the first %s over %s in %s: SPC holds one kind per file (write several files)",
				ErrInconsistent, i+1, s.Technique, s.XUnit, s.YUnit, first.Technique, first.XUnit, first.YUnit)
		}
		even = even && spcIsEven(s)
		common = common && s.Peaks == first.Peaks && slices.Equal(s.X, first.X)
	}
	for i, s := range list {
		if err := spcFits(s, even && common); err != nil {
			return 0, fmt.Errorf("spectrum %d: %w", i+1, err)
		}
	}
	switch {
	case even && common:
		return spcEven, nil
	case common:
		return spcCommonAxis, nil
	}
	return spcOwnAxes, nil
}

// spcIsEven reports whether the ends of the axis give every point as well as a 32-bit float would.
func spcIsEven(s spectra.Spectrum) bool {
	if s.Peaks {
		return false
	}
	n := len(s.X)
	for i, x := range linspace(s.X[0], s.X[n-1], n) {
		if math.Abs(x-s.X[i]) > math.Abs(s.X[i])/(1<<25) {
			return false
		}
	}
	return true
}

// spcFits reports why the numbers of s cannot be 32-bit floats.
func spcFits(s spectra.Spectrum, even bool) error {
	for i := range s.X {
		if math.IsInf(float64(float32(s.Y[i])), 0) || math.IsInf(float64(float32(s.X[i])), 0) {
			return fmt.Errorf("point %d (%g, %g) is beyond the range of 32-bit floats: %w", i+1, s.X[i], s.Y[i], spectra.ErrNotFinite)
		}
		if !even && !s.Peaks && i > 0 && float32(s.X[i]) == float32(s.X[i-1]) {
			return fmt.Errorf("positions %g and %g are one 32-bit float (write it as JCAMP-DX or CSV): %w", s.X[i-1], s.X[i], spectra.ErrNotMonotonic)
		}
	}
	return nil
}

// spcWriter appends the parts of a file.
type spcWriter struct{ bytes.Buffer }

func (b *spcWriter) u16(v uint16)  { b.Write(binary.LittleEndian.AppendUint16(nil, v)) }
func (b *spcWriter) u32(v uint32)  { b.Write(binary.LittleEndian.AppendUint32(nil, v)) }
func (b *spcWriter) f32(v float64) { b.u32(math.Float32bits(float32(v))) }
func (b *spcWriter) f64(v float64) {
	b.Write(binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)))
}

func (b *spcWriter) floats(list []float64) {
	b.Grow(4 * len(list))
	for _, v := range list {
		b.f32(v)
	}
}

// text writes s into a field of width bytes that ends with a zero byte, cut between characters.
func (b *spcWriter) text(s string, width int) {
	s = oneLine(s)
	for len(s) > width-1 {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	b.WriteString(s)
	b.Write(make([]byte, width-len(s)))
}

func (b *spcWriter) header(list []spectra.Spectrum, layout spcLayout) {
	s := list[0]
	types := spcTypesOf(s.Technique, s.XUnit, s.YUnit)
	flags := byte(0)
	if len(list) > 1 {
		flags |= spcMulti | spcOrder
	}
	switch layout {
	case spcCommonAxis:
		flags |= spcXYData
	case spcOwnAxes:
		flags |= spcXYData | spcOwnX
	}
	labelled := (types.x == 0 && s.XUnit != spectra.Arbitrary) || (types.y == 0 && s.YUnit != spectra.Arbitrary)
	if labelled {
		flags |= spcLabels
	}
	b.Write([]byte{flags, spcNew, types.experiment, 0x80})
	points := len(s.X)
	if layout == spcOwnAxes {
		points = 0 // the place of the directory, when that is known
	}
	b.u32(uint32(points))
	b.f64(s.X[0])
	b.f64(s.X[len(s.X)-1])
	b.u32(uint32(len(list)))
	b.Write([]byte{types.x, types.y, 0, 0})
	b.u32(spcPackDate(s))
	resolution := ""
	if s.Metadata.ResolutionCM1 > 0 {
		resolution = fmt.Sprintf("%.7g", s.Metadata.ResolutionCM1)
	}
	b.text(resolution, 9)
	b.text(s.Metadata.Instrument, 9)
	b.Write(make([]byte, 2+32)) // peak point, spare
	b.text(spcComment(list), 130)
	if labelled { // two names, each ended by a zero byte
		b.text(string(s.XUnit), min(15, 1+len(oneLine(string(s.XUnit)))))
		b.text(string(s.YUnit), 15)
	}
	b.Write(make([]byte, spcHeaderNew-b.Len()))
}

// spcComment is the title of the first spectrum; SIMULATED stands before it when any of the spectra is.
func spcComment(list []spectra.Spectrum) string {
	title := list[0].Title
	if !saysSimulated(title) && slices.ContainsFunc(list, func(s spectra.Spectrum) bool { return s.Metadata.Simulated }) {
		title = "SIMULATED " + title
	}
	return title
}

// spcPackDate packs the time of acquisition to the minute, 0 when it is not known.
func spcPackDate(s spectra.Spectrum) uint32 {
	t := s.Metadata.Acquired
	if t.IsZero() || t.Year() < 0 || t.Year() > 4095 {
		return 0
	}
	return uint32(t.Year()<<20 | int(t.Month())<<16 | t.Day()<<11 | t.Hour()<<6 | t.Minute())
}

func (b *spcWriter) subHeader(index int, s spectra.Spectrum, layout spcLayout) {
	b.Write([]byte{0, 0x80})
	b.u16(uint16(index))
	b.f32(float64(index))
	b.f32(float64(index))
	b.f32(0)
	if layout == spcOwnAxes {
		b.u32(uint32(len(s.X)))
	} else {
		b.u32(0)
	}
	b.u32(uint32(max(0, min(s.Metadata.Averages, math.MaxInt32))))
	b.Write(make([]byte, 8))
}

// log writes the log block: what any program may show, then one line for each spectrum that only Read understands.
func (b *spcWriter) log(list []spectra.Spectrum) error {
	var text strings.Builder
	put := func(label, value string) {
		if value = oneLine(strings.ToValidUTF8(value, "?")); value != "" {
			fmt.Fprintf(&text, "%s=%s\r\n", label, value)
		}
	}
	if slices.ContainsFunc(list, func(s spectra.Spectrum) bool { return s.Metadata.Simulated }) {
		fmt.Fprintf(&text, "%s\r\n", simulatedNote)
	}
	writeAcquisition(list[0].Metadata, put)
	for i, s := range list {
		own := spcOwn{Title: s.Title, Technique: s.Technique, XUnit: s.XUnit, YUnit: s.YUnit, Peaks: s.Peaks, Points: len(s.X), Metadata: s.Metadata}
		own.Metadata.Format, own.Metadata.SHA256 = "", "" // they belong to the file that is read
		line, err := json.Marshal(own)
		if err != nil {
			return err
		}
		fmt.Fprintf(&text, "%s%d=%s\r\n", spcOwnKey, i+1, line)
	}
	text.WriteByte(0)
	const block = 64
	size := block + text.Len()
	b.u32(uint32(size))
	b.u32(uint32((size/4096 + 1) * 4096))
	b.u32(block)
	b.Write(make([]byte, block-12))
	b.WriteString(text.String())
	return nil
}
