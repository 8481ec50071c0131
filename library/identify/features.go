package identify

import (
	"errors"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"

	"fentrace/library/search"
	"fentrace/spectra"
	"fentrace/spectra/preprocess"
)

// features are what a scan shows by itself, before any library.
type features struct {
	low, high    float64 // cm-1, of the compared window that the scan covers
	peaks        []preprocess.Peak
	snr          float64
	fluorescence float64
	saturated    int
}

// A line is one that stands lineNoise noise levels and lineShare of the strongest line out of its surroundings.
const (
	lineNoise = 5.0
	lineShare = 0.03
)

// featurePipeline puts the compared window of the scan on whole wavenumbers and lightly smooths it; the background is then taken off.
var featurePipeline = preprocess.Pipeline{Name: "features", Version: "1", Steps: []preprocess.Step{
	{Op: "resample", Params: map[string]float64{"step": 1}},
	{Op: "savgol", Params: map[string]float64{"window": 7, "order": 2, "derivative": 0}},
}}

// extract finds the lines of s and how far they stand out. s is ascending, in cm-1.
func extract(s spectra.Spectrum) (features, error) {
	var f features
	smooth, err := search.Windowed(featurePipeline, s.Technique).Run(s)
	if err != nil {
		return f, err
	}
	f.low, f.high = smooth.Range()
	base, err := background(smooth.Y)
	if err != nil {
		return f, err
	}
	bands := make([]float64, len(base))
	floats.SubTo(bands, smooth.Y, base)
	top := floats.Max(bands)
	noise := preprocess.Noise(s.Y)
	if noise > 0 {
		f.snr = math.Max(top, 0) / noise
	} else if top > 0 {
		f.snr = math.Inf(1)
	}
	f.fluorescence = backgroundShare(base, bands)
	f.peaks = preprocess.FindPeaks(bands, smooth.X[0], smooth.X[1]-smooth.X[0], math.Max(lineNoise*noise, lineShare*top))
	return f, nil
}

// backgroundStep (cm-1) is the distance of the points through which the background goes: it is smooth over tens of them.
const backgroundStep = 4

// background is the smooth background of values 1 cm-1 apart. The stiffness of 1e6 at 1 cm-1 suits Raman spectra (Baek 2015;
// checked on E1840 lines); it goes with the fourth power of the distance.
func background(y []float64) ([]float64, error) {
	n := len(y) / backgroundStep
	means, at := make([]float64, n), make([]float64, n)
	for i := range means {
		means[i] = floats.Sum(y[i*backgroundStep:(i+1)*backgroundStep]) / backgroundStep
		at[i] = float64(i*backgroundStep) + (backgroundStep-1)/2.0
	}
	plan, err := preprocess.NewARPLS(n, 1e6/(backgroundStep*backgroundStep*backgroundStep*backgroundStep), 1e-3, 100)
	if err != nil {
		return nil, err
	}
	base := make([]float64, n)
	if _, err := plan.Fit(base, means); err != nil && !errors.Is(err, preprocess.ErrUnsettled) {
		return nil, err
	}
	out := make([]float64, len(y))
	for i := range out {
		k := max(0, min(n-2, int((float64(i)-at[0])/backgroundStep)))
		f := (float64(i) - at[k]) / backgroundStep // beyond 0..1 at the ends
		out[i] = base[k] + f*(base[k+1]-base[k])
	}
	return out, nil
}

// backgroundShare is the part of the signal above its lowest point that is smooth background, 0..1.
func backgroundShare(base, bands []float64) float64 {
	floor := floats.Min(base)
	var background, lines float64
	for i, b := range base {
		background += b - floor
		lines += math.Max(bands[i], 0)
	}
	if background+lines == 0 {
		return 0
	}
	return background / (background + lines)
}

// Limits of Whitaker and Hayes' ray filter as preprocess.Display uses them.
const (
	rayThreshold = 8
	rayReach     = 3
)

// withoutRays takes cosmic rays out of a Raman scan and says how many points they were. One ray can otherwise outweigh
// every line, since the derivative is largest where the signal is narrowest. Infrared detectors see no rays.
func withoutRays(s spectra.Spectrum) (spectra.Spectrum, int, error) {
	if s.Technique != spectra.Raman || s.Peaks {
		return s, 0, nil
	}
	y := make([]float64, len(s.Y))
	replaced, err := preprocess.Despike(y, s.Y, rayThreshold, rayReach)
	if errors.Is(err, preprocess.ErrTooFew) {
		return s, 0, nil // too short to be compared, which is said later
	}
	s.Y = y
	return s, len(replaced), err
}

// saturatedPoints counts the detector elements at full scale that were no rays: as the instrument reported, else the
// flat top of a strong signal. Three equal highest values in a row do not happen by chance in counts of a thousand
// and more. rays is how many points of s were replaced.
func saturatedPoints(s spectra.Spectrum, rays int) int {
	if s.Metadata.SaturatedPoints > 0 {
		return max(0, s.Metadata.SaturatedPoints-rays)
	}
	top := slices.Max(s.Y)
	if top < 1000 || s.Technique != spectra.Raman {
		return 0
	}
	longest, run, at := 0, 0, 0
	for _, y := range s.Y {
		if y == top {
			run++
			at++
		} else {
			run = 0
		}
		longest = max(longest, run)
	}
	if longest < 3 {
		return 0
	}
	return at
}
