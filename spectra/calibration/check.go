package calibration

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"fentrace/spectra"
)

// Check is how far known lines are from their places; it corrects nothing.
type Check struct {
	What   string       `json:"what"`
	Lines  []LineResult `json:"lines"` // Found less Expected is Before; After and Unseen are not set
	Errors Residuals    `json:"errors"`
	// OffsetCM1 is the mean signed error, found less expected.
	OffsetCM1 float64 `json:"offset_cm1"`
	Passed    bool    `json:"passed"`
	Reason    string  `json:"reason,omitempty"` // why not
	Advice    string  `json:"advice,omitempty"`
	Note      string  `json:"note,omitempty"`
}

// filmLine is a band of a polystyrene film and how far off it may be.
type filmLine struct{ position, tolerance float64 }

// filmLines are the nominal positions (cm-1) of a polystyrene film of about 38 um in transmission, as European
// Pharmacopoeia 2.2.24 and makers of NIST SRM 1921 films give them. They are not those of the certificate of any one
// film, which the user's own goes before. The strongest band, near 699, is left out: films cut it off, and ATR moves it.
var filmLines = []filmLine{{841.9, 1.5}, {906.6, 1}, {1028.3, 1}, {1154.5, 1}, {1583.0, 1}, {1601.2, 1}, {1942.9, 1.5}, {2849.5, 1.5}, {3060.0, 1.5}}

// filmReach (cm-1) is how far a band is looked for, half the distance of the closest two.
const filmReach = 9

// filmLeast is how many bands have to be found for the sample to be taken for the film.
const filmLeast = 6

// CheckFilm compares the bands of a mid-infrared spectrum of polystyrene film, in absorbance or transmittance, with their
// nominal positions. In ATR spectra refraction moves strong bands down, by up to a few cm-1.
// Errors: ErrTechnique, ErrAxisUnit, ErrNotStandard, ErrNoSignal, those of Spectrum.Validate.
func CheckFilm(s spectra.Spectrum) (Check, error) {
	out := Check{What: "polystyrene film", Note: "nominal positions; the certificate of the film goes before"}
	switch {
	case s.Technique != spectra.IR:
		return out, fmt.Errorf("check the wavenumbers: %w: the spectrum is %s, not infrared", ErrTechnique, s.Technique)
	case s.XUnit != spectra.PerCM:
		return out, fmt.Errorf("check the wavenumbers: the axis is in %q: %w: export it in cm-1", s.XUnit, ErrAxisUnit)
	}
	if s.YUnit == spectra.Transmittance || s.YUnit == spectra.Reflectance {
		s.Y = slices.Clone(s.Y)
		for i := range s.Y {
			s.Y[i] = -s.Y[i]
		}
	}
	found, err := FindLines(s, filmLines[0].position-100, filmLines[len(filmLines)-1].position+100)
	if err != nil {
		return out, fmt.Errorf("check the wavenumbers: %w", err)
	}
	seen, worst := 0, ""
	for _, l := range filmLines {
		r := LineResult{Standard: "film", Expected: l.position, Note: "not found"}
		f, ok := nearest(found, l.position, filmReach)
		switch {
		case ok && f.Clipped:
			r.Note = "the band is cut off: the film is too thick for it"
		case ok:
			r.Used, r.Note, r.Found, r.Before = true, "", f.X, f.X-l.position
			seen++
			if math.Abs(r.Before) > l.tolerance && worst == "" {
				worst = fmt.Sprintf("the band at %.1f cm-1 is %+.1f cm-1 off, at most %.1f is allowed", l.position, r.Before, l.tolerance)
			}
		}
		out.Lines = append(out.Lines, r)
	}
	if seen < filmLeast {
		return out, fmt.Errorf("check the wavenumbers: %w: %d of the %d bands of polystyrene film are there, at least %d are needed", ErrNotStandard, seen, len(filmLines), filmLeast)
	}
	out.sum()
	out.Passed, out.Reason = worst == "", worst
	if !out.Passed {
		out.Advice = "let the instrument warm up and dry, take a new background, measure again; if it fails again, have the laser reference serviced"
	}
	return out, nil
}

// nearest is the most prominent line within reach of x.
func nearest(found []Found, x, reach float64) (best Found, ok bool) {
	for _, f := range found {
		if math.Abs(f.X-x) <= reach && (!ok || f.Prominence > best.Prominence) {
			best, ok = f, true
		}
	}
	return best, ok
}

