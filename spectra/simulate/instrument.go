package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"fentrace/spectra"
)

// Instrument is a dispersive Raman spectrometer with one line of detector elements.
type Instrument struct {
	Model           string
	LaserNM         float64 // 200..2000
	LowCM1, HighCM1 float64 // Raman shifts of the first and last element
	Pixels          int     // 16..65536, evenly spaced in wavelength
	ResolutionCM1   float64 // full width at half maximum of the (Gaussian) instrument function
	ReadNoise       float64 // counts, standard deviation of one element without light
	Gain            float64 // photoelectrons per count
	Offset          float64 // counts an element shows without light; uses up full scale, subtracted from the result
	FullScale       float64 // counts at which an element saturates
	ShiftCM1        float64 // error of the axis: a line at 1000 appears at 1000 + ShiftCM1
}

// Handheld785 is a typical handheld instrument: 785 nm, 200 to 2000 cm-1, 16 bits. Its values are chosen, not
// those of any product.
func Handheld785() Instrument {
	return Instrument{
		Model: "handheld 785 nm", LaserNM: 785, LowCM1: 200, HighCM1: 2000, Pixels: 1024, ResolutionCM1: 9,
		ReadNoise: 8, Gain: 4, Offset: 1000, FullScale: 65535,
	}
}

// Conditions are those of one scan.
type Conditions struct {
	Counts       float64 // height of the strongest point of the bands, counts; 0..1e9
	Fluorescence float64 // height of the broad background, in units of Counts; 0..1e6
	CosmicRays   int     // elements hit; 0..1000
	Seed         uint64  // of noise, rays and the form of the background
}

// Spectrum simulates one dark-subtracted scan of a sample called name: pseudo-Voigt bands as wide as line and
// instrument together, a background of two broad humps, shot and read noise (normal, rounded to counts), and
// elements that clip at full scale. Values may be slightly negative. A sample without lines gives background and
// noise. Errors: ErrSample, ErrInstrument, ErrConditions.
func Spectrum(name string, lines []Line, in Instrument, c Conditions) (spectra.Spectrum, error) {
	return Mixture(name, lines, nil, in, c)
}

// Mixture is Spectrum of a sample part of which is known by its lines and part by recorded curves. Intensities of both
// are on one scale, that of summed band areas.
func Mixture(name string, lines []Line, curves []Curve, in Instrument, c Conditions) (spectra.Spectrum, error) {
	if err := validate(lines, in, c); err != nil {
		return spectra.Spectrum{}, err
	}
	x := in.axis()
	light := bands(x, lines, in)
	for _, curve := range curves {
		if err := curve.validate(); err != nil {
			return spectra.Spectrum{}, err
		}
		addCurve(light, x, curve, in)
	}
	if top := slices.Max(light); top > 0 {
		for i := range light {
			light[i] *= c.Counts / top
		}
	}
	rng := rand.New(rand.NewPCG(c.Seed, 0x52616d616e)) // a stream of its own for this package
	for i, v := range background(x, rng) {
		light[i] += v * c.Fluorescence * c.Counts
	}
	hit := make([]float64, in.Pixels)
	for range c.CosmicRays {
		hit[rng.IntN(in.Pixels)] += in.FullScale * (0.02 + 0.3*rng.ExpFloat64())
	}
	saturated := 0
	y := make([]float64, in.Pixels)
	for i, v := range light {
		noise := math.Sqrt(v/in.Gain + in.ReadNoise*in.ReadNoise)
		raw := math.Round(in.Offset + v + hit[i] + noise*rng.NormFloat64())
		if raw >= in.FullScale {
			raw = in.FullScale
			saturated++
		}
		y[i] = raw - math.Round(in.Offset)
	}
	return spectra.Spectrum{
		Title: TitlePrefix + name, Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Counts, X: x, Y: y,
		Metadata: spectra.Metadata{
			SampleName: TitlePrefix + name, Instrument: TitlePrefix + in.Model, LaserNM: in.LaserNM,
			ResolutionCM1: in.ResolutionCM1, DarkSubtracted: true, SaturatedPoints: saturated,
			FullScale: in.FullScale - math.Round(in.Offset), Simulated: true,
		},
	}, nil
}

