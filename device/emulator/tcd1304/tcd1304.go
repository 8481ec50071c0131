// Package tcd1304 is the firmware of an emulated linear CCD board with "ER" commands. Like the board's, its receiver is
// a ring of 12 bytes that is looked at each time it has been filled, and it acknowledges nothing.
package tcd1304

import (
	"bytes"
	"encoding/binary"
	"time"

	"fentrace/device/emulator/bench"
)

const (
	ring     = 12
	outputs  = 3694
	adcTop   = 4095
	tick     = 500 * time.Nanosecond
	readTime = outputs * 4 * tick // a pixel every four ticks
)

// Kinds returns the board.
func Kinds() []bench.Kind {
	return []bench.Kind{{
		Type: "tcd1304", Title: "TCD1304 board", Code: "TCD", Baud: 115200, Words: []string{"spectrum"}, Serve: serve,
		Detector: bench.Detector{
			Pixels: outputs, Clip: adcTop, Offset: 180, DarkRate: 120, Rate: 12_000, Readout: 6, Shot: 0.05, Blind: 14, Masked: dummies(),
		},
	}}
}

// dummies are the dummy outputs in front beyond the 14 that stand at either end.
func dummies() []int {
	var p []int
	for i := 14; i < 32; i++ {
		p = append(p, i)
	}
	return p
}

type board struct {
	*bench.Device
	window [ring]byte
	at     int // bytes in the window since it was last full
}

func serve(d *bench.Device) {
	b := &board{Device: d}
	for {
		in, open := <-d.In()
		if !open {
			return
		}
		for sh, icg, ok := b.receive(in); ok; {
			if sh, icg, ok, open = b.expose(sh, icg); !open {
				return
			}
		}
	}
}

// receive fills the ring and returns the last command found in it.
func (b *board) receive(in []byte) (sh, icg uint32, ok bool) {
	for _, v := range in {
		b.window[b.at] = v
		if b.at++; b.at < ring {
			continue
		}
		b.at = 0
		if s, i, found := command(b.window); found {
			sh, icg, ok = s, i, true
		}
	}
	return sh, icg, ok
}

// command looks for "ER" anywhere in the ring and reads the two periods behind it, round its end.
func command(window [ring]byte) (sh, icg uint32, ok bool) {
	twice := append(window[:], window[:]...)
	i := bytes.Index(twice[:ring+1], []byte("ER"))
	if i < 0 {
		return 0, 0, false
	}
	sh, icg = binary.BigEndian.Uint32(twice[i+2:]), binary.BigEndian.Uint32(twice[i+6:])
	// Periods the timers cannot make: the sensor would give nonsense, this board gives nothing.
	if sh < 20 || icg < 14776 || icg%sh != 0 {
		return 0, 0, false
	}
	return sh, icg, true
}

// expose lets the read-out period pass and sends the frame. A command that comes meanwhile starts over.
func (b *board) expose(sh, icg uint32) (newSH, newICG uint32, again, open bool) {
	lit := b.Optics.Lit()
	timer := time.NewTimer(time.Duration(icg)*tick + readTime)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return 0, 0, false, b.Answer(b.frame(time.Duration(sh)*tick, lit), b.Take("spectrum"))
		case in, isOpen := <-b.In():
			if !isOpen {
				return 0, 0, false, false
			}
			if s, i, ok := b.receive(in); ok {
				return s, i, true, true
			}
		}
	}
}

// frame is one read-out: 16 bits, low byte first, falling with light.
func (b *board) frame(t time.Duration, lit bool) []byte {
	var out []byte
	for _, v := range b.Optics.Expose(t, lit) {
		out = append(out, byte(adcTop-v), byte((adcTop-v)>>8))
	}
	return out
}
