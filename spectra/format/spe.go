package format

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"fentrace/spectra"
)

// Princeton Instruments SPE: a header of 4,100 bytes and frames of raw counts. Version 2 (WinSpec, WinView) says
// everything in the header; version 3 (LightField) in XML behind the frames, whose offset stands at 678. The header is
// that of the WinSpec manual (structure CSMAHEAD), as quoted by several readers; FabIO (speimage.py), spe2py and the SciPy
// cookbook agree on dimensions, type, frames, polynomial and XML. From the manual alone: exposure, accumulations,
// temperature, comments, regions and laser. No source explains the code of the polynomial's unit: see speCalibration.
const (
	speHeaderBytes = 4100

	speExposure     = 10  // float32, s
	speDay          = 20  // 10 characters, 05Mar2019
	speTemperature  = 36  // float32, C
	speXDim         = 42  // uint16
	speCentre       = 72  // float32, nm
	speDataType     = 108 // int16
	speBackground   = 150 // int16, 1 when subtracted
	speTimeLocal    = 172 // 7 characters, hhmmss
	speComments     = 200 // 5 of 80 characters
	speGrooves      = 650 // float32, lines per mm
	speYDim         = 656 // uint16
	speAccumulation = 668 // int32
	speXML          = 678 // uint64
	speSoftware     = 688 // 16 characters
	speFrames       = 1446
	speRegionCount  = 1510 // int16, 0 stands for 1
	speRegions      = 1512 // 10 of 6 uint16: x from, to, binning, y from, to, binning; from 1
	speVersion      = 1992 // float32
	speMagic        = 2996 // uint32
	speLast         = 4098 // uint16

	speMagicValue = 0x01234567
	speLastValue  = 0x5555
)

// speRegion is a rectangle of the detector in the order it is stored.
type speRegion struct {
	width, height int
	x, binning    int // first element of the detector, from 0; elements per column; binning is 0 where it is not known
}

// speFile is what header and footer say.
type speFile struct {
	raw      littleEndian
	size     int // bytes of a number
	kind     int
	frames   int
	stride   int // from frame to frame
	regions  []speRegion
	nm       []float64 // wavelengths of LightField, of the whole detector or of the region
	metadata spectra.Metadata
	labels   fields
}

// detectSPE asks for a header that makes sense and for one of the two marks of the format or its extension.
func detectSPE(head []byte, name string) Confidence {
	b := littleEndian(head)
	version := b.f32(speVersion)
	switch {
	case len(head) < speHeaderBytes, b.u16(speXDim) == 0, b.u16(speYDim) == 0, speSize(int(b.u16(speDataType))) == 0, !(version >= 1 && version < 4):
		return Never
	case b.u32(speMagic) == speMagicValue, b.u16(speLast) == speLastValue:
		return Certain
	case strings.EqualFold(filepath.Ext(name), ".spe"):
		return Likely
	}
	return Never
}

// speSize is the bytes of one number of a type, 0 for types that no source explains.
func speSize(kind int) int {
	switch kind {
	case 0, 1, 8: // float32, int32, uint32
		return 4
	case 2, 3: // int16, uint16
		return 2
	}
	return 0
}

// readSPE returns every row of every region of every frame as a spectrum of counts: an instrument that bins its detector
// gives one row, a fibre bundle or an image several. The axis is Raman shift when wavelengths and laser are known,
// wavelength when only they are, and detector elements otherwise; a warning says why.
func readSPE(name string, raw []byte) ([]spectra.Spectrum, error) {
	f := &speFile{raw: raw, labels: fields{}}
	if len(raw) < speHeaderBytes {
		return nil, fmt.Errorf("%w: %d bytes, the header alone has %d (copy it again)", ErrTruncated, len(raw), speHeaderBytes)
	}
	f.kind = int(f.raw.u16(speDataType))
	if f.size = speSize(f.kind); f.size == 0 {
		return nil, fmt.Errorf("%w: numbers of type %d (convert the file in WinSpec or LightField to type 0 to 3)", ErrUnknownFormat, f.kind)
	}
	f.header()
	var err error
	if f.raw.u64(speXML) != 0 && f.raw.f32(speVersion) >= 3 {
		err = f.footer()
	} else {
		err = f.headerRegions()
	}
	if err != nil {
		return nil, err
	}
	return f.spectra(name)
}

// header reads what both versions may state in the header.
func (f *speFile) header() {
	b, m := f.raw, &f.metadata
	if v := b.f32(speExposure); v > 0 && v < 1e6 {
		m.IntegrationTimeMS = v * 1e3
	}
	if n := b.u32(speAccumulation); n > 0 && n < 1e6 {
		m.Averages = int(n)
	}
	if t := b.f32(speTemperature); t != 0 && t > -200 && t < 100 {
		m.TemperatureC = &t
	}
	m.DarkSubtracted = b.u16(speBackground) == 1
	day, clock := b.text(speDay, 10), b.text(speTimeLocal, 7)
	f.labels.text("date", strings.TrimSpace(day+" "+clock))
	if t, err := time.Parse("02Jan2006 150405", day+" "+clock); err == nil && plausibleYear(t) {
		m.Acquired = t
	}
	for i := range 5 {
		f.labels.text(fmt.Sprintf("comment %d", i+1), b.text(speComments+80*i, 80))
	}
	f.labels.text("software", b.text(speSoftware, 16))
	f.labels.number("grating_lines_per_mm", b.f32(speGrooves))
	f.labels.number("centre_nm", b.f32(speCentre))
	f.labels.text("spe_version", fmt.Sprintf("%.2g", b.f32(speVersion)))
}

