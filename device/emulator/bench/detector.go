package bench

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"time"

	"fentrace/spectra"
)

// Detector is the electronics of a kind of spectrometer: what a pixel counts in a given time.
type Detector struct {
	Pixels   int
	Clip     float64 // counts at which a pixel saturates
	Offset   float64 // electronic baseline, counts
	DarkRate float64 // counts per second without light
	Rate     float64 // counts per second where the sample's signal is 1, unless the configuration says otherwise
	Readout  float64 // standard deviation of the read-out noise, counts; 0 for none
	Shot     float64 // variance of the photon noise per count; 0 for none
	Blind    int     // optically dark pixels at either end
	Masked   []int   // optically dark pixels elsewhere
}

// detector is one with a sample before it.
type detector struct {
	Detector
	shifts []float64 // Raman shift of each pixel's centre, cm-1
	signal []float64 // sample's signal at each pixel, 0 and up
	noise  *rand.Rand
	// response are the coefficients of a detector that is not linear.
	response []float64
}

// expose returns the counts of every pixel after t, with or without laser light on the sample.
func (d *detector) expose(t time.Duration, lit bool) []uint32 {
	counts := make([]uint32, d.Pixels)
	for p := range counts {
		v := d.DarkRate * t.Seconds()
		if lit && p >= d.Blind && p < d.Pixels-d.Blind && !slices.Contains(d.Masked, p) {
			v += d.bend(d.Rate * t.Seconds() * d.signal[p])
		}
		if d.noise != nil {
			v += d.noise.NormFloat64() * math.Sqrt(d.Readout*d.Readout+d.Shot*v)
		}
		counts[p] = uint32(math.Round(min(max(d.Offset+v, 0), d.Clip)))
	}
	return counts
}

// bend returns the counts a detector gives for true counts: the r with r / (sum c[i] r^i) = counts, found by iteration.
func (d *detector) bend(counts float64) float64 {
	if len(d.response) == 0 {
		return counts
	}
	r := counts
	for range 50 {
		p := 0.0
		for i := len(d.response) - 1; i >= 0; i-- {
			p = p*r + float64(float32(d.response[i]))
		}
		r = min(counts*p, 2*d.Clip)
	}
	return r
}

// setSample evaluates the sample over each pixel's width (the mean of eight points), as a slit would.
func (d *detector) setSample(sample func(shiftCM1 float64) float64) error {
	const points = 8
	signal := make([]float64, d.Pixels)
	for p := range signal {
		lo := (d.shifts[max(p-1, 0)] + d.shifts[p]) / 2
		hi := (d.shifts[p] + d.shifts[min(p+1, d.Pixels-1)]) / 2
		for i := range points {
			signal[p] += sample(lo+(hi-lo)*(float64(i)+0.5)/points) / points
		}
		if math.IsNaN(signal[p]) || signal[p] < 0 || math.IsInf(signal[p], 0) {
			return fmt.Errorf("sample signal at %.1f cm-1 is %g: it must be finite and not negative", d.shifts[p], signal[p])
		}
	}
	d.signal = signal
	return nil
}

// shiftAxis is 1e7/laser - 1e7/lambda(p), with the polynomial the device tells: coefficients of 32 bits.
func shiftAxis(pixels int, laserNM float64, c [4]float64) ([]float64, error) {
	axis := make([]float64, pixels)
	for p := range axis {
		x, nm := float64(p), 0.0
		for i := 3; i >= 0; i-- {
			nm = nm*x + float64(float32(c[i]))
		}
		axis[p] = 1e7/laserNM - 1e7/nm
		if nm <= 0 || p > 0 && axis[p] <= axis[p-1] {
			return nil, fmt.Errorf("wavelength coefficients %g do not rise at pixel %d", c, p)
		}
	}
	return axis, nil
}

// recorded turns a Raman spectrum into a sample signal of 0..1 over lo..hi: its lowest value there becomes 0, its
// highest 1, straight lines between its points. Beyond its ends the end values go on, so that no false edge appears.
func recorded(s spectra.Spectrum, lo, hi float64) (func(float64) float64, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if s.Technique != spectra.Raman || s.XUnit != spectra.PerCM || s.Peaks {
		return nil, fmt.Errorf("only a continuous Raman spectrum over cm-1 can be presented, this is %q over %q", s.Technique, s.XUnit)
	}
	if len(s.X) < 2 {
		return nil, errors.New("a single point is no spectrum")
	}
	s = s.Ascending()
	at := func(x float64) float64 {
		i := sort.SearchFloat64s(s.X, x)
		switch {
		case i == 0:
			return s.Y[0]
		case i == len(s.X):
			return s.Y[i-1]
		}
		f := (x - s.X[i-1]) / (s.X[i] - s.X[i-1])
		return s.Y[i-1]*(1-f) + s.Y[i]*f
	}
	lowest, highest := min(at(lo), at(hi)), max(at(lo), at(hi))
	for i, x := range s.X {
		if x >= lo && x <= hi {
			lowest, highest = min(lowest, s.Y[i]), max(highest, s.Y[i])
		}
	}
	if highest <= lowest {
		return nil, fmt.Errorf("the spectrum is flat between %.0f and %.0f cm-1, what the device sees", lo, hi)
	}
	return func(x float64) float64 { return min(max((at(x)-lowest)/(highest-lowest), 0), 1) }, nil
}

// trainingSample is what lies under the probe when nothing else was put there: invented lines on a weak slope,
// not the spectrum of any substance.
func trainingSample(shift float64) float64 {
	lines := [...]struct{ at, height, width float64 }{
		{410, 0.25, 5}, {655, 0.5, 5}, {830, 0.35, 6}, {1004, 0.9, 4}, {1170, 0.3, 6}, {1330, 0.4, 9}, {1605, 0.6, 6}, {2940, 0.5, 15},
	}
	v := 0.03 + 0.05*math.Exp(-shift/1200)
	for _, l := range lines {
		u := (shift - l.at) / l.width
		v += l.height / (1 + u*u)
	}
	return v
}
