package main

import (
	"io"
	"strings"
	"testing"

	"fentrace/bench/dataset"
)

func TestAServerIsMeasuredWithFewScans(t *testing.T) {
	root, ok := dataset.Root()
	if !ok {
		t.Skip("needs the computed spectra in ../shared/data")
	}
	b := bench{root: root, work: t.TempDir(), scans: 40, senders: 4, live: 10, large: 200, log: io.Discard}
	results, err := b.measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != 7 {
		t.Fatalf("%d figures", len(results))
	}
	for _, r := range results[1:] {
		if r.Value <= 0 || !strings.Contains(r.Name, "SIMULATED") {
			t.Errorf("%s: %g %s", r.Name, r.Value, r.Unit)
		}
	}
}
