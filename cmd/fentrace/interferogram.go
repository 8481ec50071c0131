package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fentrace/spectra"
	"fentrace/spectra/format"
	"fentrace/spectra/interferogram"
)

type interferogramCommand struct {
	File            string  `arg:"" help:"File that holds interferograms."`
	Background      string  `placeholder:"FILE" help:"File with the interferogram of the background, when the first holds none."`
	SingleBeam      bool    `help:"Give the light on the detector, without a background."`
	Apodisation     string  `enum:", ${apodisations}" default:"" placeholder:"NAME" help:"Window: ${apodisations}."`
	Phase           string  `enum:", ${phases}" default:"" placeholder:"NAME" help:"Phase correction: ${phases}."`
	ZeroFill        int     `placeholder:"N" help:"Zero filling: 1, 2, 4 and so on."`
	Resolution      float64 `placeholder:"CM-1" help:"Use the record as far as this resolution needs."`
	PhaseResolution float64 `placeholder:"CM-1" help:"The same for the phase."`
	Low             float64 `placeholder:"CM-1" help:"Lowest wavenumber."`
	High            float64 `placeholder:"CM-1" help:"Highest wavenumber."`
	ATR             string  `name:"atr" placeholder:"CRYSTAL" help:"Correct for the depth of penetration: diamond, or N1,N2,ANGLE."`
	Interval        float64 `placeholder:"CM" help:"Path difference between points, when the file does not state it."`
	Sweeps          int     `placeholder:"N" help:"Sweeps in the record, with --interval; 2 is forward and backward."`
	Out             string  `placeholder:"FILE" help:"Save the spectrum as .jdx, .dx or .csv."`
	JSON            bool    `name:"json" help:"Print the spectrum, its settings and its agreement as JSON."`
}

func (interferogramCommand) Help() string {
	return `Settings that are not given are those stated by the file, else the ones spectrometers come with. When the file also
holds the absorbance that the spectrometer's own software computed, the agreement of the two is printed.

An instrument that samples at every zero crossing of its laser has the interval 1/(2 x wavenumber of the laser): for
helium and neon 1/(2 x 15798) = 3.165e-5 cm.

Examples:

    fentrace interferogram scan.0
    fentrace interferogram --background empty.0 --apodisation happ-genzel --out scan.jdx scan.0
    fentrace interferogram --single-beam --interval 3.165e-5 sweep.csv`
}

// The range (cm-1) over which a computed absorbance is compared with a stored one: the fingerprint region.
const agreeLow, agreeHigh = 650, 1800

// computed is a spectrum made from an interferogram.
type computed struct {
	spectra.Spectrum
	Settings  interferogram.Settings `json:"settings"`
	Agreement *interferogram.Agreed  `json:"agreement,omitempty"` // with the absorbance stored in the file
}

func (c *interferogramCommand) Run(env *environment) error {
	if c.Out != "" {
		if err := checkNew("--out", c.Out, ".jdx", ".dx", ".csv"); err != nil {
			return err
		}
	}
	if c.SingleBeam && (c.Background != "" || c.ATR != "") {
		return usagef("--single-beam is the light itself: leave out --background and --atr")
	}
	if c.Interval < 0 || c.Sweeps < 0 {
		return usagef("--interval and --sweeps are above 0")
	}
	var atr *interferogram.ATR
	if c.ATR != "" {
		given, err := parseATR(c.ATR)
		if err != nil {
			return err
		}
		atr = &given
	}
	set := interferogram.Default()
	c.overlay(&set)
	if err := set.Validate(); err != nil {
		return usageError{err}
	}
	results, err := c.compute(env, atr)
	if err != nil {
		return err
	}
	if c.Out != "" {
		if len(results) > 1 {
			return fmt.Errorf("%s holds %d interferograms, --out takes one spectrum: print them with --json", c.File, len(results))
		}
		if err := saveSpectrum(c.Out, results[0].Spectrum); err != nil {
			return err
		}
	}
	if c.JSON {
		return printJSON(env.stdout, struct {
			Spectra []computed `json:"spectra"`
		}{results}, false)
	}
	sheet := env.newSheet()
	for i, r := range results {
		if i > 0 {
			sheet.line("")
		}
		sheet.name(format.SpectrumName(c.File, r.Spectrum, i), r.Metadata.Simulated)
		sheet.computed(r)
	}
	if c.Out != "" {
		sheet.field("saved", c.Out)
	}
	return sheet.err
}

