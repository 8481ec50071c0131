// Package oceanletter is the firmware of emulated spectrometers that speak Ocean Optics' one-letter commands on RS-232:
// USB2000, USB2000+ and USB4000. Written from the data sheets.
package oceanletter

import (
	"time"

	"fentrace/device/emulator/bench"
)

// model is what the instruments differ in beside their detector.
type model struct {
	version     uint16
	counting    bool   // the header of USB2000: channel, scan number, scans in memory
	bauds       []int  // by K value; 0 is refused
	maxAdd      uint16 // scans to add
	minMillis   uint16
	maxMillis   uint16
	minMicros   uint32 // of the letter i; 0 when there is none
	startMillis uint16
	hundredths  int16 // board temperature; 0 when there is no sensor
	lastSlot    uint16
	letters     string // parameters that can be read with ?
	pad         string // what follows a calibration text
}

const maxMicros = 65_000_000

// maxText is how long a calibration text may be.
const maxText = 15

// maxOrder is the highest order of the nonlinearity polynomial.
const maxOrder = 7

// answerWords are what a fault can call the answer to a command by.
var answerWords = map[string][]string{
	"spectrum": {"S"}, "version": {"v"}, "slot": {"?x"}, "integration": {"I", "i"}, "lamp": {"J"}, "temperature": {"t"},
	"baud": {"K"}, "pixels": {"P"}, "mode": {"a", "b"}, "averages": {"A"}, "checksum": {"k"}, "compression": {"G"}, "idle": {" "},
}

// Kinds returns the instruments.
func Kinds() []bench.Kind {
	words := []string{
		"spectrum", "averages", "baud", "checksum", "compression", "idle", "integration", "lamp", "mode", "pixels", "slot",
		"temperature", "version",
	}
	kind := func(typ, title, code string, det bench.Detector, m model) bench.Kind {
		return bench.Kind{
			Type: typ, Title: title, Code: code, Baud: 9600, Detector: det, Words: words,
			Faults: []string{bench.Nack}, Serve: m.serve,
		}
	}
	return []bench.Kind{
		kind("usb2000", "USB2000", "U2K",
			bench.Detector{Pixels: 2048, Clip: 4095, Offset: 120, DarkRate: 20, Rate: 8_000, Readout: 2, Shot: 0.03, Blind: 24},
			model{
				version: 2160, counting: true, bauds: []int{2400, 4800, 9600, 19200, 38400, 57600, 115200},
				maxAdd: 15, minMillis: 5, maxMillis: 65535, startMillis: 100, lastSlot: 17, letters: "BAIKTJ",
			}),
		kind("usb2000plus", "USB2000+", "U2P",
			bench.Detector{Pixels: 2048, Clip: 65535, Offset: 1500, DarkRate: 50, Rate: 120_000, Readout: 12, Shot: 0.4, Blind: 21},
			model{
				version: 1020, bauds: []int{2400, 4800, 9600, 19200, 38400, 0, 115200},
				maxAdd: 5000, minMillis: 1, maxMillis: 65000, minMicros: 1000, startMillis: 10, hundredths: 3125, lastSlot: 18, letters: "BAIKTJy", pad: "zeros",
			}),
		kind("usb4000", "USB4000", "U4K",
			bench.Detector{Pixels: 3840, Clip: 65535, Offset: 1500, DarkRate: 50, Rate: 120_000, Readout: 15, Shot: 0.4, Blind: 21, Masked: unlit(3669, 3840)},
			model{
				version: 1030, bauds: []int{2400, 4800, 9600, 19200, 38400, 0, 115200, 230400},
				maxAdd: 5000, minMillis: 1, maxMillis: 65000, minMicros: 10, startMillis: 6, lastSlot: 30, letters: "BAIKTJyij", pad: "zero",
			}),
	}
}

// The waits of a change of rate: the device is deaf after its acknowledgement, then listens for the repetition.
const (
	rateSettles = 50 * time.Millisecond
	rateWaits   = time.Second
)

// unlit lists the pixels from first up to before end.
func unlit(first, end int) []int {
	var pixels []int
	for p := first; p < end; p++ {
		pixels = append(pixels, p)
	}
	return pixels
}
