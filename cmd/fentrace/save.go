package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fentrace/spectra"
)

// checkNew refuses, before any work is done, a name that nothing can be saved under: extensions are those of the formats
// that can be written.
func checkNew(flag, path string, extensions ...string) error {
	if !slices.Contains(extensions, strings.ToLower(filepath.Ext(path))) {
		last := len(extensions) - 1
		return usagef("%s %s: the name has to end in %s or %s", flag, path, strings.Join(extensions[:last], ", "), extensions[last])
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return usagef("%s %s: it exists already and is not overwritten", flag, path)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return usagef("%s %s: there is no such folder", flag, path)
	}
	return nil
}

// saveSpectrum writes s in the format that the end of the name stands for, a new file.
func saveSpectrum(path string, s spectra.Spectrum) error {
	ext := strings.ToLower(filepath.Ext(path))
	for _, t := range targets {
		if slices.Contains(t.extensions, ext) {
			return writeWhole(path, false, func(w io.Writer) error { return t.write(w, []spectra.Spectrum{s}) })
		}
	}
	return fmt.Errorf("save %s: no format ends in %s", path, ext)
}

// writeWhole writes a file that is whole or not there: under another name first, and under its own when write has
// succeeded. Without overwrite a file that exists is refused.
func writeWhole(path string, overwrite bool, write func(io.Writer) error) (err error) {
	if _, err := os.Lstat(path); err == nil && !overwrite {
		return fmt.Errorf("write %s: it exists and is not overwritten (--overwrite replaces it)", path)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write %s: %w", path, pathCause(err))
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".fentrace-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, pathCause(err))
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	err = write(f)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, pathCause(err))
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("write %s: %w", path, pathCause(err))
	}
	return nil
}
