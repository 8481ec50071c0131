package main

import (
	"fmt"
	"math"

	"fentrace/device/calibrated"
	"fentrace/spectra"
	"fentrace/spectra/calibration"
)

type calibrateIntensityCommand struct {
	SRM  string `name:"srm" required:"" placeholder:"NUMBER" help:"Reference glass of NIST: 2241 (785 nm), 2242a (532), 2244 (1064), 2245 (633), 2246 or 2246a (830)."`
	JSON bool   `name:"json" help:"Print as JSON."`
	standardFlags
}

func (calibrateIntensityCommand) Help() string {
	return `The response of the instrument is the spectrum measured of the glass over its certified one. It is kept for the
instrument and used where it is asked for: fentrace scan --correct-intensity, fentrace calibrate apply. Calibrate the
axis first; subtract the dark. The answers of fentrace do not need it.

Examples:

    fentrace calibrate intensity --srm 2241 --port /dev/ttyUSB0 --averages 5
    fentrace calibrate intensity --srm 2242a --serial 12345 glass.txt`
}

func (c *calibrateIntensityCommand) Run(env *environment) error {
	certificate, err := calibration.FindCertificate(c.SRM)
	if err != nil {
		return usageError{err}
	}
	samples, err := c.measure(env, "SRM "+certificate.Name)
	if err != nil {
		return err
	}
	if len(samples) != 1 {
		return usagef("%d spectra: one scan of the glass is needed; average the repeats", len(samples))
	}
	s := samples[0]
	folder, err := c.folder()
	if err != nil {
		return err
	}
	axis, err := onItsAxis(folder, s.Spectrum)
	if err != nil {
		return err
	}
	response, err := calibration.NewResponse(certificate, axis)
	if err != nil {
		return err
	}
	r := c.record(calibrated.Intensity, samples)
	r.Intensity = &response
	if err := c.keep(samples, r); err != nil {
		return err
	}
	model, serial := s.Metadata.Instrument, s.Metadata.SerialNumber
	if c.JSON {
		return printJSON(env.stdout, recordJSON{model, serial, r, !c.DryRun}, false)
	}
	sheet := env.newSheet()
	sheet.name(fmt.Sprintf("SRM %s on %s", certificate.Name, calibrated.Instrument{Model: model, SerialNumber: serial}.Name()), r.Simulated)
	for _, l := range draw(responseSpectrum(response)) {
		sheet.line(l)
	}
	lowest := math.Inf(1)
	for _, v := range response.Values {
		lowest = min(lowest, v)
	}
	sheet.field("holds", fmt.Sprintf("%.0f to %.0f cm-1, certified for %.0f to %.0f", response.Low, response.High, certificate.Low, certificate.High))
	sheet.field("corrects", fmt.Sprintf("by a factor of up to %.1f; it adds %.2f %% of scatter", 1/lowest, 100*response.Noise))
	sheet.field("kept", c.kept(r))
	for _, n := range response.Notes {
		sheet.field("note", n)
	}
	return sheet.err
}

// onItsAxis is s with the axis calibration of its instrument; as it is when there is none.
func onItsAxis(folder calibrated.Folder, s spectra.Spectrum) (spectra.Spectrum, error) {
	if s.Metadata.SerialNumber == "" {
		return s, nil
	}
	in, err := folder.Find(s.Metadata.Instrument, s.Metadata.SerialNumber)
	if err != nil {
		return s, err
	}
	known := in.At(takenAt(s), false)
	if known == nil || known.Axis == nil {
		return s, nil
	}
	return known.Axis.Apply(s)
}

// responseSpectrum is a response as something to draw.
func responseSpectrum(r calibration.Response) spectra.Spectrum {
	s := spectra.Spectrum{Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: "response", Y: r.Values}
	for i := range r.Values {
		s.X = append(s.X, r.Low+float64(i)*r.Step)
	}
	return s
}
