package acquire

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat"
)

// trueCounts divides counts above dark by the response of the detector (device.Info.Nonlinearity). Without dark frames
// what lies above dark is not known, and the counts stay as they are.
func (s Scan) trueCounts(v float64) float64 {
	c := s.Info.Nonlinearity
	if len(c) == 0 || len(s.Dark) == 0 {
		return v
	}
	response := 0.0
	for i := len(c) - 1; i >= 0; i-- {
		response = response*v + c[i]
	}
	if !(response > 0) {
		return v
	}
	return v / response
}

const (
	// litAlike and litShare are how alike dark frames must be to those of the sample, and how strong, to be lit ones.
	litAlike = 0.95
	litShare = 0.5
)

// doubts says in sentences what speaks against the scan although every frame came.
func (s Scan) doubts(signal, dark []float64) []string {
	var out []string
	if len(s.Info.Nonlinearity) > 0 && len(s.Dark) == 0 {
		out = append(out, "The response of the detector was not corrected: that needs dark frames.")
	}
	if len(s.Dark) > 0 && s.darkIsLit(signal, dark) {
		out = append(out, "The dark frames show what the frames of the sample show: the laser did not go off for them, or nothing of the light comes from the sample. "+
			"If this spectrometer does not switch the laser, say so and take no dark frames by it.")
	}
	if f := s.Settings.Position; f != nil {
		if err := f.Evidence(); err != nil {
			out = append(out, fmt.Sprintf("The place of this scan is not on record: %v.", err))
		}
	}
	return out
}

// darkIsLit compares the means of both kinds of frames over the pixels that belong to the spectrum.
func (s Scan) darkIsLit(signal, dark []float64) bool {
	var a, b []float64
	for p, shift := range ramanShift(s.Info, s.Settings.LaserNM) {
		if !math.IsNaN(shift) {
			a, b = append(a, signal[p]), append(b, dark[p])
		}
	}
	return stat.StdDev(b, nil) > litShare*stat.StdDev(a, nil) && stat.Correlation(a, b, nil) > litAlike
}
