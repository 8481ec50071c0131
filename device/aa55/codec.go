// Package aa55 speaks to the detector head of OEM Raman sets whose frames begin with AA and end with 55: 2,068 pixels of
// 16 bits, as of a Hamamatsu S10420, at 921,600 baud. The head knows no number, no calibration, no laser and no
// temperature; the host times the exposure. Its laser hangs on a line of its own, see package laser.
//
// A frame is AA, a command, four bytes of data, the exclusive-or of command and data, 55. Only a read-out is answered: by
// 4,136 bytes, big-endian, without header or checksum, so that a byte that changed on the line cannot be noticed; bytes too
// many or too few can. Source: a working client of such a set; no document of the maker is known.
package aa55

import (
	"encoding/binary"
	"fmt"

	"fentrace/device"
)

const (
	// Pixels is the length of the detector.
	Pixels = 2068
	// covered pixels lie at either end of the 2,048 that see light, by the data sheet of the S10420.
	covered   = 10
	maxCounts = 65535

	readOutSize = 2 * Pixels
	frameBegin  = 0xAA
	frameEnd    = 0x55
)

// Command is what a frame says.
type Command byte

// The commands in use.
const (
	Start Command = 0x01 // begin an exposure; data is the number of frames
	Read  Command = 0x10 // end it and read it out
	Clear Command = 0xFF
)

// Encode returns the frame of a command.
func Encode(c Command, data uint32) []byte {
	b := []byte{frameBegin, byte(c)}
	b = binary.BigEndian.AppendUint32(b, data)
	check := byte(0)
	for _, v := range b[1:] {
		check ^= v
	}
	return append(b, check, frameEnd)
}

// Decode returns the counts of a read-out. The error wraps device.ErrProtocol.
func Decode(b []byte) ([]float64, error) {
	if len(b) != readOutSize {
		return nil, fmt.Errorf("%w: a read-out of %d bytes, expected %d", device.ErrProtocol, len(b), readOutSize)
	}
	counts := make([]float64, Pixels)
	for p := range counts {
		counts[p] = float64(binary.BigEndian.Uint16(b[2*p:]))
	}
	return counts, nil
}
