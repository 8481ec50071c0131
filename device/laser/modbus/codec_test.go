package modbus

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"fentrace/device"
)

func fromHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTheChecksumIsThatOfTheSpecification(t *testing.T) {
	if got := CRC([]byte("123456789")); got != 0x4B37 { // the check value of CRC-16/MODBUS
		t.Errorf("%04X", got)
	}
}

func TestRequestsAsOnTheWire(t *testing.T) {
	for _, c := range []struct {
		got  []byte
		want string
	}{
		{Write(powerRegister, 0), "01 06 02 98 00 00 09 9D"}, // the safe "off"
		{Write(0x0001, 3), "01 06 00 01 00 03 98 0B"},        // the specification's example
	} {
		if want := fromHex(t, c.want); !bytes.Equal(c.got, want) {
			t.Errorf("% X, want % X", c.got, want)
		}
	}
}

func TestAnswersAreFoundAmongNoise(t *testing.T) {
	off := "01 06 02 98 00 00 09 9D"
	for _, c := range []struct {
		stream string
		want   Reply
		ok     bool
	}{
		{off, Reply{Function: 6, Register: 0x298}, true},
		{"FF 01 06 02" + off + "77", Reply{Function: 6, Register: 0x298}, true},
		{"01 03 02 01 F4 B8 53", Reply{Function: 3, Value: 500}, true},
		{"01 86 04 43 A3", Reply{Function: 6, Exception: 4}, true},
		{"01 86 04 43 A2", Reply{}, false},          // wrong checksum
		{"02 06 02 98 00 00 09 AE", Reply{}, false}, // another slave
		{"01 06 02 98 00 00 09", Reply{}, false},
		{"", Reply{}, false},
	} {
		r, rest, ok := Decode(fromHex(t, c.stream))
		if r != c.want || ok != c.ok || !ok && len(rest) > 7 {
			t.Errorf("%s: %+v, %d left, %v", c.stream, r, len(rest), ok)
		}
	}
}

func TestExceptionsSayWhatTheyAre(t *testing.T) {
	if err := error(&ExceptionError{3}); !errors.Is(err, device.ErrRange) || !errors.Is(err, device.ErrRefused) || !strings.Contains(err.Error(), "illegal data value") {
		t.Error(err)
	}
	if err := error(&ExceptionError{99}); errors.Is(err, device.ErrRange) || !errors.Is(err, device.ErrRefused) || !strings.Contains(err.Error(), "99") {
		t.Error(err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Write(powerRegister, 500))
	f.Add(append([]byte{0xFF, 1, 3}, 1, 3, 2, 1, 0xF4, 0xB8, 0x53))
	f.Add([]byte{1, 0x86, 4, 0x43, 0xA3})
	f.Fuzz(func(t *testing.T, b []byte) {
		for rest, n := b, 0; ; n++ {
			r, next, ok := Decode(rest)
			if !ok {
				if len(next) > 7 || n > len(b) {
					t.Fatalf("%d bytes wait", len(next))
				}
				return
			}
			if r.Function != functionRead && r.Function != functionWrite || len(next) > len(rest)-exceptionSize {
				t.Fatalf("%+v, %d of %d bytes left", r, len(next), len(rest))
			}
			rest = next
		}
	})
}
