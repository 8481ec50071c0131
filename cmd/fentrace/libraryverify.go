package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"

	"fentrace/library"
)

type libraryVerifyCommand struct {
	File string `arg:"" help:"Library file to read."`
	JSON bool   `name:"json" help:"Print as JSON."`
}

func (libraryVerifyCommand) Help() string {
	return `Reads all of the file: its pages and indexes, every substance, and every reference with its spectrum, which has to hash to
its id. Each damaged reference is named; no answer rests on one. Nothing is changed, and nothing can be stored in the file meanwhile.
Import the files that damaged references came from again: they are then stored anew. Where the file is too damaged for that,
use a backup, or import everything into a new library. Exit code 1: something is damaged.

Example:

    fentrace library verify lab.db`
}

func (c *libraryVerifyCommand) Run(env *environment) error {
	var bar *progress
	v, err := library.Verify(env.ctx, c.File, func(done, total int) {
		if bar == nil {
			bar = env.newProgress("reading", "references", total)
		}
		bar.at(done)
	})
	if bar != nil {
		bar.end()
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, library.ErrNotLibrary), errors.Is(err, library.ErrNewerSchema):
		return usageError{err}
	case err != nil:
		return err
	}
	if err := c.print(env, v); err != nil {
		return err
	}
	if !v.Whole() {
		return errIncomplete
	}
	return nil
}

// print says what was read, then what is damaged.
func (c *libraryVerifyCommand) print(env *environment, v library.Verification) error {
	if c.JSON {
		return printJSON(env.stdout, v, false)
	}
	sheet := env.newSheet()
	state := "nothing is damaged"
	if !v.Whole() {
		state = fmt.Sprintf("%s damaged", counted(len(v.Damaged), "reference is", "references are"))
	}
	sheet.line(fmt.Sprintf("%s and %s read; %s.", counted(v.Substances, "substance", "substances"), counted(v.References, "reference", "references"), state))
	for _, d := range v.Damaged {
		sheet.line(plain(fmt.Sprintf("damaged: reference %s of %s: %s", cmp.Or(d.ID, fmt.Sprintf("in row %d", d.Row)),
			cmp.Or(d.SubstanceID, "an unknown substance"), d.Reason)))
	}
	for _, p := range v.Problems {
		sheet.line(plain("damaged: " + p))
	}
	return sheet.err
}
