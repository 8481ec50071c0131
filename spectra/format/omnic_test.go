package format

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"fentrace/spectra"
)

// omnicBuilder writes the layout of an SPA or SPG file, forwards: header, table, blocks.
type omnicBuilder struct {
	title   string
	date    time.Time
	records []byte
	blocks  []byte
	after   int // where the blocks begin
}

func newOMNIC(title string, date time.Time, records int) *omnicBuilder {
	return &omnicBuilder{title: title, date: date, after: 304 + 16*(records+1)}
}

func seconds1899(t time.Time) uint32 {
	return uint32(t.Sub(time.Date(1899, 12, 31, 0, 0, 0, 0, time.UTC)) / time.Second)
}

func (b *omnicBuilder) block(key byte, content []byte) {
	le := binary.LittleEndian
	record := make([]byte, 16)
	record[0] = key
	le.PutUint32(record[2:], uint32(b.after+len(b.blocks)))
	le.PutUint32(record[6:], uint32(len(content)))
	b.records = append(b.records, record...)
	b.blocks = append(b.blocks, content...)
}

func (b *omnicBuilder) bytes() []byte {
	le := binary.LittleEndian
	out := make([]byte, 304)
	copy(out, "Spectral Data File\r\n")
	copy(out[30:], b.title)
	le.PutUint16(out[294:], uint16(len(b.records)/16))
	if !b.date.IsZero() {
		le.PutUint32(out[296:], seconds1899(b.date))
	}
	out = append(out, b.records...)
	for len(out) < b.after {
		out = append(out, 0)
	}
	return append(out, b.blocks...)
}

// omnicHead is block 2.
func omnicHead(n int, x, y byte, first, last float32) []byte {
	le := binary.LittleEndian
	h := make([]byte, 208)
	f := func(at int, v float32) { le.PutUint32(h[at:], math.Float32bits(v)) }
	h[8], h[12] = x, y
	for at, v := range map[int]uint32{4: uint32(n), 28: 8480, 32: 4096, 36: 32, 44: 8192, 52: 16, 68: 3810} {
		le.PutUint32(h[at:], v)
	}
	f(16, first)
	f(20, last)
	f(80, 15798.3)
	f(84, 2)
	f(96, 9393.63)
	return h
}

func float32s(v ...float64) []byte {
	var out []byte
	for _, f := range v {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(f)))
	}
	return out
}

var omnicDay = time.Date(2019, 3, 5, 16, 54, 26, 0, time.UTC)

func omnicSPA() *omnicBuilder {
	b := newOMNIC("caffeine, pressed", omnicDay, 6)
	b.block(2, omnicHead(4, 0x01, 0x11, 4000, 3997))
	b.block(3, float32s(0.5, 1.25, math.NaN(), -0.125))
	b.block(27, []byte("Data collection\r\n\tResolution: 4.000\r\n\tSpectrometer: Nicolet iS10\r\n\tApodization: Happ-Genzel\r\n\x00\x00"))
	b.block(4, []byte("second pellet\x00"))
	b.block(102, float32s(0, 1, 8, -1, 0.5))
	b.block(103, float32s(0, 2, 9, -2))
	return b
}

func omnicSPG() *omnicBuilder {
	b := newOMNIC("C:\\spectra\\group.spg", omnicDay, 6)
	for i, name := range []string{"first", "second"} {
		b.block(2, omnicHead(3, 0x20, 0x1f, 3400, 100))
		b.block(107, append(append([]byte(name), make([]byte, 256-len(name))...),
			binary.LittleEndian.AppendUint32(nil, seconds1899(omnicDay.Add(time.Duration(i)*time.Minute)))...))
		b.block(3, float32s(float64(i), 10, 20))
	}
	return b
}

