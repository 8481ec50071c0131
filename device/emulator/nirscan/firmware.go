// Package nirscan is the firmware of an emulated Texas Instruments DLP NIRscan Nano on its UART, written from the
// published command tables. It lights its lamps for a scan only, tells its progress in its status, and sends a scan as
// it took it or interpreted.
package nirscan

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"time"

	"fentrace/device/emulator/bench"
)

const (
	// lampWarm is far shorter than a real lamp's, and interpretation faster, so that nobody has to wait.
	lampWarm  = 20 * time.Millisecond
	interpret = 15 * time.Millisecond
	// estimateExtra is what the firmware adds to its estimate for delays that are at most so long.
	estimateExtra = 400
)

// words are the answers a fault can name.
var words = map[uint16]string{
	0x002E: "data", 0x002D: "size", 0x0216: "versions", 0x0218: "start", 0x0220: "config", 0x0228: "gain", 0x022A: "calibration",
	0x022E: "repeats", 0x0233: "serial", 0x0237: "time", 0x0239: "interpret", 0x0300: "temperature", 0x0403: "status",
}

// Kinds returns the instrument.
func Kinds() []bench.Kind {
	return []bench.Kind{{
		Type: "nirscan", Title: "DLP NIRscan Nano", Code: "NIR", Baud: 115200, Serve: serve, Sample: training,
		Detector: bench.Detector{Rate: lampLight}, // one detector behind a mirror array: no pixels for the bench to expose
		Words: []string{
			"data", "size", "versions", "start", "config", "gain", "calibration", "repeats", "serial", "time", "interpret", "temperature", "status",
		},
		Faults: []string{bench.Nack, bench.Busy},
	}}
}

// firmware is the device's memory.
type firmware struct {
	*bench.Device
	noise *rand.Rand

	active    int
	repeats   uint16
	gain      byte
	gainFixed bool
	trouble   uint32

	scanEnds, interpretEnds time.Time
	last                    reading // as taken
	lastSetup               scanSetup
	lastRepeats             uint16
	taken                   bool
	results                 []byte // interpreted

	file []byte
	sent int
}

// setup is the active configuration.
func (f *firmware) setup() scanSetup { return factory[f.active] }

func (f *firmware) scanning() bool     { return time.Now().Before(f.scanEnds) }
func (f *firmware) interpreting() bool { return time.Now().Before(f.interpretEnds) }

// serial fits the eight bytes there are, with a 0 at the end.
func (f *firmware) serial() []byte {
	s := f.Config.SerialNumber
	if len(s) > 7 {
		s = "SIM-" + s[len(s)-3:]
	}
	return fixed(s, 8)
}

// do carries out a command; ok false is an error.
func (f *firmware) do(p packet) (data []byte, ok bool) {
	var w bytes.Buffer
	if p.flags&bitRead != 0 {
		ok = f.read(p, &w)
	} else {
		ok = f.write(p, &w)
	}
	return w.Bytes(), ok
}

// read answers what the host asks.
func (f *firmware) read(p packet, w *bytes.Buffer) bool {
	switch p.command {
	case 0x0216:
		put(w, []uint32{2<<16 | 1<<8 | 1, 0x0301, 0x0302, 2<<16 | 3, 1, 3, 1})
	case 0x0220:
		if len(p.data) != 1 || int(p.data[0]) >= len(factory) {
			return false
		}
		b := configImage(factory[p.data[0]], int(p.data[0]), f.serial())
		put(w, uint32(len(b)), b)
	case 0x0222:
		put(w, byte(len(factory)))
	case 0x0223:
		put(w, byte(f.active))
	case 0x0228:
		put(w, f.lastGain())
	case 0x022A: // a buffer larger than the image
		b := image("S(f#f#)", []uint32{3, 3}, shiftVector, pixelToNM)
		put(w, append(b, bytes.Repeat([]byte{0xA5}, 144-len(b))...))
	case 0x0233:
		put(w, f.serial())
	case 0x023C:
		put(w, fixed("NANO SIMULATED", 16))
	case 0x0237:
		put(w, uint32(f.duration().Milliseconds())+estimateExtra)
	case 0x0219, 0x023A:
		put(w, !(p.command == 0x0219 && f.scanning() || p.command == 0x023A && f.interpreting()))
	case 0x0300:
		put(w, int32(2575), int32(2840))
	case 0x0302:
		put(w, int32(3110), int32(4150))
	case 0x030A:
		put(w, uint32(395))
	case 0x030B:
		put(w, uint32(3300))
	case 0x0403:
		put(w, f.status())
	case 0x0404:
		put(w, f.trouble, make([]byte, 16))
	case 0x002D:
		return f.openFile(p.data, w)
	case 0x002E:
		f.nextPart(w)
	default:
		return false
	}
	return true
}

func (f *firmware) status() uint32 {
	s := uint32(1)
	if f.scanning() {
		s |= 2
	}
	if f.interpreting() {
		s |= 0x40
	}
	return s
}

