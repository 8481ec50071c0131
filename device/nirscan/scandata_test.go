package nirscan

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"fentrace/device"
)

// blob puts a TPL image together by hand: values without padding behind format and array lengths.
func blob(format string, lengths []uint32, values ...any) []byte {
	var b bytes.Buffer
	for _, v := range append([]any{[]byte("tpl\x00\x00\x00\x00\x00" + format + "\x00"), lengths}, values...) {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			panic(fmt.Sprintf("%T: %v", v, err))
		}
	}
	binary.LittleEndian.PutUint32(b.Bytes()[4:], uint32(b.Len()))
	return b.Bytes()
}

func padded(s string, n int) []byte { return append([]byte(s), make([]byte, n-len(s))...) }

func configBlob(kind byte, from, to uint16, width byte, patterns, repeats uint16) []byte {
	return blob("S(cvc#c#vvcvv)", []uint32{8, 40}, kind, uint16(3), padded("1234567", 8), padded("Column 1", 40), from, to, width, patterns, repeats)
}

func slewBlob(sections byte, code uint16) []byte {
	head := blob("S(cvc#c#vc)", []uint32{8, 40}, byte(2), uint16(3), padded("1234567", 8), padded("Slew", 40), uint16(4), sections)
	values := []any{byte(0), byte(6), uint16(950), uint16(1300), uint16(60), code, byte(1), byte(7), uint16(1310), uint16(1650), uint16(68), uint16(1)}
	return append(head, blob("S(ccvvvv)#", []uint32{5}, append(values, make([]byte, 30))...)...)
}

// The wavelength 1000 + x of the column x makes the numbers plain.
var plain = [3]float64{1000, 1, 0}

func dataBlob(kind byte, a [3]float64, count uint16, adc []int32) []byte {
	readings := make([]int32, 864)
	copy(readings, adc)
	return blob("S(uc#cccccccjjvvu$(f#f#)c#vccccvc#c#vvcvvi#)", []uint32{20, 3, 3, 8, 8, 40, 864},
		uint32(1), padded("name", 20), make([]byte, 7), int16(3000), int16(-1234), uint16(4000), uint16(5), uint32(6),
		[3]float64{9, 9, 9}, a, padded("1234567", 8), count, byte(24), byte(25), byte(16),
		kind, uint16(0), padded("1234567", 8), padded("Column 1", 40), uint16(1010), uint16(1100), byte(5), uint16(30), uint16(6), readings)
}

func thirty(dark ...int32) []int32 {
	var adc []int32
	for i := range int32(30) {
		if adc = append(adc, 5000+100*i); i == 23 {
			adc = append(adc, dark...)
		}
	}
	return adc
}

