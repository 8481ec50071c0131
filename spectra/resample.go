package spectra

import (
	"errors"
	"fmt"
	"math"
)

// Errors of resampling; test with errors.Is.
var (
	ErrRange = errors.New("grid reaches outside the spectrum")
	ErrGrid  = errors.New("grid is not usable")
	ErrPeaks = errors.New("a peak table has no values between its lines")
)

// gridSlack is the part of a step by which a grid point may miss the range of the spectrum: the rounding of
// axes that files print with a few decimals.
const gridSlack = 1e-6

// Grid is a uniform ascending axis: N points from Start in steps of Step, both in the unit of the axis it is
// used on. Each point stands for the cell that reaches half a step to either side of it.
type Grid struct {
	Start float64 `json:"start"`
	Step  float64 `json:"step"` // > 0
	N     int     `json:"n"`    // 1..MaxPoints
}

// X is the position of point i, 0 <= i < N.
func (g Grid) X(i int) float64 { return g.Start + float64(i)*g.Step }

// Axis returns the N positions.
func (g Grid) Axis() []float64 {
	x := make([]float64, g.N)
	for i := range x {
		x[i] = g.X(i)
	}
	return x
}

// Validate reports why g is not usable: ErrGrid, or ErrTooLarge when it has more than MaxPoints.
func (g Grid) Validate() error {
	switch {
	case !finite(g.Start) || !finite(g.Step) || g.Step <= 0:
		return fmt.Errorf("%w: start %g, step %g: the step must be above 0", ErrGrid, g.Start, g.Step)
	case g.N < 1:
		return fmt.Errorf("%w: it has no points", ErrGrid)
	case g.N > MaxPoints:
		return fmt.Errorf("%w: grid of %d, at most %d", ErrTooLarge, g.N, MaxPoints)
	case g.X(g.N-1)+g.Step == g.X(g.N-1):
		return fmt.Errorf("%w: step %g is lost in the rounding of %g", ErrGrid, g.Step, g.X(g.N-1))
	}
	return nil
}

// CommonGrid returns the integer multiples of step inside the range of s, so that the grids of different spectra
// share their points. It has no points when step is not positive or none lies in the range; Resample says so.
func (s Spectrum) CommonGrid(step float64) Grid {
	g := Grid{Step: step}
	if len(s.X) == 0 || !finite(step) || step <= 0 {
		return g
	}
	lo, hi := s.Range()
	first, last := math.Ceil(lo/step-gridSlack), math.Floor(hi/step+gridSlack)
	if !finite(first) || !finite(last) || last < first {
		return g
	}
	g.Start = first * step
	g.N = int(math.Min(last-first+1, MaxPoints+1)) // one too many is refused by Validate
	return g
}

// Resample returns s on the grid g, ascending. Every value is the mean of the linear interpolant of s over the
// cell of its point, so the area of a band is kept whatever the two spacings are: a fine axis is averaged (and
// its noise with it), a coarse one interpolated. A cell that reaches out of the range of s, by half a step at
// most, is cut alike on both sides. It takes O(len(s.X)+g.N); s.X may ascend or descend and need not be uniform.
//
// Errors: those of Validate and Grid.Validate; ErrPeaks for a peak table; ErrRange when a point of the grid is
// outside the range of s; ErrNotFinite when the values are too large to be added.
func (s Spectrum) Resample(g Grid) (Spectrum, error) {
	if err := s.Validate(); err != nil {
		return Spectrum{}, fmt.Errorf("resample: %w", err)
	}
	if s.Peaks {
		return Spectrum{}, fmt.Errorf("resample: %w", ErrPeaks)
	}
	if err := g.Validate(); err != nil {
		return Spectrum{}, fmt.Errorf("resample: %w", err)
	}
	lo, hi := s.Range()
	if slack := gridSlack * g.Step; g.Start < lo-slack || g.X(g.N-1) > hi+slack {
		return Spectrum{}, fmt.Errorf("resample: %w: grid %g to %g, spectrum %g to %g: use a grid inside it",
			ErrRange, g.Start, g.X(g.N-1), lo, hi)
	}
	a := s.Ascending()
	y := make([]float64, g.N)
	walk := interpolant{x: a.X, y: a.Y}
	for i := range y {
		x := min(max(g.X(i), lo), hi)
		half := min(g.Step/2, x-lo, hi-x)
		y[i] = walk.mean(x-half, x+half)
		if !finite(y[i]) {
			return Spectrum{}, fmt.Errorf("resample: mean around %g: %w", x, ErrNotFinite)
		}
	}
	s.X, s.Y = g.Axis(), y
	return s, nil
}

// interpolant is the piecewise linear function through the points, read from left to right.
type interpolant struct {
	x, y []float64 // x ascending
	at   int       // segment at..at+1 holds the left end of the last cell
}

// mean over [a, b], both inside the range and a not left of the previous a. Each cell is summed by itself, not
// taken as the difference of two long sums, so that distant points cannot round into it.
func (p *interpolant) mean(a, b float64) float64 {
	last := len(p.x) - 2
	if last < 0 {
		return p.y[0]
	}
	for p.at < last && p.x[p.at+1] <= a {
		p.at++
	}
	if b <= a {
		return p.value(p.at, a)
	}
	sum, left, yl := 0.0, a, p.value(p.at, a)
	for k := p.at; ; k++ {
		right := b
		if k < last {
			right = min(b, p.x[k+1])
		}
		yr := p.value(k, right)
		sum += (right - left) * (yl + yr) / 2
		if right >= b {
			return sum / (b - a)
		}
		left, yl = right, yr
	}
}

// value of segment k at x.
func (p *interpolant) value(k int, x float64) float64 {
	t := (x - p.x[k]) / (p.x[k+1] - p.x[k])
	return p.y[k]*(1-t) + p.y[k+1]*t
}
