package format

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"fentrace/spectra"
)

// numbers reads the fixed-size fields of a binary file. The methods expect their field to lie inside raw: a reader
// checks the length of a header once, before it asks for any field of it.
type numbers struct {
	raw   []byte
	order binary.ByteOrder
}

func (n numbers) u16(at int) uint16  { return n.order.Uint16(n.raw[at:]) }
func (n numbers) u32(at int) uint32  { return n.order.Uint32(n.raw[at:]) }
func (n numbers) u64(at int) uint64  { return n.order.Uint64(n.raw[at:]) }
func (n numbers) f32(at int) float64 { return float64(math.Float32frombits(n.u32(at))) }
func (n numbers) f64(at int) float64 { return math.Float64frombits(n.u64(at)) }

// text is the field of width bytes at at: what stands before its first zero byte, on one line.
func (n numbers) text(at, width int) string {
	return oneLine(decodeText(beforeZero(n.raw[at : at+width])))
}

// floats reads count 32-bit floats.
func (n numbers) floats(at, count int) []float64 {
	out := make([]float64, count)
	for i := range out {
		out[i] = n.f32(at + 4*i)
	}
	return out
}

func beforeZero(raw []byte) []byte {
	if i := bytes.IndexByte(raw, 0); i >= 0 {
		return raw[:i]
	}
	return raw
}

// explicitAxis puts positions and values that a binary file lists one by one into s. x may be shared by several spectra
// and is copied; y is not. See series.ordered for what becomes of an axis that stands still or turns round.
func explicitAxis(s *spectra.Spectrum, x, y []float64) error {
	if strictly(x) {
		s.X, s.Y = slices.Clone(x), y
		return nil
	}
	for i, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("axis point %d: %w (export it again)", i+1, spectra.ErrNotFinite)
		}
	}
	list := series{x: x, y: y}
	return list.fill(s)
}

// strictly reports whether x runs in one direction without standing still; a NaN does neither.
func strictly(x []float64) bool {
	for i := 1; i < len(x); i++ {
		if up := x[1] > x[0]; up != (x[i] > x[i-1]) || up == (x[i] < x[i-1]) {
			return false
		}
	}
	return true
}

// keep appends s, the next spectrum of a binary file, to list when its numbers and labels allow.
func (b *budget) keep(list []spectra.Spectrum, s spectra.Spectrum) ([]spectra.Spectrum, error) {
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("spectrum %d: %w", len(list)+1, err)
	}
	if err := b.takeLabels(0, s.Metadata.Fields); err != nil {
		return nil, err
	}
	return append(list, s), nil
}

// fileTime converts a Windows FILETIME, 100 ns since 1601-01-01 UTC. The zero time is returned for 0 and for what lies
// outside the years 1970 to 2200, which no file was measured in.
func fileTime(ticks uint64) time.Time {
	const toUnix = 116444736000000000
	if ticks <= toUnix {
		return time.Time{}
	}
	ticks -= toUnix
	return plausibleTime(time.Unix(int64(ticks/1e7), int64(ticks%1e7)*100).UTC())
}

func plausibleTime(t time.Time) time.Time {
	if t.Year() < 1970 || t.Year() > 2200 {
		return time.Time{}
	}
	return t
}
