package mixture

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize"
)

// Responses say how strongly references answer in mixtures, each compared with itself alone: an amount of reference j
// (Fit.Amount) divided by Factor[j] is in proportion to its mass. Factors have a geometric mean of 1: only their ratios
// show in mass fractions.
type Responses struct {
	Factor []float64
	// LogSD is how well the factor of a component in one mixture is known, as a standard deviation of its natural
	// logarithm: the error of Factor and how much it differs from mixture to mixture.
	LogSD []float64
}

// unlearnedLogSD is the assumption about powders of which only the pure forms were measured: grain size, packing and
// what surrounds a grain change the signal of the same mass by a factor of about 1.5 either way.
var unlearnedLogSD = math.Log(1.5)

// Unlearned are the responses of n components of which nothing but the pure forms is known.
func Unlearned(n int) Responses {
	r := Responses{Factor: make([]float64, n), LogSD: make([]float64, n)}
	for i := range n {
		r.Factor[i], r.LogSD[i] = 1, unlearnedLogSD
	}
	return r
}

// Composition is a mass fraction per component (0..1, together 1) with 95 % intervals.
type Composition struct{ Estimate, Low, High []float64 }

const (
	compositionDraws = 2000
	// leastShare of the largest amount keeps logarithms finite where an amount is 0 without error.
	leastShare = 1e-6
)

// Composition turns amounts of the components with their standard errors into mass fractions: the mean, and the middle
// 95 %, of what fits the amounts, when before the measurement every composition is as likely as any other and the
// logarithm of each response is normal about that of its factor. It is computed by drawing from random; the error of a
// fraction by that is below 0.01. It returns ErrInput when the lengths differ, an error or amount is negative, or
// all amounts are 0.
func (r Responses) Composition(amounts, se []float64, random *rand.Rand) (Composition, error) {
	k := len(r.Factor)
	if len(amounts) != k || len(se) != k || k == 0 {
		return Composition{}, fmt.Errorf("%w: %d amounts and %d errors for %d responses", ErrInput, len(amounts), len(se), k)
	}
	if floats.Min(amounts) < 0 || floats.Min(se) < 0 || floats.Max(amounts) == 0 {
		return Composition{}, fmt.Errorf("%w: amounts must be 0 or more, one of them above 0, errors not negative", ErrInput)
	}
	floor := leastShare * floats.Max(amounts)
	draws := make([][]float64, compositionDraws)
	weights := make([]float64, compositionDraws) // logarithms first
	for d := range draws {
		q := make([]float64, k)
		for j := range q {
			e := r.LogSD[j] * random.NormFloat64()
			q[j] = math.Max(positiveNormal(amounts[j], se[j], random), floor) * math.Exp(-e) / r.Factor[j]
			weights[d] -= e
		}
		total := floats.Sum(q)
		floats.Scale(1/total, q)
		// From amounts and responses, which are what is drawn, to fractions, of which all are alike beforehand.
		weights[d] -= float64(k) * math.Log(total)
		draws[d] = q
	}
	top := floats.Max(weights)
	for d := range weights {
		weights[d] = math.Exp(weights[d] - top)
	}
	return summarise(draws, weights), nil
}

// positiveNormal draws from a normal distribution cut off at 0.
func positiveNormal(mean, sd float64, random *rand.Rand) float64 {
	for range 100 {
		if v := mean + sd*random.NormFloat64(); v >= 0 {
			return v
		}
	}
	return mean
}

// summarise returns weighted means and the 2.5 % and 97.5 % quantiles.
func summarise(draws [][]float64, weights []float64) Composition {
	k, total := len(draws[0]), floats.Sum(weights)
	c := Composition{Estimate: make([]float64, k), Low: make([]float64, k), High: make([]float64, k)}
	order := make([]int, len(draws))
	for i := range order {
		order[i] = i
	}
	for j := range k {
		slices.SortFunc(order, func(a, b int) int { return cmp.Compare(draws[a][j], draws[b][j]) })
		var seen float64
		for _, d := range order {
			v := draws[d][j]
			c.Estimate[j] += weights[d] / total * v
			if seen <= 0.025*total {
				c.Low[j] = v
			}
			if seen < 0.975*total {
				c.High[j] = v
			}
			seen += weights[d]
		}
	}
	return c
}

