package preprocess

import (
	"errors"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"fentrace/spectra"
)

func savgol(t testing.TB, window, order, derivative int, step float64, y []float64) []float64 {
	t.Helper()
	p, err := NewSavGol(window, order, derivative, step)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float64, len(y))
	if err := p.Apply(out, y); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSavGolDifferentiatesPolynomialsExactlyEndsIncluded(t *testing.T) {
	const step, n = 0.5, 40
	// f(x) = 2 - 3x + 0.5x^2 - 0.25x^3 and its derivatives
	f := []func(x float64) float64{
		func(x float64) float64 { return 2 - 3*x + 0.5*x*x - 0.25*x*x*x },
		func(x float64) float64 { return -3 + x - 0.75*x*x },
		func(x float64) float64 { return 1 - 1.5*x },
		func(x float64) float64 { return -1.5 },
	}
	y := make([]float64, n)
	for i := range y {
		y[i] = f[0](float64(i)*step - 8)
	}
	for d := range f {
		for _, window := range []int{5, 11, 21, 39} {
			got := savgol(t, window, 3, d, step, y)
			for i := range got {
				if want := f[d](float64(i)*step - 8); math.Abs(got[i]-want) > 1e-9*(1+math.Abs(want)) {
					t.Errorf("window %d derivative %d point %d: %g, want %g", window, d, i, got[i], want)
				}
			}
		}
	}
}

func TestSavGolWeightsAreThoseOfLeastSquares(t *testing.T) {
	for _, c := range []struct{ window, order, derivative int }{
		{5, 2, 0}, {11, 2, 0}, {11, 2, 1}, {11, 3, 1}, {9, 4, 2}, {25, 5, 3}, {1, 0, 0}, {7, 6, 2},
	} {
		half := c.window / 2
		p, err := NewSavGol(c.window, c.order, c.derivative, 1)
		if err != nil {
			t.Fatal(err)
		}
		design := mat.NewDense(c.window, c.order+1, nil)
		for i := range c.window {
			for k := range c.order + 1 {
				design.Set(i, k, math.Pow(float64(i-half)/float64(half+1), float64(k)))
			}
		}
		eye := mat.NewDense(c.window, c.window, nil)
		for i := range c.window {
			eye.Set(i, i, 1)
		}
		var qr mat.QR
		qr.Factorize(design)
		var fit mat.Dense // column i: polynomial fitted to a unit at i
		if err := qr.SolveTo(&fit, false, eye); err != nil {
			t.Fatal(err)
		}
		for at, row := range p.rows {
			u := float64(at-half) / float64(half+1)
			for i, got := range row {
				want := 0.0
				for k := c.derivative; k <= c.order; k++ {
					v := fit.At(k, i) * math.Pow(u, float64(k-c.derivative))
					for j := range c.derivative {
						v *= float64(k-j) / float64(half+1)
					}
					want += v
				}
				if math.Abs(got-want) > 1e-10 {
					t.Errorf("%+v: weight of %d for the fit at %d: %.12g, want %.12g", c, i, at, got, want)
				}
			}
		}
	}
	// The published five-point quadratic smoother, Savitzky and Golay 1964, table I.
	p, _ := NewSavGol(5, 2, 0, 1)
	for i, want := range []float64{-3, 12, 17, 12, -3} {
		if got := p.rows[2][i] * 35; math.Abs(got-want) > 1e-12 {
			t.Errorf("five-point weight %d: %g/35, want %g/35", i, got, want)
		}
	}
}

func TestSavGolIsLinearAndTurnsWithTheSpectrum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		window := 2*rapid.IntRange(1, 12).Draw(t, "half") + 1
		order := rapid.IntRange(0, min(5, window-1)).Draw(t, "order")
		d := rapid.IntRange(0, min(2, order)).Draw(t, "derivative")
		n := window + rapid.IntRange(0, 30).Draw(t, "more")
		y := rapid.SliceOfN(rapid.Float64Range(-100, 100), n, n).Draw(t, "y")
		a, b := rapid.Float64Range(-5, 5).Draw(t, "scale"), rapid.Float64Range(-50, 50).Draw(t, "offset")
		p, err := NewSavGol(window, order, d, 1)
		if err != nil {
			t.Fatal(err)
		}
		base, scaled, back := make([]float64, n), make([]float64, n), make([]float64, n)
		z, r := make([]float64, n), slices.Clone(y)
		for i := range z {
			z[i] = a*y[i] + b
		}
		slices.Reverse(r)
		if err := errors.Join(p.Apply(base, y), p.Apply(scaled, z), p.Apply(back, r)); err != nil {
			t.Fatal(err)
		}
		sign, level := 1.0, b
		if d > 0 {
			level = 0
		}
		if d%2 == 1 {
			sign = -1
		}
		for i := range base {
			if want := a*base[i] + level; math.Abs(scaled[i]-want) > 1e-8*(1+math.Abs(want)) {
				t.Fatalf("point %d: %g, want %g", i, scaled[i], want)
			}
			if got := sign * back[n-1-i]; math.Abs(got-base[i]) > 1e-8*(1+math.Abs(base[i])) {
				t.Fatalf("reversed point %d: %g, want %g", i, got, base[i])
			}
		}
	})
}

func TestSavGolRefuses(t *testing.T) {
	for _, c := range []struct {
		window, order, derivative int
		step                      float64
	}{
		{10, 2, 0, 1}, {-1, 0, 0, 1}, {5, 5, 0, 1}, {5, -1, 0, 1}, {5, 2, 3, 1}, {5, 2, -1, 1}, {5, 2, 1, 0},
		{5, 2, 1, math.NaN()}, {5, 2, 1, math.Inf(1)}, {5, 4, 4, 1e-200}, {MaxWindow + 2, 2, 0, 1},
	} {
		if _, err := NewSavGol(c.window, c.order, c.derivative, c.step); !errors.Is(err, ErrParameter) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	p, err := NewSavGol(5, 2, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	y := make([]float64, 6)
	if err := p.Apply(make([]float64, 4), y[:4]); !errors.Is(err, ErrTooFew) {
		t.Errorf("short: %v", err)
	}
	if err := p.Apply(nil, nil); !errors.Is(err, ErrTooFew) {
		t.Errorf("empty: %v", err)
	}
	if err := p.Apply(make([]float64, 5), y); !errors.Is(err, spectra.ErrLength) {
		t.Errorf("lengths: %v", err)
	}
	if err := p.Apply(y, y); !errors.Is(err, ErrOverlap) {
		t.Errorf("in place: %v", err)
	}
}

func TestSavGolAndARPLSAllocateNothingOncePlanned(t *testing.T) {
	p, err := NewSavGol(11, 2, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewARPLS(300, 1e4, 1e-3, 50)
	if err != nil {
		t.Fatal(err)
	}
	y, dst := make([]float64, 300), make([]float64, 300)
	for i := range y {
		y[i] = math.Sin(float64(i)/7) + float64(i%5)
	}
	if n := testing.AllocsPerRun(10, func() { _ = p.Apply(dst, y) }); n != 0 {
		t.Errorf("SavGol.Apply: %g allocations", n)
	}
	if n := testing.AllocsPerRun(10, func() { _, _ = b.Fit(dst, y) }); n != 0 {
		t.Errorf("ARPLS.Fit: %g allocations", n)
	}
}

func BenchmarkSavGol2000(b *testing.B) {
	p, err := NewSavGol(11, 2, 1, 1)
	if err != nil {
		b.Fatal(err)
	}
	y, dst := make([]float64, 2000), make([]float64, 2000)
	for b.Loop() {
		_ = p.Apply(dst, y)
	}
}
