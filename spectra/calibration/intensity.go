package calibration

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"

	"fentrace/spectra"
	"fentrace/spectra/preprocess"
)

const (
	// responseStep (cm-1) of the stored response: glass and detector vary slowly.
	responseStep = 5
	// responseWindow is how many points of responseStep the response is smoothed over, with a parabola. Detector fringes,
	// which repeat after 100 cm-1 and more, are kept.
	responseWindow = 9
	// leastResponse of the highest is the least that is divided by: below it correction would only multiply noise.
	leastResponse = 0.02
	// leastSpan (cm-1) of a response worth having.
	leastSpan = 500
	// laserSlack (nm) by which the laser may differ from the certificate's: the glass's band hardly moves with it.
	laserSlack = 2
)

// Response is the relative sensitivity of one instrument over Raman shift.
type Response struct {
	SRM     string    `json:"srm"`
	LaserNM float64   `json:"laser_nm"`
	Low     float64   `json:"low_cm1"` // the range where it holds
	High    float64   `json:"high_cm1"`
	Step    float64   `json:"step_cm1"`
	Values  []float64 `json:"values"` // from Low in steps of Step; the highest is 1
	// Noise is the relative scatter (standard deviation) of the measurement about the smoothed response: what correction
	// adds to a scan.
	Noise float64  `json:"noise"`
	Notes []string `json:"notes,omitempty"`
}

// NewResponse derives the response from the spectrum of the glass: measured over certified intensity. The spectrum has
// to be dark-subtracted, its axis correct; edges where the filter or the detector leaves less than a fiftieth of the
// highest response are left out.
//
// Errors: ErrTechnique, ErrAxisUnit, ErrLaser when the laser is not that of the certificate, ErrRange when too little of the
// certified range is measured, ErrNoSignal; those of Spectrum.Validate.
func NewResponse(c Certificate, s spectra.Spectrum) (Response, error) {
	r := Response{SRM: c.Name, LaserNM: c.LaserNM, Step: responseStep}
	fail := func(err error) (Response, error) {
		return Response{}, fmt.Errorf("calibrate intensity with SRM %s: %w", c.Name, err)
	}
	if err := s.Validate(); err != nil {
		return fail(err)
	}
	switch laser := s.Metadata.LaserNM; {
	case s.Technique != spectra.Raman:
		return fail(fmt.Errorf("%w: the spectrum is %s, not Raman", ErrTechnique, s.Technique))
	case s.XUnit != spectra.PerCM:
		return fail(fmt.Errorf("%w but in %q", ErrAxisUnit, s.XUnit))
	case s.Peaks:
		return fail(spectra.ErrPeaks)
	case laser > 0 && math.Abs(laser-c.LaserNM) > laserSlack:
		return fail(fmt.Errorf("%w: it is %g nm, the glass is certified for %g nm", ErrLaser, laser, c.LaserNM))
	}
	lo, hi := s.Range()
	first, last := math.Ceil(max(lo, c.Low)/responseStep), math.Floor(min(hi, c.High)/responseStep)
	if (last-first)*responseStep < leastSpan {
		return fail(fmt.Errorf("%w: the spectrum covers %.0f to %.0f cm-1, the certificate %.0f to %.0f: at least %d cm-1 have to be common", ErrRange, lo, hi, c.Low, c.High, leastSpan))
	}
	grid := spectra.Grid{Start: first * responseStep, Step: responseStep, N: int(last-first) + 1}
	sampled, err := s.Resample(grid)
	if err != nil {
		return fail(err)
	}
	raw := make([]float64, grid.N)
	for i := range raw {
		raw[i] = sampled.Y[i] / c.At(grid.X(i))
	}
	if err := r.keep(grid, raw); err != nil {
		return fail(err)
	}
	if !s.Metadata.DarkSubtracted {
		r.Notes = append(r.Notes, "The file does not say that the dark was subtracted; with dark counts in it the response is too flat.")
	}
	if c.Doubt != "" {
		r.Notes = append(r.Notes, "SRM "+c.Name+": "+c.Doubt+".")
	}
	return r, nil
}

