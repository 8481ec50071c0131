package acquire

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"fentrace/device"
)

// The stored form of a scan is one JSON object, UTF-8, without line breaks except a final one, in this order:
//
//	{"format":"fentrace-scan","version":2,
//	 "info":{...},                          // device.Info
//	 "settings":{...},                      // Settings as used; times in nanoseconds
//	 "temperature_c":31.25,                 // left out without a sensor
//	 "frames":[{"started":"2026-01-02T15:04:05.1Z","integration_time":100000000,"counts":[1500,...],"wire":"wcA..."}],
//	 "dark":[...],
//	 "reference":[...],"stored_reference":true,  // of an infrared scan: white, and whether it is the device's own
//	 "exposures":[{"dark":true,...}]}        // frames of the search for the integration time
//
// Version 1 has no exposures; its spectrum is the plain mean, without a search for cosmic rays, and it keeps its bytes.
// counts are the detector's, one per pixel; wire is the device's whole answer as it came off the line, base64.
// The content hash of a scan is the SHA-256 of exactly these bytes.
const (
	formatName    = "fentrace-scan"
	formatVersion = 2
	// MaxRaw bounds what Decode reads: MaxAverages frames and as many dark ones of a 2136-pixel detector fit.
	MaxRaw = 64 << 20
)

// ErrFormat is returned by Decode for bytes that are not a scan.
var ErrFormat = errors.New("not a stored scan")

type bundle struct {
	Format       string        `json:"format"`
	Version      int           `json:"version"`
	Info         device.Info   `json:"info"`
	Settings     Settings      `json:"settings"`
	TemperatureC *float64      `json:"temperature_c,omitempty"`
	Frames       []storedFrame `json:"frames"`
	Dark         []storedFrame `json:"dark,omitempty"`

	Reference       []storedFrame `json:"reference,omitempty"`
	StoredReference bool          `json:"stored_reference,omitempty"`
	Exposures       []storedFrame `json:"exposures,omitempty"`
}

type storedFrame struct {
	Dark            bool          `json:"dark,omitempty"` // of an exposure: without laser light
	Started         time.Time     `json:"started"`
	IntegrationTime time.Duration `json:"integration_time"`
	Counts          []float64     `json:"counts"`
	Gain            float64       `json:"gain,omitempty"`
	Wire            []byte        `json:"wire,omitempty"`
}

// Raw returns the scan as stored. The same scan always gives the same bytes, and Decode(Raw()) gives it again.
func (s Scan) Raw() ([]byte, error) {
	b := bundle{
		Format: formatName, Version: cmp.Or(s.version, formatVersion), Info: s.Info, Settings: s.Settings, TemperatureC: s.TemperatureC,
		Frames: store(s.Frames), Dark: store(s.Dark),
		Reference: store(s.Reference), StoredReference: s.StoredReference,
	}
	for _, x := range s.Exposures {
		f := storeFrame(x.Frame)
		f.Dark = x.Dark
		b.Exposures = append(b.Exposures, f)
	}
	if err := b.check(); err != nil {
		return nil, fmt.Errorf("store scan: %w", err)
	}
	raw, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("store scan: %w", err)
	}
	return append(raw, '\n'), nil
}

// IsScan tells a stored scan from other files by its first bytes.
func IsScan(head []byte) bool {
	return bytes.HasPrefix(head, []byte(`{"format":"`+formatName+`"`))
}

// Decode reads a stored scan. The error wraps ErrFormat and says what is wrong.
func Decode(raw []byte) (Scan, error) {
	if len(raw) > MaxRaw {
		return Scan{}, fmt.Errorf("read scan: %w: %d bytes, at most %d", ErrFormat, len(raw), MaxRaw)
	}
	if !IsScan(raw) {
		return Scan{}, fmt.Errorf("read scan: %w: it does not begin with {\"format\":%q", ErrFormat, formatName)
	}
	var b bundle
	d := json.NewDecoder(bytes.NewReader(raw))
	if err := d.Decode(&b); err != nil {
		return Scan{}, fmt.Errorf("read scan: %w: %w", ErrFormat, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Scan{}, fmt.Errorf("read scan: %w: more follows after the object", ErrFormat)
	}
	if err := b.check(); err != nil {
		return Scan{}, fmt.Errorf("read scan: %w: %w", ErrFormat, err)
	}
	scan := Scan{Info: b.Info, Settings: b.Settings, TemperatureC: b.TemperatureC, Frames: restore(b.Frames), Dark: restore(b.Dark),
		Reference: restore(b.Reference), StoredReference: b.StoredReference, version: b.Version}
	for _, f := range b.Exposures {
		scan.Exposures = append(scan.Exposures, Exposure{Frame: restoreFrame(f), Dark: f.Dark})
	}
	return scan, nil
}

func (b bundle) check() error {
	switch {
	case b.Version < 1 || b.Version > formatVersion:
		return fmt.Errorf("version %d, this program knows 1 to %d: a newer one wrote it", b.Version, formatVersion)
	case b.Version == 1 && len(b.Exposures) > 0:
		return errors.New("version 1 has no exposures")
	case len(b.Exposures) > 2*maxTries:
		return fmt.Errorf("%d exposures, at most %d", len(b.Exposures), 2*maxTries)
	case len(b.Frames) == 0:
		return errors.New("it has no frames")
	case len(b.Frames) > MaxAverages || len(b.Dark) > MaxAverages || len(b.Reference) > MaxAverages:
		return fmt.Errorf("%d frames, %d dark and %d of a reference, at most %d each", len(b.Frames), len(b.Dark), len(b.Reference), MaxAverages)
	}
	if err := checkAxis(b.Info, b.Settings.LaserNM); err != nil {
		return err
	}
	if c := b.Settings.Calibration; c != nil {
		if err := c.Validate(); err != nil {
			return fmt.Errorf("calibration: %w", err)
		}
	}
	for _, part := range [][]storedFrame{b.Frames, b.Dark, b.Reference, b.Exposures} {
		for i, f := range part {
			if f.Gain < 0 {
				return fmt.Errorf("frame %d has a gain of %g", i+1, f.Gain)
			}
			if len(f.Counts) != b.Info.Pixels {
				return fmt.Errorf("frame %d has %d counts for %d pixels", i+1, len(f.Counts), b.Info.Pixels)
			}
			for p, v := range f.Counts {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					return fmt.Errorf("frame %d, pixel %d: the count is %g", i+1, p, v)
				}
			}
		}
	}
	return nil
}

func store(frames []device.Frame) []storedFrame {
	var out []storedFrame
	for _, f := range frames {
		out = append(out, storeFrame(f))
	}
	return out
}

func storeFrame(f device.Frame) storedFrame {
	return storedFrame{Started: f.Started.UTC().Round(0), IntegrationTime: f.IntegrationTime, Counts: f.Counts, Gain: f.Gain, Wire: f.Raw}
}

func restore(frames []storedFrame) []device.Frame {
	var out []device.Frame
	for _, f := range frames {
		out = append(out, restoreFrame(f))
	}
	return out
}

func restoreFrame(f storedFrame) device.Frame {
	return device.Frame{Started: f.Started, IntegrationTime: f.IntegrationTime, Counts: f.Counts, Gain: f.Gain, Raw: f.Wire}
}