// LearnResponses finds the responses of components from mixtures of known composition: the factors with which the
// mass fractions known are most likely (least cross-entropy with what is found). Both have one row per mixture, or
// per scan of one, and one column per component; rows of fractions add up to 1. At least as many rows as components
// are needed, and every component has to vary. Errors: ErrInput.
func LearnResponses(amounts, fractions [][]float64) (Responses, error) {
	if len(amounts) == 0 || len(amounts) != len(fractions) || len(amounts) < len(amounts[0]) {
		return Responses{}, fmt.Errorf("%w: %d rows of amounts, %d of mass fractions; as many as components are needed", ErrInput, len(amounts), len(fractions))
	}
	k := len(amounts[0])
	for i := range amounts {
		if len(amounts[i]) != k || len(fractions[i]) != k || floats.Sum(amounts[i]) <= 0 || floats.Min(amounts[i]) < 0 {
			return Responses{}, fmt.Errorf("%w: row %d must have %d amounts of 0 or more, one above 0, and as many fractions", ErrInput, i, k)
		}
	}
	if k == 1 {
		return Responses{Factor: []float64{1}, LogSD: []float64{0}}, nil
	}
	// The cross-entropy is convex: it has one minimum, at which every component's mean fraction comes out as known.
	problem := optimize.Problem{Func: func(logs []float64) float64 {
		var sum float64
		for i := range amounts {
			for j, p := range shares(amounts[i], logs) {
				sum -= fractions[i][j] * math.Log(math.Max(p, leastShare))
			}
		}
		return sum
	}, Grad: func(gradient, logs []float64) {
		clear(gradient)
		for i := range amounts {
			for j, p := range shares(amounts[i], logs) {
				gradient[j] += fractions[i][j] - p
			}
		}
	}}
	found, err := optimize.Minimize(problem, make([]float64, k), nil, &optimize.BFGS{})
	if err != nil && found == nil {
		return Responses{}, fmt.Errorf("%w: responses: %w", ErrInput, err)
	}
	logs := found.X
	floats.AddConst(-floats.Sum(logs)/float64(k), logs)
	return knownAsWell(logs, amounts, fractions)
}

// shares are the mass fractions of amounts with responses exp(logs).
func shares(amounts, logs []float64) []float64 {
	p := make([]float64, len(amounts))
	for j, a := range amounts {
		p[j] = a * math.Exp(-logs[j])
	}
	floats.Scale(1/floats.Sum(p), p)
	return p
}

// knownAsWell adds to factors how well they are known, from how far the mixtures they were learned on are off.
func knownAsWell(logs []float64, amounts, fractions [][]float64) (Responses, error) {
	k := len(logs)
	normal := mat.NewSymDense(k, nil) // J'J of the fractions by the logarithms
	var off, moved float64
	for i := range amounts {
		p := shares(amounts[i], logs)
		squares := floats.Dot(p, p)
		for j := range p {
			off += (p[j] - fractions[i][j]) * (p[j] - fractions[i][j])
			// What independent changes of all logarithms by 1 do to fraction j.
			moved += p[j] * p[j] * ((1-p[j])*(1-p[j]) + squares - p[j]*p[j])
			for l := range j + 1 {
				// sum over m of dp_m/dlog_j dp_m/dlog_l, dp_m/dlog_j = -p_j ((m==j) - p_m)
				v := p[j] * p[l] * (squares - p[j] - p[l])
				if j == l {
					v += p[j] * p[j]
				}
				normal.SetSym(j, l, normal.At(j, l)+v)
			}
		}
	}
	// All factors times the same changes no fraction: fix their mean.
	for j := range k {
		for l := range j + 1 {
			normal.SetSym(j, l, normal.At(j, l)+1)
		}
	}
	every := make([]int, k)
	for j := range every {
		every[j] = j
	}
	inverse, ok := invert(normal, every)
	if !ok || moved == 0 {
		return Responses{}, fmt.Errorf("%w: the mixtures do not tell the responses apart; vary every component", ErrInput)
	}
	freedom := math.Max(float64(len(amounts)-1)*float64(k-1), 1)
	perFraction := off / freedom
	scatter := off / moved * float64(len(amounts)*(k-1)) / freedom
	r := Responses{Factor: make([]float64, k), LogSD: make([]float64, k)}
	for j := range k {
		r.Factor[j] = math.Exp(logs[j])
		r.LogSD[j] = math.Sqrt(scatter + perFraction*inverse.At(j, j))
	}
	return r, nil
}