func TestAScanConfigurationIsRead(t *testing.T) {
	c, err := ParseConfig(append(configBlob(0, 900, 1700, 6, 228, 6), 0xA5, 0xA5))
	if err != nil || c != (Config{Type: Column, Index: 3, Name: "Column 1", StartNM: 900, EndNM: 1700, WidthPX: 6, Patterns: 228, Repeats: 6, Exposure: shortExposure}) {
		t.Errorf("%+v, %v", c, err)
	}
	c, err = ParseConfig(slewBlob(2, 3))
	if err != nil || c != (Config{Type: Slew, Index: 3, Name: "Slew", StartNM: 950, EndNM: 1650, WidthPX: 6, Patterns: 128, Repeats: 4, Exposure: exposures[3]}) {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestAConfigurationThatCannotBeIsRefused(t *testing.T) {
	good := configBlob(0, 900, 1700, 6, 228, 6)
	changed := func(at int, v byte) []byte {
		b := bytes.Clone(good)
		b[at] = v
		return b
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "magic": changed(0, 'T'), "big-endian": changed(3, 1), "length beyond": changed(5, 9), "length short": changed(4, 40),
		"format": changed(10, 'x'), "array length": changed(8+15, 7), "type": configBlob(3, 900, 1700, 6, 228, 6), "no pattern": configBlob(0, 900, 1700, 6, 0, 6),
		"many patterns": configBlob(0, 900, 1700, 6, 625, 6), "no repeats": configBlob(0, 900, 1700, 6, 228, 0), "backwards": configBlob(0, 1700, 900, 6, 228, 6),
		"no width": configBlob(0, 900, 1700, 0, 228, 6), "no section": slewBlob(0, 0), "six sections": slewBlob(6, 0), "exposure": slewBlob(2, 7),
		"half a slew": slewBlob(2, 0)[:100],
	} {
		if c, err := ParseConfig(b); !errors.Is(err, ErrBlob) {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
}

func TestPointsLieAtWholeColumns(t *testing.T) {
	c := Config{StartNM: 1010, EndNM: 1020, WidthPX: 5, Patterns: 5}
	if nm, err := c.Wavelengths(plain); err != nil || !slices.Equal(nm, []float64{1010, 1012, 1015, 1017, 1020}) {
		t.Errorf("odd width: %v, %v", nm, err)
	}
	c.WidthPX = 6
	if nm, err := c.Wavelengths(plain); err != nil || !slices.Equal(nm, []float64{1009.5, 1011.5, 1014.5, 1016.5, 1019.5}) {
		t.Errorf("even width: %v, %v", nm, err)
	}
	// What the firmware writes into a device that is not calibrated yet: 900 to 1700 nm run down the columns.
	c = Config{StartNM: 900, EndNM: 1700, WidthPX: 6, Patterns: 228}
	nm, err := c.Wavelengths([3]float64{1784.902664, -0.874372, -0.000278})
	if err != nil || len(nm) != 228 || math.Abs(nm[0]-900) > 2 || math.Abs(nm[227]-1700) > 2 {
		t.Errorf("%v, %v", nm, err)
	}
	for _, a := range [][3]float64{{}, {1000, 0, 0}, {1000, 1, math.NaN()}, {2000, 1, 0}, {math.Inf(1), 1, 1}} {
		if nm, err := c.Wavelengths(a); !errors.Is(err, ErrBlob) {
			t.Errorf("calibration %g: %v, %v", a, nm, err)
		}
	}
	c.Patterns = 600
	if nm, err := c.Wavelengths([3]float64{800, 3, 0}); !errors.Is(err, ErrBlob) {
		t.Errorf("more points than columns: %v, %v", nm, err)
	}
}

func TestReadingsLessTheDarkOnesAreTheSpectrum(t *testing.T) {
	s, err := ParseScanData(append(dataBlob(0, plain, 31, thirty(-3)), make([]byte, 99)...))
	if err != nil || s.DetectorC != -12.34 || s.SerialNumber != "1234567" || s.Gain != 16 || s.Config.Repeats != 6 || len(s.Readings) != 31 {
		t.Fatalf("%+v, %v", s, err)
	}
	nm, counts, err := s.Interpret()
	if err != nil || len(nm) != 30 || nm[0] != 1010 || nm[29] < 1099 || nm[29] > 1100 {
		t.Fatalf("%v, %v", nm, err)
	}
	for i, v := range counts {
		if v != float64(5003+100*i) {
			t.Fatalf("point %d: %g", i, v)
		}
	}
}

func TestTheDarkLevelIsAMeanTowardsZero(t *testing.T) {
	s := ScanData{BlackFirst: 1, BlackPeriod: 2, Calibration: plain, Config: Config{StartNM: 1010, EndNM: 1020, WidthPX: 5, Patterns: 2},
		Readings: []int32{100, -7, fullScale, -4}}
	if _, counts, err := s.Interpret(); err != nil || !slices.Equal(counts, []float64{105, fullScale}) { // -5.5 becomes -5
		t.Errorf("%v, %v", counts, err)
	}
}

func TestScanDataThatCannotBeIsRefused(t *testing.T) {
	good := dataBlob(0, plain, 31, thirty(0))
	slew := blob("S(uc#cccccccjjvvu$(f#f#)c#vccc)", []uint32{20, 3, 3, 8}, make([]byte, 108))
	if _, err := ParseScanData(slew); !errors.Is(err, ErrBlob) || !strings.Contains(err.Error(), "slew") {
		t.Errorf("slew: %v", err)
	}
	if _, err := ParseScanData(dataBlob(0, plain, 865, nil)); !errors.Is(err, ErrBlob) {
		t.Errorf("865 readings: %v", err)
	}
	if _, err := ParseScanData(good[:len(good)-1]); !errors.Is(err, ErrBlob) {
		t.Errorf("a byte short: %v", err)
	}
	s, err := ParseScanData(dataBlob(1, plain, 31, thirty(0)))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Interpret(); !errors.Is(err, device.ErrRefused) {
		t.Errorf("Hadamard: %v", err)
	}
	s, _ = ParseScanData(dataBlob(0, plain, 20, thirty(0)))
	if _, _, err := s.Interpret(); !errors.Is(err, ErrBlob) {
		t.Errorf("20 readings for 30 patterns: %v", err)
	}
}

func interpreted(nm []float64, counts []int32) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(nm)))
	for i := range nm {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(nm[i]))
		b = binary.LittleEndian.AppendUint32(b, uint32(counts[i]))
	}
	return b
}

