package format

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"strings"

	"fentrace/spectra"
)

// The groups in which the data of a file are returned.
const (
	opusResult = iota
	opusBeam
	opusPhase
	opusRaw
)

// opusKind is what a kind of data is.
type opusKind struct {
	name      string // as it stands in the title
	technique spectra.Technique
	unit      spectra.Unit
	rank      int
}

// opusKinds by the number in the type of a block. Emission, power and sums of files are no ratio to a background and are
// not searched.
var opusKinds = map[int]opusKind{
	1:  {"single beam", spectra.Other, spectra.SingleBeam, opusBeam},
	2:  {"interferogram", spectra.Other, spectra.Arbitrary, opusRaw},
	3:  {"phase", spectra.Other, spectra.Radian, opusPhase},
	4:  {"absorbance", spectra.IR, spectra.Absorbance, opusResult},
	5:  {"transmittance", spectra.IR, spectra.Transmittance, opusResult},
	6:  {"Kubelka-Munk", spectra.IR, spectra.KubelkaMunk, opusResult},
	7:  {"trace over time", spectra.Other, spectra.Arbitrary, opusRaw},
	8:  {"series of interferograms", spectra.Other, spectra.Arbitrary, opusRaw},
	9:  {"series of single beams", spectra.Other, spectra.SingleBeam, opusBeam},
	10: {"Raman", spectra.Raman, spectra.Intensity, opusResult},
	11: {"emission", spectra.Other, spectra.Arbitrary, opusResult},
	12: {"reflectance", spectra.IR, spectra.Reflectance, opusResult},
	14: {"power", spectra.Other, spectra.Arbitrary, opusBeam},
	15: {"log(1/R)", spectra.IR, "log(1/R)", opusResult},
	16: {"ATR", spectra.IR, "ATR", opusResult},
	17: {"photoacoustic", spectra.IR, "photoacoustic", opusResult},
	18: {"sum of files, like transmittance", spectra.Other, spectra.Arbitrary, opusResult},
	19: {"sum of files, like absorbance", spectra.IR, spectra.Absorbance, opusResult},
	33: {"single beam, channel 2", spectra.Other, spectra.SingleBeam, opusBeam},
	34: {"interferogram, channel 2", spectra.Other, spectra.Arbitrary, opusRaw},
	36: {"absorbance, channel 2", spectra.IR, spectra.Absorbance, opusResult},
	65: {"single beam, channel 3", spectra.Other, spectra.SingleBeam, opusBeam},
	97: {"single beam, channel 4", spectra.Other, spectra.SingleBeam, opusBeam},
}

// opusInterferograms are the kinds that a Fourier transform makes a spectrum of.
var opusInterferograms = map[int]bool{2: true, 8: true, 34: true}

func opusKindOf(t opusType) opusKind {
	k, known := opusKinds[t.data]
	if !known {
		k = opusKind{fmt.Sprintf("data of kind %d", t.data), spectra.Other, spectra.Arbitrary, opusRaw}
	}
	if t.order > 0 {
		k.name = [...]string{"", "first", "second", "higher"}[t.order] + " derivative of " + k.name
		k.technique, k.unit, k.rank = spectra.Other, spectra.Arbitrary, opusPhase
	}
	if t.part == 1 || t.part == 2 { // of complex data
		k.name = [...]string{"", "real", "imaginary"}[t.part] + " part of the " + k.name
		k.technique, k.rank = spectra.Other, opusPhase
	}
	return k
}

// opusFile is what is known of a file while its data are read.
type opusFile struct {
	stem   string
	status map[opusType][]opusParams // by the type of the data blocks they belong to, in file order
	params [opusReference + 1]opusParams

	sample, reference spectra.Metadata
	budget            budget
}

// read adds the spectra of a data block to out.
func (f *opusFile) read(out []spectra.Spectrum, b opusBlock) ([]spectra.Spectrum, error) {
	kind := opusKindOf(b.opusType)
	status, ok := f.statusOf(b.opusType)
	if !ok {
		return nil, fmt.Errorf("%w: the %s has no status block, so that its axis is unknown (save it again in OPUS)", ErrInconsistent, kind.name)
	}
	s, points, err := f.frame(b, kind, status)
	if err != nil {
		return nil, err
	}
	if b.extended == opusSeries {
		return f.series(out, b.raw, s, kind, status, points)
	}
	if points*4 > len(b.raw) {
		return nil, fmt.Errorf("%w: the %s states %d points, its block holds %d (copy the file again)", ErrTruncated, kind.name, points, len(b.raw)/4)
	}
	return f.add(out, s, b.raw, status, points)
}

// statusOf takes the status of the next data block of type t. A series may have that of a plain block.
func (f *opusFile) statusOf(t opusType) (opusParams, bool) {
	left, ok := f.status[t]
	if !ok {
		t.extended = 0
		left = f.status[t]
	}
	if len(left) == 0 {
		return nil, false
	}
	f.status[t] = left[1:]
	return left[0], true
}

