package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"

	"fentrace/spectra"
)

// Transfer says how another instrument would have recorded a sample whose spectrum is at hand: what differs between
// instruments in use, as far as it changes a comparison. The zero value but for SNR changes nothing and adds noise.
type Transfer struct {
	ShiftCM1      float64 // axis error in the middle of the range, cm-1
	Stretch       float64 // relative error of distances from there, for example 0.002
	BroadeningCM1 float64 // full width at half maximum of the Gaussian that widens every line, cm-1; 0 to 50
	Tilt, Bend    float64 // response of the detector: its logarithm at the ends is ±Tilt, +Bend
	Fluorescence  float64 // height of a broad background, in units of the strongest line; 0 to 1e4
	SNR           float64 // strongest line over the noise where it stands, above 0
}

// DrawTransfer draws what instruments in use differ by. Axis: standard deviation 2 cm-1 within ±6, the spread of seven
// commercial instruments on the 1001 cm-1 line of polystyrene, and 0.1 % of stretch. Resolution: 0 to 9 cm-1 more.
// Response: a factor of up to about two over the range. Strongest line over noise: 8 to 300, fluorescence 0 to 20 times it,
// small amounts of both being more common than large ones. In the infrared the axis, which a laser keeps, varies by a
// quarter of that, and the broad background is that of scattering, at most as high as the strongest line.
func DrawTransfer(technique spectra.Technique, rng *rand.Rand) Transfer {
	t := Transfer{
		ShiftCM1: math.Max(-6, math.Min(6, 2*rng.NormFloat64())), Stretch: 0.001 * rng.NormFloat64(), BroadeningCM1: 9 * rng.Float64(),
		Tilt: 0.35 * rng.NormFloat64(), Bend: 0.2 * rng.NormFloat64(),
		Fluorescence: 20 * math.Pow(rng.Float64(), 3), SNR: 8 * math.Pow(300.0/8, rng.Float64()),
	}
	if technique == spectra.IR {
		t.ShiftCM1, t.Stretch, t.Fluorescence = t.ShiftCM1/4, t.Stretch/4, t.Fluorescence/20
	}
	return t
}

// Apply returns s as the other instrument would have recorded it: lines widened, weighed by its response, on its own axis, on a
// background of its own, with the shot noise of both. s is in cm-1 and not a peak table; its points need not be evenly
// spaced. The result is SIMULATED whatever s is. Errors: those of spectra.Spectrum.Validate, ErrSample for a peak table or
// an axis in another unit, ErrConditions for values out of range.
func (t Transfer) Apply(s spectra.Spectrum, rng *rand.Rand) (spectra.Spectrum, error) {
	if err := s.Validate(); err != nil {
		return spectra.Spectrum{}, err
	}
	switch {
	case s.Peaks || s.XUnit != spectra.PerCM || len(s.X) < 3:
		return spectra.Spectrum{}, fmt.Errorf("%w: %d points in %q: a curve in cm-1 is needed", ErrSample, len(s.X), s.XUnit)
	case !(t.BroadeningCM1 >= 0 && t.BroadeningCM1 <= 50) || !(t.Fluorescence >= 0 && t.Fluorescence <= 1e4) || !(t.SNR > 0):
		return spectra.Spectrum{}, fmt.Errorf("%w: broadening %g cm-1, fluorescence %g, line over noise %g", ErrConditions, t.BroadeningCM1, t.Fluorescence, t.SNR)
	}
	s = s.Ascending()
	low, high := s.X[0], s.X[len(s.X)-1]
	mid, half := (low+high)/2, (high-low)/2
	y := widened(s, t.BroadeningCM1)
	floats.AddConst(-floats.Min(y), y)
	for i, x := range s.X {
		u := (x - mid) / half
		y[i] *= math.Exp(t.Tilt*u + t.Bend*u*u)
	}
	top := floats.Max(y)
	if top == 0 {
		return spectra.Spectrum{}, fmt.Errorf("%w: it is flat", ErrSample)
	}
	x := make([]float64, len(y))
	for i, at := range s.X {
		x[i] = at + t.ShiftCM1 + t.Stretch*(at-mid)
	}
	floats.AddScaled(y, t.Fluorescence*top, background(x, rng))
	// Noise of one point is SNR times smaller than the strongest line where that line stands alone; elsewhere it goes with
	// the root of the light.
	for i, v := range y {
		y[i] = v + top/t.SNR*math.Sqrt((v/top+0.05)/1.05)*rng.NormFloat64()
	}
	s.X, s.Y = x, y
	s.Title, s.Metadata.Simulated = TitlePrefix+s.Title, true
	return s, nil
}

// widened convolves s with a Gaussian of full width fwhm.
func widened(s spectra.Spectrum, fwhm float64) []float64 {
	y := make([]float64, len(s.Y))
	if fwhm == 0 {
		copy(y, s.Y)
		return y
	}
	sigma := fwhm / (2 * math.Sqrt(2*math.Ln2))
	from := 0
	for i, at := range s.X {
		for s.X[from] < at-4*sigma {
			from++
		}
		var sum, weight float64
		for j := from; j < len(s.X) && s.X[j] <= at+4*sigma; j++ {
			u := (s.X[j] - at) / sigma
			w := math.Exp(-u * u / 2)
			sum += w * s.Y[j]
			weight += w
		}
		y[i] = sum / weight
	}
	return y
}
