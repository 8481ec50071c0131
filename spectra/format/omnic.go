package format

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"time"

	"fentrace/spectra"
)

// Thermo OMNIC keeps one spectrum in an SPA file and several in an SPG file, in one layout: a fixed header, a table of
// records of 16 bytes that say where the blocks are, and the blocks. No maker's description is public. The layout here
// is what two independent readers agree on, wai-spectralio (spa.py) and SpectroChemPy (read_omnic.py and its format
// page): the signature, the title at 30, the number of records at 294, the table from 304, key, position and length in a
// record, the point count and the two ends of the axis in block 2, the values in block 3 and the history in block 27.
// From SpectroChemPy alone, which tells how well each is founded: the date (seconds from the end of 1899, UTC), the codes
// of the units, the interferograms in blocks 102 and 103, and the counts, frequencies and gains in blocks 2 and 106.
const (
	omnicSignature = "Spectral Data File"
	omnicSeries    = "Spectral Exte File" // SRS, a time series
	omnicTitle     = 30                   // 256 bytes
	omnicRecords   = 294                  // uint16, number of records
	omnicDate      = 296                  // uint32
	omnicTable     = 304
)

// Keys of the blocks.
const (
	omnicHeader     = 2
	omnicValues     = 3
	omnicComment    = 4
	omnicHistory    = 27
	omnicLibrary    = 83 // text of a library; its file has no date of acquisition
	omnicSample     = 102
	omnicBackground = 103
	omnicParameters = 106
	omnicName       = 107 // title of one spectrum of a group, 256 bytes, then its date
)

func detectOMNIC(head []byte, _ string) Confidence {
	if bytes.HasPrefix(head, []byte(omnicSignature)) || bytes.HasPrefix(head, []byte(omnicSeries)) {
		return Certain
	}
	return Never
}

// omnicBlock is one record of the table.
type omnicBlock struct{ key, offset, length int }

// omnicFile is what has been read of a file so far.
type omnicFile struct {
	raw    littleEndian
	budget budget
	values int // bytes of values taken; blocks that overlap would give more than the file holds
	texts  int // bytes of text looked at, bounded likewise
}

// readOMNIC returns the spectra of an SPA or SPG file in file order. Interferograms stored beside a spectrum follow it;
// they and those stored alone have Technique Other and data points as axis, and what computing a spectrum needs in
// Metadata.Fields: laser_wavenumber_cm1, sample_spacing, interferogram_peak, fft_points.
func readOMNIC(_ string, raw []byte) ([]spectra.Spectrum, error) {
	if bytes.HasPrefix(raw, []byte(omnicSeries)) {
		return nil, fmt.Errorf("%w: a Thermo OMNIC series (SRS), which cannot be read yet (split it in OMNIC and save the spectra as SPA, SPG or CSV)", ErrUnknownFormat)
	}
	f := &omnicFile{raw: raw}
	groups, err := f.groups()
	if err != nil {
		return nil, err
	}
	var out []spectra.Spectrum
	for i, blocks := range groups {
		read, err := f.spectrum(blocks)
		if err != nil {
			return nil, fmt.Errorf("spectrum %d: %w", i+1, err)
		}
		out = append(out, read...)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: %d headers without a block of values (save it again in OMNIC)", ErrNoSpectrum, len(groups))
	}
	return out, nil
}

// groups returns the blocks of each spectrum. A header, record 2, begins the next one; of blocks that there are as many of
// as headers each spectrum has one, in their order.
func (f *omnicFile) groups() ([][]omnicBlock, error) {
	n := int(f.raw.u16(omnicRecords))
	if !f.raw.has(omnicTable, 16*n) {
		return nil, fmt.Errorf("%w: the header says %d blocks, the file ends within their table (copy it again)", ErrTruncated, n)
	}
	blocks := make([]omnicBlock, n)
	var count [256]int
	for i := range blocks {
		record := f.raw.part(omnicTable+16*i, 16)
		blocks[i] = omnicBlock{key: int(record.u8(0)), offset: position(record.u32(2)), length: position(record.u32(6))}
		count[blocks[i].key]++
	}
	headers := count[omnicHeader]
	if headers == 0 {
		return nil, fmt.Errorf("%w: none of %d blocks is the header of a spectrum (save it again in OMNIC)", ErrNoSpectrum, n)
	}
	groups := make([][]omnicBlock, headers)
	var seen [256]int
	for _, b := range blocks {
		seen[b.key]++
		g := max(0, seen[omnicHeader]-1)
		if count[b.key] == headers {
			g = seen[b.key] - 1
		}
		groups[g] = append(groups[g], b)
	}
	return groups, nil
}

func omnicFind(blocks []omnicBlock, key int) (omnicBlock, bool) {
	for _, b := range blocks {
		if b.key == key {
			return b, true
		}
	}
	return omnicBlock{}, false
}

// take returns the values of a block of 32-bit floats.
func (f *omnicFile) take(what string, b omnicBlock) ([]float64, error) {
	if !f.raw.has(b.offset, b.length) {
		return nil, fmt.Errorf("%w: %s should stand at %d to %d, the file holds %d bytes (copy it again)", ErrTruncated, what, b.offset, b.offset+b.length, len(f.raw))
	}
	n := b.length / 4
	if f.values += 4 * n; f.values > len(f.raw) {
		return nil, fmt.Errorf("%w: the blocks of values overlap (save it again in OMNIC)", ErrInconsistent)
	}
	if err := f.budget.take(0, n); err != nil {
		return nil, err
	}
	block := f.raw.part(b.offset, b.length)
	y := make([]float64, n)
	for i := range y {
		y[i] = block.f32(4 * i)
	}
	return y, nil
}

