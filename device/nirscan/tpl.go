package nirscan

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"fentrace/device"
)

// ErrBlob is wrapped by every error about what a file of the device holds.
var ErrBlob = errors.New("the device's file cannot be read")

// openTPL checks the head of a TPL image (tpl, T. D. Hanson: "tpl", flags, u32 whole length, format with a NUL, a u32 for
// each # of the format) against the one image it may be, and returns the packed data. Bytes behind the image are left
// over: devices send their whole buffer. Size is how many bytes of data the format packs.
func openTPL(b []byte, format string, lengths []uint32, size int) (data []byte, err error) {
	const fixed = 8
	le := binary.LittleEndian
	if len(b) < fixed || string(b[:3]) != "tpl" {
		return nil, fmt.Errorf("%w: it is no TPL image", ErrBlob)
	}
	if b[3]&^2 != 0 { // bit 0: big-endian; bit 1: empty strings are told from none, of which there are none here
		return nil, fmt.Errorf("%w: TPL flags %#x", ErrBlob, b[3])
	}
	whole := le.Uint32(b[4:])
	if int64(whole) > int64(len(b)) {
		return nil, fmt.Errorf("%w: %d bytes of %d", ErrBlob, len(b), whole)
	}
	rest := b[fixed:max(fixed, int(whole))]
	text, rest, ok := bytes.Cut(rest, []byte{0})
	if !ok || string(text) != format {
		return nil, &formatError{got: string(text[:min(len(text), 64)]), want: format}
	}
	if len(rest) != 4*len(lengths)+size {
		return nil, fmt.Errorf("%w: %d bytes of data, the format has %d", ErrBlob, len(rest)-4*len(lengths), size)
	}
	for i, want := range lengths {
		if got := le.Uint32(rest[4*i:]); got != want {
			return nil, fmt.Errorf("%w: array %d has %d entries, expected %d", ErrBlob, i+1, got, want)
		}
	}
	return rest[4*len(lengths):], nil
}

// formatError is a TPL image of something else.
type formatError struct{ got, want string }

func (e *formatError) Error() string {
	return fmt.Sprintf("%v: its format is %q, expected %q", ErrBlob, e.got, e.want)
}

func (e *formatError) Unwrap() error { return ErrBlob }

// packed takes values from data whose size openTPL has checked, without padding between them.
type packed struct{ b []byte }

func (p *packed) take(n int) []byte {
	v := p.b[:n]
	p.b = p.b[n:]
	return v
}

func (p *packed) u8() byte    { return p.take(1)[0] }
func (p *packed) u16() uint16 { return binary.LittleEndian.Uint16(p.take(2)) }
func (p *packed) u32() uint32 { return binary.LittleEndian.Uint32(p.take(4)) }
func (p *packed) f64() float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(p.take(8)))
}

// text takes n bytes of ASCII that end at the first NUL.
func (p *packed) text(n int) string { return device.Text(p.take(n)) }
