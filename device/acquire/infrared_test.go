package acquire

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/drivertest"
	"fentrace/device/emulator"
	"fentrace/device/nirscan"
	"fentrace/spectra"
)

func infraredDevice(t *testing.T, sample func(float64) float64, config int) device.Spectrometer {
	t.Helper()
	em, err := emulator.Start(emulator.Config{Type: "nirscan", Noiseless: true, Sample: sample, Baud: 921600})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { em.Close() })
	dev, err := nirscan.Open(within(t), em.Path(), nirscan.Options{Baud: em.Baud(), Config: config, Margin: drivertest.Margin})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dev.Close() })
	return dev
}

// half reflects 0.2 to 0.8, falling with the wavelength.
func half(cm1 float64) float64 { return 0.2 + 0.6*(cm1-5800)/5400 }

const short, narrow = 4, 5 // stored configurations of the emulator

func TestAnInfraredScanIsAbsorbanceOverTheWavelength(t *testing.T) {
	t.Parallel()
	dev := infraredDevice(t, half, short)
	var stages []Stage
	scan, err := Acquire(within(t), dev, Settings{AutoExposure: true, Averages: 2, SampleName: "S-1", LaserNM: 785}, func(p Progress) { stages = append(stages, p.Stage) })
	if err != nil {
		t.Fatal(err)
	}
	s, err := scan.Spectrum()
	if err != nil {
		t.Fatal(err)
	}
	m := s.Metadata
	if s.Technique != spectra.IR || s.XUnit != spectra.Nanometre || s.YUnit != spectra.Absorbance || m.LaserNM != 0 || !m.DarkSubtracted || !m.Simulated ||
		m.Averages != 2 || m.IntegrationTimeMS != 0.635 || m.TemperatureC == nil || m.SampleName != "S-1" || m.SaturatedPoints != 0 {
		t.Errorf("%s over %s: %+v", s.YUnit, s.XUnit, m)
	}
	if len(stages) != 2 || stages[0] != StageSample || len(m.Warnings) != 1 || !strings.Contains(m.Warnings[0], "stored in the device") {
		t.Errorf("stages %v, warnings %q", stages, m.Warnings)
	}
	for i, nm := range s.X {
		if want := -math.Log10(half(1e7 / nm)); math.Abs(s.Y[i]-want) > 2e-4 {
			t.Fatalf("at %g nm: %g, want %g", nm, s.Y[i], want)
		}
	}
	checkStored(t, scan, s)
}

func checkStored(t *testing.T, scan Scan, s spectra.Spectrum) {
	t.Helper()
	raw, err := scan.Raw()
	if err != nil || s.Metadata.SHA256 != spectra.HashBytes(raw) {
		t.Fatalf("hash %s, %v", s.Metadata.SHA256, err)
	}
	again, err := Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	if twice, err := again.Raw(); err != nil || !bytes.Equal(raw, twice) {
		t.Errorf("stored again it differs: %v", err)
	}
	if s2, err := again.Spectrum(); err != nil || !slices.Equal(s.Y, s2.Y) || !slices.Equal(s.Metadata.Warnings, s2.Metadata.Warnings) {
		t.Errorf("read back it differs: %v", err)
	}
}

