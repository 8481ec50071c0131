package format

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"fentrace/spectra"
)

// The calibration of the X axis of version 2 in its header.
const (
	speDisplay    = 3018 // 40 characters
	speValid      = 3098 // 1 when the rest is valid
	speOrder      = 3101
	spePolynomial = 3263 // 6 float64, from the constant on
	speLaser      = 3311 // float64
)

// speAxis is the axis of one region with what it makes of the spectra.
type speAxis struct {
	x         []float64
	unit      spectra.Unit
	technique spectra.Technique
	laser     float64
	warnings  []string
}

func (a speAxis) spectrum(m spectra.Metadata) spectra.Spectrum {
	m.Fields = maps.Clone(m.Fields)
	m.LaserNM = a.laser
	m.Warnings = slices.Clone(a.warnings)
	return spectra.Spectrum{Technique: a.technique, XUnit: a.unit, YUnit: spectra.Counts, X: slices.Clone(a.x), Metadata: m}
}

// axis returns the axis of region r.
func (f *speFile) axis(r speRegion) speAxis {
	a := speAxis{technique: spectra.Other}
	nm, why := f.wavelengths(r)
	if why != "" {
		a.warnings = append(a.warnings, why)
	}
	if nm == nil {
		a.unit, a.x = spectra.Pixel, counting(r.width)
		return a
	}
	a.unit, a.x = spectra.Nanometre, nm
	if a.laser = f.laser(); a.laser == 0 {
		a.warnings = append(a.warnings, "The file states no laser: the axis stays in nm and the scan cannot be searched.")
		return a
	}
	for i, v := range a.x {
		a.x[i] = ramanShift(a.laser, v)
	}
	a.unit, a.technique = spectra.PerCM, spectra.Raman
	a.warnings = append(a.warnings, fmt.Sprintf("The Raman shift was computed from the wavelength and the laser, %.6g nm.", a.laser))
	return a
}

// wavelengths returns those of region r in nm, nil with the reason when they are not known for sure.
func (f *speFile) wavelengths(r speRegion) (nm []float64, why string) {
	switch {
	case len(f.nm) == 0:
		nm, why = f.speCalibration(r)
	case len(f.nm) == r.width:
		nm = slices.Clone(f.nm)
	case r.binning == 1 && r.x+r.width <= len(f.nm):
		nm = slices.Clone(f.nm[r.x : r.x+r.width])
	default:
		return nil, fmt.Sprintf("The file gives %d wavelengths for %d columns: the axis counts detector elements.", len(f.nm), r.width)
	}
	if nm != nil && !wavelengthAxis(nm) {
		return nil, "The calibration does not give wavelengths that run in one direction: the axis counts detector elements."
	}
	return nm, why
}

// wavelengthAxis reports whether nm can be the wavelengths of a spectrograph for ultraviolet to short infrared light.
func wavelengthAxis(nm []float64) bool {
	return monotonic(nm) && slices.Min(nm) >= 100 && slices.Max(nm) <= 5000
}

// speCalibration evaluates the polynomial of the header over the columns 1, 2, 3, as FabIO and the SciPy cookbook do. The
// sources do not tell what its unit codes mean; nm is taken when the centre wavelength of the spectrograph lies on the
// axis or is not stated, with a warning in the latter case. Nor do they agree on what the columns of a part of the
// detector count from, so that a region that begins elsewhere, or is binned, keeps its detector elements.
func (f *speFile) speCalibration(r speRegion) (nm []float64, why string) {
	b := f.raw
	if b.u8(speValid) == 0 {
		return nil, "The file is not calibrated: the axis counts detector elements."
	}
	if r.x > 0 || r.binning > 1 {
		return nil, fmt.Sprintf("The calibration is that of the whole detector, this region begins at element %d with %d per column: the axis counts its columns.", r.x+1, max(1, r.binning))
	}
	order := min(int(b.u8(speOrder)), 5)
	nm = make([]float64, r.width)
	for i := range nm {
		for k := order; k >= 0; k-- {
			nm[i] = nm[i]*float64(i+1) + b.f64(spePolynomial+8*k)
		}
	}
	switch centre := b.f32(speCentre); {
	case centre == 0 || math.IsNaN(centre):
		return nm, fmt.Sprintf("The unit of the calibration (%q) was taken for nm.", b.text(speDisplay, 40))
	case centre < slices.Min(nm) || centre > slices.Max(nm):
		return nil, fmt.Sprintf("The calibration does not reach the centre wavelength of the spectrograph, %.6g nm: the axis counts detector elements.", centre)
	}
	return nm, ""
}

