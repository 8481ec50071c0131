// Package durable writes files so that neither a full disk nor a power cut leaves half of one.
package durable

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Part is how names of files begin that are not finished yet.
const Part = ".part-"

// Write makes path hold what write writes: beside it, to the disk, then in its place. When it fails path is as it was.
func Write(path string, write func(io.Writer) error) error { return WriteAs(path, 0o644, write) }

// WriteAs is Write of a file with these permissions.
func WriteAs(path string, mode fs.FileMode, write func(io.Writer) error) error {
	return WriteFile(path, mode, func(f *os.File) error { return write(f) })
}

// WriteFile is WriteAs for who reads again what was written before it counts, such as to check it.
func WriteFile(path string, mode fs.FileMode, write func(*os.File) error) error {
	dir := filepath.Dir(path)
	part, err := os.CreateTemp(dir, Part+"*")
	if err != nil {
		return err
	}
	defer os.Remove(part.Name()) // gone already when all went well
	if err = write(part); err == nil {
		err = part.Chmod(mode)
	}
	if err == nil {
		err = part.Sync()
	}
	if err = errors.Join(err, part.Close()); err != nil {
		return err
	}
	if err := os.Rename(part.Name(), path); err != nil {
		return err
	}
	return syncFolder(dir)
}

// Bytes writes raw.
func Bytes(raw []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(raw)
		return err
	}
}

// stillWriting is how old a part is at most that another program may be writing still.
const stillWriting = time.Hour

// Tidy removes what writes left behind in dir that were cut off over an hour ago: another program may be writing there now.
func Tidy(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), Part) || !e.Type().IsRegular() {
			continue
		}
		if info, e := e.Info(); e != nil || time.Since(info.ModTime()) < stillWriting {
			continue // or another program has removed it
		}
		if e := os.Remove(filepath.Join(dir, e.Name())); !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// syncFolder makes a rename last through a power cut. Windows has no such thing and does not need it.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
