package format

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"time"

	"fentrace/spectra"
)

// The second byte of a file is its version.
const (
	spcNew       = 0x4b // least significant byte first
	spcNewBig    = 0x4c // most significant byte first
	spcOld       = 0x4d // DOS products; shorter header, no axis of its own, the two words of a 32-bit fraction swapped
	spcHeaderNew = 512
	spcHeaderOld = 224 // without the header of the first subfile, which follows
	spcSubHeader = 32
	spcFloat     = -128 // the exponent that says that values are floats
)

// Bits of the first byte.
const (
	spc16Bit  = 1
	spcMulti  = 4
	spcRandom = 8  // z values in any order
	spcOrder  = 16 // z values ordered, unevenly spaced
	spcLabels = 32 // the names of the axes stand in the header
	spcOwnX   = 64 // every subfile has its own axis
	spcXYData = 128
)

// spcHeader is what the main header says.
type spcHeader struct {
	numbers
	version, flags      byte
	experiment          byte
	exponent            int
	points              int // or, with spcOwnX, where the directory is; 0: there is none
	first, last         float64
	subfiles            int // 0: not stated (old files)
	xType, yType, zType byte
	date                time.Time
	rawDate             uint32
	resolution, source  string
	comment, method     string
	labels              [3]string // of x, y, z; "" when not given
	logBlock            int       // where the log block begins; 0: there is none
	zStep, wStep        float64
	planes              int
	body                int // where the common axis or the first subfile begins
	multi, ownX, xy     bool
}

func detectSPC(head []byte, name string) Confidence {
	if len(head) < 2 || bytes.IndexByte(head, 0) < 0 {
		return Never
	}
	if h, err := spcParse(head); err == nil && h.plausible() {
		return Certain
	}
	if strings.EqualFold(filepath.Ext(name), ".spc") && !bytes.HasPrefix(head, []byte(cfbMagic)) {
		return Fallback // to say what is wrong with it
	}
	return Never
}

// plausible reports whether the fields of the header that have few legal values have such. UTF-16 text fails by the
// count of subfiles.
func (h *spcHeader) plausible() bool {
	_, x := spcAxes[h.xType]
	_, y := spcValues[h.yType]
	usual := func(v float64) bool { return math.Abs(v) < 1e12 }
	return x && y && h.experiment <= 14 && usual(h.first) && usual(h.last) && (h.ownX || h.points > 0) && h.subfiles < 1<<24 && h.flags&(spcRandom|spcOrder) != spcRandom|spcOrder
}

// spcParse reads the main header.
func spcParse(raw []byte) (*spcHeader, error) {
	if len(raw) < 2 {
		return nil, fmt.Errorf("%w: %d bytes are no header (copy it again)", ErrTruncated, len(raw))
	}
	h := &spcHeader{numbers: numbers{raw, binary.LittleEndian}, flags: raw[0], version: raw[1], body: spcHeaderNew}
	switch h.version {
	case spcNewBig:
		h.order = binary.BigEndian
	case spcNew:
	case spcOld:
		h.body = spcHeaderOld
	default:
		return nil, fmt.Errorf("%w: an SPC file of version 0x%02X; 0x4B, 0x4C and 0x4D can be read (export it as JCAMP-DX or text)", ErrUnknownFormat, h.version)
	}
	if len(raw) < h.body+spcSubHeader {
		return nil, fmt.Errorf("%w: the headers of an SPC file have %d bytes, the file has %d (copy it again)", ErrTruncated, h.body+spcSubHeader, len(raw))
	}
	h.multi = h.flags&spcMulti != 0
	if h.version == spcOld {
		return h, h.parseOld()
	}
	h.parseNew()
	return h, nil
}

func (h *spcHeader) parseNew() {
	h.experiment, h.exponent = h.raw[2], int(int8(h.raw[3]))
	h.points, h.first, h.last = int(h.u32(4)), h.f64(8), h.f64(16)
	h.subfiles = max(1, int(h.u32(24)))
	h.xType, h.yType, h.zType = h.raw[28], h.raw[29], h.raw[30]
	h.rawDate = h.u32(32)
	h.date = spcDate(int(h.rawDate>>20), int(h.rawDate>>16&15), int(h.rawDate>>11&31), int(h.rawDate>>6&31), int(h.rawDate&63))
	h.resolution, h.source = h.text(36, 9), h.text(45, 9)
	h.comment, h.method = h.text(88, 130), h.text(264, 48)
	h.logBlock = int(h.u32(248))
	h.zStep, h.planes, h.wStep = h.f32(312), int(h.u32(316)), h.f32(320)
	h.xy = h.flags&spcXYData != 0
	h.ownX = h.xy && h.flags&spcOwnX != 0
	if h.flags&spcLabels != 0 {
		h.readLabels(218)
	}
}

func (h *spcHeader) parseOld() error {
	h.exponent = int(int8(h.raw[2])) // of a word whose upper half only extends the sign
	n := h.f32(4)
	if !(n >= 1 && n <= spectra.MaxPoints) || n != math.Trunc(n) {
		return fmt.Errorf("%w: the header says %g points (export it again)", ErrInconsistent, n)
	}
	h.points, h.first, h.last = int(n), h.f32(8), h.f32(12)
	h.xType, h.yType = h.raw[16], h.raw[17]
	year := int(h.u16(18))
	h.zType = byte(year >> 12)
	h.date = spcDate(year&0xfff, int(h.raw[20]), int(h.raw[21]), int(h.raw[22]), int(h.raw[23]))
	h.resolution, h.comment = h.text(24, 8), h.text(64, 130)
	if h.zType == 15 || h.flags&spcLabels != 0 {
		h.readLabels(194)
	}
	if !h.multi {
		h.subfiles = 1
	}
	return nil
}

// readLabels reads up to three names, each ended by a zero byte, in 30 bytes.
func (h *spcHeader) readLabels(at int) {
	for i, name := range bytes.SplitN(h.raw[at:at+30], []byte{0}, 4) {
		if i < len(h.labels) {
			h.labels[i] = oneLine(decodeText(name))
		}
	}
}

// spcDate returns the zero time when the numbers are no date. The file does not state its zone; UTC is assumed, as by
// parseTime.
func spcDate(year, month, day, hour, minute int) time.Time {
	t := time.Date(year, time.Month(month), day, hour, minute, 0, 0, time.UTC)
	if t.Day() != day || int(t.Month()) != month || hour > 23 || minute > 59 {
		return time.Time{}
	}
	return plausibleTime(t)
}

// wireDate reads the date of the SPC files of Renishaw's WiRE: not as the format packs it, but as MS-DOS does (year since
// 1980, month, day; hour, minute, half seconds), in UTC and with January as month 0, as the times in the WDF files of
// the same measurements show.
func wireDate(packed uint32) time.Time {
	field := func(shift, bits int) int { return int(packed>>shift) & (1<<bits - 1) }
	t := spcDate(1980+field(25, 7), 1+field(21, 4), field(16, 5), field(11, 5), field(5, 6))
	if t.IsZero() || packed>>16 == 0 {
		return time.Time{}
	}
	return t.Add(time.Duration(2*field(0, 5)) * time.Second)
}
