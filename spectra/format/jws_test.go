package format

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"golang.org/x/text/encoding/japanese"

	"fentrace/spectra"
)

// madeCompound puts streams into a compound file with sectors of 512 or 4,096 bytes: table, directory, small table, small
// streams, large streams.
func madeCompound(sector int, streams map[string][]byte) []byte {
	const end, free = 0xfffffffe, 0xffffffff
	names := slices.Sorted(maps.Keys(streams))
	var fat []uint32
	var sectors []byte
	var mini []byte
	var miniFAT []uint32
	add := func(raw []byte) uint32 { // as a chain of sectors
		if len(raw) == 0 {
			return end
		}
		start := uint32(len(fat))
		for len(raw)%sector != 0 {
			raw = append(bytes.Clone(raw), make([]byte, sector-len(raw)%sector)...)
		}
		sectors = append(sectors, raw...)
		for i := range len(raw) / sector {
			fat = append(fat, start+uint32(i)+1)
		}
		fat[len(fat)-1] = end
		return start
	}
	size := 16 * sector
	for _, raw := range streams {
		size += len(raw) + sector
	}
	tables := 1 + size/sector/(sector/4)
	for range tables { // the first sectors are the table itself
		fat = append(fat, 0xfffffffd)
		sectors = append(sectors, make([]byte, sector)...)
	}
	starts := map[string]uint32{}
	for _, name := range names {
		raw := streams[name]
		if len(raw) >= 4096 {
			starts[name] = add(raw)
			continue
		}
		starts[name] = uint32(len(miniFAT))
		for len(raw) > 0 {
			part := make([]byte, 64)
			raw = raw[copy(part, raw):]
			mini = append(mini, part...)
			miniFAT = append(miniFAT, uint32(len(miniFAT))+1)
		}
		if len(streams[name]) > 0 {
			miniFAT[len(miniFAT)-1] = end
		} else {
			starts[name] = end
		}
	}
	miniStart := add(mini)
	table := &testBytes{order: binary.LittleEndian}
	for _, v := range miniFAT {
		table.put(v)
	}
	for table.Len()%sector != 0 {
		table.put(uint32(free))
	}
	tableStart := add(table.Bytes())
	directory := &testBytes{order: binary.LittleEndian}
	entry := func(name string, kind byte, right, child, start uint32, size int) {
		for _, u := range utf16.Encode([]rune(name)) {
			directory.put(u)
		}
		directory.zeros(64 - 2*len(name))
		directory.put(uint16(2*len(name)+2), kind, byte(1), uint32(free), right, child)
		directory.zeros(16 + 4 + 8 + 8)
		directory.put(start, uint64(size))
	}
	entry("Root Entry", 5, free, 1, miniStart, len(mini))
	for i, name := range names {
		right := uint32(i + 2)
		if i == len(names)-1 {
			right = free
		}
		entry(name, 2, right, free, starts[name], len(streams[name]))
	}
	directoryStart := add(directory.Bytes())
	for i := range tables * sector / 4 {
		v := uint32(free)
		if i < len(fat) {
			v = fat[i]
		}
		binary.LittleEndian.PutUint32(sectors[4*i:], v)
	}
	head := &testBytes{order: binary.LittleEndian}
	head.WriteString(cfbMagic)
	head.zeros(16)
	shift := uint16(math.Log2(float64(sector)))
	head.put(uint16(0x3e), shift-6, uint16(0xfffe), shift, uint16(6))
	head.zeros(6 + 4)
	head.put(uint32(tables), directoryStart, uint32(0), uint32(4096), tableStart, uint32(table.Len()/sector), uint32(end), uint32(0))
	for i := 0; head.Len() < 512; i++ {
		if i < tables {
			head.put(uint32(i))
		} else {
			head.put(uint32(free))
		}
	}
	head.zeros(sector - 512)
	return append(head.Bytes(), sectors...)
}

func jwsString(b *testBytes, s string) {
	units := utf16.Encode([]rune(s + "\x00"))
	b.put(uint32(2 * len(units)))
	for _, u := range units {
		b.put(u)
	}
}

