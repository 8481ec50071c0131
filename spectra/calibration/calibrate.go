package calibration

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"fentrace/spectra"
)

// The limits within which an axis is accepted, cm-1: the mean and the largest distance of the lines used from their
// places. The positions of ASTM E1840 themselves are known to about 1 cm-1.
const (
	AcceptMeanCM1  = 1.0
	AcceptWorstCM1 = 3.0
)

// lowestShift is where lines are looked for from, cm-1: below it is the edge of the laser filter.
const lowestShift = 100

// Sample is the spectrum of a standard, over Raman shift (cm-1) or, with the laser stated in its metadata, over vacuum
// wavelength (nm).
type Sample struct {
	Standard string
	Spectrum spectra.Spectrum
}

// LineResult is what became of one line of a standard.
type LineResult struct {
	Standard string  `json:"standard"`
	Expected float64 `json:"expected_cm1"`
	// Found is where it was measured, before correction; 0 when Used is false.
	Found  float64 `json:"found_cm1,omitempty"`
	Before float64 `json:"before_cm1,omitempty"` // found less expected
	After  float64 `json:"after_cm1,omitempty"`  // corrected less expected
	// Unseen is the residual under the correction fitted without this line: what a line not calibrated with would show.
	Unseen float64 `json:"unseen_cm1,omitempty"`
	Used   bool    `json:"used"`
	Note   string  `json:"note,omitempty"` // why it was not used
}

// Residuals summarise absolute distances in cm-1.
type Residuals struct {
	Mean  float64 `json:"mean_cm1"`
	Worst float64 `json:"worst_cm1"`
}

// AxisResult is a calibration of the Raman shift.
type AxisResult struct {
	Standards []string     `json:"standards"`
	Axis      Axis         `json:"axis"`
	Lines     []LineResult `json:"lines"`
	Before    Residuals    `json:"before"`
	After     Residuals    `json:"after"`
	// Unseen is how far lines are off that were left out of the fit, one by one: what to expect of a scan. Not known (nil)
	// from fewer than three lines.
	Unseen *Residuals `json:"unseen,omitempty"`
	// Accepted: After is within AcceptMeanCM1 and AcceptWorstCM1. Otherwise Reason says why not and Advice what to do.
	Accepted bool   `json:"accepted"`
	Reason   string `json:"reason,omitempty"`
	Advice   string `json:"advice,omitempty"`
	// LaserNM is where the laser really is (vacuum), known when a lamp and a Raman standard were both measured, or when
	// the correction is a plain offset and the wavelengths are right; 0 otherwise.
	LaserNM float64 `json:"laser_nm,omitempty"`
	// Notes are what the user should know of an accepted calibration.
	Notes []string `json:"notes,omitempty"`
}

// CalibrateAxis finds the correction of the axis from one or more samples of one instrument. A match that is doubtful is
// an error and never a result; a correction outside the limits is a result that is not Accepted.
//
// Errors: ErrUnknown, ErrTechnique, ErrAxisUnit, ErrLaser, ErrNoSignal, ErrTooFewLines, ErrNotStandard, ErrAmbiguous,
// ErrMonotonic, and those of Spectrum.Validate.
func CalibrateAxis(samples ...Sample) (AxisResult, error) {
	var out AxisResult
	if len(samples) == 0 {
		return out, fmt.Errorf("calibrate axis: %w: no sample", ErrTooFewLines)
	}
	var pairs []pair
	lamps := make([]bool, len(samples))
	for i, sample := range samples {
		std, lines, got, turned, err := matchEitherWay(sample)
		if err == nil && i > 0 && turned != out.Axis.Reversed {
			err = fmt.Errorf("%w: it is read out the other way round than %s", ErrAmbiguous, samples[0].Standard)
		}
		if err != nil {
			return out, fmt.Errorf("calibrate axis with %s: %w", sample.Standard, err)
		}
		lamps[i], out.Axis.Reversed = std.Lamp, turned
		if turned {
			out.Axis.Points = len(sample.Spectrum.X)
		}
		for _, p := range got.pairs {
			p.sample = i
			pairs = append(pairs, p)
		}
		out.Standards = append(out.Standards, std.Name)
		out.Lines = append(out.Lines, lineResults(std, lines, got)...)
		if laser := sample.Spectrum.Metadata.LaserNM; laser > 0 {
			if out.Axis.LaserNM > 0 && math.Abs(1e7/laser-1e7/out.Axis.LaserNM) > 0.1 {
				return out, fmt.Errorf("calibrate axis: %w: the samples were taken with %g and %g nm", ErrLaser, out.Axis.LaserNM, laser)
			}
			out.Axis.LaserNM = laser
		}
	}
	return out, out.solve(pairs, func(p pair) bool { return lamps[p.sample] })
}

// reversedLines is how many lines have to be found before a detector is taken to be read out from the wrong end.
const reversedLines = 8

