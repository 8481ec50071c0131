package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fentrace/spectra"
	"fentrace/spectra/format"
)

type convertCommand struct {
	Paths     []string `arg:"" help:"Files of any readable format, or folders of them; with --server ids of stored scans."`
	Out       string   `required:"" placeholder:"PATH" help:"File to write when its name ends in .jdx, .dx, .csv, .spc or .parquet; else a folder."`
	To        string   `enum:",jcamp,csv,spc,parquet" default:"" placeholder:"FORMAT" help:"jcamp, csv, spc or parquet; needed when --out is a folder."`
	Overwrite bool     `help:"Replace files that exist."`
}

func (convertCommand) Help() string {
	return `JCAMP-DX and CSV hold one spectrum a file: a source with several gives NAME-1, NAME-2 and so on. SPC holds all spectra of
one source. Parquet holds everything in one file, a row a spectrum, with axis and values as lists. CSV and Parquet keep
every digit; JCAMP-DX keeps every digit of the values; SPC keeps seven.

Sources that cannot be read are named at the end; the exit code is 1 then, and the others are written.

Examples:

    fentrace convert scan.spc --out scan.csv
    fentrace convert old-library/ --to jcamp --out new-library
    fentrace convert *.wdf --out map.parquet`
}

// target is a format that can be written.
type target struct {
	name       string
	extensions []string // the first is used for names of our own
	together   bool     // all spectra of a source go into one file
	write      func(w io.Writer, list []spectra.Spectrum) error
}

// targets are the formats of files that are written one source at a time; Parquet takes all sources together.
var targets = []target{
	{"jcamp", []string{".jdx", ".dx"}, false, func(w io.Writer, l []spectra.Spectrum) error { return format.WriteJCAMP(w, l[0]) }},
	{"csv", []string{".csv"}, false, func(w io.Writer, l []spectra.Spectrum) error { return format.WriteCSV(w, l[0]) }},
	{"spc", []string{".spc"}, true, func(w io.Writer, l []spectra.Spectrum) error { return format.WriteSPC(w, l...) }},
}

const parquetExtension = ".parquet"

// conversion is one under way.
type conversion struct {
	*convertCommand
	env     *environment
	to      target
	file    bool // --out is a file, not a folder
	written map[string]string
	files   int
	spectra int
	bad     []badPath
}

func (c *convertCommand) Run(env *environment) error {
	run := &conversion{convertCommand: c, env: env, written: map[string]string{}}
	parquet, err := run.choose()
	if err != nil {
		return err
	}
	sources, err := run.sources()
	if err != nil {
		return err
	}
	progress := env.newProgress("converting", "files", len(sources))
	defer progress.end()
	if parquet {
		err = run.parquet(sources, progress)
	} else {
		err = run.each(sources, progress)
	}
	progress.end()
	return run.summary(err)
}

// choose finds the format from --to or the name of --out.
func (c *conversion) choose() (parquet bool, err error) {
	ext := strings.ToLower(filepath.Ext(c.Out))
	info, statErr := os.Stat(c.Out)
	folder := statErr == nil && info.IsDir()
	known := ext == parquetExtension || slices.ContainsFunc(targets, func(t target) bool { return slices.Contains(t.extensions, ext) })
	c.file = known && !folder
	if c.To == "parquet" || c.To == "" && c.file && ext == parquetExtension {
		if !c.file || ext != parquetExtension {
			return true, usagef("--out %s: Parquet is one file for all spectra; its name has to end in .parquet", c.Out)
		}
		return true, nil
	}
	for _, t := range targets {
		if c.To == t.name || c.To == "" && c.file && slices.Contains(t.extensions, ext) {
			c.to = t
			if c.file && !slices.Contains(t.extensions, ext) {
				return false, usagef("--out %s: a file written as %s ends in %s", c.Out, t.name, t.extensions[0])
			}
			return false, nil
		}
	}
	return false, usagef("say what to write with --to jcamp, csv, spc or parquet, or give --out a name that ends so")
}

// sources are the files to read, folders walked.
func (c *conversion) sources() ([]string, error) {
	var files []string
	for _, p := range c.Paths {
		if c.env.remote != nil {
			id, err := scanID(p)
			if err != nil {
				return nil, err
			}
			files = append(files, id)
			continue
		}
		info, err := os.Stat(p)
		if err != nil || !info.IsDir() {
			files = append(files, p) // what is wrong with it is said when it is read
			continue
		}
		w, err := walkFolder(p, true, c.Out)
		if err != nil {
			return nil, err
		}
		files = append(files, w.files...)
		c.bad = append(c.bad, w.bad...)
	}
	return files, nil
}

