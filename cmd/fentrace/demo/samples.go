package demo

import (
	"fmt"
	"math"

	"fentrace/spectra"
	"fentrace/spectra/simulate"
)

// Sample is what lies under the probe of the emulated spectrometer. The signal is brought to the same height for all;
// what differs is how much of it is bands.
type Sample struct {
	Mixture Mixture
	Trouble string // why it is hard to scan, empty for a good sample
	// Glow is the height of the fluorescence, in units of the strongest band.
	Glow float64
	// Elastic is the height of the laser light that leaks through the edge filter near 200 cm-1, in units of the
	// strongest band. A sample that scatters little Raman light shows mostly this.
	Elastic float64
}

// Samples come under the probe one after the other, a new one with each scan, and from the beginning after the last.
// The first gives an alarm, so that the first scan of a new user shows findings and an overlay.
var Samples = []Sample{
	{Mixture: Mixture{{"Fentanyl", 0.20}, {"caffeine", 0.45}, {"mannitol", 0.35}}},
	{Mixture: Mixture{{"acetaminophen", 0.60}, {"lactose", 0.40}}},
	{Mixture: Mixture{{analog, 0.35}, {"lactose", 0.65}}},
	{Mixture: Mixture{{"methamphetamine", 1}}},
	{Mixture: Mixture{{"heroin", 0.30}, {"caffeine", 0.70}}, Trouble: "strong fluorescence", Glow: 150},
	{Mixture: Mixture{{"Fentanyl", 0.50}, {"xylazine", 0.50}}},
	{Mixture: Mixture{{"mannitol", 1}}, Trouble: "hardly any Raman signal", Elastic: 400},
	{Mixture: Mixture{{withheld, 1}}, Trouble: "not in the simulated library"},
	{Mixture: Mixture{{"caffeine", 1}}},
}

// String says what the sample is, as a terminal shows it.
func (s Sample) String() string {
	text := simulate.TitlePrefix + s.Mixture.String()
	if s.Trouble != "" {
		text += " (" + s.Trouble + ")"
	}
	return text
}

// elasticReach (cm-1) is how quickly the leaking laser light falls off along the axis.
const elasticReach = 25

// spectrum is the light the sample sends, without noise: that is the emulated detector's part.
func (s Sample) spectrum(table lineTable) (spectra.Spectrum, error) {
	lines, err := table.mix(s.Mixture)
	if err != nil {
		return spectra.Spectrum{}, err
	}
	out, err := lightOf(s.Mixture.String(), lines, s.Glow)
	if err != nil {
		return spectra.Spectrum{}, fmt.Errorf("simulate a sample: %w", err)
	}
	first := out.X[0]
	for i, x := range out.X {
		out.Y[i] += s.Elastic * bands * math.Exp(-(x-first)/elasticReach)
	}
	return out, nil
}

// bands is how many counts the strongest band has: so many that rounding is not seen.
const bands = 1e6

// lightOf is the light of lines over a glow, in units of the strongest band, on a fine axis.
func lightOf(name string, lines []simulate.Line, glow float64) (spectra.Spectrum, error) {
	optics := simulate.Handheld785()
	optics.Pixels = 4096
	optics.ReadNoise, optics.Offset, optics.Gain, optics.FullScale = 0, 0, 1e6, 1e10
	const backgroundSeed = 3 // gives a broad hump without steep sides
	return simulate.Spectrum(name, lines, optics, simulate.Conditions{Counts: bands, Fluorescence: glow, Seed: backgroundSeed})
}
