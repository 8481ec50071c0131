package main

import (
	"context"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/optimize"

	"fentrace/bench/dataset"
	"fentrace/bench/report"
	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/spectra"
	"fentrace/spectra/format"
)

// measure answers every set and counts.
func (b *bench) measure(ctx context.Context) ([]report.Result, error) {
	queries, err := dataset.CrossInstrument(b.root)
	if err != nil {
		return nil, err
	}
	cross, err := b.answer(ctx, queries, nil)
	if err != nil {
		return nil, err
	}
	var results []report.Result
	for _, part := range []func(context.Context, []answered) ([]report.Result, error){
		b.topOne, b.routes, b.answers, b.withheld, b.sums, b.wrongAxis, b.movedAxis, b.everyday,
	} {
		rs, err := part(ctx, cross)
		if err != nil {
			return nil, err
		}
		results = append(results, rs...)
	}
	calibration(cross)
	return results, nil
}

func count(as []answered, is func(answered) bool) (n int) {
	for _, a := range as {
		if is(a) {
			n++
		}
	}
	return n
}

func filter(as []answered, keep func(answered) bool) []answered {
	return slices.DeleteFunc(slices.Clone(as), func(a answered) bool { return !keep(a) })
}

func inLibrary(a answered) bool { return len(a.Truth) > 0 }

// topOne: is the best candidate the substance? The 87 are the pure substances; vegetable and mineral oils, which vary
// by nature, are counted in the second line.
func (b *bench) topOne(_ context.Context, cross []answered) ([]report.Result, error) {
	in := filter(cross, inLibrary)
	pure := filter(in, func(a answered) bool { return !a.oil() })
	var results []report.Result
	for _, set := range []struct {
		name string
		as   []answered
	}{{"right best candidate, five other spectrometers", pure}, {"the same with oils", in}} {
		k := count(set.as, answered.rightTop)
		for _, p := range []*peer{hqi(), derivative()} {
			if err := p.load(b.stack); err != nil {
				return nil, err
			}
			peerK, err := p.right(set.as)
			if err != nil {
				return nil, err
			}
			results = append(results, report.Share(set.name, k, len(set.as), p.name, peerK, command))
		}
		for _, a := range filter(set.as, func(a answered) bool { return !a.rightTop() }) {
			fmt.Printf("missed: %s: best %s, %s\n", a.Path, a.top(), a.answer.Headline)
		}
	}
	return results, nil
}

// answers: what is stated, not only ranked.
func (b *bench) answers(_ context.Context, cross []answered) ([]report.Result, error) {
	in := filter(cross, inLibrary)
	mixture := func(a answered) bool { return a.Sample == "AcetonitrileToluene" }
	out := filter(cross, func(a answered) bool { return !inLibrary(a) && !mixture(a) })
	for _, a := range append(slices.Clone(in), out...) {
		if a.wrongFinding() {
			fmt.Printf("wrong finding: %s: %s\n", a.Path, a.answer.Summary)
		}
	}
	mixtures := filter(cross, mixture)
	both := count(mixtures, func(a answered) bool {
		var names []string
		for _, f := range a.answer.Findings {
			names = append(names, f.Substance)
		}
		slices.Sort(names)
		return slices.Equal(names, []string{"acetonitrile", "toluene"})
	})
	return []report.Result{
		report.Share("in the library: stated, and right", count(in, func(a answered) bool { return len(a.answer.Findings) > 0 && !a.wrongFinding() }), len(in), "", 0, command),
		report.Share("in the library: stated wrongly", count(in, answered.wrongFinding), len(in), "", 0, command),
		report.Share("not in the library: stated wrongly", count(out, answered.wrongFinding), len(out), "", 0, command),
		report.Share("mixture of two liquids: both stated and nothing else", both, len(mixtures), "", 0, command),
	}, nil
}

// wrongAxis: the two recorded sessions whose axis is wrong.
func (b *bench) wrongAxis(ctx context.Context, _ []answered) ([]report.Result, error) {
	qs, err := dataset.WrongAxis(b.root)
	if err != nil {
		return nil, err
	}
	as, err := b.answer(ctx, qs, nil)
	if err != nil {
		return nil, err
	}
	in := filter(as, inLibrary)
	return []report.Result{
		report.Share("wrong axis (recorded): answered instead of refused", count(as, answered.stated), len(as), "", 0, command),
		report.Share("wrong axis (recorded), sample in the library: stated as an axis fault", count(in, answered.axisFault), len(in), "", 0, command),
	}, nil
}

func (a answered) stated() bool    { return a.answer.Verdict != identify.Inconclusive }
func (a answered) axisFault() bool { return a.answer.Quality.Axis == "fault" }