func TestOMNICSpectrumWithItsInterferograms(t *testing.T) {
	got, err := Read("a.bin", omnicSPA().bytes())
	if err != nil || len(got) != 3 {
		t.Fatalf("%d spectra, %v", len(got), err)
	}
	s, m := got[0], got[0].Metadata
	near(t, "axis, without the blanked point", s.X, []float64{4000, 3999, 3997}, 1e-9)
	near(t, "absorbance", s.Y, []float64{0.5, 1.25, -0.125}, 0)
	if s.Title != "caffeine, pressed" || s.Technique != spectra.IR || s.XUnit != spectra.PerCM || s.YUnit != spectra.Absorbance || m.Format != "omnic" {
		t.Errorf("%q %s %s %s by %s", s.Title, s.Technique, s.XUnit, s.YUnit, m.Format)
	}
	if !m.Acquired.Equal(omnicDay) || m.Averages != 32 || m.ResolutionCM1 != 4 || m.Instrument != "Nicolet iS10" || m.LaserNM != 0 || len(m.Warnings) != 1 ||
		m.Fields["Apodization"] != "Happ-Genzel" || m.Fields["comment"] != "second pellet" || m.Fields["collection_time_s"] != "38.1" {
		t.Errorf("%+v", m)
	}
	for i, which := range map[int]string{1: "sample", 2: "background"} {
		g := got[i]
		if g.Technique != spectra.Other || g.XUnit != spectra.DataPoint || g.Metadata.Background != (which == "background") || g.Metadata.Fields["interferogram"] != which || g.Metadata.Fields["laser_wavenumber_cm1"] != "15798.2998" ||
			math.Abs(g.Metadata.SamplingIntervalCM-6.32979506e-05) > 1e-12 || g.Metadata.Fields["interferogram_peak"] != "4096" {
			t.Errorf("%s: %s in %s, %v", which, g.Technique, g.XUnit, g.Metadata.Fields)
		}
	}
	near(t, "sample interferogram", got[1].Y, []float64{0, 1, 8, -1, 0.5}, 0)
	near(t, "background interferogram", got[2].Y, []float64{0, 2, 9, -2}, 0)
	near(t, "data points", got[2].X, []float64{0, 1, 2, 3}, 0)
}

func TestOMNICGroupGivesAllItsSpectra(t *testing.T) {
	got, err := Read("a.spg", omnicSPG().bytes())
	if err != nil || len(got) != 2 {
		t.Fatalf("%d spectra, %v", len(got), err)
	}
	for i, title := range []string{"first", "second"} {
		s, m := got[i], got[i].Metadata
		near(t, title, s.Y, []float64{float64(i), 10, 20}, 0)
		near(t, title+" axis", s.X, []float64{3400, 1750, 100}, 0)
		if s.Title != title || s.Technique != spectra.Raman || s.YUnit != spectra.Intensity || math.Abs(m.LaserNM-1064.55) > 0.01 ||
			!m.Acquired.Equal(omnicDay.Add(time.Duration(i)*time.Minute)) || m.Fields["group"] != "C:\\spectra\\group.spg" {
			t.Errorf("%q %s %s, %+v", s.Title, s.Technique, s.YUnit, m)
		}
	}
}

// The order of the blocks is the writer's own.
func TestOMNICGroupWithNamesBeforeHeaders(t *testing.T) {
	raw := omnicSPG().bytes()
	for i := range 2 {
		at := 304 + 48*i
		header, name := append([]byte(nil), raw[at:at+16]...), append([]byte(nil), raw[at+16:at+32]...)
		copy(raw[at:], name)
		copy(raw[at+16:], header)
	}
	got, err := Read("a.spg", raw)
	if err != nil || len(got) != 2 || got[0].Title != "first" || got[1].Title != "second" || got[1].Y[0] != 1 || !got[1].Metadata.Acquired.After(got[0].Metadata.Acquired) {
		t.Fatalf("%d spectra, %v: %+v", len(got), err, got)
	}
}

