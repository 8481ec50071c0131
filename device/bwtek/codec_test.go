package bwtek

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"fentrace/device/lockstep"
)

func TestCommandsAreLines(t *testing.T) {
	for want, got := range map[string][]byte{
		"a\n": Encode('a', -1), "I100\n": Encode('I', 100), "K0\n": Encode('K', 0), "S\n": Encode('S', -1),
	} {
		if string(got) != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestRepliesAreRead(t *testing.T) {
	for name, c := range map[string]struct {
		b, command string
		n          int
		err        error
	}{
		"the clients' example": {"\x61\x0D\x0A\x41\x43\x4B\x0D\x0A", "a\n", 8, nil},
		"with a number":        {"I100\r\nACK\r\n", "I100\n", 11, nil},
		"a spectrum follows":   {"S\r\nACK\r\n\x80\x00", "S\n", 8, nil},
		"half an echo":         {"I1", "I100\n", 0, lockstep.ErrIncomplete},
		"half an answer":       {"I100\r\nAC", "I100\n", 0, lockstep.ErrIncomplete},
		"another echo":         {"I200\r\nACK\r\n", "I100\n", 0, ErrNotAnswer},
		"refusal":              {"I1\r\nNAK\r\n", "I1\n", 9, ErrNotACK},
		"noise":                {"I1\r\n\x80CK\r\n", "I1\n", 0, ErrNotAnswer},
		"no end":               {"I1\r\n" + string(bytes.Repeat([]byte("x"), 70)), "I1\n", 0, ErrNotAnswer},
	} {
		command := []byte(c.command)
		n, err := DecodeReply([]byte(c.b), command)
		if n != c.n || !errors.Is(err, c.err) || string(command) != c.command {
			t.Errorf("%s: %d bytes, %v, command %q", name, n, err, command)
		}
	}
}

// The example of the Ocean data sheets, which have the same code, with 2008 more values that differ by nothing: 2049
// in all, of which the first is none of the 2048 pixels.
func packed() (b []byte, want []uint16) {
	b = []byte("S\r\nACK\r\n\x80\x00\xB9\x80\x08\x67\x80\x03\x44\x80\x01\xC5\x80\x00\xD2\xA4\xE4\xFF\xFE\x02")
	want = []uint16{2151, 836, 453, 210, 118, 90, 89, 87, 89}
	for len(want) < pixels {
		b, want = append(b, 0), append(want, 89)
	}
	return b, want
}

func TestACompressedSpectrumIsRead(t *testing.T) {
	b, want := packed()
	counts, n, err := DecodeSpectrum(b, []byte("S\n"), false)
	if err != nil || n != len(b) || !slices.Equal(counts, want) {
		t.Errorf("%d counts, %d of %d bytes, %v", len(counts), n, len(b), err)
	}
	for k := range b {
		if _, _, err := DecodeSpectrum(b[:k], []byte("S\n"), false); !errors.Is(err, lockstep.ErrIncomplete) {
			t.Fatalf("first %d bytes: %v", k, err)
		}
	}
	b[8] = 5
	if _, _, err := DecodeSpectrum(b, []byte("S\n"), false); !errors.Is(err, ErrNotAnswer) {
		t.Errorf("without a first value: %v", err)
	}
}

func TestASpectrumInDigitsIsRead(t *testing.T) {
	b := []byte("S\r\nACK\r\n")
	for p := range pixels {
		b = fmt.Appendf(b, "%05d\r\n", 30*p)
	}
	b = append(b, 0)
	if len(b) != 8+14337 {
		t.Fatalf("%d bytes", len(b))
	}
	counts, n, err := DecodeSpectrum(b, []byte("S\n"), true)
	if err != nil || n != len(b) || len(counts) != pixels || counts[2047] != 61410 {
		t.Errorf("%d counts, %d bytes, %v", len(counts), n, err)
	}
	for _, k := range []int{8, 9, 14, 15, 8000, len(b) - 1} {
		if _, _, err := DecodeSpectrum(b[:k], []byte("S\n"), true); !errors.Is(err, lockstep.ErrIncomplete) {
			t.Errorf("first %d bytes: %v", k, err)
		}
	}
	for at := 8; at < len(b); at += 97 { // a flipped bit in a digit, a line end, the NUL
		bad := bytes.Clone(b)
		bad[at] ^= 0x10
		if _, _, err := DecodeSpectrum(bad, []byte("S\n"), true); !errors.Is(err, ErrNotAnswer) {
			t.Errorf("byte %d flipped: %v", at, err)
		}
	}
	copy(b[8:], "65536")
	if _, _, err := DecodeSpectrum(b, []byte("S\n"), true); !errors.Is(err, ErrNotAnswer) {
		t.Errorf("65536 counts: %v", err)
	}
}

func FuzzDecodeSpectrum(f *testing.F) {
	b, _ := packed()
	f.Add(b, false)
	f.Add([]byte("S\r\nACK\r\n00123\r\n00124\r\n"), true)
	f.Add([]byte("S\r\nNAK\r\n"), true)
	f.Fuzz(func(t *testing.T, b []byte, ascii bool) {
		counts, n, err := DecodeSpectrum(b, []byte("S\n"), ascii)
		if err == nil && (len(counts) != pixels || n > len(b)) {
			t.Fatalf("%d counts, %d bytes of %d", len(counts), n, len(b))
		}
	})
}