// matchEitherWay is matchSample; where that fails, the values are turned round. turned tells that they were.
func matchEitherWay(sample Sample) (std Standard, lines []Line, got match, turned bool, err error) {
	std, lines, got, err = matchSample(sample)
	if err == nil || std.Name == "" || len(std.Lines) < reversedLines || sample.Spectrum.Validate() != nil {
		return std, lines, got, false, err
	}
	sample.Spectrum = reversed(sample.Spectrum)
	if _, others, back, failed := matchSample(sample); failed == nil && len(back.pairs) >= reversedLines {
		return std, others, back, true, nil
	}
	return std, lines, got, false, err
}

// matchSample finds the lines of the standard in its spectrum.
func matchSample(sample Sample) (Standard, []Line, match, error) {
	std, err := Find(sample.Standard)
	if err != nil {
		return std, nil, match{}, err
	}
	s, err := inShift(sample.Spectrum, std)
	if err != nil {
		return std, nil, match{}, err
	}
	found, err := FindLines(s, lowestShift, math.Inf(1))
	if err != nil {
		return std, nil, match{}, err
	}
	found = withoutSpikes(found)
	lines := std.Lines
	if std.Lamp {
		lines = lampShifts(std, s.Metadata.LaserNM, found)
	}
	lo, hi := s.Range()
	lo = max(lo, lowestShift)
	lines = slices.DeleteFunc(slices.Clone(lines), func(l Line) bool { return l.Position < lo-std.Reach || l.Position > hi+std.Reach })
	if len(lines) < std.Least {
		return std, nil, match{}, fmt.Errorf("%w: the spectrum covers %.0f to %.0f cm-1, where %s has %d: use a standard with lines there",
			ErrTooFewLines, lo, hi, std.Title, len(lines))
	}
	if len(std.Lines) >= fewLines {
		first, last := lines[0].Position-std.Reach-50, lines[len(lines)-1].Position+std.Reach+50
		found = slices.DeleteFunc(found, func(f Found) bool { return f.X < first || f.X > last })
	}
	got, err := matcher{std: std, lines: lines, found: found, low: lo, top: hi}.find()
	return std, lines, got, err
}

// withoutSpikes leaves out what is far narrower than the instrument draws lines: cosmic rays and single bright pixels.
func withoutSpikes(found []Found) []Found {
	const typical, narrow = 7, 1.0 / 3
	byHeight := slices.Clone(found)
	slices.SortFunc(byHeight, func(a, b Found) int { return compare(b.Prominence, a.Prominence) })
	widths := make([]float64, 0, typical)
	for _, f := range byHeight[:min(typical, len(byHeight))] {
		widths = append(widths, f.Width)
	}
	if len(widths) == 0 {
		return found
	}
	slices.Sort(widths)
	least := narrow * widths[len(widths)/2]
	return slices.DeleteFunc(slices.Clone(found), func(f Found) bool { return f.Width < least })
}

// inShift is the spectrum over Raman shift.
func inShift(s spectra.Spectrum, std Standard) (spectra.Spectrum, error) {
	if err := s.Validate(); err != nil {
		return s, err
	}
	if s.Technique != spectra.Raman && !(std.Lamp && s.Technique == spectra.Other) {
		return s, fmt.Errorf("%w: the spectrum is %s, not Raman", ErrTechnique, s.Technique)
	}
	laser := s.Metadata.LaserNM
	if laser == 0 && (std.Lamp || s.XUnit == spectra.Nanometre) {
		return s, fmt.Errorf("%w: it is not known; state it, for example 785", ErrLaser)
	}
	switch s.XUnit {
	case spectra.PerCM:
		return s, nil
	case spectra.Nanometre:
		x := make([]float64, len(s.X))
		for i, nm := range s.X {
			if !(nm > 0) {
				return s, fmt.Errorf("%w: point %d is at %g nm", ErrAxisUnit, i+1, nm)
			}
			x[i] = ShiftCM1(laser, nm)
		}
		s.X, s.XUnit = x, spectra.PerCM
		return s, nil
	}
	return s, fmt.Errorf("%w but in %q", ErrAxisUnit, s.XUnit)
}

// lampShifts are the lines of a lamp as Raman shifts. Lines nearer to each other than the instrument resolves are one, at
// the mean weighed by their strengths.
func lampShifts(std Standard, laserNM float64, found []Found) []Line {
	widths := make([]float64, 0, len(found))
	for _, f := range found {
		if !f.Clipped {
			widths = append(widths, f.Width)
		}
	}
	resolved := 4.0
	if len(widths) > 0 {
		slices.Sort(widths)
		resolved = max(widths[len(widths)/2], 1)
	}
	var out []Line
	for _, l := range std.Lines {
		l.Position = ShiftCM1(laserNM, l.Position)
		if n := len(out); n > 0 && l.Position-out[n-1].Position < resolved {
			last := &out[n-1]
			sum := last.Relative + l.Relative
			last.Position = (last.Position*last.Relative + l.Position*l.Relative) / sum
			last.Relative = sum
			continue
		}
		out = append(out, l)
	}
	return out
}

