package oceanletter

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"fentrace/device/lockstep"
)

func fromHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCommandsAreTheDataSheets(t *testing.T) {
	for _, c := range []struct {
		mode    Mode
		letters string
		args    []Value
		want    string // hex
	}{
		{Binary, "S", nil, "53"},
		{Binary, "I", []Value{Word(100)}, "49 00 64"},
		{Binary, "i", []Value{DoubleWord(100000)}, "69 00 01 86 A0"},
		{Binary, "K", []Value{Word(6)}, "4B 00 06"},
		{Binary, "?x", []Value{Word(14)}, "3F 78 00 0E"},
		{Binary, "P", Range(100, 900, 2).command(), "50 00 03 00 64 03 84 00 02"},
		{Binary, "P", List(5, 300).command(), "50 00 04 00 02 00 05 01 2C"},
		{ASCII, "I", []Value{Word(100)}, "49 31 30 30 0D"},
		{ASCII, "i", []Value{DoubleWord(100000)}, "69 31 30 30 30 30 30 0D"},
		{ASCII, "P", EveryNth(4).command(), "50 31 0D 34 0D"},
	} {
		if got := c.mode.Encode(c.letters, c.args...); !bytes.Equal(got, fromHex(t, c.want)) {
			t.Errorf("%s %v: % X, want %s", c.letters, c.args, got, c.want)
		}
	}
}

func TestRepliesAreRead(t *testing.T) {
	for name, c := range map[string]struct {
		mode   Mode
		b      string
		words  int
		values []uint16
		n      int
		err    error
	}{
		"ACK":                     {Binary, "\x06", 0, nil, 1, nil},
		"version":                 {Binary, "\x06\x03\xFC", 1, []uint16{1020}, 3, nil},
		"half a version":          {Binary, "\x06\x03", 1, nil, 0, lockstep.ErrIncomplete},
		"NAK":                     {Binary, "\x15", 1, nil, 1, ErrNak},
		"nothing":                 {Binary, "", 0, nil, 0, lockstep.ErrIncomplete},
		"echo in binary mode":     {Binary, "v\x061020\r\n> ", 1, nil, 0, ErrNotAnswer},
		"a spectrum":              {Binary, "\x02\xFF\xFF", 0, nil, 0, ErrNotAnswer},
		"ASCII":                   {ASCII, "v\x061020\r\n\r\n> ", 1, []uint16{1020}, 12, nil},
		"ASCII ACK":               {ASCII, "I100\r\x06\r\n> ", 0, nil, 10, nil},
		"ASCII NAK":               {ASCII, "I1\r\x15\r\n> ", 0, nil, 8, ErrNak},
		"ASCII without prompt":    {ASCII, "v\x061020\r\n", 1, nil, 0, lockstep.ErrIncomplete},
		"ASCII half a number":     {ASCII, "v\x0610", 1, nil, 0, lockstep.ErrIncomplete},
		"ASCII two bytes":         {ASCII, "v\x06\x03\xFC", 1, nil, 0, ErrNotAnswer},
		"ASCII too large":         {ASCII, "v\x0665536\r\n> ", 1, nil, 0, ErrNotAnswer},
		"ASCII noise":             {ASCII, "v\x80", 1, nil, 0, ErrNotAnswer},
		"ASCII endless echo":      {ASCII, strings.Repeat("1", maxEcho+9), 1, nil, 0, ErrNotAnswer},
		"ASCII words, no numbers": {ASCII, "v\x06\r\n> ", 1, nil, 0, ErrNotAnswer},
	} {
		values, n, err := c.mode.DecodeReply([]byte(c.b), c.words)
		if !slices.Equal(values, c.values) || n != c.n || !errors.Is(err, c.err) {
			t.Errorf("%s: %v, %d bytes, %v", name, values, n, err)
		}
	}
}

