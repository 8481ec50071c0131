package emulator

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// letters starts a spectrometer and returns a function that talks to it.
func letters(t *testing.T, typ string) func(send []byte, n int) []byte {
	t.Helper()
	em, err := Start(Config{Type: typ, Baud: defaultRate, Noiseless: true, LightSource: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { em.Close() })
	return host(t, em)
}

func TestTheLettersOnTheWire(t *testing.T) {
	for _, c := range []struct{ typ, send, want string }{
		{"usb2000plus", "v", "\x06\x03\xFC"}, // 1020
		{"usb2000plus", "t", "\x06\x0C\x35"}, // 31.25 °C
		{"usb2000", "t", "\x15"},             // no sensor
		{"usb2000", "_", "\x06"},             // tells a USB2000 from its forerunner
		{"usb2000plus", " ", "\x15"},         // unknown letter: idle
		{"usb2000", "F\x00\x05", "\x15"},     // swallows its word, no function
		{"usb2000plus", "?x\x00\x00", "\x06SIM-U2P-0001" + strings.Repeat("\x00", 3)},
		{"usb4000", "?x\x00\x00", "\x06SIM-U4K-0001\x00"},
		{"usb2000", "?x\x00\x00", "\x06SIM-U2K-0001"},
		{"usb2000", "?x\x00\x12", "\x15"}, // slot 18 is beyond
		{"usb2000plus", "I\x00\x64?I", "\x06\x06\x00\x64"},
		{"usb2000plus", "I\xFF\xFF", "\x15"},
		{"usb4000", "i\x00\x00\x00\x0A?i", "\x06\x06\x00\x00\x00\x0A"},
		{"usb4000", "i\x00\x00\x00\x09", "\x15"},
		{"usb2000", "A\x00\x10", "\x15"},
		{"usb2000plus", "J\x00\x01?J", "\x06\x06\x00\x01"},
		{"usb2000plus", "x\x00\x05MM\r?x\x00\x05", "\x06\x06MM" + strings.Repeat("\x00", 13)},
		{"usb2000plus", "aAv", "\x06v\x061020\r\n\r\n> "},
		{"usb2000plus", "aAI100\r?I\r", "\x06I100\r\x06\r\n> ?I\x06100\r\n\r\n> \r\x15\r\n> "},
		{"usb2000plus", "aAbBv", "\x06bB\x06\r\n> \x06\x03\xFC"},
		{"usb2000plus", "aa", "\x15"},
	} {
		t.Run(c.typ+" "+c.send, func(t *testing.T) {
			t.Parallel()
			if got := letters(t, c.typ)([]byte(c.send), len(c.want)); !bytes.Equal(got, []byte(c.want)) {
				t.Errorf("% X, want % X", got, c.want)
			}
		})
	}
}

// A spectrum in each form, of the pixels 2 to 5 that see no light: 1500 counts and the dark current of 10 ms.
func TestTheSpectraOnTheWire(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ typ, set, acks, want string }{
		{"usb2000plus", "I\x00\x0AP\x00\x03\x00\x02\x00\x05\x00\x01", "\x06\x06",
			"02 FFFF 0000 0001 000A 0000 05DC 0003 0002 0005 0001 05DD 05DD 05DD 05DD FFFD"},
		{"usb2000plus", "I\x00\x0AP\x00\x04\x00\x02\x00\x02\x00\x05k\x00\x01", "\x06\x06\x06",
			"02 FFFF 0000 0001 000A 0000 05DC 0004 0002 0002 0005 05DD 05DD FFFD 0BBA"},
		{"usb2000plus", "I\x00\x0AP\x00\x04\x00\x02\x00\x02\x00\x05A\x00\x03", "\x06\x06\x06",
			"02 FFFF 0001 0003 000A 0000 1194 0004 0002 0002 0005 00001197 00001197 FFFD"},
		{"usb2000plus", "I\x00\x0AP\x00\x04\x00\x03\x00\x02\x00\x03\x00\x05G\x00\x01k\x00\x01", "\x06\x06\x06\x06",
			"02 FFFF 0000 0001 000A 0000 05DC 0004 0003 0002 0003 0005 80 05DD 00 00 FFFD 065D"},
		{"usb2000", "I\x00\x64P\x00\x04\x00\x01\x00\x02", "\x06\x06",
			"02 FFFF 0000 0000 0000 0064 0000 0004 0001 0002 007A FFFD"},
	} {
		talk := letters(t, c.typ)
		if got := talk([]byte(c.set), len(c.acks)); string(got) != c.acks {
			t.Fatalf("%q: % X", c.set, got)
		}
		want := fromHex(t, c.want)
		if got := talk([]byte("S"), len(want)); !bytes.Equal(got, want) {
			t.Errorf("%q:\n% X, want\n% X", c.set, got, want)
		}
	}
	talk := letters(t, "usb2000plus")
	const want = "S\x0265535\r\n0\r\n1\r\n10\r\n0\r\n1500\r\n4\r\n1\r\n2\r\n1501\r\n65533\r\n\r\n> "
	talk([]byte("aA"), 1)
	talk([]byte("P4\r1\r2\r"), len("P4\r1\r2\r\x06\r\n> "))
	if got := talk([]byte("S"), len(want)); string(got) != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// Both steps of a change of rate; a host that misses the second finds the device at the old rate.
func TestTheRateChangesInTwoSteps(t *testing.T) {
	t.Parallel()
	em, err := Start(Config{Type: "usb2000plus", Baud: defaultRate})
	if err != nil {
		t.Fatal(err)
	}
	defer em.Close()
	talk := host(t, em)
	if got := talk([]byte("K\x00\x05"), 1); got[0] != 0x15 {
		t.Errorf("57600 baud: % X", got)
	}
	if got := talk([]byte("K\x00\x06"), 1); got[0] != 0x06 {
		t.Fatalf("115200 baud: % X", got)
	}
	// The host stays at its rate. What it sends now is lost or garbled, and once the device has fallen back it answers.
	until(func() bool { return em.Baud() == 115200 })
	until(func() bool { return em.Baud() == defaultRate })
	if got := talk([]byte("v"), 3); string(got) != "\x06\x03\xFC" {
		t.Errorf("after falling back: % X", got)
	}
}

// until waits for what comes by itself.
func until(done func() bool) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !done() {
		<-tick.C
	}
}
