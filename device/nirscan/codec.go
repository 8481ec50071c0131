package nirscan

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	// overhead of a frame: start, checksum, flags, sequence number, length, end.
	overhead   = 16
	headerSize = 12 // up to and with the length
	// maxPayload includes the command's two bytes.
	maxPayload  = 512
	commandSize = 2
	// MaxData is what one frame can carry beside its command.
	MaxData = maxPayload - commandSize
)

var (
	startMark = []byte("ABCD")
	endMark   = []byte("DCBA")
)

// Errors of Decode; all but ErrIncomplete mean that the bytes are not a frame.
var (
	ErrIncomplete = errors.New("frame is not complete yet")
	ErrNotFrame   = errors.New("not a NIRscan frame")
	ErrChecksum   = errors.New("checksum of the frame is wrong")
	ErrTooLong    = errors.New("data is too long for one frame")
)

// Result is how a device answers.
type Result byte

const (
	OK    Result = 0
	Error Result = 1
	Busy  Result = 2
)

const (
	flagDestination = 0x03 // 0 command, 2 debug log
	flagResult      = 0x30
	flagReply       = 0x40
	flagRead        = 0x80
)

// Frame is one message of either direction.
type Frame struct {
	Read   bool // the command reads; otherwise it writes
	Reply  bool // an answer is wanted; devices leave it set in the answer
	Log    bool // not a command but a line of the device's log
	Result Result
	Seq    byte // chosen by the host, echoed by the device
	// Command is 0 in the constant answer to a frame that did not arrive whole, which has no payload at all.
	Command Command
	Data    []byte
}

// Encode returns the frame as bytes, 18+len(Data). The device gives up a frame whose bytes are a millisecond apart, so
// they have to be written at once. ErrTooLong is returned above MaxData.
func (f Frame) Encode() ([]byte, error) {
	if len(f.Data) > MaxData {
		return nil, fmt.Errorf("encode %v: %w: %d bytes, at most %d", f.Command, ErrTooLong, len(f.Data), MaxData)
	}
	var flags byte
	if f.Read {
		flags |= flagRead
	}
	if f.Reply {
		flags |= flagReply
	}
	if f.Log {
		flags |= 2
	}
	flags |= byte(f.Result) << 4 & flagResult
	le := binary.LittleEndian
	b := append(make([]byte, 0, overhead+commandSize+len(f.Data)), startMark...)
	b = append(b, 0, 0, 0, 0, flags, f.Seq)
	b = le.AppendUint16(b, uint16(commandSize+len(f.Data)))
	b = le.AppendUint16(b, uint16(f.Command))
	b = append(b, f.Data...)
	le.PutUint32(b[4:], sum(b[8:]))
	return append(b, endMark...), nil
}

// sum is the plain sum of the bytes from the flags to the end of the payload.
func sum(b []byte) uint32 {
	var s uint32
	for _, v := range b {
		s += uint32(v)
	}
	return s
}

// Decode reads the frame that begins at b[0] and returns how many bytes it takes. The end mark may occur inside the
// data: the length decides. ErrIncomplete asks for more bytes; ErrChecksum returns the length of the frame that
// failed; ErrNotFrame means that b does not begin with a frame. Data is a copy.
func Decode(b []byte) (f Frame, n int, err error) {
	if head := min(len(b), len(startMark)); !bytes.Equal(b[:head], startMark[:head]) {
		return Frame{}, 0, fmt.Errorf("%w: begins with % X", ErrNotFrame, b[:head])
	}
	if len(b) < headerSize {
		return Frame{}, 0, ErrIncomplete
	}
	le := binary.LittleEndian
	length := int(le.Uint16(b[10:]))
	if length > maxPayload || length == 1 {
		return Frame{}, 0, fmt.Errorf("%w: payload of %d bytes", ErrNotFrame, length)
	}
	n = overhead + length
	if len(b) < n {
		return Frame{}, 0, ErrIncomplete
	}
	if !bytes.Equal(b[n-len(endMark):n], endMark) {
		return Frame{}, 0, fmt.Errorf("%w: ends in % X", ErrNotFrame, b[n-len(endMark):n])
	}
	if got, said := sum(b[8:n-len(endMark)]), le.Uint32(b[4:]); got != said {
		return Frame{}, n, fmt.Errorf("%w: %#x, the frame says %#x", ErrChecksum, got, said)
	}
	flags := b[8]
	f = Frame{
		Read: flags&flagRead != 0, Reply: flags&flagReply != 0, Log: flags&flagDestination == 2,
		Result: Result(flags & flagResult >> 4), Seq: b[9],
	}
	if length > 0 {
		f.Command = Command(le.Uint16(b[headerSize:]))
		f.Data = bytes.Clone(b[headerSize+commandSize : n-len(endMark)])
	}
	return f, n, nil
}