// How the text of a calibration slot ends is not documented.
func TestACalibrationTextIsReadHoweverItEnds(t *testing.T) {
	for name, c := range map[string]struct {
		mode  Mode
		b     string
		whole bool
		text  string
		n     int
		err   error
	}{
		"nothing after it": {Binary, "\x061.798e+02\x15", false, "1.798e+02", 11, nil},
		"NUL":              {Binary, "\x061.798e+02\x00\x15", false, "1.798e+02", 12, nil},
		"padded":           {Binary, "\x061.798e+02\x00\x00\x00\x00\x00\x00\x15", false, "1.798e+02", 17, nil},
		"blanks, CR, LF":   {Binary, "\x061.798e+02  \r\n\x15", false, "1.798e+02", 15, nil},
		"erased":           {Binary, "\x06\xFF\xFF\xFF\x15", false, "", 5, nil},
		"silence":          {Binary, "\x061.798e+02", true, "1.798e+02", 10, nil},
		"not yet":          {Binary, "\x061.798e+02", false, "", 0, lockstep.ErrIncomplete},
		"no slot":          {Binary, "\x15\x15", false, "", 2, ErrNak},
		"no slot yet":      {Binary, "\x15", false, "", 0, lockstep.ErrIncomplete},
		"noise":            {Binary, "\x061.7\x01e+02\x15", false, "", 10, ErrNotAnswer},
		"ASCII":            {ASCII, "?x1\r\x061.798e+02\r\n>  \x15\r\n> ", false, "1.798e+02", 24, nil},
		"ASCII no slot":    {ASCII, "?x99\r\x15\r\n>  \x15\r\n> ", false, "", 16, ErrNak},
		"endless":          {Binary, "\x06" + strings.Repeat("x", 2*maxEcho), false, "", 0, ErrNotAnswer},
	} {
		text, n, err := c.mode.DecodeText([]byte(c.b), c.whole)
		if text != c.text || n != c.n || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %d bytes, %v", name, text, n, err)
		}
	}
}

// The data sheets' examples: ten pixels with checksum 0x2586, and forty compressed into 60 bytes with 0x2C13.
var (
	plainPixels  = []uint32{15, 23, 46, 98, 231, 509, 1023, 2432, 3245, 1984}
	packedPixels = []uint32{
		185, 2151, 836, 453, 210, 118, 90, 89, 87, 89, 86, 88, 98, 121, 383, 1162, 634, 356, 211, 132,
		88, 83, 86, 82, 91, 92, 81, 80, 84, 84, 85, 83, 80, 80, 88, 94, 90, 103, 111, 138,
	}
)

const (
	plainBytes  = "000F 0017 002E 0062 00E7 01FD 03FF 0980 0CAD 07C0"
	packedBytes = "8000B9 800867 800344 8001C5 8000D2 A4 E4 FF FE 02 FD 02 0A 17 80017F 80048A 80027A 800164 8000D3 B1 D4 FB 03 FC 09 01 F5 FF 04 00 01 FE FD 00 08 06 FC 0D 08 1B"
)

