package hostcal

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestACalibrationIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "btc110.json")
	text := `{"serial_number": "BTC110-1234", "coefficients": [786.1, 0.5, -1e-5], "laser_nm": 785.2}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if c.SerialNumber != "BTC110-1234" || c.LaserNM != 785.2 {
		t.Errorf("%+v", c)
	}
	axis, err := c.Wavelengths(3)
	if err != nil || len(axis) != 3 || axis[0] != 786.1 || math.Abs(axis[2]-(786.1+1-4e-5)) > 1e-12 {
		t.Errorf("%v, %v", axis, err)
	}
	if _, err := Read(path + ".not"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	if axis, err := (Calibration{}).Wavelengths(3); axis != nil || err != nil {
		t.Errorf("no coefficients: %v, %v", axis, err)
	}
}

func TestAFallingAxisIsAnAxis(t *testing.T) {
	axis, err := Wavelengths([]float64{900, -0.1}, 2048)
	if err != nil || !slices.IsSortedFunc(axis, func(a, b float64) int { return int(math.Copysign(1, b-a)) }) {
		t.Errorf("%v", err)
	}
}

func TestWhatCannotBeACalibration(t *testing.T) {
	for name, text := range map[string]string{
		"misspelt":     `{"coeficients": [1, 2]}`,
		"not JSON":     `c0 = 786.1`,
		"two":          `{} {}`,
		"laser":        `{"laser_nm": 78.5}`,
		"empty":        ``,
		"many":         `{"coefficients": [1,1,1,1,1,1,1,1,1,1,1]}`,
		"wrong type":   `{"coefficients": "786.1"}`,
		"too large":    `{"serial_number": "` + strings.Repeat("x", maxSize) + `"}`,
		"out of range": `{"coefficients": [1e400]}`,
	} {
		if c, err := Parse([]byte(text)); !errors.Is(err, ErrCalibration) {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
	for _, c := range [][]float64{{785}, {785, 0}, {785, 0.1, -1e-4}, {-5, 1}, {785, math.NaN()}, {785, 1e6}} {
		if axis, err := Wavelengths(c, 2048); !errors.Is(err, ErrCalibration) {
			t.Errorf("%g: %d wavelengths, %v", c, len(axis), err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"coefficients": [786.1, 0.5], "laser_nm": 785.2}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Parse(b)
		if err != nil {
			return
		}
		if axis, err := c.Wavelengths(64); err == nil && len(axis) != 0 && len(axis) != 64 {
			t.Fatalf("%d wavelengths", len(axis))
		}
	})
}
