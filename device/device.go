// Package device is the spectrometer on the other end of the wire: the contract every driver meets.
// Drivers live in one package per protocol; emulators of the same protocols in device/emulator.
package device

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fentrace/spectra"
)

// Errors drivers return, wrapped with what was being done; test with errors.Is.
var (
	ErrNotFound  = errors.New("port not found")
	ErrBusy      = errors.New("port in use by another program")
	ErrTimeout   = errors.New("device did not answer in time")
	ErrGone      = errors.New("device was unplugged")
	ErrProtocol  = errors.New("device answered with something that is not its protocol")
	ErrRefused   = errors.New("device refused the command")
	ErrNoLaser   = fmt.Errorf("%w: it controls no laser", ErrRefused)
	ErrRange     = errors.New("setting is outside the device's range")
	ErrSaturated = errors.New("detector saturated at the shortest integration time")
)

// Info is what a spectrometer says about itself.
type Info struct {
	Type         string `json:"type"` // protocol, for example "obp"
	Model        string `json:"model"`
	SerialNumber string `json:"serial_number"`
	Firmware     string `json:"firmware,omitempty"`
	Port         string `json:"port"`
	// Technique is what it measures; "" means Raman. An infrared device lights the sample and subtracts the dark itself.
	Technique spectra.Technique `json:"technique,omitempty"`
	Pixels    int               `json:"pixels"`
	// MaxCounts is the count at which a pixel is saturated.
	MaxCounts      float64       `json:"max_counts"`
	MinIntegration time.Duration `json:"min_integration"`
	MaxIntegration time.Duration `json:"max_integration"`
	// UsualIntegration is what to scan with when nothing else is stated; 0 when the device has no opinion.
	UsualIntegration time.Duration `json:"usual_integration,omitempty"`
	// WavelengthsNM has one vacuum wavelength per pixel, from the device's own calibration.
	WavelengthsNM []float64 `json:"wavelengths_nm,omitempty"`
	// DarkPixels are the 0-based pixels that see no light; they are in every frame but belong to no spectrum.
	DarkPixels []int `json:"dark_pixels,omitempty"`
	// Nonlinearity are the coefficients c0, c1, ... of the detector's response: true counts are (counts - dark)
	// divided by the sum of c[i] (counts - dark)^i. Empty when the device knows none.
	Nonlinearity []float64 `json:"nonlinearity,omitempty"`
	// LaserNM is 0 when the device does not know its laser; the user states it then.
	LaserNM float64 `json:"laser_nm,omitempty"`
	// Simulated is true for an emulator; it follows every scan into the store.
	Simulated bool `json:"simulated,omitempty"`
}

// Frame is one read-out of the detector.
type Frame struct {
	Counts          []float64     `json:"counts"` // one per pixel, as sent
	IntegrationTime time.Duration `json:"integration_time"`
	Started         time.Time     `json:"started"`
	// Gain is the amplification of Counts where the device chooses it for each frame; divided by it, the counts of two
	// frames compare. 0: always the same.
	Gain float64 `json:"gain,omitempty"`
	Raw  []byte  `json:"-"` // the reply as it came off the wire
}

// Referencer is a Spectrometer that keeps a scan of a white reference.
type Referencer interface {
	// Reference returns that scan on the wavelengths of Info, to divide others by; ErrRefused when there is none that fits.
	Reference(ctx context.Context) (Frame, error)
}

// Reference is what dev keeps as its white reference; ErrRefused when it keeps none.
func Reference(ctx context.Context, dev Spectrometer) (Frame, error) {
	if keeper, ok := dev.(Referencer); ok {
		return keeper.Reference(ctx)
	}
	return Frame{}, fmt.Errorf("white reference: %w: the device keeps none", ErrRefused)
}

// Spectrometer is one opened instrument. A Spectrometer is used by one goroutine at a time. Every method that
// talks to the device ends when ctx ends and leaves the link usable for the next call unless the error is ErrGone.
type Spectrometer interface {
	Info() Info
	// SetIntegrationTime returns ErrRange outside Info's limits.
	SetIntegrationTime(ctx context.Context, d time.Duration) error
	// Scan takes one fresh frame with the current integration time.
	Scan(ctx context.Context) (Frame, error)
	// Temperature returns the detector temperature in degrees Celsius, ErrRefused when there is no sensor.
	Temperature(ctx context.Context) (float64, error)
	// Lamp switches the excitation laser (light source 0) on or off; ErrNoLaser when the device controls none. After any
	// other error it is not known whether the laser shines.
	Lamp(ctx context.Context, on bool) error
	Close() error
}
