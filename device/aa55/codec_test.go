package aa55

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"fentrace/device"
)

func TestFramesAsOnTheWire(t *testing.T) {
	for want, got := range map[string][]byte{
		"AA 01 00 00 00 01 00 55": Encode(Start, 1),
		"AA 10 00 00 00 00 10 55": Encode(Read, 0),
		"AA FF 00 00 00 00 FF 55": Encode(Clear, 0),
		"AA 01 12 34 56 78 09 55": Encode(Start, 0x12345678), // 01^12^34^56^78
	} {
		b, err := hex.DecodeString(strings.ReplaceAll(want, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, b) {
			t.Errorf("% X, want %s", got, want)
		}
	}
}

func TestAReadOutIsBigEndian(t *testing.T) {
	b := make([]byte, 4136)
	b[0], b[1], b[4134], b[4135] = 0x12, 0x34, 0xFF, 0xFE
	counts, err := Decode(b)
	if err != nil || len(counts) != 2068 || counts[0] != 0x1234 || counts[1] != 0 || counts[2067] != 0xFFFE {
		t.Errorf("%d counts, %v", len(counts), err)
	}
	for _, n := range []int{0, 1, 4135, 4137, 8272} {
		if _, err := Decode(make([]byte, n)); !errors.Is(err, device.ErrProtocol) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{}, 0)
	f.Add([]byte{1, 2, 3}, 4133)
	f.Fuzz(func(t *testing.T, b []byte, more int) {
		b = append(b, make([]byte, max(0, min(more, 5000)))...)
		counts, err := Decode(b)
		if (err == nil) != (len(b) == 4136) || err == nil && len(counts) != Pixels {
			t.Fatalf("%d bytes: %d counts, %v", len(b), len(counts), err)
		}
		for _, v := range counts {
			if v < 0 || v > maxCounts {
				t.Fatalf("%g counts", v)
			}
		}
	})
}
