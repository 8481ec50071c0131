package main

import (
	"context"
	"os"
	"strings"
	"testing"

	"fentrace/bench/dataset"
	"fentrace/bench/report"
	"fentrace/library/identify"
	"fentrace/spectra/racedetector"
)

// The floors below are those the project promises; the figures themselves are in bench/RESULTS.md.
func TestPromisedAccuracyHoldsOnTheDevelopmentSpectra(t *testing.T) {
	root, ok := dataset.Root()
	if !ok {
		t.Skip("needs the development spectra in ../shared/data")
	}
	racedetector.Skip(t)
	b, err := newBench(t.Context(), root, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(list func(string) ([]dataset.Query, error)) []answered {
		qs, err := list(root)
		if err != nil {
			t.Fatal(err)
		}
		as, err := b.answer(t.Context(), readable(qs), nil)
		if err != nil {
			t.Fatal(err)
		}
		return as
	}
	pure := filter(ask(dataset.CrossInstrument), func(a answered) bool { return inLibrary(a) && !a.oil() })
	if k := count(pure, answered.rightTop); len(pure) != 87 || float64(k)/float64(len(pure)) < 0.978 {
		t.Errorf("right best candidate: %d of %d, at least 97.8 %% of 87 promised", k, len(pure))
	}
	b.sumsOneIn = 60
	cross := ask(dataset.CrossInstrument)
	for _, set := range []func(context.Context, []answered) ([]report.Result, error){b.sums, b.withheld} {
		results, err := set(t.Context(), cross)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			if strings.Contains(r.Name, "a sum of others stated") && r.Value > 0 || strings.Contains(r.Name, "added") && strings.HasSuffix(r.Name, "something else stated") && r.Value > 2 {
				t.Errorf("%s: %.1f %% of %d", r.Name, r.Value, r.N)
			}
		}
	}
	for _, a := range ask(dataset.WrongAxis) {
		if a.stated() || inLibrary(a) && !a.axisFault() {
			t.Errorf("%s: %s, axis %s; an axis fault promised", a.Path, a.answer.Headline, a.answer.Quality.Axis)
		}
	}
	for _, a := range append(ask(dataset.EverydayRaman), ask(dataset.EverydayIR)...) {
		if a.answer.Verdict == identify.Alarm {
			t.Errorf("%s: %s; no alarm promised", a.Path, a.answer.Summary)
		}
	}
}

func TestRootIsOnlyFoundWhereTheDataAre(t *testing.T) {
	t.Chdir(t.TempDir())
	if dir, ok := dataset.Root(); ok {
		t.Errorf("found %s from %s", dir, os.TempDir())
	}
}