// write does what the host says.
func (f *firmware) write(p packet, w *bytes.Buffer) bool {
	switch {
	case p.command == 0x0218 && len(p.data) == 1:
		return f.startScan()
	case p.command == 0x0239:
		return f.startInterpretation()
	case p.command == 0x0224 && len(p.data) == 1 && int(p.data[0]) < len(factory):
		f.active = int(p.data[0])
		f.repeats = f.setup().repeats
		put(w, uint32(f.setup().patterns))
	case p.command == 0x022E && len(p.data) == 2 && binary.LittleEndian.Uint16(p.data) > 0:
		f.repeats = binary.LittleEndian.Uint16(p.data)
	case p.command == 0x040C && len(p.data) == 2:
		f.gainFixed, f.gain = p.data[0] != 0, p.data[1]
	case p.command == 0x0405:
		f.trouble = 0
	default:
		return false
	}
	return true
}

func (f *firmware) lastGain() byte {
	if f.taken {
		return f.last.gain
	}
	return 1
}

func (f *firmware) duration() time.Duration {
	return lampWarm + time.Duration(float64(f.repeats)*f.setup().micros())*time.Microsecond
}

func (f *firmware) startScan() bool {
	if f.scanning() {
		return false
	}
	f.scanEnds = time.Now().Add(f.duration())
	f.last, f.lastSetup, f.lastRepeats, f.taken = f.measure(f.setup(), f.repeats, f.Config.Sample), f.setup(), f.repeats, true
	return true
}

func (f *firmware) startInterpretation() bool {
	if f.scanning() || f.interpreting() || !f.taken {
		return false
	}
	f.interpretEnds = time.Now().Add(interpret)
	nm, counts := f.last.spectrum(f.lastSetup)
	var w bytes.Buffer
	put(&w, int32(len(nm)))
	for i := range nm {
		put(&w, nm[i], counts[i])
	}
	f.results, f.sent = w.Bytes(), 0
	return true
}

// openFile makes a file ready and tells its size. Where the interpreted scan is read from is put back by the
// interpretation only, as in the firmware: asked for twice, it goes on behind its end.
func (f *firmware) openFile(data []byte, w *bytes.Buffer) bool {
	if len(data) != 1 || f.scanning() {
		return false
	}
	switch {
	case data[0] == 0 && f.taken && f.lastSetup.kind == 0:
		f.file, f.sent = dataImage(f.last, f.lastSetup, f.active, f.lastRepeats, f.serial()), 0
	case data[0] == 2:
		white := f.white()
		f.file, f.sent = dataImage(white, factory[0], 0, factory[0].repeats, f.serial()), 0
	case data[0] == 8 && f.results != nil && !f.interpreting():
		f.file = f.results
	default:
		return false
	}
	put(w, uint32(len(f.file)))
	return true
}

// white is the scan of a white surface from the day the device was made, without noise.
func (f *firmware) white() reading {
	quiet := *f
	quiet.noise, quiet.gainFixed = nil, false
	return quiet.measure(factory[0], factory[0].repeats, func(float64) float64 { return 1 })
}

func (f *firmware) nextPart(w *bytes.Buffer) {
	left := f.file[min(f.sent, len(f.file)):]
	left = left[:min(len(left), part)]
	put(w, left)
	f.sent += len(left)
}

// configImage serialises a configuration; one of a slew scan is two images.
func configImage(s scanSetup, index int, serial []byte) []byte {
	if s.kind != 2 {
		return image("S(cvc#c#vvcvv)", []uint32{8, 40}, s.kind, uint16(index), serial, fixed(s.name, 40), s.from, s.to, s.width, s.patterns, s.repeats)
	}
	b := image("S(cvc#c#vc)", []uint32{8, 40}, s.kind, uint16(index), serial, fixed(s.name, 40), s.repeats, byte(len(s.sections)))
	var values []any
	for i := range 5 {
		var p section
		if i < len(s.sections) {
			p = s.sections[i]
		}
		values = append(values, p.kind, p.width, p.from, p.to, p.patterns, p.exposure)
	}
	return append(b, image("S(ccvvvv)#", []uint32{5}, values...)...)
}

// dataImage serialises a scan, and what stands behind it in the buffer that is sent.
func dataImage(r reading, s scanSetup, index int, repeats uint16, serial []byte) []byte {
	adc := make([]int32, 864)
	copy(adc, r.adc)
	b := image("S(uc#cccccccjjvvu$(f#f#)c#vccccvc#c#vvcvvi#)", []uint32{20, 3, 3, 8, 8, 40, 864},
		uint32(1), fixed(s.name, 20), []byte{26, 0, 2, 5, 15, 4, 5}, int16(3110), int16(2840), uint16(4150), uint16(777), uint32(0x10001),
		shiftVector, pixelToNM, serial, uint16(len(r.adc)), byte(24), byte(25), r.gain,
		s.kind, uint16(index), serial, fixed(s.name, 40), s.from, s.to, s.width, s.patterns, repeats, adc)
	return append(b, bytes.Repeat([]byte{0x5A}, 120)...)
}
