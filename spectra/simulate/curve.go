package simulate

import (
	"fmt"
	"math"
	"slices"
)

// Curve is a recorded spectrum without background that stands for a sample whose lines are not known, for example a
// cutting agent in a simulated mixture.
type Curve struct {
	LowCM1        float64   // position of the first value
	Intensity     []float64 // 1 cm-1 apart, not negative; the sum over it is what Line.Intensity is for a line
	ResolutionCM1 float64   // of the instrument that recorded it; above 0
}

func (c Curve) validate() error {
	if !(math.Abs(c.LowCM1) <= 1e5) || !(c.ResolutionCM1 > 0 && c.ResolutionCM1 <= 500) || len(c.Intensity) < 2 {
		return fmt.Errorf("%w: a curve of %d values from %g cm-1 at %g cm-1 resolution", ErrSample, len(c.Intensity), c.LowCM1, c.ResolutionCM1)
	}
	for i, v := range c.Intensity {
		if !(v >= 0 && v <= 1e12) {
			return fmt.Errorf("%w: value %d of a curve is %g: must be 0 to 1e12", ErrSample, i+1, v)
		}
	}
	return nil
}

// addCurve adds the curve to y, at the positions x, as the instrument would show it: broadened by a Gaussian from its
// own resolution to that of the instrument (one that is worse cannot be undone), and nothing beyond its ends.
func addCurve(y, x []float64, c Curve, in Instrument) {
	sigma := math.Sqrt(math.Max(in.ResolutionCM1*in.ResolutionCM1-c.ResolutionCM1*c.ResolutionCM1, 0)) / (2 * math.Sqrt(2*math.Ln2))
	seen := slices.Clone(c.Intensity)
	if sigma > 0.1 {
		clear(seen)
		reach := int(math.Ceil(4 * sigma))
		norm := 0.0
		for k := -reach; k <= reach; k++ {
			norm += math.Exp(-float64(k*k) / (2 * sigma * sigma))
		}
		for k := -reach; k <= reach; k++ {
			w := math.Exp(-float64(k*k)/(2*sigma*sigma)) / norm
			for i := max(0, -k); i < min(len(seen), len(seen)-k); i++ {
				seen[i] += w * c.Intensity[i+k]
			}
		}
	}
	for i := range x {
		at := x[i] - in.ShiftCM1 - c.LowCM1
		if k := int(math.Floor(at)); k >= 0 && k < len(seen)-1 {
			y[i] += seen[k] + (at-float64(k))*(seen[k+1]-seen[k])
		}
	}
}