// keep smooths the response, cuts it to where there is enough of it, and scales it.
func (r *Response) keep(grid spectra.Grid, raw []float64) error {
	plan, err := preprocess.NewSavGol(responseWindow, 2, 0, responseStep)
	if err != nil {
		return err
	}
	smooth := make([]float64, len(raw))
	if err := plan.Apply(smooth, raw); err != nil {
		return err
	}
	top := floats.MaxIdx(smooth)
	unit := smooth[top]
	if !(unit > 0) {
		return fmt.Errorf("%w: the glass gave no more than the dark", ErrNoSignal)
	}
	from, to := top, top
	for from > 0 && smooth[from-1] >= leastResponse*unit {
		from--
	}
	for to < len(smooth)-1 && smooth[to+1] >= leastResponse*unit {
		to++
	}
	if float64(to-from)*responseStep < leastSpan {
		return fmt.Errorf("%w: only %.0f to %.0f cm-1 give more than %.0f %% of the highest response", ErrNoSignal, grid.X(from), grid.X(to), 100*leastResponse)
	}
	r.Low, r.High = grid.X(from), grid.X(to)
	r.Values = make([]float64, 0, to-from+1)
	sq := 0.0
	for i := from; i <= to; i++ {
		r.Values = append(r.Values, smooth[i]/unit)
		sq += math.Pow(raw[i]/smooth[i]-1, 2)
	}
	r.Noise = math.Sqrt(sq / float64(to-from+1))
	return nil
}

// At is the relative sensitivity at a shift; beyond the range that at its end.
func (r Response) At(shift float64) float64 {
	t := (min(max(shift, r.Low), r.High) - r.Low) / r.Step
	i := min(int(t), len(r.Values)-2)
	return r.Values[i] + (t-float64(i))*(r.Values[i+1]-r.Values[i])
}

// Validate reports why r cannot be applied, which happens only to one read from a damaged file.
func (r Response) Validate() error {
	if len(r.Values) < 2 || !(r.Step > 0) || math.Abs(r.Low+r.Step*float64(len(r.Values)-1)-r.High) > 1e-6*r.Step {
		return fmt.Errorf("response of SRM %s: %w: %d values from %g to %g in steps of %g", r.SRM, ErrRange, len(r.Values), r.Low, r.High, r.Step)
	}
	for _, v := range r.Values {
		if !(v > 0) || math.IsInf(v, 0) {
			return fmt.Errorf("response of SRM %s: %w: a value is %g", r.SRM, ErrRange, v)
		}
	}
	return nil
}

// Apply divides s by the response; its values become spectra.Intensity. Where s reaches out of the range of the response the
// sensitivity at the end is used, so that the curve stays whole, and a warning says so. The arrays of s are left alone.
// Errors: ErrTechnique, ErrAxisUnit, ErrLaser, ErrRange when nothing of s is in the range.
func (r Response) Apply(s spectra.Spectrum) (spectra.Spectrum, error) {
	lo, hi := s.Range()
	switch m := s.Metadata.LaserNM; {
	case s.Technique != spectra.Raman:
		return s, fmt.Errorf("correct the intensity: %w: it is %s, not Raman", ErrTechnique, s.Technique)
	case s.XUnit != spectra.PerCM:
		return s, fmt.Errorf("correct the intensity: %w but in %q", ErrAxisUnit, s.XUnit)
	case m > 0 && math.Abs(m-r.LaserNM) > laserSlack:
		return s, fmt.Errorf("correct the intensity: %w: the scan was taken with %g nm, the response holds for %g nm", ErrLaser, m, r.LaserNM)
	case hi <= r.Low || lo >= r.High:
		return s, fmt.Errorf("correct the intensity: %w: the scan covers %.0f to %.0f cm-1, the response %.0f to %.0f", ErrRange, lo, hi, r.Low, r.High)
	}
	if err := r.Validate(); err != nil {
		return s, err
	}
	y := make([]float64, len(s.Y))
	for i, x := range s.X {
		y[i] = s.Y[i] / r.At(x)
	}
	s.Y, s.YUnit = y, spectra.Intensity
	s.Metadata.FullScale = 0 // is in counts
	if lo < r.Low || hi > r.High {
		s.Metadata.Warnings = append(slices.Clip(s.Metadata.Warnings), fmt.Sprintf(
			"The intensity correction holds from %.0f to %.0f cm-1; beyond, the sensitivity at its end was taken.", r.Low, r.High))
	}
	return s, s.Validate()
}
