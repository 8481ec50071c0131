package analog

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/floats"

	"fentrace/library/search"
	"fentrace/spectra"
	"fentrace/spectra/preprocess"
)

// What the scans are like that a model is fitted on; each is drawn evenly from its range unless said otherwise.
const (
	bestResolution, worstResolution = 6., 12.  // cm-1
	axisSigma                       = 1.5      // cm-1, normal
	leastSNR, mostSNR               = 15., 60. // strongest line over noise
	mostFluorescence                = 6.       // times the strongest line
	leastSpacing, mostSpacing       = 1.2, 2.4
	leastShare                      = 0.1 // of the signal, in mixtures; drawn evenly in its logarithm
	mostCuts                        = 3
	pureEvery                       = 3 // one scan in so many is of the substance alone
)

// sample is a reference without background, scaled to unit area: what is left to vary is the instrument and the cut.
type sample struct {
	substance string
	cut       bool
	y         []float64 // 1 cm-1 apart
}

// newSample takes the background off s between low and low+n-1 cm-1.
func newSample(e Example, low, n int) (sample, error) {
	s, err := e.Spectrum.Resample(spectra.Grid{Start: float64(low), Step: 1, N: n})
	if err != nil {
		return sample{}, err
	}
	plan, err := preprocess.NewARPLS(n, 1e6, 1e-3, 100)
	if err != nil {
		return sample{}, err
	}
	base := make([]float64, n)
	if _, err := plan.Fit(base, s.Y); err != nil && !errors.Is(err, preprocess.ErrUnsettled) {
		return sample{}, err
	}
	area := 0.0
	for i := range s.Y {
		s.Y[i] = math.Max(s.Y[i]-base[i], 0)
		area += s.Y[i]
	}
	if !(area > 0) {
		return sample{}, fmt.Errorf("%s: %w: it has no lines above its background", e.Name, search.ErrNotSearchable)
	}
	floats.Scale(1/area, s.Y)
	return sample{e.SubstanceID, e.Cut, s.Y}, nil
}

// simulated is one scan that another instrument would take of this sample, alone or with some of the cuts, prepared
// as scans are.
func (s sample) simulated(cuts []sample, low int, pure bool, rng *rand.Rand) (search.Vector, error) {
	resolution := bestResolution + (worstResolution-bestResolution)*rng.Float64()
	shift := axisSigma * rng.NormFloat64()
	snr := leastSNR + (mostSNR-leastSNR)*rng.Float64()
	light := slices.Clone(s.y)
	if !pure {
		share := math.Exp(rng.Float64() * math.Log(leastShare))
		floats.Scale(share, light)
		mixIn(light, s.substance, cuts, 1-share, rng)
	}
	light = broadened(light, extraSigma(resolution))
	floats.Scale(1/floats.Max(light), light)
	glow := mostFluorescence * rng.Float64()
	floats.AddScaled(light, glow, fluorescence(len(light), rng))
	snr *= math.Sqrt(1 + glow) // the ratio is that of the scan, with the noise of its fluorescence

	span := float64(len(light) - 1)
	spacing := leastSpacing + (mostSpacing-leastSpacing)*rng.Float64()
	x := make([]float64, int(span/spacing)+2)
	y := make([]float64, len(x))
	for i := range x {
		at := span * float64(i) / float64(len(x)-1)
		x[i] = float64(low) + at
		from := math.Max(0, math.Min(span, at-shift))
		k := min(int(from), len(light)-2)
		v := light[k] + (from-float64(k))*(light[k+1]-light[k])
		y[i] = v + rng.NormFloat64()*math.Sqrt(math.Max(v, 0))/snr
	}
	return search.Prepare(spectra.Spectrum{
		Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Intensity, X: x, Y: y,
		Metadata: spectra.Metadata{Simulated: true},
	})
}

// mixIn adds one to mostCuts of the cuts other than the substance itself, in random proportions.
func mixIn(light []float64, substance string, cuts []sample, share float64, rng *rand.Rand) {
	chosen, weights, total := []sample{}, []float64{}, 0.0
	for range 1 + rng.IntN(mostCuts) {
		c := cuts[rng.IntN(len(cuts))]
		if c.substance == substance || slices.ContainsFunc(chosen, func(o sample) bool { return o.substance == c.substance }) {
			continue
		}
		w := rng.ExpFloat64()
		chosen, weights, total = append(chosen, c), append(weights, w), total+w
	}
	for i, c := range chosen {
		floats.AddScaled(light, share*weights[i]/total, c.y)
	}
}

// broadened is y under a Gaussian instrument function; the ends are continued level.
func broadened(y []float64, sigma float64) []float64 {
	if sigma < 0.3 {
		return y
	}
	reach := int(math.Ceil(4 * sigma))
	kernel := make([]float64, 2*reach+1)
	for i := range kernel {
		u := float64(i-reach) / sigma
		kernel[i] = math.Exp(-u * u / 2)
	}
	floats.Scale(1/floats.Sum(kernel), kernel)
	padded := make([]float64, len(y)+2*reach)
	for i := range padded {
		padded[i] = y[max(0, min(len(y)-1, i-reach))]
	}
	out := make([]float64, len(y))
	for i := range out {
		out[i] = floats.Dot(kernel, padded[i:i+len(kernel)])
	}
	return out
}

// fluorescence is two broad humps whose highest point is 1.
func fluorescence(n int, rng *rand.Rand) []float64 {
	y := make([]float64, n)
	for hump := range 2 {
		centre := float64(n) * (0.1 + 0.4*float64(hump) + 0.4*rng.Float64())
		width := float64(n) * (0.35 + 0.35*rng.Float64())
		height := 0.5 + rng.Float64()
		for i := range y {
			u := (float64(i) - centre) / width
			y[i] += height * math.Exp(-u*u)
		}
	}
	floats.Scale(1/floats.Max(y), y)
	return y
}
