package format

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"time"

	"fentrace/spectra"
)

// littleEndian is the bytes of a file whose numbers are stored lowest byte first. What lies outside of it reads as zero,
// so that a reader checks each block once, with has, and not each number.
type littleEndian []byte

// has reports whether n bytes stand at offset.
func (b littleEndian) has(offset, n int) bool {
	return offset >= 0 && n >= 0 && offset <= len(b) && n <= len(b)-offset
}

// part returns n bytes at offset, as many of them as there are.
func (b littleEndian) part(offset, n int) littleEndian {
	if offset < 0 || offset > len(b) || n < 0 {
		return nil
	}
	return b[offset : offset+min(n, len(b)-offset)]
}

func (b littleEndian) u8(offset int) byte {
	if !b.has(offset, 1) {
		return 0
	}
	return b[offset]
}

func (b littleEndian) u16(offset int) uint16 {
	if !b.has(offset, 2) {
		return 0
	}
	return binary.LittleEndian.Uint16(b[offset:])
}

func (b littleEndian) u32(offset int) uint32 {
	if !b.has(offset, 4) {
		return 0
	}
	return binary.LittleEndian.Uint32(b[offset:])
}

func (b littleEndian) u64(offset int) uint64 {
	if !b.has(offset, 8) {
		return 0
	}
	return binary.LittleEndian.Uint64(b[offset:])
}

func (b littleEndian) f32(offset int) float64 {
	return float64(math.Float32frombits(b.u32(offset)))
}

func (b littleEndian) f64(offset int) float64 { return math.Float64frombits(b.u64(offset)) }

// text returns the characters at offset up to the first zero byte, at most n bytes, without the blanks round them.
func (b littleEndian) text(offset, n int) string {
	field := b.part(offset, n)
	if i := bytes.IndexByte(field, 0); i >= 0 {
		field = field[:i]
	}
	return strings.TrimSpace(decodeBytes(field))
}

// position turns an offset or a length of 32 bits into an int; what no file can hold becomes negative.
func position(v uint32) int {
	if v > math.MaxInt32 {
		return -1
	}
	return int(v)
}

// fields are the labelled values of one spectrum on their way to Metadata.Fields; those of zero were not stated.
type fields map[string]string

func (f fields) text(key, value string) {
	if value = strings.TrimSpace(value); value != "" && len(f) < maxFields {
		f[key] = value
	}
}

func (f fields) number(key string, v float64) {
	if v != 0 && !math.IsNaN(v) && !math.IsInf(v, 0) {
		f.text(key, fmt.Sprintf("%.9g", v))
	}
}

func (f fields) count(key string, v uint32) {
	if v != 0 {
		f.text(key, fmt.Sprint(v))
	}
}

// linear returns n positions from first to last in equal steps, both ends included; n is 2 or more. Ends that are equal,
// no numbers or too close for n different positions are an error.
func linear(first, last float64, n int) ([]float64, error) {
	x := make([]float64, n)
	for i := range x {
		x[i] = first + (last-first)*float64(i)/float64(n-1)
	}
	x[n-1] = last
	if math.IsInf(last-first, 0) || math.IsNaN(last-first) || !monotonic(x) {
		return nil, fmt.Errorf("%w: the axis has %d points from %g to %g", ErrInconsistent, n, first, last)
	}
	return x, nil
}

// counting returns the positions 0 to n-1.
func counting(n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = float64(i)
	}
	return x
}

// dropBlanked leaves out the points whose value is no number: some programs store blanked regions as such.
func dropBlanked(s *spectra.Spectrum) error {
	kept := 0
	for i, v := range s.Y {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			s.X[kept], s.Y[kept] = s.X[i], v
			kept++
		}
	}
	blanked := len(s.Y) - kept
	if kept == 0 {
		return fmt.Errorf("%w: none of %d values is a number (save it again)", ErrNoSpectrum, blanked)
	}
	if blanked > 0 {
		s.X, s.Y = s.X[:kept], s.Y[:kept]
		warn(&s.Metadata, "%d points hold no number (a blanked region) and were left out.", blanked)
	}
	return nil
}

// plausibleYear reports whether t can be when an instrument with a computer took a spectrum.
func plausibleYear(t time.Time) bool { return t.Year() >= 1980 && t.Year() < 2100 }
