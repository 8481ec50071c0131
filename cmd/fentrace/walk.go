package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// walk is what a folder holds.
type walk struct {
	files  []string
	bad    []badPath // folders that could not be entered
	others int       // files that are no spectra by their names
}

// badPath is a path that could not be read, and why.
type badPath struct {
	path string
	err  error
}

// walkFolder lists the files of dir to read, in the order of their names, with those of the folders inside when
// recursive. Hidden files and the file called except, which is being written, are left out.
func walkFolder(dir string, recursive bool, except string) (walk, error) {
	var w walk
	if info, err := os.Stat(dir); err != nil {
		return w, usagef("read folder %s: %w", dir, pathCause(err))
	} else if !info.IsDir() {
		return w, usagef("%s is a file, not a folder", dir)
	}
	own, ownErr := os.Stat(except)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			w.bad = append(w.bad, badPath{path, fmt.Errorf("read %s: %w", path, pathCause(err))})
			return nil
		}
		hidden := strings.HasPrefix(entry.Name(), ".") && path != dir
		if entry.IsDir() {
			if path != dir && (hidden || !recursive || ownErr == nil && own.IsDir() && sameFile(path, own)) {
				return filepath.SkipDir
			}
			return nil
		}
		info, err := os.Stat(path)
		switch {
		case hidden, err != nil && errors.Is(err, fs.ErrNotExist): // a dangling link
		case err == nil && !info.Mode().IsRegular():
		case err == nil && ownErr == nil && os.SameFile(info, own):
		case readable(path):
			w.files = append(w.files, path)
		default:
			w.others++
		}
		return nil
	})
	if err != nil {
		return w, fmt.Errorf("read folder %s: %w", dir, err)
	}
	if len(w.files)+len(w.bad) == 0 {
		return w, usagef("%s holds no file whose name ends like that of a spectrum (%d other files)", dir, w.others)
	}
	return w, nil
}

func sameFile(path string, info os.FileInfo) bool {
	other, err := os.Stat(path)
	return err == nil && os.SameFile(other, info)
}
