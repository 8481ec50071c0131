package format

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"fentrace/spectra"
)

// speHead writes the header that both versions share.
func speHead(version float32, kind, width, height uint16, frames uint32) []byte {
	le := binary.LittleEndian
	h := make([]byte, 4100)
	le.PutUint32(h[10:], math.Float32bits(2.5))
	copy(h[20:], "05Mar2019")
	negative := float32(-70)
	le.PutUint32(h[36:], math.Float32bits(negative))
	le.PutUint16(h[42:], width)
	le.PutUint16(h[108:], kind)
	le.PutUint16(h[150:], 1)
	copy(h[172:], "165426")
	copy(h[200:], "aspirin tablet")
	le.PutUint16(h[656:], height)
	le.PutUint32(h[668:], 4)
	le.PutUint32(h[1446:], frames)
	le.PutUint32(h[1992:], math.Float32bits(version))
	le.PutUint32(h[2996:], 0x01234567)
	le.PutUint16(h[4098:], 0x5555)
	return h
}

// speCalibrate adds 800 nm + 0.5 nm per column, the centre of the spectrograph and a laser.
func speCalibrate(h []byte, centre float32, laser float64) []byte {
	le := binary.LittleEndian
	le.PutUint32(h[72:], math.Float32bits(centre))
	h[3098], h[3101] = 1, 1
	le.PutUint64(h[3263:], math.Float64bits(800))
	le.PutUint64(h[3271:], math.Float64bits(0.5))
	le.PutUint64(h[3311:], math.Float64bits(laser))
	return h
}

func uint16s(v ...uint16) []byte {
	var out []byte
	for _, n := range v {
		out = binary.LittleEndian.AppendUint16(out, n)
	}
	return out
}

func shifts(laser float64, nm ...float64) []float64 {
	out := make([]float64, len(nm))
	for i, v := range nm {
		out[i] = ramanShift(laser, v)
	}
	return out
}

func TestWinSpecFramesAndRowsAreSpectra(t *testing.T) {
	raw := append(speCalibrate(speHead(2.5, 3, 3, 2, 2), 801, 1e7/785), uint16s(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 65535)...)
	got, err := Read("scan.bin", raw)
	if err != nil || len(got) != 4 {
		t.Fatalf("%d spectra, %v", len(got), err)
	}
	for i, title := range []string{"scan, frame 1, row 1", "scan, frame 1, row 2", "scan, frame 2, row 1", "scan, frame 2, row 2"} {
		s, m := got[i], got[i].Metadata
		near(t, title+" axis", s.X, shifts(785, 800.5, 801, 801.5), 1e-6)
		if s.Title != title || s.Technique != spectra.Raman || s.XUnit != spectra.PerCM || s.YUnit != spectra.Counts || math.Abs(m.LaserNM-785) > 1e-9 {
			t.Errorf("%q %s %s %s, laser %g", s.Title, s.Technique, s.XUnit, s.YUnit, m.LaserNM)
		}
	}
	near(t, "last row", got[3].Y, []float64{10, 11, 65535}, 0)
	m := got[0].Metadata
	if m.IntegrationTimeMS != 2500 || m.Averages != 4 || *m.TemperatureC != -70 || !m.DarkSubtracted || m.Fields["comment 1"] != "aspirin tablet" ||
		!m.Acquired.Equal(time.Date(2019, 3, 5, 16, 54, 26, 0, time.UTC)) || m.Format != "princeton-spe" || len(m.Warnings) != 1 {
		t.Errorf("%+v", m)
	}
	got[0].X[0] = -1
	if got[1].X[0] == -1 {
		t.Error("the spectra of one file share memory")
	}
}

func TestWinSpecTypesOfNumbers(t *testing.T) {
	values := []float64{-2, 0, 30000}
	var short, long []byte
	for _, v := range values {
		short = binary.LittleEndian.AppendUint16(short, uint16(int16(v)))
		long = binary.LittleEndian.AppendUint32(long, uint32(int32(v)))
	}
	for kind, data := range map[uint16][]byte{0: float32s(values...), 1: long, 2: short} {
		got, err := Read("a.spe", append(speHead(2.5, kind, 3, 1, 1), data...))
		if err != nil {
			t.Fatalf("type %d: %v", kind, err)
		}
		near(t, fmt.Sprintf("type %d", kind), got[0].Y, values, 0)
	}
}

