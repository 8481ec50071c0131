package main

import (
	"context"
	"fmt"
	"slices"

	"fentrace/bench/accuracy/analogs"
	"fentrace/bench/accuracy/powders"
	"fentrace/bench/accuracy/street"
	"fentrace/bench/dataset"
	"fentrace/bench/report"
	"fentrace/library/identify"
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
		b.topOne, b.routes, b.answers, b.instruments, b.withheld, b.sums, b.wrongAxis, b.drawnAxis, b.everyday, b.thin,
		elsewhere(b.root, powders.Measure), elsewhere(b.root, street.Measure), elsewhere(b.root, analogs.Measure),
	} {
		rs, err := part(ctx, cross)
		if err != nil {
			return nil, err
		}
		results = append(results, rs...)
	}
	return results, nil
}

// elsewhere is a part that has data of its own.
func elsewhere(root string, measure func(context.Context, string) ([]report.Result, error)) func(context.Context, []answered) ([]report.Result, error) {
	return func(ctx context.Context, _ []answered) ([]report.Result, error) { return measure(ctx, root) }
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
		for _, p := range []*peer{hqi(), derivative(), segmental(), openSpecy()} {
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
	mixture := func(a answered) bool { return a.Sample == liquids }
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
	open := openSpecy()
	if err := open.load(b.stack); err != nil {
		return nil, err
	}
	peerIn, err := open.statesWrongly(in)
	if err != nil {
		return nil, err
	}
	peerOut, err := open.statesWrongly(out)
	if err != nil {
		return nil, err
	}
	return []report.Result{
		report.Share("in the library: stated, and right", count(in, func(a answered) bool { return len(a.answer.Findings) > 0 && !a.wrongFinding() }), len(in), "", 0, command),
		report.Share("in the library: stated wrongly", count(in, answered.wrongFinding), len(in), open.name, peerIn, command),
		report.Share("not in the library: stated wrongly", count(out, answered.wrongFinding), len(out), open.name, peerOut, command),
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

func (a answered) stated() bool { return a.answer.Verdict != identify.Inconclusive }
func (a answered) axisFault() bool {
	return a.answer.Quality.Axis == "fault" || a.answer.Quality.Axis == "recalibrated"
}

// axisNamed says whether the answer, or what stands in its place, says that the axis is wrong.
func (a answered) axisNamed() bool { return a.axisFault() || a.answer.Quality.Axis == "off" }

// everyday: what holds nothing controlled, as scans and as references answered like scans.
func (b *bench) everyday(ctx context.Context, cross []answered) ([]report.Result, error) {
	alarmed := func(a answered) bool { return a.answer.Verdict == identify.Alarm }
	results := []report.Result{report.Share("scans of five other spectrometers: alarms", count(cross, alarmed), len(cross), "", 0, command)}
	for _, set := range []struct {
		name string
		list func(string) ([]dataset.Query, error)
	}{{"everyday objects, Raman", dataset.EverydayRaman}, {"everyday objects, infrared", dataset.EverydayIR}, {"references that are not controlled, as scans", dataset.References}} {
		qs, err := set.list(b.root)
		if err != nil {
			return nil, err
		}
		as, err := b.answer(ctx, readable(qs), nil)
		if err != nil {
			return nil, err
		}
		results = append(results, report.Share(set.name+": alarms", count(as, alarmed), len(as), "", 0, command))
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
