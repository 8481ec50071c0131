package interferogram

import (
	"fmt"
	"maps"
	"math"
	"math/bits"
	"math/cmplx"

	"gonum.org/v1/gonum/dsp/fourier"

	"fentrace/spectra"
)

// nominal times the inverse of the largest path difference is the resolution that spectrometers state. With it, and not
// with 1, spectra come out as the spectrometer's own software computes them.
const nominal = 0.9

// evenSides is how much shorter the shorter side of the centre burst may be for a record to count as double-sided: it is
// then cut to equal sides, which costs little resolution, where a ramp would cost up to half of the light.
const evenSides = 0.9

// minPath is the shortest path difference, in points, that is transformed.
const minPath = 4

// SingleBeam is the light on the detector by wavenumber, ascending, in the units of the interferogram.
type SingleBeam struct {
	StepCM1 float64 // > 0
	First   int     // the wavenumber of Y[i] is (First+i) * StepCM1
	Y       []float64

	// PathCM is the largest path difference that was used: the resolution is about 0.9/PathCM.
	PathCM   float64
	Settings Settings
	Metadata spectra.Metadata
	Title    string
}

// X is the wavenumber of point i in cm-1.
func (b SingleBeam) X(i int) float64 { return float64(b.First+i) * b.StepCM1 }

// Spectrum returns b as a spectrum that is not searched, of technique Other.
func (b SingleBeam) Spectrum() spectra.Spectrum {
	return spectra.Spectrum{Title: b.Title, Technique: spectra.Other, XUnit: spectra.PerCM, YUnit: spectra.SingleBeam, X: b.axis(), Y: b.Y, Metadata: b.metadata()}
}

func (b SingleBeam) axis() []float64 {
	x := make([]float64, len(b.Y))
	for i := range x {
		x[i] = b.X(i)
	}
	return x
}

// metadata is that of the interferogram without what belongs to its axis, and with the settings.
func (b SingleBeam) metadata() spectra.Metadata {
	m := b.Metadata
	m.SamplingIntervalCM, m.Sweeps = 0, 0
	m.ResolutionCM1 = nominal / b.PathCM
	m.Fields = maps.Clone(m.Fields) // readers share one map between spectra
	if m.Fields == nil {
		m.Fields = map[string]string{}
	}
	m.Fields[TransformField] = b.Settings.String()
	return m
}

// Transform computes the single beam of ig: the mean of the single beams of its sweeps, each with a phase of its own. It
// takes O(N log N) and 40 N bytes for a transform of N points.
//
// Errors: ErrSetting, also when no wavenumber is in the range; ErrNotInterferogram; ErrNoBurst; spectra.ErrTooLarge when
// zero filling makes more than spectra.MaxPoints wavenumbers; spectra.ErrNotFinite.
func Transform(ig Interferogram, s Settings) (SingleBeam, error) {
	if err := s.Validate(); err != nil {
		return SingleBeam{}, fmt.Errorf("transform %q: %w", ig.Title, err)
	}
	if !(ig.IntervalCM > 0) || math.IsInf(ig.IntervalCM, 0) || len(ig.Sweeps) == 0 {
		return SingleBeam{}, fmt.Errorf("transform %q: %w: %d sweeps with points %g cm apart", ig.Title, ErrNotInterferogram, len(ig.Sweeps), ig.IntervalCM)
	}
	sweeps := make([]sweep, len(ig.Sweeps))
	path := math.Inf(1) // in points, the same for all sweeps
	for i, y := range ig.Sweeps {
		var err error
		if sweeps[i], err = newSweep(y); err != nil {
			return SingleBeam{}, fmt.Errorf("transform %q: sweep %d: %w", ig.Title, i+1, err)
		}
		path = min(path, sweeps[i].reach(s, ig.IntervalCM))
	}
	if path < minPath {
		return SingleBeam{}, fmt.Errorf("transform %q: %w: a resolution of %g cm-1 leaves less than %d points on a side (at most %.0f cm-1)",
			ig.Title, ErrSetting, s.ResolutionCM1, minPath, nominal/minPath/ig.IntervalCM)
	}
	p, err := newPlan(path, ig.IntervalCM, s)
	if err != nil {
		return SingleBeam{}, fmt.Errorf("transform %q: %w", ig.Title, err)
	}
	b := SingleBeam{StepCM1: p.step, First: p.first, Y: make([]float64, p.last-p.first+1), PathCM: path * ig.IntervalCM, Settings: s, Metadata: ig.Metadata, Title: ig.Title}
	for _, sw := range sweeps {
		p.add(b.Y, sw, 1/float64(len(sweeps)))
	}
	for i, v := range b.Y {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return SingleBeam{}, fmt.Errorf("transform %q: light at %g cm-1: %w", ig.Title, b.X(i), spectra.ErrNotFinite)
		}
	}
	return b, nil
}

