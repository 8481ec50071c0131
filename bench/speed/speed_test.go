package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"fentrace/bench/report"
	"fentrace/spectra/recorded"
)

// A short run gives every figure, and all exact ways find the same.
func TestAShortRunMeasuresEverything(t *testing.T) {
	root := recorded.Path(t)
	if _, err := python(); errors.Is(err, errNoPeers) {
		t.Skip(err)
	}
	var log bytes.Buffer
	b := bench{root: root, work: t.TempDir(), small: 500, large: 800, rounds: 2, files: 12, scans: 6000, batch: 10, log: &log}
	results, err := b.measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	table := report.Table(results)
	for _, want := range []string{"500 references: times faster", "800 references: times faster", "of shift, slower by", "batch of 64", "99th percentile", "archived scans", "first answer", "batch of 10 files", "800 references after 500"} {
		if !strings.Contains(table, want) {
			t.Errorf("no %q in\n%s", want, table)
		}
	}
	if strings.Count(log.String(), "ms a query") != 16 {
		t.Errorf("%s", log.String())
	}
}

func TestOthersThanTheBestAreNoticed(t *testing.T) {
	ours := [][]int{{1, 2, 3, 4}}
	if err := same(ours, [][]int{{1, 2, 4, 9}}); err != nil {
		t.Errorf("one of the last few may be an equal: %v", err)
	}
	if err := same(ours, [][]int{{1, 2, 8, 9}}); err == nil {
		t.Error("two others are no accident")
	}
}
