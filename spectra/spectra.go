// Package spectra says what a spectrum is: an axis, its values, their units, how they were acquired and the
// hash of the bytes they came from. It does no I/O; readers are in spectra/format, processing in
// spectra/preprocess.
package spectra

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
)

// Errors that Validate wraps; test with errors.Is.
var (
	ErrEmpty        = errors.New("no data points")
	ErrNotFinite    = errors.New("value is NaN or infinite")
	ErrNotMonotonic = errors.New("axis does not run in one direction")
	ErrLength       = errors.New("axis and values differ in length")
	ErrTooLarge     = errors.New("too many data points")
)

// MaxPoints is the most points one spectrum may hold. It bounds memory before it is taken: the longest
// interferograms in use hold about 2^20 points.
const MaxPoints = 1 << 22

// Technique names the measurement. Only Raman and IR are searched; Other is readable and displayable.
type Technique string

const (
	Raman Technique = "raman"
	IR    Technique = "ir"
	Other Technique = "other"
)

// Unit is the unit of an axis or of the values, in the words a chemist would print beside it.
// A file's own unit that is not listed here is kept as it stands.
type Unit string

const (
	PerCM      Unit = "cm-1"  // Raman shift when the technique is Raman, wavenumber when it is IR
	Nanometre  Unit = "nm"    // wavelength
	Micrometre Unit = "um"    // wavelength
	Pixel      Unit = "pixel" // detector element, 0-based
	DataPoint  Unit = "point" // sample of an interferogram, 0-based; Metadata.SamplingIntervalCM says how far apart they are

	Counts        Unit = "counts"        // detector counts
	Intensity     Unit = "intensity"     // relative scattered intensity
	Absorbance    Unit = "absorbance"    // log10(1/T)
	Transmittance Unit = "transmittance" // fraction 0..1
	Reflectance   Unit = "reflectance"   // fraction 0..1
	KubelkaMunk   Unit = "kubelka-munk"  // (1-R)^2/2R of diffuse reflectance R
	SingleBeam    Unit = "single beam"   // light on the detector by wavenumber, not divided by a background
	Radian        Unit = "radian"        // phase of a single beam
	Arbitrary     Unit = "arbitrary"     // not stated
)

// Spectrum is one measured or published spectrum.
//
// X and Y have the same length. For a continuous spectrum X is strictly monotonic, in the order of the source
// (infrared files usually descend); Ascending gives the other order. With Peaks set the points are the lines of
// a peak table: positions and heights, nothing between them.
type Spectrum struct {
	Title     string    `json:"title"`
	Technique Technique `json:"technique"`
	XUnit     Unit      `json:"x_unit"`
	YUnit     Unit      `json:"y_unit"`
	X         []float64 `json:"x"`
	Y         []float64 `json:"y"`
	Peaks     bool      `json:"peaks,omitempty"`
	Metadata  Metadata  `json:"metadata"`
}

// Validate reports the first reason why s cannot be a spectrum: ErrEmpty, ErrLength, ErrTooLarge, ErrNotFinite
// (with the index) or ErrNotMonotonic (with the index; not asked of a peak table).
func (s Spectrum) Validate() error {
	switch {
	case len(s.X) == 0 && len(s.Y) == 0:
		return ErrEmpty
	case len(s.X) != len(s.Y):
		return fmt.Errorf("%w: %d positions, %d values", ErrLength, len(s.X), len(s.Y))
	case len(s.X) > MaxPoints:
		return fmt.Errorf("%w: %d, at most %d", ErrTooLarge, len(s.X), MaxPoints)
	}
	for i := range s.X {
		if !finite(s.X[i]) {
			return fmt.Errorf("axis point %d: %w", i+1, ErrNotFinite)
		}
		if !finite(s.Y[i]) {
			return fmt.Errorf("value %d: %w", i+1, ErrNotFinite)
		}
	}
	if s.Peaks || len(s.X) < 2 {
		return nil
	}
	up := s.X[1] > s.X[0]
	for i := 1; i < len(s.X); i++ {
		if s.X[i] == s.X[i-1] || (s.X[i] > s.X[i-1]) != up {
			return fmt.Errorf("axis point %d (%g after %g): %w", i+1, s.X[i], s.X[i-1], ErrNotMonotonic)
		}
	}
	return nil
}

// Ascending returns s with X increasing. The arrays are copied only when they have to be turned round; a peak
// table is sorted by position.
func (s Spectrum) Ascending() Spectrum {
	if slices.IsSorted(s.X) {
		return s
	}
	order := make([]int, len(s.X))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case s.X[a] < s.X[b]:
			return -1
		case s.X[a] > s.X[b]:
			return 1
		}
		return 0
	})
	x, y := make([]float64, len(order)), make([]float64, len(order))
	for i, j := range order {
		x[i], y[i] = s.X[j], s.Y[j]
	}
	s.X, s.Y = x, y
	return s
}

// Scans returns what there is to answer among the spectra of a file, each with its place in it. Interferograms, single
// beams and phases that a file keeps beside their result are no scans of their own; of a file that holds nothing else all
// are returned.
func Scans(list []Spectrum) iter.Seq2[int, Spectrum] {
	some := slices.ContainsFunc(list, func(s Spectrum) bool { return !s.intermediate() })
	return func(yield func(int, Spectrum) bool) {
		for i, s := range list {
			if some && s.intermediate() {
				continue
			}
			if !yield(i, s) {
				return
			}
		}
	}
}

// intermediate reports whether s is a step on the way from the detector to a spectrum.
func (s Spectrum) intermediate() bool {
	return s.Technique == Other && (s.XUnit == DataPoint || s.YUnit == SingleBeam || s.YUnit == Radian)
}

// Range returns the lowest and highest axis value, (0, 0) for an empty spectrum.
func (s Spectrum) Range() (lo, hi float64) {
	if len(s.X) == 0 {
		return 0, 0
	}
	return slices.Min(s.X), slices.Max(s.X)
}

// HashBytes returns the SHA-256 of raw as 64 lower-case hex digits: the identity of a scan everywhere in Fentrace.
func HashBytes(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
