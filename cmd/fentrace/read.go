package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"fentrace/device/acquire"
	"fentrace/spectra"
	"fentrace/spectra/format"
)

// scanExtension is that of scans stored by `fentrace scan --save`.
const scanExtension = ".json"

// stdinName stands for the standard input on the command line.
const stdinName = "-"

// readSpectra returns the spectra of a file of any readable format, of a scan stored by this program, or, for "-", of
// the standard input. Memory is bounded by format.MaxFileBytes. hash is that of the raw bytes, known even when they
// hold no spectrum, empty when they could not be had.
func (env *environment) readSpectra(path string) (read []spectra.Spectrum, hash string, err error) {
	raw, err := env.readRaw(path)
	if err != nil {
		return nil, "", err
	}
	hash = spectra.HashBytes(raw)
	read, err = acquire.ReadSpectra(path, raw)
	return read, hash, err
}

// readAll is readSpectra that tells apart the errors of what could not be read of an archive.
func (env *environment) readAll(path string) (read []spectra.Spectrum, lost []error, hash string, err error) {
	raw, err := env.readRaw(path)
	if err != nil {
		return nil, nil, "", err
	}
	hash = spectra.HashBytes(raw)
	read, lost, err = acquire.ReadAll(path, raw)
	return read, lost, hash, err
}

func (env *environment) readRaw(path string) ([]byte, error) {
	if path == stdinName {
		raw, err := io.ReadAll(io.LimitReader(env.stdin, format.MaxFileBytes+1))
		if err != nil {
			return nil, fmt.Errorf("read the standard input: %w", err)
		}
		return raw, nil
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("read %s: there is no such file", path)
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", path, pathCause(err))
	case info.IsDir():
		return nil, fmt.Errorf("read %s: it is a folder; answer what is in it with `fentrace batch`", path)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("read %s: it is a device or a pipe, not a file", path)
	case info.Size() > format.MaxFileBytes:
		return nil, fmt.Errorf("read %s: %w: %d bytes, at most %d", path, format.ErrTooLarge, info.Size(), format.MaxFileBytes)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, pathCause(err))
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, format.MaxFileBytes+1)) // it may still grow
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, pathCause(err))
	}
	return raw, nil
}

// pathCause drops the path, which the message names already.
func pathCause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// readable tells whether a walk over a folder should read path: by its extension, for stored scans by what it holds.
func readable(path string) bool {
	if strings.ToLower(filepath.Ext(path)) != scanExtension {
		return format.Readable(path)
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 256)
	n, err := io.ReadFull(f, head)
	return (err == nil || errors.Is(err, io.ErrUnexpectedEOF)) && acquire.IsScan(head[:n])
}
