package format

import (
	"fmt"

	"fentrace/spectra"
)

// Offsets within the header of an OMNIC spectrum (block 2), see omnic.go for where they are known from.
const (
	omnicHeaderBytes = 24 // count, units and axis; what follows may be cut
	omnicDataPoints  = 0x02
)

// omnicUnits sets the units from their codes and the technique from the units. Codes that no source explains are kept as
// they are, with a warning.
func omnicUnits(s *spectra.Spectrum, x, y byte) {
	s.Technique = spectra.IR
	switch x {
	case 0x01:
		s.XUnit = spectra.PerCM
	case omnicDataPoints:
		s.XUnit = spectra.Pixel
	case 0x03:
		s.XUnit = spectra.Nanometre
	case 0x04:
		s.XUnit = spectra.Micrometre
	case 0x20:
		s.XUnit, s.Technique = spectra.PerCM, spectra.Raman
	default:
		s.XUnit = spectra.Unit(fmt.Sprintf("OMNIC unit %d", x))
		warn(&s.Metadata, "The unit of the axis has the code %d, which is not known.", x)
	}
	switch y {
	case 0x0b, 0x15:
		s.YUnit = spectra.Reflectance
	case 0x0c:
		s.YUnit = "log(1/R)"
	case 0x0f:
		s.YUnit = "single beam"
	case 0x10, 0x17:
		s.YUnit = spectra.Transmittance
	case 0x11:
		s.YUnit = spectra.Absorbance
	case 0x14:
		s.YUnit = "Kubelka-Munk"
	case 0x16:
		s.YUnit = "V"
	case 0x1a:
		s.YUnit = "photoacoustic"
	case 0x1f:
		s.YUnit = spectra.Intensity
	default:
		s.YUnit = spectra.Arbitrary
		warn(&s.Metadata, "The unit of the values has the code %d, which is not known.", y)
	}
	if s.Technique == spectra.IR && s.YUnit == spectra.Intensity {
		s.Technique = spectra.Other
		warn(&s.Metadata, "The values are Raman intensities but the axis is no Raman shift: the spectrum is not searched.")
	}
	// A single beam is light and not yet a spectrum of the sample: it must not be searched as one.
	if s.XUnit != spectra.PerCM || s.YUnit == "single beam" || s.YUnit == "V" || (s.Technique == spectra.IR && s.YUnit == spectra.Arbitrary) {
		s.Technique = spectra.Other
	}
}

// metadata reads everything but the points; h is the header of the spectrum.
func (f *omnicFile) metadata(h littleEndian, blocks []omnicBlock) spectra.Metadata {
	labels := fields{}
	m := spectra.Metadata{Acquired: f.acquired(blocks), Fields: labels}
	if scans := h.u32(36); scans > 0 && scans < 1e9 {
		m.Averages = int(scans)
	}
	labels.count("scan_points", h.u32(28))
	labels.count("interferogram_peak", h.u32(32))
	labels.count("sample_scans", h.u32(36))
	labels.count("fft_points", h.u32(44))
	labels.count("background_scans", h.u32(52))
	labels.number("background_gain", h.f32(56))
	labels.number("collection_time_s", float64(h.u32(68))/100)
	reference, spacing := h.f32(80), h.f32(84)
	labels.number("laser_wavenumber_cm1", reference)
	labels.number("sample_spacing", spacing)
	if reference > 0 && spacing > 0 {
		m.SamplingIntervalCM = spacing / (2 * reference)
	}
	labels.number("aperture", h.f32(92))
	if excitation := h.f32(96); h.u8(8) == 0x20 && excitation > 0 && plausibleLaser(1e7/excitation) {
		m.LaserNM = 1e7 / excitation
		labels.number("raman_laser_cm1", excitation)
	}
	for _, b := range blocks {
		block := f.raw.part(b.offset, max(0, b.length))
		switch b.key {
		case omnicComment:
			labels.text("comment", f.label(b))
		case omnicHistory:
			f.history(&m, labels, b)
		case omnicParameters:
			labels.number("digitizer_bits", float64(block.u32(16)))
			labels.number("high_pass_filter", block.f32(20))
			labels.number("low_pass_filter", block.f32(24))
			labels.number("sample_gain", block.f32(44))
			labels.number("optical_velocity", block.f32(48))
		}
	}
	for _, v := range labels {
		m.Simulated = m.Simulated || saysSimulated(v)
	}
	return m
}
