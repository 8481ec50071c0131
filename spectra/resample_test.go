package spectra

import (
	"errors"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// irregular draws an ascending axis of uneven spacing from about lo to past hi.
func irregular(t *rapid.T, lo, hi float64) []float64 {
	mean := rapid.Float64Range(0.2, 6).Draw(t, "spacing")
	x := []float64{lo - rapid.Float64Range(0, 3).Draw(t, "lead")}
	for x[len(x)-1] < hi {
		x = append(x, x[len(x)-1]+mean*rapid.Float64Range(0.3, 1.7).Draw(t, "gap"))
	}
	return x
}

func continuous(x, y []float64) Spectrum {
	return Spectrum{Technique: Raman, XUnit: PerCM, YUnit: Counts, X: x, Y: y}
}

func turned(s Spectrum) Spectrum {
	s.X, s.Y = slices.Clone(s.X), slices.Clone(s.Y)
	slices.Reverse(s.X)
	slices.Reverse(s.Y)
	return s
}

func trapezoid(x, y []float64) float64 {
	sum := 0.0
	for i := 1; i < len(x); i++ {
		sum += (x[i] - x[i-1]) * (y[i] + y[i-1]) / 2
	}
	return sum
}

func TestResamplingKeepsTheAreaOfABand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := irregular(t, 400, 600)
		centre := rapid.Float64Range(470, 530).Draw(t, "centre")
		width := rapid.Float64Range(7, 20).Draw(t, "half width")
		height := rapid.Float64Range(1, 1e6).Draw(t, "height")
		y := make([]float64, len(x))
		for i := range x {
			y[i] = height * max(0, 1-math.Abs(x[i]-centre)/width)
		}
		s := continuous(x, y)
		want := trapezoid(x, y)
		if want == 0 {
			return // the axis stepped over the band
		}
		step := rapid.Float64Range(0.1, 7).Draw(t, "step")
		for _, in := range []Spectrum{s, turned(s)} {
			got, err := in.Resample(s.CommonGrid(step))
			if err != nil {
				t.Fatal(err)
			}
			sum := 0.0
			for _, v := range got.Y {
				sum += v * step
			}
			if math.Abs(sum-want) > 1e-9*want {
				t.Fatalf("area %g became %g", want, sum)
			}
		}
	})
}

func TestResamplingIsLinearInTheValuesAndBlindToTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := irregular(t, 100, 160)
		y := rapid.SliceOfN(rapid.Float64Range(-1e3, 1e3), len(x), len(x)).Draw(t, "y")
		a := rapid.Float64Range(-50, 50).Draw(t, "scale")
		b := rapid.Float64Range(-50, 50).Draw(t, "offset")
		s := continuous(x, y)
		g := s.CommonGrid(rapid.Float64Range(0.1, 5).Draw(t, "step"))
		base, err := s.Resample(g)
		if err != nil {
			t.Fatal(err)
		}
		back, err := turned(s).Resample(g)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(base.Y, back.Y) || !slices.Equal(base.X, back.X) {
			t.Fatal("a descending axis gave other values")
		}
		scaled := slices.Clone(y)
		for i := range scaled {
			scaled[i] = a*y[i] + b
		}
		got, err := continuous(x, scaled).Resample(g)
		if err != nil {
			t.Fatal(err)
		}
		for i := range got.Y {
			if want := a*base.Y[i] + b; math.Abs(got.Y[i]-want) > 1e-8 {
				t.Fatalf("point %d: %g, want %g", i, got.Y[i], want)
			}
		}
		lo, hi := slices.Min(y), slices.Max(y)
		for i, v := range base.Y {
			if v < lo-1e-9 || v > hi+1e-9 {
				t.Fatalf("point %d: mean %g outside the values %g..%g", i, v, lo, hi)
			}
		}
	})
}

