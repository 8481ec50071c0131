package oceanletter

import (
	"errors"
	"fmt"
	"time"

	"fentrace/device/deltacode"
	"fentrace/device/lockstep"
)

const (
	beginMark = 0xFFFF
	endMark   = 0xFFFD
	// maxPixels bounds a spectrum; the largest detectors of the family have 3840.
	maxPixels = 8192
)

// Shape is the kind of header before the pixels. Both have seven words.
type Shape int

const (
	// Counting is the header of USB2000 and older: channel, scan number, scans in memory, integration time, counter.
	Counting Shape = iota
	// Baseline is the header of USB2000+, USB4000 and Flame: size, scans accumulated, integration time, baseline.
	Baseline
)

// Layout is what must be known about a spectrum to read it. FFFD, which ends one, is a legal pixel value too, so
// pixels are counted and the end is never searched for.
type Layout struct {
	Mode       Mode
	Shape      Shape
	Count      int // pixels that come: those chosen
	Chosen     Pixels
	Compressed bool // in binary mode and with 16-bit pixels only
	Checksum   bool
}

// Scan is a spectrum.
type Scan struct {
	Wide        bool // 32-bit pixels
	Added       int  // scans added up; 0 where the header does not tell
	Integration time.Duration
	Baseline    uint32
	Pixels      []uint32
}

// minSize is the least a whole spectrum takes, for deadlines and to look no earlier.
func (l Layout) minSize(wide bool) int {
	size := 2 * l.Count
	if wide {
		size = 4 * l.Count
	}
	if l.Compressed {
		size = l.Count
	}
	return 1 + 2*(7+len(l.Chosen.params)) + size + 2
}

// expected is about what a spectrum takes on the wire.
func (l Layout) expected(wide bool) int {
	switch {
	case l.Mode == ASCII:
		return 12 * (l.Count + 10) // ten digits, CR, LF
	case l.Compressed:
		return 3*l.Count + 64
	}
	return l.minSize(wide) + 2
}

// Decode reads the answer to S from b and returns how many bytes it takes. lockstep.ErrIncomplete asks for more,
// ErrNak is the device's ETX or NAK, ErrNotAnswer and ErrChecksum mean that b is damaged or something else.
func (l Layout) Decode(b []byte) (s Scan, n int, err error) {
	control, at, err := l.Mode.begin(b)
	if err != nil {
		return Scan{}, 0, err
	}
	switch control {
	case etx, nak:
		if n, err = l.Mode.end(b, at+1); err == nil {
			err = ErrNak
		}
		return Scan{}, n, err
	case ack:
		return Scan{}, 0, fmt.Errorf("%w: ACK where a spectrum was expected", ErrNotAnswer)
	}
	r := &reader{mode: l.Mode, b: b, at: at + 1}
	if err := l.header(r, &s); err != nil {
		return Scan{}, 0, err
	}
	if l.Count < 1 || l.Count > maxPixels {
		return Scan{}, 0, fmt.Errorf("%w: %d pixels expected", ErrNotAnswer, l.Count)
	}
	if l.Mode == Binary && len(b) < l.minSize(s.Wide) {
		return Scan{}, 0, lockstep.ErrIncomplete
	}
	sum, err := l.pixels(r, &s)
	if err != nil {
		return Scan{}, 0, err
	}
	if err := l.trailer(r, sum); err != nil {
		return Scan{}, 0, err
	}
	n, err = l.Mode.end(b, r.at)
	return s, n, err
}

// header reads the words before the pixels as far as they have come and checks each.
func (l Layout) header(r *reader, s *Scan) error {
	var w [7]uint32
	for i := range w {
		v, err := r.value(false)
		if err != nil {
			return err
		}
		w[i] = v
		switch {
		case i == 0 && v != beginMark:
			return fmt.Errorf("%w: spectrum begins with %#04x", ErrNotAnswer, v)
		case i == 1 && l.Shape == Baseline && v > 1:
			return fmt.Errorf("%w: pixel size %d", ErrNotAnswer, v)
		case i == 6 && v != uint32(l.Chosen.mode):
			return fmt.Errorf("%w: pixel mode %d, expected %d", ErrNotAnswer, v, l.Chosen.mode)
		}
	}
	for i, want := range l.Chosen.params {
		if v, err := r.value(false); err != nil {
			return err
		} else if v != uint32(want) {
			return fmt.Errorf("%w: parameter %d of the pixel mode is %d, expected %d", ErrNotAnswer, i+1, v, want)
		}
	}
	if l.Shape == Counting {
		s.Integration = time.Duration(w[4]) * time.Millisecond
		return nil
	}
	s.Wide, s.Added = w[1] == 1, int(w[2])
	s.Integration, s.Baseline = time.Duration(w[3])*time.Millisecond, w[4]<<16|w[5]
	return nil
}

