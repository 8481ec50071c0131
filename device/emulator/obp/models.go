// Package obp is the firmware of emulated Ocean Binary Protocol spectrometers: an STS and a Spark that
// answer live, a QE Pro and a Flame-X that queue spectra. Written from the data sheets.
package obp

import (
	"slices"

	"fentrace/device/emulator/bench"
)

// model is what the instruments differ in beside their detector.
type model struct {
	name             string
	fifo             bool // spectra queue in a buffer
	raw              bool // and are taken from it as 16-bit raw spectra
	minMicros        uint32
	maxMicros        uint32
	temperatureIndex byte
	temperature      float32
}

// firmware is one running instrument.
type firmware struct {
	*bench.Device
	model model
	dev   state
}

// baseline is the electronic offset of all models, in counts.
const baseline = 1500

// messageWords are the messages a fault can name.
var messageWords = map[string][]uint32{
	"spectrum":    {msgLive, msgBuffered, msgRawSpectra},
	"serial":      {msgSerial},
	"integration": {msgSetIntegration},
	"temperature": {msgTemperature},
	"lamp":        {msgLight},
	"pixels":      {msgPixels},
	"wavelength":  {msgWavelength},
}

// Kinds returns the instruments.
func Kinds() []bench.Kind {
	return []bench.Kind{
		kind("sts", "STS", 9600, bench.Detector{Pixels: 1024, Clip: 16383, DarkRate: 50, Rate: 40_000, Readout: 4, Shot: 0.007},
			model{name: "STS", minMicros: 10, maxMicros: 85_000_000, temperature: 31.25}),
		kind("qepro", "QEP", 115200, bench.Detector{Pixels: 1044, Clip: 200_000, DarkRate: 5, Rate: 400_000, Readout: 6, Shot: 0.2, Blind: 4},
			model{name: "QE Pro", fifo: true, minMicros: 8_000, maxMicros: 3_600_000_000, temperatureIndex: 3, temperature: -10.5}),
		kind("spark", "SPK", 9600, bench.Detector{Pixels: 1024, Clip: 16383, DarkRate: 60, Rate: 40_000, Readout: 5, Shot: 0.007},
			model{name: "Spark", minMicros: 10, maxMicros: 85_000_000, temperature: 29.5}),
		kind("flamex", "FLX", 115200, bench.Detector{Pixels: 2136, Clip: 65535, DarkRate: 100, Rate: 150_000, Readout: 8, Shot: 0.4, Masked: []int{14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29}},
			model{name: "Flame-X", fifo: true, raw: true, minMicros: 10, maxMicros: 10_000_000, temperature: 33}),
	}
}

func kind(typ, code string, baud int, det bench.Detector, m model) bench.Kind {
	det.Offset = baseline
	words := []string{"spectrum"}
	for word := range messageWords {
		if word != "spectrum" {
			words = append(words, word)
		}
	}
	slices.Sort(words[1:])
	return bench.Kind{
		Type: typ, Title: m.name, Code: code, Baud: baud, Detector: det, Words: words,
		Faults: []string{bench.Nack, bench.Exception, bench.Deferred, bench.WrongType}, Serve: m.serve,
	}
}
