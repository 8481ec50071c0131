package preprocess

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/floats"

	"fentrace/spectra"
)

// MaxResampled is the most points a resample step makes, so that two lines of text that claim an axis of millions
// of cm-1 cannot ask for minutes of work.
const MaxResampled = 1 << 17

// operation is one kind of step. Run gets an ascending spectrum that is valid and not constant, with at least one
// point, and every parameter within its range; it must not write to the arrays of s.
type operation struct {
	name   string
	params []parameter
	check  func(params map[string]float64) error // of parameters together; may be nil
	run    func(s spectra.Spectrum, params map[string]float64) (spectra.Spectrum, error)
}

type parameter struct {
	name      string
	standard  float64 // when it is not given
	low, high float64 // inclusive
	whole     bool
}

// operations is every step there is.
var operations = []operation{
	{name: "despike", run: runDespike, params: []parameter{
		{name: "threshold", standard: 8, low: 1, high: 1000},
		{name: "m", standard: 3, low: 1, high: 100, whole: true},
	}},
	{name: "crop", run: runCrop, check: checkCrop, params: []parameter{ // cm-1, inclusive
		{name: "low", standard: 0, low: -1e5, high: 1e5},
		{name: "high", standard: 1e5, low: -1e5, high: 1e5},
	}},
	{name: "resample", run: runResample, params: []parameter{
		{name: "step", standard: 1, low: 1e-3, high: 100}, // cm-1, see spectra.Spectrum.CommonGrid
	}},
	{name: "arpls", run: runARPLS, params: []parameter{ // see NewARPLS
		{name: "lambda", standard: 1e6, low: 1e-6, high: MaxLambda},
		{name: "tol", standard: 1e-3, low: 1e-12, high: 0.5},
		{name: "max_iter", standard: 100, low: 1, high: 1000, whole: true},
	}},
	{name: "savgol", run: runSavGol, check: checkSavGol, params: []parameter{ // see NewSavGol
		{name: "window", standard: 11, low: 1, high: MaxWindow, whole: true},
		{name: "order", standard: 2, low: 0, high: 20, whole: true},
		{name: "derivative", standard: 0, low: 0, high: 20, whole: true},
	}},
	{name: "vector", run: runVector},
	{name: "snv", run: runSNV},
	{name: "max", run: runMax},
}

func (op operation) parameterNames() string {
	if len(op.params) == 0 {
		return "it has none"
	}
	names := make([]string, len(op.params))
	for i, q := range op.params {
		names[i] = q.name
	}
	return "there are " + strings.Join(names, ", ")
}

func (q parameter) want() string {
	kind := ""
	if q.whole {
		kind = "a whole number, "
	}
	return fmt.Sprintf("%s%g to %g", kind, q.low, q.high)
}

func runDespike(s spectra.Spectrum, p map[string]float64) (spectra.Spectrum, error) {
	y := make([]float64, len(s.Y))
	_, err := Despike(y, s.Y, p["threshold"], int(p["m"]))
	s.Y = y
	return s, err
}

func checkCrop(p map[string]float64) error {
	if p["low"] >= p["high"] {
		return fmt.Errorf("%w: crop from %g to %g: low must be below high", ErrParameter, p["low"], p["high"])
	}
	return nil
}

func runCrop(s spectra.Spectrum, p map[string]float64) (spectra.Spectrum, error) {
	if err := perCM(s); err != nil {
		return s, err
	}
	from, _ := slices.BinarySearch(s.X, p["low"])
	to, found := slices.BinarySearch(s.X, p["high"])
	if found {
		to++
	}
	if to-from < 2 {
		lo, hi := s.Range()
		return s, fmt.Errorf("%w: %d of the points from %g to %g cm-1 are in %g to %g", ErrTooFew, max(0, to-from), lo, hi, p["low"], p["high"])
	}
	s.X, s.Y = s.X[from:to:to], s.Y[from:to:to]
	return s, nil
}

func runResample(s spectra.Spectrum, p map[string]float64) (spectra.Spectrum, error) {
	if err := perCM(s); err != nil {
		return s, err
	}
	g := s.CommonGrid(p["step"])
	if g.N > MaxResampled {
		lo, hi := s.Range()
		return s, fmt.Errorf("%w: %g to %g cm-1 in steps of %g, at most %d points", spectra.ErrTooLarge, lo, hi, p["step"], MaxResampled)
	}
	return s.Resample(g)
}