// reach is the largest path difference to be used, in points: what the resolution asks for, at most the longer side of the
// record, and at most the shorter one when it is nearly as long.
func (s sweep) reach(set Settings, interval float64) float64 {
	have := float64(s.long())
	if short := float64(s.short()); short >= evenSides*have {
		have = short
	}
	return min(have, pathPoints(set.ResolutionCM1, interval))
}

// pathPoints is the path difference of a resolution in points, infinite for 0.
func pathPoints(resolution, interval float64) float64 { return nominal / resolution / interval }

// plan is a transform ready to be used on sweeps of one measurement.
type plan struct {
	path        float64 // points
	phasePath   float64
	window      func(float64) float64
	phase       Phase
	step        float64
	first, last int // wavenumbers kept, in steps

	fft         *fourier.FFT
	buffer      []float64
	full, short []complex128
}

func newPlan(path, interval float64, s Settings) (*plan, error) {
	n := s.ZeroFill << bits.Len(uint(math.Ceil(path))-1)
	if n/2+1 > spectra.MaxPoints {
		return nil, fmt.Errorf("%w: %d points after zero filling, at most %d", spectra.ErrTooLarge, n/2+1, spectra.MaxPoints)
	}
	p := &plan{path: path, phasePath: min(path, pathPoints(s.PhaseResolutionCM1, interval)), phase: s.Phase, step: 1 / (float64(n) * interval), last: n / 2}
	var err error
	if p.window, err = s.Apodisation.Window(); err != nil {
		return nil, err
	}
	// A limit that is on the grid but for its rounding counts as on it.
	const slack = 1e-6
	if p.first = int(math.Ceil(s.LowCM1/p.step - slack)); s.HighCM1 > 0 {
		p.last = min(p.last, int(math.Floor(s.HighCM1/p.step+slack)))
	}
	if p.last < p.first {
		return nil, fmt.Errorf("%w: no wavenumber between %g and %g cm-1: the record reaches from 0 to %.0f in steps of %.3g", ErrSetting, s.LowCM1, s.HighCM1, p.step*float64(n/2), p.step)
	}
	p.fft, p.buffer = fourier.NewFFT(n), make([]float64, n)
	return p, nil
}

// add adds weight times the single beam of a sweep to y.
func (p *plan) add(y []float64, s sweep, weight float64) {
	p.full = p.fft.Coefficients(p.full, p.rotate(s, p.path, s.ramp(p.path)))
	if p.phase == Power {
		for i := range y {
			y[i] += weight * cmplx.Abs(p.full[p.first+i])
		}
		return
	}
	p.short = p.fft.Coefficients(p.short, p.rotate(s, min(p.phasePath, float64(s.short())), nil))
	for i := range y {
		f, phase := p.full[p.first+i], cmplx.Phase(p.short[p.first+i])
		if p.phase == MertzSigned {
			phase = math.Remainder(phase, math.Pi)
		}
		y[i] += weight * (real(f)*math.Cos(phase) + imag(f)*math.Sin(phase))
	}
}

// rotate puts the part of a sweep within path of the centre burst, apodised and weighted, into the buffer with the burst
// at index 0 and what comes before it at the end. Where the buffer is shorter than the part it is wrapped round, which
// gives the spectrum at every second, fourth ... wavenumber and changes nothing at those.
func (p *plan) rotate(s sweep, path float64, weight func(d int) float64) []float64 {
	clear(p.buffer)
	n := len(p.buffer)
	side := int(math.Floor(path))
	for d := -min(side, s.left); d <= min(side, s.right); d++ {
		v := s.y[s.burst+d] * p.window(math.Abs(float64(d))/path)
		if weight != nil {
			v *= weight(d)
		}
		p.buffer[((d%n)+n)%n] += v
	}
	return p.buffer
}

// ramp returns the weight of a record whose shorter side does not reach path: from 0 to 2 over the double-sided part and 2
// beyond, so that every path difference counts as often as in a double-sided record. It is nil when nothing is to be
// weighted.
func (s sweep) ramp(path float64) func(d int) float64 {
	short := float64(s.short())
	if short >= math.Floor(path) {
		return nil
	}
	sign := 1.0
	if s.left > s.right {
		sign = -1
	}
	return func(d int) float64 { return min(max(1+sign*float64(d)/short, 0), 2) }
}
