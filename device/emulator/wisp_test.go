package emulator

import (
	"bytes"
	"testing"
)

// The bytes of an emulated WISP device, by hand.
func TestTheBytesOfAWISP(t *testing.T) {
	t.Parallel()
	em, err := Start(Config{Type: "wisp", Baud: defaultRate, Noiseless: true, LightSource: true, Sample: func(float64) float64 { return 0 }})
	if err != nil {
		t.Fatal(err)
	}
	defer em.Close()
	talk := host(t, em)
	for _, c := range []struct{ name, send, want string }{
		{"greeting and binary mode", "42494E0A", "4F4B0A 00"},
		{"pixels", "03 0000 0000 00", "0004"},
		{"firmware", "C0 0000 0000 00", "0403000A"},
		{"serial number", "FF AA09 0000 00", "53494D2D5753502D30303031 00000000"},
		{"integration of 10 ms", "B2 000A 0000 00", "00"},
		{"integration read back", "BF 0000 0000 00", "0A0000"},
		{"no integration", "B2 0000 0000 00", "01"},
		{"gain, low byte first", "B7 2C01 0000 00", "00"},
		{"gain read back", "C5 0000 0000 00", "2C01"},
		{"a request with a payload", "03 0000 0000 02 FFFF", "0004"},
		{"an opcode that is not there", "77 0000 0000 00", "01"},
		{"laser on", "BE 0001 0000 00", "00"},
		{"laser state", "E2 0000 0000 00", "01"},
		{"laser off", "BE 0000 0000 00", "00"},
		{"interlock", "EF 0000 0000 00", "01"},
		{"785 nm", "FF AA12 0000 00", "00404444"},
	} {
		if want := fromHex(t, c.want); !bytes.Equal(talk(fromHex(t, c.send), len(want)), want) {
			t.Errorf("%s: not % X", c.name, want)
		}
	}
	got := talk(fromHex(t, "AD 0000 0000 00"), 1+2*1024)
	if got[0] != 0 || !bytes.Equal(got[1:3], fromHex(t, "2003")) { // 800 and less than half a count of dark current
		t.Errorf("spectrum % X", got[:3])
	}
	if got, want := talk(fromHex(t, "FF AA14 0000 00"), 4), fromHex(t, "00 4F4B0A"); !bytes.Equal(got, want) {
		t.Errorf("disconnect % X", got)
	}
	if got := talk([]byte("BIN\n"), 1); got[0] != 0 {
		t.Errorf("binary mode again % X", got)
	}
}