// movedAxis moves the axis of every cross-instrument scan by amounts no instrument in order shows.
func (b *bench) movedAxis(ctx context.Context, cross []answered) ([]report.Result, error) {
	var all []answered
	for _, by := range []float64{-143, -69, -30, 30, 69, 143} {
		qs := make([]dataset.Query, len(cross))
		for i, a := range cross {
			qs[i] = a.Query
		}
		as, err := b.answer(ctx, qs, func(s spectra.Spectrum) spectra.Spectrum {
			s.X = slices.Clone(s.X)
			for i := range s.X {
				s.X[i] += by
			}
			return s
		})
		if err != nil {
			return nil, err
		}
		all = append(all, as...)
	}
	in := filter(all, inLibrary)
	for _, a := range all {
		if a.wrongFinding() {
			fmt.Printf("wrong on a moved axis: %s: %s\n", a.Path, a.answer.Summary)
		}
	}
	return []report.Result{
		report.Share("axis moved by 30, 69 or 143 cm-1: stated wrongly", count(all, answered.wrongFinding), len(all), "", 0, command),
		report.Share("axis moved by 30, 69 or 143 cm-1, sample in the library: stated as an axis fault", count(in, answered.axisFault), len(in), "", 0, command),
	}, nil
}

// everyday: objects that hold nothing controlled.
func (b *bench) everyday(ctx context.Context, _ []answered) ([]report.Result, error) {
	var results []report.Result
	for _, set := range []struct {
		name string
		list func(string) ([]dataset.Query, error)
	}{{"Raman", dataset.EverydayRaman}, {"infrared", dataset.EverydayIR}} {
		qs, err := set.list(b.root)
		if err != nil {
			return nil, err
		}
		as, err := b.answer(ctx, readable(qs), nil)
		if err != nil {
			return nil, err
		}
		alarms := count(as, func(a answered) bool { return a.answer.Verdict == identify.Alarm })
		results = append(results, report.Share("everyday objects, "+set.name+": alarms", alarms, len(as), "", 0, command))
	}
	return results, nil
}

// readable leaves out files that hold no spectrum, and says so.
func readable(qs []dataset.Query) []dataset.Query {
	return slices.DeleteFunc(qs, func(q dataset.Query) bool {
		_, err := format.ReadFile(q.Path)
		if err != nil {
			fmt.Println("left out:", err)
		}
		return err != nil
	})
}

// calibration prints the scores of best candidates that are true and of those that are not, and Platt's fit of
// probability to score (Platt 1999, with his smoothed targets), on which the constants of library/identify rest.
func calibration(cross []answered) {
	var right, wrong []float64
	for _, a := range cross {
		best := slices.IndexFunc(a.answer.Candidates, func(f identify.Finding) bool { return f.Tier == library.Measured })
		switch {
		case a.Sample == "AcetonitrileToluene" || best < 0:
		case a.Right(a.answer.Candidates[best].Substance):
			right = append(right, a.answer.Candidates[best].Score)
		default:
			wrong = append(wrong, a.answer.Candidates[best].Score)
		}
	}
	slices.Sort(right)
	slices.Sort(wrong)
	mid, scale := platt(right, wrong)
	fmt.Printf("best candidates: %d true, 5 %% score below %.3f, median %.3f; %d false, highest score %.3f\n",
		len(right), right[len(right)/20], right[len(right)/2], len(wrong), wrong[len(wrong)-1])
	fmt.Printf("probability = 1/(1+exp(-(score-%.3f)/%.3f))\n", mid, scale)
}

func platt(right, wrong []float64) (mid, scale float64) {
	high := (float64(len(right)) + 1) / (float64(len(right)) + 2)
	low := 1 / (float64(len(wrong)) + 2)
	loss := func(x []float64) float64 {
		var sum float64
		add := func(scores []float64, target float64) {
			for _, s := range scores {
				z := (s - x[0]) / math.Exp(x[1])
				// -log p and -log(1-p) of the logistic, without overflow.
				sum += target*softplus(-z) + (1-target)*softplus(z)
			}
		}
		add(right, high)
		add(wrong, low)
		return sum
	}
	res, err := optimize.Minimize(optimize.Problem{Func: loss}, []float64{0.7, math.Log(0.05)}, nil, &optimize.NelderMead{})
	if err != nil {
		return math.NaN(), math.NaN()
	}
	return res.X[0], math.Exp(res.X[1])
}

func softplus(z float64) float64 { return math.Max(z, 0) + math.Log1p(math.Exp(-math.Abs(z))) }
