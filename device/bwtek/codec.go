package bwtek

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"fentrace/device/deltacode"
	"fentrace/device/lockstep"
)

const (
	pixels = 2048
	// sent is how many values a compressed spectrum has; the first belongs to no pixel.
	sent = pixels + 1
	// lineSize is a pixel in ASCII: five digits, CR, LF.
	lineSize = 7
	// digitsSize is a spectrum in ASCII: the pixels and a NUL.
	digitsSize = lineSize*pixels + 1
)

// Errors of the decoders; more bytes are asked for with lockstep.ErrIncomplete.
var (
	// ErrNotACK is a command that the device did not acknowledge.
	ErrNotACK = errors.New("device did not acknowledge")
	// ErrNotAnswer means that the bytes are not the answer asked for.
	ErrNotAnswer = errors.New("not an answer of a BTC100")
)

// Encode returns a command with its number, or without one when it is negative.
func Encode(letter byte, number int) []byte {
	b := []byte{letter}
	if number >= 0 {
		b = strconv.AppendInt(b, int64(number), 10)
	}
	return append(b, '\n')
}

var acknowledged = []byte("ACK\r\n")

// maxLine bounds what may stand where ACK is expected.
const maxLine = 64

// DecodeReply reads the echo of command and the acknowledgement at the beginning of b, and returns how many bytes they
// take; with ErrNotACK too. What a refusal looks like is not known: any other line is taken for one.
func DecodeReply(b, command []byte) (n int, err error) {
	n, err = echo(b, command)
	if err != nil {
		return 0, err
	}
	end := bytes.IndexByte(b[n:], '\n')
	switch {
	case end < 0 && len(b)-n <= maxLine:
		return 0, lockstep.ErrIncomplete
	case end < 0 || end > maxLine:
		return 0, fmt.Errorf("%w: a line of more than %d bytes", ErrNotAnswer, maxLine)
	}
	line := b[n : n+end+1]
	if n += len(line); bytes.Equal(line, acknowledged) {
		return n, nil
	}
	for _, c := range line {
		if c != '\r' && c != '\n' && (c < ' ' || c > '~') {
			return 0, fmt.Errorf("%w: byte %#02x where ACK was expected", ErrNotAnswer, c)
		}
	}
	return n, fmt.Errorf("%w: it says %q", ErrNotACK, bytes.TrimSpace(line))
}

// echo passes over the echo of command, which ends in CR LF.
func echo(b, command []byte) (n int, err error) {
	want := slices.Concat(bytes.TrimRight(command, "\n"), []byte("\r\n"))
	if len(b) < len(want) && bytes.HasPrefix(want, b) {
		return 0, lockstep.ErrIncomplete
	}
	if !bytes.HasPrefix(b, want) {
		return 0, fmt.Errorf("%w: begins with %q, expected the echo %q", ErrNotAnswer, b[:min(len(b), 12)], want)
	}
	return len(want), nil
}

// DecodeSpectrum reads the answer to command, which is S, in compressed or ASCII form. It returns 2048 counts and how
// many bytes the answer takes.
func DecodeSpectrum(b, command []byte, ascii bool) (counts []uint16, n int, err error) {
	n, err = DecodeReply(b, command)
	if err != nil {
		return nil, n, err
	}
	if ascii {
		counts, err = digits(b[n:])
		return counts, n + digitsSize, err
	}
	values, used, _, err := deltacode.Expand(b[n:], sent)
	switch {
	case errors.Is(err, deltacode.ErrShort):
		return nil, 0, lockstep.ErrIncomplete
	case err != nil:
		return nil, 0, fmt.Errorf("%w: %w", ErrNotAnswer, err)
	}
	return values[sent-pixels:], n + used, nil
}

// digits reads a spectrum in ASCII. A line that is damaged shows before the rest has come.
func digits(b []byte) ([]uint16, error) {
	counts := make([]uint16, 0, min(pixels, len(b)/lineSize))
	for p := range pixels {
		if len(b) < (p+1)*lineSize {
			return nil, lockstep.ErrIncomplete
		}
		line := b[p*lineSize : (p+1)*lineSize]
		v := 0
		for _, c := range line[:lineSize-2] {
			if c < '0' || c > '9' {
				return nil, fmt.Errorf("%w: pixel %d is %q", ErrNotAnswer, p, line)
			}
			v = 10*v + int(c-'0')
		}
		if v > 0xFFFF || line[lineSize-2] != '\r' || line[lineSize-1] != '\n' {
			return nil, fmt.Errorf("%w: pixel %d is %q", ErrNotAnswer, p, line)
		}
		counts = append(counts, uint16(v))
	}
	switch {
	case len(b) < digitsSize:
		return nil, lockstep.ErrIncomplete
	case b[digitsSize-1] != 0:
		return nil, fmt.Errorf("%w: %#02x after the last pixel, expected NUL", ErrNotAnswer, b[digitsSize-1])
	}
	return counts, nil
}
