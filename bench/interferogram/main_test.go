package main

import (
	"path/filepath"
	"testing"

	"fentrace/bench/dataset"
)

func TestAgreementIsMeasuredAgainstThePlainWay(t *testing.T) {
	root, ok := dataset.Root()
	if !ok {
		t.Skip("needs the recorded interferograms in ../shared/data")
	}
	results, err := measure(filepath.Join(root, "formats", "opus", "ftir_ps.0"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.N < 590 || r.Value <= 0 || r.Value >= r.PeerVal/5 {
			t.Errorf("%+v: a fifth of the plain way at most", r)
		}
	}
	if results[0].Value > 0.005 || results[2].Value > 2e-5 {
		t.Errorf("0.005 A and a correlation of 0.99998 are promised: %+v", results)
	}
}
