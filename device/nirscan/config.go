package nirscan

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"fentrace/device"
)

// ScanType is how a configuration takes its points.
type ScanType byte

const (
	Column   ScanType = 0 // one column of mirrors after the other
	Hadamard ScanType = 1 // half the columns at a time
	Slew     ScanType = 2 // up to five sections, each a column or Hadamard scan with its own exposure
)

func (t ScanType) String() string {
	switch t {
	case Column:
		return "column"
	case Hadamard:
		return "Hadamard"
	case Slew:
		return "slew"
	}
	return fmt.Sprintf("unknown (%d)", byte(t))
}

const (
	serialSize  = 8
	nameSize    = 40
	maxSections = 5
	maxPatterns = 624
	lastColumn  = 853
	// shortExposure is that of all but slew scans.
	shortExposure = 635 * time.Microsecond

	configFormat  = "S(cvc#c#vvcvv)"
	slewFormat    = "S(cvc#c#vc)"
	sectionFormat = "S(ccvvvv)#"
)

// exposures belong to the codes of a slew section.
var exposures = [...]time.Duration{
	635 * time.Microsecond, 1270 * time.Microsecond, 2450 * time.Microsecond, 5080 * time.Microsecond,
	15240 * time.Microsecond, 30480 * time.Microsecond, 60960 * time.Microsecond,
}

// Config is a scan configuration. Of a slew scan only what the driver needs is kept.
type Config struct {
	Type     ScanType
	Index    uint16
	Name     string
	StartNM  float64
	EndNM    float64
	WidthPX  int // columns of mirrors in one pattern
	Patterns int // points of the spectrum
	Repeats  int
	Exposure time.Duration // of a pattern; of a slew scan that of its first section
}

// ParseConfig reads a configuration as the device serialises it. The error wraps ErrBlob.
func ParseConfig(b []byte) (Config, error) {
	data, err := openTPL(b, configFormat, []uint32{serialSize, nameSize}, 1+2+serialSize+nameSize+9)
	if err != nil {
		if c, slewErr := parseSlew(b); slewErr == nil {
			return c, nil
		}
		return Config{}, fmt.Errorf("scan configuration: %w", err)
	}
	p := packed{data}
	c := configHead(&p)
	configBody(&p, &c)
	return c, c.check()
}

func configHead(p *packed) Config {
	c := Config{Type: ScanType(p.u8()), Index: p.u16(), Exposure: shortExposure}
	p.take(serialSize)
	c.Name = p.text(nameSize)
	return c
}

func configBody(p *packed, c *Config) {
	c.StartNM, c.EndNM = float64(p.u16()), float64(p.u16())
	c.WidthPX = int(p.u8())
	c.Patterns, c.Repeats = int(p.u16()), int(p.u16())
}

// parseSlew reads the two images of a slew configuration: its head, then its sections, of which five are always there.
func parseSlew(b []byte) (Config, error) {
	data, err := openTPL(b, slewFormat, []uint32{serialSize, nameSize}, 1+2+serialSize+nameSize+3)
	if err != nil {
		return Config{}, err
	}
	p := packed{data}
	c := configHead(&p)
	repeats, sections := int(p.u16()), int(p.u8())
	head := binary.LittleEndian.Uint32(b[4:]) // openTPL has checked that b holds so much
	data, err = openTPL(b[head:], sectionFormat, []uint32{maxSections}, 10*maxSections)
	if err != nil {
		return Config{}, err
	}
	if sections < 1 || sections > maxSections || c.Type != Slew {
		return Config{}, fmt.Errorf("%w: %d sections of a %v scan", ErrBlob, sections, c.Type)
	}
	c.Repeats = repeats
	p = packed{data}
	for i := range sections {
		p.u8()
		width, start, end, patterns, code := int(p.u8()), float64(p.u16()), float64(p.u16()), int(p.u16()), int(p.u16())
		if code >= len(exposures) {
			return Config{}, fmt.Errorf("%w: exposure %d of section %d", ErrBlob, code, i+1)
		}
		if i == 0 {
			c.StartNM, c.WidthPX, c.Exposure = start, width, exposures[code]
		}
		c.EndNM = end
		c.Patterns += patterns
	}
	return c, c.check()
}

