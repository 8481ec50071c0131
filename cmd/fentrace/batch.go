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
	Paths     []string `arg:"" name:"folder|file" help:"Folders of spectra, files, ZIP archives."`
	Out       string   `default:"results.csv" placeholder:"FILE.csv" help:"Table to write (${default})."`
	Overwrite bool     `help:"Replace the table when it exists."`
	Recursive bool     `default:"true" negatable:"" help:"Go into folders inside the folders (default)."`
	libraryFlags
}

func (batchCommand) Help() string {
	return `Answers every file whose name ends like a spectrum's (.jdx, .csv, .spa, .zip and so on) into a table with one row per
spectrum; files that are named on the command line are answered whatever their names. The column substance is the first
controlled finding, else the first finding; where the verdict withholds an answer it is only the best candidate. A text
that begins with = + - or @ has an apostrophe put before it, so that a spreadsheet does not take it for a formula.

With --server the files become a batch there: they are stored, answered in the background, by its workers too, and stand on
its page Batches. The same command run again goes on after whatever ended it, here or there; nothing is stored or answered
twice. The table is written at the end. What is going on is kept in a file beside it, results.csv.batch; without that a new
batch is begun. Each file of a ZIP archive is a file of the batch, with its own SHA-256. To have files answered by a server
that are not to be stored there, use ` + "`fentrace identify --server URL FILE...`" + `

Files that cannot be read have a row with the column error, and are listed at the end; the exit code is 1 then. An
interrupt (Ctrl-C) keeps what is done.

Examples:

    fentrace batch scans/
    fentrace batch --library lab.db --out monday.csv scans/
    fentrace batch --server https://fentrace.example.org scans/ more.zip`
}

// badListed is how many files that could not be read are listed at the end; the table has them all.
const badListed = 100

func (c *batchCommand) Run(env *environment) error {
	if env.remote != nil {
		return c.runRemote(env)
	}
	id, err := c.answerer(env)
	if err != nil {
		return err
	}
	walked, err := c.walk()
	if err != nil {
		return err
	}
	table, err := newTable(c.Out, c.Overwrite)
	if err != nil {
		return err
	}
	sum := walked.summary(c.Out)
	for _, a := range walked.unread() {
		sum.count(a)
		if err := table.add(a); err != nil {
			return err
		}
	}
	progress := env.newProgress("answering", "files", len(walked.files))
	err = ordered(env.ctx, walked.files, id.file, func(answers []answer) error {
		for _, a := range answers {
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
	if err := sum.print(env); !stopped || err != nil && !errors.Is(err, errIncomplete) {
		return err
	}
	return fmt.Errorf("interrupted: %d of %d files are answered and in %s; run it again with --overwrite for the rest", sum.files, len(walked.files), c.Out)
}

// walk is what the command line names: files, and what is in folders.
func (c *batchCommand) walk() (all walk, err error) {
	for _, path := range c.Paths {
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			all.files = append(all.files, path)
			continue
		}
		w, err := walkFolder(path, c.Recursive, c.Out)
		if err != nil {
			return all, err
		}
		all.files, all.bad, all.others = append(all.files, w.files...), append(all.bad, w.bad...), all.others+w.others
	}
	return all, nil
}

// unread are the folders that could not be entered.
func (w walk) unread() (out []answer) {
	for _, bad := range w.bad {
		out = append(out, unread(bad.path, "", bad.err))
	}
	return out
}

func (w walk) summary(out string) *batchSummary {
	return &batchSummary{out: out, otherFiles: w.others}
}

// batchSummary counts what a batch did.
type batchSummary struct {
	out                        string
	files, spectra             int
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
func (b *batchSummary) print(env *environment) error {
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
	case b.bad > 0:
		return errIncomplete
	}
	return nil
}
