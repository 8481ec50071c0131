package obp

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
)

// Offsets of the 44-byte header and the bits the device sets, from the data sheet's message table.
const (
	atVersion   = 2
	atFlags     = 4
	atError     = 6
	atType      = 8
	atRegarding = 12
	atSumType   = 22
	atImmediate = 23
	atData      = 24
	atRemaining = 40
	atPayload   = 44

	bitResponse   = 0x01
	bitAck        = 0x02
	bitWantAck    = 0x04
	bitNack       = 0x08
	bitException  = 0x10
	bitOldVersion = 0x20

	// longestRequest is what a device of this size would buffer; anything that claims more is not a message.
	longestRequest = 4096
)

// message is a request as the device understood it.
type message struct {
	version   uint16
	wantsAck  bool
	kind      uint32
	regarding [4]byte
	data      []byte
	badSum    bool
}

// takeMessage cuts the first message out of in and returns what is left. Bytes that begin no message are thrown
// away, as the device does. ok is false when no whole message is there yet.
func takeMessage(in []byte) (m message, rest []byte, ok bool) {
	for {
		start := bytes.Index(in, []byte{0xC1, 0xC0})
		if start < 0 {
			if len(in) > 0 && in[len(in)-1] == 0xC1 {
				return message{}, in[len(in)-1:], false
			}
			return message{}, nil, false
		}
		in = in[start:]
		if len(in) < atPayload {
			return message{}, in, false
		}
		left := binary.LittleEndian.Uint32(in[atRemaining:])
		if left < 20 || left > longestRequest || in[atImmediate] > 16 {
			in = in[2:]
			continue
		}
		end := atPayload + int(left)
		if len(in) < end {
			return message{}, in, false
		}
		if !bytes.Equal(in[end-4:end], []byte{0xC5, 0xC4, 0xC3, 0xC2}) {
			in = in[2:]
			continue
		}
		return parse(in[:end]), in[end:], true
	}
}

func parse(b []byte) message {
	m := message{
		version:  binary.LittleEndian.Uint16(b[atVersion:]),
		wantsAck: b[atFlags]&bitWantAck != 0,
		kind:     binary.LittleEndian.Uint32(b[atType:]),
	}
	copy(m.regarding[:], b[atRegarding:])
	body := len(b) - 20
	if b[atSumType] == 1 {
		sum := md5.Sum(b[:body])
		m.badSum = !bytes.Equal(sum[:], b[body:body+16])
	}
	m.data = append(m.data, b[atData:atData+int(b[atImmediate])]...)
	m.data = append(m.data, b[atPayload:body]...)
	return m
}

// reply builds the device's message that answers m.
func reply(m message, flags byte, errorNumber uint16, data []byte, withSum bool) []byte {
	var w bytes.Buffer
	put := func(v any) { _ = binary.Write(&w, binary.LittleEndian, v) } // a Buffer does not fail
	if m.version == 0x1000 {
		flags |= bitOldVersion
	}
	immediate, payload := data, []byte(nil)
	if len(data) > 16 {
		immediate, payload = nil, data
	}
	w.Write([]byte{0xC1, 0xC0})
	put(uint16(0x1100))
	put(uint16(flags))
	put(errorNumber)
	put(m.kind)
	w.Write(m.regarding[:])
	w.Write(make([]byte, 6))
	if withSum {
		w.WriteByte(1)
	} else {
		w.WriteByte(0)
	}
	w.WriteByte(byte(len(immediate)))
	w.Write(immediate)
	w.Write(make([]byte, 16-len(immediate)))
	put(uint32(len(payload) + 20))
	w.Write(payload)
	var sum [16]byte
	if withSum {
		sum = md5.Sum(w.Bytes())
	}
	w.Write(sum[:])
	w.Write([]byte{0xC5, 0xC4, 0xC3, 0xC2})
	return w.Bytes()
}
