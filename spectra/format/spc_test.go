package format

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"fentrace/spectra"
)

// spcSpec is a file for madeSPC. It is put together field by field from the specification, not by WriteSPC, so that a
// mistake of one shows against the other.
type spcSpec struct {
	version, flags, experiment byte
	exponent                   int
	xType, yType, zType        byte
	first, last                float64
	date                       uint32
	comment, labels, log       string
	zStep                      float64
	axis                       []float64 // common
	subs                       []spcSub
	directory                  bool
}

type spcSub struct {
	x, y     []float64
	exponent int
	z, zNext float64
	scans    uint32
}

// testBytes appends numbers in one byte order.
type testBytes struct {
	bytes.Buffer
	order binary.AppendByteOrder
}

func (b *testBytes) put(values ...any) {
	for _, v := range values {
		switch v := v.(type) {
		case byte:
			b.WriteByte(v)
		case uint16:
			b.Write(b.order.AppendUint16(nil, v))
		case uint32:
			b.Write(b.order.AppendUint32(nil, v))
		case uint64:
			b.Write(b.order.AppendUint64(nil, v))
		case float32:
			b.Write(b.order.AppendUint32(nil, math.Float32bits(v)))
		case float64:
			b.Write(b.order.AppendUint64(nil, math.Float64bits(v)))
		default:
			panic(fmt.Sprintf("%T", v))
		}
	}
}

func (b *testBytes) field(s string, width int) {
	b.WriteString(s)
	b.Write(make([]byte, width-len(s)))
}

func (b *testBytes) zeros(n int) { b.Write(make([]byte, n)) }