// sum fills in Errors and OffsetCM1.
func (c *Check) sum() {
	n := 0
	for _, l := range c.Lines {
		if l.Used {
			c.Errors.Mean += math.Abs(l.Before)
			c.Errors.Worst = max(c.Errors.Worst, math.Abs(l.Before))
			c.OffsetCM1 += l.Before
			n++
		}
	}
	c.Errors.Mean /= float64(max(n, 1))
	c.OffsetCM1 /= float64(max(n, 1))
}

// container is a plastic that scans are taken through, and its lines (Raman shift, cm-1).
type container struct {
	name, title string
	lines       []float64
}

var containers = []container{
	{"PE", "polyethylene", []float64{1062, 1129, 1295}},
	{"PP", "polypropylene", []float64{808, 841}},
	{"PET", "polyethylene terephthalate", []float64{1614, 1726}},
	{"PS", "polystyrene", []float64{1001.4, 1031.8}},
}

const (
	// containerReach (cm-1) is how far from their places the lines of a container are looked for.
	containerReach = 25
	// containerSpread (cm-1) is how much the errors of one container's lines may differ from each other.
	containerSpread = 4
	// containerWarn (cm-1) is the error from which the user is warned: a calibrated axis is within 1 to 2.
	containerWarn = 4
)

// Containers lists the containers that can be checked.
func Containers() []string {
	names := make([]string, len(containers))
	for i, c := range containers {
		names[i] = c.name
	}
	return names
}

// CheckContainer measures the axis error of a Raman scan on the lines of the plastic it was taken through. It is a warning
// and no calibration: two or three lines, perhaps under those of the sample, can be met by chance.
// Errors: ErrUnknown, ErrTechnique, ErrAxisUnit, ErrNotStandard when the lines are not seen, ErrNoSignal.
func CheckContainer(name string, s spectra.Spectrum) (Check, error) {
	at := slices.IndexFunc(containers, func(c container) bool { return strings.EqualFold(c.name, strings.TrimSpace(name)) })
	if at < 0 {
		return Check{}, fmt.Errorf("check on a container of %q: %w; there are: %s", name, ErrUnknown, strings.Join(Containers(), ", "))
	}
	c := containers[at]
	out := Check{What: c.title + " container", Note: "a warning only: the lines of the sample may lie near those of the container"}
	switch {
	case s.Technique != spectra.Raman:
		return out, fmt.Errorf("check on the %s: %w: the spectrum is %s, not Raman", out.What, ErrTechnique, s.Technique)
	case s.XUnit != spectra.PerCM:
		return out, fmt.Errorf("check on the %s: %w but in %q", out.What, ErrAxisUnit, s.XUnit)
	}
	const around = 150 // cm-1 for the baseline
	found, err := FindLines(s, c.lines[0]-around, c.lines[len(c.lines)-1]+around)
	if err != nil {
		return out, fmt.Errorf("check on the %s: %w", out.What, err)
	}
	set, ok := together(found, c.lines)
	if !ok {
		return out, fmt.Errorf("check on the %s: %w: its %d lines are not there, all moved alike, within %d cm-1 of their places", out.What, ErrNotStandard, len(c.lines), containerReach)
	}
	for i, f := range set {
		out.Lines = append(out.Lines, LineResult{Standard: c.name, Expected: c.lines[i], Found: f.X, Before: f.X - c.lines[i], Used: true})
	}
	out.sum()
	out.Passed = math.Abs(out.OffsetCM1) < containerWarn
	if !out.Passed {
		out.Reason = fmt.Sprintf("the lines of the container are %+.1f cm-1 off", out.OffsetCM1)
		out.Advice = "calibrate the axis with polystyrene or acetaminophen"
	}
	return out, nil
}

// together finds one line for each position, all moved alike. Of several sets it takes the one whose weakest line is the
// most prominent.
func together(found []Found, positions []float64) (best []Found, ok bool) {
	weakest := 0.0
	for _, first := range found {
		shift := first.X - positions[0]
		if math.Abs(shift) > containerReach {
			continue
		}
		set := []Found{first}
		low := first.Prominence
		for _, p := range positions[1:] {
			f, there := nearest(found, p+shift, containerSpread)
			if !there {
				break
			}
			set = append(set, f)
			low = min(low, f.Prominence)
		}
		if len(set) == len(positions) && low > weakest {
			best, weakest, ok = set, low, true
		}
	}
	return best, ok
}
