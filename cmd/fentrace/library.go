package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"fentrace/data"
	"fentrace/library"
)

type libraryCommands struct {
	Import   libraryImportCommand   `cmd:"" help:"Store spectra from files as references."`
	Learn    libraryLearnCommand    `cmd:"" help:"Store repeated scans of an authentic standard as references."`
	List     libraryListCommand     `cmd:"" help:"List the substances and what speaks for them."`
	Show     libraryShowCommand     `cmd:"" help:"Say everything about one substance and draw its references."`
	Validate libraryValidateCommand `cmd:"" help:"Measure what answers from a library are worth, and fit its probabilities."`
	Export   libraryExportCommand   `cmd:"" help:"Write the references as JCAMP-DX files."`
	Verify   libraryVerifyCommand   `cmd:"" help:"Read everything in a library file and name what is damaged."`
}

type libraryImportCommand struct {
	Paths   []string `arg:"" name:"path" help:"Files, and folders of files, of any readable format."`
	Into    string   `required:"" placeholder:"FILE.db" help:"Library to store them in; made when it is missing."`
	Tier    string   `enum:"measured,published,simulated" default:"measured" help:"What they are worth: measured, published or simulated (${default})."`
	Licence string   `placeholder:"TEXT" help:"Licence of the spectra, in the words of whoever supplied them."`
	JSON    bool     `name:"json" help:"Print the report as JSON."`
}

func (libraryImportCommand) Help() string {
	return `A file is mapped to a substance by its CAS number, InChIKey or name: that of its metadata, else of the file
without a trailing -NN. A name that is in no library is stored as a new substance of unknown class, which raises no
alarm, and is listed. Files that are stored already are not stored again, so an import that was interrupted is run
again; references that are damaged in the library are ('fentrace library verify' names them). Exit code 1: some
files failed.

Examples:

    fentrace library import --into lab.db ~/swgdrug/
    fentrace library import --into lab.db --licence "CC BY 4.0" caffeine-*.jdx`
}

func (c *libraryImportCommand) Run(env *environment) error {
	known, err := library.OpenStack(env.ctx, data.Core)
	if err != nil {
		return err
	}
	for _, path := range c.Paths {
		if _, err := os.Stat(path); err != nil {
			return usagef("import %s: %w", path, pathCause(err))
		}
	}
	var report library.ImportReport
	err = into(c.Into, func(dst *library.File) error {
		var bar *progress
		options := library.ImportOptions{Tier: library.Tier(c.Tier), Licence: c.Licence, Now: time.Now}
		var err error
		report, err = library.Import(env.ctx, dst, known, c.Paths, options, func(e library.ImportEvent) {
			if bar == nil {
				bar = env.newProgress("importing", "files", e.Total)
			}
			bar.at(e.Done)
		})
		if bar != nil {
			bar.end()
		}
		return err
	})
	if c.JSON {
		err = errors.Join(err, printJSON(env.stdout, report, false))
	} else if report.Files > 0 || err == nil {
		for l := range strings.Lines(report.String()) {
			fmt.Fprintln(env.stdout, plain(strings.TrimRight(l, "\n")))
		}
	}
	switch {
	case err != nil:
		return err
	case len(report.Failed) > 0:
		return errIncomplete
	}
	return nil
}

type libraryExportCommand struct {
	Dir     string   `arg:"" help:"Folder to write to; made when it is missing. No file in it is overwritten."`
	Library []string `placeholder:"FILE.db" sep:"none" help:"Library to export; may be given several times. Without it the embedded core is exported."`
}

func (libraryExportCommand) Help() string {
	return `Every reference becomes one file, SUBSTANCE-NN.jdx, with its substance, tier and source as labels, so that
importing the folder gives the same library.

Example:

    fentrace library export --library lab.db exported/`
}

func (c *libraryExportCommand) Run(env *environment) error {
	core := data.Core
	if len(c.Library) > 0 {
		core = nil
	}
	stack, err := library.OpenStack(env.ctx, core, c.Library...)
	if err != nil {
		return usageError{err}
	}
	bar := env.newProgress("exporting", "files", len(stack.References()))
	report, err := stack.Export(env.ctx, c.Dir, func(done, _ int) { bar.at(done) })
	bar.end()
	if err != nil {
		return err
	}
	fmt.Fprintf(env.stdout, "%d files written to %s; %d substances have no reference and so no file\n", report.Files, plain(report.Folder), report.Without)
	return nil
}
