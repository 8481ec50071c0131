package format

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"fentrace/spectra"
)

// readCompoundJWS reads the flavour of Spectra Manager 1.x. All of its streams but Y-Data and X-Data describe the
// measurement; one of those that cannot be read is passed over with a warning.
func readCompoundJWS(name string, raw []byte) ([]spectra.Spectrum, error) {
	c, err := openCompound(raw)
	if err != nil {
		return nil, err
	}
	info, err := c.stream("DataInfo")
	if err != nil {
		return nil, err
	}
	values, err := c.stream("Y-Data")
	if err != nil {
		return nil, err
	}
	if info == nil || values == nil {
		return nil, fmt.Errorf("%w: a compound (OLE) file without the streams DataInfo and Y-Data of JASCO: a Shimadzu SPC, an old Excel workbook (xls) or another "+
			"(export it as JCAMP-DX or text)", ErrUnknownFormat)
	}
	if len(info) < 0x40 {
		return nil, fmt.Errorf("%w: DataInfo has %d bytes, 96 are needed (copy it again)", ErrTruncated, len(info))
	}
	h := numbers{info, binary.LittleEndian}
	d := jwsData{name: name, channels: int(h.u32(0x0c)), points: int(h.u32(0x14)), first: h.f64(0x18), last: h.f64(0x20), step: h.f64(0x28), xCode: h.u32(0x30), y: values}
	if d.x, err = c.stream("X-Data"); err != nil {
		return nil, err
	}
	// Three words follow the code of the axis: one for each channel, some files repeat the axis between them.
	for at := 0x34; at < 0x40 && len(d.yCodes) < d.channels; at += 4 {
		if code := h.u32(at); code != d.xCode {
			d.yCodes = append(d.yCodes, code)
		}
	}
	d.meta.Fields = map[string]string{}
	d.describe(c)
	return d.spectra()
}

// describe reads the streams about instrument, sample and measurement.
func (d *jwsData) describe(c *compoundFile) {
	m := &d.meta
	module := uint16(0)
	d.part(c, "ModuleInfo", 4, func(r *jwsReader) {
		put(m.Fields, "module", r.text())
		r.skip(2)
		module = r.u16()
		m.Instrument, m.SerialNumber = r.text(), r.text()
	})
	d.part(c, "SampleInfo", 4, func(r *jwsReader) {
		m.SampleName = r.text()
		put(m.Fields, "comment", r.text())
		r.records(int(r.u32()), func(tag uint32, value any) {
			if days, ok := value.(float64); ok && tag == 1 {
				m.Acquired = oleDate(days)
			}
		})
	})
	d.part(c, "BaseInfo", 21, func(r *jwsReader) {
		put(m.Fields, "original path", r.text())
		r.skip(8) // saved
		if measured := oleDate(r.f64()); m.Acquired.IsZero() {
			m.Acquired = measured
		}
	})
	const infrared = 9 // the numbers of the parameters mean something else for other modules
	d.part(c, "MeasParam", 8, func(r *jwsReader) {
		r.records(int(r.u32()), func(tag uint32, value any) {
			if module == infrared {
				jwsInfraredParameter(m, tag, value)
			} else {
				put(m.Fields, fmt.Sprintf("MeasParam %d", tag), fmt.Sprint(value))
			}
		})
	})
}

// jwsInfraredParameter takes one parameter of an FT/IR module.
func jwsInfraredParameter(m *spectra.Metadata, tag uint32, value any) {
	names := map[uint32]string{1: "accumulation", 2: "resolution", 3: "aperture (mm)", 4: "scan speed (mm/s)", 6: "gain", 32: "filter (Hz)", 47: "light source", 48: "detector"}
	switch v := value.(type) {
	case uint32:
		if tag == 1 && v > 0 && v < 1e9 {
			m.Averages = int(v)
		}
	case float32:
		if tag == 2 && v > 0 {
			m.ResolutionCM1 = float64(v)
		}
	case float64:
		if measured := oleDate(v); tag == 12 && !measured.IsZero() {
			m.Acquired = measured
		}
	}
	if name := names[tag]; name != "" {
		put(m.Fields, name, fmt.Sprint(value))
	}
}

// oleDate converts days since 1899-12-30, in UTC; 36494 is what the software writes when it has no date.
func oleDate(days float64) time.Time {
	if !(days > 0 && days < 1e6) || days == 36494 {
		return time.Time{}
	}
	whole, part := math.Modf(days)
	return plausibleTime(time.Date(1899, 12, 30+int(whole), 0, 0, 0, int(math.Round(part*86400e3))*1e6, time.UTC))
}

// maxJWSPart bounds the streams that describe a measurement; real ones have less than a kilobyte.
const maxJWSPart = 1 << 20

// part hands the stream name from byte at on to read.
func (d *jwsData) part(c *compoundFile, name string, at int, read func(*jwsReader)) {
	if c.streams[name].size > maxJWSPart {
		warn(&d.meta, "The stream %s has %d bytes; it was passed over.", name, c.streams[name].size)
		return
	}
	raw, err := c.stream(name)
	if err == nil && raw == nil {
		return
	}
	r := &jwsReader{numbers: numbers{raw, binary.LittleEndian}, at: at}
	if err == nil {
		read(r)
	}
	if err != nil || r.short {
		warn(&d.meta, "The stream %s is damaged; what it says of the measurement is incomplete.", name)
	}
}

// jwsReader reads a stream from front to back. Past its end everything is zero and short is set.
type jwsReader struct {
	numbers
	at    int
	short bool
}

// next returns the place of size bytes and moves behind them, -1 when there are not so many.
func (r *jwsReader) next(size int) int {
	if r.short || size < 0 || size > len(r.raw)-r.at {
		r.short = true
		return -1
	}
	at := r.at
	r.at += size
	return at
}

func (r *jwsReader) skip(size int) { r.next(size) }

func (r *jwsReader) u16() uint16 {
	if at := r.next(2); at >= 0 {
		return r.numbers.u16(at)
	}
	return 0
}

func (r *jwsReader) u32() uint32 {
	if at := r.next(4); at >= 0 {
		return r.numbers.u32(at)
	}
	return 0
}

func (r *jwsReader) f64() float64 {
	if at := r.next(8); at >= 0 {
		return r.numbers.f64(at)
	}
	return 0
}

// text reads a string: its size in bytes, then UTF-16 with an ending zero.
func (r *jwsReader) text() string {
	size := int(r.u32())
	at := r.next(size)
	if at < 0 {
		return ""
	}
	return oneLine(decodeUTF16(r.raw[at:at+size], r.order))
}

// records reads a list of values that name their type.
func (r *jwsReader) records(count int, take func(tag uint32, value any)) {
	for i := 0; i < count && !r.short; i++ {
		tag := r.u32()
		var value any
		switch kind := r.u16(); kind {
		case 2:
			value = r.u16()
		case 3:
			value = r.u32()
		case 4:
			value = math.Float32frombits(r.u32())
		case 5:
			value = r.f64()
		case 8:
			value = r.text()
		default:
			r.short = true
		}
		if !r.short {
			take(tag, value)
		}
	}
}
