package deltacode

import (
	"encoding/hex"
	"errors"
	"slices"
	"testing"
)

// The data sheet's example: 40 pixels, 60 bytes, checksum 0x2C13.
var (
	golden = []uint16{
		185, 2151, 836, 453, 210, 118, 90, 89, 87, 89, 86, 88, 98, 121, 383, 1162, 634, 356, 211, 132,
		88, 83, 86, 82, 91, 92, 81, 80, 84, 84, 85, 83, 80, 80, 88, 94, 90, 103, 111, 138,
	}
	goldenCode = "8000B980086780034480" + "01C58000D2A4E4FFFE02FD020A1780017F" + "80048A80027A8001648000D3B1D4FB03FC0901F5FF040001FEFD000806FC0D081B"
)

func TestTheDataSheetsExampleExpands(t *testing.T) {
	b, err := hex.DecodeString(goldenCode)
	if err != nil || len(b) != 60 {
		t.Fatalf("the vector has %d bytes, %v", len(b), err)
	}
	values, used, sum, err := Expand(append(b, 0xFF, 0xFD), len(golden))
	if err != nil || used != 60 || sum != 0x2C13 || !slices.Equal(values, golden) {
		t.Errorf("%d bytes, checksum %#04x, %v, %v", used, sum, values, err)
	}
	for n := range b {
		if _, _, _, err := Expand(b[:n], len(golden)); !errors.Is(err, ErrShort) {
			t.Errorf("first %d bytes: %v", n, err)
		}
	}
}

func TestACodeThatCannotBe(t *testing.T) {
	for name, b := range map[string][]byte{
		"no first value": {0x05, 0x80, 0, 1},
		"below zero":     {0x80, 0, 1, 0xFE},
		"above 16 bits":  {0x80, 0xFF, 0xFF, 0x01},
	} {
		if v, _, _, err := Expand(b, 3); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v, %v", name, v, err)
		}
	}
}

func FuzzExpand(f *testing.F) {
	b, _ := hex.DecodeString(goldenCode)
	f.Add(b, 40)
	f.Add([]byte{0x80}, 1)
	f.Fuzz(func(t *testing.T, b []byte, count int) {
		values, used, _, err := Expand(b, count)
		if err != nil {
			return
		}
		if used > len(b) || len(values) != max(count, 0) || used < len(values) || used > 3*len(values) {
			t.Fatalf("%d values of %d bytes, %d used", len(values), len(b), used)
		}
	})
}
