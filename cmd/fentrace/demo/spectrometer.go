package demo

import (
	"context"
	"sync"
	"time"

	"fentrace/device"
	"fentrace/device/acquire"
	"fentrace/device/emulator"
	"fentrace/device/obp"
	"fentrace/spectra"
	"fentrace/spectra/simulate"
)

// The emulated instrument: an STS on a serial line, behind optics for 785 nm and 200 to 2000 cm-1.
const (
	stsBaud   = 115200
	stsPixels = 1024
	// stsMargin is long, because the emulator shares the machine with all else: a busy one is no fault of the instrument.
	stsMargin = 5 * time.Second
	// stsRate (counts per second) makes settings expose the detector well, so that a scan takes about two seconds.
	stsRate = 200_000
)

// stsSettings are how the demo scans. The first exposure is nearly right; auto-exposure checks it.
var stsSettings = acquire.Settings{
	IntegrationTime: 50 * time.Millisecond, AutoExposure: true, MaxIntegration: 200 * time.Millisecond, Averages: 3,
}

// spectrometer is the emulated instrument with a tray of samples: switching the laser on after a whole scan brings the
// next one under the probe, so that what a preview shows is what the scan will find.
type spectrometer struct {
	em   *emulator.Emulator
	told func(scan int, s Sample) // called when a sample comes under the probe; scan counts from 1

	mu     sync.Mutex
	tray   []Sample
	lights []spectra.Spectrum // of the samples
	scans  int
	done   bool // the sample under the probe was scanned
	lit    bool
}

// startSpectrometer starts the emulator on a pseudo-terminal.
func startSpectrometer(table lineTable, tray []Sample, told func(int, Sample)) (*spectrometer, error) {
	s := &spectrometer{tray: tray, told: told}
	for _, sample := range tray {
		light, err := sample.spectrum(table)
		if err != nil {
			return nil, err
		}
		s.lights = append(s.lights, light)
	}
	optics := simulate.Handheld785()
	first, last := vacuumNM(optics.LaserNM, optics.LowCM1), vacuumNM(optics.LaserNM, optics.HighCM1)
	var err error
	s.em, err = emulator.Start(emulator.Config{
		Type: "sts", Baud: stsBaud, SerialNumber: "SIM-STS-DEMO", LaserNM: optics.LaserNM, LightSource: true, Rate: stsRate,
		Coefficients: [4]float64{first, (last - first) / (stsPixels - 1)}, Seed: 1,
	})
	return s, err
}

// vacuumNM is the wavelength of light shifted by shift cm-1 from a laser.
func vacuumNM(laserNM, shift float64) float64 { return 1e7 / (1e7/laserNM - shift) }

// open connects the driver, as to any instrument on a serial line.
func (s *spectrometer) open(ctx context.Context) (device.Spectrometer, error) {
	dev, err := obp.Open(ctx, s.em.Path(), obp.Options{Baud: s.em.Baud(), Margin: stsMargin})
	if err != nil {
		return nil, err
	}
	return turning{dev, s}, nil
}

// next brings the next sample under the probe.
func (s *spectrometer) next() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lit = true
	if len(s.tray) == 0 || s.scans > 0 && !s.done {
		return nil
	}
	at := s.scans % len(s.tray)
	if err := s.em.SetSample(s.lights[at]); err != nil {
		return err
	}
	s.scans++
	s.done = false
	s.told(s.scans, s.tray[at])
	return nil
}

func (s *spectrometer) close() error { return s.em.Close() }

// dark notes that the laser is off, and with a frame taken then that a scan is over: it ends with dark frames.
func (s *spectrometer) dark(frame bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lit = s.lit && frame
	s.done = s.done || frame && !s.lit
}

// turning turns the tray when the laser is switched on, which is how every scan begins.
type turning struct {
	device.Spectrometer
	tray *spectrometer
}

func (t turning) Lamp(ctx context.Context, on bool) error {
	if on {
		if err := t.tray.next(); err != nil {
			return err
		}
	}
	if !on {
		t.tray.dark(false)
	}
	return t.Spectrometer.Lamp(ctx, on)
}

func (t turning) Scan(ctx context.Context) (device.Frame, error) {
	t.tray.dark(true)
	return t.Spectrometer.Scan(ctx)
}
