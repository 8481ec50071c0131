package wisp

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"fentrace/device"
	"fentrace/device/lockstep"
)

func TestRequestsHaveTheDocumentedBytes(t *testing.T) {
	for name, c := range map[string]struct{ got, want []byte }{
		"spectrum":                 {OpAcquire.Encode(0, 0), []byte{0xAD, 0, 0, 0, 0, 0}},
		"serial number":            {OpSerialNumber.Encode(0, 0), []byte{0xFF, 0xAA, 0x09, 0, 0, 0}},
		"third coefficient":        {OpWavecal.Encode(0, 2), []byte{0xFF, 0xAA, 0x0D, 0, 2, 0}},
		"integration of 100,000ms": {OpSetIntegration.Encode(0x86A0, 1), []byte{0xB2, 0x86, 0xA0, 0, 1, 0}},
		"gain of 8 dB":             {OpSetGain.Encode(swap(80), 0), []byte{0xB7, 80, 0, 0, 0, 0}},
		"gain of 30 dB":            {OpSetGain.Encode(swap(300), 0), []byte{0xB7, 0x2C, 0x01, 0, 0, 0}},
		"disconnect":               {OpDisconnect.Encode(0, 0), []byte{0xFF, 0xAA, 0x14, 0, 0, 0}},
	} {
		if !bytes.Equal(c.got, c.want) {
			t.Errorf("%s: % X, want % X", name, c.got, c.want)
		}
	}
}

func TestASpectrumIsRead(t *testing.T) {
	counts, err := DecodeSpectrum([]byte{0, 0x34, 0x12, 0xFF, 0xFF, 0, 0}, 3)
	if err != nil || !slices.Equal(counts, []float64{0x1234, 65535, 0}) {
		t.Errorf("%v, %v", counts, err)
	}
	for name, b := range map[string][]byte{"nothing": nil, "short": {0, 1, 2, 3, 4, 5}, "long": {0, 1, 2, 3, 4, 5, 6, 7}} {
		if _, err := DecodeSpectrum(b, 3); !errors.Is(err, device.ErrProtocol) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := DecodeSpectrum([]byte{3}, 3); !errors.Is(err, device.ErrRefused) || !errors.Is(err, ErrStatus) {
		t.Errorf("status 3: %v", err)
	}
	if _, err := parseSpectrum(3)([]byte{0, 1}); !errors.Is(err, lockstep.ErrIncomplete) {
		t.Errorf("the beginning: %v", err)
	}
}

func TestTheFirmwareIsReadBackwards(t *testing.T) {
	if v := version([]byte{4, 3, 0, 10}); v != "10.0.3.4" {
		t.Error(v)
	}
}

func TestOnlyAPlausibleNumberOfPixelsIsASign(t *testing.T) {
	var d Driver
	for _, c := range []struct {
		b    []byte
		want int
	}{{nil, 0}, {[]byte{0}, 0}, {[]byte{0, 4}, 1}, {[]byte{0, 4, 0, 4}, 2}, {[]byte{0, 4, 0, 5}, 0}, {[]byte{3, 0}, 0}, {[]byte("OK"), 0}, {[]byte{0, 4, 0}, 0}} {
		if got := d.signs(c.b); got != c.want {
			t.Errorf("% X: %d signs, want %d", c.b, got, c.want)
		}
	}
	d.info.Pixels = 512
	if d.signs([]byte{0, 4}) != 0 || d.signs([]byte{0, 2}) != 1 {
		t.Error("a device of 512 pixels answers with another number")
	}
}

// stream is a device's parser and nothing else.
type stream struct {
	text bool
	line []byte
	in   []byte
	ran  map[byte]bool // opcodes with a value other than 0
}

func (s *stream) feed(b []byte) {
	for _, c := range b {
		if s.text {
			if s.line = append(s.line, c); c == '\n' {
				s.text = string(s.line) != "BIN\n"
				s.line = nil
			}
			continue
		}
		if s.in = append(s.in, c); len(s.in) < requestSize || len(s.in) < requestSize+int(s.in[5]) {
			continue
		}
		s.text = bytes.HasPrefix(s.in, []byte{0xFF, 0xAA, 0x14})
		if s.in[1]|s.in[2]|s.in[3]|s.in[4] != 0 {
			s.ran[s.in[0]] = true
		}
		s.in = nil
	}
}

// Whatever a device was left with, it ends in step, and nothing was done to it that the earlier program had not asked for.
func TestEveryPendingRequestIsGotOver(t *testing.T) {
	pending := map[string][]byte{"text": nil, "half a line": []byte("BI")}
	for _, opcode := range []byte{0x00, 0x03, 0xB2, 0xBE, 0xFF} {
		for n := range requestSize {
			pending[string([]byte{'0' + opcode%10, '0' + byte(n)})] = []byte{opcode, 0, 0, 0, 0}[:n]
		}
		for payload := 1; payload < 256; payload++ {
			for _, sent := range []int{0, 1, payload - 1} {
				pending[string([]byte{'p', opcode, byte(payload), byte(sent)})] = append([]byte{opcode, 0, 0, 0, 0, byte(payload)}, make([]byte, min(sent, payload-1))...)
			}
		}
	}
	for name, before := range pending {
		s := stream{ran: map[byte]bool{}}
		s.text = name == "text" || name == "half a line"
		s.feed(before)
		for i := 0; i < len(fillers); i++ {
			leave, enter := attempt(fillers[i])
			s.feed(leave)
			left := s.text
			s.feed(enter)
			if left && !s.text {
				break
			}
			s.feed(probe(1))
		}
		if s.text || len(s.in) > 0 {
			t.Errorf("%q: still in text %v, % X pending", before, s.text, s.in)
		}
		for opcode := range s.ran {
			if opcode != 0 && opcode != 0xFF && opcode != '\n' && opcode != 'B' && opcode != 'I' && opcode != 'N' && opcode != OpByte(OpLineLength) {
				t.Errorf("%q: opcode %#02x was carried out with a value", before, opcode)
			}
		}
	}
}

// OpByte is the first byte of a request.
func OpByte(o Opcode) byte { return o.Encode(0, 0)[0] }

func FuzzDecodeSpectrum(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6}, 3)
	f.Add([]byte{1}, 1024)
	f.Fuzz(func(t *testing.T, b []byte, pixels int) {
		if pixels < 0 || pixels > maxPixels {
			return
		}
		if counts, err := DecodeSpectrum(b, pixels); err == nil && len(counts) != pixels {
			t.Fatalf("%d counts for %d pixels", len(counts), pixels)
		}
	})
}
