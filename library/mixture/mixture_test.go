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

// An amount of the level and 1.28 standard errors more passes the test nine times out of ten, an absent one nearly never.
func TestErrorOfAFurtherReferenceMeansWhatItSays(t *testing.T) {
	const runs, level = 400, 3.0
	found, invented := 0, 0
	for seed := range uint64(runs) {
		blank := fit(t, add(0.3, seed+10, map[uint64]float64{1: 1}), wave(1))
		se, err := blank.Further(wave(2))
		if err != nil {
			t.Fatal(err)
		}
		limit := (level + 1.2816) * se / blank.Coefficients[0]
		if f := fit(t, add(0.3, seed+10, map[uint64]float64{1: 1}), wave(1), wave(2)); f.T(1) > level {
			invented++
		}
		if f := fit(t, add(0.3, seed+10000, map[uint64]float64{1: 1, 2: limit}), wave(1), wave(2)); f.T(1) > level {
			found++
		}
	}
	if share := float64(found) / runs; share < 0.85 || share > 0.95 || invented > runs/50 {
		t.Errorf("at the limit %.1f %% found, %d of %d invented", 100*share, invented, runs)
	}
}

func TestErrorIsWorseForWhatLooksLikeTheRest(t *testing.T) {
	f := fit(t, add(0.1, 3, map[uint64]float64{1: 1}), wave(1))
	alike := add(0, 0, map[uint64]float64{1: 1, 2: 0.2})
	unlike, _ := f.Further(wave(2))
	close, _ := f.Further(alike)
	same, _ := f.Further(wave(1))
	reshaped, _ := f.Further(wave(2), shifted(wave(2)))
	if !(unlike < close && close < same && math.IsInf(same, 1)) || reshaped < unlike {
		t.Errorf("standard errors: unlike %.3f, alike %.3f, same %.3f, unlike of any place %.3f", unlike, close, same, reshaped)
	}
}

// shifted is the difference that moving v by a point makes.
func shifted(v []float64) []float64 {
	out := make([]float64, len(v))
	for i := 1; i < len(v); i++ {
		out[i] = v[i] - v[i-1]
	}
	return out
}

