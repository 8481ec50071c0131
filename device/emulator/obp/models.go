// Package obp is the firmware of emulated Ocean Binary Protocol spectrometers: an STS that answers live, and a QE Pro
// that queues spectra. Written from the data sheets.
package obp

import (
	"slices"

	"fentrace/device/emulator/bench"
)

// model is what the instruments differ in beside their detector.
type model struct {
	name             string
	fifo             bool
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
	"spectrum":    {msgLive, msgBuffered},
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
