// Package calibrated keeps the calibrations of instruments, with their history, and says what one is worth at a given
// time. Each instrument has one JSON file in a folder; a file is replaced whole, so a power cut leaves the old or the new.
package calibrated

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"fentrace/spectra"
	"fentrace/spectra/calibration"
)

// Errors of this package; test with errors.Is.
var (
	ErrFormat   = errors.New("not a calibration file")
	ErrNoSerial = errors.New("instrument has no serial number")
	ErrRange    = errors.New("outside its range")
)

const (
	// DefaultValidity is how long an axis calibration counts. Gratings and lasers of handhelds drift with temperature and
	// knocks over weeks; laboratories check monthly.
	DefaultValidity = 30 * 24 * time.Hour
	// MaxValidity is the longest that may be asked for.
	MaxValidity = 366 * 24 * time.Hour
	// MaxRecords is how many calibrations of one instrument are kept; the oldest go first.
	MaxRecords = 500
)

// Kind is what a record calibrates.
type Kind string

// The kinds of record.
const (
	Axis      Kind = "axis"
	Intensity Kind = "intensity"
)

// Record is one calibration as it was done. A failed one is kept: it says that the instrument was not right.
type Record struct {
	Kind Kind      `json:"kind"`
	At   time.Time `json:"at"`
	// Until is when it stops counting.
	Until time.Time `json:"until"`
	// Axis is set for that kind, with the residuals of every line.
	Axis *calibration.AxisResult `json:"axis,omitempty"`
	// Intensity is set for that kind.
	Intensity *calibration.Response `json:"intensity,omitempty"`
	// Sources are the SHA-256 of what was measured.
	Sources  []string `json:"sources,omitempty"`
	Operator string   `json:"operator,omitempty"`
	// Simulated: measured with an emulator.
	Simulated bool `json:"simulated,omitempty"`
}

// Failed tells whether the calibration was not accepted.
func (r Record) Failed() bool { return r.Kind == Axis && (r.Axis == nil || !r.Axis.Accepted) }

// check reports what makes a record unusable.
func (r Record) check() error {
	switch {
	case r.At.IsZero() || r.Until.Before(r.At) || r.Until.Sub(r.At) > MaxValidity+24*time.Hour:
		return fmt.Errorf("%w: it counts from %s to %s", ErrRange, r.At.Format(time.DateOnly), r.Until.Format(time.DateOnly))
	case r.Kind == Axis && r.Axis != nil && r.Axis.Axis.Validate() == nil:
		return nil
	case r.Kind == Intensity && r.Intensity != nil:
		return r.Intensity.Validate()
	case r.Kind == Axis && r.Axis != nil:
		return r.Axis.Axis.Validate()
	}
	return fmt.Errorf("%w: a record of kind %q without its values", ErrFormat, r.Kind)
}

// Instrument is one spectrometer and the history of its calibrations.
type Instrument struct {
	Model        string   `json:"model"`
	SerialNumber string   `json:"serial_number"`
	Records      []Record `json:"records"` // oldest first
}

// Name is model and serial number as printed.
func (in Instrument) Name() string {
	if in.Model == "" {
		return in.SerialNumber
	}
	return in.Model + " " + in.SerialNumber
}

// At is the calibration for a scan taken at t: the axis as last accepted before, what the last attempt came to, and,
// with intensity, the last response. It is nil when the instrument had never been calibrated then.
func (in Instrument) At(t time.Time, intensity bool) *Calibration {
	var c Calibration
	known := false
	for _, r := range in.Records {
		if r.At.After(t) {
			break
		}
		switch {
		case r.Kind == Axis && r.Failed():
			c.Failed, known = r.At, true
		case r.Kind == Axis:
			axis := r.Axis.Axis
			c.Axis, c.Standards, c.After = &axis, r.Axis.Standards, r.Axis.After
			c.Done, c.Until, c.Failed, known = r.At, r.Until, time.Time{}, true
		case r.Kind == Intensity && intensity:
			c.Response, known = r.Intensity, true
		}
	}
	if !known {
		return nil
	}
	return &c
}

// Last is the newest record of a kind; false when there is none.
func (in Instrument) Last(kind Kind) (Record, bool) {
	for _, r := range slices.Backward(in.Records) {
		if r.Kind == kind {
			return r, true
		}
	}
	return Record{}, false
}

// Calibration is what a scan carries, so that its spectrum can be computed again without the store.
type Calibration struct {
	Axis      *calibration.Axis     `json:"axis,omitempty"` // nil when no attempt was ever accepted
	Done      time.Time             `json:"done,omitzero"`  // when Axis was measured
	Until     time.Time             `json:"until,omitzero"`
	Standards []string              `json:"standards,omitempty"`
	After     calibration.Residuals `json:"after,omitzero"`
	// Failed is when a later attempt was not accepted; zero when there was none.
	Failed   time.Time             `json:"failed,omitzero"`
	Response *calibration.Response `json:"response,omitempty"` // nil when intensities are left as counted
}

// Validate reports why c cannot be applied, which happens only to one read from a damaged file.
func (c Calibration) Validate() error {
	if c.Axis != nil {
		if err := c.Axis.Validate(); err != nil {
			return err
		}
	}
	if c.Response != nil {
		return c.Response.Validate()
	}
	return nil
}

// State of the axis at t; empty when c says nothing of it.
func (c Calibration) State(t time.Time) spectra.CalibrationState {
	switch {
	case !c.Failed.IsZero():
		return spectra.CalibrationFailed
	case c.Axis == nil:
		return ""
	case t.After(c.Until):
		return spectra.CalibrationExpired
	}
	return spectra.CalibrationValid
}

// Worth is what c is worth at t, as a scan taken then would say of itself; nil when it says nothing of the axis.
func (c Calibration) Worth(t time.Time) *spectra.Calibration {
	state := c.State(t)
	if state == "" {
		return nil
	}
	return &spectra.Calibration{State: state, At: c.Done, Until: c.Until, Standards: c.Standards, MeanCM1: hundredth(c.After.Mean), WorstCM1: hundredth(c.After.Worst)}
}

// Apply corrects s, taken at the time its metadata state, and says in its metadata how, and what is wrong with it. A
// correction that cannot be applied (another laser) is left out with a warning: a scan is never lost for it.
func (c Calibration) Apply(s spectra.Spectrum) spectra.Spectrum {
	warn := func(text string) {
		s.Metadata.Warnings = append(slices.Clip(s.Metadata.Warnings), text)
	}
	if c.Axis != nil {
		fixed, err := c.Axis.Apply(s)
		if err != nil {
			warn("The axis is not calibrated: " + err.Error() + ".")
			return s
		}
		s = fixed
	}
	s.Metadata.Calibration = c.Worth(s.Metadata.Acquired)
	if cal := s.Metadata.Calibration; cal != nil && cal.Sentence() != "" {
		sentence := cal.Sentence()
		warn(string(sentence[0]-'a'+'A') + sentence[1:] + ": calibrate the axis before relying on it.")
	}
	if c.Response != nil {
		fixed, err := c.Response.Apply(s)
		if err != nil {
			warn("The intensity is not corrected: " + err.Error() + ".")
			return s
		}
		s = fixed
		cal := spectra.Calibration{}
		if s.Metadata.Calibration != nil {
			cal = *s.Metadata.Calibration
		}
		cal.Intensity = "SRM " + c.Response.SRM
		s.Metadata.Calibration = &cal
	}
	return s
}

func hundredth(v float64) float64 { return math.Round(100*v) / 100 }
