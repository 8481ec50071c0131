package format

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"fentrace/spectra"
)

// to32 rounds as a file of 32-bit floats does.
func to32(list []float64) []float64 {
	out := make([]float64, len(list))
	for i, v := range list {
		out[i] = float64(float32(v))
	}
	return out
}

// sameAsSPC checks that got is want after its way through an SPC file: the points to 32 bits, all else exactly.
func sameAsSPC(t *rapid.T, got, want spectra.Spectrum) {
	for i := range want.X {
		if math.Abs(got.X[i]-want.X[i]) > math.Abs(want.X[i])/(1<<24)+math.SmallestNonzeroFloat32 {
			t.Fatalf("position %d: %v, want %v", i, got.X[i], want.X[i])
		}
	}
	if !slices.Equal(got.Y, to32(want.Y)) {
		t.Fatalf("values %v, want %v", got.Y, want.Y)
	}
	want.X, want.Y, want.Metadata.Format, want.Metadata.SHA256 = got.X, got.Y, "spc", got.Metadata.SHA256
	if want.Metadata.Fields == nil {
		want.Metadata.Fields = map[string]string{}
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %+v\nwant %+v", got, want)
	}
}

func TestSPCKeepsPointsAndMetadata(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := []spectra.Spectrum{anySpectrum(t)}
		for range rapid.IntRange(0, 3).Draw(t, "more") {
			s := anySpectrum(t)
			s.Technique, s.XUnit, s.YUnit = list[0].Technique, list[0].XUnit, list[0].YUnit
			if rapid.Bool().Draw(t, "same axis") {
				s.X, s.Y, s.Peaks = list[0].X, list[0].Y, list[0].Peaks
			}
			s.Metadata.Fields = map[string]string{"key": rapid.String().Draw(t, "field")}
			list = append(list, s)
		}
		var b bytes.Buffer
		if err := WriteSPC(&b, list...); err != nil {
			t.Fatal(err)
		}
		got, err := Read("written", b.Bytes())
		if err != nil || len(got) != len(list) {
			t.Fatalf("%d spectra, want %d, %v", len(got), len(list), err)
		}
		for i := range list {
			sameAsSPC(t, got[i], list[i])
		}
	})
}

func TestSPCIsWrittenInTheSmallestLayout(t *testing.T) {
	spectrum := func(x ...float64) spectra.Spectrum {
		return spectra.Spectrum{Title: "a", Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Counts, X: x, Y: make([]float64, len(x))}
	}
	even, uneven, other := spectrum(100, 200, 300), spectrum(100, 200, 350), spectrum(100, 101)
	peaks := spectrum(300, 100, 100)
	peaks.Peaks = true
	for name, c := range map[string]struct {
		list  []spectra.Spectrum
		flags byte
	}{
		"one, even":                  {[]spectra.Spectrum{even}, 0},
		"one, uneven":                {[]spectra.Spectrum{uneven}, 0x80},
		"several on one even axis":   {[]spectra.Spectrum{even, even}, 0x04},
		"several on one uneven axis": {[]spectra.Spectrum{uneven, uneven, uneven}, 0x84},
		"several axes":               {[]spectra.Spectrum{even, other}, 0xc4},
		"lines":                      {[]spectra.Spectrum{peaks}, 0x80},
		"lines and a spectrum":       {[]spectra.Spectrum{peaks, even}, 0xc4},
	} {
		var b bytes.Buffer
		if err := WriteSPC(&b, c.list...); err != nil {
			t.Fatal(err)
		}
		raw := b.Bytes()
		if raw[0]&0xc4 != c.flags || raw[1] != 0x4b || raw[2] != 11 || raw[3] != 0x80 || raw[28] != 13 || raw[29] != 4 {
			t.Errorf("%s: header % x", name, raw[:32])
		}
		got, err := Read("x", raw)
		if err != nil || len(got) != len(c.list) {
			t.Errorf("%s: %d spectra, %v", name, len(got), err)
			continue
		}
		for i, s := range c.list {
			if !slices.Equal(got[i].X, s.X) || got[i].Peaks != s.Peaks {
				t.Errorf("%s: spectrum %d lies at %v, want %v", name, i+1, got[i].X, s.X)
			}
		}
	}
}

// What another program shows of the file: the header and the text of the log.
func TestSPCSaysInWordsWhatItHolds(t *testing.T) {
	s := spectra.Spectrum{Title: strings.Repeat("é", 100), Technique: spectra.IR, XUnit: "furlong per fortnight", YUnit: "PICOAMPERES", X: []float64{1, 2, 3}, Y: []float64{1, 2, 3},
		Metadata: spectra.Metadata{Simulated: true, LaserNM: 785, SampleName: "bad \xff bytes\r\nfentrace 1={}", Instrument: "X-ray vision", Acquired: time.Date(2024, 2, 29, 23, 59, 58, 0, time.UTC)}}
	var b bytes.Buffer
	if err := WriteSPC(&b, s); err != nil {
		t.Fatal(err)
	}
	raw := b.Bytes()
	text := func(at, width int) string { return string(beforeZero(raw[at : at+width])) }
	log := string(raw[binary.LittleEndian.Uint32(raw[248:])+64:])
	if comment := text(88, 130); !strings.HasPrefix(comment, "SIMULATED é") || len(comment) > 129 || !strings.HasSuffix(comment, "é") {
		t.Errorf("comment %q", comment)
	}
	if text(218, 30) != "furlong per fo" || text(218+15, 15) != "PICOAMPERES" || text(45, 9) != "X-ray vi" || raw[0]&0x20 == 0 {
		t.Errorf("labels %q, source %q", raw[218:248], text(45, 9))
	}
	if !strings.HasPrefix(log, simulatedNote+"\r\n") || !strings.Contains(log, "$LASER WAVELENGTH (NM)=785\r\n") || !strings.HasSuffix(log, "\r\n\x00") {
		t.Errorf("log %q", log)
	}
	if date := binary.LittleEndian.Uint32(raw[32:]); date != 2024<<20|2<<16|29<<11|23<<6|59 {
		t.Errorf("date %x", date)
	}
	got, err := Read("x", raw)
	if err != nil || !got[0].Metadata.Simulated || got[0].Title != s.Title || got[0].XUnit != s.XUnit || got[0].Metadata.LaserNM != 785 {
		t.Errorf("%v, %+v", err, got)
	}
	// Without our lines it is still simulated, in the words of the log and the comment.
	stripped := bytes.ReplaceAll(raw, []byte("fentrace 1="), []byte("whatever 1="))
	if got, err = Read("x", stripped); err != nil || !got[0].Metadata.Simulated || got[0].Metadata.LaserNM != 785 || got[0].Metadata.Instrument != "X-ray vi" {
		t.Errorf("as another program's file: %v, %+v", err, got)
	}
}

