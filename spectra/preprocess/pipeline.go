package preprocess

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"fentrace/spectra"
)

// MaxSteps bounds a pipeline.
const MaxSteps = 32

// Step is one operation with its parameters; a parameter that is not given has the default of the operations table.
type Step struct {
	Op     string             `json:"op"`
	Params map[string]float64 `json:"params,omitempty"`
}

// Pipeline is a named and versioned list of steps. Whoever changes the steps of a named pipeline changes its
// version, because results are stored with both.
type Pipeline struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Steps   []Step `json:"steps"`
}

// Search prepares a spectrum for correlation: first derivatives on the 1 cm-1 grid, so that broad backgrounds
// hardly count, at unit length.
var Search = Pipeline{Name: "search", Version: "1", Steps: []Step{
	{Op: "resample", Params: map[string]float64{"step": 1}},
	{Op: "savgol", Params: map[string]float64{"window": 11, "order": 2, "derivative": 1}},
	{Op: "vector"},
}}

// Display prepares a spectrum for the eye: no rays, no background, highest value 1.
var Display = Pipeline{Name: "display", Version: "1", Steps: []Step{
	{Op: "despike", Params: map[string]float64{"threshold": 8, "m": 3}},
	{Op: "resample", Params: map[string]float64{"step": 1}},
	{Op: "arpls", Params: map[string]float64{"lambda": 1e6, "tol": 1e-3, "max_iter": 100}},
	{Op: "max"},
}}

// String is the name and version a result is stored with, "search/1".
func (p Pipeline) String() string { return p.Name + "/" + p.Version }

// Validate reports the first step that cannot run: ErrUnknown for an operation or parameter that does not exist
// (the message lists those that do), ErrParameter for a value out of range or a pipeline without name, version or
// steps.
func (p Pipeline) Validate() error {
	switch {
	case p.Name == "" || p.Version == "":
		return fmt.Errorf("%w: pipeline %q: it needs a name and a version", ErrParameter, p.String())
	case len(p.Steps) == 0 || len(p.Steps) > MaxSteps:
		return fmt.Errorf("%w: pipeline %s has %d steps: must be 1 to %d", ErrParameter, p, len(p.Steps), MaxSteps)
	}
	for i, step := range p.Steps {
		if _, _, err := step.resolve(); err != nil {
			return fmt.Errorf("pipeline %s step %d: %w", p, i+1, err)
		}
	}
	return nil
}

// Run applies the steps to a copy of s, ascending, and leaves s alone. It never returns NaN or Inf. The value unit
// becomes spectra.Arbitrary once values are normalised or differentiated. A baseline that did not settle adds a
// warning to the metadata.
//
// Errors name the pipeline and step: those of Validate; spectra.ErrPeaks for a peak table; ErrNoSignal for a
// constant spectrum or one of which a step leaves only rounding; ErrTooFew, ErrNotUniform, ErrAxisUnit;
// spectra.ErrTooLarge when resampling would make more than MaxResampled points;
// spectra.ErrNotFinite when values are too large to be processed.
func (p Pipeline) Run(s spectra.Spectrum) (spectra.Spectrum, error) {
	if err := p.Validate(); err != nil {
		return spectra.Spectrum{}, err
	}
	if err := s.Validate(); err != nil {
		return spectra.Spectrum{}, fmt.Errorf("pipeline %s: %w", p, err)
	}
	if s.Peaks {
		return spectra.Spectrum{}, fmt.Errorf("pipeline %s: %w", p, spectra.ErrPeaks)
	}
	s = s.Ascending()
	for i, step := range p.Steps {
		op, params, err := step.resolve()
		if err == nil {
			err = hasSignal(s.Y)
		}
		if err == nil {
			s, err = op.run(s, params)
		}
		if err == nil {
			err = finite(s.Y)
		}
		if err != nil {
			return spectra.Spectrum{}, fmt.Errorf("pipeline %s step %d (%s): %w", p, i+1, step.Op, err)
		}
	}
	return s, nil
}

// resolve finds the operation and completes the parameters.
func (step Step) resolve() (operation, map[string]float64, error) {
	at := slices.IndexFunc(operations, func(op operation) bool { return op.name == step.Op })
	if at < 0 {
		names := make([]string, len(operations))
		for i, op := range operations {
			names[i] = op.name
		}
		return operation{}, nil, fmt.Errorf("%w: operation %q; there are %s", ErrUnknown, step.Op, strings.Join(names, ", "))
	}
	op := operations[at]
	params := make(map[string]float64, len(op.params))
	for _, q := range op.params {
		params[q.name] = q.standard
	}
	for name, v := range step.Params {
		at := slices.IndexFunc(op.params, func(q parameter) bool { return q.name == name })
		if at < 0 {
			return op, nil, fmt.Errorf("%w: parameter %q of %s; %s", ErrUnknown, name, op.name, op.parameterNames())
		}
		q := op.params[at]
		if !(v >= q.low && v <= q.high) || q.whole && v != math.Trunc(v) {
			return op, nil, fmt.Errorf("%w: %s %s = %g: must be %s", ErrParameter, op.name, name, v, q.want())
		}
		params[name] = v
	}
	if op.check != nil {
		if err := op.check(params); err != nil {
			return op, nil, err
		}
	}
	return op, params, nil
}

// hasSignal refuses values that are all the same but for rounding.
func hasSignal(y []float64) error {
	lo, hi := slices.Min(y), slices.Max(y)
	if hi-lo <= 1e-12*max(math.Abs(lo), math.Abs(hi)) {
		return fmt.Errorf("%w: all %d values are %g", ErrNoSignal, len(y), lo)
	}
	return nil
}

func finite(y []float64) error {
	for i, v := range y {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("result %d: %w: are the values too large?", i+1, spectra.ErrNotFinite)
		}
	}
	return nil
}