// jwsSpec is a file for madeJWS and madeCompoundJWS.
type jwsSpec struct {
	xCode       uint32
	codes       []uint32 // of the channels
	first, step float64
	x           []float64 // explicit axis, compound flavour only
	y           [][]float64
	instrument  string
	module      uint16
}

func (s jwsSpec) values() []byte {
	b := &testBytes{order: binary.LittleEndian}
	for _, y := range s.y {
		for _, v := range y {
			b.put(float32(v))
		}
	}
	return b.Bytes()
}

func (s jwsSpec) last() float64 { return s.first + s.step*float64(len(s.y[0])-1) }

func madeJWS(s jwsSpec) []byte {
	b := &testBytes{order: binary.LittleEndian}
	b.field("L~S \x01\x00\x01\x83SPECMAN", 0x20)
	b.field("R2.0.0", 0x82-0x20)
	b.put(uint16(len(s.y)), uint32(len(s.y[0])), s.first, s.last(), s.step, s.xCode, s.codes[0])
	b.zeros(0xc8 - b.Len())
	b.put(uint64(len(s.values())))
	b.zeros(0xe0 - b.Len())
	for _, code := range s.codes {
		b.put(s.xCode, code)
		b.zeros(16)
	}
	b.zeros(0x140 - b.Len())
	b.field(s.instrument, 32)
	b.field("S1", 32)
	name, _ := japanese.ShiftJIS.NewEncoder().String("試料 1")
	b.field(name, 64)
	b.field("remark", 0x2c0-0x1c0)
	b.put(uint32(1600000000))
	b.zeros(0x740 - b.Len())
	b.Write(s.values())
	return b.Bytes()
}

func (s jwsSpec) streams() map[string][]byte {
	info := &testBytes{order: binary.LittleEndian}
	info.put(uint32(3), uint32(1), uint32(0), uint32(len(s.y)), uint32(1), uint32(len(s.y[0])), s.first, s.last(), s.step, s.xCode)
	for i := range 3 {
		if i < len(s.codes) {
			info.put(s.codes[i])
		} else if i == 1 {
			info.put(s.xCode) // a file with one channel repeats axis and values
		} else {
			info.put(s.codes[0])
		}
	}
	info.zeros(96 - info.Len())
	streams := map[string][]byte{"DataInfo": info.Bytes(), "Y-Data": s.values()}
	if s.x != nil {
		streams["X-Data"] = jwsSpec{y: [][]float64{s.x}}.values()
	}
	module := &testBytes{order: binary.LittleEndian}
	module.put(uint32(2))
	jwsString(module, "main")
	module.put(uint16(0), s.module)
	jwsString(module, s.instrument)
	jwsString(module, "S1")
	streams["ModuleInfo"] = module.Bytes()
	sample := &testBytes{order: binary.LittleEndian}
	sample.put(uint32(1))
	jwsString(sample, "試料 1")
	jwsString(sample, "remark")
	sample.put(uint32(0))
	streams["SampleInfo"] = sample.Bytes()
	base := &testBytes{order: binary.LittleEndian}
	base.put(uint32(1))
	base.zeros(17)
	jwsString(base, `D:\a.jws`)
	base.put(36494.0, 44087.5185185185, uint32(0)) // never saved; measured on 2020-09-13 12:26:40
	streams["BaseInfo"] = base.Bytes()
	parameters := &testBytes{order: binary.LittleEndian}
	parameters.put(uint32(1), uint32(1), uint32(3), uint32(1), uint16(3), uint32(64), uint32(2), uint16(4), float32(4), uint32(48), uint16(8))
	jwsString(parameters, "TGS")
	streams["MeasParam"] = parameters.Bytes()
	return streams
}

func madeCompoundJWS(sector int, s jwsSpec) []byte { return madeCompound(sector, s.streams()) }

