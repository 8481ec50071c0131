package analog

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/floats"
	"pgregory.net/rapid"
)

// The amounts are the best ones exactly when the slope is zero along every reference used and not upwards along any
// other (Karush-Kuhn-Tucker), whatever solution the search started from.
func TestAmountsAreTheBestNonNegativeOnes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		n, points := rapid.IntRange(1, 12).Draw(t, "references"), rapid.IntRange(1, 20).Draw(t, "points")
		gaussian := func() []float64 {
			v := make([]float64, points)
			for i := range v {
				v[i] = rng.NormFloat64()
			}
			unit(v)
			return v
		}
		refs, gram, allowed := make([][]float64, n), make([]float64, n*n), make([]bool, n)
		for i := range refs {
			refs[i], allowed[i] = gaussian(), rng.IntN(4) > 0
		}
		for i := range refs {
			for j := range refs {
				gram[i*n+j] = floats.Dot(refs[i], refs[j])
			}
		}
		s := newNonNegative(gram, n)
		for range 3 { // the second and third start from the solution for another scan
			scan, b := gaussian(), make([]float64, n)
			for i := range refs {
				b[i] = floats.Dot(refs[i], scan)
			}
			s.begin(s.passive, s.amounts, allowed)
			left := s.solve(b, allowed)
			rest := scan
			used := make([]bool, n)
			for k, j := range s.passive {
				if s.amounts[k] < 0 || !allowed[j] {
					t.Fatalf("reference %d, allowed %v, has %g", j, allowed[j], s.amounts[k])
				}
				floats.AddScaled(rest, -s.amounts[k], refs[j])
				used[j] = true
			}
			for i, r := range refs {
				slope := floats.Dot(r, rest)
				for k, j := range s.passive {
					if j == i {
						slope -= ridge * s.amounts[k]
					}
				}
				if allowed[i] && (slope > leastGain+1e-9 || used[i] && slope < -1e-9) {
					t.Fatalf("slope %g along reference %d, used %v", slope, i, used[i])
				}
			}
			if want := floats.Dot(rest, rest); math.Abs(left-want) > 1e-9 {
				t.Fatalf("%g left, want %g", left, want)
			}
		}
	})
}
