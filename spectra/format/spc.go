package format

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"fentrace/spectra"
)

// Galactic SPC, the format of GRAMS and of many exports (Galactic Universal Data Format Specification of 1997-09-04 and
// its SPC.H). A main header is followed by an optional common axis and by subfiles, each a header of 32 bytes and its
// values; multi-files whose subfiles have axes of their own may list them in a directory. Values are 32-bit floats, or
// 16- or 32-bit fractions times a power of two. A log block of text closes the file.

// spcFile is one file on its way to spectra.
type spcFile struct {
	*spcHeader
	budget budget
	axis   []float64 // common to the subfiles; nil when each has its own
	log    spcLog
	notes  []string
	name   string

	logOnce  bool
	firstSub int // where the header of the first subfile is
	spent    int // bytes that subfiles of a directory have taken so far
}

func readSPC(name string, raw []byte) ([]spectra.Spectrum, error) {
	h, err := spcParse(raw)
	if err != nil {
		return nil, err
	}
	f := &spcFile{spcHeader: h, name: name}
	if h.subfiles > maxFileSpectra {
		return nil, fmt.Errorf("%w: %d subfiles, at most %d (split the file)", ErrTooLarge, h.subfiles, maxFileSpectra)
	}
	f.readLog()
	places, err := f.locate()
	if err != nil {
		return nil, err
	}
	f.firstSub = places[0].at
	if f.log.bytes*len(places) > maxLabelBytes/2 {
		f.logOnce = true
		f.notes = append(f.notes, "The log is kept with the first spectrum of the file only.")
	}
	out := make([]spectra.Spectrum, 0, len(places))
	for i, p := range places {
		s, err := f.subfile(i, p)
		if err != nil {
			return nil, err
		}
		if out, err = f.budget.keep(out, s); err != nil {
			return nil, err
		}
	}
	if len(f.notes) > 0 {
		out[0].Metadata.Warnings = append(out[0].Metadata.Warnings, f.notes...)
	}
	return out, nil
}

// spcPlace is where a subfile stands.
type spcPlace struct {
	at, points int
	exponent   int
}

// width is the bytes of one value.
func (h *spcHeader) width(exponent int) int {
	if h.flags&spc16Bit != 0 && exponent != spcFloat {
		return 2
	}
	return 4
}

// locate finds the subfiles and checks that each lies inside the file, before memory is taken for any of them.
func (f *spcFile) locate() ([]spcPlace, error) {
	if f.ownX && f.points != 0 {
		return f.directory()
	}
	at := f.body
	if f.xy && !f.ownX {
		if need := len(f.raw) - at; f.points < 1 || f.points > need/4 {
			return nil, f.short(0, need/4)
		}
		f.axis = f.floats(at, f.points)
		at += 4 * f.points
	}
	var places []spcPlace
	for i := 0; f.subfiles == 0 || i < f.subfiles; i++ {
		if f.subfiles == 0 && i > 0 && !f.anotherOld(at, i) {
			break
		}
		p, size, err := f.place(i, at)
		if err != nil {
			return nil, err
		}
		places = append(places, p)
		at += size
	}
	return places, nil
}

// anotherOld reports whether a further subfile begins at at. An old file does not count its subfiles: they number
// themselves.
func (f *spcFile) anotherOld(at, index int) bool {
	return len(f.raw)-at >= spcSubHeader && int(f.u16(at+2)) == index
}

// place checks the subfile whose header is at at and returns its size.
func (f *spcFile) place(index, at int) (p spcPlace, size int, err error) {
	if at < f.body || len(f.raw)-at < spcSubHeader {
		return p, 0, fmt.Errorf("%w: the file ends before subfile %d of %d (copy or export it again)", ErrTruncated, index+1, max(f.subfiles, index+1))
	}
	p = spcPlace{at: at, points: f.points, exponent: f.exponent}
	if f.multi {
		p.exponent = int(int8(f.raw[at+1]))
	}
	width := f.width(p.exponent)
	if f.ownX {
		p.points = int(f.u32(at + 16))
		width += 4
	}
	room := (len(f.raw) - at - spcSubHeader) / width
	if p.points < 1 || p.points > room {
		f.points = p.points
		return p, 0, f.short(index, room)
	}
	return p, spcSubHeader + p.points*width, f.budget.take(0, p.points)
}

func (f *spcFile) short(index, holds int) error {
	if f.points < 1 {
		return fmt.Errorf("%w: subfile %d has no points", ErrNoSpectrum, index+1)
	}
	return fmt.Errorf("%w: the header says %d points in subfile %d, the file holds %d (copy or export it again)", ErrTruncated, f.points, index+1, holds)
}

