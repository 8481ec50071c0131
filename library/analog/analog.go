// Package analog says of a scan that no reference explains whether what is left of it looks like a fentanyl.
//
// The references are fitted to the scan (non-negative least squares on smoothed first derivatives, search.Vector, with
// the error of the axis and the resolution fitted along), and those that are no fentanyls are taken off. What is left,
// whatever it is worth in the mixture, is scaled to unit length and compared, by a sum of two Gaussian kernels, with
// what is left of many scans of known substances after the same treatment: kernel ridge regression on the class (C.
// Saunders, A. Gammerman, V. Vovk, ICML 1998, 515). The whole scan counts a little, too. Each of those known scans is
// simulated from a reference with other instruments, axes, noise, fluorescence and cuts, and looked at without the
// references of its own substance, so that the model learns how a substance looks that the library does not have. What
// is like nothing known scores near 0, unlike in a linear model. The question, novel analogs from their spectra, is that
// of P. Koshute et al., Forensic Chem. 34 (2023) 100506; the method is not theirs.
//
// The threshold is that of the false-alarm rate wanted, on known substances that are no fentanyls: each scored by a
// model without its scans (leave one substance out), alone and in mixtures, and each as the library has it, of which
// noise is left; the highest of the three.
//
// It works on Raman spectra: the noise and the instruments simulated are those of dispersive Raman spectrometers. A
// model from simulated references is for simulated scans alone. A Model is immutable and safe for concurrent use, and
// the package is pure.
package analog

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"fentrace/library/search"
	"fentrace/spectra"
)

// Errors of this package; test with errors.Is.
var (
	// ErrTooFew is returned by Fit for a library with too few substances of either class, or too few cuts.
	ErrTooFew = errors.New("the library has too few references to tell unlisted fentanyls")
	// ErrScan is returned by Score for a scan that the model cannot look at.
	ErrScan = errors.New("the scan cannot be compared with fentanyls")
	// ErrModel is returned for a stored model that is damaged, or written by another version.
	ErrModel = errors.New("not a usable model of fentanyls")
	// ErrOptions is returned by Fit for options out of range.
	ErrOptions = errors.New("options of the analog model are out of range")
)

// The least numbers of substances. The class of a substance is judged by its likeness to others of its class, so a
// handful says nothing; and the threshold is set by the others most like a fentanyl, of which thirty give an upper
// 95 % bound of about 10 % on what a substance unlike all of them would do.
const (
	MinFentanyls = 8
	MinOthers    = 30
	MinCuts      = 5
)

// Example is one reference of a known substance. Precursors and metabolites that share most of the skeleton belong to
// neither class and are best left out: as fentanyls they widen the class, as others they hide it.
type Example struct {
	SubstanceID string // examples of one substance are left out together
	Name        string
	Fentanyl    bool
	// Cut marks what powders are mixed with; it may occur in any mixture the model is fitted on.
	Cut      bool
	Spectrum spectra.Spectrum // Raman, continuous, over cm-1
}

// Options of Fit; the zero value of a field stands for its default.
type Options struct {
	// FalseAlarmRate is the part of scans of other substances that may alarm, 0.0001..0.5; 0.01 by default. With few
	// others it is the highest of their scores that decides, and a lower rate changes nothing.
	FalseAlarmRate float64
	// Seed of the simulated scans. The same examples, options and seed give the same model on one machine.
	Seed uint64
	// ScansPerSubstance, 3..60, 9 by default, is how many are simulated of each substance; fewer where there are so many
	// substances that there would be more than 2,000 in all. The time of Fit grows with the third power of that number:
	// about 5 s on one core for 150 substances, for each of Fits.
	ScansPerSubstance int
	// Fits, 1..8, 3 by default, is how many times scans are simulated and fitted anew: the score is the mean of that many
	// regressions, which depends less on what was drawn.
	Fits int
	// LowCM1 and HighCM1 are the range compared, 382 and 1866 by default, at least search.MinRangeCM1 apart. References
	// and scans must cover 32 cm-1 more on either side (350 to 1900), or they are left out.
	LowCM1, HighCM1 int
}

// Model scores scans. Make one with Fit, or read one back with json.Unmarshal.
type Model struct {
	options   Options
	bank      bank
	names     []string  // of every reference of the bank
	centres   []float32 // views of known scans, one after the other, viewCount*bank.n each, of all fits
	weights   []float64 // of the centres; positive speaks for a fentanyl
	threshold float64
	logistic  [2]float64 // intercept and slope from score to log-odds at even odds
	simulated bool
	leftOut   []string
}

