package format

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"fentrace/spectra"
)

// Renishaw WDF, written by WiRE: blocks of a name, a number and a size, the first of 512 bytes. DATA holds the values of
// all spectra, XLST the axis they share, ORGN where and when each was measured, TEXT a remark. The layout is that of the
// Renishaw structures in gwyddion's renishaw module. Property sets (WXDA, WXDM, WXCS, WXIS), pictures and analyses are
// passed over: nothing documents the names of their properties.

const (
	wdfMagic  = "WDF1"
	wdfHeader = 512
	wdfBlock  = 16 // header of a block
)

func detectWDF(head []byte, _ string) Confidence {
	if bytes.HasPrefix(head, []byte(wdfMagic)) {
		return Certain
	}
	return Never
}

// wdfUnits are the units of axes, values and origins; their numbers are 0, 1, 2 and so on.
var wdfUnits = []spectra.Unit{
	spectra.Arbitrary, spectra.PerCM, "cm-1 (absolute)", spectra.Nanometre, "eV", spectra.Micrometre, spectra.Counts, "electrons", "mm", "m", "K", "Pa", "s", "ms", "h",
	"days", spectra.Pixel, spectra.Intensity, spectra.Intensity, "degrees", "rad", "deg C", "deg F", "K/min", "file time",
}

const (
	wdfRamanShift = 1
	wdfFileTime   = 24
	wdfTimeOrigin = 11
	wdfOwnAxes    = 1 // flag: every spectrum has its own axis
	wdfChecksum   = 16
	wdfFlags      = 17
)

func wdfUnit(code uint32) spectra.Unit {
	if int64(code) < int64(len(wdfUnits)) {
		return wdfUnits[code]
	}
	return spectra.Unit(fmt.Sprintf("Renishaw unit %d", code))
}

// wdfFile is one file on its way to spectra.
type wdfFile struct {
	numbers
	points, capacity, count int
	blocks                  map[string][]byte // without their headers; of several with one name the first
	axis                    []float64
	origins                 []wdfOrigin
	base                    spectra.Spectrum // what the spectra have in common
}

// wdfOrigin is one value for each spectrum.
type wdfOrigin struct {
	kind, unit uint32
	name       string
	values     numbers // 8 bytes each
}