// An axis that is not known for sure stays what the detector counted.
func TestWinSpecAxesAreNotGuessed(t *testing.T) {
	part := speCalibrate(speHead(2.5, 3, 3, 1, 1), 801, 12738.85)
	binary.LittleEndian.PutUint16(part[1510:], 1)
	copy(part[1512:], uint16s(101, 103, 1, 1, 20, 20))
	for name, c := range map[string]struct {
		head []byte
		unit spectra.Unit
		says string
	}{
		"no calibration":                   {speHead(2.5, 3, 3, 1, 1), spectra.Pixel, "not calibrated"},
		"no laser":                         {speCalibrate(speHead(2.5, 3, 3, 1, 1), 801, 0), spectra.Nanometre, "no laser"},
		"a centre off the axis":            {speCalibrate(speHead(2.5, 3, 3, 1, 1), 500, 12738.85), spectra.Pixel, "500 nm"},
		"no centre":                        {speCalibrate(speHead(2.5, 3, 3, 1, 1), 0, 12738.85), spectra.PerCM, "was taken for nm"},
		"a region that begins further in":  {part, spectra.Pixel, "begins at element 101"},
		"a laser given as its wavelength":  {speCalibrate(speHead(2.5, 3, 3, 1, 1), 801, 785), spectra.PerCM, "785 nm"},
		"a laser that is none of the kind": {speCalibrate(speHead(2.5, 3, 3, 1, 1), 801, 3), spectra.Nanometre, "no laser"},
	} {
		got, err := Read("a.spe", append(c.head, uint16s(1, 2, 3)...))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		s := got[0]
		if s.XUnit != c.unit || (s.Technique == spectra.Raman) != (c.unit == spectra.PerCM) || !strings.Contains(strings.Join(s.Metadata.Warnings, " "), c.says) {
			t.Errorf("%s: %s in %s, %q", name, s.Technique, s.XUnit, s.Metadata.Warnings)
		}
	}
}

func TestWinSpecRegionsOfDifferentSize(t *testing.T) {
	h := speHead(2.5, 3, 4, 3, 1)
	binary.LittleEndian.PutUint16(h[1510:], 2)
	copy(h[1512:], uint16s(1, 4, 1, 1, 10, 10)) // 4 by 1
	copy(h[1524:], uint16s(1, 4, 2, 11, 12, 1)) // 2 by 2
	got, err := Read("a.spe", append(h, uint16s(1, 2, 3, 4, 5, 6, 7, 8)...))
	if err != nil || len(got) != 3 {
		t.Fatalf("%d spectra, %v", len(got), err)
	}
	for i, want := range [][]float64{{1, 2, 3, 4}, {5, 6}, {7, 8}} {
		near(t, got[i].Title, got[i].Y, want, 0)
	}
}

// speLightField writes two frames of two regions with 2 bytes of tracking behind each frame.
func speLightField(extra string) []byte {
	raw := speHead(3, 3, 3, 2, 2)
	raw = append(raw, uint16s(1, 2, 3, 4, 5, 0xffff, 6, 7, 8, 9, 10, 0xffff)...)
	binary.LittleEndian.PutUint64(raw[678:], uint64(len(raw)))
	return append(raw, `<?xml version="1.0" encoding="utf-8"?><SpeFormat version="3.0" xmlns="http://www.princetoninstruments.com/spe/2009">
<DataFormat><DataBlock type="Frame" count="2" pixelFormat="MonochromeUnsigned16" size="10" stride="12">
<DataBlock type="Region" count="1" width="3" height="1" size="6" stride="6"/><DataBlock type="Region" count="1" width="2" height="1" size="4" stride="4"/></DataBlock></DataFormat>
<Calibrations><WavelengthMapping id="1" laserLine="785"><Wavelength xml:space="preserve">800,801,802,803</Wavelength></WavelengthMapping>
<SensorMapping id="2" x="0" y="0" width="3" height="10" xBinning="1" yBinning="10"/><SensorMapping id="3" x="2" y="10" width="2" height="10" xBinning="1" yBinning="10"/></Calibrations>
<DataHistories><DataHistory><Origin created="2021-02-03T04:05:06.789+01:00"><Experiment><Devices><Cameras><Camera model="PIXIS 100" serialNumber="0123"><ShutterTiming><ExposureTime type="Double">250</ExposureTime></ShutterTiming></Camera></Cameras></Devices></Experiment></Origin></DataHistory></DataHistories>`+extra+`</SpeFormat>`...)
}

