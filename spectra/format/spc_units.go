package format

import (
	"regexp"
	"strings"

	"fentrace/spectra"
)

// spcAxis is one type of the axes x, z and w.
type spcAxis struct {
	name string // as the specification prints it
	unit spectra.Unit
}

// spcAxes are the axis types of SPC.H.
var spcAxes = map[byte]spcAxis{
	0: {"", spectra.Arbitrary}, 1: {"cm-1", spectra.PerCM}, 2: {"um", spectra.Micrometre}, 3: {"nm", spectra.Nanometre}, 4: {"s", "s"}, 5: {"min", "min"},
	6: {"Hz", "Hz"}, 7: {"kHz", "kHz"}, 8: {"MHz", "MHz"}, 9: {"m/z", "m/z"}, 10: {"ppm", "ppm"}, 11: {"days", "days"}, 12: {"years", "years"},
	13: {"cm-1", spectra.PerCM}, 14: {"eV", "eV"}, 15: {"", spectra.Arbitrary}, 16: {"diode", spectra.Pixel}, 17: {"channel", "channel"},
	18: {"degrees", "degrees"}, 19: {"deg F", "deg F"}, 20: {"deg C", "deg C"}, 21: {"K", "K"}, 22: {"points", spectra.DataPoint}, 23: {"ms", "ms"}, 24: {"us", "us"},
	25: {"ns", "ns"}, 26: {"GHz", "GHz"}, 27: {"cm", "cm"}, 28: {"m", "m"}, 29: {"mm", "mm"}, 30: {"h", "h"}, 255: {"double interferogram", spectra.DataPoint},
}

// spcValues are the value types of SPC.H. Those from 128 on have valleys where the others have peaks.
var spcValues = map[byte]spectra.Unit{
	0: spectra.Arbitrary, 1: "interferogram", 2: spectra.Absorbance, 3: "Kubelka-Munk", 4: spectra.Counts, 5: "V", 6: "degrees", 7: "mA", 8: "mm",
	9: "mV", 10: "log(1/R)", 11: "percent", 12: spectra.Intensity, 13: spectra.Intensity, 14: "energy", 16: "dB", 19: "deg F", 20: "deg C",
	21: "K", 22: "refractive index", 23: "extinction coefficient", 24: "real", 25: "imaginary", 26: "complex",
	128: spectra.Transmittance, 129: spectra.Reflectance, 130: "single beam", 131: "emission",
}

// Types that writing and judging need by name.
const (
	spcWavenumber    = 1
	spcRamanShift    = 13
	spcDoubleIgram   = 255
	spcInterferogram = 1
	spcFTIR          = 4
	spcNIR           = 5
	spcRaman         = 11
)

// units sets units and technique. A label in the header wins over the type when it names a unit that is known, or
// when the type says nothing.
func (f *spcFile) units(s *spectra.Spectrum) {
	s.XUnit, s.YUnit = spcAxes[f.xType].unit, spcValues[f.yType]
	if s.XUnit == "" {
		s.XUnit = spectra.Arbitrary
	}
	if s.YUnit == "" {
		s.YUnit = spectra.Arbitrary
	}
	if label := f.labels[0]; label != "" {
		if unit := axisUnit(label); s.XUnit == spectra.Arbitrary || unit != spectra.Unit(label) {
			s.XUnit = unit
		}
	}
	if label := f.labels[1]; label != "" {
		if unit, _ := valueUnit(label); s.YUnit == spectra.Arbitrary || unit != spectra.Unit(label) {
			s.YUnit = unit
		}
	}
	s.Technique = f.technique(s)
}

var ramanWord = regexp.MustCompile(`(?i)\braman`)

// technique judges by the axis, then by the experiment, then by the words of the file. Many writers state no experiment
// and use "wavenumber" for the Raman shift as well.
func (f *spcFile) technique(s *spectra.Spectrum) spectra.Technique {
	said := func() bool {
		return ramanWord.MatchString(strings.Join(f.labels[:], " ")) || ramanWord.MatchString(f.comment) || ramanWord.MatchString(f.source) || f.log.raman
	}
	switch {
	case f.yType == spcInterferogram || f.xType == spcDoubleIgram:
		return spectra.Other
	case f.xType == spcRamanShift, f.experiment == spcRaman:
		return spectra.Raman
	case f.experiment != 0 && f.experiment != spcFTIR && f.experiment != spcNIR:
		return spectra.Other
	case s.XUnit == spectra.PerCM && said():
		return spectra.Raman
	case f.experiment == spcFTIR, f.experiment == spcNIR:
		return spectra.IR
	case s.XUnit == spectra.PerCM && (s.YUnit == spectra.Absorbance || s.YUnit == spectra.Transmittance):
		return assumeInfrared(s)
	}
	return spectra.Other
}

var casWord = regexp.MustCompile(`\b\d{2,7}-\d{2}-\d\b`)

// casInText returns the registry number in a remark, "" when there is none or more than one.
func casInText(text string) string {
	found := ""
	for _, word := range casWord.FindAllString(text, 3) {
		cas := casNumber(word)
		if cas == "" {
			continue
		}
		if found != "" && found != cas {
			return ""
		}
		found = cas
	}
	return found
}