// Simulated says whether any reference was simulated: then the model is for simulated scans alone.
func (m *Model) Simulated() bool { return m.simulated }

// Threshold is the score above which a scan alarms.
func (m *Model) Threshold() float64 { return m.threshold }

// LeftOut names the references that could not take part, with the reason, one sentence each.
func (m *Model) LeftOut() []string { return slices.Clone(m.leftOut) }

// Score is how much a scan looks like one of a fentanyl.
type Score struct {
	// Value is about 1 for what is like known fentanyls, about -1 for what is like known other substances, and near 0
	// for what is like nothing known and for a scan of which the other references leave only noise.
	Value float64
	// Alarm says whether Value is above the threshold of the false-alarm rate wanted.
	Alarm bool
	// Probability that the unexplained part is a fentanyl, if fentanyls and others were equally frequent, 0..1.
	Probability float64
	// Unexplained is the part of the scan (of the squared derivative, 0..1) that references which are no fentanyls leave.
	Unexplained float64
	// ShiftCM1 is the error of the scan's axis, from the fit of all references.
	ShiftCM1 float64
	// Nearest are the known fentanyls most like the unexplained part, best first, at most three.
	Nearest []Neighbour
	// Differs says where the unexplained part differs from the nearest, empty unless that is clear. See Region.
	Differs []Region
}

// Neighbour is a known fentanyl.
type Neighbour struct {
	SubstanceID, Name string
	// Similarity is the partial correlation of its reference with the scan, given the other substances found in the
	// scan, -1..1.
	Similarity float64
}

const nearest = 3

// Score looks at a prepared Raman scan. It returns ErrScan, with the reason, for another technique, a scan that does
// not cover the range of the model with its margin, or one without signal. It takes a few milliseconds.
func (m *Model) Score(v search.Vector) (Score, error) {
	if v.Technique != spectra.Raman {
		return Score{}, fmt.Errorf("%w: technique %q, the model knows raman only", ErrScan, v.Technique)
	}
	if !m.bank.covers(v) {
		return Score{}, fmt.Errorf("%w: its derivative covers %d to %d cm-1, %d to %d are needed: fit a model with a narrower range",
			ErrScan, v.Low, v.High(), m.bank.low-marginCM1, m.bank.high()+marginCM1)
	}
	r, ok := m.bank.newFitter().look(v, "")
	if !ok {
		return Score{}, fmt.Errorf("%w: it has no signal", ErrScan)
	}
	s := Score{Value: m.value(r.views), Unexplained: r.norm * r.norm, ShiftCM1: r.shift}
	s.Alarm = s.Value > m.threshold
	s.Probability = 1 / (1 + math.Exp(-m.logistic[0]-m.logistic[1]*s.Value))
	var best int
	s.Nearest, best = m.neighbours(r)
	if !m.simulated {
		s.Differs = m.bank.differs(r, best)
	}
	return s, nil
}

// value is the kernel regression for the joined views of a scan.
func (m *Model) value(u []float64) (sum float64) {
	left, rest := m.products(u, 0, m.bank.n), m.products(u, m.bank.n, len(u))
	for i, w := range m.weights {
		sum += w * kernel(float64(left[i]), float64(left[i]+rest[i]))
	}
	return sum
}

// products are the scalar products of views from..to-1 of u with those of every centre.
func (m *Model) products(u []float64, from, to int) []float32 {
	x := blas32.Vector{N: to - from, Inc: 1, Data: make([]float32, to-from)}
	for i, v := range u[from:to] {
		x.Data[i] = float32(v)
	}
	y := blas32.Vector{N: len(m.weights), Inc: 1, Data: make([]float32, len(m.weights))}
	c := blas32.General{Rows: y.N, Cols: x.N, Stride: len(u), Data: m.centres[from:]}
	blas32.Gemv(blas.NoTrans, 1, c, x, 0, y)
	return y.Data
}

// neighbours returns the nearest fentanyls, one entry a substance, and the reference that is nearest of all.
func (m *Model) neighbours(r residual) (list []Neighbour, best int) {
	partial := m.bank.partial(r)
	best = -1
	var order []int
	for i, is := range m.bank.fentanyl {
		if is {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(partial[b], partial[a]) })
	for _, i := range order {
		id := m.bank.substances[i]
		if slices.ContainsFunc(list, func(n Neighbour) bool { return n.SubstanceID == id }) {
			continue
		}
		if best < 0 {
			best = i
		}
		if list = append(list, Neighbour{id, m.names[i], partial[i]}); len(list) == nearest {
			break
		}
	}
	return list, best
}
