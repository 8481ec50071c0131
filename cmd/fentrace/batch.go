package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"fentrace/library/identify"
)

type batchCommand struct {
	Dir       string `arg:"" help:"Folder of spectra."`
	Out       string `default:"results.csv" placeholder:"FILE.csv" help:"Table to write (${default})."`
	Overwrite bool   `help:"Replace the table when it exists."`
	Recursive bool   `default:"true" negatable:"" help:"Go into folders inside the folder (default)."`
	libraryFlags
}

func (batchCommand) Help() string {
	return `Answers every file whose name ends like a spectrum's (.jdx, .csv, .spa, .zip and so on) into a table with one row per
spectrum. The column substance is the first controlled finding, else the first finding; where the verdict withholds
an answer it is only the best candidate. A text that begins with = + - or @ has an apostrophe put before it, so that
a spreadsheet does not take it for a formula.

With --server the files are sent to it one by one, answered and stored there; a file that it has already is not stored again,
so that a batch that was interrupted is run again.

Files that cannot be read have a row with the column error, and are listed at the end; the exit code is 1 then. An
interrupt (Ctrl-C) keeps what is done.

Examples:

    fentrace batch scans/
    fentrace batch --library lab.db --out monday.csv scans/`
}

// badListed is how many files that could not be read are listed at the end; the table has them all.
const badListed = 100

func (c *batchCommand) Run(env *environment) error {
	id, err := c.answerer(env)
	if env.remote != nil {
		id = storedAnswers{remoteAnswers{env}}
	}
	if err != nil {
		return err
	}
	if info, err := os.Stat(c.Dir); err == nil && !info.IsDir() {
		return usagef("%s is a file; answer it with `fentrace identify`, or give a folder", c.Dir)
	}
	walked, err := walkFolder(c.Dir, c.Recursive, c.Out)
	if err != nil {
		return err
	}
	table, err := newTable(c.Out, c.Overwrite)
	if err != nil {
		return err
	}
	sum := batchSummary{out: c.Out, total: len(walked.files), otherFiles: walked.others}
	for _, bad := range walked.bad {
		sum.count(unread(bad.path, "", bad.err))
		table.add(unread(bad.path, "", bad.err))
	}
	progress := env.newProgress("answering", "files", len(walked.files))
	err = ordered(env.ctx, walked.files, id.file, func(answers []answer) error {
		for _, a := range answers {
			if a.fatal {
				return a.err
			}
			sum.count(a)
			if err := table.add(a); err != nil {
				return err
			}
		}
		sum.files++
		progress.step()
		return nil
	})
	progress.end()
	stopped := errors.Is(err, context.Canceled)
	if err != nil && !stopped {
		return errors.Join(err, table.abandon())
	}
	if err := table.close(); err != nil {
		return err
	}
	return sum.print(env, stopped)
}

// batchSummary counts what a batch did.
type batchSummary struct {
	out                        string
	total, files, spectra      int
	otherFiles, bad, simulated int
	verdicts                   map[identify.Verdict]int
	listed                     []answer
}

func (b *batchSummary) count(a answer) {
	if a.err != nil {
		b.bad++
		if len(b.listed) < badListed {
			b.listed = append(b.listed, a)
		}
		return
	}
	if b.verdicts == nil {
		b.verdicts = map[identify.Verdict]int{}
	}
	b.spectra++
	b.verdicts[a.Verdict]++
	if a.Simulated {
		b.simulated++
	}
}

// print says what was done, and returns what the exit code follows from.
func (b *batchSummary) print(env *environment, stopped bool) error {
	sheet := env.newSheet()
	sheet.line(fmt.Sprintf("%d files, %d spectra answered into %s", b.files, b.spectra, b.out))
	for _, v := range []struct {
		verdict identify.Verdict
		word    string
	}{{identify.Alarm, "ALARM"}, {identify.Inconclusive, "NO ANSWER"}, {identify.NoAlarm, "NOTHING CONTROLLED SEEN above the limit of the scan"}} {
		sheet.line(fmt.Sprintf("%8d  %s", b.verdicts[v.verdict], v.word))
	}
	if b.simulated > 0 {
		sheet.line(fmt.Sprintf("%8d  of these are %s", b.simulated, simulatedTag))
	}
	if b.bad > 0 {
		sheet.line(fmt.Sprintf("%8d  NOT READ:", b.bad))
		for _, a := range b.listed {
			for _, l := range wrap(a.err.Error(), 10) {
				sheet.line(strings.Repeat(" ", 10) + l)
			}
		}
		if b.bad > len(b.listed) {
			sheet.line(fmt.Sprintf("          and %d more: see the column error", b.bad-len(b.listed)))
		}
	}
	if b.otherFiles > 0 {
		sheet.line(fmt.Sprintf("%8d  other files were left out: their names do not end like a spectrum's", b.otherFiles))
	}
	sheet.line(identify.Presumptive)
	switch {
	case sheet.err != nil:
		return sheet.err
	case stopped:
		return fmt.Errorf("interrupted: %d of %d files are answered and in %s; run it again with --overwrite for the rest", b.files, b.total, b.out)
	case b.bad > 0:
		return errIncomplete
	}
	return nil
}