func lineResults(std Standard, lines []Line, got match) []LineResult {
	out := make([]LineResult, 0, len(lines))
	for _, l := range lines {
		r := LineResult{Standard: std.Name, Expected: l.Position, Note: "not found, or not where its neighbours put it"}
		for _, p := range got.pairs {
			if p.line == l {
				r.Used, r.Note, r.Found = true, "", p.found.X
			}
		}
		for _, a := range got.aside {
			if a.line == l {
				r.Note = a.why
			}
		}
		out = append(out, r)
	}
	return out
}

// solve fits the correction to the pairs of all samples and judges it.
func (r *AxisResult) solve(pairs []pair, lamp func(pair) bool) error {
	model, offset, left, ok := chooseWith(pairs, maxDegree, lamp)
	if !ok {
		return fmt.Errorf("calibrate axis: %w: %d lines", ErrTooFewLines, len(pairs))
	}
	r.Axis.Correction = model
	next := 0
	for i := range r.Lines {
		l := &r.Lines[i]
		if !l.Used {
			continue
		}
		p := pairs[next]
		shift := 0.0
		if lamp(p) {
			// The lamp's shifts were computed with the laser as stated, which it showed to be wrong by the offset.
			shift = -offset
		}
		l.Expected += shift
		l.Before = l.Found - l.Expected
		l.After = r.Axis.Correct(l.Found) - l.Expected
		l.Unseen = -left[next]
		next++
	}
	r.Before = r.residuals(func(l LineResult) float64 { return l.Before })
	r.After = r.residuals(func(l LineResult) float64 { return l.After })
	if len(pairs) >= 3 {
		unseen := r.residuals(func(l LineResult) float64 { return l.Unseen })
		r.Unseen = &unseen
	} else {
		r.Notes = append(r.Notes, "So few lines move the axis as a whole, and nothing tests the result: measure polystyrene as well.")
	}
	for _, x := range []float64{model.Low, model.Centre, model.High} {
		if model.slope(x) <= -0.5 {
			return fmt.Errorf("calibrate axis: %w near %.0f cm-1", ErrMonotonic, x)
		}
	}
	r.judge(pairs, offset, lamp)
	return nil
}

func (r *AxisResult) residuals(of func(LineResult) float64) Residuals {
	var out Residuals
	n := 0
	for _, l := range r.Lines {
		if l.Used {
			v := math.Abs(of(l))
			out.Mean += v
			out.Worst = max(out.Worst, v)
			n++
		}
	}
	out.Mean /= float64(max(n, 1))
	return out
}

// judge accepts or refuses the fit, and says what follows from it.
func (r *AxisResult) judge(pairs []pair, offset float64, lamp func(pair) bool) {
	lamps := 0
	for _, p := range pairs {
		if lamp(p) {
			lamps++
		}
	}
	switch {
	case r.After.Mean > AcceptMeanCM1:
		r.Reason = fmt.Sprintf("the lines are %.1f cm-1 off on average after correction, at most %.0f is accepted", r.After.Mean, AcceptMeanCM1)
	case r.After.Worst > AcceptWorstCM1:
		r.Reason = fmt.Sprintf("one line is %.1f cm-1 off after correction, at most %.0f is accepted", r.After.Worst, AcceptWorstCM1)
	default:
		r.Accepted = true
	}
	laser := r.Axis.LaserNM
	switch {
	case laser == 0 || !r.Accepted:
	case lamps > 0 && lamps < len(pairs):
		r.LaserNM = 1e7 / (1e7/laser - offset)
	case lamps == 0 && r.Axis.Degree() == 0:
		r.LaserNM = 1e7 / (1e7/laser + r.Axis.Correction.Coefficients[0])
	}
	if !r.Accepted {
		r.Advice = "wipe the window, bring the sample into focus, let the instrument warm up and measure again; if it fails again, have the instrument serviced"
	}
	r.note(lamps == len(pairs))
}

// note adds what the user should know.
func (r *AxisResult) note(lampOnly bool) {
	if r.Axis.Reversed {
		r.Notes = append(r.Notes, "The detector is read out from the wrong end: every scan is turned round. Have the settings of the instrument checked.")
	}
	if lampOnly {
		r.Notes = append(r.Notes, fmt.Sprintf("A lamp says nothing about the laser: %g nm was taken as stated. Measure silicon or polystyrene as well.", r.Axis.LaserNM))
	}
	uncertified := []string{}
	for _, name := range r.Standards {
		if std, err := Find(name); err == nil && !std.Certified && !slices.Contains(uncertified, std.Title) {
			uncertified = append(uncertified, std.Title)
		}
	}
	if len(uncertified) > 0 {
		r.Notes = append(r.Notes, strings.Join(uncertified, " and ")+": positions from common practice, about 1 cm-1 sure, not certified.")
	}
	r.Notes = append(r.Notes, fmt.Sprintf("The lines reach from %.0f to %.0f cm-1; beyond them the correction is continued straight.",
		r.Axis.Correct(r.Axis.Correction.Low), r.Axis.Correct(r.Axis.Correction.High)))
}