// spectrum reads one spectrum and the interferograms stored beside it.
func (f *omnicFile) spectrum(blocks []omnicBlock) ([]spectra.Spectrum, error) {
	head, _ := omnicFind(blocks, omnicHeader)
	if !f.raw.has(head.offset, omnicHeaderBytes) {
		return nil, fmt.Errorf("%w: its header should stand at %d, the file holds %d bytes (copy it again)", ErrTruncated, head.offset, len(f.raw))
	}
	h := f.raw.part(head.offset, 256)
	s := spectra.Spectrum{Title: f.raw.text(omnicTitle, 256), Metadata: f.metadata(h, blocks)}
	if name, ok := omnicFind(blocks, omnicName); ok {
		s.Metadata.Fields["group"] = s.Title
		s.Title = f.raw.text(name.offset, 256)
	}
	s.Metadata.Simulated = s.Metadata.Simulated || saysSimulated(s.Title)
	if err := f.budget.takeLabels(0, s.Metadata.Fields); err != nil {
		return nil, err
	}
	shared := s.Metadata
	shared.Fields = maps.Clone(s.Metadata.Fields)
	var out []spectra.Spectrum
	if block, ok := omnicFind(blocks, omnicValues); ok {
		y, err := f.take("its values", block)
		if err != nil {
			return nil, err
		}
		if s, err = omnicPrimary(s, h, y); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	for _, c := range []struct {
		key  int
		name string
	}{{omnicSample, "sample"}, {omnicBackground, "background"}} {
		block, ok := omnicFind(blocks, c.key)
		if !ok {
			continue
		}
		y, err := f.take("its "+c.name+" interferogram", block)
		if err != nil {
			return nil, err
		}
		m := shared
		m.Fields = maps.Clone(shared.Fields)
		if err := f.budget.takeLabels(0, m.Fields); err != nil {
			return nil, err
		}
		companion := spectra.Spectrum{Title: s.Title + ": " + c.name + " interferogram", YUnit: spectra.Arbitrary, Metadata: m}
		if err := omnicInterferogram(&companion, y, c.name); err != nil {
			return nil, err
		}
		out = append(out, companion)
	}
	return out, nil
}

// omnicPrimary gives s its axis and values: y over equal steps from the end of the axis that is stored first.
func omnicPrimary(s spectra.Spectrum, h littleEndian, y []float64) (spectra.Spectrum, error) {
	n := position(h.u32(4))
	switch {
	case n < 2:
		return s, fmt.Errorf("%w: the header says %d points", ErrNoSpectrum, n)
	case len(y) < n:
		return s, fmt.Errorf("%w: the header says %d points, the block of values holds %d (copy it again)", ErrTruncated, n, len(y))
	case len(y) > n:
		warn(&s.Metadata, "The block of values holds %d numbers, the header says %d points: the first %d were taken.", len(y), n, n)
		y = y[:n]
	}
	omnicUnits(&s, h.u8(8), h.u8(12))
	if h.u8(8) == omnicDataPoints {
		return s, omnicInterferogram(&s, y, "stored alone")
	}
	s.Metadata.SamplingIntervalCM = 0 // that of the interferograms, not of the spectrum
	x, err := linear(h.f32(16), h.f32(20), n)
	if err != nil {
		return s, err
	}
	s.X, s.Y = x, y
	if err := dropBlanked(&s); err != nil {
		return s, err
	}
	percent := h.u8(12) == 0x10 || h.u8(12) == 0x0b
	return s, normaliseRatio(&s, string(s.YUnit), percent)
}

func omnicInterferogram(s *spectra.Spectrum, y []float64, which string) error {
	s.Technique, s.XUnit = spectra.Other, spectra.DataPoint
	s.Metadata.Background = which == "background"
	s.X, s.Y = counting(len(y)), y
	s.Metadata.Fields["interferogram"] = which
	return dropBlanked(s)
}

// omnicDate1899 is where OMNIC counts seconds from.
var omnicDate1899 = time.Date(1899, 12, 31, 0, 0, 0, 0, time.UTC)

func omnicTime(seconds uint32) time.Time {
	t := omnicDate1899.Add(time.Duration(seconds) * time.Second)
	if seconds == 0 || !plausibleYear(t) {
		return time.Time{}
	}
	return t
}

// acquired is the date of a spectrum. A file from a library keeps another number in its place.
func (f *omnicFile) acquired(blocks []omnicBlock) time.Time {
	if name, ok := omnicFind(blocks, omnicName); ok {
		return omnicTime(f.raw.u32(name.offset + 256))
	}
	if _, library := omnicFind(blocks, omnicLibrary); library {
		return time.Time{}
	}
	return omnicTime(f.raw.u32(omnicDate))
}

// label is the text of a block. Records may name one block many times; what is more text than the file holds is left out.
func (f *omnicFile) label(b omnicBlock) string {
	if f.texts += max(0, b.length); b.length <= 0 || f.texts > len(f.raw) {
		return ""
	}
	return f.raw.text(b.offset, b.length)
}

// history keeps the text of what was done to the spectrum, and its lines "key: value" under their keys.
func (f *omnicFile) history(m *spectra.Metadata, labels fields, b omnicBlock) {
	text := f.label(b)
	labels.text("history", text)
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(line, ":")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !ok || key == "" || len(key) > 60 {
			continue
		}
		if _, stated := labels[key]; !stated {
			labels.text(key, value)
		}
		v, unit, isNumber := measure(value)
		switch strings.ToLower(key) {
		case "resolution":
			if isNumber && v > 0 && (unit == "" || axisUnit(unit) == spectra.PerCM) {
				m.ResolutionCM1 = v
			}
		case "spectrometer":
			m.Instrument = value
		case "serial number":
			m.SerialNumber = value
		case "user", "operator", "user name":
			m.Operator = value
		}
	}
}
