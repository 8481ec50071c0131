package search

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/floats"
)

func TestASignatureDoesNotDependOnPlaceOrDirection(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	v := spectral(rng, 0, 800, 12)
	low, _ := pooled(float32s(v.D))
	moved := slices.Concat(make([]float32, 31), low, make([]float32, 7))
	reversed := slices.Clone(low)
	slices.Reverse(reversed)
	want := signature(low)
	for name, other := range map[string][]float32{"moved": moved, "reversed": reversed} {
		for k, x := range signature(other) {
			if math.Abs(float64(x-want[k])) > 1e-4 {
				t.Fatalf("%s: lag %d: %g, want %g", name, k, x, want[k])
			}
		}
	}
	if s := signature(make([]float32, 100)); slices.ContainsFunc(s, func(x float32) bool { return x != 0 }) {
		t.Errorf("of nothing: %v", s)
	}
}

// In a library too large to be compared whole, a wrong axis is still found.
func TestAWrongAxisIsFoundAmongMany(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var ids []string
	var vectors []Vector
	for i := range 3 * comparedRoughly {
		ids, vectors = append(ids, fmt.Sprintf("r%05d", i)), append(vectors, spectral(rng, 350, 1550, 6+rng.IntN(15)))
	}
	ix := FromVectors(ids, vectors)
	found := 0
	const tries = 40
	for k := range tries {
		i := k * 3 * comparedRoughly / tries
		wrong := Distortion{ShiftCM1: 10 + 100*rng.Float64(), Stretch: 0.03 * (2*rng.Float64() - 1)}
		d := make([]float64, 1550)
		for p := range d {
			d[p] = vectors[i].At(int(math.Round(wrong.Undo(float64(350+p)))), 1, 0)[0]
		}
		floats.AddConst(0.002*floats.Max(d), d)
		hit, ok, err := ix.SearchDistorted(context.Background(), newVector("raman", 350, d), DistortedQuery{MaxShift: 200, MaxStretch: 0.035})
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		if hit.ReferenceID == ids[i] {
			found++
		}
	}
	t.Logf("found %d of %d", found, tries)
	if found < tries*9/10 {
		t.Errorf("found only %d of %d", found, tries)
	}
}

func float32s(v []float64) []float32 {
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x)
	}
	return out
}
