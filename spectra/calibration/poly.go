package calibration

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// maxDegree of a correction. A grating spectrometer's error is smooth; more would follow the scatter of the lines.
const maxDegree = 3

// poly is a correction in cm-1 over the shift as measured: a polynomial in (x-Centre)/Scale between the outermost lines it
// rests on, continued straight outside them, so that it cannot run away.
type poly struct {
	Coefficients []float64 `json:"coefficients"` // lowest power first
	Centre       float64   `json:"centre_cm1"`
	Scale        float64   `json:"scale_cm1"`
	Low          float64   `json:"low_cm1"`
	High         float64   `json:"high_cm1"`
}

func (p poly) at(x float64) float64 {
	inside := min(max(x, p.Low), p.High)
	u := (inside - p.Centre) / p.Scale
	v, slope := 0.0, 0.0
	for i := len(p.Coefficients) - 1; i >= 0; i-- {
		slope = slope*u + v
		v = v*u + p.Coefficients[i]
	}
	return v + slope/p.Scale*(x-inside)
}

// slope of the correction at x.
func (p poly) slope(x float64) float64 {
	u := (min(max(x, p.Low), p.High) - p.Centre) / p.Scale
	s := 0.0
	for i := len(p.Coefficients) - 1; i >= 1; i-- {
		s = s*u + float64(i)*p.Coefficients[i]
	}
	return s / p.Scale
}

// fit is a least-squares correction of the given degree. lamp tells which pairs have a common offset of their own (their
// laser is not known); offset is that, expected less found beside the polynomial. False when the pairs do not suffice.
func fit(pairs []pair, degree int, lamp func(pair) bool) (model poly, offset float64, ok bool) {
	lamps := 0
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, p := range pairs {
		lo, hi = min(lo, p.found.X), max(hi, p.found.X)
		if lamp(p) {
			lamps++
		}
	}
	columns := degree + 1
	free := lamps > 0 && lamps < len(pairs)
	if free {
		columns++
	}
	if len(pairs) < columns {
		return poly{}, 0, false
	}
	model = poly{Centre: (lo + hi) / 2, Scale: max((hi-lo)/2, 1), Low: lo, High: hi}
	a, b := mat.NewDense(len(pairs), columns, nil), mat.NewVecDense(len(pairs), nil)
	for i, p := range pairs {
		w := weight(p)
		u, v := (p.found.X-model.Centre)/model.Scale, w
		for c := range degree + 1 {
			a.Set(i, c, v)
			v *= u
		}
		if free && lamp(p) {
			a.Set(i, columns-1, w)
		}
		b.SetVec(i, w*p.delta())
	}
	var x mat.VecDense
	if err := x.SolveVec(a, b); err != nil { // also when the lines nearly coincide
		return poly{}, 0, false
	}
	model.Coefficients = slices.Clone(x.RawVector().Data[:degree+1])
	if free {
		offset = x.AtVec(columns - 1)
	}
	return model, offset, true
}

// weight of a line: broad bands are placed less surely.
func weight(p pair) float64 { return 1 / (1 + math.Pow(p.found.Width/25, 2)) }

func none(pair) bool { return false }

// choose fits the degree, 0 to most, that places lines best that it has not seen (leave one out); a higher one has to
// be clearly better and needs two lines for each of its coefficients.
func choose(pairs []pair, most int) (poly, bool) {
	model, _, _, ok := chooseWith(pairs, most, none)
	return model, ok
}

func chooseWith(pairs []pair, most int, lamp func(pair) bool) (model poly, offset float64, left []float64, ok bool) {
	const clearly = 0.95
	best := math.Inf(1)
	for degree := 0; degree <= min(most, maxDegree); degree++ {
		if degree > 0 && len(pairs) < 2*(degree+1) {
			break
		}
		m, c, fits := fit(pairs, degree, lamp)
		if !fits {
			continue
		}
		out := leaveOneOut(pairs, degree, lamp)
		if rms := within(pairs, out, m); !ok || rms < clearly*best {
			best, model, offset, left, ok = rms, m, c, out, true
		}
	}
	return model, offset, left, ok
}

// within is the weighted root mean square of what the lines between the outermost ones are missed by. The outermost do not
// count: without them the correction would have to be guessed beyond its lines, which it is never used for.
func within(pairs []pair, missed []float64, m poly) float64 {
	sum, n := 0.0, 0
	for i, p := range pairs {
		if len(pairs) < 5 || p.found.X > m.Low && p.found.X < m.High {
			sum += math.Pow(weight(p)*missed[i], 2)
			n++
		}
	}
	return math.Sqrt(sum / float64(n))
}

// leaveOneOut is, for each pair, by how much a correction fitted to all the others misses it; the plain residual where
// the others do not suffice.
func leaveOneOut(pairs []pair, degree int, lamp func(pair) bool) []float64 {
	out := make([]float64, len(pairs))
	for i, p := range pairs {
		rest := slices.Delete(slices.Clone(pairs), i, i+1)
		m, c, ok := fit(rest, degree, lamp)
		if !ok {
			out[i] = p.delta()
			continue
		}
		if !lamp(p) {
			c = 0
		}
		out[i] = p.delta() - m.at(p.found.X) - c
	}
	return out
}
