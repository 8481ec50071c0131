package preprocess

import (
	"cmp"
	"slices"

	"fentrace/spectra"
)

// Peak is one line found in a spectrum.
type Peak struct {
	Position   float64 // axis units of the grid, vertex of a parabola through the three highest points
	Height     float64 // value at the maximum
	Prominence float64 // height above the higher of the two valleys that separate it from higher ground
}

// FindPeaks returns the local maxima of y, sampled at start + i*step, whose prominence is at least minProminence, in
// order of position. y should be free of baseline and lightly smoothed; a plateau counts once, at its middle.
func FindPeaks(y []float64, start, step, minProminence float64) []Peak {
	var peaks []Peak
	for i := 1; i < len(y)-1; {
		end := i
		for end+1 < len(y) && y[end+1] == y[i] {
			end++
		}
		if y[i] > y[i-1] && end+1 < len(y) && y[i] > y[end+1] {
			if p := prominence(y, i, end); p >= minProminence && p > 0 {
				at := float64(i+end) / 2
				if i == end {
					at += vertex(y[i-1], y[i], y[i+1])
				}
				peaks = append(peaks, Peak{Position: start + at*step, Height: y[i], Prominence: p})
			}
		}
		i = end + 1
	}
	return peaks
}

// prominence walks down both sides of the maximum y[i:end+1] until higher ground or the end of the data.
func prominence(y []float64, i, end int) float64 {
	left, right := y[i], y[i]
	for j := i - 1; j >= 0 && y[j] <= y[i]; j-- {
		left = min(left, y[j])
	}
	for j := end + 1; j < len(y) && y[j] <= y[i]; j++ {
		right = min(right, y[j])
	}
	return y[i] - max(left, right)
}

// vertex is the offset (-0.5..0.5) of the top of the parabola through three points, the middle one highest.
func vertex(a, b, c float64) float64 {
	curve := a - 2*b + c
	if curve >= 0 {
		return 0
	}
	return 0.5 * (a - c) / curve
}

// Strongest returns the n highest lines of s, the highest first: of a peak table its highest entries, of a continuous
// spectrum the maxima that stand out after the Display pipeline by a twentieth of the highest. It is empty for a
// spectrum that is not over wavenumbers or that the pipeline refuses.
func Strongest(s spectra.Spectrum, n int) []Peak {
	if s.XUnit != spectra.PerCM {
		return nil
	}
	var peaks []Peak
	if s.Peaks {
		for i, x := range s.X {
			peaks = append(peaks, Peak{Position: x, Height: s.Y[i]})
		}
	} else {
		shown, err := Display.Run(s)
		if err != nil {
			return nil
		}
		peaks = FindPeaks(shown.Y, shown.X[0], 1, 0.05)
	}
	slices.SortStableFunc(peaks, func(a, b Peak) int { return cmp.Compare(b.Height, a.Height) })
	return peaks[:min(n, len(peaks))]
}
