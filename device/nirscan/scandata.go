package nirscan

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

const (
	scanNameSize = 20
	dateSize     = 7
	adcSize      = 864
	dataVersion  = 1

	headFormat = "uc#cccccccjjvvu$(f#f#)c#vccc"
	dataFormat = "S(" + headFormat + "cvc#c#vvcvvi#)"
	dataSize   = 4 + scanNameSize + dateSize + 8 + 4 + 48 + serialSize + 5 + (3 + serialSize + nameSize + 9) + 4*adcSize

	// fullScale of the 24-bit converter.
	fullScale = 1<<23 - 1
)

// ScanData is a scan as the device took it.
type ScanData struct {
	DetectorC    float64
	SerialNumber string
	Calibration  [3]float64
	Config       Config
	Gain         int
	BlackFirst   int     // the first reading without light, 0-based
	BlackPeriod  int     // and how many readings from one to the next
	Readings     []int32 // all readings, the mean over the repeats
}

// ParseScanData reads a scan of a column or Hadamard configuration. The error wraps ErrBlob.
func ParseScanData(b []byte) (ScanData, error) {
	data, err := openTPL(b, dataFormat, []uint32{scanNameSize, 3, 3, serialSize, serialSize, nameSize, adcSize}, dataSize)
	var other *formatError
	if errors.As(err, &other) && other.got == "S("+headFormat+")" {
		return ScanData{}, fmt.Errorf("scan data: %w: it is a slew scan, which is only read interpreted", ErrBlob)
	}
	if err != nil {
		return ScanData{}, fmt.Errorf("scan data: %w", err)
	}
	p := packed{data}
	if v := p.u32(); v != dataVersion {
		return ScanData{}, fmt.Errorf("scan data: %w: version %d, this program knows %d", ErrBlob, v, dataVersion)
	}
	var s ScanData
	p.take(scanNameSize + dateSize + 2) // the name and time of the device's own clock, the temperature of its board
	s.DetectorC = float64(int16(p.u16())) / 100
	p.take(2 + 2 + 4) // humidity, lamp monitor, number of the scan
	s.Calibration = calibration(&p)
	s.SerialNumber = p.text(serialSize)
	count := int(p.u16())
	s.BlackFirst, s.BlackPeriod, s.Gain = int(p.u8()), int(p.u8()), int(p.u8())
	s.Config = configHead(&p)
	configBody(&p, &s.Config)
	if err := s.Config.check(); err != nil {
		return ScanData{}, fmt.Errorf("scan data: %w", err)
	}
	if count > adcSize || s.BlackPeriod < 2 || s.BlackFirst >= s.BlackPeriod || s.Gain < 1 || s.Gain > 64 {
		return ScanData{}, fmt.Errorf("scan data: %w: %d readings, without light from %d every %d, gain %d", ErrBlob, count, s.BlackFirst, s.BlackPeriod, s.Gain)
	}
	s.Readings = make([]int32, count)
	for i := range s.Readings {
		s.Readings[i] = int32(p.u32())
	}
	return s, nil
}

// Interpret returns the spectrum of a column scan: each reading less the mean of those without light, in whole counts
// towards zero as the device's own library has it (dlpspec_helper.c), so that both paths give the same numbers. A
// reading at full scale stays there, so that it is known as saturated. The error wraps ErrBlob or device.ErrRefused.
func (s ScanData) Interpret() (nm, counts []float64, err error) {
	if err := s.Config.checkRaw(); err != nil {
		return nil, nil, err
	}
	var dark, darks int64
	for i := s.BlackFirst; i < len(s.Readings); i += s.BlackPeriod {
		dark, darks = dark+int64(s.Readings[i]), darks+1
	}
	if darks > 0 {
		dark /= darks
	}
	for i, v := range s.Readings {
		switch {
		case (i-s.BlackFirst)%s.BlackPeriod == 0:
		case v >= fullScale:
			counts = append(counts, fullScale)
		default:
			counts = append(counts, float64(int64(v)-dark))
		}
	}
	if len(counts) != s.Config.Patterns {
		return nil, nil, fmt.Errorf("scan data: %w: %d readings with light for %d patterns", ErrBlob, len(counts), s.Config.Patterns)
	}
	nm, err = s.Config.Wavelengths(s.Calibration)
	return nm, counts, err
}

// ParseInterpreted reads the device's own interpretation: a count, then for each point the wavelength in nm and the
// intensity. Bytes behind are left over. The error wraps ErrBlob.
func ParseInterpreted(b []byte) (nm, counts []float64, err error) {
	const point = 12
	le := binary.LittleEndian
	if len(b) < 4 {
		return nil, nil, fmt.Errorf("interpreted scan: %w: %d bytes", ErrBlob, len(b))
	}
	n := int64(int32(le.Uint32(b)))
	if n < 2 || n > adcSize || 4+n*point > int64(len(b)) {
		return nil, nil, fmt.Errorf("interpreted scan: %w: %d points in %d bytes", ErrBlob, n, len(b))
	}
	nm, counts = make([]float64, n), make([]float64, n)
	for i := range nm {
		at := b[4+i*point:]
		nm[i] = math.Float64frombits(le.Uint64(at))
		counts[i] = float64(int32(le.Uint32(at[8:])))
	}
	if err := checkRising(nm); err != nil {
		return nil, nil, fmt.Errorf("interpreted scan: %w", err)
	}
	return nm, counts, nil
}
