package main

import (
	"fmt"
	"slices"
	"strings"

	"fentrace/device/calibrated"
	"fentrace/spectra/calibration"
)

type calibrateAxisCommand struct {
	Standard []string `required:"" placeholder:"NAME" help:"What was measured: ${standards}. One for all files, or one for each in their order."`
	JSON     bool     `name:"json" help:"Print as JSON."`
	standardFlags
}

func (calibrateAxisCommand) Help() string {
	return `The lines of the standard are found and matched to its table (ASTM E1840, NIST), and a smooth correction is
fitted: accepted when the lines are within 1 cm-1 of their places on average and 3 at worst. "left out" is how far
each line is off when it is not used for the fit: what to expect of a scan. A spectrum that is not the standard's, or
matches it in two ways, is refused and nothing is kept; a fit outside the limits is kept as FAILED, and scans say so
from then on. A lamp tells the wavelengths but not the laser: measure a Raman standard with it.

Exit code 0: accepted. 1: refused or failed.

Examples:

    fentrace calibrate axis --standard polystyrene --port /dev/ttyUSB0
    fentrace calibrate axis --standard polystyrene --serial 12345 scan.txt
    fentrace calibrate axis --standard neon --standard silicon neon.csv si.csv`
}

func (c *calibrateAxisCommand) Run(env *environment) error {
	titles, err := standardTitles(c.Standard)
	if err != nil {
		return err
	}
	samples, err := c.measure(env, titles)
	if err != nil {
		return err
	}
	if n := len(c.Standard); n != 1 && n != len(samples) {
		return usagef("%d standards for %d spectra: give one for all, or one for each", n, len(samples))
	}
	model, serial, err := instrumentOf(samples)
	if err != nil {
		return err
	}
	in := make([]calibration.Sample, len(samples))
	for i, s := range samples {
		in[i] = calibration.Sample{Standard: c.Standard[min(i, len(c.Standard)-1)], Spectrum: s.Spectrum}
	}
	result, err := calibration.CalibrateAxis(in...)
	if err != nil {
		return fmt.Errorf("%w; nothing was kept: is it the right sample, and the window wiped?", err)
	}
	r := c.record(calibrated.Axis, samples)
	r.Axis = &result
	if err := c.keep(samples, r); err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(env.stdout, recordJSON{model, serial, r, !c.DryRun}, false)
	} else {
		err = c.print(env.newSheet(), calibrated.Instrument{Model: model, SerialNumber: serial}.Name(), r)
	}
	if err == nil && !result.Accepted {
		return errIncomplete
	}
	return err
}

// standardTitles joins the titles of the standards; one that is not known is a usage error.
func standardTitles(names []string) (string, error) {
	var titles []string
	for _, n := range names {
		std, err := calibration.Find(n)
		if err != nil {
			return "", usageError{err}
		}
		if !slices.Contains(titles, std.Title) {
			titles = append(titles, std.Title)
		}
	}
	return strings.Join(titles, " and "), nil
}

func (c *calibrateAxisCommand) print(sheet *sheet, instrument string, r calibrated.Record) error {
	a := r.Axis
	titles, _ := standardTitles(a.Standards)
	on := ""
	if strings.TrimSpace(instrument) != "" {
		on = " on " + instrument
	}
	sheet.name(titles+on, r.Simulated)
	verdict := "AXIS ACCEPTED: lines within " + fmt.Sprintf("%.1f cm-1 on average, %.1f at worst", a.After.Mean, a.After.Worst)
	if !a.Accepted {
		verdict = "AXIS FAILED: " + a.Reason
	}
	for _, l := range wrap(verdict, 2) {
		sheet.line("  " + l)
	}
	sheet.axisLines(a)
	rows := [][2]string{{"correction", correctionText(a.Axis)}}
	if a.LaserNM > 0 {
		rows = append(rows, [2]string{"laser", laserText(a)})
	}
	rows = append(rows, [2]string{"kept", c.kept(r)})
	for _, row := range rows {
		sheet.field(row[0], row[1])
	}
	for _, n := range a.Notes {
		sheet.field("note", n)
	}
	if a.Advice != "" {
		sheet.field("next", a.Advice)
	}
	return sheet.err
}

// axisLines prints every line of the standards before and after, and what they come to.
func (s *sheet) axisLines(a *calibration.AxisResult) {
	s.line(fmt.Sprintf("  %-14s %9s %9s %9s %9s %9s", "cm-1", "expected", "found", "before", "after", "left out"))
	for _, l := range a.Lines {
		start := fmt.Sprintf("  %-14s %9.1f ", fit(l.Standard, 14), l.Expected)
		if !l.Used {
			for i, text := range wrap(l.Note, len(start)+4) {
				if i > 0 {
					start = strings.Repeat(" ", len(start))
				}
				s.line(start + "    " + text)
			}
			continue
		}
		s.line(fmt.Sprintf("%s%9.1f %+9.1f %+9.1f %9s", start, l.Found, l.Before, l.After, signed(l.Unseen, a.Unseen != nil)))
	}
	unseen := calibration.Residuals{}
	if a.Unseen != nil {
		unseen = *a.Unseen
	}
	s.line(fmt.Sprintf("  %-14s %19s %9.1f %9.1f %9s", "mean", "", a.Before.Mean, a.After.Mean, unsigned(unseen.Mean, a.Unseen != nil)))
	s.line(fmt.Sprintf("  %-14s %19s %9.1f %9.1f %9s", "worst", "", a.Before.Worst, a.After.Worst, unsigned(unseen.Worst, a.Unseen != nil)))
}

func signed(v float64, known bool) string {
	if !known {
		return ""
	}
	return fmt.Sprintf("%+.1f", v)
}

func unsigned(v float64, known bool) string { return strings.TrimPrefix(signed(v, known), "+") }

// correctionText says what the correction does to the axis.
func correctionText(a calibration.Axis) string {
	kind := []string{"moves the axis", "moves and stretches the axis", "bends the axis", "bends the axis twice"}[min(a.Degree(), 3)]
	if a.Reversed {
		kind = "turns the detector round and " + kind
	}
	var at []string
	for _, x := range []float64{500, 1000, 1600} {
		at = append(at, fmt.Sprintf("%+.1f at %.0f", a.Correct(x)-x, x))
	}
	return kind + ": " + strings.Join(at, ", ") + " cm-1"
}

// laserText says where the laser is, and what that rests on.
func laserText(a *calibration.AxisResult) string {
	text := fmt.Sprintf("%.2f nm in vacuum (%.2f in air), stated %.2f", a.LaserNM, calibration.AirNM(a.LaserNM), a.Axis.LaserNM)
	for _, name := range a.Standards {
		if std, err := calibration.Find(name); err == nil && std.Lamp {
			return text
		}
	}
	return text + "; if the wavelengths of the instrument are right"
}
