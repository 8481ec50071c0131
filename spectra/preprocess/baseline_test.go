package preprocess

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"fentrace/spectra"
)

func baseline(t testing.TB, y []float64, lambda float64) []float64 {
	t.Helper()
	p, err := NewARPLS(len(y), lambda, 1e-3, 100)
	if err != nil {
		t.Fatal(err)
	}
	z := make([]float64, len(y))
	if _, err := p.Fit(z, y); err != nil && !errors.Is(err, ErrUnsettled) {
		t.Fatal(err)
	}
	return z
}

// banded returns a smooth background, and the same under a few bands with noise.
func banded(n int, noise float64, seed uint64) (background, y []float64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	background, y = make([]float64, n), make([]float64, n)
	for i := range y {
		x := float64(i) / float64(n)
		background[i] = 200 + 900*math.Exp(-(x-0.3)*(x-0.3)/0.2)
		y[i] = background[i] + noise*rng.NormFloat64()
		for _, c := range []float64{0.15, 0.32, 0.36, 0.6, 0.81} {
			u := (float64(i) - c*float64(n)) / 6
			y[i] += 700 * math.Exp(-u*u)
		}
	}
	return background, y
}

func TestARPLSSolvesItsEquations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(3, 40).Draw(t, "n")
		lambda := math.Pow(10, rapid.Float64Range(-2, 5).Draw(t, "log lambda"))
		y := rapid.SliceOfN(rapid.Float64Range(-100, 100), n, n).Draw(t, "y")
		p, err := NewARPLS(n, lambda, 1e-3, 50)
		if err != nil {
			t.Fatal(err)
		}
		copy(p.w, rapid.SliceOfN(rapid.Float64Range(0.05, 1), n, n).Draw(t, "w"))
		z := make([]float64, n)
		if !p.solve(z, y) {
			t.Fatal("singular")
		}
		d := mat.NewDense(n-2, n, nil)
		for i := range n - 2 {
			d.Set(i, i, 1)
			d.Set(i, i+1, -2)
			d.Set(i, i+2, 1)
		}
		var a mat.Dense
		a.Mul(d.T(), d)
		a.Scale(lambda, &a)
		right := mat.NewVecDense(n, nil)
		for i := range n {
			a.Set(i, i, a.At(i, i)+p.w[i])
			right.SetVec(i, p.w[i]*y[i])
		}
		var want mat.VecDense
		if err := want.SolveVec(&a, right); err != nil {
			t.Fatal(err)
		}
		scale := slices.Max(y) - min(0, slices.Min(y)) + 1
		for i := range z {
			if math.Abs(z[i]-want.AtVec(i)) > 1e-9*scale {
				t.Fatalf("point %d: %.15g, dense %.15g", i, z[i], want.AtVec(i))
			}
		}
	})
}

func TestARPLSFindsTheBackgroundUnderBands(t *testing.T) {
	for seed := range uint64(5) {
		background, y := banded(2000, 5, seed)
		z := baseline(t, y, 1e6)
		worst := 0.0
		for i := range z {
			worst = max(worst, math.Abs(z[i]-background[i]))
		}
		if worst > 15 { // of bands of 700 and noise of 5
			t.Errorf("seed %d: off by up to %.1f counts", seed, worst)
		}
	}
}

func TestARPLSFollowsScaleOffsetAndReversal(t *testing.T) {
	_, y := banded(600, 5, 9)
	z := baseline(t, y, 1e4)
	for _, c := range []struct{ scale, offset float64 }{{3.7, 0}, {1, 5000}, {0.01, -40}} {
		moved := make([]float64, len(y))
		for i := range y {
			moved[i] = c.scale*y[i] + c.offset
		}
		for i, got := range baseline(t, moved, 1e4) {
			if want := c.scale*z[i] + c.offset; math.Abs(got-want) > 1e-5*c.scale {
				t.Fatalf("%+v point %d: %g, want %g", c, i, got, want)
			}
		}
	}
	slices.Reverse(y)
	back := baseline(t, y, 1e4)
	slices.Reverse(back)
	for i := range z {
		if math.Abs(back[i]-z[i]) > 1e-5 {
			t.Fatalf("reversed point %d: %g, want %g", i, back[i], z[i])
		}
	}
}

func TestARPLSOfAStraightLineIsTheLine(t *testing.T) {
	for _, slope := range []float64{0, 2} {
		y := make([]float64, 500)
		for i := range y {
			y[i] = 7 + slope*float64(i)
		}
		for i, got := range baseline(t, y, 1e6) {
			if math.Abs(got-y[i]) > 1e-5 {
				t.Fatalf("slope %g point %d: %g, want %g", slope, i, got, y[i])
			}
		}
	}
	for _, v := range baseline(t, make([]float64, 50), 1e6) {
		if v != 0 {
			t.Fatalf("baseline of zeros: %g", v)
		}
	}
}

func TestARPLSRefuses(t *testing.T) {
	for _, c := range []struct {
		n           int
		lambda, tol float64
		maxIter     int
		want        error
	}{
		{2, 1e6, 1e-3, 50, ErrTooFew}, {spectra.MaxPoints + 1, 1e6, 1e-3, 50, spectra.ErrTooLarge},
		{9, 0, 1e-3, 50, ErrParameter}, {9, math.NaN(), 1e-3, 50, ErrParameter}, {9, 1e11, 1e-3, 50, ErrParameter},
		{9, 1e6, 0, 50, ErrParameter}, {9, 1e6, 1, 50, ErrParameter}, {9, 1e6, 1e-3, 0, ErrParameter},
	} {
		if _, err := NewARPLS(c.n, c.lambda, c.tol, c.maxIter); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	p, err := NewARPLS(4, 1, 1e-9, 1)
	if err != nil {
		t.Fatal(err)
	}
	y, z := []float64{1, 5, 2, 9}, make([]float64, 4)
	if _, err := p.Fit(z, y[:3]); !errors.Is(err, spectra.ErrLength) {
		t.Errorf("length: %v", err)
	}
	if _, err := p.Fit(y, y); !errors.Is(err, ErrOverlap) {
		t.Errorf("in place: %v", err)
	}
	if _, err := p.Fit(z, []float64{1, math.NaN(), 2, 3}); !errors.Is(err, spectra.ErrNotFinite) {
		t.Errorf("NaN: %v", err)
	}
	if n, err := p.Fit(z, y); n != 1 || !errors.Is(err, ErrUnsettled) {
		t.Errorf("one round: %d, %v", n, err)
	}
}

func BenchmarkARPLS2000(b *testing.B) {
	_, y := banded(2000, 5, 1)
	p, err := NewARPLS(len(y), 1e6, 1e-3, 50)
	if err != nil {
		b.Fatal(err)
	}
	z := make([]float64, len(y))
	rounds := 0
	for b.Loop() {
		n, err := p.Fit(z, y)
		if err != nil {
			b.Fatal(err)
		}
		rounds = n
	}
	b.ReportMetric(float64(rounds), "rounds")
}
