package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/go-gota/gota/dataframe"
	"github.com/go-gota/gota/series"

	"fentrace/library/identify"
)

// tableChunk is how many rows are held in memory before they are written.
const tableChunk = 1000

// cell is one row of a column. Numbers are written as they are; text comes from files and is made harmless.
type column struct {
	name string
	of   func(r row) string
}

// row is an answer with its findings and candidates in one list, the most important first.
type row struct {
	answer
	ranked []identify.Finding
}

// tableColumns are the columns of a batch, in order.
var tableColumns = []column{
	{"file", func(r row) string { return text(r.File) }},
	{"sha256", func(r row) string { return text(r.SHA256) }},
	{"technique", func(r row) string { return text(r.Technique) }},
	{"verdict", func(r row) string { return text(string(r.Verdict)) }},
	{"headline", func(r row) string { return text(r.Headline) }},
	{"substance", first(func(f identify.Finding) string { return text(f.Substance) })},
	{"cas", first(func(f identify.Finding) string { return text(f.CAS) })},
	{"class", first(func(f identify.Finding) string { return text(f.Class) })},
	{"controlled", first(func(f identify.Finding) string { return strconv.FormatBool(f.Controlled) })},
	{"tier", first(func(f identify.Finding) string { return text(string(f.Tier)) })},
	{"score", first(func(f identify.Finding) string { return decimal(f.Score, 4) })},
	{"probability", first(func(f identify.Finding) string { return decimal(f.Probability, 3) })},
	{"shift_cm1", first(func(f identify.Finding) string { return decimal(f.ShiftCM1, 2) })},
	{"fraction", first(func(f identify.Finding) string {
		if f.Fraction == nil {
			return ""
		}
		return decimal(f.Fraction.Estimate, 3)
	})},
	{"unexplained", answered(func(r row) string { return decimal(r.Unexplained, 3) })},
	{"snr", answered(func(r row) string { return decimal(r.Quality.SNR, 1) })},
	{"saturated", answered(func(r row) string { return strconv.Itoa(r.Quality.Saturated) })},
	{"fluorescence", answered(func(r row) string { return decimal(r.Quality.Fluorescence, 3) })},
	{"axis", func(r row) string { return text(r.Quality.Axis) }},
	{"reasons", func(r row) string { return text(strings.Join(r.Reasons, "; ")) }},
	{"next_steps", func(r row) string { return text(strings.Join(r.NextSteps, "; ")) }},
	{"candidate_2", nth(1, func(f identify.Finding) string { return text(f.Substance) })},
	{"candidate_2_score", nth(1, func(f identify.Finding) string { return decimal(f.Score, 4) })},
	{"library", func(r row) string { return text(r.Library) }},
	{"algorithm", func(r row) string { return text(r.Algorithm) }},
	{"simulated", answered(func(r row) string {
		if r.Simulated {
			return simulatedTag
		}
		return ""
	})},
	{"error", func(r row) string { return text(r.Error) }},
	{"note", answered(func(row) string { return identify.Presumptive })},
}

func answered(of func(row) string) func(row) string {
	return func(r row) string {
		if r.err != nil {
			return ""
		}
		return of(r)
	}
}

func nth(n int, of func(identify.Finding) string) func(row) string {
	return func(r row) string {
		if len(r.ranked) <= n {
			return ""
		}
		return of(r.ranked[n])
	}
}

func first(of func(identify.Finding) string) func(row) string { return nth(0, of) }

func decimal(v float64, digits int) string { return strconv.FormatFloat(v, 'f', digits, 64) }

// text is one line that no spreadsheet takes for a formula: what begins like one gets an apostrophe before it
// (OWASP, CSV injection).
func text(s string) string {
	s = strings.TrimSpace(plain(s))
	if s != "" && strings.ContainsRune("=+-@", rune(s[0])) {
		return "'" + s
	}
	return s
}

// newRow ranks what an answer names: controlled findings, other findings, then candidates.
func newRow(a answer) row {
	r := row{answer: a}
	named := map[string]bool{}
	take := func(fs []identify.Finding, want func(identify.Finding) bool) {
		for _, f := range fs {
			if !named[f.Substance] && want(f) {
				named[f.Substance] = true
				r.ranked = append(r.ranked, f)
			}
		}
	}
	all := func(identify.Finding) bool { return true }
	take(a.Findings, func(f identify.Finding) bool { return f.Controlled })
	take(a.Findings, all)
	take(a.Candidates, all)
	return r
}

// table is the CSV file of a batch. Rows are written a thousand at a time, so that memory stays flat and what is done
// survives a crash.
type table struct {
	path, writing string // writing is path, or a file beside it that replaces path at the end
	file          *os.File
	rows          [][]string
	header        bool // is written
	err           error
}

// newTable begins the table at path. An existing file is refused unless overwrite is set; it is then kept until the
// new one is whole.
func newTable(path string, overwrite bool) (*table, error) {
	t := &table{path: path, writing: path}
	_, err := os.Lstat(path)
	switch {
	case err == nil && !overwrite:
		return nil, usagef("%s exists: choose another name with --out, or replace it with --overwrite", path)
	case err == nil:
		t.writing = path + ".part"
	case !errors.Is(err, fs.ErrNotExist):
		return nil, usagef("write %s: %w", path, pathCause(err))
	}
	mode := os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	if t.writing == path {
		mode = os.O_CREATE | os.O_WRONLY | os.O_EXCL
	}
	if t.file, err = os.OpenFile(t.writing, mode, 0o644); err != nil {
		return nil, usagef("write %s: %w", t.writing, pathCause(err))
	}
	return t, nil
}

// add appends the row of one answer.
func (t *table) add(a answer) error {
	r := newRow(a)
	cells := make([]string, len(tableColumns))
	for i, c := range tableColumns {
		cells[i] = c.of(r)
	}
	t.rows = append(t.rows, cells)
	if len(t.rows) < tableChunk {
		return t.err
	}
	return t.flush()
}

// flush writes the rows held. Every column is text: a number column would print what is missing as NaN and pad
// every number to six decimals.
func (t *table) flush() error {
	if t.err != nil || t.header && len(t.rows) == 0 {
		return t.err
	}
	columns := make([]series.Series, len(tableColumns))
	for i, c := range tableColumns {
		cells := make([]string, len(t.rows))
		for j, r := range t.rows {
			cells[j] = r[i]
		}
		columns[i] = series.New(cells, series.String, c.name)
	}
	frame := dataframe.New(columns...)
	if err := frame.WriteCSV(t.file, dataframe.WriteHeader(!t.header)); err != nil {
		t.err = fmt.Errorf("write %s: %w", t.writing, pathCause(err))
	}
	t.header, t.rows = true, t.rows[:0]
	return t.err
}

// close writes what is left and puts the table in its place.
func (t *table) close() error {
	if err := errors.Join(t.flush(), t.file.Close()); err != nil {
		return err
	}
	if t.writing == t.path {
		return nil
	}
	if err := os.Rename(t.writing, t.path); err != nil {
		return fmt.Errorf("replace %s: %w (the new table is %s)", t.path, err, t.writing)
	}
	return nil
}

// abandon keeps what was written where it is.
func (t *table) abandon() error { return errors.Join(t.flush(), t.file.Close()) }
