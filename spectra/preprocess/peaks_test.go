package preprocess

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func gaussians(n int, lines ...[3]float64) []float64 {
	y := make([]float64, n)
	for i := range y {
		for _, l := range lines {
			y[i] += l[1] * math.Exp(-math.Pow((float64(i)-l[0])/l[2], 2)/2)
		}
	}
	return y
}

func TestFindPeaksReturnsPositionsHeightsAndProminences(t *testing.T) {
	y := gaussians(400, [3]float64{100.3, 10, 5}, [3]float64{118, 4, 3}, [3]float64{300, 1, 5})
	peaks := FindPeaks(y, 500, 2, 0.5)
	if len(peaks) != 3 {
		t.Fatalf("%d peaks: %+v", len(peaks), peaks)
	}
	for i, want := range []float64{500 + 2*100.3, 500 + 2*118, 500 + 2*300} {
		if math.Abs(peaks[i].Position-want) > 1 {
			t.Errorf("peak %d at %.2f, want %.2f", i, peaks[i].Position, want)
		}
	}
	// The shoulder's valley towards the strong line is not the ground.
	if peaks[1].Prominence >= peaks[1].Height || peaks[0].Prominence < 9.9 {
		t.Errorf("prominences %.2f of %.2f and %.2f", peaks[1].Prominence, peaks[1].Height, peaks[0].Prominence)
	}
	if few := FindPeaks(y, 500, 2, 1.5); len(few) != 2 {
		t.Errorf("with a prominence of 1.5: %+v", few)
	}
}

func TestFindPeaksTakesPlateausOnceAndIgnoresEnds(t *testing.T) {
	peaks := FindPeaks([]float64{5, 1, 3, 3, 3, 0, 9}, 0, 1, 0)
	if len(peaks) != 1 || peaks[0].Position != 3 {
		t.Errorf("%+v, want the plateau at 3", peaks)
	}
	for _, y := range [][]float64{nil, {1}, {1, 1, 1, 1}, {1, 2, 3}} {
		if p := FindPeaks(y, 0, 1, 0); len(p) != 0 {
			t.Errorf("%v has peaks %+v", y, p)
		}
	}
}

func TestProminenceIsNeverAboveTheHeightOverTheLowestPoint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		y := rapid.SliceOfN(rapid.Float64Range(-5, 5), 3, 60).Draw(t, "y")
		lowest := math.Inf(1)
		for _, v := range y {
			lowest = math.Min(lowest, v)
		}
		last := math.Inf(-1)
		for _, p := range FindPeaks(y, 0, 1, 0) {
			if p.Prominence <= 0 || p.Prominence > p.Height-lowest+1e-12 || p.Position <= last {
				t.Fatalf("peak %+v after %g, lowest %g", p, last, lowest)
			}
			last = p.Position
		}
	})
}
