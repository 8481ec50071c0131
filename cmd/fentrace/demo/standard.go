package demo

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"fentrace/device"
	"fentrace/device/acquire"
	"fentrace/device/calibrated"
	"fentrace/spectra/calibration"
	"fentrace/spectra/simulate"
)

const (
	standardName     = "polystyrene"
	standardWidthCM1 = 6  // of its lines, a typical one
	standardDays     = 30 // that a calibration counts, as on the command line
)

// calibrations is where those of the emulated spectrometer are kept.
func (d *demo) calibrations() calibrated.Folder {
	return calibrated.Open(filepath.Join(d.dir, "calibrations"))
}

func (d *demo) calibration(info device.Info) (*calibrated.Calibration, error) {
	in, err := d.calibrations().Find(info.Model, info.SerialNumber)
	if err != nil {
		return nil, err
	}
	return in.At(time.Now(), false), nil
}

// openCalibrated connects the driver and, unless a calibration still counts, calibrates the axis with a simulated piece
// of polystyrene under the probe, as a technician would before the first scan.
func (d *demo) openCalibrated(ctx context.Context, tray *spectrometer) (device.Spectrometer, error) {
	dev, err := tray.open(ctx)
	if err != nil {
		return nil, err
	}
	known, err := d.calibration(dev.Info())
	if err == nil && (known == nil || !known.Until.After(time.Now())) {
		err = d.calibrate(ctx, tray, dev)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("calibrate the emulated spectrometer: %w", err), dev.Close())
	}
	return dev, nil
}

func (d *demo) calibrate(ctx context.Context, tray *spectrometer, dev device.Spectrometer) error {
	scan, err := tray.scanStandard(ctx, dev)
	if err != nil {
		return err
	}
	s, err := scan.Spectrum()
	if err != nil {
		return err
	}
	result, err := calibration.CalibrateAxis(calibration.Sample{Standard: standardName, Spectrum: s})
	if err != nil {
		return err
	}
	at := time.Now().UTC()
	m := s.Metadata
	return d.calibrations().Add(m.Instrument, m.SerialNumber, calibrated.Record{
		Kind: calibrated.Axis, At: at, Until: at.AddDate(0, 0, standardDays), Axis: &result, Simulated: m.Simulated,
	})
}

// scanStandard scans the standard; the tray keeps its turn.
func (s *spectrometer) scanStandard(ctx context.Context, dev device.Spectrometer) (acquire.Scan, error) {
	std, err := calibration.Find(standardName)
	if err != nil {
		return acquire.Scan{}, err
	}
	lines := make([]simulate.Line, len(std.Lines))
	for i, l := range std.Lines {
		lines[i] = simulate.Line{CM1: l.Position, Intensity: l.Relative, WidthCM1: standardWidthCM1}
	}
	light, err := lightOf(std.Title, lines, 0)
	if err != nil {
		return acquire.Scan{}, err
	}
	if err := s.em.SetSample(light); err != nil {
		return acquire.Scan{}, err
	}
	settings := stsSettings
	settings.SampleName = simulate.TitlePrefix + std.Title
	if t, ok := dev.(turning); ok {
		dev = t.Spectrometer
	}
	return acquire.Acquire(ctx, dev, settings, nil)
}