// headerRegions reads the layout of version 2.
func (f *speFile) headerRegions() error {
	b := f.raw
	f.frames = max(1, position(b.u32(speFrames)))
	whole := speRegion{width: int(b.u16(speXDim)), height: int(b.u16(speYDim))}
	n := int(b.u16(speRegionCount))
	if n > 10 {
		return fmt.Errorf("%w: %d regions of the detector, the header holds 10 (save the regions to files of their own)", ErrTooLarge, n)
	}
	for i := range n {
		r := b.part(speRegions+12*i, 12)
		from, to, bin, low, high, rows := int(r.u16(0)), int(r.u16(2)), int(r.u16(4)), int(r.u16(6)), int(r.u16(8)), int(r.u16(10))
		if from == 0 || to < from || bin == 0 || low == 0 || high < low || rows == 0 {
			continue
		}
		f.regions = append(f.regions, speRegion{width: (to - from + 1) / bin, height: (high - low + 1) / rows, x: from - 1, binning: bin})
	}
	switch {
	case len(f.regions) == 1 && f.regions[0].width == whole.width:
		f.regions[0].height = whole.height // software binning may leave fewer rows
	case len(f.regions) < 2:
		f.regions = []speRegion{whole}
	}
	points := 0
	for _, r := range f.regions {
		points += r.width * r.height
	}
	f.stride = points * f.size
	return f.check(len(b))
}

// check refuses a layout that the file cannot hold; the frames end at end.
func (f *speFile) check(end int) error {
	points, rows := 0, 0
	for _, r := range f.regions {
		if r.width < 2 || r.height < 1 {
			return fmt.Errorf("%w: a region of %d by %d detector elements is no spectrum", ErrNoSpectrum, r.width, r.height)
		}
		if r.width > len(f.raw) || r.height > len(f.raw) || points > len(f.raw) { // before the product overflows
			return fmt.Errorf("%w: a region of %d by %d detector elements in a file of %d bytes (copy it again)", ErrTruncated, r.width, r.height, len(f.raw))
		}
		points += r.width * r.height
		rows += r.height
	}
	switch {
	case len(f.regions) == 0:
		return fmt.Errorf("%w: no region of the detector is described (save it again)", ErrNoSpectrum)
	case f.stride < points*f.size:
		return fmt.Errorf("%w: a frame has %d bytes but %d numbers (save it again)", ErrInconsistent, f.stride, points)
	case f.frames > (end-speHeaderBytes-points*f.size)/f.stride+1 || end-speHeaderBytes < points*f.size:
		return fmt.Errorf("%w: the header says %d frames of %d bytes, the file holds %d bytes of them (copy it again)", ErrTruncated, f.frames, f.stride, end-speHeaderBytes)
	case f.frames*rows > maxFileSpectra:
		return fmt.Errorf("%w: %d frames of %d rows, at most %d spectra (bin the rows, or split the file)", ErrTooLarge, f.frames, rows, maxFileSpectra)
	}
	return nil
}

func (f *speFile) spectra(name string) ([]spectra.Spectrum, error) {
	f.metadata.Fields = f.labels
	for _, v := range f.labels {
		f.metadata.Simulated = f.metadata.Simulated || saysSimulated(v)
	}
	var out []spectra.Spectrum
	var b budget
	rows := 0
	for _, r := range f.regions {
		rows += r.height
	}
	axes := make([]speAxis, len(f.regions))
	for i, r := range f.regions {
		axes[i] = f.axis(r)
	}
	for frame := range f.frames {
		at, row := speHeaderBytes+frame*f.stride, 0
		for i, r := range f.regions {
			for range r.height {
				if err := firstError(b.take(0, r.width), b.takeLabels(0, f.labels)); err != nil {
					return nil, err
				}
				s := axes[i].spectrum(f.metadata)
				s.Y = f.numbers(at, r.width)
				s.Title = speTitle(stem(name), frame, f.frames, row, rows)
				if err := dropBlanked(&s); err != nil {
					return nil, err
				}
				out = append(out, s)
				at += r.width * f.size
				row++
			}
		}
	}
	return out, nil
}

func speTitle(title string, frame, frames, row, rows int) string {
	if frames > 1 {
		title += fmt.Sprintf(", frame %d", frame+1)
	}
	if rows > 1 {
		title += fmt.Sprintf(", row %d", row+1)
	}
	return title
}

// numbers returns n counts from at on.
func (f *speFile) numbers(at, n int) []float64 {
	b := f.raw.part(at, n*f.size)
	y := make([]float64, n)
	for i := range y {
		switch f.kind {
		case 0:
			y[i] = b.f32(4 * i)
		case 1:
			y[i] = float64(int32(b.u32(4 * i)))
		case 2:
			y[i] = float64(int16(b.u16(2 * i)))
		case 3:
			y[i] = float64(b.u16(2 * i))
		case 8:
			y[i] = float64(b.u32(4 * i))
		}
	}
	return y
}
