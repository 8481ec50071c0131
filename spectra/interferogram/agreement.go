package interferogram

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat"

	"fentrace/spectra"
)

// Agreed says how well two spectra agree over a range.
type Agreed struct {
	LowCM1      float64 `json:"low_cm1"`
	HighCM1     float64 `json:"high_cm1"`
	Points      int     `json:"points"`
	Correlation float64 `json:"correlation"`
	Largest     float64 `json:"largest_difference"` // in the unit of the values
	At          float64 `json:"at_cm1"`             // where the largest difference is
	RMS         float64 `json:"rms_difference"`
}

// Agreement compares a with b at the points of b from low to high (cm-1), a being linear between its points: on one grid
// the values themselves are compared. Errors: those of Validate; spectra.ErrRange when fewer than 3 points of b lie both
// in the range and in that of a.
func Agreement(a, b spectra.Spectrum, low, high float64) (Agreed, error) {
	for _, s := range []spectra.Spectrum{a, b} {
		if err := s.Validate(); err != nil {
			return Agreed{}, fmt.Errorf("compare %q: %w", s.Title, err)
		}
	}
	a, b = a.Ascending(), b.Ascending()
	from, to := a.Range()
	// The rounding of an axis must not leave out its first and last point.
	slack := 1e-9 * (to - from)
	var x, y []float64
	out := Agreed{LowCM1: low, HighCM1: high}
	for i, k := 0, 0; i < len(b.X); i++ {
		at := b.X[i]
		if at < low || at > high || at < from-slack || at > to+slack || len(a.X) < 2 {
			continue
		}
		for k < len(a.X)-2 && a.X[k+1] <= at {
			k++
		}
		f := (at - a.X[k]) / (a.X[k+1] - a.X[k])
		x, y = append(x, (1-f)*a.Y[k]+f*a.Y[k+1]), append(y, b.Y[i])
		d := math.Abs(x[len(x)-1] - b.Y[i])
		out.RMS += d * d
		if d >= out.Largest {
			out.Largest, out.At = d, at
		}
	}
	if out.Points = len(x); out.Points < 3 {
		return Agreed{}, fmt.Errorf("compare %q with %q from %g to %g cm-1: %w", a.Title, b.Title, low, high, spectra.ErrRange)
	}
	out.RMS = math.Sqrt(out.RMS / float64(len(x)))
	out.Correlation = stat.Correlation(x, y, nil)
	return out, nil
}