func validate(lines []Line, in Instrument, c Conditions) error {
	if len(lines) > MaxLines {
		return fmt.Errorf("%w: %d lines, at most %d", ErrSample, len(lines), MaxLines)
	}
	for _, l := range lines {
		if err := l.validate(); err != nil {
			return err
		}
	}
	for _, q := range []struct {
		kind          error
		name          string
		value, lo, hi float64
		openAtLow     bool
		unit          string
	}{
		{ErrInstrument, "laser", in.LaserNM, 200, 2000, false, "nm"},
		{ErrInstrument, "lowest shift", in.LowCM1, -1000, 4500, false, "cm-1"},
		{ErrInstrument, "highest shift", in.HighCM1, in.LowCM1, 4500, true, "cm-1"},
		{ErrInstrument, "number of elements", float64(in.Pixels), 16, 65536, false, ""},
		{ErrInstrument, "resolution", in.ResolutionCM1, 0, 500, true, "cm-1"},
		{ErrInstrument, "read noise", in.ReadNoise, 0, 1e6, false, "counts"},
		{ErrInstrument, "gain", in.Gain, 0, 1e6, true, "electrons per count"},
		{ErrInstrument, "offset", in.Offset, 0, 1e9, false, "counts"},
		{ErrInstrument, "full scale", in.FullScale, in.Offset, 1e10, true, "counts"},
		{ErrInstrument, "axis error", in.ShiftCM1, -1000, 1000, false, "cm-1"},
		{ErrConditions, "counts", c.Counts, 0, 1e9, false, "counts"},
		{ErrConditions, "fluorescence", c.Fluorescence, 0, 1e6, false, "times the counts"},
		{ErrConditions, "cosmic rays", float64(c.CosmicRays), 0, 1000, false, ""},
	} {
		if !(q.value >= q.lo && q.value <= q.hi) || q.openAtLow && q.value == q.lo {
			return fmt.Errorf("%w: %s %g %s: must be between %g and %g", q.kind, q.name, q.value, q.unit, q.lo, q.hi)
		}
	}
	return nil
}

// axis returns the Raman shift of every element, as the instrument believes it to be.
func (in Instrument) axis() []float64 {
	wavelength := func(shift float64) float64 { return 1 / (1/in.LaserNM - shift*1e-7) }
	first, last := wavelength(in.LowCM1), wavelength(in.HighCM1)
	x := make([]float64, in.Pixels)
	for i := range x {
		t := float64(i) / float64(in.Pixels-1)
		x[i] = (1/in.LaserNM - 1/(first*(1-t)+last*t)) * 1e7
	}
	return x
}

// bands sums the lines at x. A pseudo-Voigt of the width and mixing of P. Thompson, D. E. Cox, J. B. Hastings,
// J. Appl. Cryst. 20 (1987) 79 stands for the Lorentzian line convolved with the Gaussian instrument function,
// within 1.2 % of the maximum.
func bands(x []float64, lines []Line, in Instrument) []float64 {
	y := make([]float64, len(x))
	for _, l := range lines {
		if l.Intensity == 0 {
			continue
		}
		width, eta := pseudoVoigt(in.ResolutionCM1, l.WidthCM1)
		lorentz := l.Intensity * eta * 2 / (math.Pi * width)
		gauss := l.Intensity * (1 - eta) * 2 / width * math.Sqrt(math.Ln2/math.Pi)
		for i, at := range x {
			u := 2 * (at - in.ShiftCM1 - l.CM1) / width
			y[i] += lorentz/(1+u*u) + gauss*math.Exp(-math.Ln2*u*u)
		}
	}
	return y
}

// pseudoVoigt returns the full width at half maximum and the Lorentzian share for the two widths.
func pseudoVoigt(g, l float64) (width, eta float64) {
	width = math.Pow(math.Pow(g, 5)+2.69269*math.Pow(g, 4)*l+2.42843*math.Pow(g, 3)*l*l+
		4.47163*g*g*math.Pow(l, 3)+0.07842*g*math.Pow(l, 4)+math.Pow(l, 5), 0.2)
	r := l / width
	return width, r * (1.36603 + r*(-0.47719+r*0.11116))
}

// background draws two broad humps with a maximum of 1.
func background(x []float64, rng *rand.Rand) []float64 {
	span := x[len(x)-1] - x[0]
	y := make([]float64, len(x))
	for hump := range 2 {
		centre := x[0] + span*(0.1+0.4*float64(hump)+0.4*rng.Float64())
		width := span * (0.35 + 0.35*rng.Float64())
		height := 0.5 + rng.Float64()
		for i := range x {
			u := (x[i] - centre) / width
			y[i] += height * math.Exp(-u*u)
		}
	}
	top := slices.Max(y)
	for i := range y {
		y[i] /= top
	}
	return y
}
