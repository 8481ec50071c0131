package validate

import (
	"fmt"
	"hash/fnv"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"fentrace/library"
	"fentrace/library/identify"
)

const (
	folds = 5
	// ridge (in units of a feature squared) keeps the curve finite where right and wrong do not overlap.
	ridge = 0.01
	// enoughScans recorded by the user weigh as much as all drawn ones; fewer in proportion.
	enoughScans = 200
)

// fit finds the calibration from all outcomes, and by cross-fitting over groups of samples what it is worth.
func (v *validation) fit(lib *library.Stack) (Report, error) {
	weights := v.weights()
	left := make([][]float64, len(v.outcomes)) // probabilities from curves that did not see the sample
	for fold := range folds {
		c, err := logistic(v.outcomes, weights, func(o outcome) bool { return foldOf(o.group) != fold })
		if err != nil {
			return Report{}, err
		}
		for i, o := range v.outcomes {
			if foldOf(o.group) == fold {
				left[i] = probabilities(c, o.parts)
			}
		}
	}
	c, err := logistic(v.outcomes, weights, func(outcome) bool { return true })
	if err != nil {
		return Report{}, err
	}
	c.Stated = v.threshold(left)
	return v.report(lib, c, left), nil
}

// weights of the outcomes: recorded scans count up to as much as the drawn ones together.
func (v *validation) weights() []float64 {
	drawn, recorded := 0, 0
	for _, o := range v.outcomes {
		if o.recorded {
			recorded++
		} else {
			drawn++
		}
	}
	w := make([]float64, len(v.outcomes))
	for i, o := range v.outcomes {
		w[i] = 1
		if o.recorded {
			w[i] = float64(drawn) / float64(max(recorded, 2*enoughScans))
		}
	}
	return w
}

// foldOf puts all samples of one content into one fold.
func foldOf(group string) int {
	h := fnv.New32a()
	h.Write([]byte(group))
	return int(h.Sum32() % folds)
}

func probabilities(c identify.Calibration, parts []judged) []float64 {
	out := make([]float64, len(parts))
	for i, p := range parts {
		out[i] = c.Probability(p.support)
	}
	return out
}

// threshold is the lowest probability, in steps of a hundredth, from which on no more than the tolerated share of all scans
// would have something wrong stated.
func (v *validation) threshold(left [][]float64) float64 {
	var wrong []float64 // highest probability of something wrong, of every scan that has any
	for i, o := range v.outcomes {
		highest := 0.0
		for k, p := range o.parts {
			if !p.right {
				highest = math.Max(highest, left[i][k])
			}
		}
		wrong = append(wrong, highest)
	}
	slices.Sort(wrong)
	tolerated := int(v.opts.WrongRate * float64(len(wrong)))
	at := wrong[len(wrong)-1-tolerated] // this one must not be stated
	return math.Min(0.99, math.Max(0.5, math.Floor(100*at+1)/100))
}

// logistic fits the curve to the parts of the outcomes wanted by iteratively reweighted least squares (Newton's method on
// the penalised likelihood; McCullagh, Nelder, Generalized Linear Models, section 2.5).
func logistic(outcomes []outcome, weights []float64, want func(outcome) bool) (identify.Calibration, error) {
	const k = 4
	var rows [][k]float64
	var truth, weight []float64
	right := 0
	for i, o := range outcomes {
		if !want(o) {
			continue
		}
		for _, p := range o.parts {
			f := p.support.Features()
			rows = append(rows, [k]float64{1, f[0], f[1], f[2]})
			weight = append(weight, weights[i])
			if p.right {
				truth = append(truth, 1)
				right++
			} else {
				truth = append(truth, 0)
			}
		}
	}
	if right < 20 || len(rows)-right < 20 {
		return identify.Calibration{}, fmt.Errorf("validate: %w: %d parts were right and %d wrong, 20 of each are needed: draw more scans", ErrTooFew, right, len(rows)-right)
	}
	var beta [k]float64
	for range 50 {
		hessian, gradient := mat.NewSymDense(k, nil), mat.NewVecDense(k, nil)
		for j := 1; j < k; j++ {
			hessian.SetSym(j, j, ridge)
			gradient.SetVec(j, -ridge*beta[j])
		}
		for i, x := range rows {
			eta := 0.0
			for j := range k {
				eta += beta[j] * x[j]
			}
			p := 1 / (1 + math.Exp(-eta))
			for a := range k {
				gradient.SetVec(a, gradient.AtVec(a)+weight[i]*(truth[i]-p)*x[a])
				for b := a; b < k; b++ {
					hessian.SetSym(a, b, hessian.At(a, b)+weight[i]*p*(1-p)*x[a]*x[b])
				}
			}
		}
		hessian.SetSym(0, 0, hessian.At(0, 0)+1e-9)
		var chol mat.Cholesky
		var step mat.VecDense
		if !chol.Factorize(hessian) || chol.SolveVecTo(&step, gradient) != nil {
			return identify.Calibration{}, fmt.Errorf("validate: %w: right and wrong parts do not determine a curve: draw more scans", ErrTooFew)
		}
		largest := 0.0
		for j := range k {
			beta[j] += step.AtVec(j)
			largest = math.Max(largest, math.Abs(step.AtVec(j)))
		}
		if largest < 1e-8 {
			break
		}
	}
	return identify.Calibration{Intercept: beta[0], With: beta[1], Gain: beta[2], LogSNR: beta[3]}, nil
}
