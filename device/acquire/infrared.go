package acquire

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"fentrace/device"
	"fentrace/spectra"
)

// An infrared device lights the sample itself, subtracts its own dark level and tells wavelengths: there is no laser, no
// dark frame and no exposure to look for. What it counts is divided by a white reference where there is one.

func infrared(info device.Info) bool { return info.Technique == spectra.IR }

// checkInfrared fills the zero fields of the settings for an infrared device and takes out what it has no use for.
func (r *run) checkInfrared() error {
	s := &r.set
	s.LaserNM, s.AutoExposure, s.DarkFrames, s.Calibration = 0, false, nil, nil
	if s.TargetSNR > 0 {
		return fmt.Errorf("signal to noise of %g: %w: that of an infrared scan is not measured; state how many frames are averaged", s.TargetSNR, device.ErrRange)
	}
	if len(s.Reference) > MaxAverages {
		return fmt.Errorf("%d reference frames: %w: at most %d", len(s.Reference), device.ErrRange, MaxAverages)
	}
	for i, f := range s.Reference {
		if len(f.Counts) != r.info.Pixels {
			return fmt.Errorf("reference frame %d has %d points, the scan %d: %w: scan the white reference again with the same settings",
				i+1, len(f.Counts), r.info.Pixels, device.ErrRange)
		}
	}
	return nil
}

// checkInfraredAxis reports why a spectrum could not be computed from this device; checkAxis has looked at each point.
func checkInfraredAxis(info device.Info) error {
	if info.Pixels < minPoints {
		return fmt.Errorf("%w: only %d points", ErrNoAxis, info.Pixels)
	}
	for p, nm := range info.WavelengthsNM[1:] {
		if nm <= info.WavelengthsNM[p] {
			return fmt.Errorf("%w: point %d is at %g nm, after %g", ErrNoAxis, p+1, nm, info.WavelengthsNM[p])
		}
	}
	return nil
}

// white is what to divide by: the settings', else what the device keeps, else nothing.
func (r *run) white(ctx context.Context) (frames []device.Frame, err error) {
	if len(r.set.Reference) > 0 || !infrared(r.info) {
		return r.set.Reference, nil
	}
	f, err := device.Reference(ctx, r.dev)
	switch {
	case errors.Is(err, device.ErrRefused):
		return nil, nil
	case err != nil:
		return nil, err
	case len(f.Counts) != r.info.Pixels:
		return nil, fmt.Errorf("stored reference: %w: %d points, the device has %d", device.ErrProtocol, len(f.Counts), r.info.Pixels)
	}
	return []device.Frame{f}, nil
}

// ReferenceFor returns the frames of s, a scan of a white surface, as Settings.Reference for scans with the device that
// info describes. The error wraps device.ErrRange when it was taken with another device or other wavelengths.
func (s Scan) ReferenceFor(info device.Info) ([]device.Frame, error) {
	switch {
	case !infrared(info) || !infrared(s.Info):
		return nil, fmt.Errorf("white reference: %w: only infrared scans are divided by one", device.ErrRange)
	case s.Info.SerialNumber != info.SerialNumber:
		return nil, fmt.Errorf("white reference: %w: it was taken with device %q, this is %q", device.ErrRange, s.Info.SerialNumber, info.SerialNumber)
	case !slices.Equal(s.Info.WavelengthsNM, info.WavelengthsNM):
		return nil, fmt.Errorf("white reference: %w: it was taken at other wavelengths; scan it again with the same configuration", device.ErrRange)
	}
	return s.Frames, nil
}

// level is the mean over the frames of their counts at gain 1.
func level(frames []device.Frame, pixels int) []float64 {
	m := make([]float64, pixels)
	for _, f := range frames {
		gain := f.Gain
		if gain == 0 {
			gain = 1
		}
		for p := range m {
			m[p] += f.Counts[p] / gain / float64(len(frames))
		}
	}
	return m
}

// infraredSpectrum is the absorbance log10(reference/sample) over the wavelength in nm, ascending; without a reference
// the counts at the gain of the first frame. Where sample or reference gives no light there is no absorbance: the
// largest one of the spectrum stands there, and a warning counts such points.
func (s Scan) infraredSpectrum(sha256 string) (spectra.Spectrum, error) {
	out := spectra.Spectrum{
		Title: s.Settings.SampleName, Technique: spectra.IR, XUnit: spectra.Nanometre, YUnit: spectra.Counts,
		X: slices.Clone(s.Info.WavelengthsNM), Y: level(s.Frames, s.Info.Pixels),
	}
	s.describe(&out, sha256)
	out.Metadata.IntegrationTimeMS = float64(s.Frames[0].IntegrationTime) / float64(time.Millisecond)
	out.Metadata.DarkSubtracted = true // by the device
	out.Metadata.SaturatedPoints, out.Metadata.SaturatedRanges = ranges(out.X, s.Saturated())
	warn := func(format string, args ...any) {
		out.Metadata.Warnings = append(out.Metadata.Warnings, fmt.Sprintf(format, args...))
	}
	if len(s.Reference) == 0 {
		if gain := s.Frames[0].Gain; gain > 0 {
			for p := range out.Y {
				out.Y[p] *= gain
			}
		}
		warn("No white reference: the counts show the lamp as much as the sample.")
	} else if err := s.divide(&out, warn); err != nil {
		return spectra.Spectrum{}, err
	}
	if err := out.Validate(); err != nil {
		return spectra.Spectrum{}, fmt.Errorf("spectrum of the scan: %w", err)
	}
	return out, nil
}

// divide turns the level of the sample into absorbance.
func (s Scan) divide(out *spectra.Spectrum, warn func(string, ...any)) error {
	for p, white := range level(s.Reference, s.Info.Pixels) {
		if out.Y[p] /= white; !(white > 0) || math.IsInf(out.Y[p], 0) {
			out.Y[p] = 0
		}
	}
	largest, clipped, ok := spectra.TransmittanceToAbsorbance(out.Y)
	if !ok {
		return fmt.Errorf("spectrum of the scan: no light from the sample or from the white reference at any wavelength: is the window covered?")
	}
	out.YUnit = spectra.Absorbance
	if clipped > 0 {
		warn("%d points have no light from the sample or the reference; their absorbance is set to the largest, %.2f.", clipped, largest)
	}
	if s.StoredReference {
		warn("Divided by the white reference stored in the device, which does not know how lamp and window have aged.")
	}
	return nil
}
