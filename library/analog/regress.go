package analog

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
)

// leastAlarm is the lowest threshold: scores nearer to 0 are those of what is like nothing known, which no library
// however easy to tell apart makes a reason for an alarm.
const leastAlarm = 0.05

// A scan is looked at in three ways, each at unit length: what the references that are no fentanyls leave of it; what
// they leave when fentanyls may explain it as well, which keeps more of what both could explain; and the whole scan.
// The kernel is the mean of two: one for all three, where the sharpness of each says how much it counts, and one for
// what is left alone, which finds more of the pure analogs where the first finds more of them in cuts. Sharpness and
// ridge were chosen on simulated substances.
const (
	leftSharpness  = 2.
	apartSharpness = 1.
	wholeSharpness = 0.5
	aloneSharpness = 4. // of what is left, in the kernel for it alone
	kernelRidge    = 0.5
	viewCount      = 3
)

// joined are the three views of a scan, so scaled that kernel is a function of one scalar product.
func joined(left, apart, whole []float64) []float64 {
	all := make([]float64, 0, viewCount*len(left))
	for _, view := range []struct {
		v         []float64
		sharpness float64
	}{{left, leftSharpness}, {apart, apartSharpness}, {whole, wholeSharpness}} {
		for _, x := range view.v {
			all = append(all, math.Sqrt(view.sharpness)*x)
		}
	}
	return all
}

// kernel of two scans whose joined views have the scalar product all, to which what is left adds the part left: 1 for
// the same scan. Each Gaussian is a function of scalar products because the views have unit length.
func kernel(left, all float64) float64 {
	return (math.Exp(all-leftSharpness-apartSharpness-wholeSharpness) + math.Exp(aloneSharpness*(left/leftSharpness-1))) / 2
}

// regress fits the kernel regression and returns for every scan the score of a model without the scans of its
// substance. With A the inverse of the kernel matrix plus ridge, a = A y, and S the scans of one substance, the scores
// without them miss y by A[S,S]^-1 a[S] (the block form of the leave-one-out identity, R. M. Rifkin, R. A. Lippert,
// MIT-CSAIL-TR-2007-025).
func (m *Model) regress(scans []scan) ([]float64, error) {
	n := len(scans)
	k := mat.NewSymDense(n, nil)
	y := mat.NewVecDense(n, nil)
	rows := mat.NewDense(n, viewCount*m.bank.n, nil)
	for i, a := range scans {
		y.SetVec(i, a.class)
		rows.SetRow(i, a.views)
		for _, v := range a.views {
			m.centres = append(m.centres, float32(v))
		}
	}
	k.SymOuterK(1, rows)
	left := mat.NewSymDense(n, nil)
	left.SymOuterK(1, rows.Slice(0, n, 0, m.bank.n))
	for i := range n {
		for j := i; j < n; j++ {
			v := kernel(left.At(i, j), k.At(i, j))
			if i == j {
				v += kernelRidge
			}
			k.SetSym(i, j, v)
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(k) {
		return nil, fmt.Errorf("%w: the kernel matrix of %d scans is singular", ErrTooFew, n)
	}
	if err := chol.InverseTo(k); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTooFew, err)
	}
	a := mat.NewVecDense(n, nil)
	a.MulVec(k, y)
	m.weights = a.RawVector().Data
	return m.leaveEachOut(scans, k, a)
}

// leaveEachOut returns the scores without the scans of each substance, from the inverse of the kernel matrix plus ridge
// and the weights.
func (m *Model) leaveEachOut(scans []scan, inverse *mat.SymDense, weights *mat.VecDense) ([]float64, error) {
	held := make([]float64, len(scans))
	for from := 0; from < len(scans); {
		to := from
		for to < len(scans) && scans[to].group == scans[from].group {
			to++
		}
		var miss mat.VecDense
		if err := miss.SolveVec(inverse.SliceSym(from, to), weights.SliceVec(from, to)); err != nil {
			return nil, fmt.Errorf("%w: leave out %s: %w", ErrTooFew, m.bank.substances[scans[from].sample], err)
		}
		for i := from; i < to; i++ {
			held[i] = scans[i].class - miss.AtVec(i-from)
		}
		from = to
	}
	return held, nil
}

// limit is the score that at most the wanted part of the scans of others exceeds: of substances the library does not
// have, alone and in mixtures, and of those it has, of which noise is left.
func (m *Model) limit(scans []scan, held []float64) float64 {
	var alone, mixed, known []float64
	for i, s := range scans {
		switch {
		case s.class > 0:
		case s.pure:
			alone = append(alone, held[i])
		default:
			mixed = append(mixed, held[i])
		}
		if s.known != nil {
			known = append(known, m.value(s.known))
		}
	}
	top := leastAlarm
	for _, scores := range [][]float64{alone, mixed, known} {
		if len(scores) > 0 {
			slices.Sort(scores)
			top = math.Max(top, stat.Quantile(1-m.options.FalseAlarmRate, stat.Empirical, scores, nil))
		}
	}
	return top
}

// logistic fits log-odds of the class to the scores (J. Platt, Advances in Large Margin Classifiers, 2000, 61), both
// classes having the same weight, by Newton's method.
func logistic(scans []scan, held []float64) (ab [2]float64) {
	count := map[float64]float64{}
	for _, s := range scans {
		count[s.class]++
	}
	for range 50 {
		g, h := mat.NewVecDense(2, []float64{0, -1e-3 * ab[1]}), mat.NewSymDense(2, []float64{1e-6, 0, 0, 1e-3})
		for i, s := range scans {
			w, x := 1/count[s.class], []float64{1, held[i]}
			p := 1 / (1 + math.Exp(-ab[0]-ab[1]*held[i]))
			floats.AddScaled(g.RawVector().Data, w*((s.class+1)/2-p), x)
			h.SymRankOne(h, w*p*(1-p), mat.NewVecDense(2, x))
		}
		var step mat.VecDense
		if step.SolveVec(h, g) != nil {
			return ab
		}
		ab[0], ab[1] = ab[0]+step.AtVec(0), ab[1]+step.AtVec(1)
		if mat.Norm(&step, 2) < 1e-9 {
			break
		}
	}
	return ab
}
