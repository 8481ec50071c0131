package nirscan

import (
	"bytes"
	"encoding/binary"
)

// What the firmware's UART headers define.
const (
	startOfFrame = 0x44434241 // "ABCD" as a little-endian word
	endOfFrame   = 0x41424344

	bitRead    = 0x80
	bitReply   = 0x40
	resultOK   = 0x00
	resultFail = 0x10
	resultBusy = 0x20

	bareFrame = 16
	mostBytes = 512
	part      = 510 // of a file in one frame
)

// notReceived is the constant answer to a frame whose bytes stop coming.
var notReceived = []byte{65, 66, 67, 68, 16, 0, 0, 0, 16, 0, 0, 0, 68, 67, 66, 65}

// packet is a frame as the firmware's receiver hands it on.
type packet struct {
	flags   byte
	seq     byte
	command uint16
	data    []byte
	damaged bool // its checksum is wrong
}

// receive cuts the first packet out of in. Bytes that begin none are dropped. Whole says that there is one; otherwise
// what is left over waits for more.
func receive(in []byte) (p packet, rest []byte, whole bool) {
	for len(in) > 0 {
		i := bytes.IndexByte(in, 'A')
		if i < 0 {
			return packet{}, nil, false
		}
		in = in[i:]
		if n := min(len(in), 4); !bytes.Equal(in[:n], []byte("ABCD")[:n]) {
			in = in[1:]
			continue
		}
		if len(in) < 12 {
			return packet{}, in, false
		}
		length := int(binary.LittleEndian.Uint16(in[10:12]))
		if length > mostBytes || length < 2 {
			in = in[4:]
			continue
		}
		total := bareFrame + length
		if len(in) < total {
			return packet{}, in, false
		}
		if binary.LittleEndian.Uint32(in[total-4:total]) != endOfFrame {
			in = in[4:]
			continue
		}
		body := in[8 : total-4]
		p = packet{flags: body[0], seq: body[1], command: binary.LittleEndian.Uint16(body[4:]), data: bytes.Clone(body[6:])}
		p.damaged = total32(body) != binary.LittleEndian.Uint32(in[4:8])
		return p, in[total:], true
	}
	return packet{}, nil, false
}

func total32(b []byte) (t uint32) {
	for _, v := range b {
		t += uint32(v)
	}
	return t
}

// answer is the packet sent back: the flags, number and command of the request, with the result put in.
func answer(p packet, result byte, data []byte) []byte {
	var body bytes.Buffer
	body.WriteByte(p.flags&^0x30 | result)
	body.WriteByte(p.seq)
	put(&body, uint16(2+len(data)), p.command, data)
	var w bytes.Buffer
	put(&w, uint32(startOfFrame), total32(body.Bytes()), body.Bytes(), uint32(endOfFrame))
	return w.Bytes()
}

// put appends values in the processor's order, without padding; a Buffer does not fail.
func put(w *bytes.Buffer, values ...any) {
	for _, v := range values {
		_ = binary.Write(w, binary.LittleEndian, v)
	}
}

// image is a TPL image: "tpl", flags, the whole length, the format, the lengths of its arrays, the packed values.
func image(format string, lengths []uint32, values ...any) []byte {
	var body bytes.Buffer
	put(&body, []byte(format), byte(0), lengths)
	put(&body, values...)
	var w bytes.Buffer
	put(&w, []byte("tpl"), byte(0), uint32(8+body.Len()), body.Bytes())
	return w.Bytes()
}

// fixed is s in n bytes, the last of them 0.
func fixed(s string, n int) []byte {
	b := make([]byte, n)
	copy(b[:n-1], s)
	return b
}