func TestSpectraAreRead(t *testing.T) {
	wide := "00000005 00010000 FFFFFFFF"
	for name, c := range map[string]struct {
		layout Layout
		hex    string
		want   []uint32
		scan   Scan
	}{
		"baseline header": {
			Layout{Shape: Baseline, Count: 10, Checksum: true}, "02 FFFF 0000 0001 0064 0001 05DC 0000" + plainBytes + "FFFD 2586",
			plainPixels, Scan{Added: 1, Integration: 100 * time.Millisecond, Baseline: 0x105DC},
		},
		"checksum before the end mark": {
			Layout{Shape: Baseline, Count: 10, Checksum: true}, "02 FFFF 0000 0001 0064 0001 05DC 0000" + plainBytes + "2586 FFFD",
			plainPixels, Scan{Added: 1, Integration: 100 * time.Millisecond, Baseline: 0x105DC},
		},
		"counting header": {
			Layout{Shape: Counting, Count: 10}, "02 FFFF 0000 0000 0000 0064 0000 0000" + plainBytes + "FFFD",
			plainPixels, Scan{Integration: 100 * time.Millisecond},
		},
		"compressed": {
			Layout{Shape: Counting, Count: 40, Checksum: true, Compressed: true}, "02 FFFF 0000 0000 0000 0064 0000 0000" + packedBytes + "FFFD 2C13",
			packedPixels, Scan{Integration: 100 * time.Millisecond},
		},
		"32 bits": {
			Layout{Shape: Baseline, Count: 3, Checksum: true, Compressed: true}, "02 FFFF 0001 0007 000A 0000 0000 0000" + wide + "FFFD 0004",
			[]uint32{5, 65536, 4294967295}, Scan{Wide: true, Added: 7, Integration: 10 * time.Millisecond},
		},
		"every 4th": {
			Layout{Shape: Baseline, Count: 10, Chosen: EveryNth(4)}, "02 FFFF 0000 0001 0064 0000 0000 0001 0004" + plainBytes + "FFFD",
			plainPixels, Scan{Added: 1, Integration: 100 * time.Millisecond},
		},
		"a range": {
			Layout{Shape: Baseline, Count: 10, Chosen: Range(100, 118, 2)}, "02 FFFF 0000 0001 0064 0000 0000 0003 0064 0076 0002" + plainBytes + "FFFD",
			plainPixels, Scan{Added: 1, Integration: 100 * time.Millisecond},
		},
		"a list": {
			Layout{Shape: Baseline, Count: 2, Chosen: List(5, 300)}, "02 FFFF 0000 0001 0064 0000 0000 0004 0002 0005 012C 000F FFFD FFFD",
			[]uint32{15, 0xFFFD}, Scan{Added: 1, Integration: 100 * time.Millisecond},
		},
	} {
		b := fromHex(t, c.hex)
		s, n, err := c.layout.Decode(b)
		if err != nil || n != len(b) || !slices.Equal(s.Pixels, c.want) {
			t.Errorf("%s: %v, %d of %d bytes, %v", name, s.Pixels, n, len(b), err)
		}
		if s.Added != c.scan.Added || s.Integration != c.scan.Integration || s.Baseline != c.scan.Baseline || s.Wide != c.scan.Wide {
			t.Errorf("%s: %+v", name, s)
		}
		for k := range b {
			if _, _, err := c.layout.Decode(b[:k]); !errors.Is(err, lockstep.ErrIncomplete) {
				t.Errorf("%s: first %d bytes: %v", name, k, err)
			}
		}
	}
}

// asciiSpectrum is the first example as decimal digits.
const asciiSpectrum = "S\x0265535\r\n0\r\n1\r\n100\r\n0\r\n1500\r\n0\r\n15\r\n23\r\n46\r\n98\r\n231\r\n509\r\n1023\r\n2432\r\n3245\r\n1984\r\n65533\r\n9606\r\n\r\n> "

func TestAnASCIISpectrumIsRead(t *testing.T) {
	l := Layout{Mode: ASCII, Shape: Baseline, Count: 10, Checksum: true}
	s, n, err := l.Decode([]byte(asciiSpectrum))
	if err != nil || n != len(asciiSpectrum) || !slices.Equal(s.Pixels, plainPixels) || s.Baseline != 1500 {
		t.Errorf("%+v, %d of %d bytes, %v", s, n, len(asciiSpectrum), err)
	}
	for k := range asciiSpectrum {
		if _, _, err := l.Decode([]byte(asciiSpectrum[:k])); !errors.Is(err, lockstep.ErrIncomplete) {
			t.Errorf("first %d bytes: %v", k, err)
		}
	}
}

