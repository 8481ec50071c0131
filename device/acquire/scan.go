package acquire

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"fentrace/device"
	"fentrace/spectra"
)

// minPoints is how many pixels must lie above the laser line for the rest to be a spectrum.
const minPoints = 16

// ErrNoAxis is returned when the Raman shift of the pixels, or an infrared device's wavelengths, cannot be computed.
var ErrNoAxis = errors.New("no axis for a spectrum")

// Scan is one acquisition: every frame as it came, and everything needed to redo the arithmetic.
type Scan struct {
	Info     device.Info
	Settings Settings // as used: the integration time auto-exposure found, the laser of device or user
	Frames   []device.Frame
	Dark     []device.Frame // without laser light; empty when none could be taken
	// Reference is the white reference of an infrared scan; empty when there was none. StoredReference says that it is
	// the device's own.
	Reference       []device.Frame
	StoredReference bool
	Exposures       []Exposure // of the search for the integration time; no part of the spectrum
	TemperatureC    *float64   // of the detector; nil when it has no sensor

	version int // of the stored form it was read from; 0: it was not
}

// Saturated tells for each pixel whether any raw frame of the sample reached full scale there.
func (s Scan) Saturated() []bool { return s.saturatedWithout(nil) }

// saturatedWithout is Saturated without the counts that rays name: those are not in the mean.
func (s Scan) saturatedWithout(rays []Ray) []bool {
	left := make(map[[2]int]bool, len(rays))
	for _, r := range rays {
		left[[2]int{r.Frame, r.Pixel}] = true
	}
	saturated := make([]bool, s.Info.Pixels)
	for i, f := range s.Frames {
		for p, v := range f.Counts {
			if v >= s.Info.MaxCounts && p < len(saturated) && !left[[2]int{i, p}] {
				saturated[p] = true
			}
		}
	}
	return saturated
}

// ranges joins neighbouring saturated points; x may ascend or descend, the ranges ascend.
func ranges(x []float64, saturated []bool) (points int, out []spectra.Range) {
	for i := range x {
		if !saturated[i] {
			continue
		}
		points++
		if i > 0 && saturated[i-1] {
			last := &out[len(out)-1]
			last.Low, last.High = min(last.Low, x[i]), max(last.High, x[i])
			continue
		}
		out = append(out, spectra.Range{Low: x[i], High: x[i]})
	}
	slices.SortFunc(out, func(a, b spectra.Range) int { return cmp.Compare(a.Low, b.Low) })
	return points, out
}

// shortcomings says in sentences what was asked for and not reached.
func (s Scan) shortcomings(snr float64) []string {
	var out []string
	switch s.Exposed() {
	case ExposureTooWeak:
		out = append(out, fmt.Sprintf("Auto-exposure ended at the longest time, %v, with the highest pixel below %.0f %% of full scale: the light is weak.", s.Settings.IntegrationTime, 100*wellLow))
	case ExposureTooBright:
		out = append(out, fmt.Sprintf("Auto-exposure ended at the shortest time, %v, with the highest pixel above %.0f %% of full scale: the light is strong.", s.Settings.IntegrationTime, 100*wellHigh))
	case ExposureUnsettled:
		out = append(out, fmt.Sprintf("Auto-exposure did not settle between %.0f and %.0f %% of full scale: did the sample move?", 100*wellLow, 100*wellHigh))
	}
	// A tenth: the dark frames were not there yet when it was decided to stop.
	if s.Settings.TargetSNR > 0 && snr < 0.9*s.Settings.TargetSNR {
		out = append(out, fmt.Sprintf("The signal-to-noise ratio is %.0f, not %g: %d frames within %v were not enough.", snr, s.Settings.TargetSNR, len(s.Frames), s.Settings.MaxTime))
	}
	return out
}

// Started is when the first frame of the sample began.
func (s Scan) Started() time.Time {
	if len(s.Frames) == 0 {
		return time.Time{}
	}
	return s.Frames[0].Started
}

// SNR is the signal-to-noise ratio: the height of the strongest line over the standard deviation of its mean, which the
// differences between repeats tell (R. L. McCreery, Raman Spectroscopy for Chemical Analysis, Wiley 2000, chapter 4).
// The noise of the dark frames is included. It has no unit, is about 1 to 3 where there is no line, and 0 when there
// are fewer than two frames.
func (s Scan) SNR() float64 {
	return s.snr(s.combine(s.Frames), s.combine(s.Dark))
}

func (s Scan) snr(light, dark combined) float64 {
	if light.n < 2 {
		return 0
	}
	return s.judge(light, dark.mean, dark.n).snr
}

// Spectrum is the mean of the frames less the mean of the dark frames, both without cosmic rays (see Rays), in counts,
// divided by the response of the detector where the device tells it, over the Raman shift 1e7/laser - 1e7/lambda in cm-1,
// ascending. Pixels that see no light, and pixels at or below the
// laser line (shift 0 and less, Rayleigh light), are left out. The calibration of the settings, if any, is
// applied (see calibrated.Calibration.Apply). An infrared scan is absorbance over the wavelength in nm instead, or counts
// without a white reference. Metadata.SHA256 is that of Raw.
func (s Scan) Spectrum() (spectra.Spectrum, error) {
	raw, err := s.Raw()
	if err != nil {
		return spectra.Spectrum{}, err
	}
	return s.spectrum(spectra.HashBytes(raw))
}

