package calibration

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"fentrace/spectra"
	"fentrace/spectra/preprocess"
)

const (
	// maxLines is how many lines of a spectrum are kept, the most prominent first; no standard has half as many.
	maxLines = 80
	// lineNoise is how many standard deviations of the noise a line has to stand out.
	lineNoise = 8
	// lineShare of the most prominent line is the least that counts; less is shoulders and ripple.
	lineShare = 0.004
	// finestStep (cm-1): a finer axis is brought to 1 cm-1 first, because the baseline counts points.
	finestStep = 0.5
	// topShare of the prominence is fitted: tables list where a band is highest, and broad bands are lopsided.
	topShare = 0.25
	// baselineLambda is the stiffness of the baseline per point of the spectrum.
	baselineLambda = 1e5
	// A baseline that still creeps moves no line: it need not settle to the last digit.
	baselineTol, baselineRounds = 1e-2, 30
)

// Found is one line of a measured spectrum.
type Found struct {
	X          float64 // centre, on the axis of the spectrum, between its points
	Height     float64 // above the baseline
	Prominence float64 // above the higher of its two valleys
	Width      float64 // full width at half its prominence, on the axis of the spectrum
	Clipped    bool    // its top is flat: the detector was at full scale
}

// FindLines returns the lines of s between low and high (axis units) in order of position. The centre is that of a
// Gaussian fitted to the logarithm of the points in the upper quarter of the line, weighted by the square of the value
// (H. Guo, IEEE Signal Process. Mag. 28 (2011) 134): tables list where a band is highest, and broad bands are lopsided.
// Errors: those of Spectrum.Validate, spectra.ErrPeaks, ErrNoSignal.
func FindLines(s spectra.Spectrum, low, high float64) ([]Found, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if s.Peaks {
		return nil, spectra.ErrPeaks
	}
	s, err := cropped(s.Ascending(), low, high)
	if err != nil {
		return nil, err
	}
	plan, err := preprocess.NewARPLS(len(s.Y), baselineLambda, baselineTol, baselineRounds)
	if err != nil {
		return nil, err
	}
	y := make([]float64, len(s.Y))
	if _, err := plan.Fit(y, s.Y); err != nil && !errors.Is(err, preprocess.ErrUnsettled) {
		return nil, err
	}
	floats.SubTo(y, s.Y, y)
	sigma := noise(s.Y)
	peaks := preprocess.FindPeaks(y, 0, 1, lineNoise*sigma)
	if len(peaks) == 0 {
		return nil, fmt.Errorf("%w: nothing between %.0f and %.0f stands %d noise levels out: scan longer, wipe the window",
			ErrNoSignal, low, high, lineNoise)
	}
	top := slices.MaxFunc(peaks, func(a, b preprocess.Peak) int { return compare(a.Prominence, b.Prominence) }).Prominence
	var found []Found
	for _, p := range peaks {
		if p.Prominence >= lineShare*top {
			found = append(found, refine(s, y, p))
		}
	}
	if len(found) > maxLines {
		slices.SortFunc(found, func(a, b Found) int { return compare(b.Prominence, a.Prominence) })
		found = found[:maxLines]
	}
	slices.SortFunc(found, func(a, b Found) int { return compare(a.X, b.X) })
	return found, nil
}

// cropped is the part of an ascending spectrum between low and high, not finer than 1 cm-1.
func cropped(s spectra.Spectrum, low, high float64) (spectra.Spectrum, error) {
	from, _ := slices.BinarySearch(s.X, low)
	to, _ := slices.BinarySearch(s.X, high)
	const least = 16
	if to-from < least {
		lo, hi := s.Range()
		return s, fmt.Errorf("%w: the spectrum covers %.0f to %.0f, and %d of its points are within %.0f to %.0f",
			ErrTooFewLines, lo, hi, max(to-from, 0), low, high)
	}
	s.X, s.Y = s.X[from:to], s.Y[from:to]
	if span := s.X[len(s.X)-1] - s.X[0]; s.XUnit == spectra.PerCM && span/float64(len(s.X)-1) < finestStep && span > least+1 {
		return s.Resample(s.CommonGrid(1))
	}
	return s, nil
}

