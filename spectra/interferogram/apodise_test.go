package interferogram

import (
	"errors"
	"math"
	"testing"
)

// lineShape is what the window makes of a line at distance f from its centre, in units of the inverse of the largest path
// difference: 2 times the integral of window(x) cos(2 pi f x) over 0..1, by Simpson's rule.
func lineShape(window func(float64) float64, f float64) float64 {
	const n = 400
	sum := 0.0
	for i := range n + 1 {
		weight := 2.0
		switch {
		case i == 0 || i == n:
			weight = 1
		case i%2 == 1:
			weight = 4
		}
		x := float64(i) / n
		sum += weight * window(x) * math.Cos(2*math.Pi*f*x)
	}
	return 2 * sum / (3 * n)
}

func TestWindowsHaveTheirLineWidthsAndSideLobes(t *testing.T) {
	for _, c := range []struct {
		name       Apodisation
		width      float64 // full width at half maximum in units of 1/L
		lobe, near float64 // largest side lobe of the peak, and how near it is known
	}{
		{Boxcar, 0.6034, 0.217, 0.0005},
		{NortonBeerWeak, 0.7240, 0.058, 0.0005},
		{NortonBeerMedium, 0.8447, 0.0141, 0.00005},
		{NortonBeerStrong, 0.9654, 0.0037, 0.00005},
		{HappGenzel, 0.9076, 0.00735, 0.00005},
		{Triangular, 0.8859, 0.047, 0.0005},
		{Cosine, 0.8197, 0.071, 0.0005},
		{BlackmanHarris3, 1.137, 0.00029, 0.00001},
		{BlackmanHarris4, 1.333, 0.00003, 0.00001},
	} {
		window, err := c.name.Window()
		if err != nil {
			t.Fatal(err)
		}
		peak := lineShape(window, 0)
		low, high := 0.0, 2.0
		for range 20 {
			if mid := (low + high) / 2; lineShape(window, mid) > peak/2 {
				low = mid
			} else {
				high = mid
			}
		}
		if width := 2 * low; math.Abs(width-c.width) > 0.0006 {
			t.Errorf("%s: width %.4f, want %.4f", c.name, width, c.width)
		}
		// The main lobe ends where the line shape first rises again in size.
		lobe, before, outside := 0.0, peak, false
		for f := 0.0; f < 8; f += 0.01 {
			v := math.Abs(lineShape(window, f))
			outside = outside || v > before
			if outside {
				lobe = max(lobe, v/peak)
			}
			before = v
		}
		if math.Abs(lobe-c.lobe) > c.near {
			t.Errorf("%s: largest side lobe %.6f of the peak, want %.6f", c.name, lobe, c.lobe)
		}
	}
}

func TestWindowsAreOneAtTheBurstAndNothingBeyondTheEnd(t *testing.T) {
	for _, name := range Apodisations() {
		window, err := name.Window()
		if err != nil {
			t.Fatal(err)
		}
		if v := window(0); math.Abs(v-1) > 1e-5 {
			t.Errorf("%s: %g at the burst", name, v)
		}
		if v := window(1.001); v != 0 {
			t.Errorf("%s: %g beyond the end", name, v)
		}
		for x := 0.0; x <= 1; x += 0.01 {
			if v := window(x); v < -1e-12 || v > 1+1e-5 {
				t.Errorf("%s: %g at %g", name, v, x)
			}
		}
	}
	if _, err := Apodisation("hamming").Window(); !errors.Is(err, ErrSetting) {
		t.Errorf("an unknown window: %v", err)
	}
}