func TestSPCChangedByAnotherProgram(t *testing.T) {
	s := spectra.Spectrum{Title: "a", Technique: spectra.IR, XUnit: spectra.PerCM, YUnit: spectra.Absorbance, X: []float64{1, 2, 3}, Y: []float64{1, 0.1, 0.5},
		Metadata: spectra.Metadata{SampleName: "lactose"}}
	simulated := s
	simulated.Metadata.Simulated = true
	for name, c := range map[string]struct {
		change func(raw []byte)
		unit   spectra.Unit
	}{
		"to reflectance":   {func(raw []byte) { raw[29] = 129 }, spectra.Reflectance},
		"to fewer points":  {func(raw []byte) { raw[4] = 2 }, spectra.Absorbance},
		"to fewer spectra": {func(raw []byte) { raw[24] = 1 }, spectra.Absorbance},
	} {
		var b bytes.Buffer
		if err := WriteSPC(&b, s, simulated); err != nil {
			t.Fatal(err)
		}
		c.change(b.Bytes())
		got, err := Read("x", b.Bytes())
		if err != nil || got[0].YUnit != c.unit || got[0].Metadata.SampleName != "lactose" || !got[0].Metadata.Simulated || len(got[0].Metadata.Warnings) != 1 {
			t.Errorf("%s: %v, %+v", name, err, got)
		}
	}
}

func TestRealFilesGoThroughSPC(t *testing.T) {
	for _, path := range []string{"wdf/6x6.wdf", "wdf/6x6.spc", "spc/absorbance.spc", "spc/NDR0002.SPC", "jasco/ftir_test.jws", "raman-vendors/Renishaw/nCal_Qontor785_z005H12_100_1x3s.wdf"} {
		list := sharedFormat(t, path)
		var b bytes.Buffer
		if err := WriteSPC(&b, list...); err != nil {
			t.Fatal(err)
		}
		got, err := Read(path, b.Bytes())
		if err != nil || len(got) != len(list) {
			t.Fatalf("%s: %d spectra, %v", path, len(got), err)
		}
		for i, want := range list {
			want.Metadata.Format, want.Metadata.SHA256 = "spc", got[i].Metadata.SHA256
			near(t, path, got[i].X, want.X, 3e-4)
			near(t, path, got[i].Y, to32(want.Y), 0)
			want.X, want.Y = got[i].X, got[i].Y
			if !reflect.DeepEqual(got[i], want) {
				t.Fatalf("%s, spectrum %d\ngot  %+v\nwant %+v", path, i+1, got[i].Metadata, want.Metadata)
			}
		}
	}
}

func TestWriteSPCRefusesWhatItCannotHold(t *testing.T) {
	good := spectra.Spectrum{Title: "a", Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Counts, X: []float64{1, 2, 4}, Y: []float64{1, 2, 3}}
	with := func(change func(*spectra.Spectrum)) spectra.Spectrum {
		s := good
		s.X, s.Y = slices.Clone(s.X), slices.Clone(s.Y)
		change(&s)
		return s
	}
	for name, c := range map[string]struct {
		list  []spectra.Spectrum
		cause error
		says  string
	}{
		"nothing":                      {nil, ErrNoSpectrum, ""},
		"no spectrum":                  {[]spectra.Spectrum{good, with(func(s *spectra.Spectrum) { s.X[1] = 1 })}, spectra.ErrNotMonotonic, "spectrum 2"},
		"other units":                  {[]spectra.Spectrum{good, with(func(s *spectra.Spectrum) { s.YUnit = spectra.Intensity })}, ErrInconsistent, "one kind per file"},
		"positions that become one":    {[]spectra.Spectrum{with(func(s *spectra.Spectrum) { s.X[1] = 1 + 1e-9 })}, spectra.ErrNotMonotonic, "one 32-bit float"},
		"a value beyond 32-bit floats": {[]spectra.Spectrum{with(func(s *spectra.Spectrum) { s.Y[2] = 1e39 })}, spectra.ErrNotFinite, "point 3"},
		"too many":                     {make([]spectra.Spectrum, maxFileSpectra+1), ErrTooLarge, "8193 spectra"},
	} {
		var b bytes.Buffer
		if err := WriteSPC(&b, c.list...); !errors.Is(err, c.cause) || !strings.Contains(err.Error(), c.says) || b.Len() > 0 {
			t.Errorf("%s: %v after %d bytes", name, err, b.Len())
		}
	}
	if err := WriteSPC(failingWriter{}, good); !errors.Is(err, errFull) || !strings.Contains(err.Error(), `write "a" as SPC`) {
		t.Errorf("a full disk: %v", err)
	}
}

var errFull = errors.New("no space left")

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errFull }