func TestRestOfAnAddedSignalIsWhatItAddsToTheResidual(t *testing.T) {
	y, more := add(0.1, 3, map[uint64]float64{1: 1, 2: 0.5}), wave(3)
	sum := make([]float64, points)
	for i := range y {
		sum[i] = y[i] + 0.1*more[i]
	}
	before, after := fit(t, y, wave(1), wave(2)), fit(t, sum, wave(1), wave(2))
	for i, r := range before.Rest(more) {
		if math.Abs(after.Residual[i]-before.Residual[i]-0.1*r) > 1e-9 {
			t.Fatalf("point %d: residual changes by %g, want %g", i, after.Residual[i]-before.Residual[i], 0.1*r)
		}
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

// derivativeNoise is what a derivative's window makes of independent noise: neighbours depend on one another.
func derivativeNoise(seed uint64) []float64 {
	rng := rand.New(rand.NewPCG(seed, 3))
	white := make([]float64, points+11)
	for i := range white {
		white[i] = rng.NormFloat64()
	}
	y := make([]float64, points)
	for i := range y {
		for k := range 11 {
			y[i] += float64(k-5) / 110 * white[i+k]
		}
	}
	return y
}

// Of references that are not there a test at level 1 % may find 1 %, whatever the noise's neighbours have in common.
func TestFalsePositivesComeAtTheStatedRate(t *testing.T) {
	const runs = 1500
	found := 0
	for seed := range uint64(runs) {
		y := derivativeNoise(seed)
		for i, v := range wave(1) {
			y[i] += v
		}
		if f := fit(t, y, wave(1), wave(2+seed%20)); f.P(1) < 0.01 {
			found++
		}
	}
	if found < 3 || found > 35 {
		t.Errorf("found %d of %d references that are not there, expected about 15", found, runs)
	}
}

func TestBackgroundIsNoPartOfTheSample(t *testing.T) {
	y := add(0.01, 4, map[uint64]float64{1: 0.7, 2: 0.3})
	for i := range y {
		u := float64(i) / points
		y[i] += 3 - 7*u + 2*u*u
	}
	f, err := Solve(Problem{Scan: y, References: [][]float64{wave(1), wave(2)}, Free: Background(points, 2)})
	if err != nil {
		t.Fatal(err)
	}
	if share, _, _ := f.Fraction(0); math.Abs(share-0.7) > 0.01 || f.Unexplained > 0.01 {
		t.Errorf("share %.3f, unexplained %.4f under a sloping background", share, f.Unexplained)
	}
}

func TestNoisyPointsCountLess(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	var plain, weighted float64
	for range 40 {
		y, sd := add(0, 1, map[uint64]float64{1: 1}), make([]float64, points)
		for i := range y {
			sd[i] = 0.01
			if i%2 == 0 {
				sd[i] = 1
			}
			y[i] += sd[i] * rng.NormFloat64()
		}
		n := wave(1)
		for _, way := range []struct {
			sd  []float64
			sum *float64
		}{{nil, &plain}, {sd, &weighted}} {
			f, err := Solve(Problem{Scan: y, References: [][]float64{n}, SD: way.sd})
			if err != nil {
				t.Fatal(err)
			}
			amount, _ := f.Amount(0)
			*way.sum += math.Abs(amount*norm(n) - 1)
		}
	}
	if weighted > plain/10 {
		t.Errorf("error %.4f with weights, %.4f without", weighted/40, plain/40)
	}
}

func norm(v []float64) float64 {
	var sum float64
	for _, x := range v {
		sum += x * x
	}
	return math.Sqrt(sum)
}

func TestScaleOfScanAndReferencesDoesNotMatter(t *testing.T) {
	y := add(0.2, 6, map[uint64]float64{1: 0.6, 2: 0.4})
	scaled := func(v []float64, by float64) []float64 {
		out := make([]float64, len(v))
		for i := range v {
			out[i] = by * v[i]
		}
		return out
	}
	a := fit(t, y, wave(1), wave(2))
	b := fit(t, scaled(y, 1e5), scaled(wave(1), 7), scaled(wave(2), 1e-3))
	for i := range 2 {
		if math.Abs(a.Coefficients[i]-b.Coefficients[i]) > 1e-9 || math.Abs(a.T(i)-b.T(i)) > 1e-6 {
			t.Errorf("component %d: %.6f (t %.4f), scaled %.6f (t %.4f)", i, a.Coefficients[i], a.T(i), b.Coefficients[i], b.T(i))
		}
	}
}

func TestFractionsOfTheSampleLeaveTheContainerOut(t *testing.T) {
	f := fit(t, add(0.01, 7, map[uint64]float64{1: 0.5, 2: 0.3, 3: 0.2}), wave(1), wave(2), wave(3))
	got, low, high := f.FractionOf(1, []int{1, 2})
	if math.Abs(got-0.6) > 0.02 || low > 0.6 || high < 0.6 {
		t.Errorf("0.3 of 0.3 and 0.2 beside a container is %.3f (%.3f to %.3f)", got, low, high)
	}
}

func TestCountingNoiseFollowsTheLight(t *testing.T) {
	counts := make([]float64, 50)
	for i := range counts {
		counts[i] = 400
		if i >= 25 {
			counts[i] = 40000
		}
	}
	sd := CountingSD(counts, 4, 0, []float64{-0.5, 0, 0.5})
	// sqrt(0.25 (N/4) + 0.25 (N/4)) = sqrt(N/8)
	for _, at := range []int{0, 10, 40, 49} {
		if want := math.Sqrt(counts[at] / 8); math.Abs(sd[at]-want) > 1e-9 {
			t.Errorf("noise at %d is %.3f, want %.3f", at, sd[at], want)
		}
	}
	if dark := CountingSD([]float64{-5, -5, -5}, 4, 3, []float64{1})[1]; dark != 3 {
		t.Errorf("noise without light is %g, want the read noise 3", dark)
	}
}

func TestNoiseThatDoesNotFitTheScanIsRefused(t *testing.T) {
	y := add(0.1, 1, map[uint64]float64{1: 1})
	for name, p := range map[string]Problem{
		"noise of 0":         {Scan: y, SD: make([]float64, points)},
		"noise of few":       {Scan: y, SD: []float64{1}},
		"background too few": {Scan: y, Free: [][]float64{{1, 1}}},
	} {
		if _, err := Solve(p); !errors.Is(err, ErrInput) {
			t.Errorf("%s: %v, want ErrInput", name, err)
		}
	}
}

func TestWhatWouldNeedANegativeAmountIsNotThere(t *testing.T) {
	y := add(0.05, 8, map[uint64]float64{1: 1, 2: -0.5})
	f := fit(t, y, wave(1), wave(2))
	if f.Coefficients[1] != 0 || f.T(1) != 0 || f.P(1) < 0.4 || f.SE[1] <= 0 {
		t.Errorf("amount %.3f ± %.3f, t %.2f, p %.2f", f.Coefficients[1], f.SE[1], f.T(1), f.P(1))
	}
	if _, low, high := f.Fraction(1); low != 0 || high <= 0 || high > 0.6 {
		t.Errorf("interval %.3f to %.3f", low, high)
	}
	if f := fit(t, add(0.05, 8, map[uint64]float64{1: -1}), wave(1)); f.Coefficients[0] != 0 || f.Unexplained != 1 {
		t.Errorf("amount %.3f of the only reference, unexplained %.3f", f.Coefficients[0], f.Unexplained)
	}
}