// compute transforms every interferogram of the sample in the file; with --single-beam those of a background too.
func (c *interferogramCommand) compute(env *environment, atr *interferogram.ATR) ([]computed, error) {
	read, err := c.read(env, c.File)
	if err != nil {
		return nil, err
	}
	background, err := c.background(env, read)
	if err != nil {
		return nil, err
	}
	var out []computed
	for _, s := range read {
		if !interferogram.IsInterferogram(s) || s.Metadata.Background && !c.SingleBeam {
			continue
		}
		if err := env.ctx.Err(); err != nil {
			return nil, err
		}
		r, err := c.one(s, background)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.File, err)
		}
		if r.Agreement, err = agreement(r.Spectrum, read); err != nil {
			return nil, err
		}
		if atr != nil {
			if r.Spectrum, err = atr.Correct(r.Spectrum); err != nil {
				return nil, fmt.Errorf("%s: %w", c.File, err)
			}
		}
		out = append(out, r)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s holds no interferogram of a sample that can be transformed (one of points without an interval needs --interval)", c.File)
	}
	return out, nil
}

// read returns the spectra of a file. With --interval all but results and single beams are taken for interferograms: a table
// without units may look like anything.
func (c *interferogramCommand) read(env *environment, path string) ([]spectra.Spectrum, error) {
	read, _, err := env.readSpectra(path)
	if err != nil || c.Interval == 0 {
		return read, err
	}
	for i := range read {
		s := &read[i]
		switch s.YUnit {
		case spectra.Absorbance, spectra.Transmittance, spectra.Reflectance, spectra.KubelkaMunk, spectra.SingleBeam:
			continue
		}
		s.Technique, s.XUnit, s.Metadata.SamplingIntervalCM = spectra.Other, spectra.DataPoint, c.Interval
		if c.Sweeps != 0 {
			s.Metadata.Sweeps = c.Sweeps
		}
	}
	return read, nil
}

// background finds the interferogram to divide by, nil with --single-beam.
func (c *interferogramCommand) background(env *environment, sample []spectra.Spectrum) (*spectra.Spectrum, error) {
	if c.SingleBeam {
		return nil, nil
	}
	read, missing := sample, "%s holds no interferogram of the background: give one with --background FILE, or take --single-beam"
	path := c.File
	if c.Background != "" {
		var err error
		if read, err = c.read(env, c.Background); err != nil {
			return nil, err
		}
		path, missing = c.Background, "%s holds no interferogram that can be transformed"
	}
	is := func(s spectra.Spectrum) bool { return interferogram.IsInterferogram(s) && s.Metadata.Background }
	i := slices.IndexFunc(read, is)
	if i < 0 && c.Background != "" {
		i = slices.IndexFunc(read, interferogram.IsInterferogram) // a scan without a sample is a background by its use
	}
	if i < 0 {
		return nil, fmt.Errorf(missing, path)
	}
	return &read[i], nil
}

