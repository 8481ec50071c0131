package powders

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"fentrace/bench/report"
	"fentrace/library/mixture"
)

const (
	command = "make bench-accuracy"
	plain   = "plain non-negative least squares on first derivatives"
	seeds   = 3
)

// Measure fits every scan of the weighed powders, and the mean of each vial's scans, with the pure powders: with these
// alone, and with responses learned on the vials of odd number and applied to those of even number.
func Measure(ctx context.Context, root string) ([]report.Result, error) {
	p, err := load(root)
	if err != nil {
		return nil, err
	}
	var results []report.Result
	for _, part := range []func(context.Context) ([]report.Result, error){
		p.alone, p.learned, func(ctx context.Context) ([]report.Result, error) { return p.presence(ctx, root) },
	} {
		rs, err := part(ctx)
		if err != nil {
			return nil, err
		}
		results = append(results, rs...)
	}
	return results, nil
}

// fit explains a scan by the pure powders, and further references if given, over the slope of the background.
func (p *powders) fit(s scan, further ...[]float64) (mixture.Fit, error) {
	return mixture.Solve(mixture.Problem{
		Scan: s.values, References: append(append([][]float64{}, p.cleanPure...), further...), SD: s.sd,
		Free: mixture.Background(len(s.values), backgroundDegree),
	})
}

// amounts of the components with their standard errors.
func (p *powders) amounts(s scan) (amounts, se []float64, err error) {
	f, err := p.fit(s)
	if err != nil {
		return nil, nil, err
	}
	for i := range f.Coefficients {
		a, e := f.Amount(i)
		amounts, se = append(amounts, a), append(se, e)
	}
	return amounts, se, nil
}

// plainAmounts is the peer: unweighted, no background, scans as recorded.
func (p *powders) plainAmounts(s scan) []float64 {
	k := len(p.plainPure)
	gram, rhs := mat.NewSymDense(k, nil), make([]float64, k)
	for i, a := range p.plainPure {
		rhs[i] = floats.Dot(a, s.values)
		for j := range i + 1 {
			gram.SetSym(i, j, floats.Dot(a, p.plainPure[j]))
		}
	}
	return mixture.NNLS(gram, rhs)
}

// kinds of measurement.
var kinds = []struct {
	name  string
	scans func(recording) []scan
}{
	{"mean of 60 scans", func(r recording) []scan { return []scan{r.mean} }},
	{"one scan", func(r recording) []scan { return r.one }},
}

// errorsOf is the mean absolute error of each vial, averaged over its scans and components, and the share of
// components whose weighed fraction lies in its interval.
func (p *powders) errorsOf(ctx context.Context, vials []vial, scans func(recording) []scan, r mixture.Responses, seed uint64) (off []float64, inside, of int, err error) {
	random := rand.New(rand.NewPCG(seed, 0))
	for _, v := range vials {
		if err := ctx.Err(); err != nil {
			return nil, 0, 0, err
		}
		var sum float64
		list := scans(v.clean)
		for _, s := range list {
			amounts, se, err := p.amounts(s)
			if err != nil {
				return nil, 0, 0, fmt.Errorf("%s: %w", v.name, err)
			}
			c, err := r.Composition(amounts, se, random)
			if err != nil {
				return nil, 0, 0, fmt.Errorf("%s: %w", v.name, err)
			}
			sum += meanError(c.Estimate, v.truth)
			for j, t := range v.truth {
				of++
				if c.Low[j] <= t && t <= c.High[j] {
					inside++
				}
			}
		}
		off = append(off, sum/float64(len(list)))
	}
	return off, inside, of, nil
}

// plainErrors is the same for the peer; factor divides its amounts.
func (p *powders) plainErrors(vials []vial, scans func(recording) []scan, factor []float64) (off []float64) {
	for _, v := range vials {
		var sum float64
		list := scans(v.plain)
		for _, s := range list {
			sum += meanError(normalised(p.plainAmounts(s), factor), v.truth)
		}
		off = append(off, sum/float64(len(list)))
	}
	return off
}