func TestTheDevicesInterpretationIsRead(t *testing.T) {
	nm, counts, err := ParseInterpreted(append(interpreted([]float64{900.5, 903.25, 1700}, []int32{7, -2, 1 << 20}), 1, 2, 3))
	if err != nil || !slices.Equal(nm, []float64{900.5, 903.25, 1700}) || !slices.Equal(counts, []float64{7, -2, 1 << 20}) {
		t.Errorf("%v, %v, %v", nm, counts, err)
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "three bytes": {1, 0, 0}, "no points": {0, 0, 0, 0}, "negative": {0xFF, 0xFF, 0xFF, 0xFF}, "huge": {0xFF, 0xFF, 0xFF, 0x7F},
		"short":    interpreted([]float64{900, 901}, []int32{1, 2})[:27],
		"falling":  interpreted([]float64{901, 900}, []int32{1, 2}),
		"no place": interpreted([]float64{900, math.NaN()}, []int32{1, 2}),
	} {
		if _, _, err := ParseInterpreted(b); !errors.Is(err, ErrBlob) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzBlobs(f *testing.F) {
	f.Add(configBlob(0, 900, 1700, 6, 228, 6))
	f.Add(slewBlob(2, 3))
	f.Add(dataBlob(0, plain, 31, thirty(0)))
	f.Add(interpreted([]float64{900, 901}, []int32{1, 2}))
	f.Add(blob("S(f#f#)", []uint32{3, 3}, plain, plain))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := ParseConfig(b); err == nil && c.Type != Slew {
			if nm, err := c.Wavelengths(plain); err == nil && len(nm) > maxPatterns {
				t.Fatalf("%d points", len(nm))
			}
		}
		if a, err := ParseCalibration(b); err == nil {
			_, _ = Config{StartNM: 900, EndNM: 1700, WidthPX: 6, Patterns: 228}.Wavelengths(a) // no panic
		}
		if s, err := ParseScanData(b); err == nil {
			if nm, counts, err := s.Interpret(); err == nil && len(nm) != len(counts) {
				t.Fatalf("%d wavelengths, %d counts", len(nm), len(counts))
			}
		}
		if nm, counts, err := ParseInterpreted(b); err == nil && (len(nm) != len(counts) || 12*len(nm) > len(b)) {
			t.Fatalf("%d wavelengths, %d counts of %d bytes", len(nm), len(counts), len(b))
		}
	})
}