func (s spcSpec) order() binary.AppendByteOrder {
	if s.version == 0x4c {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

func (s spcSpec) points() int { return len(s.subs[0].y) }

func madeSPC(s spcSpec) []byte {
	b := &testBytes{order: s.order()}
	if s.version == 0x4d {
		s.oldHeader(b)
	} else {
		s.newHeader(b)
	}
	for _, x := range s.axis {
		b.put(float32(x))
	}
	var places, sizes []int
	for i, sub := range s.subs {
		at := b.Len()
		n := 0
		if s.flags&0x40 != 0 {
			n = len(sub.y)
		}
		b.put(byte(0), byte(int8(sub.exponent)), uint16(i), float32(sub.z), float32(sub.zNext), float32(0), uint32(n), sub.scans, float32(0), uint32(0))
		for _, x := range sub.x {
			b.put(float32(x))
		}
		exponent := s.exponent
		if s.flags&4 != 0 {
			exponent = sub.exponent
		}
		s.values(b, sub.y, exponent)
		places, sizes = append(places, at), append(sizes, b.Len()-at)
	}
	raw := b.Bytes()
	if s.directory {
		s.order().(binary.ByteOrder).PutUint32(raw[4:], uint32(len(raw)))
		for i, at := range places {
			b.put(uint32(at), uint32(sizes[i]), float32(s.subs[i].z))
		}
		raw = b.Bytes()
	}
	if s.log != "" {
		s.order().(binary.ByteOrder).PutUint32(raw[248:], uint32(len(raw)))
		b.put(uint32(64+8+len(s.log)+1), uint32(4096), uint32(64+8), uint32(8), uint32(0))
		b.zeros(44)
		b.WriteString("\x00binary\x00") // a binary part before the text
		b.WriteString(s.log + "\x00")
	}
	return b.Bytes()
}

func (s spcSpec) newHeader(b *testBytes) {
	n := s.points()
	if s.flags&0x40 != 0 {
		n = 0
	}
	b.put(s.flags, s.version, s.experiment, byte(int8(s.exponent)), uint32(n), s.first, s.last, uint32(len(s.subs)), s.xType, s.yType, s.zType, byte(0), s.date)
	b.field("4.0", 9)
	b.field("unit 7", 9)
	b.zeros(2 + 32)
	b.field(s.comment, 130)
	b.field(s.labels, 30)
	b.zeros(4 + 4 + 1 + 1 + 2 + 4 + 48) // log, modifications, processing, level, injection, factor, method
	b.put(float32(s.zStep))
	b.zeros(512 - b.Len())
}

func (s spcSpec) oldHeader(b *testBytes) {
	b.put(s.flags, s.version, uint16(int16(s.exponent)), float32(s.points()), float32(s.first), float32(s.last), s.xType, s.yType,
		uint16(1993)|uint16(s.zType)<<12, byte(7), byte(21), byte(14), byte(35))
	b.field("8 cm-1", 8)
	b.zeros(2 + 2 + 28)
	b.field(s.comment, 130)
	b.field(s.labels, 30)
}

func (s spcSpec) values(b *testBytes, y []float64, exponent int) {
	for _, v := range y {
		switch {
		case exponent == -128:
			b.put(float32(v))
		case s.flags&1 != 0:
			b.put(uint16(int16(math.Round(math.Ldexp(v, 16-exponent)))))
		default:
			word := uint32(int32(math.Round(math.Ldexp(v, 32-exponent))))
			if s.version == 0x4d {
				word = word<<16 | word>>16
			}
			b.put(word)
		}
	}
}

var (
	spcShape  = []float64{0.25, -0.5, 3, 7.75, 1}
	spcSecond = []float64{1, 2, 4, -3.5, 0.125}
)

func TestSPCFlavours(t *testing.T) {
	uneven := []float64{100, 101, 103.5, 107, 120}
	even := []float64{400, 500, 600, 700, 800}
	for name, c := range map[string]struct {
		spec spcSpec
		x    [][]float64 // of each spectrum
	}{
		"new, floats":           {spcSpec{version: 0x4b, exponent: -128, subs: []spcSub{{y: spcShape}}}, [][]float64{even}},
		"new, 32-bit fractions": {spcSpec{version: 0x4b, exponent: 4, subs: []spcSub{{y: spcShape}}}, [][]float64{even}},
		"new, 16-bit fractions": {spcSpec{version: 0x4b, flags: 1, exponent: 4, subs: []spcSub{{y: spcShape}}}, [][]float64{even}},
		"the exponent of a subfile is not used when there is one": {spcSpec{version: 0x4b, exponent: 4, subs: []spcSub{{y: spcShape, exponent: -128}}}, [][]float64{even}},
		"big-endian floats":                 {spcSpec{version: 0x4c, exponent: -128, subs: []spcSub{{y: spcShape}}}, [][]float64{even}},
		"big-endian, 16 bits":               {spcSpec{version: 0x4c, flags: 1, exponent: 5, subs: []spcSub{{y: spcShape}}}, [][]float64{even}},
		"big-endian, 32 bits, own axes":     {spcSpec{version: 0x4c, flags: 0xc4, exponent: 0, subs: []spcSub{{x: uneven, y: spcShape, exponent: 6}, {x: even, y: spcSecond, exponent: 4}}, directory: true}, [][]float64{uneven, even}},
		"old, 32 bits with swapped words":   {spcSpec{version: 0x4d, exponent: 4, subs: []spcSub{{y: spcShape}}}, [][]float64{even}},
		"old, 16 bits":                      {spcSpec{version: 0x4d, flags: 1, exponent: 4, subs: []spcSub{{y: spcShape}}}, [][]float64{even}},
		"old, several that are not counted": {spcSpec{version: 0x4d, flags: 4, exponent: 0, subs: []spcSub{{y: spcShape, exponent: 4}, {y: spcSecond, exponent: 5}}}, [][]float64{even, even}},
		"common axis":                       {spcSpec{version: 0x4b, flags: 0x80, exponent: -128, axis: uneven, subs: []spcSub{{y: spcShape}}}, [][]float64{uneven}},
		"common axis, several":              {spcSpec{version: 0x4b, flags: 0x84, exponent: -128, axis: uneven, subs: []spcSub{{y: spcShape, exponent: -128}, {y: spcSecond, exponent: 4}}}, [][]float64{uneven, uneven}},
		"own axes without directory":        {spcSpec{version: 0x4b, flags: 0xc4, subs: []spcSub{{x: uneven, y: spcShape, exponent: -128}, {x: even[:3], y: spcSecond[:3], exponent: -128}}}, [][]float64{uneven, even[:3]}},
		"own axes, 16 bits":                 {spcSpec{version: 0x4b, flags: 0xc5, subs: []spcSub{{x: uneven, y: spcShape, exponent: 4}, {x: even[:3], y: spcSecond[:3], exponent: 5}}}, [][]float64{uneven, even[:3]}},
		"several, evenly spaced":            {spcSpec{version: 0x4b, flags: 4, exponent: -128, subs: []spcSub{{y: spcShape, exponent: 4}, {y: spcSecond, exponent: -128}}}, [][]float64{even, even}},
	} {
		t.Run(name, func(t *testing.T) {
			c.spec.first, c.spec.last, c.spec.xType, c.spec.yType, c.spec.comment = 400, 800, 13, 4, "lactose"
			got, err := Read("a.dat", madeSPC(c.spec)) // found by content
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(c.x) {
				t.Fatalf("%d spectra, want %d", len(got), len(c.x))
			}
			for i, s := range got {
				want := [][]float64{spcShape, spcSecond}[i][:len(c.x[i])]
				near(t, "axis", s.X, c.x[i], 0)
				near(t, "values", s.Y, want, 0)
				title := "lactose"
				if len(got) > 1 {
					title = fmt.Sprintf("lactose #%d", i+1)
				}
				if s.Metadata.Format != "spc" || s.Technique != spectra.Raman || s.XUnit != spectra.PerCM || s.YUnit != spectra.Counts || s.Title != title || len(s.Metadata.Warnings) > 0 {
					t.Errorf("%+v", s)
				}
			}
		})
	}
}

func TestSPCSaysHowItWasMeasured(t *testing.T) {
	log := "MODEL = SP-1\r\nSCANS=32\r\nlaser wavelength=784.9 nm\r\nExposure_time=Time: 250\r\nSerial_number=S77\r\nOPERATOR=me\r\njust text\r\nslit=65 \xb5m\r\n"
	spec := spcSpec{version: 0x4b, experiment: 11, exponent: -128, xType: 1, yType: 12, first: 100, last: 300, comment: "urea, 57-13-6", date: 2019<<20 | 11<<16 | 5<<11 | 17<<6 | 42,
		log: log, subs: []spcSub{{y: spcShape}}}
	got, err := Read("a.spc", madeSPC(spec))
	if err != nil {
		t.Fatal(err)
	}
	s, m := got[0], got[0].Metadata
	if s.Technique != spectra.Raman || m.Instrument != "SP-1" || m.Averages != 32 || m.LaserNM != 784.9 || m.IntegrationTimeMS != 250 || m.SerialNumber != "S77" || m.Operator != "me" ||
		m.CAS != "57-13-6" || m.ResolutionCM1 != 4 || !m.Acquired.Equal(time.Date(2019, 11, 5, 17, 42, 0, 0, time.UTC)) || m.Simulated {
		t.Errorf("%+v", m)
	}
	if m.Fields["log"] != "just text" || m.Fields["slit"] != "65 µm" || m.Fields["source"] != "unit 7" {
		t.Errorf("%q", m.Fields)
	}
	spec.log = "SIMULATED by a program\r\n"
	if got, err = Read("a.spc", madeSPC(spec)); err != nil || !got[0].Metadata.Simulated {
		t.Errorf("a log that says SIMULATED: %v", err)
	}
}

func TestSPCTechniqueAndUnits(t *testing.T) {
	for name, c := range map[string]struct {
		spec      spcSpec
		technique spectra.Technique
		x, y      spectra.Unit
	}{
		"Raman shift":                           {spcSpec{xType: 13, yType: 0}, spectra.Raman, spectra.PerCM, spectra.Arbitrary},
		"Raman experiment in nm":                {spcSpec{experiment: 11, xType: 3, yType: 4}, spectra.Raman, spectra.Nanometre, spectra.Counts},
		"FT-IR absorbance":                      {spcSpec{experiment: 4, xType: 1, yType: 2}, spectra.IR, spectra.PerCM, spectra.Absorbance},
		"FT-Raman by its label":                 {spcSpec{experiment: 4, xType: 1, flags: 0x20, labels: "Raman Shift (cm-1)\x00"}, spectra.Raman, spectra.PerCM, spectra.Arbitrary},
		"FT-Raman by its remark":                {spcSpec{experiment: 4, xType: 1, comment: "FT-Raman of urea"}, spectra.Raman, spectra.PerCM, spectra.Arbitrary},
		"Raman by its log":                      {spcSpec{xType: 1, log: "type=Raman\r\n"}, spectra.Raman, spectra.PerCM, spectra.Arbitrary},
		"near infrared in nm":                   {spcSpec{experiment: 5, xType: 3, yType: 2}, spectra.IR, spectra.Nanometre, spectra.Absorbance},
		"ultraviolet":                           {spcSpec{experiment: 7, xType: 3, yType: 2}, spectra.Other, spectra.Nanometre, spectra.Absorbance},
		"interferogram":                         {spcSpec{experiment: 4, xType: 255, yType: 1}, spectra.Other, spectra.DataPoint, "interferogram"},
		"transmittance becomes absorbance":      {spcSpec{experiment: 4, xType: 1, yType: 128}, spectra.IR, spectra.PerCM, spectra.Absorbance},
		"reflectance stays":                     {spcSpec{experiment: 4, xType: 1, yType: 129}, spectra.IR, spectra.PerCM, spectra.Reflectance},
		"labels where types say nothing":        {spcSpec{flags: 0x20, labels: "nm\x00Counts\x00"}, spectra.Other, spectra.Nanometre, spectra.Counts},
		"unknown labels are kept":               {spcSpec{flags: 0x20, labels: "furlong\x00\x00"}, spectra.Other, "furlong", spectra.Arbitrary},
		"an unknown label does not hide a type": {spcSpec{xType: 13, flags: 0x20, labels: "Verschiebung\x00\x00"}, spectra.Raman, spectra.PerCM, spectra.Arbitrary},
	} {
		c.spec.version, c.spec.exponent, c.spec.first, c.spec.last, c.spec.subs = 0x4b, -128, 400, 800, []spcSub{{y: []float64{0.5, 0.25, 1, 0.75}}}
		got, err := Read("a.spc", madeSPC(c.spec))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if s := got[0]; s.Technique != c.technique || s.XUnit != c.x || s.YUnit != c.y {
			t.Errorf("%s: %s, %s, %s", name, s.Technique, s.XUnit, s.YUnit)
		}
	}
}

func TestSPCPlacesSubfilesAlongZ(t *testing.T) {
	spec := spcSpec{version: 0x4b, flags: 4, exponent: -128, xType: 13, zType: 4, first: 100, last: 300,
		subs: []spcSub{{y: spcShape, exponent: -128, z: 10, zNext: 12.5, scans: 3}, {y: spcShape, exponent: -128}, {y: spcShape, exponent: -128}}}
	steps := []struct {
		change func()
		want   [3]string
	}{
		{func() {}, [3]string{"10 s", "12.5 s", "15 s"}},
		{func() { spec.zStep = 4 }, [3]string{"10 s", "14 s", "18 s"}},
		{func() { spec.flags |= 16; spec.subs[1].z = 11 }, [3]string{"10 s", "11 s", "0 s"}},
		{func() { spec.flags |= 32; spec.labels = "\x00\x00minutes\x00" }, [3]string{"10 minutes", "11 minutes", "0 minutes"}},
	}
	for _, c := range steps {
		c.change()
		got, err := Read("a.spc", madeSPC(spec))
		if err != nil || len(got) != 3 {
			t.Fatalf("%d spectra, %v", len(got), err)
		}
		for i, s := range got {
			if s.Metadata.Fields["z"] != c.want[i] {
				t.Errorf("subfile %d is at %q, want %q", i+1, s.Metadata.Fields["z"], c.want[i])
			}
		}
		if got[0].Metadata.Averages != 3 {
			t.Errorf("averages %d", got[0].Metadata.Averages)
		}
	}
}

func TestBrokenSPCFilesNameTheCause(t *testing.T) {
	whole := madeSPC(spcSpec{version: 0x4b, exponent: -128, xType: 13, first: 1, last: 5, subs: []spcSub{{y: spcShape}}})
	owned := madeSPC(spcSpec{version: 0x4b, flags: 0xc4, exponent: -128, xType: 13, directory: true,
		subs: []spcSub{{x: spcSecond[:3], y: spcShape[:3], exponent: -128}, {x: spcSecond[:3], y: spcShape[:3], exponent: -128}}})
	common := madeSPC(spcSpec{version: 0x4b, flags: 0x80, exponent: -128, xType: 13, axis: spcSecond[:3], subs: []spcSub{{y: spcShape[:3]}}})
	old := madeSPC(spcSpec{version: 0x4d, flags: 4, exponent: 2, first: 1, last: 5, subs: []spcSub{{y: spcShape, exponent: 3}, {y: spcShape, exponent: 3}}})
	changed := func(raw []byte, at int, with ...byte) []byte {
		out := bytes.Clone(raw)
		copy(out[at:], with)
		return out
	}
	nan := binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(math.NaN())))
	for name, c := range map[string]struct {
		raw   []byte
		cause error
		says  string
	}{
		"cut in the header":               {whole[:300], ErrTruncated, "544 bytes, the file has 300"},
		"cut in the values":               {whole[:len(whole)-1], ErrTruncated, "5 points in subfile 1, the file holds 4"},
		"an unknown version":              {changed(whole, 1, 0xcf), ErrUnknownFormat, "version 0xCF"},
		"too many points":                 {changed(whole, 4, 0xff, 0xff, 0xff, 0x7f), ErrTruncated, "2147483647 points"},
		"no points":                       {changed(whole, 4, 0, 0, 0, 0), ErrNoSpectrum, "no points"},
		"too many subfiles":               {changed(whole, 24, 0xff, 0xff, 0xff, 0x7f), ErrTooLarge, "2147483647 subfiles"},
		"more subfiles than there are":    {changed(whole, 24, 2), ErrTruncated, "ends before subfile 2 of 2"},
		"an axis without span":            {changed(whole, 16, changed(whole, 0)[8:16]...), spectra.ErrNotMonotonic, "1 after 1"},
		"a value that is no number":       {changed(whole, 548, nan...), spectra.ErrNotFinite, "value 2"},
		"an axis point that is no number": {changed(common, 512, nan...), spectra.ErrNotFinite, "axis point 1"},
		"an axis that turns round":        {changed(common, 512, 0, 0, 0x40, 0x41), spectra.ErrNotMonotonic, "4 after 2"},
		"a directory outside the file":    {changed(owned, 4, 0xff, 0xff, 0), ErrTruncated, "directory of 2 subfiles at byte 65535"},
		"a directory of one place":        {overlapping(owned), ErrInconsistent, "overlap"},
		"old, half a subfile":             {old[:len(old)-3], ErrTruncated, "5 points in subfile 2, the file holds 4"},
		"old, a broken count":             {changed(old, 4, 0, 0, 0, 0x3f), ErrInconsistent, "0.5 points"},
	} {
		_, err := Read("a.spc", c.raw)
		if !errors.Is(err, c.cause) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %v, saying %q", name, err, c.cause, c.says)
		}
	}
}

