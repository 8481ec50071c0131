package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"fentrace/server/exchange/rows"
)

// table is the CSV file of a batch. Rows are written a thousand at a time, so that memory stays flat and what is done
// survives a crash.
type table struct {
	path, writing string // writing is path, or a file beside it that replaces path at the end
	file          *os.File
	rows          *rows.CSV
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
	t.rows = rows.NewCSV(t.file)
	return t, nil
}

// add appends the row of one answer.
func (t *table) add(a answer) error { return t.named(t.rows.Add(a.row())) }

func (a answer) row() rows.Row {
	if a.err != nil {
		return rows.Unanswered(a.File, a.SHA256, a.Error)
	}
	return rows.Of(a.Identification)
}

func (t *table) flush() error { return t.named(t.rows.Flush()) }

func (t *table) named(err error) error {
	if err != nil {
		return fmt.Errorf("write %s: %w", t.writing, pathCause(err))
	}
	return nil
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
