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

	// Simulated is true for emulated, computed or training data. It is shown wherever the spectrum is.
	Simulated bool `json:"simulated,omitempty"`

	// Fields holds every other labelled value of the source, verbatim.
	Fields map[string]string `json:"fields,omitempty"`
	// Warnings are defects of the source that reading survived, one sentence each.
	Warnings []string `json:"warnings,omitempty"`
}