func TestResamplingALineOnAnyGridGivesTheLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := Grid{
			Start: rapid.Float64Range(-500, 500).Draw(t, "start"),
			Step:  rapid.Float64Range(0.1, 5).Draw(t, "step"),
			N:     rapid.IntRange(1, 80).Draw(t, "n"),
		}
		slope := rapid.Float64Range(-10, 10).Draw(t, "slope")
		y := g.Axis()
		for i := range y {
			y[i] = 3 + slope*y[i]
		}
		got, err := continuous(g.Axis(), y).Resample(g)
		if err != nil {
			t.Fatal(err)
		}
		for i := range y {
			if math.Abs(got.Y[i]-y[i]) > 1e-9*(1+math.Abs(y[i])) {
				t.Fatalf("point %d: %g, want %g", i, got.Y[i], y[i])
			}
		}
	})
}

func TestCommonGridsOfDifferentSpectraShareTheirPoints(t *testing.T) {
	a := continuous([]float64{199.4, 250, 300.6}, []float64{1, 2, 3})
	b := continuous([]float64{310.2, 260, 205}, []float64{1, 2, 3})
	if g := a.CommonGrid(1); g != (Grid{Start: 200, Step: 1, N: 101}) {
		t.Errorf("a: %+v", g)
	}
	if g := b.CommonGrid(1); g != (Grid{Start: 205, Step: 1, N: 106}) {
		t.Errorf("b: %+v", g)
	}
	if g := a.CommonGrid(4); g != (Grid{Start: 200, Step: 4, N: 26}) {
		t.Errorf("step 4: %+v", g)
	}
}

func TestResampleRefusesWhatItCannotDo(t *testing.T) {
	s := continuous([]float64{100, 101, 102}, []float64{1, 2, 3})
	peaks := s
	peaks.Peaks = true
	nan := continuous([]float64{100, 101, 102}, []float64{1, math.NaN(), 3})
	huge := continuous([]float64{0, 1e6, 2e6}, []float64{1e308, 1e308, 1e308})
	narrow := continuous([]float64{100.2, 100.8}, []float64{1, 2})
	for _, c := range []struct {
		name string
		s    Spectrum
		g    Grid
		want error
	}{
		{"below the range", s, Grid{99, 1, 3}, ErrRange},
		{"above the range", s, Grid{100, 1, 4}, ErrRange},
		{"no step", s, Grid{100, 0, 3}, ErrGrid},
		{"NaN step", s, Grid{100, math.NaN(), 3}, ErrGrid},
		{"step lost in rounding", s, Grid{100, 1e-15, 3}, ErrGrid},
		{"no points", s, Grid{100, 1, 0}, ErrGrid},
		{"huge", s, Grid{100, 1e-7, MaxPoints + 1}, ErrTooLarge},
		{"a grid without points", narrow, narrow.CommonGrid(1), ErrGrid},
		{"a common grid too fine", s, s.CommonGrid(1e-9), ErrTooLarge},
		{"peak table", peaks, Grid{100, 1, 3}, ErrPeaks},
		{"NaN", nan, Grid{100, 1, 3}, ErrNotFinite},
		{"overflow", huge, Grid{0, 1e6, 3}, ErrNotFinite},
		{"empty", Spectrum{}, Grid{100, 1, 3}, ErrEmpty},
	} {
		if _, err := c.s.Resample(c.g); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	one, err := continuous([]float64{100}, []float64{7}).Resample(Grid{100, 1, 1})
	if err != nil || one.Y[0] != 7 {
		t.Errorf("a single point: %v, %v", one.Y, err)
	}
}

func TestResampleLeavesItsInputAlone(t *testing.T) {
	s := continuous([]float64{102, 101, 100}, []float64{1, 2, 3})
	s.Metadata.Simulated = true
	got, err := s.Resample(Grid{100, 0.5, 5})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.X, []float64{102, 101, 100}) || !slices.Equal(s.Y, []float64{1, 2, 3}) {
		t.Error("the input changed")
	}
	if !got.Metadata.Simulated || got.Technique != Raman {
		t.Error("the result forgot what it is")
	}
}
