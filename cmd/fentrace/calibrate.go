package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"fentrace/device"
	"fentrace/device/acquire"
	"fentrace/device/calibrated"
	"fentrace/spectra"
	"fentrace/spectra/format"
)

type calibrateCommands struct {
	Axis      calibrateAxisCommand      `cmd:"" help:"Calibrate the Raman shift with a standard."`
	Intensity calibrateIntensityCommand `cmd:"" help:"Calibrate the relative intensity with a NIST SRM 224x glass."`
	Check     calibrateCheckCommand     `cmd:"" help:"Check a scan on polystyrene film (infrared) or on its container (Raman)."`
	Apply     calibrateApplyCommand     `cmd:"" help:"Correct the scan of a file with the calibration of its instrument."`
	Show      calibrateShowCommand      `cmd:"" help:"Show the calibrations of the instruments and how they drift."`
}

// calibrationFlags say where calibrations are kept.
type calibrationFlags struct {
	Calibrations string `placeholder:"DIR" help:"Folder of the calibrations; by default fentrace/calibrations in the user's configuration folder."`
}

// folder is where calibrations are kept.
func (f calibrationFlags) folder() (calibrated.Folder, error) {
	if f.Calibrations != "" {
		return calibrated.Open(f.Calibrations), nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return calibrated.Folder{}, usagef("name a folder for the calibrations with --calibrations: %w", err)
	}
	return calibrated.Open(filepath.Join(dir, "fentrace", "calibrations")), nil
}

// calibration is what is known of an instrument now; nil when it was never calibrated, has no serial number, or no folder
// is named or usual.
func (f calibrationFlags) calibration(info device.Info, intensity bool) (*calibrated.Calibration, error) {
	folder, err := f.folder()
	if err != nil || info.SerialNumber == "" {
		return nil, nil
	}
	in, err := folder.Find(info.Model, info.SerialNumber)
	if err != nil {
		return nil, fmt.Errorf("%w (mend or remove the file, or name another folder with --calibrations)", err)
	}
	return in.At(time.Now(), intensity), nil
}

// calibratedText is a calibration on one line.
func calibratedText(c *spectra.Calibration) string {
	if c == nil {
		return "never: calibrate with `fentrace calibrate axis`"
	}
	how := strings.Join(c.Standards, ", ")
	if !c.At.IsZero() {
		how += fmt.Sprintf(" of %s, lines within %.1f cm-1 on average", c.At.Format(time.DateOnly), c.MeanCM1)
	}
	if c.Intensity != "" {
		how = strings.TrimPrefix(how+"; intensity by "+c.Intensity, "; ")
	}
	switch c.State {
	case spectra.CalibrationValid:
		return fmt.Sprintf("until %s (%s)", c.Until.Format(time.DateOnly), how)
	case spectra.CalibrationExpired:
		return fmt.Sprintf("EXPIRED on %s (%s): calibrate again", c.Until.Format(time.DateOnly), how)
	case spectra.CalibrationFailed:
		if how == "" {
			return "FAILED, and never before: calibrate again"
		}
		return fmt.Sprintf("FAILED; the one before is used (%s): calibrate again", how)
	}
	return how
}

// instrumentFlags name the instrument of a file that does not.
type instrumentFlags struct {
	Model  string `placeholder:"NAME" help:"Model of the instrument, when the file does not say it, or says it wrong."`
	Serial string `placeholder:"NUMBER" help:"Serial number of the instrument, likewise."`
}

// name fills in the metadata what was stated.
func (f instrumentFlags) name(s *spectra.Spectrum) {
	if f.Model != "" {
		s.Metadata.Instrument = f.Model
	}
	if f.Serial != "" {
		s.Metadata.SerialNumber = f.Serial
	}
}

// storeFlags say whether and for how long a calibration is kept.
type storeFlags struct {
	ValidDays int  `default:"30" placeholder:"DAYS" help:"How long it counts (${default} days)."`
	DryRun    bool `help:"Print the result without keeping it."`
}

func (f storeFlags) check() error {
	if f.ValidDays < 1 || time.Duration(f.ValidDays)*24*time.Hour > calibrated.MaxValidity {
		return usagef("--valid-days %d: 1 to %d", f.ValidDays, int(calibrated.MaxValidity.Hours()/24))
	}
	return nil
}

// recordJSON is a calibration for programs.
type recordJSON struct {
	Model        string            `json:"model"`
	SerialNumber string            `json:"serial_number"`
	Record       calibrated.Record `json:"record"`
	Kept         bool              `json:"kept"`
}

// measured is a spectrum to calibrate with and where it came from.
type measured struct {
	name string
	spectra.Spectrum
}

// standardFlags are how a standard is measured: from files, or with the spectrometer on a port.
type standardFlags struct {
	Files []string `arg:"" optional:"" name:"file" help:"Scans of the standard, unless --port takes one."`
	portFlags
	exposureFlags
	instrumentFlags
	storeFlags
}