// each writes the sources one after the other.
func (c *conversion) each(sources []string, progress *progress) error {
	if c.file && len(sources) > 1 {
		return usagef("--out %s is one file, and there are %d sources: name a folder", c.Out, len(sources))
	}
	if !c.file {
		if err := os.MkdirAll(c.Out, 0o755); err != nil {
			return usagef("make folder %s: %w", c.Out, pathCause(err))
		}
	}
	for _, path := range sources {
		if err := c.env.ctx.Err(); err != nil {
			return err
		}
		if err := c.one(path); err != nil {
			c.bad = append(c.bad, badPath{path, err})
		}
		progress.step()
	}
	return nil
}

func (c *conversion) one(path string) error {
	read, err := c.env.spectraOf(path)
	if err != nil {
		return err
	}
	if c.file && !c.to.together && len(read) > 1 {
		return fmt.Errorf("read %s: it holds %d spectra and a %s file holds one: name a folder with --out, or write SPC or Parquet", path, len(read), c.to.name)
	}
	if c.to.together {
		return c.save(path, c.name(path, -1), read)
	}
	for i, s := range read {
		number := i
		if len(read) == 1 {
			number = -1
		}
		if err := c.save(path, c.name(path, number), []spectra.Spectrum{s}); err != nil {
			return err
		}
	}
	return nil
}

// name is the file that the i-th spectrum of a source goes into; -1 for the only one, or all.
func (c *conversion) name(path string, i int) string {
	if c.file {
		return c.Out
	}
	base := filepath.Base(path)
	if path == stdinName {
		base = "stdin"
	}
	base = strings.TrimSuffix(base, filepath.Ext(base))
	if i >= 0 {
		base = fmt.Sprintf("%s-%d", base, i+1)
	}
	return filepath.Join(c.Out, base+c.to.extensions[0])
}

// save writes a file that is whole or not there.
func (c *conversion) save(source, path string, list []spectra.Spectrum) error {
	if other, taken := c.written[path]; taken {
		return fmt.Errorf("write %s: %s was written under that name already; convert them into different folders", path, other)
	}
	var b bytes.Buffer
	if err := c.to.write(&b, list); err != nil {
		return err
	}
	err := writeWhole(path, c.Overwrite, func(w io.Writer) error {
		_, err := b.WriteTo(w)
		return err
	})
	if err != nil {
		return err
	}
	c.written[path] = source
	c.files++
	c.spectra += len(list)
	return nil
}

// parquet writes all spectra into one file.
func (c *conversion) parquet(sources []string, progress *progress) error {
	return writeWhole(c.Out, c.Overwrite, func(w io.Writer) error {
		out := format.NewParquetWriter(w)
		for _, path := range sources {
			if err := c.env.ctx.Err(); err != nil {
				return err
			}
			read, err := c.env.spectraOf(path)
			if err != nil {
				c.bad = append(c.bad, badPath{path, err})
			}
			for _, s := range read {
				if err := out.Write(path, s); err != nil {
					return err
				}
				c.spectra++
			}
			progress.step()
		}
		c.files = 1
		if c.spectra == 0 {
			return errNothingRead
		}
		return out.Close()
	})
}

var errNothingRead = errors.New("no spectrum was read")

// summary says what was done.
func (c *conversion) summary(err error) error {
	var usage usageError
	if errors.As(err, &usage) {
		return err
	}
	sheet := c.env.newSheet()
	if err == nil {
		sheet.line(fmt.Sprintf("%d spectra written into %d files: %s", c.spectra, c.files, plain(c.Out)))
	}
	for _, b := range c.bad {
		for i, l := range wrap("NOT CONVERTED: "+b.err.Error(), 2) {
			sheet.line(strings.Repeat("  ", min(i, 1)) + l)
		}
	}
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("interrupted: %d files are written; run it again with --overwrite for the rest", c.files)
	case err != nil:
		return err
	case sheet.err != nil:
		return sheet.err
	case len(c.bad) > 0:
		return errIncomplete
	}
	return nil
}