func TestDamagedSpectraAreRefused(t *testing.T) {
	l := Layout{Shape: Baseline, Count: 10, Checksum: true}
	good := fromHex(t, "02 FFFF 0000 0001 0064 0001 05DC 0000"+plainBytes+"FFFD 2586")
	for name, c := range map[string]struct {
		at   int
		set  byte
		want error
	}{
		"STX": {0, 0x42, ErrNotAnswer}, "ACK": {0, ack, ErrNotAnswer}, "ETX": {0, etx, ErrNak}, "begin": {1, 0, ErrNotAnswer},
		"size": {4, 2, ErrNotAnswer}, "pixel mode": {14, 1, ErrNotAnswer}, "a pixel": {20, 0x55, ErrChecksum}, "end": {36, 0, ErrNotAnswer},
		"checksum": {38, 0x55, ErrChecksum},
	} {
		b := bytes.Clone(good)
		b[c.at] = c.set
		if _, _, err := l.Decode(b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	compressed := Layout{Shape: Baseline, Count: 10, Compressed: true}
	if _, _, err := compressed.Decode(good); !errors.Is(err, ErrNotAnswer) {
		t.Errorf("a plain spectrum read as compressed: %v", err)
	}
	digits := strings.Replace(asciiSpectrum, "2432", "24x2", 1)
	if _, _, err := (Layout{Mode: ASCII, Shape: Baseline, Count: 10, Checksum: true}).Decode([]byte(digits)); !errors.Is(err, ErrNotAnswer) {
		t.Errorf("a letter among digits: %v", err)
	}
}

func TestATrialSpectrumTellsItsShape(t *testing.T) {
	for text, want := range map[string]Layout{
		"02 FFFF 0000 0001 000A 0000 05DC 0000" + plainBytes + "FFFD": {Shape: Baseline, Count: 10},
		"02 FFFF 0000 0000 0000 000A 0000 0000" + plainBytes + "FFFD": {Shape: Counting, Count: 10},
	} {
		if l, err := Probe(Binary, fromHex(t, text), 10*time.Millisecond); err != nil || l.Shape != want.Shape || l.Count != want.Count {
			t.Errorf("%+v, %v", l, err)
		}
	}
	ascii := strings.Replace(strings.Replace(asciiSpectrum, "9606\r\n", "", 1), "100\r\n", "10\r\n", 1)
	if l, err := Probe(ASCII, []byte(ascii), 10*time.Millisecond); err != nil || l.Shape != Baseline || l.Count != 10 || l.Mode != ASCII {
		t.Errorf("%+v, %v", l, err)
	}
	for name, text := range map[string]string{
		"no end":           "02 FFFF 0000 0001 000A 0000 05DC 0000" + plainBytes,
		"half a word":      "02 FFFF 0000 0001 000A 0000 05DC 0000" + plainBytes + "FF",
		"another exposure": "02 FFFF 0000 0001 0064 0000 05DC 0000" + plainBytes + "FFFD",
		"no pixels":        "02 FFFF 0000 0001 000A 0000 05DC 0000 FFFD",
	} {
		if l, err := Probe(Binary, fromHex(t, text), 10*time.Millisecond); !errors.Is(err, ErrNotAnswer) {
			t.Errorf("%s: %+v, %v", name, l, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(fromHex(f, "02 FFFF 0000 0001 0064 0001 05DC 0000"+plainBytes+"FFFD 2586"), 10, byte(1|4), false)
	f.Add(fromHex(f, "02 FFFF 0000 0000 0000 0064 0000 0000"+packedBytes+"FFFD 2C13"), 40, byte(2|4), false)
	f.Add([]byte(asciiSpectrum), 10, byte(1|4), true)
	f.Add([]byte{etx}, 10, byte(0), false)
	f.Fuzz(func(t *testing.T, b []byte, count int, flags byte, ascii bool) {
		l := Layout{Count: count, Compressed: flags&2 != 0, Checksum: flags&4 != 0}
		if ascii {
			l.Mode = ASCII
		}
		if flags&1 != 0 {
			l.Shape = Baseline
		}
		s, n, err := l.Decode(b)
		if err == nil && (len(s.Pixels) != count || n > len(b) || count > maxPixels) {
			t.Fatalf("%d pixels of %d, %d bytes of %d", len(s.Pixels), count, n, len(b))
		}
		if trial, err := Probe(l.Mode, b, 10*time.Millisecond); err == nil && (trial.Count < 1 || trial.Count > len(b)) {
			t.Fatalf("trial spectrum of %d pixels in %d bytes", trial.Count, len(b))
		}
	})
}

func FuzzReply(f *testing.F) {
	f.Add([]byte("\x06\x03\xFC"), 1, false)
	f.Add([]byte("v\x061020\r\n\r\n> "), 1, true)
	f.Add([]byte("?x1\r\x061.798e+02\r\n>  \x15\r\n> "), 0, true)
	f.Fuzz(func(t *testing.T, b []byte, words int, ascii bool) {
		m := Binary
		if ascii {
			m = ASCII
		}
		words = min(max(words, 0), 6)
		if values, n, err := m.DecodeReply(b, words); err == nil && (len(values) != words || n > len(b)) {
			t.Fatalf("%d words, %d bytes of %d", len(values), n, len(b))
		}
		for _, whole := range []bool{false, true} {
			if text, n, err := m.DecodeText(b, whole); err == nil && (len(text) > 2*maxText || n > len(b)) {
				t.Fatalf("%q, %d bytes of %d", text, n, len(b))
			}
		}
	})
}
