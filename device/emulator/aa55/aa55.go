// Package aa55 is the firmware of the emulated AA..55 detector head of OEM Raman sets: 2,068 pixels at 921,600 baud, no
// answer to anything but a read-out, no place for a name or a number. The host times the exposure.
package aa55

import (
	"time"

	"fentrace/device/emulator/bench"
)

const (
	pixels = 2068
	blind  = 10 // covered pixels at either end, so that 2,048 see light

	frameSize = 8
	first     = 0xAA
	last      = 0x55

	start = 0x01
	read  = 0x10
	clear = 0xFF
)

// Kinds returns the head.
func Kinds() []bench.Kind {
	return []bench.Kind{{
		Type: "aa55", Title: "AA..55 head", Code: "A55", Baud: 921600, Laser: "modbuslaser",
		Detector: bench.Detector{Pixels: pixels, Clip: 65535, Offset: 1200, DarkRate: 400, Rate: 150_000, Readout: 8, Shot: 0.2, Blind: blind},
		Words:    []string{"spectrum", "start", "clear"},
		Serve:    serve,
	}}
}

// head is the running device.
type head struct {
	*bench.Device
	in      []byte
	exposed time.Time // when the exposure began; zero when none runs
	lit     bool
	held    []uint32 // what a read-out without an exposure brings again
	full    bool     // the wells hold what gathered before power came; the first read-out brings that
}

func serve(d *bench.Device) {
	h := &head{Device: d, held: make([]uint32, pixels), full: true}
	for b := range h.In() {
		h.in = append(h.in, b...)
		for {
			frame, ok := h.next()
			if !ok {
				break
			}
			if !h.handle(frame[1]) {
				return
			}
		}
	}
}

// next cuts the first frame out of what came; bytes that belong to none, and frames whose check byte is wrong, are lost.
func (h *head) next() (frame []byte, ok bool) {
	for len(h.in) >= frameSize {
		f := h.in[:frameSize]
		if f[0] == first && f[7] == last && f[1]^f[2]^f[3]^f[4]^f[5] == f[6] {
			h.in = append([]byte(nil), h.in[frameSize:]...)
			return f, true
		}
		h.in = h.in[1:]
	}
	return nil, false
}

func (h *head) handle(command byte) bool {
	switch command {
	case start:
		f := h.Take("start")
		h.exposed, h.lit = time.Now(), h.Optics.Lit()
		return h.Answer(nil, f)
	case clear:
		f := h.Take("clear")
		h.exposed = time.Time{}
		return h.Answer(nil, f)
	case read:
		f := h.Take("spectrum")
		h.readOut()
		b := make([]byte, 0, 2*pixels)
		for _, v := range h.held {
			b = append(b, byte(v>>8), byte(v))
		}
		return h.Answer(b, f)
	}
	return true
}

// readOut ends the exposure. Light counts when it shone at its beginning and at its end.
func (h *head) readOut() {
	if h.exposed.IsZero() {
		return
	}
	h.held = h.Optics.Expose(time.Since(h.exposed), h.lit && h.Optics.Lit())
	h.exposed = time.Time{}
	for p := range h.held {
		if h.full { // hosts throw the first one away
			h.held[p] = 65535
		}
	}
	h.full = false
}
