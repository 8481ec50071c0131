package demo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"fentrace/data"
	"fentrace/spectra"
)

// monthFile keeps, in the data folder, what the month was made from, so that running again continues the same month.
const monthFile = "demo.json"

// monthVersion changes whenever the same plan would give other scans or records.
const monthVersion = 1

// plan is what a month is made from.
type plan struct {
	Simulated bool      `json:"simulated"` // always true; for whoever finds the file
	Seed      uint64    `json:"seed"`
	Scans     int       `json:"scans"`
	Now       time.Time `json:"now"` // when the month ends
	// Made is the hash of everything else that the scans depend on.
	Made string `json:"made"`
}

// made is the hash of the embedded tables and the version of the code.
func made() string {
	tables := bytes.Join([][]byte{data.SimulatedLines, data.Counties}, nil)
	return fmt.Sprintf("%d-%s", monthVersion, spectra.HashBytes(tables)[:16])
}

// settle returns the plan kept in dir, else keeps a new one. kept tells which.
func settle(dir string, fresh plan) (p plan, kept bool, err error) {
	path := filepath.Join(dir, monthFile)
	raw, err := os.ReadFile(path)
	switch {
	case err == nil:
		if err := json.Unmarshal(raw, &p); err != nil {
			return plan{}, false, fmt.Errorf("read %s: %w; remove the file or give another folder with --data", path, err)
		}
		return p, true, nil
	case !errors.Is(err, fs.ErrNotExist):
		return plan{}, false, fmt.Errorf("read what the simulated month was made from: %w", err)
	}
	fresh.Simulated, fresh.Made = true, made()
	raw, err = json.MarshalIndent(fresh, "", "  ")
	if err != nil {
		return plan{}, false, err
	}
	if err := os.WriteFile(path, append(raw, '\n'), 0o600); err != nil {
		return plan{}, false, fmt.Errorf("keep what the simulated month was made from: %w", err)
	}
	return fresh, false, nil
}
