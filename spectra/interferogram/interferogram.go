package interferogram

import (
	"fmt"
	"math"
	"slices"

	"fentrace/spectra"
)

// minPoints is the shortest sweep that is transformed.
const minPoints = 16

// Interferogram is the record of one measurement.
type Interferogram struct {
	// Sweeps are one or more sweeps of the mirror, all in the direction of the first: the points of a backward sweep are
	// turned round. They need not be of one length, and may have different signs.
	Sweeps [][]float64
	// IntervalCM is the optical path difference between neighbouring points in cm, > 0: 1/(2 x laser wavenumber) when
	// the instrument samples at every zero crossing of its reference laser.
	IntervalCM float64
	// Metadata describes the measurement.
	Metadata spectra.Metadata
	Title    string
}

// FromSpectrum splits an interferogram as the readers of package format give it, with its axis in spectra.DataPoint,
// Metadata.SamplingIntervalCM and, when there is more than one sweep, Metadata.Sweeps. s is not changed and shares no memory with the
// result.
//
// Errors: those of Validate; ErrNotInterferogram when the unit is another, the interval is missing, or the points do not
// divide into the sweeps.
func FromSpectrum(s spectra.Spectrum) (Interferogram, error) {
	if err := s.Validate(); err != nil {
		return Interferogram{}, fmt.Errorf("interferogram %q: %w", s.Title, err)
	}
	m := s.Metadata
	n := max(m.Sweeps, 1)
	switch {
	case s.XUnit != spectra.DataPoint:
		return Interferogram{}, fmt.Errorf("%q: %w: its axis is in %q, points are needed", s.Title, ErrNotInterferogram, s.XUnit)
	case !(m.SamplingIntervalCM > 0) || math.IsInf(m.SamplingIntervalCM, 0):
		return Interferogram{}, fmt.Errorf("%q: %w: the path difference between its points is not stated (give the laser wavenumber)", s.Title, ErrNotInterferogram)
	case len(s.Y)%n != 0 || len(s.Y)/n < minPoints:
		return Interferogram{}, fmt.Errorf("%q: %w: %d points in %d sweeps of at least %d", s.Title, ErrNotInterferogram, len(s.Y), n, minPoints)
	}
	ig := Interferogram{IntervalCM: m.SamplingIntervalCM, Metadata: m, Title: s.Title}
	for sweep := range slices.Chunk(s.Y, len(s.Y)/n) {
		sweep = slices.Clone(sweep)
		if len(ig.Sweeps)%2 == 1 {
			slices.Reverse(sweep)
		}
		ig.Sweeps = append(ig.Sweeps, sweep)
	}
	return ig, nil
}

// IsInterferogram reports whether s can be given to FromSpectrum.
func IsInterferogram(s spectra.Spectrum) bool {
	return s.XUnit == spectra.DataPoint && s.Metadata.SamplingIntervalCM > 0
}

// sweep is one sweep ready for the transform.
type sweep struct {
	y           []float64 // mean removed
	burst       int       // index of the centre burst: zero path difference to within a point
	left, right int       // points on either side of it
}

// newSweep removes the mean (the light that is not modulated) and finds the centre burst: the point farthest from it,
// of either sign, as the sign depends on the electronics.
func newSweep(y []float64) (sweep, error) {
	if len(y) < minPoints {
		return sweep{}, fmt.Errorf("%w: a sweep of %d points, at least %d are needed", ErrNotInterferogram, len(y), minPoints)
	}
	mean := 0.0
	for _, v := range y {
		mean += v / float64(len(y))
	}
	s := sweep{y: make([]float64, len(y))}
	for i, v := range y {
		s.y[i] = v - mean
		if math.Abs(s.y[i]) > math.Abs(s.y[s.burst]) {
			s.burst = i
		}
	}
	s.left, s.right = s.burst, len(y)-1-s.burst
	// Rounding leaves a constant record with a largest deviation too.
	if !(math.Abs(s.y[s.burst]) > 1e-12*math.Abs(mean)) {
		return sweep{}, fmt.Errorf("%w: all %d points of a sweep are %.6g (was the shutter open?)", ErrNoBurst, len(y), mean)
	}
	if s.short() < 2 {
		return sweep{}, fmt.Errorf("%w: the largest value of a sweep is point %d of %d, both sides of it are needed (record a few hundred points more)",
			ErrNoBurst, s.burst+1, len(y))
	}
	return s, nil
}

func (s sweep) short() int { return min(s.left, s.right) }
func (s sweep) long() int  { return max(s.left, s.right) }
