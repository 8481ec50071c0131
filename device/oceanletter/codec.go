package oceanletter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"fentrace/device/lockstep"
)

// Control bytes of the device's answers.
const (
	stx = 0x02
	etx = 0x03
	ack = 0x06
	nak = 0x15
)

// Errors of the decoders; test with errors.Is. More bytes are asked for with lockstep.ErrIncomplete.
var (
	// ErrNak is the device's NAK, or the ETX it answers S with when it has no spectrum.
	ErrNak = errors.New("device answered no")
	// ErrNotAnswer means that the bytes are not the answer asked for.
	ErrNotAnswer = errors.New("not an answer of the letter protocol")
	// ErrChecksum is a spectrum whose checksum does not fit its pixels.
	ErrChecksum = errors.New("checksum of the spectrum is wrong")
)

// Mode is how values travel.
type Mode int

const (
	// Binary is the mode at power-on: a value is 2 or 4 bytes, most significant first.
	Binary Mode = iota
	// ASCII values are decimal digits ended by CR or LF; the device echoes what it gets and prompts with "> ".
	ASCII
)

// Commands that switch the mode; they take no end of line, and are answered in the mode before.
var (
	toBinary = []byte("bB")
	toASCII  = []byte("aA")
)

// Value is an argument of a command.
type Value struct {
	Number uint32
	Wide   bool // a double word: 4 bytes in binary mode
}

// Word is the usual argument.
func Word(v uint16) Value { return Value{Number: uint32(v)} }

// DoubleWord is the argument of the letter i.
func DoubleWord(v uint32) Value { return Value{Number: v, Wide: true} }

// Encode returns a command: its letters ("S", "?x") and arguments.
func (m Mode) Encode(letters string, args ...Value) []byte {
	b := []byte(letters)
	for _, a := range args {
		switch {
		case m == ASCII:
			b = append(strconv.AppendUint(b, uint64(a.Number), 10), '\r')
		case a.Wide:
			b = binary.BigEndian.AppendUint32(b, a.Number)
		default:
			b = binary.BigEndian.AppendUint16(b, uint16(a.Number))
		}
	}
	return b
}

// begin passes over the echo that ASCII mode sends before an answer, and returns the control byte and where it
// stands. In binary mode the control byte comes first.
func (m Mode) begin(b []byte) (control byte, at int, err error) {
	for at, c := range b {
		switch {
		case c == stx || c == etx || c == ack || c == nak:
			return c, at, nil
		case m == Binary || c != '\r' && c != '\n' && (c < ' ' || c > '~') || at > maxEcho:
			return 0, 0, fmt.Errorf("%w: begins with % X", ErrNotAnswer, b[:min(len(b), 8)])
		}
	}
	return 0, 0, lockstep.ErrIncomplete
}

// maxEcho is longer than any command of ours in digits.
const maxEcho = 128

// end returns where an ASCII answer ends: after the prompt that stands at or after from. Only line ends may stand
// before the prompt.
func (m Mode) end(b []byte, from int) (int, error) {
	if m == Binary {
		return from, nil
	}
	for i := from; i < len(b); i++ {
		switch b[i] {
		case '\r', '\n':
		case '>':
			if i+1 == len(b) {
				return 0, lockstep.ErrIncomplete
			}
			if b[i+1] != ' ' {
				return 0, fmt.Errorf("%w: prompt is followed by %#02x", ErrNotAnswer, b[i+1])
			}
			return i + 2, nil
		default:
			return 0, fmt.Errorf("%w: %#02x where the prompt was expected", ErrNotAnswer, b[i])
		}
	}
	return 0, lockstep.ErrIncomplete
}

// DecodeReply reads the answer to a command other than S: ACK and so many words, or NAK. It returns the words and
// how many bytes the answer takes; with ErrNak too.
func (m Mode) DecodeReply(b []byte, words int) (values []uint16, n int, err error) {
	control, at, err := m.begin(b)
	if err != nil {
		return nil, 0, err
	}
	at++
	switch control {
	case nak:
		if n, err = m.end(b, at); err == nil {
			err = ErrNak
		}
		return nil, n, err
	case ack:
	default:
		return nil, 0, fmt.Errorf("%w: %#02x where ACK was expected", ErrNotAnswer, control)
	}
	r := reader{mode: m, b: b, at: at}
	for range words {
		v, err := r.value(false)
		if err != nil {
			return nil, 0, err
		}
		values = append(values, uint16(v))
	}
	if n, err = m.end(b, r.at); err != nil {
		return nil, 0, err
	}
	return values, n, nil
}

