package main

import (
	"fmt"

	"fentrace/spectra"
	"fentrace/spectra/calibration"
)

type calibrateCheckCommand struct {
	File      string `arg:"" help:"Infrared spectrum of polystyrene film, or Raman scan taken through a container."`
	Container string `placeholder:"PLASTIC" help:"Plastic the Raman scan was taken through: PE, PP, PET or PS."`
	JSON      bool   `name:"json" help:"Print as JSON."`
}

func (calibrateCheckCommand) Help() string {
	return `Nothing is corrected and nothing kept. Infrared: the bands of polystyrene film have to be within 1 to 1.5 cm-1 of
their nominal places. Raman: two or three lines of the container tell roughly how far the axis is off; that is a
warning only, because lines of the sample may lie near them.

Exit code 0: within tolerance, or a warning about a container. 1: the film is out of tolerance, or not what was said.

Examples:

    fentrace calibrate check film.spa.jdx
    fentrace calibrate check --container PE scan.csv`
}

func (c *calibrateCheckCommand) Run(env *environment) error {
	s, err := env.onlyScan(c.File)
	if err != nil {
		return err
	}
	var check calibration.Check
	switch {
	case c.Container != "":
		check, err = calibration.CheckContainer(c.Container, s)
	case s.Technique == spectra.Raman:
		return usagef("%s is Raman: name its container with --container, or calibrate with `fentrace calibrate axis`", c.File)
	default:
		check, err = calibration.CheckFilm(s)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	if c.JSON {
		err = printJSON(env.stdout, check, false)
	} else {
		err = printCheck(env.newSheet(), c.File, s.Metadata.Simulated, check, c.Container != "")
	}
	if err == nil && !check.Passed && c.Container == "" {
		return errIncomplete
	}
	return err
}

func printCheck(sheet *sheet, file string, simulated bool, check calibration.Check, warningOnly bool) error {
	sheet.name(file, simulated)
	verdict := fmt.Sprintf("WITHIN TOLERANCE: lines of the %s are %.1f cm-1 off on average", check.What, check.Errors.Mean)
	switch {
	case !check.Passed && warningOnly:
		verdict = "WARNING: " + check.Reason
	case !check.Passed:
		verdict = "OUT OF TOLERANCE: " + check.Reason
	}
	for _, l := range wrap(verdict, 2) {
		sheet.line("  " + l)
	}
	sheet.line(fmt.Sprintf("  %9s %9s %9s", "expected", "found", "off"))
	for _, l := range check.Lines {
		if l.Used {
			sheet.line(fmt.Sprintf("  %9.1f %9.1f %+9.1f", l.Expected, l.Found, l.Before))
		} else {
			sheet.line(fmt.Sprintf("  %9.1f           %s", l.Expected, l.Note))
		}
	}
	sheet.field("offset", fmt.Sprintf("%+.1f cm-1 on average, %.1f at worst", check.OffsetCM1, check.Errors.Worst))
	if check.Note != "" {
		sheet.field("note", check.Note)
	}
	if check.Advice != "" {
		sheet.field("next", check.Advice)
	}
	return sheet.err
}