func (s Scan) spectrum(sha256 string) (spectra.Spectrum, error) {
	if infrared(s.Info) {
		return s.infraredSpectrum(sha256)
	}
	light, darkness := s.combine(s.Frames), s.combine(s.Dark)
	signal, dark := light.mean, darkness.mean
	saturated := s.saturatedWithout(light.rays)
	out := spectra.Spectrum{Title: s.Settings.SampleName, Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Counts}
	var full []bool // for each point whether it was saturated
	for p, shift := range ramanShift(s.Info, s.Settings.LaserNM) {
		if math.IsNaN(shift) {
			continue
		}
		out.X = append(out.X, shift)
		out.Y = append(out.Y, s.trueCounts(signal[p]-dark[p]))
		full = append(full, saturated[p])
	}
	s.describe(&out, sha256)
	m := &out.Metadata
	m.IntegrationTimeMS = float64(s.Settings.IntegrationTime) / float64(time.Millisecond)
	m.LaserNM, m.DarkSubtracted = s.Settings.LaserNM, len(s.Dark) > 0
	m.CosmicRays, m.SNR = len(light.rays)+len(darkness.rays), s.snr(light, darkness)
	if len(s.Dark) == 0 {
		out.Metadata.Warnings = append(out.Metadata.Warnings, "No dark frame was subtracted: the device cannot switch its laser off and none was supplied.")
	}
	out.Metadata.SaturatedPoints, out.Metadata.SaturatedRanges = ranges(out.X, full)
	out.Metadata.Warnings = append(out.Metadata.Warnings, s.shortcomings(out.Metadata.SNR)...)
	out.Metadata.Warnings = append(out.Metadata.Warnings, s.doubts(signal, dark)...)
	out = out.Ascending()
	if err := out.Validate(); err != nil {
		return spectra.Spectrum{}, fmt.Errorf("spectrum of the scan: %w", err)
	}
	if c := s.Settings.Calibration; c != nil {
		out = c.Apply(out)
	}
	return out, nil
}

// describe writes into out what is known of every scan, whatever its technique.
func (s Scan) describe(out *spectra.Spectrum, sha256 string) {
	if out.Title == "" {
		out.Title = "Scan by " + s.Info.Model
	}
	out.Metadata = spectra.Metadata{
		Format:       formatName,
		SHA256:       sha256,
		SampleName:   s.Settings.SampleName,
		Operator:     s.Settings.Operator,
		Instrument:   s.Info.Model,
		SerialNumber: s.Info.SerialNumber,
		Acquired:     s.Started(),
		Averages:     len(s.Frames),
		TemperatureC: s.TemperatureC,
		FullScale:    s.Info.MaxCounts,
		Simulated:    s.Info.Simulated,
	}
	if f := s.Settings.Position; f != nil {
		out.Metadata.Fields = map[string]string{"position": f.String()}
	}
}

// mean over the frames; zeros for none.
func mean(frames []device.Frame, pixels int) []float64 {
	m := make([]float64, pixels)
	for _, f := range frames {
		for p := range m {
			m[p] += f.Counts[p]
		}
	}
	if len(frames) > 0 {
		for p := range m {
			m[p] /= float64(len(frames))
		}
	}
	return m
}

// ramanShift returns the shift of each pixel in cm-1, NaN for those that belong to no spectrum.
func ramanShift(info device.Info, laserNM float64) []float64 {
	shifts := make([]float64, len(info.WavelengthsNM))
	for p, nm := range info.WavelengthsNM {
		shifts[p] = 1e7/laserNM - 1e7/nm
		if shifts[p] <= 0 || slices.Contains(info.DarkPixels, p) {
			shifts[p] = math.NaN()
		}
	}
	return shifts
}

// checkAxis reports why a spectrum could not be computed from this device.
func checkAxis(info device.Info, laserNM float64) error {
	if len(info.WavelengthsNM) != info.Pixels || info.Pixels == 0 {
		return fmt.Errorf("%w: the device has no wavelength calibration (%d wavelengths for %d pixels)", ErrNoAxis, len(info.WavelengthsNM), info.Pixels)
	}
	for p, nm := range info.WavelengthsNM {
		if !(nm > 0) || math.IsInf(nm, 0) {
			return fmt.Errorf("%w: pixel %d is at %g nm", ErrNoAxis, p, nm)
		}
	}
	if infrared(info) {
		return checkInfraredAxis(info)
	}
	if laserNM == 0 {
		return fmt.Errorf("%w: the device does not tell its laser wavelength; state it (for example 785)", ErrNoAxis)
	}
	if !(laserNM >= 200 && laserNM <= 2000) {
		return fmt.Errorf("%w: laser of %g nm: %w: 200 to 2000 nm", ErrNoAxis, laserNM, device.ErrRange)
	}
	above := 0
	for _, shift := range ramanShift(info, laserNM) {
		if !math.IsNaN(shift) {
			above++
		}
	}
	if above < minPoints {
		return fmt.Errorf("%w: only %d pixels of %.1f to %.1f nm lie above a laser of %g nm: is the laser wavelength right?",
			ErrNoAxis, above, slices.Min(info.WavelengthsNM), slices.Max(info.WavelengthsNM), laserNM)
	}
	return nil
}
