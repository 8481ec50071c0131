package main

import (
	"strings"
	"testing"

	"fentrace/bench/dataset"
	"fentrace/bench/report"
	"fentrace/spectra"
)

// Some of each, so that what is measured stays measured; the command takes all.
func TestCalibrationIsMeasuredAgainstThePlainWay(t *testing.T) {
	root, ok := dataset.Root()
	if !ok {
		t.Skip("needs the recorded standards in ../shared/data")
	}
	b := bench{root: root, impostorsOneIn: 20, distortionsOneIn: 11}
	results, err := b.measure()
	if err != nil {
		t.Fatal(err)
	}
	find := func(name, peer string) report.Result {
		for _, r := range results {
			if strings.Contains(r.Name, name) && strings.HasPrefix(r.Peer, peer) {
				return r
			}
		}
		t.Fatalf("nothing about %q beside %q", name, peer)
		return report.Result{}
	}
	for _, c := range []struct {
		name, peer  string
		n           int
		most, times float64 // the most it may be, alone and of the peer's
	}{
		{"mean error after calibration, worst file", "as it came", 14, 1, 0.2},
		{"mean error after calibration, worst file", "moved", 14, 1, 0.6},
		{"worst line after calibration", "moved", 14, 3, 0.6},
		{"mean error of lines left out", "moved", 14, 1, 0.9},
		// Calcite is hardly off as it came, and its places are only known to 1 cm-1: better than that cannot be shown.
		{"lines of calcite: mean error", "as it came", 2, 1, 3},
		{"lines of another (not calcite): mean error", "as it came", 6, 1, 0.5},
		{"apart by", "as recorded", 3, 1.15, 0.8},
		{"accepted", "moved", 51, 0, 0},
	} {
		if r := find(c.name, c.peer); r.N != c.n || r.Value > c.most || r.Value > c.times*r.PeerVal {
			t.Errorf("%+v: want n %d, at most %g and %g times the peer", r, c.n, c.most, c.times)
		}
	}
	if r := find("axis made wrong", "moved"); r.N != 40 || r.Value < 100 || r.PeerVal > 50 {
		t.Errorf("%+v", r)
	}
	if !strings.Contains(b.log.String(), "Zolix") {
		t.Errorf("no row for an instrument:\n%s", b.log.String())
	}
}

func TestThePlainWayTakesTheMostProminentLineForTheStrongest(t *testing.T) {
	s := spectra.Spectrum{Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Counts}
	for x := 200.0; x < 2000; x++ {
		v := 1.0
		for _, l := range []struct{ at, height float64 }{{1021.4, 100}, {1501.4, 500}, {640.9, 20}} {
			if u := (x - l.at) / 4; u > -6 && u < 6 {
				v += l.height / (1 + u*u*u*u)
			}
		}
		s.X, s.Y = append(s.X, x), append(s.Y, v)
	}
	p, err := newPlain("polystyrene", s) // 1501 is out of reach
	if err != nil || p.offset < -20.2 || p.offset > -19.8 {
		t.Errorf("moved by %g, %v", p.offset, err)
	}
	if p.accepts() {
		t.Error("two of eleven lines are enough for it")
	}
	if _, err := newPlain("calcite", s); err == nil {
		// 1021 is beyond the 40 cm-1 around 1086 that calcite is looked for in.
		t.Error("a line was found where there is none")
	}
}
