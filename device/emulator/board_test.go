package emulator

import (
	"bytes"
	"testing"
)

func TestTheFramesOfATCD1304Board(t *testing.T) {
	em, err := Start(Config{Type: "tcd1304", Baud: defaultRate, Noiseless: true, Sample: func(float64) float64 { return 0 }})
	if err != nil {
		t.Fatal(err)
	}
	defer em.Close()
	talk := host(t, em)
	// 10 ms, as the firmware's author writes it; then 20 ms, turned in the ring.
	for _, c := range []struct {
		command string
		active  []byte // 4095 less 180 of offset and 120 a second, low byte first
	}{
		{"45 52 00 00 4E 20 00 00 4E 20 00 01", []byte{0x4A, 0x0F}},
		{"00 01 45 52 00 00 9C 40 00 00 9C 40", []byte{0x49, 0x0F}},
	} {
		frame := talk(fromHex(t, c.command), 7388)
		if len(frame) != 7388 {
			t.Fatalf("%s: %d bytes", c.command, len(frame))
		}
		if active := frame[64 : 64+2*3648]; !bytes.Equal(active, bytes.Repeat(c.active, 3648)) {
			t.Errorf("%s: % X..., want % X", c.command, active[:8], c.active)
		}
	}
}