// one transforms s and, when there is one, its background with the same settings.
func (c *interferogramCommand) one(s spectra.Spectrum, background *spectra.Spectrum) (r computed, err error) {
	set, notes := interferogram.FromFile(s.Metadata)
	c.overlay(&set)
	r.Settings = set
	beam, err := singleBeam(s, set)
	if err != nil {
		return r, err
	}
	if background == nil {
		r.Spectrum = beam.Spectrum()
	} else {
		empty, err := singleBeam(*background, set)
		if err != nil {
			return r, err
		}
		if r.Spectrum, err = interferogram.Absorbance(beam, empty); err != nil {
			return r, err
		}
	}
	r.Title = strings.TrimSuffix(r.Title, ": interferogram of the sample")
	if asked := set.ResolutionCM1; asked > 0 && r.Metadata.ResolutionCM1 > 1.05*asked {
		notes = append(notes, fmt.Sprintf("The record is too short for %g cm-1; the resolution is %.2g.", asked, r.Metadata.ResolutionCM1))
	}
	r.Metadata.Warnings = append(notes, r.Metadata.Warnings...)
	return r, nil
}

func singleBeam(s spectra.Spectrum, set interferogram.Settings) (interferogram.SingleBeam, error) {
	ig, err := interferogram.FromSpectrum(s)
	if err != nil {
		return interferogram.SingleBeam{}, err
	}
	return interferogram.Transform(ig, set)
}

// overlay puts the flags over what the file states.
func (c *interferogramCommand) overlay(s *interferogram.Settings) {
	if c.Apodisation != "" {
		s.Apodisation = interferogram.Apodisation(c.Apodisation)
	}
	if c.Phase != "" {
		s.Phase = interferogram.Phase(c.Phase)
	}
	if c.ZeroFill != 0 {
		s.ZeroFill = c.ZeroFill
	}
	for _, f := range []struct {
		given float64
		into  *float64
	}{{c.Resolution, &s.ResolutionCM1}, {c.PhaseResolution, &s.PhaseResolutionCM1}, {c.Low, &s.LowCM1}, {c.High, &s.HighCM1}} {
		if f.given != 0 {
			*f.into = f.given
		}
	}
}

// parseATR reads --atr.
func parseATR(text string) (interferogram.ATR, error) {
	if text == "diamond" {
		return interferogram.DiamondATR(), nil
	}
	var v [3]float64
	parts := strings.Split(text, ",")
	for i, p := range parts {
		f, err := strconv.ParseFloat(strings.TrimSpace(p), 64)
		if len(parts) != len(v) || err != nil {
			return interferogram.ATR{}, usagef("--atr %s: give diamond, or the refractive indices of crystal and sample and the angle, as in 2.4,1.5,45", text)
		}
		v[i] = f
	}
	atr := interferogram.ATR{CrystalIndex: v[0], SampleIndex: v[1], AngleDegrees: v[2]}
	if _, err := atr.DepthUM(agreeLow); err != nil {
		return atr, usageError{fmt.Errorf("--atr %s: %w", text, err)}
	}
	return atr, nil
}

// agreement compares a computed absorbance with the one stored in the same file, nil when there is none in reach.
func agreement(s spectra.Spectrum, read []spectra.Spectrum) (*interferogram.Agreed, error) {
	i := slices.IndexFunc(read, func(r spectra.Spectrum) bool {
		return r.Technique == spectra.IR && r.YUnit == spectra.Absorbance && r.XUnit == spectra.PerCM && !r.Peaks
	})
	if i < 0 || s.YUnit != spectra.Absorbance {
		return nil, nil
	}
	a, err := interferogram.Agreement(s, read[i], agreeLow, agreeHigh)
	if errors.Is(err, spectra.ErrRange) {
		return nil, nil
	}
	return &a, err
}

// computed draws a spectrum made from an interferogram, and says how it was made.
func (s *sheet) computed(r computed) {
	s.spectrum(r.Spectrum)
	s.field("settings", r.Settings.String())
	if a := r.Agreement; a != nil {
		s.field("agreement", fmt.Sprintf("with the absorbance stored in the file, %g to %g cm-1: correlation %.7f, at most %.2g off (at %.0f cm-1), %.2g on average (root mean square)",
			a.LowCM1, a.HighCM1, a.Correlation, a.Largest, a.At, a.RMS))
	}
}