// pixels reads l.Count values and returns their checksum: the sum of the values, or when compressed of the bytes
// that stand alone and of 0x80 and the value for those that do not.
func (l Layout) pixels(r *reader, s *Scan) (sum uint16, err error) {
	s.Pixels = make([]uint32, 0, l.Count)
	if l.Compressed && l.Mode == Binary && !s.Wide {
		values, used, sum, err := deltacode.Expand(r.b[r.at:], l.Count)
		switch {
		case errors.Is(err, deltacode.ErrShort):
			return 0, lockstep.ErrIncomplete
		case err != nil:
			return 0, fmt.Errorf("%w: %w", ErrNotAnswer, err)
		}
		r.at += used
		for _, v := range values {
			s.Pixels = append(s.Pixels, uint32(v))
		}
		return sum, nil
	}
	for range l.Count {
		v, err := r.value(s.Wide)
		if err != nil {
			return 0, err
		}
		s.Pixels = append(s.Pixels, v)
		// The data sheets define the checksum for 16-bit pixels; the sum of 32-bit ones is taken modulo 65536 alike.
		sum += uint16(v)
	}
	return sum, nil
}

// trailer reads the end mark and the checksum. The data sheets say that the checksum is appended to the scan, not
// on which side of the end mark it stands, so either will do.
func (l Layout) trailer(r *reader, sum uint16) error {
	first, err := r.value(false)
	if err != nil {
		return err
	}
	if !l.Checksum {
		if first != endMark {
			return fmt.Errorf("%w: %#04x after the last pixel, expected FFFD", ErrNotAnswer, first)
		}
		return nil
	}
	second, err := r.value(false)
	if err != nil {
		return err
	}
	switch {
	case first == endMark && second == uint32(sum), second == endMark && first == uint32(sum):
		return nil
	case first != endMark && second != endMark:
		return fmt.Errorf("%w: %#04x %#04x after the last pixel, expected FFFD and %#04x", ErrNotAnswer, first, second, sum)
	}
	return fmt.Errorf("%w: %#04x %#04x after the last pixel, computed %#04x", ErrChecksum, first, second, sum)
}

// Probe reads a whole spectrum of unknown size and shape, taken without checksum and compression, of all pixels,
// one scan, and the given integration time of at least 2 ms. It returns the layout of those that follow.
func Probe(mode Mode, b []byte, integration time.Duration) (Layout, error) {
	l := Layout{Mode: mode}
	_, at, err := mode.begin(b)
	if err != nil {
		return Layout{}, err
	}
	r := &reader{mode: mode, b: b, at: at + 1}
	var words []uint32
	for r.at < len(b) && !(mode == ASCII && b[r.at] == '>') {
		v, err := r.value(false)
		if err != nil || len(words) > maxPixels+8 {
			return Layout{}, fmt.Errorf("%w: spectrum of %d bytes, read %d words", ErrNotAnswer, len(b), len(words))
		}
		words = append(words, v)
		for mode == ASCII && r.at < len(b) && isBreak(b[r.at]) {
			r.at++
		}
	}
	millis := uint32(integration / time.Millisecond)
	switch {
	case len(words) < 9 || words[0] != beginMark || words[len(words)-1] != endMark:
		return Layout{}, fmt.Errorf("%w: %d words do not make a spectrum", ErrNotAnswer, len(words))
	case words[2] == 1 && words[3] == millis:
		l.Shape = Baseline
	case words[2] == 0 && words[4] == millis:
		l.Shape = Counting
	default:
		return Layout{}, fmt.Errorf("%w: header %d does not show the integration time of %d ms", ErrNotAnswer, words[:7], millis)
	}
	l.Count = len(words) - 8
	_, _, err = l.Decode(b)
	return l, err
}
