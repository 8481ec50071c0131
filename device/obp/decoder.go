package obp

import (
	"bytes"
	"errors"
)

// Decoder finds messages in a stream of bytes that may hold anything else as well. It does no I/O. Its memory is
// bounded by the largest message (64 KiB) plus what one Write brings. The zero value is ready.
type Decoder struct {
	buf []byte
	// Skipped counts the bytes thrown away because they belonged to no message.
	Skipped int
}

// Write takes bytes as they came. Call Next until ErrIncomplete after each Write.
func (d *Decoder) Write(p []byte) { d.buf = append(d.buf, p...) }

// Next returns the next whole message and its bytes. ErrIncomplete asks for more bytes. ErrChecksum reports a
// message that came damaged: only its first byte is passed over, as the damage may be in its length.
func (d *Decoder) Next() (f Frame, raw []byte, err error) {
	for {
		f, n, err := Decode(d.buf)
		switch {
		case err == nil:
			raw := bytes.Clone(d.buf[:n])
			d.drop(n)
			return f, raw, nil
		case errors.Is(err, ErrIncomplete):
			return Frame{}, nil, err
		case errors.Is(err, ErrChecksum):
			d.skip()
			return Frame{}, nil, err
		}
		d.skip()
	}
}

// Partial reports whether bytes wait that could be the beginning of a message.
func (d *Decoder) Partial() bool { return len(d.buf) > 0 }

// GiveUp passes over the incomplete message at hand because its rest does not come: a whole one may lie inside.
func (d *Decoder) GiveUp() {
	if len(d.buf) > 0 {
		d.skip()
	}
}

// skip drops the first byte and all others up to the next that could start a message.
func (d *Decoder) skip() {
	n := bytes.Index(d.buf[1:], startBytes)
	switch {
	case n >= 0:
		n++
	case d.buf[len(d.buf)-1] == startBytes[0] && len(d.buf) > 1:
		n = len(d.buf) - 1
	default:
		n = len(d.buf)
	}
	d.Skipped += n
	d.drop(n)
}

func (d *Decoder) drop(n int) { d.buf = append(d.buf[:0], d.buf[n:]...) }
