package validate

import (
	"errors"
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

// fit finds the calibration from all outcomes, and by cross-fitting over groups of samples what it is worth. A library in
// which hardly anything is mistaken for anything else does not determine a curve: it keeps the shipped one.
func (v *validation) fit(lib *library.Stack) (Report, error) {
	c, left, err := v.curves()
	fitted := err == nil
	switch {
	case errors.Is(err, ErrTooFew):
		c, left = identify.Shipped, nil
		for _, o := range v.outcomes {
			left = append(left, probabilities(c, o.parts))
		}
	case err != nil:
		return Report{}, err
	}
	c.Stated = v.stated(left)
	c.Alarm = c.Stated // until the decoys say more
	if !fitted {
		c.Stated = max(c.Stated, identify.Shipped.Stated)
	}
	r := v.report(lib, c, left)
	r.Fitted = fitted
	return r, nil
}

// curves are the calibration from all outcomes, and the probabilities of every outcome's parts by a curve that did not see
// its sample.
func (v *validation) curves() (c identify.Calibration, left [][]float64, err error) {
	weights := v.weights()
	left = make([][]float64, len(v.outcomes))
	for fold := range folds {
		c, err := logistic(v.outcomes, weights, func(o outcome) bool { return foldOf(o.group) != fold })
		if err != nil {
			return c, nil, err
		}
		for i, o := range v.outcomes {
			if foldOf(o.group) == fold {
				left[i] = probabilities(c, o.parts)
			}
		}
	}
	c, err = logistic(v.outcomes, weights, func(outcome) bool { return true })
	return c, left, err
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

// stated is the lowest probability from which on no more than the tolerated share of all scans would have something wrong
// stated.
func (v *validation) stated(left [][]float64) float64 {
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
	return threshold(wrong, v.opts.WrongRate)
}

// threshold is the lowest probability, in steps of a hundredth within 0.5 to 0.99, that no more than a share of the scans
// reach; highest is the highest probability of each.
func threshold(highest []float64, share float64) float64 {
	slices.Sort(highest)
	at := highest[len(highest)-1-int(share*float64(len(highest)))] // this one must not reach it
	return math.Min(0.99, math.Max(0.5, math.Floor(100*at+1)/100))
}

// terms of the curve: a constant and the features.
const terms = 5

// observation is one judged part.
type observation struct {
	x             [terms]float64
	truth, weight float64
}

// leastOfEach is how many parts that are right, and how many that are wrong, determine a curve.
const leastOfEach = 20

// logistic fits the curve to the parts of the outcomes wanted by iteratively reweighted least squares (Newton's method on
// the penalised likelihood; McCullagh, Nelder, Generalized Linear Models, section 2.5).
func logistic(outcomes []outcome, weights []float64, want func(outcome) bool) (identify.Calibration, error) {
	rows, right := observations(outcomes, weights, want)
	if right < leastOfEach || len(rows)-right < leastOfEach {
		return identify.Calibration{}, fmt.Errorf("validate: %w: %d parts were right and %d wrong, %d of each are needed", ErrTooFew, right, len(rows)-right, leastOfEach)
	}
	var beta [terms]float64
	for range 50 {
		step, ok := newton(rows, beta)
		if !ok {
			return identify.Calibration{}, fmt.Errorf("validate: %w: right and wrong parts do not determine a curve", ErrTooFew)
		}
		largest := 0.0
		for j := range terms {
			beta[j] += step.AtVec(j)
			largest = math.Max(largest, math.Abs(step.AtVec(j)))
		}
		if largest < 1e-8 {
			break
		}
	}
	return identify.Calibration{Intercept: beta[0], With: beta[1], Gain: beta[2], Own: beta[3], LogSNR: beta[4]}, nil
}

func observations(outcomes []outcome, weights []float64, want func(outcome) bool) (rows []observation, right int) {
	for i, o := range outcomes {
		if !want(o) {
			continue
		}
		for _, p := range o.parts {
			f := p.support.Features()
			row := observation{x: [terms]float64{1, f[0], f[1], f[2], f[3]}, weight: weights[i]}
			if p.right {
				row.truth = 1
				right++
			}
			rows = append(rows, row)
		}
	}
	return rows, right
}

// newton is the next step from beta; ok is false when the rows do not determine one.
func newton(rows []observation, beta [terms]float64) (step mat.VecDense, ok bool) {
	hessian, gradient := mat.NewSymDense(terms, nil), mat.NewVecDense(terms, nil)
	for j := 1; j < terms; j++ {
		hessian.SetSym(j, j, ridge)
		gradient.SetVec(j, -ridge*beta[j])
	}
	for _, r := range rows {
		eta := 0.0
		for j := range terms {
			eta += beta[j] * r.x[j]
		}
		p := 1 / (1 + math.Exp(-eta))
		for a := range terms {
			gradient.SetVec(a, gradient.AtVec(a)+r.weight*(r.truth-p)*r.x[a])
			for b := a; b < terms; b++ {
				hessian.SetSym(a, b, hessian.At(a, b)+r.weight*p*(1-p)*r.x[a]*r.x[b])
			}
		}
	}
	var chol mat.Cholesky
	ok = chol.Factorize(hessian) && chol.SolveVecTo(&step, gradient) == nil
	return step, ok
}
