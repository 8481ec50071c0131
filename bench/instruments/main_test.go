package main

import (
	"strings"
	"testing"

	"fentrace/bench/dataset"
	"fentrace/bench/report"
	"fentrace/device/emulator"
)

// A little of each, at quick rates, so that what is measured stays measured; the command takes all.
func TestInstrumentsAreMeasured(t *testing.T) {
	root, ok := dataset.Root()
	if !ok {
		t.Skip("needs the recorded spectra in ../shared/data")
	}
	b := bench{root: root, instruments: []instrument{instruments[1], instruments[len(instruments)-2]}, slowScans: 1, fastScans: 3, exposures: 30, powdersOneIn: 12, offs: 1, log: t.Output()}
	results, err := b.measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + report.Table(results))
	find := func(name, peer string) report.Result {
		for _, r := range results {
			if strings.Contains(r.Name, name) && strings.HasPrefix(r.Peer, peer) {
				return r
			}
		}
		t.Fatalf("nothing about %q beside %q", name, peer)
		return report.Result{}
	}
	// Times are only looked at for sense: a busy machine makes them long, but nothing is faster than its wire.
	for _, title := range []string{"QE Pro at 460800", "AA..55 head at 921600"} {
		if r := find(title, ""); r.Value < 1 || r.N != 3 {
			t.Errorf("%+v", r)
		}
	}
	if r := find("live preview", "scans alone"); !(r.Value > 0 && r.Value <= 101) {
		t.Errorf("%+v", r)
	}
	if r := find("within four tries", ""); r.N != 30 || r.Value < 95 || r.PeerVal > r.Value {
		t.Errorf("%+v", r)
	}
	if r := find("auto-exposure: most", ""); r.Value > 4 {
		t.Errorf("%+v", r)
	}
	if r := find("pixels found", ""); r.N < 100 || r.Value < 97 || r.Value < 2*r.PeerVal {
		t.Errorf("%+v", r)
	}
	if r := find("called cosmic rays", ""); r.N < 50_000 || r.Value > 30 {
		t.Errorf("%+v", r)
	}
	for _, peer := range []string{"mean", "median"} {
		if r := find("error left", peer); r.Value > r.PeerVal/2 {
			t.Errorf("%+v", r)
		}
	}
	for _, e := range events {
		if r := find(e.name+", worst", ""); r.N != len(shutters) || !(r.Value > 0) {
			t.Errorf("%+v", r)
		}
	}
}

func TestEveryEmulatedSpectrometerIsMeasured(t *testing.T) {
	listed := map[string]bool{}
	for _, i := range instruments {
		listed[i.emulated] = true
	}
	for _, typ := range emulator.Types() {
		kind, err := emulator.Find(typ)
		if err != nil {
			t.Fatal(err)
		}
		if kind.Detector.Pixels > 0 && !listed[typ] {
			t.Errorf("%s is not measured", typ)
		}
	}
}
