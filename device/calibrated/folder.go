package calibrated

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fentrace/spectra/durable"
)

const (
	formatName    = "fentrace-calibration"
	formatVersion = 1
	extension     = ".json"
	// maxFile bounds what is read: MaxRecords of either kind fit.
	maxFile = 32 << 20
)

// file is the stored form of an Instrument.
type file struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	Instrument
}

// Folder is a folder of calibrations. It need not exist before something is added.
type Folder struct{ dir string }

// Open names the folder; nothing is read or made.
func Open(dir string) Folder { return Folder{dir: dir} }

// Dir is the folder's path.
func (f Folder) Dir() string { return f.dir }

// Find returns the instrument with its history; one never calibrated has no records. A file that is damaged is an error
// (ErrFormat), never taken for no calibration. Without a serial number ErrNoSerial: two of a model would share it.
func (f Folder) Find(model, serial string) (Instrument, error) {
	if strings.TrimSpace(serial) == "" {
		return Instrument{}, fmt.Errorf("calibration of %s: %w", model, ErrNoSerial)
	}
	in, err := read(filepath.Join(f.dir, fileName(model, serial)))
	if errors.Is(err, fs.ErrNotExist) {
		return Instrument{Model: model, SerialNumber: serial}, nil
	}
	if err == nil && (in.Model != model || in.SerialNumber != serial) {
		err = fmt.Errorf("%w: it is of %s", ErrFormat, in.Name())
	}
	if err != nil {
		return Instrument{}, fmt.Errorf("calibration of %s %s: read %s: %w", model, serial, fileName(model, serial), err)
	}
	return in, nil
}

// List returns every instrument, sorted by name. The error joins those of files that cannot be read; the others are
// returned all the same.
func (f Folder) List() ([]Instrument, error) {
	entries, err := os.ReadDir(f.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list calibrations: %w", err)
	}
	var out []Instrument
	var failed error
	for _, e := range entries {
		if e.IsDir() || filepath.Ext(e.Name()) != extension || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		in, err := read(filepath.Join(f.dir, e.Name()))
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("read %s: %w", filepath.Join(f.dir, e.Name()), err))
			continue
		}
		out = append(out, in)
	}
	slices.SortFunc(out, func(a, b Instrument) int { return strings.Compare(a.Name(), b.Name()) })
	return out, failed
}

// Add appends a record to the history of an instrument, in order of time. The file on disk is the old one or the new one at any
// moment, and the new one once Add returns nil. Two programs adding at once wait for each other.
func (f Folder) Add(model, serial string, r Record) error {
	if err := r.check(); err != nil {
		return fmt.Errorf("store calibration of %s %s: %w", model, serial, err)
	}
	if err := os.MkdirAll(f.dir, 0o755); err != nil {
		return fmt.Errorf("store calibration of %s %s: %w", model, serial, err)
	}
	unlock, err := lock(filepath.Join(f.dir, ".lock"))
	if err != nil {
		return fmt.Errorf("store calibration of %s %s: %w", model, serial, err)
	}
	defer unlock()
	in, err := f.Find(model, serial)
	if err != nil {
		return err
	}
	at, _ := slices.BinarySearchFunc(in.Records, r, func(a, b Record) int {
		if a.At.After(b.At) {
			return 1
		}
		return -1 // of the same time the later added stands last
	})
	in.Records = slices.Insert(in.Records, at, r)
	in.Records = in.Records[max(len(in.Records)-MaxRecords, 0):]
	raw, err := json.Marshal(file{Format: formatName, Version: formatVersion, Instrument: in})
	if err == nil {
		err = durable.Write(filepath.Join(f.dir, fileName(model, serial)), durable.Bytes(append(raw, '\n')))
	}
	if err != nil {
		return fmt.Errorf("store calibration of %s %s: %w", model, serial, err)
	}
	return nil
}

// fileName is readable and differs for different instruments, whatever characters their names hold.
func fileName(model, serial string) string {
	readable := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '_'
	}, model+"-"+serial)
	sum := sha256.Sum256([]byte(model + "\x00" + serial))
	return readable[:min(len(readable), 60)] + "-" + hex.EncodeToString(sum[:4]) + extension
}

func read(path string) (Instrument, error) {
	f, err := os.Open(path)
	if err != nil {
		return Instrument{}, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return Instrument{}, err
	}
	return decode(raw)
}

// decode reads the stored form; the error wraps ErrFormat or ErrRange.
func decode(raw []byte) (Instrument, error) {
	if len(raw) > maxFile {
		return Instrument{}, fmt.Errorf("%w: %d bytes, at most %d", ErrFormat, len(raw), maxFile)
	}
	var stored file
	d := json.NewDecoder(bytes.NewReader(raw))
	if err := d.Decode(&stored); err != nil {
		return Instrument{}, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Instrument{}, fmt.Errorf("%w: more follows after the object", ErrFormat)
	}
	switch {
	case stored.Format != formatName:
		return Instrument{}, fmt.Errorf("%w: its format is %q", ErrFormat, stored.Format)
	case stored.Version != formatVersion:
		return Instrument{}, fmt.Errorf("%w: version %d, this program knows %d: a newer one wrote it", ErrFormat, stored.Version, formatVersion)
	case stored.SerialNumber == "":
		return Instrument{}, fmt.Errorf("%w: %w", ErrFormat, ErrNoSerial)
	case len(stored.Records) > MaxRecords:
		return Instrument{}, fmt.Errorf("%w: %d records, at most %d", ErrFormat, len(stored.Records), MaxRecords)
	}
	for i, r := range stored.Records {
		if err := r.check(); err != nil {
			return Instrument{}, fmt.Errorf("record %d: %w", i+1, err)
		}
		if i > 0 && r.At.Before(stored.Records[i-1].At) {
			return Instrument{}, fmt.Errorf("record %d: %w: older than the one before", i+1, ErrFormat)
		}
	}
	return stored.Instrument, nil
}
