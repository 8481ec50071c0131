package obp

import (
	"bytes"
	"crypto/md5" // the protocol's own choice: it guards against line noise, not against people
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	headerSize   = 44
	checksumSize = 16
	footerSize   = 4
	tailSize     = checksumSize + footerSize
	// emptySize is a whole message without payload: every request with at most maxImmediate bytes of data.
	emptySize    = headerSize + tailSize
	maxImmediate = 16
	// maxRemaining bounds the length field, and with it the memory one message may take.
	maxRemaining = 64 << 10

	version = 0x1100
)

var (
	startBytes = []byte{0xC1, 0xC0}
	endBytes   = []byte{0xC5, 0xC4, 0xC3, 0xC2}
)

// Errors of Decode; all but ErrIncomplete mean that the bytes are not a message.
var (
	ErrIncomplete = errors.New("message is not complete yet")
	ErrNotMessage = errors.New("not an OBP message")
	ErrChecksum   = errors.New("checksum of the message is wrong")
	ErrTooLong    = errors.New("data is too long for one message")
)

// Flags of a message header.
type Flags uint16

const (
	FlagResponse          Flags = 0x0001 // device: answers an earlier request
	FlagACK               Flags = 0x0002 // device: done, sent only when asked for
	FlagACKRequested      Flags = 0x0004 // host
	FlagNACK              Flags = 0x0008 // device: refused, Error says why
	FlagException         Flags = 0x0010 // device: valid, but the hardware may have spoiled the result
	FlagVersionDeprecated Flags = 0x0020
	FlagTypeDeprecated    Flags = 0x0040
)

// Frame is one message of either direction.
type Frame struct {
	Version   uint16
	Flags     Flags
	Error     ErrorNumber // zero in requests
	Type      MessageType
	Regarding uint32 // chosen by the host, echoed by the device: the transaction id
	Checksum  bool   // MD5 over all that stands before it
	// Data travels in the header's immediate field up to 16 bytes, as payload above.
	Data []byte
}

// Encode returns the message as bytes, 64 without a payload and 64+len(Data) with one. A zero Version is sent
// as 0x1100. ErrTooLong is returned above 64 KiB.
func (f Frame) Encode() ([]byte, error) {
	payload := f.Data
	if len(f.Data) <= maxImmediate {
		payload = nil
	}
	if len(payload)+tailSize > maxRemaining {
		return nil, fmt.Errorf("encode message %v: %w: %d bytes", f.Type, ErrTooLong, len(payload))
	}
	if f.Version == 0 {
		f.Version = version
	}
	b := make([]byte, headerSize, emptySize+len(payload))
	copy(b, startBytes)
	le := binary.LittleEndian
	le.PutUint16(b[2:], f.Version)
	le.PutUint16(b[4:], uint16(f.Flags))
	le.PutUint16(b[6:], uint16(f.Error))
	le.PutUint32(b[8:], uint32(f.Type))
	le.PutUint32(b[12:], f.Regarding)
	if payload == nil {
		b[23] = byte(len(f.Data))
		copy(b[24:40], f.Data)
	}
	le.PutUint32(b[40:], uint32(len(payload)+tailSize))
	if f.Checksum {
		b[22] = 1
	}
	b = append(b, payload...)
	sum := [checksumSize]byte{}
	if f.Checksum {
		sum = md5.Sum(b)
	}
	b = append(b, sum[:]...)
	return append(b, endBytes...), nil
}

// Decode reads the message that begins at b[0] and returns how many bytes it takes. ErrIncomplete asks for more
// bytes; ErrChecksum returns the length of the message that failed; ErrNotMessage means that b does not begin
// with a message. Data is a copy.
func Decode(b []byte) (f Frame, n int, err error) {
	if n, err = messageLength(b); err != nil {
		return Frame{}, 0, err
	}
	if len(b) < n {
		return Frame{}, 0, ErrIncomplete
	}
	if !bytes.Equal(b[n-footerSize:n], endBytes) {
		return Frame{}, 0, fmt.Errorf("%w: ends in % X", ErrNotMessage, b[n-footerSize:n])
	}
	le := binary.LittleEndian
	f = Frame{
		Version:   le.Uint16(b[2:]),
		Flags:     Flags(le.Uint16(b[4:])),
		Error:     ErrorNumber(le.Uint16(b[6:])),
		Type:      MessageType(le.Uint32(b[8:])),
		Regarding: le.Uint32(b[12:]),
		Checksum:  b[22] == 1,
	}
	if f.Checksum {
		sum := md5.Sum(b[:n-tailSize])
		if !bytes.Equal(sum[:], b[n-tailSize:n-footerSize]) {
			return Frame{}, n, fmt.Errorf("%w: message %v of %d bytes", ErrChecksum, f.Type, n)
		}
	}
	if n > emptySize {
		f.Data = bytes.Clone(b[headerSize : n-tailSize])
	} else {
		f.Data = bytes.Clone(b[24 : 24+int(b[23])])
	}
	return f, n, nil
}

// messageLength checks as much of the header as b holds, so that noise is told from a message as early as its
// bytes allow, and returns the message's whole length once the header is complete.
func messageLength(b []byte) (int, error) {
	if !bytes.HasPrefix(b, startBytes) {
		if len(b) < len(startBytes) && bytes.HasPrefix(startBytes, b) {
			return 0, ErrIncomplete
		}
		return 0, fmt.Errorf("%w: no start bytes", ErrNotMessage)
	}
	if len(b) >= 4 {
		switch v := binary.LittleEndian.Uint16(b[2:]); v {
		case 0x1000, 0x1100, 0x2000:
		default:
			return 0, fmt.Errorf("%w: protocol version %#04x", ErrNotMessage, v)
		}
	}
	if len(b) > 23 && (b[22] > 1 || b[23] > maxImmediate) {
		return 0, fmt.Errorf("%w: checksum type %d, immediate length %d", ErrNotMessage, b[22], b[23])
	}
	if len(b) < headerSize {
		return 0, ErrIncomplete
	}
	remaining := binary.LittleEndian.Uint32(b[40:])
	if remaining < tailSize || remaining > maxRemaining {
		return 0, fmt.Errorf("%w: %d bytes remaining", ErrNotMessage, remaining)
	}
	if remaining > tailSize && b[23] > 0 {
		return 0, fmt.Errorf("%w: immediate data and a payload", ErrNotMessage)
	}
	return headerSize + int(remaining), nil
}