// maxText is the longest text a calibration slot holds.
const maxText = 15

// DecodeText reads the answer to ?x followed by the NAK to the blank that was sent after it: the data sheets do not
// say how the text ends, and a NAK is no part of a text. whole says that the line has fallen silent, which ends the
// text as well. Padding is taken away. ErrNak: the device has no such slot.
func (m Mode) DecodeText(b []byte, whole bool) (text string, n int, err error) {
	control, at, err := m.begin(b)
	if err != nil {
		return "", 0, err
	}
	if control != ack && control != nak {
		return "", 0, fmt.Errorf("%w: %#02x where ACK was expected", ErrNotAnswer, control)
	}
	stop, n := len(b), len(b)
	for i := at + 1; i < len(b); i++ {
		if b[i] == nak {
			stop = i
			if n, err = m.end(b, i+1); err != nil && !whole {
				return "", 0, err
			}
			break
		}
	}
	if stop == len(b) && !whole {
		if stop-at > maxEcho {
			return "", 0, fmt.Errorf("%w: a text of more than %d characters", ErrNotAnswer, maxText)
		}
		return "", 0, lockstep.ErrIncomplete
	}
	if control == nak {
		return "", n, ErrNak
	}
	text, err = m.clean(b[at+1 : stop])
	return text, n, err
}

// clean takes padding, line ends and, in ASCII mode, prompts and the echo of the blank away.
func (m Mode) clean(b []byte) (string, error) {
	if m == ASCII {
		for i := range b {
			if b[i] == '>' {
				b = b[:i]
				break
			}
		}
	}
	var text []byte
	for _, c := range b {
		switch {
		case c == 0 || c == 0xFF || c == '\r' || c == '\n':
		case c < ' ' || c > '~':
			return "", fmt.Errorf("%w: byte %#02x in a text", ErrNotAnswer, c)
		default:
			text = append(text, c)
		}
	}
	for len(text) > 0 && text[len(text)-1] == ' ' {
		text = text[:len(text)-1]
	}
	if len(text) > 2*maxText {
		return "", fmt.Errorf("%w: a text of %d characters", ErrNotAnswer, len(text))
	}
	return string(text), nil
}

// reader takes values one after the other.
type reader struct {
	mode Mode
	b    []byte
	at   int
}

func (r *reader) value(wide bool) (uint32, error) {
	if r.mode == ASCII {
		return r.digits(wide)
	}
	size := 2
	if wide {
		size = 4
	}
	if len(r.b)-r.at < size {
		return 0, lockstep.ErrIncomplete
	}
	var v uint32
	for _, c := range r.b[r.at : r.at+size] {
		v = v<<8 | uint32(c)
	}
	r.at += size
	return v, nil
}

// digits reads a decimal number and the line ends around it.
func (r *reader) digits(wide bool) (uint32, error) {
	for r.at < len(r.b) && isBreak(r.b[r.at]) {
		r.at++
	}
	end := r.at
	for end < len(r.b) && r.b[end] >= '0' && r.b[end] <= '9' {
		end++
	}
	switch {
	case end-r.at > 10 || end < len(r.b) && (end == r.at || !isBreak(r.b[end])):
		return 0, fmt.Errorf("%w: %q where a number was expected", ErrNotAnswer, r.b[r.at:min(len(r.b), end+1)])
	case end == len(r.b):
		return 0, lockstep.ErrIncomplete
	}
	bits := 16
	if wide {
		bits = 32
	}
	v, err := strconv.ParseUint(string(r.b[r.at:end]), 10, bits)
	if err != nil {
		return 0, fmt.Errorf("%w: number %s does not fit %d bits", ErrNotAnswer, r.b[r.at:end], bits)
	}
	r.at = end + 1
	return uint32(v), nil
}

func isBreak(c byte) bool { return c == '\r' || c == '\n' || c == ' ' }