func TestLightFieldFramesAndRegionsAreSpectra(t *testing.T) {
	got, err := Read("a.spe", speLightField(""))
	if err != nil || len(got) != 4 {
		t.Fatalf("%d spectra, %v", len(got), err)
	}
	for i, want := range [][]float64{{1, 2, 3}, {4, 5}, {6, 7, 8}, {9, 10}} {
		near(t, got[i].Title, got[i].Y, want, 0)
	}
	near(t, "axis of the first region", got[2].X, shifts(785, 800, 801, 802), 1e-9)
	near(t, "axis of the second", got[3].X, shifts(785, 802, 803), 1e-9)
	m := got[0].Metadata
	if got[0].Technique != spectra.Raman || m.LaserNM != 785 || m.IntegrationTimeMS != 250 || m.Instrument != "PIXIS 100" || m.SerialNumber != "0123" || m.Acquired.Minute() != 5 {
		t.Errorf("%s %+v", got[0].Technique, m)
	}
}

func TestBrokenSPEFilesNameTheCause(t *testing.T) {
	two, three := append(speHead(2.5, 3, 3, 1, 2), uint16s(1, 2, 3, 4, 5, 6)...), speLightField("")
	changed := func(raw []byte, old, new string) []byte {
		out := []byte(strings.Replace(string(raw), old, new, 1))
		if string(out) == string(raw) {
			t.Fatalf("%q is not in the file", old)
		}
		return out
	}
	for name, c := range map[string]struct {
		raw   []byte
		cause error
		says  string
	}{
		"cut in the last frame":   {two[:len(two)-1], ErrTruncated, "2 frames of 6 bytes, the file holds 11"},
		"a column and no row":     {append(speHead(2.5, 3, 1, 1, 1), 1, 0), ErrNoSpectrum, "1 by 1"},
		"an image for a spectrum": {append(speHead(2.5, 3, 2, 9000, 1), make([]byte, 36000)...), ErrTooLarge, "9000 rows"},
		"millions of frames":      {append(speHead(2.5, 3, 3, 1, 1<<30), 1, 2, 3, 4, 5, 6), ErrTruncated, "1073741824 frames"},
		"cut in the XML":          {three[:len(three)-40], ErrTruncated, "ends before its last element"},
		"other frames":            {changed(three, `count="2"`, `count="9"`), ErrTruncated, "9 frames"},
		"other pixels":            {changed(three, "MonochromeUnsigned16", "Colour"), ErrUnknownFormat, `"Colour"`},
		"an enormous region":      {changed(three, `width="3"`, `width="60000000"`), ErrTruncated, "60000000 by 1"},
		"letters for wavelengths": {changed(three, "800,801", "800,8O1"), ErrNotNumber, `"8O1"`},
		"an entity":               {speLightField("&bomb;"), ErrInconsistent, "entity"},
	} {
		if got, err := Read("a.spe", c.raw); !errors.Is(err, c.cause) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %d spectra, %v", name, len(got), err)
		}
	}
}

func FuzzSPE(f *testing.F) {
	fuzzBytes(f, readSPE, append(speCalibrate(speHead(2.5, 3, 3, 2, 2), 801, 1e7/785), uint16s(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 65535)...), speLightField(""))
}
