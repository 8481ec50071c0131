package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"fentrace/library"
	"fentrace/library/validate"
	"fentrace/spectra"
)

type libraryValidateCommand struct {
	Scans       []string `placeholder:"PATH" sep:"none" help:"Your own scans of known content, files or folders; the names are those of the files, a+b.csv for a mixture of two."`
	Technique   string   `enum:"raman,ir" default:"raman" help:"raman or ir (${default})."`
	Tier        string   `enum:"measured,simulated" default:"measured" help:"References to draw from: measured, or simulated for training (${default})."`
	WrongRate   float64  `default:"0.01" help:"Share of scans for which something wrong may be stated (${default})."`
	FalseAlarms float64  `default:"0.01" help:"Share of scans in which a controlled substance may alarm by chance (${default})."`
	Rounds      int      `default:"12" help:"Rounds; each hides other substances (${default})."`
	Draws       int      `default:"80" help:"Scans drawn in each round (${default})."`
	Seed        uint64   `default:"1" help:"Of everything drawn; the same seed gives the same report (${default})."`
	Plot        string   `placeholder:"FILE.png" help:"Draw the reliability diagram."`
	DryRun      bool     `help:"Only report; answers stay as they are."`
	JSON        bool     `name:"json" help:"Print the report as JSON."`
	libraryFlags

	made *time.Time // of a validation at a server
}

func (libraryValidateCommand) Help() string {
	return `Measures what answers from this library are worth, and fits the probabilities and the threshold to it. Scans are
drawn from its references as other instruments would record them (SIMULATED), and answered with part of the library
hidden; your own scans of known content, given with --scans, count as well. The report is stored in the last --library
and used from then on, until anything in the libraries changes. It takes about two minutes for 80 substances.
With --server the validation that the server's answers rest on is shown; none is made.

Examples:

    fentrace library validate --library lab.db
    fentrace library validate --library lab.db --scans known/ --plot reliability.png
    fentrace library validate --library lab.db --wrong-rate 0.002 --dry-run`
}

func (c *libraryValidateCommand) Run(env *environment) error {
	if env.remote != nil {
		return c.remote(env)
	}
	if len(c.Library) == 0 && !c.DryRun {
		return usagef("the embedded core cannot be written to: give a library of your own with --library FILE.db, or --dry-run")
	}
	if c.Plot != "" {
		if err := checkNew("--plot", c.Plot, ".png", ".PNG"); err != nil {
			return err
		}
	}
	stack, err := c.open(env.ctx)
	if err != nil {
		return err
	}
	opts := validate.Options{Technique: spectra.Technique(c.Technique), Tier: library.Tier(c.Tier), Seed: c.Seed, Rounds: c.Rounds, Draws: c.Draws, WrongRate: c.WrongRate, FalseAlarms: c.FalseAlarms}
	if opts.Scans, err = c.known(env, stack); err != nil {
		return err
	}
	var bar *progress
	opts.Progress = func(done, total int) {
		if bar == nil {
			bar = env.newProgress("answering", "scans", total)
		}
		bar.at(done)
	}
	report, err := validate.Run(env.ctx, stack, opts)
	if bar != nil {
		bar.end()
	}
	if err != nil {
		return err
	}
	report.Changed = changes(stack, report)
	if !c.DryRun {
		if err := c.store(env, report); err != nil {
			return err
		}
	}
	if c.Plot != "" {
		if err := writeWhole(c.Plot, false, report.PNG); err != nil {
			return err
		}
	}
	return c.print(env, report)
}

// remote shows the validation that the server's answers rest on; it makes none.
func (c *libraryValidateCommand) remote(env *environment) error {
	given := c.set()
	given["scans"], given["dry-run"] = len(c.Scans) > 0, c.DryRun
	if err := ownOnly(given); err != nil {
		return err
	}
	kept, err := env.remote.LibraryValidation(env.ctx)
	if err != nil {
		return err
	}
	if len(kept.Report) == 0 {
		return errors.New(plain(strings.Join(kept.Sentences, " ")))
	}
	var report validate.Report
	if err := json.Unmarshal(kept.Report, &report); err != nil {
		return fmt.Errorf("the validation of the server is of another version: %w", err)
	}
	if c.Plot != "" {
		if err := writeWhole(c.Plot, false, report.PNG); err != nil {
			return err
		}
	}
	c.made = kept.Made
	return c.print(env, report)
}

// changes says what differs from the last validation of these layers; nil without one.
func changes(stack *library.Stack, report validate.Report) []string {
	last, ok := stack.LastValidation(report.Technique)
	var before validate.Report
	if !ok || json.Unmarshal(last.Report, &before) != nil {
		return nil
	}
	return report.Changes(before)
}

func (c *libraryValidateCommand) store(env *environment, report validate.Report) error {
	raw, err := json.Marshal(report)
	if err != nil {
		return err
	}
	file, err := library.Open(c.Library[len(c.Library)-1])
	if err != nil {
		return usageError{err}
	}
	defer file.Close()
	return file.PutValidation(env.ctx, library.Validation{LibraryVersion: report.LibraryVersion, Technique: report.Technique, Made: time.Now(), Report: raw})
}

func (c *libraryValidateCommand) print(env *environment, report validate.Report) error {
	if c.JSON {
		return printJSON(env.stdout, report, false)
	}
	sheet := env.newSheet()
	for _, l := range report.Summary() {
		sheet.line(plain(l))
	}
	if report.NoAnalogs != "" {
		sheet.block("why", report.NoAnalogs)
	}
	for _, l := range report.Changed {
		sheet.block("changed", l)
	}
	sheet.line("")
	switch {
	case c.made != nil:
		sheet.line("Made at " + c.made.UTC().Format(time.RFC3339) + "; the server's answers use it until its library changes.")
	case c.DryRun:
		sheet.line("Nothing was stored.")
	default:
		sheet.line("Stored in " + plain(c.Library[len(c.Library)-1]) + "; answers use it until a library changes.")
	}
	return sheet.err
}

// known reads the user's scans and their content from the names of the files.
func (c *libraryValidateCommand) known(env *environment, stack *library.Stack) ([]validate.Scan, error) {
	var files []string
	for _, path := range c.Scans {
		info, err := os.Stat(path)
		if err != nil {
			return nil, usagef("read %s: %w", path, pathCause(err))
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		w, err := walkFolder(path, true, "")
		if err != nil {
			return nil, err
		}
		files = append(files, w.files...)
	}
	var out []validate.Scan
	var unknown []string
	for _, path := range files {
		read, _, err := env.readSpectra(path)
		if err != nil {
			return nil, fmt.Errorf("%w (leave it out, or mend it)", err)
		}
		for _, s := range read {
			if s.Technique != spectra.Technique(c.Technique) {
				continue
			}
			names := strings.Split(library.SampleName(path, s), "+")
			for _, n := range names {
				if _, ok := stack.Lookup("", "", n); !ok && !slices.Contains(unknown, n) {
					unknown = append(unknown, n)
				}
			}
			out = append(out, validate.Scan{Spectrum: s, Substances: names})
		}
	}
	if len(unknown) > 0 {
		fmt.Fprintf(env.stderr, "fentrace: no library has %s: scans of these count as samples that the library does not hold\n", plain(strings.Join(unknown, ", ")))
	}
	return out, nil
}