// measure reads the files or takes one scan, without any calibration. A laser that is stated goes before that of a file.
func (c *standardFlags) measure(env *environment, what string) ([]measured, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if (c.Port == "") == (len(c.Files) == 0) {
		return nil, usagef("give the file of a scan of %s, or --port to take one now", what)
	}
	if c.Port != "" {
		return c.scanStandard(env, what)
	}
	if err := env.onlyOneStdin(c.Files); err != nil {
		return nil, err
	}
	var out []measured
	for _, path := range c.Files {
		read, _, err := env.readSpectra(path)
		if err != nil {
			return nil, err
		}
		for i, s := range spectra.Scans(read) {
			name := format.SpectrumName(path, s, i)
			if s.Metadata.Calibration != nil && s.Metadata.Calibration.State != spectra.CalibrationFailed {
				return nil, fmt.Errorf("%s is corrected already: calibrate with the scan as the instrument gives it", name)
			}
			c.name(&s)
			if c.LaserNM > 0 {
				s.Metadata.LaserNM = c.LaserNM
			}
			out = append(out, measured{name, s})
		}
	}
	return out, nil
}

// onlyScan is the scan of a file that holds one.
func (env *environment) onlyScan(path string) (spectra.Spectrum, error) {
	read, _, err := env.readSpectra(path)
	if err != nil {
		return spectra.Spectrum{}, err
	}
	var scans []spectra.Spectrum
	for _, s := range spectra.Scans(read) {
		scans = append(scans, s)
	}
	if len(scans) != 1 {
		return spectra.Spectrum{}, fmt.Errorf("%s holds %d scans: give a file with one (`fentrace convert` splits it)", path, len(scans))
	}
	return scans[0], nil
}

// scanStandard takes one scan; auto-exposure is on unless the time was stated.
func (c *standardFlags) scanStandard(env *environment, what string) ([]measured, error) {
	if c.Averages < 1 {
		return nil, usagef("--averages %d: at least 1", c.Averages)
	}
	dev, err := c.openDevice(env.ctx, env)
	if err != nil {
		return nil, err
	}
	defer dev.Close()
	settings := c.settings(c.portFlags)
	settings.SampleName = what
	settings.AutoExposure = settings.AutoExposure || c.Integration == 0
	scan, err := acquire.Acquire(env.ctx, dev, settings, env.scanProgress())
	if err != nil {
		return nil, err
	}
	s, err := scan.Spectrum()
	if err != nil {
		return nil, err
	}
	if s.Metadata.SaturatedPoints > 0 {
		return nil, fmt.Errorf("scan of %s: %d points are at full scale: lower the laser power or the integration time", what, s.Metadata.SaturatedPoints)
	}
	c.name(&s)
	return []measured{{s.Title, s}}, nil
}

// record begins the record of a calibration with these spectra: it counts from when the last of them was measured, now
// when none of them says.
func (f storeFlags) record(kind calibrated.Kind, samples []measured) calibrated.Record {
	r := calibrated.Record{Kind: kind}
	for _, s := range samples {
		m := s.Metadata
		if m.Acquired.After(r.At) {
			r.At = m.Acquired
		}
		if m.Operator != "" {
			r.Operator = m.Operator
		}
		if m.SHA256 != "" {
			r.Sources = append(r.Sources, m.SHA256)
		}
		r.Simulated = r.Simulated || m.Simulated
	}
	if r.At.IsZero() {
		r.At = time.Now()
	}
	r.At = r.At.UTC().Round(0)
	r.Until = r.At.AddDate(0, 0, f.ValidDays)
	return r
}

// instrumentOf is model and serial number of the spectra; all have to be of one instrument.
func instrumentOf(samples []measured) (model, serial string, err error) {
	model, serial = samples[0].Metadata.Instrument, samples[0].Metadata.SerialNumber
	for _, s := range samples[1:] {
		if s.Metadata.Instrument != model || s.Metadata.SerialNumber != serial {
			return "", "", usagef("%s and %s are not of one instrument: calibrate one at a time", samples[0].name, s.name)
		}
	}
	return model, serial, nil
}

// keep adds the record to the history of the instrument, unless nothing is to be kept.
func (c *standardFlags) keep(samples []measured, r calibrated.Record) error {
	if c.DryRun {
		return nil
	}
	model, serial, err := instrumentOf(samples)
	if err != nil {
		return err
	}
	if serial == "" {
		return usagef("%s states no serial number: give it with --serial, or --dry-run to keep nothing", samples[0].name)
	}
	folder, err := c.folder()
	if err != nil {
		return err
	}
	err = folder.Add(model, serial, r)
	if errors.Is(err, calibrated.ErrFormat) {
		return fmt.Errorf("%w (mend or remove the file, or name another folder with --calibrations)", err)
	}
	return err
}

// kept says what became of a calibration.
func (c *standardFlags) kept(r calibrated.Record) string {
	switch {
	case c.DryRun:
		return "no: --dry-run"
	case r.Until.Before(time.Now()):
		return "yes, but it was measured on " + r.At.Format(time.DateOnly) + " and EXPIRED on " + r.Until.Format(time.DateOnly)
	}
	return "yes, valid until " + r.Until.Format(time.DateOnly)
}