// frame is everything of a spectrum but its points, and how many there are.
func (f *opusFile) frame(b opusBlock, kind opusKind, status opusParams) (s spectra.Spectrum, points int, err error) {
	n, ok := status.number("NPT")
	if !ok || n < 1 || n != math.Trunc(n) || n > spectra.MaxPoints {
		return s, 0, fmt.Errorf("%w: the %s states %q points (1 to %d can be read)", ErrInconsistent, kind.name, clip(status["NPT"]), spectra.MaxPoints)
	}
	s = spectra.Spectrum{Technique: kind.technique, YUnit: kind.unit, XUnit: opusAxis(status["DXU"]), Metadata: f.sample}
	of := ""
	if b.role == opusReference {
		s.Metadata = f.reference
		of = " of the reference"
	} else if b.role == opusSample {
		of = " of the sample"
	}
	s.Title = firstOf(f.sample.SampleName, f.stem)
	if of != "" || kind.rank != opusResult {
		s.Title += ": " + kind.name + of
	}
	if t := opusTime(status["DAT"], status["TIM"]); !t.IsZero() {
		s.Metadata.Acquired = t
	}
	if kind.technique == spectra.Raman && s.Metadata.LaserNM == 0 {
		warn(&s.Metadata, "The file does not state the wavelength of the laser.")
	}
	if opusInterferograms[b.data] && b.order == 0 {
		opusInterferogram(&s, int(n))
	}
	return s, int(n), nil
}

// opusAxis names the unit of the axis, code DXU; other codes are kept as they stand.
func opusAxis(code string) spectra.Unit {
	switch code {
	case "WN", "":
		return spectra.PerCM
	case "MI":
		return spectra.Micrometre
	case "PNT":
		return spectra.DataPoint
	}
	return spectra.Unit(code)
}

// opusInterferogram fills in what a transform needs. The highest wavenumber, HFL, is half the inverse of the interval; it is
// that of the laser, LWN, when every half fringe is sampled (SSP 1). The second letter of the acquisition mode AQM is D
// when the record holds a forward and a backward sweep; GBW counts the scans backward.
func opusInterferogram(s *spectra.Spectrum, points int) {
	m, p := &s.Metadata, opusParams(s.Metadata.Fields)
	s.XUnit = spectra.DataPoint
	high := p.positive("HFL")
	if high == 0 && p.positive("SSP") == 1 {
		high = p.positive("LWN")
	}
	low, _ := p.number("LFL")
	switch {
	case high == 0:
		warn(m, "The file does not state its sampling (HFL, or LWN with SSP 1): the interferogram cannot be transformed.")
		return
	case low != 0:
		warn(m, "The interferogram is undersampled (%g to %g cm-1): it cannot be transformed here.", low, high)
		return
	}
	m.SamplingIntervalCM, m.Sweeps = 1/(2*high), 1
	if mode := p["AQM"]; len(mode) > 1 && mode[1] == 'D' && p["GBW"] != "0" && points%2 == 0 {
		m.Sweeps = 2
	}
}

// add unpacks the points of one spectrum.
func (f *opusFile) add(out []spectra.Spectrum, s spectra.Spectrum, raw []byte, status opusParams, points int) ([]spectra.Spectrum, error) {
	if err := f.budget.take(0, points); err != nil {
		return nil, err
	}
	first, ok1 := status.number("FXV")
	last, ok2 := status.number("LXV")
	if !ok1 || !ok2 || points > 1 && first == last {
		return nil, fmt.Errorf("%w: %q states the axis %q to %q (save it again in OPUS)", ErrInconsistent, clip(s.Title), clip(status["FXV"]), clip(status["LXV"]))
	}
	scale, ok := status.number("CSF")
	if !ok || scale == 0 {
		scale = 1
	}
	s.X, s.Y = linspace(first, last, points), make([]float64, points)
	switch status["DPF"] {
	case "1", "":
		for i := range s.Y {
			s.Y[i] = scale * float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:])))
		}
	case "2":
		for i := range s.Y {
			s.Y[i] = scale * float64(int32(binary.LittleEndian.Uint32(raw[4*i:])))
		}
	default:
		return nil, fmt.Errorf("%w: data point format %q (1, 4-byte real, and 2, 4-byte integer, can be read; save it again in OPUS)", ErrUnknownFormat, clip(status["DPF"]))
	}
	if s.YUnit == spectra.Transmittance {
		s.Metadata.Fields = maps.Clone(s.Metadata.Fields)
	}
	if err := normaliseRatio(&s, "TRANSMITTANCE", false); err != nil {
		return nil, err
	}
	return append(out, s), s.Validate()
}

// series reads a block of many spectra on one axis: six integers (version, number of spectra, offset of the first, bytes of
// data and of status of each, length of a table of gaps), the table, then data and status by turns.
func (f *opusFile) series(out []spectra.Spectrum, raw []byte, s spectra.Spectrum, kind opusKind, status opusParams, points int) ([]spectra.Spectrum, error) {
	if len(raw) < 24 {
		return nil, fmt.Errorf("%w: the series of %s has %d bytes, its header alone 24 (copy the file again)", ErrTruncated, kind.name, len(raw))
	}
	word := func(i int) int64 { return int64(binary.LittleEndian.Uint32(raw[4*i:])) }
	n, from, data, info := word(1), word(2), word(3), word(4)
	if n > maxFileSpectra {
		return nil, fmt.Errorf("%w: a series of %d spectra, at most %d (split it in OPUS)", ErrTooLarge, n, maxFileSpectra)
	}
	if int64(points)*4 > data || n > 0 && from+n*(data+info)-info > int64(len(raw)) {
		return nil, fmt.Errorf("%w: a series of %d spectra of %d points in %d bytes each does not fit its block of %d bytes (copy the file again)",
			ErrTruncated, n, points, data, len(raw))
	}
	title := strings.TrimSuffix(s.Title, ": "+kind.name)
	var err error
	for i := range n {
		s.Title = fmt.Sprintf("%s: %s, %d of %d", title, kind.name, i+1, n)
		if out, err = f.add(out, s, raw[from+i*(data+info):], status, points); err != nil {
			return nil, err
		}
	}
	return out, nil
}