func TestJWSFlavours(t *testing.T) {
	infrared := jwsSpec{xCode: 0x10000100, codes: []uint32{3}, first: 400, step: 50, y: [][]float64{{0.5, 0.25, 1}}, instrument: "FT/IR-4600", module: 9}
	raman := jwsSpec{xCode: 0x10000101, codes: []uint32{0x0e}, first: 100, x: []float64{100, 103, 107}, y: [][]float64{{5, 6, 9}}, instrument: "NRS-5100", module: 0x1009}
	visible := jwsSpec{xCode: 0x10000103, codes: []uint32{0}, first: 700, step: -5, y: [][]float64{{100, 50, 10}}, instrument: "V-730", module: 4}
	percent := infrared
	percent.codes, percent.y = []uint32{0}, [][]float64{{100, 10, 1}}
	long := infrared
	long.y = [][]float64{make([]float64, 3000)} // in large sectors
	long.y[0][2999] = 2
	for name, c := range map[string]struct {
		raw       []byte
		technique spectra.Technique
		x, y      spectra.Unit
		axis      []float64
		values    []float64
	}{
		"flat, infrared":              {madeJWS(infrared), spectra.IR, spectra.PerCM, spectra.Absorbance, []float64{400, 450, 500}, infrared.y[0]},
		"compound, infrared":          {madeCompoundJWS(512, infrared), spectra.IR, spectra.PerCM, spectra.Absorbance, []float64{400, 450, 500}, infrared.y[0]},
		"compound, sectors of 4,096":  {madeCompoundJWS(4096, infrared), spectra.IR, spectra.PerCM, spectra.Absorbance, []float64{400, 450, 500}, infrared.y[0]},
		"compound, long":              {madeCompoundJWS(512, long), spectra.IR, spectra.PerCM, spectra.Absorbance, linspace(400, 400+2999*50, 3000), long.y[0]},
		"compound, Raman on its axis": {madeCompoundJWS(512, raman), spectra.Raman, spectra.PerCM, spectra.Intensity, raman.x, raman.y[0]},
		"flat, %T becomes absorbance": {madeJWS(percent), spectra.IR, spectra.PerCM, spectra.Absorbance, []float64{400, 450, 500}, []float64{0, 1, 2}},
		"flat, visible":               {madeJWS(visible), spectra.Other, spectra.Nanometre, spectra.Transmittance, []float64{700, 695, 690}, []float64{1, 0.5, 0.1}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Read("a.dat", c.raw) // found by content
			if err != nil {
				t.Fatal(err)
			}
			s, m := got[0], got[0].Metadata
			near(t, "axis", s.X, c.axis, 1e-9)
			near(t, "values", s.Y, c.values, 1e-7)
			if len(got) != 1 || m.Format != "jws" || s.Technique != c.technique || s.XUnit != c.x || s.YUnit != c.y || s.Title != "試料 1" || m.SampleName != "試料 1" ||
				m.Fields["comment"] != "remark" || m.SerialNumber != "S1" || m.Acquired.Truncate(time.Second).Unix() != 1600000000 || len(m.Warnings) > 0 {
				t.Errorf("%d spectra, %q, %s, %s in %s, %+v", len(got), s.Title, s.Technique, s.YUnit, s.XUnit, m)
			}
			infrared := m.Instrument == "FT/IR-4600" && strings.HasPrefix(name, "compound")
			if infrared && (m.Averages != 64 || m.ResolutionCM1 != 4 || m.Fields["detector"] != "TGS") {
				t.Errorf("parameters: %+v", m)
			}
			if m.Instrument == "NRS-5100" && (m.Averages != 0 || m.Fields["MeasParam 1"] != "64") {
				t.Errorf("the numbers of parameters mean something else here: %+v", m)
			}
		})
	}
}

func TestJWSChannels(t *testing.T) {
	spec := jwsSpec{xCode: 0x10000103, codes: []uint32{0x1001, 0x2001, 3}, first: 300, step: -1, y: [][]float64{{1, 2}, {300, 310}, {0.1, 0.2}}, instrument: "J-815"}
	for name, raw := range map[string][]byte{"flat": madeJWS(spec), "compound": madeCompoundJWS(512, spec)} {
		got, err := Read("a.jws", raw)
		if err != nil || len(got) != 3 {
			t.Fatalf("%s: %d spectra, %v", name, len(got), err)
		}
		for i, want := range []spectra.Unit{"mdeg", "V", spectra.Absorbance} {
			near(t, name, got[i].Y, spec.y[i], 1e-6)
			if got[i].YUnit != want || len(got[i].Metadata.Warnings) > 0 {
				t.Errorf("%s, channel %d: %s, %q", name, i+1, got[i].YUnit, got[i].Metadata.Warnings)
			}
		}
		if got[1].Title != "試料 1 #2 HT voltage" {
			t.Errorf("%q", got[1].Title)
		}
	}
	spec.codes = []uint32{0x77, 0x2001, 3}
	if got, err := Read("a.jws", madeJWS(spec)); err != nil || got[0].YUnit != spectra.Arbitrary || len(got[0].Metadata.Warnings) != 1 {
		t.Errorf("an unknown code: %v", err)
	}
	spec.y[0][1] = jwsInvalid
	if got, err := Read("a.jws", madeJWS(spec)); err != nil || len(got[0].Metadata.Warnings) != 2 || !strings.Contains(got[0].Metadata.Warnings[1], "1 points as not valid") {
		t.Errorf("a point marked as not valid: %v", err)
	}
}

