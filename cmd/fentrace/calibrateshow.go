package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"fentrace/device/calibrated"
)

type calibrateShowCommand struct {
	Instrument string `placeholder:"SERIAL" help:"Only this serial number."`
	Chart      string `placeholder:"FILE.png" help:"Draw the drift of the axis into a PNG file."`
	JSON       bool   `name:"json" help:"Print as JSON."`
	calibrationFlags
}

func (calibrateShowCommand) Help() string {
	return `The drift chart shows, for each axis calibration, how far the uncorrected axis was off at 600, 1000 and 1600 cm-1:
a slow slope is ageing, a jump a knock or a repair.

Examples:

    fentrace calibrate show
    fentrace calibrate show --instrument 12345 --chart drift.png`
}

// historiesJSON are the calibrations for programs.
type historiesJSON struct {
	Folder      string        `json:"folder"`
	Instruments []historyJSON `json:"instruments"`
}

// historyJSON is one instrument: what its axis is worth now ("none" when it was never calibrated) and all records.
type historyJSON struct {
	calibrated.Instrument
	State string       `json:"state"`
	Until time.Time    `json:"until,omitzero"`
	Drift []driftPoint `json:"drift"`
}

func (c *calibrateShowCommand) Run(env *environment) error {
	if c.Chart != "" {
		if err := checkNew("--chart", c.Chart, ".png"); err != nil {
			return err
		}
	}
	folder, err := c.folder()
	if err != nil {
		return err
	}
	list, damaged := folder.List()
	if c.Instrument != "" {
		list = slices.DeleteFunc(list, func(in calibrated.Instrument) bool { return in.SerialNumber != c.Instrument })
	}
	if c.Instrument != "" && len(list) == 0 && damaged == nil {
		return fmt.Errorf("no instrument %s was calibrated on this machine (%s)", c.Instrument, folder.Dir())
	}
	if c.Chart != "" {
		if len(list) != 1 {
			return usagef("--chart draws one instrument: name it with --instrument; there are %d", len(list))
		}
		if err := writeWhole(c.Chart, false, func(w io.Writer) error { return driftPNG(w, list[0]) }); err != nil {
			return err
		}
	}
	now := time.Now()
	if c.JSON {
		err = printJSON(env.stdout, histories(folder, list, now), false)
	} else {
		err = printHistories(env.newSheet(), folder, list, now)
	}
	return errors.Join(err, damaged)
}

func histories(folder calibrated.Folder, list []calibrated.Instrument, now time.Time) historiesJSON {
	out := historiesJSON{Folder: folder.Dir(), Instruments: []historyJSON{}}
	for _, in := range list {
		h := historyJSON{Instrument: in, State: "none", Drift: drift(in)}
		if worth := worthNow(in, now); worth != nil {
			h.State, h.Until = string(worth.State), worth.Until
		}
		out.Instruments = append(out.Instruments, h)
	}
	return out
}

func printHistories(sheet *sheet, folder calibrated.Folder, list []calibrated.Instrument, now time.Time) error {
	if len(list) == 0 {
		for _, l := range wrap("No instrument was calibrated on this machine. Begin with polystyrene: `fentrace calibrate axis --standard polystyrene --port PATH`. Calibrations are kept in "+folder.Dir()+".", 0) {
			sheet.line(l)
		}
	}
	for i, in := range list {
		if i > 0 {
			sheet.line("")
		}
		sheet.history(in, now)
	}
	return sheet.err
}

// history prints what an instrument's calibration is worth now, every calibration it had, and its drift.
func (s *sheet) history(in calibrated.Instrument, now time.Time) {
	simulated := slices.ContainsFunc(in.Records, func(r calibrated.Record) bool { return r.Simulated })
	s.name(in.Name(), simulated)
	s.field("axis", calibratedText(worthNow(in, now)))
	s.line(fmt.Sprintf("  %-17s %-10s %-13s %8s %7s %8s", "measured (UTC)", "until", "with", "before", "after", "result"))
	for _, r := range in.Records {
		at, until := r.At.UTC().Format("2006-01-02 15:04"), r.Until.UTC().Format(time.DateOnly)
		if r.Kind == calibrated.Intensity {
			s.line(fmt.Sprintf("  %-17s %-10s %-13s %7s %7s  %8s", at, until, "SRM "+r.Intensity.SRM, "", "", "response"))
			continue
		}
		result := "accepted"
		if r.Failed() {
			result = "FAILED"
		}
		s.line(fmt.Sprintf("  %-17s %-10s %s %8.1f %7.1f  %8s", at, until, fit(strings.Join(r.Axis.Standards, "+"), 13), r.Axis.Before.Mean, r.Axis.After.Mean, result))
	}
	if points := drift(in); len(points) > 0 {
		for _, l := range driftLines(points) {
			s.line(l)
		}
	}
}