// laser returns the wavelength of the laser in nm, 0 when none is stated. Version 2 keeps its wavenumber; what can only be
// a wavelength is taken for one.
func (f *speFile) laser() float64 {
	if f.metadata.LaserNM > 0 {
		return f.metadata.LaserNM
	}
	switch v := f.raw.f64(speLaser); {
	case v > 0 && plausibleLaser(1e7/v):
		return 1e7 / v
	case plausibleLaser(v):
		return v
	}
	return 0
}

// footer reads the XML of version 3.
func (f *speFile) footer() error {
	offset := f.raw.u64(speXML)
	if offset < speHeaderBytes || offset >= uint64(len(f.raw)) {
		return fmt.Errorf("%w: the description of the frames should stand at %d, the file holds %d bytes (copy it again)", ErrTruncated, offset, len(f.raw))
	}
	var sensors []speRegion
	text := strings.TrimRight(decodeText(f.raw[offset:]), "\x00")
	err := walkXML(text, func(p xmlPath) error {
		e := p.last()
		switch {
		case e.name == "DataBlock" && e.attr("type") == "Frame":
			return f.frameBlock(e)
		case e.name == "DataBlock" && e.attr("type") == "Region":
			f.regions = append(f.regions, speRegion{width: xmlCount(e, "width"), height: xmlCount(e, "height")})
		case e.name == "SensorMapping":
			sensors = append(sensors, speRegion{x: xmlCount(e, "x"), binning: xmlCount(e, "xBinning")})
		case e.name == "WavelengthMapping":
			if v, ok := parseNumber(e.attr("laserLine")); ok && plausibleLaser(v) {
				f.metadata.LaserNM = v
			}
		case e.name == "Origin":
			if t := parseTime(e.attr("created")); plausibleYear(t) {
				f.metadata.Acquired = t
			}
		case e.name == "Camera" && f.metadata.Instrument == "":
			f.metadata.Instrument, f.metadata.SerialNumber = e.attr("model"), e.attr("serialNumber")
		}
		return nil
	}, f.footerText)
	if err != nil {
		return fmt.Errorf("the description of the frames: %w", err)
	}
	if len(sensors) == len(f.regions) {
		for i, s := range sensors {
			f.regions[i].x, f.regions[i].binning = s.x, s.binning
		}
	}
	return f.check(int(offset))
}

// frameBlock reads the element that describes the frames.
func (f *speFile) frameBlock(e *xmlElement) error {
	kind, known := map[string]int{"MonochromeUnsigned16": 3, "MonochromeUnsigned32": 8, "MonochromeFloating32": 0}[e.attr("pixelFormat")]
	if !known {
		return fmt.Errorf("%w: pixels of the format %q (export it from LightField as CSV)", ErrUnknownFormat, clip(e.attr("pixelFormat")))
	}
	f.kind, f.size = kind, speSize(kind)
	f.frames, f.stride = xmlCount(e, "count"), xmlCount(e, "stride")
	if f.frames < 1 || f.stride < 1 {
		return fmt.Errorf("%w: %d frames of %d bytes", ErrNoSpectrum, f.frames, f.stride)
	}
	return nil
}

// footerText takes what stands in an element.
func (f *speFile) footerText(p xmlPath) error {
	e := p.last()
	text := strings.TrimSpace(string(e.text))
	switch {
	case e.name == "Wavelength" && p.parent() == "WavelengthMapping":
		nm, err := xmlNumbers(text)
		f.nm = nm
		return err
	case e.name == "ExposureTime": // ms
		if v, ok := parseNumber(text); ok && v > 0 {
			f.metadata.IntegrationTimeMS = v
		}
	case e.name == "Accumulations", e.name == "FramesToAverage", e.name == "CenterWavelength", e.name == "Selected" && p.parent() == "Grating":
		if n, ok := wholeNumber(text); ok && e.name == "Accumulations" {
			f.metadata.Averages = n
		}
		if len(text) < 200 {
			f.labels.text(e.name, text)
		}
	}
	return nil
}

// xmlCount reads an attribute that counts something, 0 when it does not or is beyond any file.
func xmlCount(e *xmlElement, name string) int {
	n, err := strconv.Atoi(e.attr(name))
	if err != nil || n < 0 || n > MaxFileBytes {
		return 0
	}
	return n
}
