package search

import (
	"context"
	"math"
	"testing"

	"pgregory.net/rapid"

	"fentrace/library"
)

func TestAWrongAxisIsFoundHoweverItIsMovedAndStretched(t *testing.T) {
	ix := NewIndex([]library.Reference{
		ref("sugar", bands(300, 2000, 1, 402, 548, 641, 850, 919, 1040, 1125, 1238)),
		ref("oil", bands(300, 2000, 1, 600, 870, 968, 1080, 1263, 1301, 1440, 1655)),
		ref("ring", bands(300, 2000, 1, 620, 795, 1001, 1031, 1155, 1450, 1583, 1602)),
	})
	rapid.Check(t, func(rt *rapid.T) {
		want := Distortion{ShiftCM1: rapid.Float64Range(-120, 120).Draw(rt, "shift"), Stretch: rapid.Float64Range(-0.03, 0.03).Draw(rt, "stretch")}
		scan := bands(200, 2100, 1, 600, 870, 968, 1080, 1263, 1301, 1440, 1655)
		for i, x := range scan.X {
			scan.X[i] = x + want.At(x)
		}
		hit, ok, err := ix.SearchDistorted(context.Background(), prepare(t, scan), DistortedQuery{MaxShift: 200, MaxStretch: 0.035})
		if err != nil || !ok {
			rt.Fatal(ok, err)
		}
		if hit.ReferenceID != "oil" || hit.Score < 0.9 {
			rt.Fatalf("%+v: %s, score %.3f", want, hit.ReferenceID, hit.Score)
		}
		for _, x := range []float64{600, 1100, 1600} {
			if off := math.Abs(hit.At(x) - want.At(x)); off > 1.5 {
				rt.Fatalf("%+v found as %+v: %.1f cm-1 off at %.0f", want, hit.Distortion, off, x)
			}
		}
	})
}

func TestADistortionUndoesItself(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := Distortion{ShiftCM1: rapid.Float64Range(-200, 200).Draw(rt, "shift"), Stretch: rapid.Float64Range(-0.05, 0.05).Draw(rt, "stretch")}
		x := rapid.Float64Range(300, 4000).Draw(rt, "x")
		if back := d.Undo(x + d.At(x)); math.Abs(back-x) > 1e-9*x {
			rt.Fatalf("%g came back as %g", x, back)
		}
	})
}

func TestSearchesOfImpossibleAxesAreRefused(t *testing.T) {
	ix := NewIndex([]library.Reference{ref("sugar", bands(300, 2000, 1, 402, 548))})
	v := prepare(t, bands(300, 2000, 1, 402, 548))
	for _, q := range []DistortedQuery{{MaxShift: -1}, {MaxShift: 1e6}, {MaxStretch: 0.06}, {MaxStretch: math.NaN()}} {
		if _, _, err := ix.SearchDistorted(context.Background(), v, q); err == nil {
			t.Errorf("%+v was searched", q)
		}
	}
	if _, ok, err := ix.SearchDistorted(context.Background(), v, DistortedQuery{Of: ix.Subset(func(string) bool { return false })}); ok || err != nil {
		t.Errorf("nothing to search: %v, %v", ok, err)
	}
}

// Widening a spectrum by the Gaussian that its lines lack makes it agree with one recorded at lower resolution.
func TestBroadeningMatchesAnInstrumentOfLowerResolution(t *testing.T) {
	sharp, blunt := prepare(t, bands(300, 2000, 1, 700, 712, 1100, 1500)), prepare(t, widened(bands(300, 2000, 1, 700, 712, 1100, 1500), 12))
	before, _ := Align(blunt, sharp, 0, 4)
	after, _ := Align(blunt, sharp.Broadened(12), 0, 4)
	if after.Score < 0.995 || after.Score <= before.Score {
		t.Errorf("agreement %.4f before, %.4f after", before.Score, after.Score)
	}
	if same := sharp.Broadened(0); &same.D[0] != &sharp.D[0] {
		t.Error("widening by nothing made another spectrum")
	}
}
