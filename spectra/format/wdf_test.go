package format

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"fentrace/spectra"
)

// wdfSpec is a file for madeWDF.
type wdfSpec struct {
	flags            uint64
	capacity         int // spectra there is room for; 0: as many as there are
	laser            float32
	xUnit, yUnit     uint32
	title, user      string
	comment          string
	x                []float64
	y                [][]float64
	positions, times []uint64 // one for each spectrum; floats as their bits
}

func madeWDF(s wdfSpec) []byte {
	if s.capacity == 0 {
		s.capacity = len(s.y)
	}
	b := &testBytes{order: binary.LittleEndian}
	block := func(name string, body []byte) {
		b.WriteString(name)
		b.put(uint32(1), uint64(16+len(body)))
		b.Write(body)
	}
	head := &testBytes{order: binary.LittleEndian}
	head.put(s.flags)
	head.zeros(0x3c - 16 - 8)
	head.put(uint32(len(s.x)), uint64(s.capacity), uint64(len(s.y)), uint32(3), uint32(1), uint32(len(s.x)), uint32(2))
	head.field("WiRE", 24)
	head.put(uint16(5), uint16(1), uint16(0), uint16(77), uint32(1), uint32(3), uint64(ticks(2020, 1)), uint64(ticks(2020, 2)), s.yUnit, s.laser)
	head.zeros(48)
	head.field(s.user, 32)
	head.field(s.title, 160)
	head.zeros(512 - 16 - head.Len())
	block("WDF1", head.Bytes())

	data := &testBytes{order: binary.LittleEndian}
	for _, y := range s.y {
		for _, v := range y {
			data.put(float32(v))
		}
	}
	data.zeros(4 * len(s.x) * (s.capacity - len(s.y)))
	block("DATA", data.Bytes())
	axis := &testBytes{order: binary.LittleEndian}
	axis.put(uint32(1), s.xUnit)
	for _, x := range s.x {
		axis.put(float32(x))
	}
	block("XLST", axis.Bytes())
	block("WXDM", []byte("PSET and what nobody documents"))
	if s.positions != nil {
		origin := &testBytes{order: binary.LittleEndian}
		origin.put(uint32(2))
		for i, values := range [][]uint64{s.positions, s.times} {
			origin.put(uint32(1<<31|3), uint32(5))
			if i == 1 {
				copy(origin.Bytes()[origin.Len()-8:], []byte{11, 0, 0, 0, 24, 0, 0, 0})
			}
			origin.field([]string{"X", "Time"}[i], 16)
			for _, v := range values {
				origin.put(v)
			}
			origin.zeros(8 * (s.capacity - len(values)))
		}
		block("ORGN", origin.Bytes())
	}
	block("TEXT", []byte(s.comment))
	return b.Bytes()
}

// ticks is the FILETIME of noon on the first of a month.
func ticks(year int, month time.Month) uint64 {
	return uint64(time.Date(year, month, 1, 12, 0, 0, 0, time.UTC).Unix()+11644473600) * 1e7
}

func madeMap() wdfSpec {
	return wdfSpec{capacity: 4, laser: 1e7 / 785, xUnit: 1, yUnit: 6, title: "pills", user: "me", comment: "a map of pills", x: []float64{900, 800, 650},
		y: [][]float64{{1, 2, 3}, {4, 5, 6}}, positions: []uint64{0x4024000000000000, 0xc004000000000000}, times: []uint64{ticks(2021, 3), ticks(2021, 4)}}
}

func TestWDFMapsGiveAllTheirSpectra(t *testing.T) {
	got, err := Read("a.dat", madeWDF(madeMap())) // found by content
	if err != nil || len(got) != 2 {
		t.Fatalf("%d spectra, %v", len(got), err)
	}
	for i, s := range got {
		m := s.Metadata
		near(t, "axis", s.X, []float64{900, 800, 650}, 0)
		near(t, "values", s.Y, [][]float64{{1, 2, 3}, {4, 5, 6}}[i], 0)
		if m.Format != "wdf" || s.Technique != spectra.Raman || s.YUnit != spectra.Counts || s.Title != []string{"pills #1", "pills #2"}[i] || m.SampleName != "pills" ||
			m.Operator != "me" || m.Averages != 3 || m.LaserNM < 784.99 || m.LaserNM > 785.01 || m.Fields["application"] != "WiRE 5.1.0.77" || m.Fields["comment"] != "a map of pills" ||
			m.Fields["X"] != []string{"10 um", "-2.5 um"}[i] || m.Acquired.Month() != []time.Month{3, 4}[i] || m.Acquired.Year() != 2021 {
			t.Errorf("spectrum %d: %q %+v", i+1, s.Title, m)
		}
	}
}

