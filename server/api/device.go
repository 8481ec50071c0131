package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"fentrace/device"
	"fentrace/server/auth"
	"fentrace/server/store"
	"fentrace/spectra"
)

// DeviceStatus is what can be said of the spectrometer without disturbing it.
type DeviceStatus struct {
	Attached        bool         `json:"attached" doc:"this server was started with a spectrometer"`
	Connected       bool         `json:"connected" doc:"it answers"`
	Info            *device.Info `json:"info" doc:"without its wavelength table"`
	Error           string       `json:"error" doc:"why it does not answer"`
	TemperatureC    *float64     `json:"temperature_c" doc:"of the detector"`
	ExpectedSeconds float64      `json:"expected_seconds" doc:"how long a scan takes"`
	Busy            bool         `json:"busy" doc:"a scan is being taken, or a preview runs"`
	Previewing      bool         `json:"previewing" doc:"a preview runs: the laser is on"`
	PreviewSeconds  float64      `json:"preview_seconds" doc:"after which a preview ends by itself"`
	Laser           LaserState   `json:"laser" enum:",on,off,apart,unknown" doc:"empty before it was first switched; apart: not switched by the spectrometer; unknown: to be treated as on"`
	// Calibration is nil when the spectrometer was never calibrated, or CalibrationError says why that is not known.
	Calibration      *spectra.Calibration `json:"calibration,omitempty" doc:"of its axis"`
	CalibrationError string               `json:"calibration_error,omitempty" doc:"why it is not known whether it is calibrated"`
}

// LaserState is what the spectrometer last said of its laser.
type LaserState string

// The states of the laser, besides the empty one before it is first switched.
const (
	LaserOn      LaserState = "on"
	LaserOff     LaserState = "off"
	LaserApart   LaserState = "apart"   // the spectrometer switches none: it has a switch of its own
	LaserUnknown LaserState = "unknown" // it did not say that it did as told: treat it as on
)

// The stages of a live frame besides those of a scan (exposure, sample, dark).
const (
	LivePreview = "preview"
	LiveEnd     = "end" // no more frames: the device is idle
)

// LiveFrame is what the detector sees, thinned out for drawing. It is no result and is stored nowhere.
type LiveFrame struct {
	Sequence        int64           `json:"-"` // increases with every frame
	Stage           string          `json:"stage"`
	Frame           int             `json:"frame"`            // from 1
	Frames          int             `json:"frames,omitempty"` // of the stage
	Rate            float64         `json:"rate,omitempty"`   // frames per second
	Peak            float64         `json:"peak"`             // highest pixel, as a fraction of full scale
	SNR             float64         `json:"snr,omitempty"`
	IntegrationMS   float64         `json:"integration_ms"`
	SaturatedPoints int             `json:"saturated_points"`
	SaturatedRanges []spectra.Range `json:"saturated_ranges"`
	Simulated       bool            `json:"simulated"`
	X               []float64       `json:"x"` // Raman shift, cm-1
	Y               []float64       `json:"y"` // counts, nothing subtracted
}

// LibrarySummary says what the server can recognise, and what it cannot.
type LibrarySummary struct {
	Version    string         `json:"version"`
	Layers     []LibraryLayer `json:"layers" doc:"lowest first"`
	Substances int            `json:"substances"`
	References int            `json:"references"`
	ByTier     map[string]int `json:"references_by_tier"`
	Controlled int            `json:"controlled" doc:"controlled substances"`
	// ControlledWithoutMeasured names those that no measured reference speaks for: no named alarm is possible.
	ControlledWithoutMeasured []string       `json:"controlled_without_measured"`
	Unverified                int            `json:"unverified" doc:"substances with values from memory"`
	Classes                   []LibraryClass `json:"classes"`
}

// LibraryClass counts the substances of one class, and the references of each tier that speak for them.
type LibraryClass struct {
	Class      string `json:"class" doc:"empty: unknown"`
	Substances int    `json:"substances"`
	Controlled int    `json:"controlled"`
	Measured   int    `json:"measured"`
	Published  int    `json:"published"`
	Simulated  int    `json:"simulated"`
}

// LibraryLayer is one library of the stack. PathBase is the file's name without its folder.
type LibraryLayer struct {
	Name       string `json:"name"`
	PathBase   string `json:"path_base"`
	Version    string `json:"version"`
	Substances int    `json:"substances"`
	References int    `json:"references"`
}

func (a *API) registerDevice() {
	type library struct{ Body LibrarySummary }
	register(a, huma.Operation{OperationID: "library", Extensions: needs(auth.LibraryRead), Method: http.MethodGet, Path: "/v1/library", Summary: "What the library holds and lacks"},
		func(context.Context, *struct{}) (*library, error) { return &library{a.backend.Library()}, nil })

	type status struct{ Body DeviceStatus }
	register(a, huma.Operation{OperationID: "device", Extensions: needs(auth.ScansTake), Method: http.MethodGet, Path: "/v1/device", Summary: "State of the spectrometer"},
		func(ctx context.Context, _ *struct{}) (*status, error) {
			return &status{a.backend.DeviceStatus(ctx)}, nil
		})

	device := []int{http.StatusConflict, http.StatusBadGateway, http.StatusGatewayTimeout}
	register(a, huma.Operation{OperationID: "device-preview", Extensions: needs(auth.ScansTake), Method: http.MethodPost, Path: "/v1/device/preview",
		Summary: "Show live frames on /v1/events: switches the laser on, for a minute at most", DefaultStatus: http.StatusAccepted, Errors: device},
		func(ctx context.Context, _ *struct{}) (*struct{}, error) { return nil, a.backend.StartPreview(ctx) })
	register(a, huma.Operation{OperationID: "device-preview-stop", Extensions: needs(auth.ScansTake), Method: http.MethodDelete, Path: "/v1/device/preview",
		Summary: "End the preview; answered when the laser is off", DefaultStatus: http.StatusNoContent, Errors: device},
		func(ctx context.Context, _ *struct{}) (*struct{}, error) { return nil, a.backend.StopPreview(ctx) })

	type scan struct{ Body store.Scan }
	register(a, huma.Operation{OperationID: "device-scan", Extensions: needs(auth.ScansTake), Method: http.MethodPost, Path: "/v1/device/scan",
		Summary: "Take a scan, answer and store it", DefaultStatus: http.StatusCreated,
		// A read deadline would end the request, and with it the scan, while the detector still integrates.
		BodyReadTimeout: -1,
		Errors:          device},
		func(ctx context.Context, in *struct{ Body *store.Fields }) (*scan, error) {
			var f store.Fields
			if in.Body != nil {
				f = *in.Body
			}
			if err := f.Validate(); err != nil {
				return nil, err
			}
			sc, err := a.backend.ScanDevice(ctx, f)
			return &scan{sc}, err
		})
}
