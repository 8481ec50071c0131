package mixture

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/floats"
)

// mixtures draws compositions, and the amounts that components of the given factors then show.
func mixtures(n int, factor []float64, scatter float64, rng *rand.Rand) (amounts, fractions [][]float64) {
	for range n {
		f, a := make([]float64, len(factor)), make([]float64, len(factor))
		for j := range f {
			f[j] = rng.ExpFloat64()
		}
		floats.Scale(1/floats.Sum(f), f)
		strength := 5 + 10*rng.Float64()
		for j := range a {
			a[j] = strength * f[j] * factor[j] * math.Exp(scatter*rng.NormFloat64())
		}
		amounts, fractions = append(amounts, a), append(fractions, f)
	}
	return amounts, fractions
}

var factors = []float64{0.5, 1, 2} // geometric mean 1

func TestResponsesAreLearnedFromKnownMixtures(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 0))
	amounts, fractions := mixtures(40, factors, 0, rng)
	r, err := LearnResponses(amounts, fractions)
	if err != nil {
		t.Fatal(err)
	}
	if !floats.EqualApprox(r.Factor, factors, 1e-3) || floats.Max(r.LogSD) > 1e-3 {
		t.Errorf("factors %v known to %v, want %v exactly", r.Factor, r.LogSD, factors)
	}
	amounts, fractions = mixtures(400, factors, 0.2, rng)
	if r, err = LearnResponses(amounts, fractions); err != nil {
		t.Fatal(err)
	}
	for j, sd := range r.LogSD {
		if sd < 0.15 || sd > 0.25 {
			t.Errorf("responses that scatter by 0.2 are said to scatter by %.3f (component %d)", sd, j)
		}
	}
}

func TestMassFractionsLieInTheirIntervalsAsOftenAsStated(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 0))
	amounts, fractions := mixtures(60, factors, 0.15, rng)
	r, err := LearnResponses(amounts, fractions)
	if err != nil {
		t.Fatal(err)
	}
	amounts, fractions = mixtures(200, factors, 0.15, rng)
	inside, all := 0, 0
	for i := range amounts {
		c, err := r.Composition(amounts[i], make([]float64, 3), rng)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(floats.Sum(c.Estimate)-1) > 1e-9 {
			t.Fatalf("fractions %v do not add up", c.Estimate)
		}
		for j, f := range fractions[i] {
			all++
			if c.Low[j] <= f && f <= c.High[j] {
				inside++
			}
		}
	}
	if share := float64(inside) / float64(all); share < 0.91 || share > 0.985 {
		t.Errorf("%.1f %% of the true fractions lie in 95 %% intervals", 100*share)
	}
}

func TestUnlearnedResponsesGiveWiderIntervals(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 0))
	amounts, none := []float64{3, 2, 1}, make([]float64, 3)
	learned := Responses{Factor: []float64{1, 1, 1}, LogSD: []float64{0.1, 0.1, 0.1}}
	narrow, err := learned.Composition(amounts, none, rng)
	if err != nil {
		t.Fatal(err)
	}
	wide, err := Unlearned(3).Composition(amounts, none, rng)
	if err != nil {
		t.Fatal(err)
	}
	noisy, err := learned.Composition(amounts, []float64{0.5, 0.5, 0.5}, rng)
	if err != nil {
		t.Fatal(err)
	}
	for j, want := range []float64{3. / 6, 2. / 6, 1. / 6} {
		if math.Abs(narrow.Estimate[j]-want) > 0.02 {
			t.Errorf("component %d: %.3f, want about %.3f", j, narrow.Estimate[j], want)
		}
		if n := narrow.High[j] - narrow.Low[j]; wide.High[j]-wide.Low[j] < 2*n || noisy.High[j]-noisy.Low[j] < n {
			t.Errorf("component %d: learned %.3f wide, unlearned %.3f, noisy %.3f", j, n, wide.High[j]-wide.Low[j], noisy.High[j]-noisy.Low[j])
		}
	}
}

func TestCompositionsThatCannotBeAreRefused(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 0))
	for name, in := range map[string][2][]float64{
		"other lengths":  {{1, 2}, {0, 0}},
		"nothing found":  {{0, 0, 0}, {1, 1, 1}},
		"negative":       {{1, -1, 1}, {0, 0, 0}},
		"negative error": {{1, 1, 1}, {0, -1, 0}},
	} {
		if _, err := Unlearned(3).Composition(in[0], in[1], rng); !errors.Is(err, ErrInput) {
			t.Errorf("%s: %v, want ErrInput", name, err)
		}
	}
	alike := [][]float64{{1, 1}, {1, 0}}
	for name, in := range map[string][2][][]float64{
		"no rows":      {nil, nil},
		"rows missing": {alike, alike[:1]},
		"ragged":       {{{1, 1}, {1}}, alike},
		"never there":  {{{1, 0}, {1, 0}}, {{1, 0}, {1, 0}}},
	} {
		if _, err := LearnResponses(in[0], in[1]); !errors.Is(err, ErrInput) {
			t.Errorf("%s: %v, want ErrInput", name, err)
		}
	}
}
