package analog

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"

	"fentrace/library/mixture"
	"fentrace/library/search"
)

const (
	// smoothCM1 is the standard deviation of the Gaussian that derivatives are smoothed with: lines of an analog are some
	// cm-1 off those of its relatives. Nothing finer than stepCM1 is left.
	smoothCM1 = 6
	stepCM1   = 4
	marginCM1 = 24 // beyond the range compared, for smoothing and for the error of the axis
	maxShift  = 4  // cm-1 by which a scan's axis may be off
)

// referenceCM1 is the resolution references are taken to have, instruments those of scans.
const referenceCM1 = 6

var instruments = []float64{9, 7, 11}

// effort of the fits: analogs are so alike that without a ridge their amounts are decided by noise, and what has a
// smaller part than the gain in a unit scan means nothing. The most is far above what a scan can tell apart.
var effort = mixture.Effort{Ridge: 1e-4, Gain: 1e-3, Most: 64}

// bank holds the references, smoothed and at unit length, as instruments of three resolutions would show them.
type bank struct {
	low, n     int      // wavenumbers low, low+stepCM1, ... compared
	substances []string // of every reference
	fentanyl   []bool
	rows       [][]float64 // by resolution: references × n
	grams      [][]float64 // by resolution: references × references
}

// smoothed is the derivative of v at low+first-marginCM1, 1 cm-1 apart, smoothed; v covers it.
func smoothed(v search.Vector, low, n int, sigma float64) []float64 {
	reach := int(math.Ceil(3 * sigma))
	kernel := make([]float64, 2*reach+1)
	for i := range kernel {
		u := float64(i-reach) / sigma
		kernel[i] = math.Exp(-u * u / 2)
	}
	floats.Scale(1/floats.Sum(kernel), kernel)
	from := v.At(low-reach, n+2*reach, 0)
	out := make([]float64, n)
	for i := range out {
		out[i] = floats.Dot(kernel, from[i:i+len(kernel)])
	}
	return out
}

// add appends a reference whose derivative covers the range with its margin.
func (k *bank) add(substance string, fentanyl bool, v search.Vector) {
	k.substances, k.fentanyl = append(k.substances, substance), append(k.fentanyl, fentanyl)
	k.rows = append(k.rows, make([][]float64, len(instruments)-len(k.rows))...)
	for w, resolution := range instruments {
		fine := smoothed(v, k.low, (k.n-1)*stepCM1+1, math.Hypot(smoothCM1, extraSigma(resolution)))
		row := make([]float64, k.n)
		for i := range row {
			row[i] = fine[i*stepCM1]
		}
		unit(row)
		k.rows[w] = append(k.rows[w], rounded(row)...)
	}
}

// extraSigma is the standard deviation of the Gaussian that makes a reference look as if taken at a resolution.
func extraSigma(resolution float64) float64 {
	return math.Sqrt(math.Max(resolution*resolution-referenceCM1*referenceCM1, 0)) / (2 * math.Sqrt(2*math.Ln2))
}

// finish computes the scalar products among the references.
func (k *bank) finish() {
	m := len(k.substances)
	k.grams = make([][]float64, len(k.rows))
	for w, rows := range k.rows {
		a := blas64.General{Rows: m, Cols: k.n, Stride: k.n, Data: rows}
		g := blas64.General{Rows: m, Cols: m, Stride: m, Data: make([]float64, m*m)}
		blas64.Gemm(blas.NoTrans, blas.Trans, 1, a, a, 0, g)
		k.grams[w] = g.Data
	}
}

// covers says whether v reaches over the range compared with its margin.
func (k *bank) covers(v search.Vector) bool {
	return v.Low <= k.low-marginCM1 && v.High() >= k.low+(k.n-1)*stepCM1+marginCM1
}

// fitter looks at one scan after another with the references of a bank. It serves one goroutine.
type fitter struct {
	bank    *bank
	solvers []*mixture.Solver
	all     []bool
	others  []bool
	dots    []float64
	scan    []float64
	fine    []float64
}

func (k *bank) newFitter() *fitter {
	m := len(k.substances)
	f := &fitter{bank: k, all: make([]bool, m), others: make([]bool, m), dots: make([]float64, m), scan: make([]float64, k.n)}
	for _, g := range k.grams {
		f.solvers = append(f.solvers, mixture.NewSolver(g, m, effort))
	}
	return f
}