func TestBrokenJWSFilesNameTheCause(t *testing.T) {
	spec := jwsSpec{xCode: 0x10000100, codes: []uint32{3}, first: 400, step: 50, y: [][]float64{make([]float64, 1500)}, instrument: "FT/IR-4600", module: 9}
	flat, compound := madeJWS(spec), madeCompoundJWS(512, spec)
	changed := func(raw []byte, at int, with ...byte) []byte {
		out := bytes.Clone(raw)
		copy(out[at:], with)
		return out
	}
	without := func(name string) []byte {
		streams := spec.streams()
		delete(streams, name)
		return madeCompound(512, streams)
	}
	short := spec.streams()
	short["DataInfo"] = short["DataInfo"][:40]
	few := spec
	few.x = []float64{1, 2}
	circle := bytes.Clone(compound)
	start := binary.LittleEndian.Uint32(circle[0x30:])
	binary.LittleEndian.PutUint32(circle[512+4*start:], start) // the directory goes on with itself
	for name, c := range map[string]struct {
		raw   []byte
		cause error
		says  string
	}{
		"flat, cut in the header":           {flat[:900], ErrTruncated, "1856 bytes, the file has 900"},
		"flat, cut in the values":           {flat[:len(flat)-5], ErrTruncated, "1500 points, the file holds 1498"},
		"flat, sizes that do not agree":     {changed(flat, 0x84, 1), ErrInconsistent, "1 channels of 1281 points and 6000 bytes"},
		"flat, no points":                   {changed(changed(flat, 0x84, 0, 0), 0xc8, 0, 0), ErrNoSpectrum, "0 points"},
		"flat, no step":                     {changed(flat, 0x98, make([]byte, 8)...), spectra.ErrNotMonotonic, "400 after 400"},
		"compound, cut in the header":       {compound[:100], ErrTruncated, "100 bytes"},
		"compound, cut at the directory":    {compound[:len(compound)-600], ErrTruncated, "sector"},
		"compound, odd sectors":             {changed(compound, 0x1e, 30), ErrInconsistent, "2^30"},
		"compound, in a circle":             {circle, ErrInconsistent, "circle"},
		"compound, not of JASCO":            {without("DataInfo"), ErrUnknownFormat, "Shimadzu SPC, an old Excel workbook"},
		"compound, without values":          {without("Y-Data"), ErrUnknownFormat, "DataInfo and Y-Data"},
		"compound, a short header":          {madeCompound(512, short), ErrTruncated, "DataInfo has 40 bytes"},
		"compound, an axis that is short":   {madeCompoundJWS(512, few), ErrTruncated, "1500 points, the axis has 2"},
		"compound, a table out of the file": {changed(compound, 0x4c, 0xff, 0xff, 0xff, 0), ErrTruncated, "sector 16777215"},
	} {
		_, err := Read("a.jws", c.raw)
		if !errors.Is(err, c.cause) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %v, saying %q", name, err, c.cause, c.says)
		}
	}
	damaged := spec.streams()
	damaged["SampleInfo"] = damaged["SampleInfo"][:12]
	got, err := Read("a.jws", madeCompound(512, damaged))
	if err != nil || len(got[0].Metadata.Warnings) != 1 || !strings.Contains(got[0].Metadata.Warnings[0], "SampleInfo is damaged") {
		t.Errorf("a damaged description: %v", err)
	}
}