func readWDF(name string, raw []byte) ([]spectra.Spectrum, error) {
	f := &wdfFile{numbers: numbers{raw, binary.LittleEndian}}
	if len(raw) < wdfHeader || string(raw[:4]) != wdfMagic {
		return nil, fmt.Errorf("%w: the header of a WDF file has %d bytes, the file has %d (copy it again)", ErrTruncated, wdfHeader, len(raw))
	}
	if err := f.readBlocks(); err != nil {
		return nil, err
	}
	if err := f.readHeader(); err != nil {
		return nil, err
	}
	if err := f.readAxis(); err != nil {
		return nil, err
	}
	f.readOrigins()
	if f.base.Title == "" {
		f.base.Title = stem(name)
	}
	var b budget
	var out []spectra.Spectrum
	for i := range f.count {
		if err := b.take(0, f.points); err != nil {
			return nil, err
		}
		s, err := f.spectrum(i)
		if err != nil {
			return nil, err
		}
		if out, err = b.keep(out, s); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// readBlocks finds the blocks, each of which says where the next one begins.
func (f *wdfFile) readBlocks() error {
	f.blocks = map[string][]byte{}
	for at := 0; at < len(f.raw); {
		if len(f.raw)-at < wdfBlock {
			return fmt.Errorf("%w: %d bytes after the last block (copy it again)", ErrTruncated, len(f.raw)-at)
		}
		name, size := oneLine(decodeText(f.raw[at:at+4])), f.u64(at+8)
		if size < wdfBlock || size > uint64(len(f.raw)-at) {
			return fmt.Errorf("%w: the block %q at byte %d has %d bytes, the file holds %d of them (copy it again)", ErrTruncated, name, at, size, len(f.raw)-at)
		}
		if _, taken := f.blocks[name]; !taken {
			f.blocks[name] = f.raw[at+wdfBlock : at+int(size)]
		}
		at += int(size)
	}
	return nil
}

// readHeader reads the first block.
func (f *wdfFile) readHeader() error {
	if f.u64(16)&wdfOwnAxes != 0 {
		return fmt.Errorf("%w: a WDF file in which every spectrum has its own axis (export it as text)", ErrUnknownFormat)
	}
	points, capacity, count := f.u32(0x3c), f.u64(0x40), f.u64(0x48)
	data := uint64(len(f.blocks["DATA"])) / 4
	switch {
	case points == 0 || count == 0:
		return fmt.Errorf("%w: the header says %d spectra of %d points", ErrNoSpectrum, count, points)
	case count > capacity:
		return fmt.Errorf("%w: the header says %d spectra and room for %d (copy it again)", ErrInconsistent, count, capacity)
	case points > spectra.MaxPoints || count > data/uint64(points):
		return fmt.Errorf("%w: the header says %d spectra of %d points, the file holds %d values (copy or export it again)", ErrTruncated, count, points, data)
	}
	f.points, f.capacity, f.count = int(points), int(min(capacity, uint64(len(f.raw)))), int(count)
	s := &f.base
	s.Title, s.YUnit = f.text(0xf0, 160), wdfUnit(f.u32(0x98))
	m := &s.Metadata
	m.SampleName, m.Operator = s.Title, f.text(0xd0, 32)
	if n := f.u32(0x50); n > 0 && n < 1e9 {
		m.Averages = int(n)
	}
	if k := f.f32(0x9c); k > 0 && plausibleLaser(1e7/k) {
		m.LaserNM = 1e7 / k // the header has the wavenumber in vacuum, cm-1
	}
	m.Acquired = fileTime(f.u64(0x88))
	m.Fields = map[string]string{}
	put(m.Fields, "application", fmt.Sprintf("%s %d.%d.%d.%d", f.text(0x60, 24), f.u16(0x78), f.u16(0x7a), f.u16(0x7c), f.u16(0x7e)))
	put(m.Fields, "comment", strings.TrimSpace(decodeText(beforeZero(f.blocks["TEXT"]))))
	m.Simulated = saysSimulated(s.Title) || saysSimulated(m.Fields["comment"])
	return nil
}

// readAxis reads the axis that the spectra share.
func (f *wdfFile) readAxis() error {
	x := f.blocks["XLST"]
	if len(x) < 8 || (len(x)-8)/4 < f.points {
		if n := (len(x) - 8) / 4; n > 0 && f.points%n == 0 {
			return fmt.Errorf("%w: each spectrum is a picture of %d by %d points (export the spectra as text)", ErrUnknownFormat, n, f.points/n)
		}
		return fmt.Errorf("%w: spectra of %d points, the axis XLST has %d bytes (copy or export it again)", ErrTruncated, f.points, len(x))
	}
	axis := numbers{x, f.order}
	f.axis = axis.floats(8, f.points)
	code := axis.u32(4)
	f.base.XUnit, f.base.Technique = wdfUnit(code), spectra.Other
	switch {
	case code == wdfRamanShift:
		f.base.Technique = spectra.Raman
	case f.base.XUnit == spectra.Nanometre && f.base.Metadata.LaserNM > 0:
		return f.shiftFromWavelength()
	}
	return nil
}

func (f *wdfFile) shiftFromWavelength() error {
	laser := f.base.Metadata.LaserNM
	for i, nm := range f.axis {
		if !(nm > 0) {
			return fmt.Errorf("%w: the wavelength %g nm is not above zero (export it again)", ErrInconsistent, nm)
		}
		f.axis[i] = ramanShift(laser, nm)
	}
	f.base.XUnit, f.base.Technique = spectra.PerCM, spectra.Raman
	warn(&f.base.Metadata, "The axis is in nm: the Raman shift was computed from it and the laser, %.6g nm.", laser)
	return nil
}

// readOrigins reads the lists of ORGN: kind (its upper bit marks the important ones), unit, a name of 16 bytes and 8
// bytes for each spectrum there is room for.
func (f *wdfFile) readOrigins() {
	block := f.blocks["ORGN"]
	if len(block) < 4 {
		return
	}
	size := 24 + 8*f.capacity
	list := numbers{block, f.order}
	for at, n := 4, list.u32(0); n > 0 && len(block)-at >= size && len(f.origins) < maxFields/2; at, n = at+size, n-1 {
		f.origins = append(f.origins, wdfOrigin{
			kind: list.u32(at) &^ (1 << 31), unit: list.u32(at + 4), name: list.text(at+8, 16), values: numbers{block[at+24 : at+size], f.order},
		})
	}
}

func (f *wdfFile) spectrum(index int) (spectra.Spectrum, error) {
	s := f.base
	m := &s.Metadata
	fields := map[string]string{}
	for k, v := range f.base.Metadata.Fields {
		fields[k] = v
	}
	m.Fields, m.Warnings = fields, append([]string(nil), f.base.Metadata.Warnings...)
	if f.count > 1 {
		s.Title = fmt.Sprintf("%s #%d", s.Title, index+1)
	}
	for _, o := range f.origins {
		at := 8 * index
		switch {
		case o.unit == wdfFileTime:
			if t := fileTime(o.values.u64(at)); o.kind == wdfTimeOrigin && !t.IsZero() {
				m.Acquired = t
			}
		case o.kind == wdfChecksum || o.kind == wdfFlags: // about the file, not the sample
		case o.name != "":
			put(fields, o.name, strings.TrimSpace(fmt.Sprintf("%.9g %s", o.values.f64(at), wdfUnit(o.unit))))
		}
	}
	values := numbers{f.blocks["DATA"], f.order}
	return s, explicitAxis(&s, f.axis, values.floats(4*index*f.points, f.points))
}