// overlapping lets a directory of many entries name one subfile.
func overlapping(owned []byte) []byte {
	raw := bytes.Clone(owned)
	const entries = 400
	at := len(raw)
	for range entries {
		raw = binary.LittleEndian.AppendUint32(raw, 512)
		raw = append(raw, make([]byte, 8)...)
	}
	binary.LittleEndian.PutUint32(raw[4:], uint32(at))
	binary.LittleEndian.PutUint32(raw[24:], entries)
	binary.LittleEndian.PutUint32(raw[512+16:], 40)
	return raw
}

func TestSPCSurvivesALogThatIsNotThere(t *testing.T) {
	raw := madeSPC(spcSpec{version: 0x4b, exponent: -128, xType: 13, first: 1, last: 5, log: "a=b\r\n", subs: []spcSub{{y: spcShape}}})
	for name, change := range map[string]func(){
		"beyond the end": func() { binary.LittleEndian.PutUint32(raw[248:], uint32(len(raw)-10)) },
		"text outside":   func() { binary.LittleEndian.PutUint32(raw[564+8:], 1e6) },
	} {
		whole := bytes.Clone(raw)
		change()
		got, err := Read("a.spc", raw)
		if err != nil || len(got[0].Metadata.Warnings) != 1 || got[0].Metadata.Fields["a"] != "" {
			t.Errorf("%s: %v, %q", name, err, got[0].Metadata.Warnings)
		}
		raw = whole
	}
}

func TestTextThatLooksLikeSPCIsText(t *testing.T) {
	for _, first := range []string{"AK", "SL", "SM"} { // the second letter is a version byte
		got, err := Read("a.spc", []byte(first+" shift,counts\n100,1\n101,2\n102,3\n103,4\n"))
		if err != nil || got[0].Metadata.Format != "delimited" {
			t.Errorf("%q: %v", first, err)
		}
	}
	var wide []byte // UTF-16 without a byte order mark: the second byte is the first letter
	for _, c := range []byte("Klaser shift (cm-1)\tcounts\r\n100\t1\r\n101\t2\r\n102\t3\r\n103\t4\r\n") {
		wide = append(wide, 0, c)
	}
	if got, err := Read("a.txt", wide); err != nil || got[0].Metadata.Format != "delimited" {
		t.Errorf("UTF-16: %v", err)
	}
}