// residual is what the references that are no fentanyls leave of a scan.
type residual struct {
	unit       []float64 // at unit length, on the bank's wavenumbers
	views      []float64 // what the regression compares, see kernel: three unit vectors, scaled, one after the other
	norm       float64   // its length; the scan has 1
	shift      float64   // of the scan's axis, cm-1
	resolution int       // index into instruments
	known      []int     // references that are no fentanyls and explain the rest
}

// look fits v, first with every reference to learn the error of its axis and the resolution, then without the
// fentanyls. References of the substance left out take no part: a model must learn how a substance looks that it
// does not have. ok is false for a scan without signal.
func (f *fitter) look(v search.Vector, leftOut string) (r residual, ok bool) {
	k := f.bank
	for i, s := range k.substances {
		f.all[i] = s != leftOut
		f.others[i] = f.all[i] && !k.fentanyl[i]
	}
	f.fine = smoothed(v, k.low-maxShift-1, (k.n-1)*stepCM1+1+2*(maxShift+1), smoothCM1)
	if r.shift, r.resolution, ok = f.instrument(); !ok {
		return residual{}, false
	}
	s := f.solvers[r.resolution]
	f.try(r.resolution, r.shift, f.all)
	apart := f.withoutOthers(r.resolution)
	unit(apart)
	s.Begin(s.Passive, s.Amounts, f.others)
	f.try(r.resolution, r.shift, f.others)
	r.known = append([]int(nil), s.Passive...)
	r.unit = f.withoutOthers(r.resolution)
	r.norm = unit(r.unit)
	r.views = joined(r.unit, apart, f.scan)
	return r, true
}

// instrument finds the error of the scan's axis, cm-1, and the resolution (an index into instruments) at which all
// references leave least.
func (f *fitter) instrument() (shift float64, resolution int, ok bool) {
	first := f.solvers[0]
	first.Begin(nil, nil, f.all)
	var left [2*maxShift + 1]float64
	best := 0
	for i := range left {
		if left[i], ok = f.try(0, float64(i-maxShift), f.all); !ok {
			return 0, 0, false
		}
		if left[i] < left[best] {
			best = i
		}
	}
	shift = float64(best - maxShift)
	lowest := left[best]
	if best > 0 && best < len(left)-1 {
		a, b, c := left[best-1], left[best], left[best+1]
		if curve := a - 2*b + c; curve > 0 {
			between := shift + math.Max(-0.5, math.Min(0.5, 0.5*(a-c)/curve))
			if l, _ := f.try(0, between, f.all); l < lowest {
				shift, lowest = between, l
			}
		}
	}
	for w := 1; w < len(instruments); w++ {
		f.solvers[w].Begin(first.Passive, first.Amounts, f.all)
		if l, _ := f.try(w, shift, f.all); l < lowest {
			resolution, lowest = w, l
		}
	}
	return shift, resolution, true
}

// withoutOthers is the scan less the amounts of references that are no fentanyls in the last fit.
func (f *fitter) withoutOthers(resolution int) []float64 {
	left := append([]float64(nil), f.scan...)
	s := f.solvers[resolution]
	for i, j := range s.Passive {
		if !f.bank.fentanyl[j] {
			floats.AddScaled(left, -s.Amounts[i], f.bank.row(resolution, j))
		}
	}
	return left
}

// try fits the scan moved back by shift with the references allowed, as seen at one of the resolutions.
func (f *fitter) try(resolution int, shift float64, allowed []bool) (left float64, ok bool) {
	k := f.bank
	whole := math.Floor(shift)
	part, first := shift-whole, maxShift+1+int(whole)
	for i := range f.scan {
		at := first + i*stepCM1
		f.scan[i] = (1-part)*f.fine[at] + part*f.fine[at+1]
	}
	if unit(f.scan) == 0 {
		return 0, false
	}
	for j, is := range allowed {
		f.dots[j] = 0
		if is {
			f.dots[j] = floats.Dot(k.row(resolution, j), f.scan)
		}
	}
	return f.solvers[resolution].Solve(f.dots, allowed), true
}

func (k *bank) row(resolution, i int) []float64 { return k.rows[resolution][i*k.n : (i+1)*k.n] }

// unit scales v to unit length and returns the length it had; zero stays zero.
func unit(v []float64) float64 {
	n := floats.Norm(v, 2)
	if n > 0 {
		floats.Scale(1/n, v)
	}
	return n
}

// rounded cuts v to the digits a stored model keeps, so that a model read back gives the same scores.
func rounded(v []float64) []float64 {
	for i := range v {
		v[i] = float64(float32(v[i]))
	}
	return v
}

// high is the last wavenumber compared.
func (k *bank) high() int { return k.low + (k.n-1)*stepCM1 }
