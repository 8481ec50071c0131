package main

import (
	"context"
	"fmt"

	"fentrace/library/identify"
	"fentrace/spectra"
	"fentrace/spectra/format"
)

type identifyCommand struct {
	Files      []string `arg:"" name:"file" help:"Files of any readable format, or - for the standard input."`
	JSON       bool     `name:"json" help:"Print one JSON object per spectrum and line, in the order of the files."`
	SameSample bool     `help:"The files are scans of one sample: average them and answer once."`
	libraryFlags
}

func (identifyCommand) Help() string {
	return `A file with several spectra gets one answer for each: scan.csv, scan.csv#2 and so on; of an archive
every file within is answered: scans.zip/spot1.csv. Exit code 0: every file was read. 1: some were not; each of them
has a line that says why. 2: the command line or a library cannot be used.

Examples:

    fentrace identify scan.csv
    fentrace identify --library lab.db scans/*.spc.jdx
    fentrace identify --json scan.jdx | jq .headline
    fentrace identify --same-sample spot1.csv spot2.csv spot3.csv`
}

// answer is what became of one spectrum; without one, of one file.
type answer struct {
	identify.Identification
	err   error // why there is no Identification
	fatal bool  // and there will be none of other files either
}

// failure is the line of a file that could not be read. It has no other fields, so that no program takes an empty
// verdict for an answer.
type failure struct {
	File  string `json:"file"`
	Error string `json:"error"`
}

func (c *identifyCommand) Run(env *environment) error {
	if err := env.onlyOneStdin(c.Files); err != nil {
		return err
	}
	id, err := c.answerer(env)
	if err != nil {
		return err
	}
	print := c.printer(env)
	if c.SameSample {
		return env.sameSample(id, c.Files, print)
	}
	incomplete := false
	err = ordered(env.ctx, c.Files, id.file, func(answers []answer) error {
		for _, a := range answers {
			if a.fatal {
				return a.err
			}
			incomplete = incomplete || a.err != nil
			if err := print(a); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && incomplete {
		return errIncomplete
	}
	return err
}

// onlyOneStdin refuses to read the standard input twice.
func (env *environment) onlyOneStdin(files []string) error {
	seen := false
	for _, f := range files {
		if f == stdinName && seen {
			return usagef("the standard input (-) can be given once only")
		}
		seen = seen || f == stdinName
	}
	return nil
}

// printer returns the function that prints answers as asked.
func (c *identifyCommand) printer(env *environment) func(answer) error {
	if c.JSON {
		return func(a answer) error {
			if a.err != nil {
				return printJSON(env.stdout, failure{File: a.File, Error: a.err.Error()}, false)
			}
			return printJSON(env.stdout, a.Identification, false)
		}
	}
	sheet := env.newSheet()
	first := true
	return func(a answer) error {
		if !first {
			sheet.line("")
		}
		first = false
		sheet.answer(a)
		return sheet.err
	}
}

// answerFile answers every scan of a file. A file that was begun is finished even when env's context ends.
func (env *environment) answerFile(id *identify.Identifier, path string) []answer {
	read, lost, hash, err := env.readAll(path)
	if err != nil {
		return []answer{unread(path, hash, err)}
	}
	var answers []answer
	for i, s := range spectra.Scans(read) {
		ans, err := id.Identify(context.WithoutCancel(env.ctx), s)
		ans.File = format.SpectrumName(path, s, i)
		if err != nil {
			answers = append(answers, unread(ans.File, hash, err))
			continue
		}
		answers = append(answers, answer{Identification: ans})
	}
	for _, err := range lost {
		answers = append(answers, unread(path, hash, err))
	}
	return answers
}

func unread(path, hash string, err error) answer {
	a := answer{err: err}
	a.File, a.SHA256, a.Error = path, hash, err.Error()
	return a
}

// sameSample answers all files together and prints a line for each that could not be read.
func (env *environment) sameSample(id answerer, files []string, print func(answer) error) error {
	var scans []sampleScan
	incomplete := false
	for _, path := range files {
		if err := env.ctx.Err(); err != nil {
			return err
		}
		read, lost, hash, err := env.readAll(path)
		if err != nil {
			lost = []error{err}
		}
		for _, err := range lost {
			incomplete = true
			if err := print(unread(path, hash, err)); err != nil {
				return err
			}
		}
		for i, s := range spectra.Scans(read) {
			scans = append(scans, sampleScan{file: format.SpectrumName(path, s, i), Spectrum: s})
		}
	}
	if len(scans) == 0 {
		return errIncomplete
	}
	ans, err := identifySample(env.ctx, id, scans)
	if err != nil {
		return fmt.Errorf("answer the files as one sample: %w", err)
	}
	if err := print(answer{Identification: ans}); err != nil {
		return err
	}
	if incomplete {
		return errIncomplete
	}
	return nil
}
