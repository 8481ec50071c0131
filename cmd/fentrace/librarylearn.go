package main

import (
	"fmt"
	"time"

	"fentrace/data"
	"fentrace/device/acquire"
	"fentrace/library"
	"fentrace/spectra"
)

type libraryLearnCommand struct {
	Files   []string `arg:"" optional:"" name:"file" help:"Repeated scans of the standard, unless --port takes them."`
	Into    string   `required:"" placeholder:"FILE.db" help:"Library to store them in; made when it is missing."`
	Name    string   `required:"" help:"Name of the substance."`
	CAS     string   `name:"cas" placeholder:"NUMBER" help:"CAS number; goes before the name."`
	Form    string   `placeholder:"TEXT" help:"Salt or hydrate."`
	Source  string   `placeholder:"TEXT" help:"Who made the standard, and its lot number."`
	Licence string   `placeholder:"TEXT" help:"Licence of the spectra."`
	Tier    string   `enum:"measured,simulated" default:"measured" help:"measured, or simulated for training data (${default})."`
	New     bool     `help:"The substance is in no library: store it as a new one of unknown class."`
	Repeats int      `default:"5" help:"How many scans to take with --port (${default}); at least 3."`
	JSON    bool     `name:"json" help:"Print the report as JSON."`
	portFlags
	exposureFlags
}

func (libraryLearnCommand) Help() string {
	return `At least three scans of the same standard are needed, lifted and put back between them. They are stored, all or
none, when they are unsaturated and agree with one another. With --port the scans are taken here; press Enter before
each one.

Examples:

    fentrace library learn --into lab.db --name acetaminophen apap-*.csv
    fentrace library learn --into lab.db --name caffeine --port /dev/ttyUSB0 --laser-nm 785 --repeats 5`
}

func (c *libraryLearnCommand) Run(env *environment) error {
	switch {
	case (c.Port == "") == (len(c.Files) == 0):
		return usagef("give the files of the scans, or --port to take them now")
	case c.Port != "" && (c.Repeats < 3 || c.Repeats > 100):
		return usagef("--repeats %d: at least 3 are needed, at most 100 taken", c.Repeats)
	}
	known, err := library.OpenStack(env.ctx, data.Core)
	if err != nil {
		return err
	}
	repeats, err := c.repeats(env)
	if err != nil {
		return err
	}
	options := library.LearnOptions{CAS: c.CAS, Form: c.Form, Source: c.Source, Licence: c.Licence, Tier: library.Tier(c.Tier),
		AllowNew: c.New, Now: time.Now}
	var report library.LearnReport
	err = into(c.Into, func(dst *library.File) error {
		var err error
		report, err = library.Learn(env.ctx, dst, known, c.Name, repeats, options)
		return err
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(env.stdout, report, false)
	}
	sheet := env.newSheet()
	for _, l := range wrap(fmt.Sprintf("%s: %d references added, %d already present; the repeats agree to %.3f.",
		substanceLabel(report.Substance), report.Added, report.AlreadyPresent, report.Agreement), 0) {
		sheet.line(l)
	}
	if c.Tier == string(library.Simulated) {
		sheet.line(simulatedTag + ": these references speak only for scans that are simulated themselves.")
	}
	if report.New {
		sheet.line("It is in no other library: its class is unknown, so it raises no alarm.")
	}
	return sheet.err
}

// repeats reads or takes the scans.
func (c *libraryLearnCommand) repeats(env *environment) ([]spectra.Spectrum, error) {
	var scans []spectra.Spectrum
	for _, path := range c.Files {
		read, _, err := env.readSpectra(path)
		if err != nil {
			return nil, err
		}
		scans = append(scans, read...)
	}
	if c.Port == "" {
		return scans, nil
	}
	dev, err := c.openDevice(env.ctx, env)
	if err != nil {
		return nil, err
	}
	defer dev.Close()
	settings := c.settings(c.portFlags)
	settings.SampleName = c.Name
	if settings.Calibration, err = c.calibration(dev.Info(), c.Relative); err != nil {
		return nil, err
	}
	for i := range c.Repeats {
		if err := env.pressEnter(fmt.Sprintf("Scan %d of %d of %s: place the standard, then press Enter. ", i+1, c.Repeats, plain(c.Name))); err != nil {
			return nil, err
		}
		scan, err := acquire.Acquire(env.ctx, dev, settings, env.scanProgress())
		if err != nil {
			return nil, fmt.Errorf("scan %d of %d: %w", i+1, c.Repeats, err)
		}
		s, err := scan.Spectrum()
		if err != nil {
			return nil, err
		}
		scans = append(scans, s)
	}
	return scans, nil
}
