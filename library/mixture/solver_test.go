package mixture

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
	const ridge, leastGain = 1e-4, 1e-3
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		n, points := rapid.IntRange(1, 12).Draw(t, "references"), rapid.IntRange(1, 20).Draw(t, "points")
		gaussian := func() []float64 {
			v := make([]float64, points)
			for i := range v {
				v[i] = rng.NormFloat64()
			}
			floats.Scale(1/floats.Norm(v, 2), v)
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
		s := NewSolver(gram, n, Effort{Ridge: ridge, Gain: leastGain, Most: n})
		for range 3 { // the second and third start from the solution for another scan
			scan, b := gaussian(), make([]float64, n)
			for i := range refs {
				b[i] = floats.Dot(refs[i], scan)
			}
			s.Begin(s.Passive, s.Amounts, allowed)
			left := s.Solve(b, allowed)
			rest := scan
			used := make([]bool, n)
			for k, j := range s.Passive {
				if s.Amounts[k] < 0 || !allowed[j] {
					t.Fatalf("reference %d, allowed %v, has %g", j, allowed[j], s.Amounts[k])
				}
				floats.AddScaled(rest, -s.Amounts[k], refs[j])
				used[j] = true
			}
			for i, r := range refs {
				slope := floats.Dot(r, rest)
				for k, j := range s.Passive {
					if j == i {
						slope -= ridge * s.Amounts[k]
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
