// Package hostcal is the calibration of a spectrometer that cannot store its own: a small JSON file on the host.
//
//	{
//	  "serial_number": "BTC110-1234",
//	  "coefficients": [786.1, 0.118, -4.1e-06],
//	  "laser_nm": 785.2
//	}
package hostcal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
)

const (
	// maxSize bounds the file.
	maxSize = 64 << 10
	// maxCoefficients bounds the polynomial; vendors' certificates have four to six.
	maxCoefficients = 10
)

// ErrCalibration is wrapped by every error about what a calibration says.
var ErrCalibration = errors.New("calibration cannot be used")

// Calibration is what the file holds. Every part may be missing, except where a driver needs it.
type Calibration struct {
	SerialNumber string `json:"serial_number,omitempty"`
	// Coefficients c give the vacuum wavelength of the 0-based pixel p in nm: the sum of c[i] p^i.
	Coefficients []float64 `json:"coefficients,omitempty"`
	// LaserNM is the excitation wavelength in vacuum, 200 to 2000 nm; 0 when not stated.
	LaserNM float64 `json:"laser_nm,omitempty"`
}

// Read reads and checks the file at path. The errors wrap ErrCalibration or those of opening a file.
func Read(path string) (Calibration, error) {
	f, err := os.Open(path)
	if err != nil {
		return Calibration{}, fmt.Errorf("read calibration: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return Calibration{}, fmt.Errorf("read calibration %s: %w", path, err)
	}
	c, err := Parse(b)
	if err != nil {
		return Calibration{}, fmt.Errorf("read calibration %s: %w", path, err)
	}
	return c, nil
}

// Parse reads the text of a file. Words it does not know are refused, because a misspelt one would be ignored.
func Parse(b []byte) (Calibration, error) {
	if len(b) > maxSize {
		return Calibration{}, fmt.Errorf("%w: longer than %d bytes", ErrCalibration, maxSize)
	}
	var c Calibration
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return Calibration{}, fmt.Errorf("%w: %w", ErrCalibration, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Calibration{}, fmt.Errorf("%w: more text after the closing brace", ErrCalibration)
	}
	if c.LaserNM != 0 && !(c.LaserNM >= 200 && c.LaserNM <= 2000) {
		return Calibration{}, fmt.Errorf("%w: laser_nm is %g: 200 to 2000", ErrCalibration, c.LaserNM)
	}
	if len(c.Coefficients) > maxCoefficients {
		return Calibration{}, fmt.Errorf("%w: %d coefficients: at most %d", ErrCalibration, len(c.Coefficients), maxCoefficients)
	}
	return c, nil
}

// Wavelengths is the polynomial at every pixel; nil without coefficients.
func (c Calibration) Wavelengths(pixels int) ([]float64, error) {
	if len(c.Coefficients) == 0 {
		return nil, nil
	}
	return Wavelengths(c.Coefficients, pixels)
}

// Wavelengths evaluates the sum of c[i] p^i in nm at the pixels 0 to pixels-1. It wraps ErrCalibration unless all
// values lie within 0 to 100,000 nm and rise, or fall, from pixel to pixel.
func Wavelengths(c []float64, pixels int) ([]float64, error) {
	axis := make([]float64, pixels)
	for p := range axis {
		for i := len(c) - 1; i >= 0; i-- {
			axis[p] = axis[p]*float64(p) + c[i]
		}
		v := axis[p]
		sane := !math.IsNaN(v) && v > 0 && v < 1e5
		if p > 0 {
			sane = sane && v != axis[p-1] && (v > axis[p-1]) == (axis[1] > axis[0])
		}
		if !sane {
			return nil, fmt.Errorf("%w: wavelength coefficients %g put pixel %d at %g nm", ErrCalibration, c, p, v)
		}
	}
	return axis, nil
}
