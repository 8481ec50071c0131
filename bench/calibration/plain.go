package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"fentrace/bench/report"
	"fentrace/spectra"
	"fentrace/spectra/calibration"
)

// calibrate is CalibrateAxis; one that is not accepted is an error.
func calibrate(standard string, s spectra.Spectrum) (calibration.AxisResult, error) {
	got, err := calibration.CalibrateAxis(calibration.Sample{Standard: standard, Spectrum: s})
	if err == nil && !got.Accepted {
		err = errors.New(got.Reason)
	}
	return got, err
}

// plain is the plain way to calibrate: the most prominent line within the reach of the standard is taken for its
// strongest, and the axis moved as a whole.
type plain struct {
	std       calibration.Standard
	found     []calibration.Found
	strongest float64 // of the standard, cm-1
	offset    float64 // added to what is read
}

var errNoLine = errors.New("no line where the strongest is looked for")

func newPlain(standard string, s spectra.Spectrum) (plain, error) {
	std, err := calibration.Find(standard)
	if err != nil {
		return plain{}, err
	}
	if std.Lamp { // its lines are wavelengths
		if s.Metadata.LaserNM == 0 {
			return plain{}, calibration.ErrLaser
		}
		lines := make([]calibration.Line, len(std.Lines))
		for i, l := range std.Lines {
			lines[i] = calibration.Line{Position: calibration.ShiftCM1(s.Metadata.LaserNM, l.Position), Relative: l.Relative}
		}
		std.Lines = lines
	}
	p := plain{std: std}
	if p.found, err = calibration.FindLines(s, 100, math.Inf(1)); err != nil {
		return p, err
	}
	height := 0.0
	for _, l := range std.Lines {
		if l.Relative > height {
			p.strongest, height = l.Position, l.Relative
		}
	}
	best, ok := near(p.found, p.strongest, std.Reach)
	if !ok {
		return p, fmt.Errorf("%w: %.0f cm-1", errNoLine, p.strongest)
	}
	p.offset = p.strongest - best.X
	return p, nil
}

// near is the most prominent line within reach of x.
func near(found []calibration.Found, x, reach float64) (best calibration.Found, ok bool) {
	for _, f := range found {
		if math.Abs(f.X-x) <= reach && (!ok || f.Prominence > best.Prominence) {
			best, ok = f, true
		}
	}
	return best, ok
}

func (p plain) correct(x float64) float64 { return x + p.offset }

// residuals are those of the lines used, and of those but the strongest, which the plain way has not seen.
func (p plain) residuals(lines []calibration.LineResult) (all, unseen calibration.Residuals) {
	var others []calibration.LineResult
	for _, l := range lines {
		if l.Expected != p.strongest {
			others = append(others, l)
		}
	}
	return residualsOf(lines, p.correct), residualsOf(others, p.correct)
}

// accepts tells whether, once moved, as many lines as the standard needs are where they belong, by the limits of a
// calibration.
func (p plain) accepts() bool {
	n, sum := 0, 0.0
	for _, l := range p.std.Lines {
		if f, ok := near(p.found, l.Position-p.offset, calibration.AcceptWorstCM1); ok {
			n++
			sum += math.Abs(p.correct(f.X) - l.Position)
		}
	}
	return n >= p.std.Least && sum/float64(n) <= calibration.AcceptMeanCM1
}

// residualsOf are the errors of the lines used on an axis.
func residualsOf(lines []calibration.LineResult, correct func(float64) float64) calibration.Residuals {
	var r calibration.Residuals
	n := 0
	for _, l := range lines {
		if l.Used {
			e := math.Abs(correct(l.Found) - l.Expected)
			r.Mean, r.Worst = r.Mean+e, max(r.Worst, e)
			n++
		}
	}
	r.Mean /= float64(max(n, 1))
	return r
}

// residuals are those of several files.
type residuals struct{ means, worsts []float64 }

func (r *residuals) add(one calibration.Residuals) {
	r.means, r.worsts = append(r.means, one.Mean), append(r.worsts, one.Worst)
}

func (r residuals) mean(name, peer string, of residuals) report.Result {
	return report.Mean(name, "cm-1", r.means, peer, report.Mean("", "", of.means, "", 0, "").Value, command)
}

func (r residuals) worst(name, peer string, of residuals) report.Result {
	return report.Exact(name, "cm-1", slices.Max(r.worsts), len(r.worsts), peer, slices.Max(of.worsts), command)
}

func (r residuals) worstMean(name, peer string, of residuals) report.Result {
	return report.Exact(name, "cm-1", slices.Max(r.means), len(r.means), peer, slices.Max(of.means), command)
}

// log is what is printed of each file.
type log struct{ strings.Builder }

// row prints the residuals as the spectrum came, moved by the strongest line, calibrated, and of lines left out.
func (l *log) row(name string, rs ...calibration.Residuals) {
	if l.Len() == 0 {
		fmt.Fprintf(l, "%-50s %13s %13s %13s %13s\n", "cm-1, mean and worst line", "as it came", "strongest", "calibrated", "left out")
	}
	fmt.Fprintf(l, "%-50.50s", name)
	for _, r := range rs {
		fmt.Fprintf(l, " %6.2f %6.2f", r.Mean, r.Worst)
	}
	fmt.Fprintln(l)
}
