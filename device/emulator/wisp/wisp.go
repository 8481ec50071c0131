// Package wisp is the firmware of an emulated spectrometer on the Wasatch byte stream: it greets, takes lines of text
// until one says BIN, then six-byte requests with their payload. What it is sent half, it waits for.
package wisp

import (
	"encoding/binary"
	"math"
	"time"

	"fentrace/device/emulator/bench"
)

const (
	greeting    = "OK\n"
	refused     = 1 // any status but 0
	longestLine = 2048
)

// words are the answers a fault can name.
var words = map[[2]uint16]string{
	{0xAD, 0}: "spectrum", {0x03, 0}: "pixels", {0xB2, 0}: "integration", {0xB7, 0}: "gain", {0xC0, 0}: "firmware", {0xBE, 0}: "lamp",
	{0xE2, 0}: "lit", {0xEF, 0}: "interlock", {0xFF, 0xAA09}: "serial", {0xFF, 0xAA0B}: "model", {0xFF, 0xAA0D}: "wavelength", {0xFF, 0xAA12}: "laser",
}

// Kinds returns the instrument.
func Kinds() []bench.Kind {
	return []bench.Kind{{
		Type: "wisp", Title: "WISP spectrometer", Code: "WSP", Baud: 115200, Serve: serve,
		Detector: bench.Detector{Pixels: 1024, Clip: 65535, Offset: 800, DarkRate: 40, Rate: 120_000, Readout: 7, Shot: 0.3},
		Words: []string{
			"spectrum", "pixels", "integration", "gain", "firmware", "lamp", "lit", "interlock", "serial", "model", "wavelength", "laser",
		},
		Faults: []string{bench.Nack, bench.Interlock},
	}}
}

// firmware is the device's memory.
type firmware struct {
	*bench.Device
	in      []byte
	binary  bool
	millis  uint32
	gainDBx uint16 // tenths

	interlock time.Time // until when it is open
}

func serve(d *bench.Device) {
	f := &firmware{Device: d, millis: 100, gainDBx: 80}
	if !f.Send([]byte(greeting)) {
		return
	}
	for b := range f.In() {
		f.in = append(f.in, b...)
		for more := true; more; {
			var plugged bool
			if more, plugged = f.step(); !plugged {
				return
			}
		}
	}
}

// step takes one line or request; more is false when there is no whole one.
func (f *firmware) step() (more, plugged bool) {
	if !f.binary {
		return f.line()
	}
	const header = 6
	if len(f.in) < header || len(f.in) < header+int(f.in[5]) {
		return false, true
	}
	r := f.in[:header]
	f.in = append([]byte(nil), f.in[header+int(f.in[5]):]...)
	return true, f.answer(r[0], binary.BigEndian.Uint16(r[1:]), binary.BigEndian.Uint16(r[3:]))
}

func (f *firmware) line() (more, plugged bool) {
	for i, c := range f.in {
		if c != '\n' {
			continue
		}
		text := string(f.in[:i])
		f.in = append([]byte(nil), f.in[i+1:]...)
		switch text {
		case "BIN":
			f.binary = true
			return true, f.Send([]byte{0})
		case "":
			return true, true
		}
		return true, f.Send([]byte("ERR\n"))
	}
	if len(f.in) > longestLine {
		f.in = nil
	}
	return false, true
}

// answer carries out one request.
func (f *firmware) answer(opcode byte, value, index uint16) bool {
	key := [2]uint16{uint16(opcode)}
	if opcode == 0xFF {
		key[1] = value
	}
	var fault bench.Fault
	if word, ok := words[key]; ok {
		fault = f.Take(word, bench.Number(uint32(key[0])<<16|uint32(key[1])))
	}
	switch fault.Kind {
	case bench.Nack:
		return f.Send([]byte{refused})
	case bench.Interlock:
		f.openInterlock(time.Duration(fault.Arg) * time.Millisecond)
	}
	data := f.do(opcode, value, index)
	if opcode == 0xAD && data[0] == 0 {
		lit := f.Optics.Lit()
		t := time.Duration(f.millis) * time.Millisecond
		if !f.Wait(t) {
			return false
		}
		for _, v := range f.Optics.Expose(t, lit) {
			data = binary.LittleEndian.AppendUint16(data, uint16(v))
		}
	}
	return f.Answer(data, fault)
}

// do is everything but the exposure.
func (f *firmware) do(opcode byte, value, index uint16) []byte {
	switch opcode {
	case 0x03:
		return binary.LittleEndian.AppendUint16(nil, uint16(f.Kind.Detector.Pixels))
	case 0xAD:
		return []byte{0}
	case 0xB2:
		if ms := uint32(index)<<16 | uint32(value); ms > 0 && ms < 1<<24 {
			f.millis = ms
			return []byte{0}
		}
	case 0xBF:
		return []byte{byte(f.millis), byte(f.millis >> 8), byte(f.millis >> 16)}
	case 0xB7:
		f.gainDBx = value>>8 | value<<8
		return []byte{0}
	case 0xC5:
		return binary.LittleEndian.AppendUint16(nil, f.gainDBx)
	case 0xC0:
		return []byte{4, 3, 0, 10} // 10.0.3.4
	case 0xBE, 0xE2, 0xEF:
		return f.laser(opcode, value)
	case 0xFF:
		return f.extended(value, index)
	}
	return []byte{refused}
}

// openInterlock opens it for t, for good when t is 0; the laser goes off.
func (f *firmware) openInterlock(t time.Duration) {
	if t == 0 {
		t = 1000 * time.Hour
	}
	f.interlock = time.Now().Add(t)
	f.Light.Set(false)
}

// laser is what the USB protocol of the same maker has.
func (f *firmware) laser(opcode byte, value uint16) []byte {
	if !f.Optics.Switchable() {
		return []byte{refused}
	}
	answer := func(v bool) []byte {
		if v {
			return []byte{1}
		}
		return []byte{0}
	}
	switch {
	case opcode == 0xE2:
		return answer(f.Light.On())
	case opcode == 0xEF:
		return answer(time.Now().After(f.interlock))
	case value > 1 || value == 1 && time.Now().Before(f.interlock):
		return []byte{refused}
	}
	f.Light.Set(value == 1)
	return []byte{0}
}

// extended is the second tier.
func (f *firmware) extended(value, index uint16) []byte {
	padded := func(s string, n int) []byte {
		b := make([]byte, n)
		copy(b[:n-1], s)
		return b
	}
	number := func(v float64) []byte {
		return binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(v)))
	}
	switch value {
	case 0xAA01:
		return []byte{0x24, 0xAA, 0x40, 0x00}
	case 0xAA09:
		return padded(f.Config.SerialNumber, 16)
	case 0xAA0B:
		return padded("WISP (SIMULATED)", 32)
	case 0xAA0D:
		switch {
		case index < 4:
			return number(f.Config.Coefficients[index])
		case index == 4:
			return number(0)
		}
	case 0xAA10:
		return []byte{64, 0}
	case 0xAA12:
		if f.Config.HideLaser {
			return number(0)
		}
		return number(f.Config.LaserNM)
	case 0xAA13:
		return []byte{1, 0, 0, 0}
	case 0xAA14:
		f.binary = false
		return append([]byte{0}, greeting...) // what comes next is another host's visit
	}
	return []byte{refused}
}