func TestWDFAxesInOtherUnits(t *testing.T) {
	spec := madeMap()
	spec.xUnit, spec.x, spec.positions = 3, []float64{800, 810, 830}, nil
	got, err := Read("a.wdf", madeWDF(spec))
	if err != nil || got[0].Technique != spectra.Raman || got[0].XUnit != spectra.PerCM || len(got[0].Metadata.Warnings) != 1 {
		t.Fatalf("nm with a laser: %v, %+v", err, got)
	}
	near(t, "shift", got[0].X, []float64{ramanShift(785, 800), ramanShift(785, 810), ramanShift(785, 830)}, 0.01)
	if m := got[1].Metadata; m.Acquired.Year() != 2020 {
		t.Errorf("without origins the time is that of the header: %v", m.Acquired)
	}
	for unit, want := range map[uint32]spectra.Unit{2: "cm-1 (absolute)", 4: "eV", 99: "Renishaw unit 99"} {
		spec.xUnit = unit
		got, err := Read("a.wdf", madeWDF(spec))
		if err != nil || got[0].Technique != spectra.Other || got[0].XUnit != want {
			t.Errorf("unit %d: %v, %+v", unit, err, got)
		}
	}
	spec.xUnit, spec.laser = 3, 0
	if got, err := Read("a.wdf", madeWDF(spec)); err != nil || got[0].XUnit != spectra.Nanometre || got[0].Technique != spectra.Other {
		t.Errorf("nm without a laser: %v, %+v", err, got)
	}
	spec = madeMap()
	spec.comment = "SIMULATED"
	if got, err := Read("a.wdf", madeWDF(spec)); err != nil || !got[1].Metadata.Simulated {
		t.Errorf("a comment that says SIMULATED: %v", err)
	}
}

func TestBrokenWDFFilesNameTheCause(t *testing.T) {
	whole := madeWDF(madeMap())
	at := func(name string) int { return bytes.Index(whole, []byte(name)) }
	changed := func(at int, with ...byte) []byte {
		out := bytes.Clone(whole)
		copy(out[at:], with)
		return out
	}
	many := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}
	for name, c := range map[string]struct {
		raw   []byte
		cause error
		says  string
	}{
		"cut in the header":               {whole[:100], ErrTruncated, "512 bytes, the file has 100"},
		"cut in a block":                  {whole[:len(whole)-3], ErrTruncated, `block "TEXT"`},
		"cut between two blocks":          {whole[:at("XLST")+9], ErrTruncated, "9 bytes after the last block"},
		"a block without size":            {changed(at("XLST")+8, 0, 0), ErrTruncated, `block "XLST"`},
		"a block larger than all":         {changed(at("XLST")+8, many...), ErrTruncated, `block "XLST"`},
		"more spectra than room":          {changed(0x48, 9), ErrInconsistent, "9 spectra and room for 4"},
		"too many spectra":                {changed(0x40, append(bytes.Clone(many), many...)...), ErrTruncated, "the file holds 12 values"},
		"too many points":                 {changed(0x3c, 0xff, 0xff, 0xff, 0x7f), ErrTruncated, "2147483647 points"},
		"no spectra":                      {changed(0x48, 0), ErrNoSpectrum, "0 spectra"},
		"axes of their own":               {changed(16, 1), ErrUnknownFormat, "its own axis"},
		"no axis":                         {changed(at("XLST"), 'Q'), ErrTruncated, "XLST has 0 bytes"},
		"an axis point that is no number": {changed(at("XLST")+28, 0, 0, 0xc0, 0x7f), spectra.ErrNotFinite, "axis point 2"},
		"an axis of zeros":                {changed(at("XLST")+24, make([]byte, 12)...), ErrNoSpectrum, "all 3 rows have the position 0"},
		"a value that is no number":       {changed(at("DATA")+16, 0, 0, 0x80, 0x7f), spectra.ErrNotFinite, "value 1"},
	} {
		if _, err := Read("a.wdf", c.raw); !errors.Is(err, c.cause) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %v, saying %q", name, err, c.cause, c.says)
		}
	}
}
