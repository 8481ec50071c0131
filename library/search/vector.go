package search

import (
	"errors"
	"fmt"
	"math"

	"fentrace/spectra"
	"fentrace/spectra/preprocess"
)

// ErrNotSearchable is wrapped by Prepare when a spectrum cannot be compared: wrong technique or unit, a range that
// misses the fingerprint region, or no signal at all.
var ErrNotSearchable = errors.New("spectrum cannot be searched")

// Window is the range of wavenumbers (cm-1) that carries evidence for a technique.
type Window struct{ Low, High float64 }

// Windows by technique. Raman: below 350 the edge filter of many instruments shapes the signal, above 1900 there
// are few lines and handhelds end. IR: from the diamond ATR limit to the end of the O-H region.
var windows = map[spectra.Technique]Window{
	spectra.Raman: {350, 1900},
	spectra.IR:    {500, 3800},
}

// MinRangeCM1 is the shortest overlap (cm-1) of scan and reference that is scored: shorter ranges hold so few lines
// that anything agrees with something.
const MinRangeCM1 = 400

// edgePoints are dropped at both ends: there the Savitzky-Golay fit is one-sided, noisier than inside.
const edgePoints = 5

// Pipeline is the preprocessing before the square root: the technique's window, then preprocess.Search.
// ok is false for a technique that is not searched.
func Pipeline(t spectra.Technique) (p preprocess.Pipeline, ok bool) {
	if _, ok := windows[t]; !ok {
		return p, false
	}
	return Windowed(preprocess.Search, t), true
}

// Vector is a spectrum ready for comparison, on whole wavenumbers from Low.
type Vector struct {
	Technique spectra.Technique
	Low       int
	// Derivative is the first derivative; it is linear in the spectrum, so mixtures add up in it.
	Derivative []float64
	// D is the signed square root of Derivative, which is what Search correlates.
	D []float64

	sum, sumSq []float64 // prefix sums, length len(D)+1
}

// Windowed returns p with a first step that crops to the window in which technique t is compared, named for both.
func Windowed(p preprocess.Pipeline, t spectra.Technique) preprocess.Pipeline {
	w := windows[t]
	crop := preprocess.Step{Op: "crop", Params: map[string]float64{"low": w.Low, "high": w.High}}
	p.Name, p.Steps = p.Name+"-"+string(t), append([]preprocess.Step{crop}, p.Steps...)
	return p
}

// Prepare resamples s to whole wavenumbers inside the technique's window and differentiates it.
// It returns ErrNotSearchable, with the reason, for anything that cannot be compared.
func Prepare(s spectra.Spectrum) (Vector, error) {
	p, ok := Pipeline(s.Technique)
	switch {
	case !ok:
		return Vector{}, fmt.Errorf("%w: technique %q is neither raman nor ir", ErrNotSearchable, s.Technique)
	case s.XUnit != spectra.PerCM:
		return Vector{}, fmt.Errorf("%w: axis is in %q, cm-1 is needed (give the laser wavelength?)", ErrNotSearchable, s.XUnit)
	case s.Peaks:
		return Vector{}, fmt.Errorf("%w: a peak table has no curve", ErrNotSearchable)
	}
	w := windows[s.Technique]
	lo, hi := s.Range()
	if covered := math.Min(hi, w.High) - math.Max(lo, w.Low); covered < MinRangeCM1+2*edgePoints {
		return Vector{}, fmt.Errorf("%w: it covers %.0f cm-1 of the %.0f to %.0f that are compared, at least %d are needed",
			ErrNotSearchable, math.Max(covered, 0), w.Low, w.High, MinRangeCM1+2*edgePoints)
	}
	r, err := p.Run(s)
	if err != nil {
		return Vector{}, fmt.Errorf("%w: %w", ErrNotSearchable, err)
	}
	inner := r.Y[edgePoints : len(r.Y)-edgePoints]
	return newVector(s.Technique, int(math.Round(r.X[edgePoints])), inner), nil
}

func newVector(t spectra.Technique, low int, derivative []float64) Vector {
	v := Vector{Technique: t, Low: low, Derivative: derivative}.withRoom(len(derivative))
	for i, x := range derivative {
		v.D[i] = root(x)
	}
	return v.summed()
}

// root is the square root with the sign of x, cut to float32, which is what an index keeps: every way to compare sees the same
// values.
func root(x float64) float64 { return float64(float32(math.Copysign(math.Sqrt(math.Abs(x)), x))) }

// withRoom is v with room for n values and their sums.
func (v Vector) withRoom(n int) Vector {
	room := make([]float64, 3*n+2)
	v.D, v.sum, v.sumSq = room[:n:n], room[n:2*n+1:2*n+1], room[2*n+1:]
	return v
}

// summed fills in the prefix sums of D.
func (v Vector) summed() Vector {
	sums, squares := v.sum[:len(v.D)+1], v.sumSq[:len(v.D)+1]
	var sum, square float64
	for i, x := range v.D {
		sum += x
		square += x * x
		sums[i+1], squares[i+1] = sum, square
	}
	return v
}

// High is the last wavenumber of v.
func (v Vector) High() int { return v.Low + len(v.D) - 1 }

// norm2 is the squared norm of D[i:j] about its mean.
func (v Vector) norm2(i, j int) float64 {
	n := float64(j - i)
	if n == 0 {
		return 0
	}
	s := v.sum[j] - v.sum[i]
	return math.Max(v.sumSq[j]-v.sumSq[i]-s*s/n, 0)
}

// At returns the derivative of v at the whole positions low..low+n-1 when v is moved up by shift cm-1, linear between
// its points and 0 outside them.
func (v Vector) At(low, n int, shift float64) []float64 {
	d := make([]float64, n)
	for i := range d {
		at := float64(low+i-v.Low) - shift
		k := int(math.Floor(at))
		if k < 0 || k >= len(v.Derivative) {
			continue
		}
		if f := at - float64(k); f == 0 || k+1 == len(v.Derivative) {
			d[i] = v.Derivative[k]
		} else {
			d[i] = (1-f)*v.Derivative[k] + f*v.Derivative[k+1]
		}
	}
	return d
}

// Linear is v compared by the derivative itself instead of its square root.
func (v Vector) Linear() Vector {
	v = v.withRoom(len(v.Derivative))
	copy(v.D, v.Derivative)
	return v.summed()
}

// With returns v with other derivative values, for example what a fit has left over.
func (v Vector) With(derivative []float64) Vector { return newVector(v.Technique, v.Low, derivative) }

// Correlation is the Pearson correlation of the square roots of two derivatives of equal length, without any shift:
// the score of Search for values already on one axis. It is NaN where either does not vary.
func Correlation(a, b []float64) float64 {
	var sums Agreement
	for i, x := range a {
		sums.Add(x, b[i])
	}
	return sums.Correlation()
}

// Agreement adds up what the correlation of square roots is made of.
type Agreement struct{ n, a, b, aa, bb, ab float64 }

// Add takes one value of each derivative.
func (g *Agreement) Add(a, b float64) {
	x, y := root(a), root(b)
	g.n++
	g.a += x
	g.b += y
	g.aa += x * x
	g.bb += y * y
	g.ab += x * y
}

// Correlation of all that was added; NaN where either does not vary.
func (g *Agreement) Correlation() float64 {
	return (g.ab - g.a*g.b/g.n) / math.Sqrt((g.aa-g.a*g.a/g.n)*(g.bb-g.b*g.b/g.n))
}
