// Package deltacode is the byte code of compressed spectra that Ocean Optics and B&W Tek benches share: the byte 0x80
// and a 16-bit value, most significant byte first, or the signed difference to the value before. It does no I/O.
//
// Source: OEM data sheet USB2000 (170-00000-000-05-201102), data compression.
package deltacode

import (
	"errors"
	"fmt"
)

// escape announces a whole value.
const escape = 0x80

// ErrShort asks for more bytes; ErrDamaged means that the bytes are no such code.
var (
	ErrShort   = errors.New("compressed spectrum is not complete yet")
	ErrDamaged = errors.New("compressed spectrum is damaged")
)

// Expand reads count values from the beginning of b, of which the first must be whole. It returns how many bytes
// were used and their checksum, modulo 65536: the sum of the differences as unsigned bytes, and of 0x80 and the
// value for each whole one.
func Expand(b []byte, count int) (values []uint16, used int, sum uint16, err error) {
	values = make([]uint16, 0, max(min(count, len(b)), 0))
	var last uint16
	for len(values) < count {
		switch {
		case used >= len(b), b[used] == escape && used+3 > len(b):
			return nil, 0, 0, ErrShort
		case b[used] == escape:
			last = uint16(b[used+1])<<8 | uint16(b[used+2])
			sum += escape + last
			used += 3
		case len(values) == 0:
			return nil, 0, 0, fmt.Errorf("%w: it begins with the difference %#02x", ErrDamaged, b[0])
		default:
			next := int(last) + int(int8(b[used]))
			if next < 0 || next > 0xFFFF {
				return nil, 0, 0, fmt.Errorf("%w: value %d would be %d", ErrDamaged, len(values), next)
			}
			last = uint16(next)
			sum += uint16(b[used])
			used++
		}
		values = append(values, last)
	}
	return values, used, sum, nil
}