// directory locates the subfiles by the list of their places. Entries that overlap would let few bytes stand for many
// points, so all together may not be larger than the file.
func (f *spcFile) directory() ([]spcPlace, error) {
	const entry = 12
	list := f.points
	if list < f.body || (len(f.raw)-list)/entry < f.subfiles {
		return nil, fmt.Errorf("%w: the directory of %d subfiles at byte %d does not lie in the file of %d bytes (copy or export it again)",
			ErrTruncated, f.subfiles, list, len(f.raw))
	}
	places := make([]spcPlace, 0, f.subfiles)
	for i := range f.subfiles {
		p, size, err := f.place(i, int(f.u32(list+entry*i)))
		if err != nil {
			return nil, err
		}
		if f.spent += size; f.spent > len(f.raw) {
			return nil, fmt.Errorf("%w: the subfiles of the directory overlap (export it again)", ErrInconsistent)
		}
		places = append(places, p)
	}
	return places, nil
}

// subfile makes the spectrum of one subfile.
func (f *spcFile) subfile(index int, p spcPlace) (spectra.Spectrum, error) {
	var s spectra.Spectrum
	f.describe(&s, index, p)
	own := f.log.own[index]
	restored := own != nil && f.restore(&s, own, p.points)
	at := p.at + spcSubHeader
	x := f.axis
	if f.ownX {
		x = f.floats(at, p.points)
		at += 4 * p.points
	}
	switch y := f.values(at, p); {
	case x == nil:
		s.X, s.Y = linspace(f.first, f.last, p.points), y
	case s.Peaks:
		s.X, s.Y = slices.Clone(x), y
	default:
		if err := explicitAxis(&s, x, y); err != nil {
			return s, fmt.Errorf("subfile %d: %w", index+1, err)
		}
	}
	if restored && (s.Technique != spectra.IR || s.YUnit != spectra.Transmittance) {
		return s, nil // in the units of package spectra already
	}
	return s, normaliseRatio(&s, firstOf(f.labels[1], string(spcValues[f.yType])), false)
}

// values reads the ordinates at at.
func (f *spcFile) values(at int, p spcPlace) []float64 {
	if p.exponent == spcFloat {
		return f.floats(at, p.points)
	}
	y := make([]float64, p.points)
	if f.width(p.exponent) == 2 {
		for i := range y {
			y[i] = math.Ldexp(float64(int16(f.u16(at+2*i))), p.exponent-16)
		}
		return y
	}
	for i := range y {
		v := f.u32(at + 4*i)
		if f.version == spcOld {
			v = v<<16 | v>>16
		}
		y[i] = math.Ldexp(float64(int32(v)), p.exponent-32)
	}
	return y
}

// describe fills in everything but the points.
func (f *spcFile) describe(s *spectra.Spectrum, index int, p spcPlace) {
	m := &s.Metadata
	m.Fields = map[string]string{}
	if index == 0 || !f.logOnce {
		m.Fields = maps.Clone(f.log.fields)
	}
	put := func(label, value string) {
		if _, taken := m.Fields[label]; value != "" && !taken && len(m.Fields) < maxFields {
			m.Fields[label] = value
		}
	}
	s.Title = f.comment
	m.SampleName = f.comment
	m.CAS = casInText(f.comment)
	put("comment", f.comment)
	put("resolution", f.resolution)
	put("source", f.source)
	put("method", f.method)
	if m.Acquired = f.date; m.Acquired.IsZero() && f.log.wire {
		m.Acquired = wireDate(f.rawDate)
	}
	m.Instrument = f.source
	f.units(s)
	f.log.acquisition(m, s.XUnit, f.resolution)
	if f.multi || f.subfiles > 1 {
		s.Title = fmt.Sprintf("%s #%d", firstOf(s.Title, stem(f.name)), index+1)
		if scans := int(f.u32(p.at + 20)); m.Averages == 0 && scans > 0 && scans < 1e9 && f.version != spcOld {
			m.Averages = scans
		}
		f.putPlanes(put, index, p)
	}
	for _, text := range m.Fields {
		m.Simulated = m.Simulated || saysSimulated(text)
	}
	m.Simulated = m.Simulated || f.log.simulated
}

// putPlanes states where along the further axes a subfile lies: the time of a series, the place of a map.
func (f *spcFile) putPlanes(put func(label, value string), index int, p spcPlace) {
	z := f.f32(p.at + 4)
	stated := z != 0 || f.flags&(spcRandom|spcOrder) != 0
	if !stated || (f.flags&(spcRandom|spcOrder) == 0 && !f.ownX) {
		// Evenly spaced: only the first subfile has to say where it is and where the next.
		step := f.zStep
		if step == 0 {
			step = f.f32(f.firstSub+8) - f.f32(f.firstSub+4)
		}
		z = f.f32(f.firstSub+4) + step*float64(index)
		stated = stated || step != 0
	}
	unit := firstOf(f.labels[2], spcAxes[f.zType].name)
	if stated {
		put("z", strings.TrimSpace(fmt.Sprintf("%.7g %s", z, unit)))
	}
	if f.planes > 0 {
		put("w", fmt.Sprintf("%.7g", f.f32(p.at+24)))
	}
}