func runARPLS(s spectra.Spectrum, p map[string]float64) (spectra.Spectrum, error) {
	plan, err := NewARPLS(len(s.Y), p["lambda"], p["tol"], int(p["max_iter"]))
	if err != nil {
		return s, err
	}
	y := make([]float64, len(s.Y))
	_, err = plan.Fit(y, s.Y)
	if errors.Is(err, ErrUnsettled) {
		s.Metadata.Warnings = append(slices.Clip(s.Metadata.Warnings),
			fmt.Sprintf("The baseline did not settle in %g rounds; the last one was taken.", p["max_iter"]))
	} else if err != nil {
		return s, err
	}
	floats.SubTo(y, s.Y, y)
	// The equations are solved to about lambda times the machine precision.
	lost := max(1e-9, 64*0x1p-52*p["lambda"]) * floats.Norm(s.Y, math.Inf(1))
	if floats.Norm(y, math.Inf(1)) <= lost {
		return s, fmt.Errorf("%w: the spectrum is all baseline", ErrNoSignal)
	}
	s.Y = y
	return s, nil
}

func checkSavGol(p map[string]float64) error {
	_, err := NewSavGol(int(p["window"]), int(p["order"]), int(p["derivative"]), 1)
	return err
}

func runSavGol(s spectra.Spectrum, p map[string]float64) (spectra.Spectrum, error) {
	if window := int(p["window"]); len(s.Y) < max(2, window) {
		return s, fmt.Errorf("%w: %d, the window needs %d", ErrTooFew, len(s.Y), max(2, window))
	}
	step, err := uniformStep(s.X)
	if err != nil {
		return s, err
	}
	plan, err := NewSavGol(int(p["window"]), int(p["order"]), int(p["derivative"]), step)
	if err != nil {
		return s, err
	}
	y := make([]float64, len(s.Y))
	if err := plan.Apply(y, s.Y); err != nil {
		return s, err
	}
	if d := p["derivative"]; d > 0 {
		if floats.Norm(y, math.Inf(1))*math.Pow(step, d) <= 1e-12*floats.Norm(s.Y, math.Inf(1)) {
			return s, fmt.Errorf("%w: derivative %g is zero", ErrNoSignal, d)
		}
		s.YUnit = spectra.Arbitrary
	}
	s.Y = y
	return s, nil
}

// runVector scales to unit Euclidean length.
func runVector(s spectra.Spectrum, _ map[string]float64) (spectra.Spectrum, error) {
	return scaled(s, 0, floats.Norm(s.Y, 2))
}

// runSNV centres and scales to unit standard deviation: standard normal variate, R. J. Barnes, M. S. Dhanoa,
// S. J. Lister, Appl. Spectrosc. 43 (1989) 772.
func runSNV(s spectra.Spectrum, _ map[string]float64) (spectra.Spectrum, error) {
	n := float64(len(s.Y))
	mean := 0.0
	for _, v := range s.Y {
		mean += v / n
	}
	dev := make([]float64, len(s.Y))
	for i, v := range s.Y {
		dev[i] = v - mean
	}
	return scaled(s, mean, floats.Norm(dev, 2)/math.Sqrt(n-1))
}

// runMax scales the highest value to 1.
func runMax(s spectra.Spectrum, _ map[string]float64) (spectra.Spectrum, error) {
	return scaled(s, 0, slices.Max(s.Y))
}

func scaled(s spectra.Spectrum, offset, unit float64) (spectra.Spectrum, error) {
	if !(unit > 0) {
		return s, fmt.Errorf("%w: nothing above zero to scale by", ErrNoSignal)
	}
	y := make([]float64, len(s.Y))
	for i, v := range s.Y {
		y[i] = (v - offset) / unit
	}
	s.Y, s.YUnit = y, spectra.Arbitrary
	return s, nil
}

func perCM(s spectra.Spectrum) error {
	if s.XUnit != spectra.PerCM {
		return fmt.Errorf("%w but in %q: convert it with the laser wavelength first", ErrAxisUnit, s.XUnit)
	}
	return nil
}

// uniformStep returns the spacing of an ascending axis of 2 or more points whose positions are within a thousandth
// of a step of even spacing.
func uniformStep(x []float64) (float64, error) {
	last := len(x) - 1
	step := (x[last] - x[0]) / float64(last)
	for i, v := range x {
		if even := x[0] + float64(i)*step; math.Abs(v-even) > 1e-3*step {
			return 0, fmt.Errorf("%w: point %d is at %g, even spacing puts it at %g: resample first", ErrNotUniform, i+1, v, even)
		}
	}
	return step, nil
}