func TestAWhiteScanGoesBeforeTheStoredReference(t *testing.T) {
	t.Parallel()
	white, err := Acquire(within(t), infraredDevice(t, func(float64) float64 { return 0.9 }, narrow), Settings{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := white.Spectrum(); err != nil || s.YUnit != spectra.Counts || len(s.Metadata.Warnings) != 1 { // no stored reference fits
		t.Fatalf("%s, %q, %v", s.YUnit, s.Metadata.Warnings, err)
	}
	dev := infraredDevice(t, half, narrow)
	frames, err := white.ReferenceFor(dev.Info())
	if err != nil {
		t.Fatal(err)
	}
	scan, err := Acquire(within(t), dev, Settings{Reference: frames}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := scan.Spectrum()
	if err != nil || s.YUnit != spectra.Absorbance || len(s.Metadata.Warnings) != 0 {
		t.Fatalf("%s, %q, %v", s.YUnit, s.Metadata.Warnings, err)
	}
	for i, nm := range s.X {
		if want := -math.Log10(half(1e7/nm) / 0.9); math.Abs(s.Y[i]-want) > 1e-4 { // whole counts
			t.Fatalf("at %g nm: %g, want %g", nm, s.Y[i], want)
		}
	}
	checkStored(t, scan, s)
	other := dev.Info()
	other.SerialNumber = "another"
	if _, err := white.ReferenceFor(other); !errors.Is(err, device.ErrRange) {
		t.Errorf("a reference of another device: %v", err)
	}
	other = dev.Info()
	other.WavelengthsNM = other.WavelengthsNM[1:]
	if _, err := white.ReferenceFor(other); !errors.Is(err, device.ErrRange) {
		t.Errorf("a reference at other wavelengths: %v", err)
	}
	if _, err := Acquire(within(t), dev, Settings{Reference: []device.Frame{{Counts: []float64{1}}}}, nil); !errors.Is(err, device.ErrRange) {
		t.Errorf("a reference of one point: %v", err)
	}
}

// steady is an infrared device without a line, for what no device should send.
type steady struct {
	device.Spectrometer
	info   device.Info
	frames []device.Frame
}

func (d *steady) Info() device.Info { return d.info }
func (d *steady) Scan(context.Context) (f device.Frame, err error) {
	f, d.frames = d.frames[0], d.frames[1:]
	return f, nil
}
func (d *steady) SetIntegrationTime(context.Context, time.Duration) error { return nil }
func (d *steady) Temperature(context.Context) (float64, error)            { return 0, device.ErrRefused }
func (d *steady) Lamp(context.Context, bool) error                        { return device.ErrNoLaser }

func level16(v float64) []float64 { return slices.Repeat([]float64{v}, minPoints) }

func ascending(from float64) []float64 {
	axis := make([]float64, minPoints)
	for i := range axis {
		axis[i] = from + 10*float64(i)
	}
	return axis
}

func TestFramesOfDifferentGainAreBroughtTogether(t *testing.T) {
	info := device.Info{Technique: spectra.IR, Pixels: minPoints, MaxCounts: 1e6, MinIntegration: 1, MaxIntegration: time.Second, WavelengthsNM: ascending(900)}
	take := func(reference []device.Frame, frames ...device.Frame) (spectra.Spectrum, error) {
		scan, err := Acquire(within(t), &steady{info: info, frames: frames}, Settings{Averages: len(frames), Reference: reference}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return scan.Spectrum()
	}
	a, b := device.Frame{Counts: level16(100), Gain: 4}, device.Frame{Counts: level16(300), Gain: 8} // 25 and 37.5 at gain 1
	if s, err := take(nil, a, b); err != nil || math.Abs(s.Y[3]-125) > 1e-9 {
		t.Errorf("counts %v, %v", s.Y, err)
	}
	white := device.Frame{Counts: level16(1000), Gain: 16} // 62.5
	if s, err := take([]device.Frame{white}, a, b); err != nil || math.Abs(s.Y[3]-math.Log10(2)) > 1e-12 {
		t.Errorf("absorbance %v, %v", s.Y, err)
	}
	dim := device.Frame{Counts: level16(100), Gain: 4}
	dim.Counts[0], dim.Counts[1], dim.Counts[2] = -5, 0, 1
	s, err := take([]device.Frame{white}, dim)
	if err != nil || s.Y[0] != s.Y[2] || s.Y[1] != s.Y[2] || len(s.Metadata.Warnings) != 1 || !strings.HasPrefix(s.Metadata.Warnings[0], "2 points have no light") {
		t.Errorf("%v, %q, %v", s.Y, s.Metadata.Warnings, err)
	}
	if _, err := take([]device.Frame{{Counts: level16(0)}}, a); err == nil {
		t.Error("a black reference gave a spectrum")
	}
	info.WavelengthsNM[3] = info.WavelengthsNM[2]
	if _, err := Acquire(within(t), &steady{info: info}, Settings{}, nil); !errors.Is(err, ErrNoAxis) {
		t.Errorf("an axis that stands still: %v", err)
	}
}
