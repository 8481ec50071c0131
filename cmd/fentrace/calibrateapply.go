package main

import (
	"errors"
	"fmt"
	"time"

	"fentrace/spectra"
)

type calibrateApplyCommand struct {
	File     string  `arg:"" help:"Scan to correct, of any readable format."`
	Out      string  `required:"" placeholder:"FILE" help:"File to write: .jdx (JCAMP-DX), .csv or .spc."`
	Relative bool    `name:"correct-intensity" help:"Correct the intensity as well."`
	LaserNM  float64 `name:"laser-nm" placeholder:"NM" help:"Excitation wavelength, when the file does not say it."`
	instrumentFlags
	calibrationFlags
}

func (calibrateApplyCommand) Help() string {
	return `The calibration that counted when the scan was taken is used. The file written says which one it was, and whether it
had expired or failed. Scans taken with fentrace scan are corrected already.

Example:

    fentrace calibrate apply scan.txt --serial 12345 --out corrected.jdx`
}

func (c *calibrateApplyCommand) Run(env *environment) error {
	if err := checkNew("--out", c.Out, ".jdx", ".dx", ".csv", ".spc"); err != nil {
		return err
	}
	s, err := env.onlyScan(c.File)
	if err != nil {
		return err
	}
	s, err = c.corrected(s)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	if err := saveSpectrum(c.Out, s); err != nil {
		return err
	}
	sheet := env.newSheet()
	sheet.name(c.Out, s.Metadata.Simulated)
	sheet.field("calibrated", calibratedText(s.Metadata.Calibration))
	for _, w := range s.Metadata.Warnings {
		sheet.field("warning", w)
	}
	return sheet.err
}

// corrected is s with the calibration of its instrument.
func (c *calibrateApplyCommand) corrected(s spectra.Spectrum) (spectra.Spectrum, error) {
	if s.Metadata.Calibration != nil {
		return s, errors.New("it is corrected already")
	}
	c.name(&s)
	if c.LaserNM > 0 {
		s.Metadata.LaserNM = c.LaserNM
	}
	if s.Metadata.SerialNumber == "" {
		return s, usagef("it states no serial number: give it with --serial")
	}
	folder, err := c.folder()
	if err != nil {
		return s, err
	}
	in, err := folder.Find(s.Metadata.Instrument, s.Metadata.SerialNumber)
	if err != nil {
		return s, err
	}
	at := takenAt(s)
	known := in.At(at, c.Relative)
	if known == nil || known.Axis == nil && known.Response == nil {
		return s, fmt.Errorf("%s was not calibrated before %s: `fentrace calibrate show` lists what there is", in.Name(), at.Format(time.DateOnly))
	}
	if c.Relative && known.Response == nil {
		return s, fmt.Errorf("the intensity of %s was not calibrated before %s", in.Name(), at.Format(time.DateOnly))
	}
	if known.Axis != nil {
		if _, err := known.Axis.Apply(s); err != nil {
			return s, err
		}
	}
	out := s
	out.Metadata.Acquired = at
	out = known.Apply(out)
	out.Metadata.Acquired = s.Metadata.Acquired
	return out, nil
}

// takenAt is when a scan was taken; now when it does not say.
func takenAt(s spectra.Spectrum) time.Time {
	if s.Metadata.Acquired.IsZero() {
		return time.Now()
	}
	return s.Metadata.Acquired
}
