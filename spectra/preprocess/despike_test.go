package preprocess

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"fentrace/spectra"
)

func despiked(t interface{ Fatal(...any) }, y []float64) (out []float64, replaced []int) {
	out = make([]float64, len(y))
	replaced, err := Despike(out, y, 8, 3)
	if err != nil {
		t.Fatal(err)
	}
	return out, replaced
}

func TestDespikeRemovesInjectedRays(t *testing.T) {
	_, clean := banded(1000, 5, 3)
	for _, c := range []struct {
		name string
		at   int
		ray  []float64
	}{
		{"one element in the background", 500, []float64{400}},
		{"two elements", 500, []float64{300, 450}},
		{"two unequal elements", 500, []float64{900, 150}},
		{"on the top of a band", 600, []float64{1200}},
		{"on the flank of a band", 597, []float64{600}},
		{"second point", 1, []float64{400}},
		{"huge", 500, []float64{60000}},
	} {
		y := slices.Clone(clean)
		for i, v := range c.ray {
			y[c.at+i] += v
		}
		out, replaced := despiked(t, y)
		for i := range c.ray {
			if !slices.Contains(replaced, c.at+i) {
				t.Errorf("%s: point %d left at %.0f, replaced %v", c.name, c.at+i, out[c.at+i], replaced)
			}
			if off := math.Abs(out[c.at+i] - clean[c.at+i]); off > 180 { // the curvature of the band over 3 points
				t.Errorf("%s: point %d off by %.0f", c.name, c.at+i, off)
			}
		}
		if len(replaced) > len(c.ray) {
			t.Errorf("%s: replaced %v", c.name, replaced)
		}
	}
}

func TestDespikeLeavesResolvedBandsAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.Float64Range(2.5, 12).Draw(t, "full width at half maximum, points")
		centre := rapid.Float64Range(40, 160).Draw(t, "centre")
		height := rapid.Float64Range(100, 60000).Draw(t, "height")
		lorentz := rapid.Bool().Draw(t, "Lorentzian")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		y := make([]float64, 200)
		for i := range y {
			u := 2 * (float64(i) - centre) / width
			if lorentz {
				y[i] = height / (1 + u*u)
			} else {
				y[i] = height * math.Exp(-math.Ln2*u*u)
			}
			y[i] += 0.4 * height / 1000 * rng.NormFloat64()
		}
		if _, replaced := despiked(t, y); len(replaced) != 0 {
			t.Fatalf("replaced %v", replaced)
		}
	})
}

func TestDespikeFollowsScaleAndReversal(t *testing.T) {
	_, y := banded(800, 5, 4)
	for _, i := range []int{100, 333, 334, 700} {
		y[i] += 800
	}
	_, want := despiked(t, y)
	if len(want) != 4 {
		t.Fatalf("replaced %v", want)
	}
	moved, back := make([]float64, len(y)), slices.Clone(y)
	for i, v := range y {
		moved[i] = 0.02*v - 7
	}
	if _, got := despiked(t, moved); !slices.Equal(got, want) {
		t.Errorf("scaled: %v, want %v", got, want)
	}
	slices.Reverse(back)
	_, got := despiked(t, back)
	for i := range got {
		got[i] = len(y) - 1 - got[i]
	}
	slices.Reverse(got)
	if !slices.Equal(got, want) {
		t.Errorf("reversed: %v, want %v", got, want)
	}
	inPlace := slices.Clone(y)
	if again, err := Despike(inPlace, inPlace, 8, 3); err != nil || !slices.Equal(again, want) {
		t.Errorf("in place: %v, %v", again, err)
	}
}

func TestDespikeRefusesAndSurvives(t *testing.T) {
	y := []float64{1, 2, 3, 4}
	for _, c := range []struct {
		dst, y    []float64
		threshold float64
		m         int
		want      error
	}{
		{y[:3], y, 8, 3, spectra.ErrLength}, {y[:2], y[:2], 8, 3, ErrTooFew}, {nil, nil, 8, 3, ErrTooFew},
		{y, y, 0, 3, ErrParameter}, {y, y, math.NaN(), 3, ErrParameter}, {y, y, 8, 0, ErrParameter},
		{y, []float64{1, 2, math.Inf(1), 4}, 8, 3, spectra.ErrNotFinite},
	} {
		if _, err := Despike(c.dst, c.y, c.threshold, c.m); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for _, flat := range [][]float64{make([]float64, 50), {5, 5, 5}} {
		if out, replaced := despiked(t, flat); len(replaced) != 0 || !slices.Equal(out, flat) {
			t.Errorf("constant: %v", replaced)
		}
	}
	one := make([]float64, 200)
	one[77] = 9
	if out, replaced := despiked(t, one); !slices.Equal(replaced, []int{77}) || out[77] != 0 {
		t.Errorf("a ray on zeros: %v", replaced)
	}
}

func TestNoiseIsTheStandardDeviationUnderBandsAndBackground(t *testing.T) {
	for _, sigma := range []float64{0.5, 5, 50} {
		_, y := banded(2000, sigma, 11)
		if got := Noise(y); math.Abs(got-sigma) > 0.15*sigma { // five bands in 2000 points raise it by up to a seventh
			t.Errorf("noise of %g: %g", sigma, got)
		}
	}
	if Noise([]float64{1, 2}) != 0 || Noise(nil) != 0 {
		t.Error("too few points must give 0")
	}
}