func TestOMNICUnits(t *testing.T) {
	for name, c := range map[string]struct {
		x, y      byte
		technique spectra.Technique
		xUnit     spectra.Unit
		yUnit     spectra.Unit
		values    []float64
		warnings  int
	}{
		"per cent transmittance":  {0x01, 0x10, spectra.IR, spectra.PerCM, spectra.Absorbance, []float64{0, 1, 2}, 0},
		"per cent reflectance":    {0x01, 0x0b, spectra.IR, spectra.PerCM, spectra.Reflectance, []float64{1, 0.1, 0.01}, 0},
		"single beam":             {0x01, 0x0f, spectra.Other, spectra.PerCM, "single beam", []float64{100, 10, 1}, 0},
		"wavelength":              {0x03, 0x11, spectra.Other, spectra.Nanometre, spectra.Absorbance, []float64{100, 10, 1}, 0},
		"Raman over wavenumbers":  {0x01, 0x1f, spectra.Other, spectra.PerCM, spectra.Intensity, []float64{100, 10, 1}, 1},
		"an interferogram":        {0x02, 0x16, spectra.Other, spectra.DataPoint, "V", []float64{100, 10, 1}, 0},
		"codes that nobody knows": {0x63, 0x63, spectra.Other, "OMNIC unit 99", spectra.Arbitrary, []float64{100, 10, 1}, 2},
	} {
		b := newOMNIC(name+", SIMULATED", time.Time{}, 2)
		b.block(2, omnicHead(3, c.x, c.y, 4000, 400))
		b.block(3, float32s(100, 10, 1))
		got, err := Read("a.spa", b.bytes())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		s := got[0]
		near(t, name, s.Y, c.values, 1e-12)
		if s.Technique != c.technique || s.XUnit != c.xUnit || s.YUnit != c.yUnit || !s.Metadata.Acquired.IsZero() || !s.Metadata.Simulated || len(s.Metadata.Warnings) != c.warnings {
			t.Errorf("%s: %s %s %s %v %q", name, s.Technique, s.XUnit, s.YUnit, s.Metadata.Acquired, s.Metadata.Warnings)
		}
	}
}

func TestBrokenOMNICFilesNameTheCause(t *testing.T) {
	spa := omnicSPA().bytes()
	edit := func(at int, v ...byte) []byte {
		out := append([]byte(nil), spa...)
		copy(out[at:], v)
		return out
	}
	overlapping := newOMNIC("", omnicDay, 400)
	for range 200 {
		overlapping.block(2, omnicHead(50, 1, 0x11, 4000, 400))
		overlapping.block(3, float32s(make([]float64, 50)...))
	}
	shared := overlapping.bytes()
	for i := range 200 { // every spectrum claims nearly all of the file
		binary.LittleEndian.PutUint32(shared[304+32*i+16+2:], 304)
		binary.LittleEndian.PutUint32(shared[304+32*i+16+6:], uint32(len(shared)-304))
	}
	for name, c := range map[string]struct {
		raw   []byte
		cause error
		says  string
	}{
		"cut in the table":       {spa[:310], ErrTruncated, "6 blocks"},
		"cut in the values":      {spa[:len(spa)-5], ErrTruncated, "background interferogram should stand at"},
		"more points than held":  {edit(304+16*7+4, 9), ErrTruncated, "says 9 points, the block of values holds 4"},
		"no values":              {edit(304+16, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9), ErrNoSpectrum, "1 headers without"},
		"no header":              {edit(304, 9), ErrNoSpectrum, "none of 6 blocks"},
		"an offset beyond 2 GiB": {edit(304+16+2, 0xff, 0xff, 0xff, 0xff), ErrTruncated, "its values should stand"},
		"an axis of one point":   {edit(304+16*7+20, 0, 0, 0x7a, 0x45), ErrInconsistent, "4 points from 4000 to 4000"},
		"overlapping blocks":     {shared, ErrInconsistent, "overlap"},
		"a series":               {[]byte("Spectral Exte File" + strings.Repeat("\x00", 600)), ErrUnknownFormat, "series (SRS)"},
	} {
		if got, err := Read("a.spa", c.raw); !errors.Is(err, c.cause) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %d spectra, %v", name, len(got), err)
		}
	}
}

func FuzzOMNIC(f *testing.F) { fuzzBytes(f, readOMNIC, omnicSPA().bytes(), omnicSPG().bytes()) }