func (c Config) check() error {
	if c.Type > Slew || c.Patterns < 2 || c.Patterns > maxPatterns || c.Repeats < 1 || c.WidthPX < 1 || c.WidthPX > lastColumn ||
		c.StartNM < 100 || c.Type != Slew && c.EndNM <= c.StartNM {
		return fmt.Errorf("scan configuration %q: %w: %v, %d patterns of %d columns from %g to %g nm, %d repeats",
			c.Name, ErrBlob, c.Type, c.Patterns, c.WidthPX, c.StartNM, c.EndNM, c.Repeats)
	}
	return nil
}

const calibrationFormat = "S(f#f#)"

// ParseCalibration reads the coefficients a of the wavelength a[0] + a[1] x + a[2] x² in nm of the column x of mirrors.
// The error wraps ErrBlob.
func ParseCalibration(b []byte) (a [3]float64, err error) {
	data, err := openTPL(b, calibrationFormat, []uint32{3, 3}, 48)
	if err != nil {
		return a, fmt.Errorf("wavelength calibration: %w", err)
	}
	return calibration(&packed{data}), nil
}

// calibration passes over the coefficients that bend the columns and takes those of the wavelength.
func calibration(p *packed) (a [3]float64) {
	p.take(3 * 8)
	for i := range a {
		a[i] = p.f64()
	}
	return a
}

// Wavelengths are the centres in nm of the points of a column or Hadamard configuration, ascending: columns are spread
// evenly between those of the first and last wavelength, in whole columns, and those of even width lie half a column
// below (dlpspec_scan_col.c). The error wraps ErrBlob when the calibration does not reach that far.
func (c Config) Wavelengths(a [3]float64) ([]float64, error) {
	first, okFirst := column(c.StartNM, a)
	last, okLast := column(c.EndNM, a)
	if !okFirst || !okLast {
		return nil, fmt.Errorf("%w: calibration %g has no columns for %g to %g nm", ErrBlob, a, c.StartNM, c.EndNM)
	}
	axis := make([]float64, c.Patterns)
	step := (last - first) / float64(c.Patterns-1)
	at := first
	for i := range axis {
		x := math.Trunc(at)
		if c.WidthPX%2 == 0 {
			x -= 0.5
		}
		axis[i] = a[0] + x*(a[1]+x*a[2])
		at += step
	}
	return axis, checkRising(axis)
}

func checkRising(axis []float64) error {
	for i, v := range axis {
		if math.IsNaN(v) || v < 100 || v > 1e5 || i > 0 && v <= axis[i-1] {
			return fmt.Errorf("%w: point %d would be at %g nm: do sections overlap, or are there more points than columns?", ErrBlob, i+1, v)
		}
	}
	return nil
}

// column is where on the mirrors a wavelength falls: 0 to 853.
func column(nm float64, a [3]float64) (float64, bool) {
	if a[2] == 0 {
		x := (nm - a[0]) / a[1]
		return x, x >= 0 && x <= lastColumn
	}
	root := math.Sqrt(a[1]*a[1] - 4*a[2]*(a[0]-nm))
	for _, x := range [...]float64{(-a[1] + root) / (2 * a[2]), (-a[1] - root) / (2 * a[2])} {
		if x >= 0 && x <= lastColumn {
			return x, true
		}
	}
	return 0, false
}

// checkRaw refuses what only the device can interpret.
func (c Config) checkRaw() error {
	switch c.Type {
	case Column:
		return nil
	case Hadamard:
		return fmt.Errorf("%w: the patterns of a Hadamard scan (%q) are tables inside the device: take the interpreted path, or a column configuration", device.ErrRefused, c.Name)
	}
	return fmt.Errorf("%w: a slew scan (%q) is only read interpreted: take the interpreted path, or a column configuration", device.ErrRefused, c.Name)
}
