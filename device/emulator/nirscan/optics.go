package nirscan

import (
	"math"
	"math/rand/v2"

	"fentrace/device/emulator/bench"
)

const (
	fullScale = 1<<23 - 1
	darkLevel = 12_000 // reading with all mirrors off
	lampLight = 400_000
	readNoise = 250 // standard deviation of one reading, before the gain

	// goldenWidth is the width that lampLight is for.
	goldenWidth = 6
)

// wavelength of a column of mirrors: the coefficients that the firmware writes into an uncalibrated device.
var (
	pixelToNM   = [3]float64{1784.902664, -0.874372, -0.000278}
	shiftVector = [3]float64{-2.74909, 0.0278162, -0.0000681733}
)

// scanSetup is a stored configuration; of a slew scan each section is one.
type scanSetup struct {
	kind     byte
	name     string
	from, to uint16
	width    byte
	patterns uint16
	repeats  uint16
	sections []section
}

type section struct {
	scanSetup
	exposure uint16 // its code
}

// factory are the configurations in a new device, a slew scan, and a short one.
var factory = []scanSetup{
	{kind: 0, name: "Column 1", from: 900, to: 1700, width: 6, patterns: 228, repeats: 6},
	{kind: 1, name: "Hadamard 1", from: 900, to: 1700, width: 6, patterns: 228, repeats: 6},
	{kind: 2, name: "Slew 1", repeats: 2, patterns: 128, sections: []section{
		{scanSetup{kind: 0, from: 950, to: 1300, width: 6, patterns: 60}, 0},
		{scanSetup{kind: 1, from: 1310, to: 1650, width: 7, patterns: 68}, 1},
	}},
	{kind: 0, name: "Short 1", from: 1000, to: 1600, width: 6, patterns: 64, repeats: 1},
	{kind: 0, name: "Narrow 1", from: 1000, to: 1600, width: 5, patterns: 48, repeats: 1},
}

// parts are the sections of a slew scan, the scan itself otherwise.
func (s scanSetup) parts() []scanSetup {
	if s.kind != 2 {
		return []scanSetup{s}
	}
	var parts []scanSetup
	for _, p := range s.sections {
		parts = append(parts, p.scanSetup)
	}
	return parts
}

// micros is how long one pass over all patterns takes.
func (s scanSetup) micros() float64 {
	codes := [...]float64{635, 1270, 2450, 5080, 15240, 30480, 60960}
	if s.kind != 2 {
		return codes[0] * float64(len(s.sequence()))
	}
	var t float64
	for _, p := range s.sections {
		t += codes[p.exposure] * float64(p.patterns)
	}
	return t
}

// sequence numbers the patterns in the order they are shown; -1 is all mirrors off, after every 24.
func (s scanSetup) sequence() []int {
	var order []int
	for i := range int(s.patterns) {
		if order = append(order, i); i%24 == 23 {
			order = append(order, -1)
		}
	}
	return order
}

// centres are the wavelengths of a part's patterns: the columns are spread evenly between those of its ends, cut off to
// whole ones, and an even number of mirrors has its middle half a column below.
func (s scanSetup) centres() []float64 {
	toColumn := func(nm float64) float64 {
		a, b, c := pixelToNM[2], pixelToNM[1], pixelToNM[0]-nm
		return (-b - math.Sqrt(b*b-4*a*c)) / (2 * a) // the root on the mirrors
	}
	begin, end := toColumn(float64(s.from)), toColumn(float64(s.to))
	out := make([]float64, s.patterns)
	middle := begin
	for i := range out {
		column := float64(int(middle))
		middle += (end - begin) / float64(s.patterns-1)
		if s.width%2 == 0 {
			column -= 0.5
		}
		out[i] = pixelToNM[2]*column*column + pixelToNM[1]*column + pixelToNM[0]
	}
	return out
}

// lamp is the light that a white surface sends back, 0 to 1.
func lamp(nm float64) float64 {
	u := (nm - 1330) / 300
	return 0.15 + 0.85*math.Exp(-u*u)
}

// training is the reflectance of an invented sample: overtone bands of no substance.
func training(cm1 float64) float64 {
	bands := [...]struct{ nm, depth, width float64 }{{1120, 0.25, 18}, {1195, 0.45, 14}, {1390, 0.35, 16}, {1420, 0.3, 22}, {1530, 0.2, 30}}
	r := 0.85
	for _, b := range bands {
		u := (1e7/cm1 - b.nm) / b.width
		r *= 1 - b.depth*math.Exp(-u*u)
	}
	return r
}

// light is what one pattern gives at gain 1, above the dark level.
func light(s scanSetup, nm, reflectance, brightness float64) float64 {
	return brightness * lamp(nm) * reflectance * float64(s.width) / goldenWidth
}

// reading is one scan: the mean of the repeats at each pattern, and at which gain.
type reading struct {
	adc  []int32
	gain byte
}

// measure takes a scan of what reflects.
func (f *firmware) measure(s scanSetup, repeats uint16, reflect func(cm1 float64) float64) reading {
	var signal []float64
	var peak float64
	for _, p := range s.parts() {
		for _, nm := range p.centres() {
			v := light(p, nm, reflect(1e7/nm), f.Config.Rate)
			signal, peak = append(signal, v), max(peak, v)
		}
	}
	r := reading{gain: f.gain}
	if !f.gainFixed {
		r.gain = 1
		for next := r.gain; next < 64 && float64(next)*2 <= 7549747/(darkLevel+peak); {
			next *= 2
			r.gain = next
		}
	}
	noise := f.noise
	for _, pattern := range s.sequence() {
		v := float64(darkLevel)
		if pattern >= 0 {
			v += float64(r.gain) * signal[pattern]
		}
		if noise != nil {
			v += float64(r.gain) * readNoise * noise.NormFloat64() / math.Sqrt(float64(repeats))
		}
		r.adc = append(r.adc, int32(min(max(v, -fullScale), fullScale)))
	}
	return r
}

func newNoise(c bench.Config) *rand.Rand {
	if c.Noiseless {
		return nil
	}
	return rand.New(rand.NewPCG(c.Seed, 0x4E4952))
}

// spectrum is the device's own interpretation: wavelengths, and readings less the mean of the dark ones.
func (r reading) spectrum(s scanSetup) (nm []float64, counts []int32) {
	for _, p := range s.parts() {
		nm = append(nm, p.centres()...)
	}
	var dark, n int32
	order := s.sequence()
	for i, pattern := range order {
		if pattern < 0 {
			dark, n = dark+r.adc[i], n+1
		}
	}
	if n > 0 {
		dark /= n
	}
	for i, pattern := range order {
		if pattern >= 0 {
			counts = append(counts, r.adc[i]-dark)
		}
	}
	return nm, counts
}