// noise is the standard deviation of point-to-point noise, from the median absolute second difference, which smooth
// signal hardly enters.
func noise(y []float64) float64 {
	d := make([]float64, 0, len(y))
	for i := 2; i < len(y); i++ {
		d = append(d, math.Abs(y[i]-2*y[i-1]+y[i-2]))
	}
	slices.Sort(d)
	return 1.4826 * stat.Quantile(0.5, stat.Empirical, d, nil) / math.Sqrt(6)
}

// refine finds the centre and the width of the line whose top is near the point p.Position of y.
func refine(s spectra.Spectrum, y []float64, p preprocess.Peak) Found {
	f := Found{Height: p.Height, Prominence: p.Prominence}
	top := int(math.Round(p.Position))
	from, to := above(y, top, p.Height-p.Prominence/2)
	half := p.Height - p.Prominence/2
	f.Width = position(s.X, crossing(y, to, to+1, half)) - position(s.X, crossing(y, from, from-1, half))
	flat := 0
	for i := from; i <= to; i++ {
		if full := s.Metadata.FullScale; s.Y[i] >= s.Y[top]*(1-1e-6) || full > 0 && s.Y[i] >= 0.97*full {
			flat++
		}
	}
	f.Clipped = flat >= 2
	from, to = above(y, top, p.Height-topShare*p.Prominence)
	f.X = position(s.X, gaussianTop(y, max(min(from, top-1), 0), min(max(to, top+1), len(y)-1), p.Position))
	return f
}

// above is the run of points round top that are higher than level.
func above(y []float64, top int, level float64) (from, to int) {
	from, to = top, top
	for from > 0 && y[from-1] > level {
		from--
	}
	for to < len(y)-1 && y[to+1] > level {
		to++
	}
	return from, to
}

// crossing is where, as a fractional index, y falls through level between the points inside and outside.
func crossing(y []float64, inside, outside int, level float64) float64 {
	if outside < 0 || outside >= len(y) || y[inside] <= y[outside] {
		return float64(inside)
	}
	t := (y[inside] - level) / (y[inside] - y[outside])
	return float64(inside) + min(max(t, 0), 1)*float64(outside-inside)
}

// gaussianTop fits a parabola to ln y over the points from..to and returns its vertex as a fractional index; vertex
// when the fit has none within these points.
func gaussianTop(y []float64, from, to int, vertex float64) float64 {
	centre := math.Round(vertex)
	var m [3][4]float64 // normal equations, with the right side
	for i := from; i <= to; i++ {
		if !(y[i] > 0) {
			continue
		}
		u, w := float64(i)-centre, y[i]*y[i]
		basis := [3]float64{1, u, u * u}
		for r := range basis {
			for c := range basis {
				m[r][c] += w * basis[r] * basis[c]
			}
			m[r][3] += w * basis[r] * math.Log(y[i])
		}
	}
	a, ok := solve3(m)
	if !ok || a[2] >= 0 {
		return vertex
	}
	at := centre - a[1]/(2*a[2])
	if !(at >= float64(from) && at <= float64(to)) {
		return vertex
	}
	return at
}

// solve3 solves three equations by elimination with pivoting; false when they are singular.
func solve3(m [3][4]float64) (x [3]float64, ok bool) {
	for c := range 3 {
		pivot := c
		for r := c + 1; r < 3; r++ {
			if math.Abs(m[r][c]) > math.Abs(m[pivot][c]) {
				pivot = r
			}
		}
		m[c], m[pivot] = m[pivot], m[c]
		if m[c][c] == 0 {
			return x, false
		}
		for r := c + 1; r < 3; r++ {
			f := m[r][c] / m[c][c]
			for k := c; k < 4; k++ {
				m[r][k] -= f * m[c][k]
			}
		}
	}
	for r := 2; r >= 0; r-- {
		x[r] = m[r][3]
		for k := r + 1; k < 3; k++ {
			x[r] -= m[r][k] * x[k]
		}
		x[r] /= m[r][r]
	}
	return x, true
}

// position is the axis value at a fractional index.
func position(x []float64, at float64) float64 {
	i := min(max(int(at), 0), len(x)-2)
	return x[i] + (at-float64(i))*(x[i+1]-x[i])
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
