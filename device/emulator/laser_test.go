package emulator

import (
	"bytes"
	"testing"
	"time"

	"fentrace/device/emulator/bench"
)

func TestACoboltLaserOnTheWire(t *testing.T) {
	em, err := Start(Config{Type: "cobolt", Baud: defaultRate, Faults: []Fault{{Kind: bench.Interlock, Message: "measured"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer em.Close()
	talk := host(t, em)
	say := func(command, want string, lit bool) {
		t.Helper()
		if got := talk([]byte(command), len(want)); string(got) != want {
			t.Errorf("%q: %q, want %q", command, got, want)
		}
		if em.LaserOn() != lit {
			t.Errorf("after %q the laser is on: %v", command, em.LaserOn())
		}
	}
	say("l?\r", "1\r\n", true) // autostart, as from the factory
	say("l0\r", "OK\r\n", false)
	say("l1\r", "OK\r\n", false) // not with autostart
	say("@cobas?\r", "1\r\n", false)
	say("@cobas 0\r", "OK\r\n", false)
	say("p 0.0500\r", "OK\r\n", false)
	say("p?\r", "0.0500\r\n", false)
	say("p 2\r", notUnderstood, false)
	say("L1\r", notUnderstood, false)
	say("ilk?\r", "0\r\n", false)
	say("sn?\r", "SIM-COB-0001\r\n", false)
	say("l1\r", "OK\r\n", true)
	say("leds?\r", "3\r\n", true)
	say("pa?\r", "0.0000\r\n", false) // the interlock opens as this is asked
	say("ilk?\r", "1\r\n", false)
	say("f?\r", "3\r\n", false)
	say("l1\r", "OK\r\n", false)
	say("l?\r", "0\r\n", false)
}

const notUnderstood = "Syntax error: illegal command\r\n"

// What an earlier host left without its end is still there, and spoils the next command.
func TestACoboltLaserKeepsHalfACommand(t *testing.T) {
	em, err := Start(Config{Type: "cobolt", Baud: defaultRate})
	if err != nil {
		t.Fatal(err)
	}
	defer em.Close()
	talk := host(t, em)
	talk([]byte("l"), 0)
	if got := talk([]byte("l0\r"), len(notUnderstood)); string(got) != notUnderstood {
		t.Errorf("%q", got)
	}
	if got := talk([]byte("l0\rl?\r"), 7); string(got) != "OK\r\n0\r\n" || em.LaserOn() {
		t.Errorf("%q, on: %v", got, em.LaserOn())
	}
}

func TestAModbusLaserOnTheWire(t *testing.T) {
	em, err := Start(Config{Type: "modbuslaser", Baud: defaultRate})
	if err != nil {
		t.Fatal(err)
	}
	defer em.Close()
	talk := host(t, em)
	for _, c := range []struct {
		ask, want string
		lit       bool
	}{
		{"01 06 02 98 00 00 09 9D", "01 06 02 98 00 00 09 9D", false}, // the safe "off"
		{"01 06 02 98 01 F4 09 8A", "01 06 02 98 01 F4 09 8A", true},
		{"01 03 02 98 00 01 04 5D", "01 03 02 01 F4 B8 53", true},
		{"01 06 00 01 00 03 98 0B", "01 86 02 C3 A1", true}, // another register
		{"01 06 02 98 00 00 09 9D", "01 06 02 98 00 00 09 9D", false},
	} {
		want := fromHex(t, c.want)
		if got := talk(fromHex(t, c.ask), len(want)); !bytes.Equal(got, want) || em.LaserOn() != c.lit {
			t.Errorf("%s: % X, want %s; on: %v", c.ask, got, c.want, em.LaserOn())
		}
		if !em.Wait(10 * time.Millisecond) { // frames are parted by silence
			t.Fatal("gone")
		}
	}
	// A frame for another slave, a damaged one, and two without silence between them are not answered and not done.
	for _, ask := range []string{"02 06 02 98 01 F4 09 B9", "01 06 02 98 01 F4 09 8B", "01 06 02 98 01 F4 09 8A 01 06 02 98 01 F4 09 8A"} {
		talk(fromHex(t, ask), 0)
		em.Wait(10 * time.Millisecond)
		off := fromHex(t, "01 06 02 98 00 00 09 9D")
		if got := talk(off, 8); !bytes.Equal(got, off) {
			t.Errorf("%s was answered: % X", ask, got)
		}
		em.Wait(10 * time.Millisecond)
	}
	if em.Light.Fired() != 1 {
		t.Errorf("it fired %d times", em.Light.Fired())
	}
}

func TestTheHeadOnTheWire(t *testing.T) {
	em, err := Start(Config{Type: "aa55", Baud: defaultRate, Noiseless: true, Sample: func(float64) float64 { return 0 }})
	if err != nil {
		t.Fatal(err)
	}
	defer em.Close()
	talk := host(t, em)
	start, read, clear := fromHex(t, "AA 01 00 00 00 01 00 55"), fromHex(t, "AA 10 00 00 00 00 10 55"), fromHex(t, "AA FF 00 00 00 00 FF 55")
	talk(clear, 0)
	talk([]byte("noise"), 0)
	talk(start, 0)
	if first := talk(read, 4136); !bytes.Equal(first, bytes.Repeat([]byte{0xFF}, 4136)) {
		t.Errorf("the first read-out after power-on is % X...", first[:8])
	}
	talk(fromHex(t, "AA 10 00 00 00 00 11 55"), 0) // a wrong check byte
	talk(start, 0)
	second := talk(read, 4136)
	// 1200 counts of offset, 400 a second of dark current, and the same in every pixel.
	if v := int(second[0])<<8 | int(second[1]); v < 1200 || v > 1800 || !bytes.Equal(second[2:], second[:4134]) {
		t.Errorf("%d counts, then % X...", v, second[:8])
	}
	if again := talk(read, 4136); !bytes.Equal(again, second) {
		t.Error("read again without an exposure, it changed")
	}
}