func normalised(amounts, factor []float64) []float64 {
	out := make([]float64, len(amounts))
	floats.DivTo(out, amounts, factor)
	floats.Scale(1/math.Max(floats.Sum(out), math.SmallestNonzeroFloat64), out)
	return out
}

func meanError(estimate, truth []float64) float64 {
	return floats.Distance(estimate, truth, 1) / float64(len(truth))
}

// alone: the pure powders are all that is known.
func (p *powders) alone(ctx context.Context) ([]report.Result, error) {
	unlearned := mixture.Unlearned(len(p.cleanPure))
	ones := make([]float64, len(p.plainPure))
	floats.AddConst(1, ones)
	var results []report.Result
	for _, kind := range kinds {
		peer := p.plainErrors(p.vials, kind.scans, ones)
		rs, err := p.overSeeds(ctx, "weighed powders, pure references alone", kind.name, p.vials, kind.scans, unlearned, stat.Mean(peer, nil))
		if err != nil {
			return nil, err
		}
		results = append(results, rs...)
	}
	return results, nil
}

// learned: responses from the odd vials, applied to the even ones.
func (p *powders) learned(ctx context.Context) ([]report.Result, error) {
	var odd, even []vial
	for i, v := range p.vials {
		if i%2 == 0 { // the first is number 1
			odd = append(odd, v)
		} else {
			even = append(even, v)
		}
	}
	var results []report.Result
	for _, kind := range kinds {
		var amounts, fractions [][]float64
		for _, v := range odd {
			for _, s := range kind.scans(v.clean) {
				a, _, err := p.amounts(s)
				if err != nil {
					return nil, err
				}
				amounts, fractions = append(amounts, a), append(fractions, v.truth)
			}
		}
		r, err := mixture.LearnResponses(amounts, fractions)
		if err != nil {
			return nil, err
		}
		peer := p.plainErrors(even, kind.scans, p.plainFactors(odd, kind.scans))
		rs, err := p.overSeeds(ctx, "weighed powders, responses learned on other vials", kind.name, even, kind.scans, r, stat.Mean(peer, nil))
		if err != nil {
			return nil, err
		}
		results = append(results, rs...)
	}
	return results, nil
}

// plainFactors is the plain way to learn responses: mean share found over mean share weighed.
func (p *powders) plainFactors(vials []vial, scans func(recording) []scan) []float64 {
	found, weighed := make([]float64, len(p.plainPure)), make([]float64, len(p.plainPure))
	ones := make([]float64, len(p.plainPure))
	floats.AddConst(1, ones)
	for _, v := range vials {
		for _, s := range scans(v.plain) {
			floats.Add(found, normalised(p.plainAmounts(s), ones))
			floats.Add(weighed, v.truth)
		}
	}
	floats.Div(found, weighed)
	return found
}

// overSeeds reports the error, with its spread over the seeds of the draws, and the coverage of the intervals.
func (p *powders) overSeeds(ctx context.Context, what, kind string, vials []vial, scans func(recording) []scan, r mixture.Responses, peer float64) ([]report.Result, error) {
	var perSeed []float64
	var first []float64
	var inside, of int
	for seed := range uint64(seeds) {
		off, in, n, err := p.errorsOf(ctx, vials, scans, r, seed)
		if err != nil {
			return nil, err
		}
		perSeed = append(perSeed, stat.Mean(off, nil))
		inside, of = inside+in, of+n
		if first == nil {
			first = make([]float64, len(off))
		}
		floats.AddScaled(first, 1/float64(seeds), off)
	}
	mean := report.Mean(what+", "+kind+": mean absolute error in mass fraction", "", first, plain, peer, command)
	// The draws only move the ends of intervals: the pieces that count are the components of the vials' scans once.
	covered := report.Share(what+", "+kind+": weighed fraction inside the stated 95 % interval", inside/seeds, of/seeds, "", 0, command)
	return append([]report.Result{mean.OverSeeds(perSeed)}, report.AsDetail(covered)...), nil
}
