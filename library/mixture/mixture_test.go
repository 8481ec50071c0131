package mixture

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

const points = 1500

// wave is a reference unlike those with another seed.
func wave(seed uint64) []float64 {
	rng := rand.New(rand.NewPCG(seed, 0))
	v := make([]float64, points)
	for range 12 {
		at, width := 100+1300*rng.Float64(), 4+6*rng.Float64()
		for i := range v {
			d := (float64(i) - at) / width
			v[i] += -d * math.Exp(-d*d/2)
		}
	}
	return v
}

func add(noise float64, seed uint64, parts map[uint64]float64) []float64 {
	rng := rand.New(rand.NewPCG(seed, 1))
	y := make([]float64, points)
	for s, amount := range parts {
		r := wave(s)
		var n float64
		for _, x := range r {
			n += x * x
		}
		for i := range y {
			y[i] += amount * r[i] / math.Sqrt(n)
		}
	}
	for i := range y {
		y[i] += noise * rng.NormFloat64() / math.Sqrt(points)
	}
	return y
}

func fit(t *testing.T, y []float64, refs ...[]float64) Fit {
	t.Helper()
	f, err := NewFit(y, refs)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestSharesOfTheSignalAreRecovered(t *testing.T) {
	f := fit(t, add(0.02, 1, map[uint64]float64{1: 0.7, 2: 0.3}), wave(1), wave(2))
	for i, want := range []float64{0.7, 0.3} {
		got, low, high := f.Fraction(i)
		if math.Abs(got-want) > 0.02 || low > want || high < want {
			t.Errorf("component %d: %.3f (%.3f to %.3f), want %.2f inside", i, got, low, high, want)
		}
	}
	if f.Unexplained > 0.01 {
		t.Errorf("unexplained %.4f of a scan that is the sum of the references", f.Unexplained)
	}
}

func TestWhatIsNotFittedIsLeftOver(t *testing.T) {
	f := fit(t, add(0, 1, map[uint64]float64{1: 1, 3: 1}), wave(1))
	if f.Unexplained < 0.3 {
		t.Errorf("half of the signal is foreign, unexplained is %.3f", f.Unexplained)
	}
	if empty := fit(t, add(0, 1, map[uint64]float64{1: 1})); empty.Unexplained != 1 {
		t.Errorf("nothing fitted leaves %.3f", empty.Unexplained)
	}
}

// A component at twice the stated limit must stand out of the noise (t above 3.3) nearly always, an absent one nearly never.
func TestDetectionLimitMeansWhatItSays(t *testing.T) {
	const runs = 200
	missed, invented := 0, 0
	for seed := range uint64(runs) {
		blank := add(0.3, seed+10, map[uint64]float64{1: 1})
		limit, err := fit(t, blank, wave(1)).Limit(wave(2))
		if err != nil {
			t.Fatal(err)
		}
		if f := fit(t, blank, wave(1), wave(2)); f.T(1) > limitFactor {
			invented++
		}
		amount := 2 * limit / (1 - limit)
		if f := fit(t, add(0.3, seed+10, map[uint64]float64{1: 1, 2: amount}), wave(1), wave(2)); f.T(1) < limitFactor {
			missed++
		}
	}
	if missed > runs/20 || invented > runs/20 {
		t.Errorf("of %d: %d missed at twice the limit, %d invented", runs, missed, invented)
	}
}

func TestLimitIsWorseForWhatLooksLikeTheRest(t *testing.T) {
	f := fit(t, add(0.1, 3, map[uint64]float64{1: 1}), wave(1))
	alike := add(0, 0, map[uint64]float64{1: 1, 2: 0.2})
	unlike, _ := f.Limit(wave(2))
	close, _ := f.Limit(alike)
	same, _ := f.Limit(wave(1))
	unknown, _ := f.Limit(nil)
	if !(unknown <= unlike && unlike < close && close < same && same == 1) {
		t.Errorf("limits: unknown %.3f, unlike %.3f, alike %.3f, same %.3f", unknown, unlike, close, same)
	}
}

func TestFitRefusesWhatItCannotTellApart(t *testing.T) {
	y := add(0.1, 1, map[uint64]float64{1: 1})
	for name, refs := range map[string][][]float64{
		"twice the same": {wave(1), wave(1)}, "other length": {wave(1)[:10]}, "zero": {make([]float64, points)},
	} {
		if _, err := NewFit(y, refs); !errors.Is(err, ErrInput) {
			t.Errorf("%s: %v, want ErrInput", name, err)
		}
	}
	if _, err := NewFit(make([]float64, points), nil); !errors.Is(err, ErrInput) {
		t.Errorf("no signal: %v, want ErrInput", err)
	}
}
