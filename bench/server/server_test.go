package main

import (
	"io"
	"strings"
	"testing"

	"fentrace/bench/dataset"
	"fentrace/bench/program"
	"fentrace/bench/report"
)

// few is a measurement small enough for a test.
func few(t *testing.T) *bench {
	t.Helper()
	root, ok := dataset.Root()
	if !ok {
		t.Skip("needs the recorded and computed spectra in ../shared/data")
	}
	b := &bench{root: root, work: t.TempDir(), scans: 40, senders: 4, live: 10, large: 200, files: 40, log: io.Discard}
	var err error
	if b.program, err = program.Build(t.Context(), b.work); err != nil {
		t.Fatal(err)
	}
	return b
}

// with gives a measurement PostgreSQL, where that is installed.
func (b *bench) with(t *testing.T) (postgres bool) {
	t.Helper()
	end, err := b.databases("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := end(); err != nil {
			t.Error(err)
		}
	})
	return b.newDatabase != nil
}

func checkFigures(t *testing.T, results []report.Result, want int) {
	t.Helper()
	if len(results) != want {
		t.Errorf("%d figures, not %d", len(results), want)
	}
	for _, r := range results {
		if r.Value <= 0 || !strings.Contains(r.Name, "SIMULATED") {
			t.Errorf("%s: %g %s", r.Name, r.Value, r.Unit)
		}
	}
}

func TestAServerIsMeasuredWithFewScans(t *testing.T) {
	b := few(t)
	want := 6
	if b.with(t) {
		want = 12
	}
	if err := b.loads(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkFigures(t, b.results[1:], want) // the first, of idle connections, may be nothing
}

func TestABatchIsMeasuredWithFewFilesAndProgramsAreKilledInIt(t *testing.T) {
	b := few(t)
	want := 5
	if b.with(t) {
		want = 11
	}
	if err := b.batches(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkFigures(t, b.results, want)
}

func TestBatchesThatDifferAreFoundOut(t *testing.T) {
	a := outcome{answers: map[string]string{"a#0": "{}", "b#0": "{}"}, table: []byte("x")}
	for what, other := range map[string]outcome{
		"was answered":  {answers: map[string]string{"a#0": "{}", "b#0": "{ }"}, table: []byte("x")},
		"b#0 was":       {answers: map[string]string{"a#0": "{}"}, table: []byte("x")},
		"there are 3":   {answers: map[string]string{"a#0": "{}", "b#0": "{}", "c#0": "{}"}, table: []byte("x")},
		"tables of the": {answers: a.answers, table: []byte("y")},
	} {
		if _, err := a.same(&other); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if n, err := a.same(&a); n != 2 || err != nil {
		t.Error(n, err)
	}
}
