package spectra

import "time"

// Range is a part of the axis of a spectrum, in its unit; Low and High belong to it.
type Range struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Metadata is how a spectrum was acquired. A zero field was not stated by the source; nothing is guessed.
type Metadata struct {
	Format       string `json:"format,omitempty"` // reader that produced it, for example "jcamp-dx"
	SHA256       string `json:"sha256,omitempty"` // of the raw bytes of the source, see HashBytes
	SampleName   string `json:"sample_name,omitempty"`
	CAS          string `json:"cas,omitempty"` // registry number with its hyphens
	InChIKey     string `json:"inchikey,omitempty"`
	Formula      string `json:"formula,omitempty"`
	Instrument   string `json:"instrument,omitempty"`
	SerialNumber string `json:"serial_number,omitempty"`
	Operator     string `json:"operator,omitempty"`

	Acquired          time.Time `json:"acquired,omitzero"`
	IntegrationTimeMS float64   `json:"integration_time_ms,omitempty"`
	Averages          int       `json:"averages,omitempty"`
	LaserNM           float64   `json:"laser_nm,omitempty"`
	LaserPowerMW      float64   `json:"laser_power_mw,omitempty"`
	TemperatureC      *float64  `json:"temperature_c,omitempty"` // of the detector
	ResolutionCM1     float64   `json:"resolution_cm1,omitempty"`

	// SamplingIntervalCM is the optical path difference (cm) between neighbouring points of an interferogram, whose axis
	// counts points (DataPoint) because two sweeps in one record would turn an axis of path differences round. Sweeps is
	// how many equally long sweeps of the mirror the record holds one after the other, 2 being forward, then backward; 0
	// was not stated and counts as 1.
	SamplingIntervalCM float64 `json:"sampling_interval_cm,omitempty"`
	Sweeps             int     `json:"sweeps,omitempty"`
	// Background is true for a measurement without the sample: the reference that a single beam is divided by.
	Background bool `json:"background,omitempty"`

	DarkSubtracted  bool    `json:"dark_subtracted,omitempty"`
	SaturatedPoints int     `json:"saturated_points,omitempty"` // detector elements at full scale in any raw frame
	SaturatedRanges []Range `json:"saturated_ranges,omitempty"` // where those are, ascending, ends included
	FullScale       float64 `json:"full_scale,omitempty"`       // counts at which the detector saturates
	CosmicRays      int     `json:"cosmic_rays,omitempty"`      // counts of raw frames that were left out as such
	SNR             float64 `json:"snr,omitempty"`              // strongest line over its noise, where repeats were taken

	// Calibration is that of the instrument when the spectrum was taken; nil when none is known.
	Calibration *Calibration `json:"calibration,omitempty"`

	// Simulated is true for emulated, computed or training data. It is shown wherever the spectrum is.
	Simulated bool `json:"simulated,omitempty"`

	// Fields holds every other labelled value of the source, verbatim.
	Fields map[string]string `json:"fields,omitempty"`
	// Warnings are defects of the source that reading survived, one sentence each.
	Warnings []string `json:"warnings,omitempty"`
}

// CalibrationState is what a calibration is worth at the time of a scan.
type CalibrationState string

// The states of a calibration. An expired or failed one is still applied, being better than none.
const (
	CalibrationValid   CalibrationState = "valid"
	CalibrationExpired CalibrationState = "expired"
	CalibrationFailed  CalibrationState = "failed" // the last attempt to calibrate was not accepted
)

// Calibration says how the axis of a spectrum was corrected.
type Calibration struct {
	State     CalibrationState `json:"state"`
	At        time.Time        `json:"at,omitzero"` // of the correction applied; zero when none was
	Until     time.Time        `json:"until,omitzero"`
	Standards []string         `json:"standards,omitempty"`
	MeanCM1   float64          `json:"mean_cm1,omitempty"`  // mean distance of the standards' lines from their places, corrected
	WorstCM1  float64          `json:"worst_cm1,omitempty"` // and the largest
	Intensity string           `json:"intensity,omitempty"` // reference material of the intensity correction, when one was applied
}

// Sentence says in words what is wrong with the calibration, empty when it is valid.
func (c Calibration) Sentence() string {
	switch c.State {
	case CalibrationExpired:
		return "the axis calibration of the instrument expired on " + c.Until.Format(time.DateOnly) + ": lines may stand at wrong places"
	case CalibrationFailed:
		return "the last axis calibration of the instrument failed: lines may stand at wrong places"
	}
	return ""
}
