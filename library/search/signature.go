package search

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/blas/blas32"
)

// The signature of a spectrum is the autocorrelation of its pooled values, at signatureLags distances from signatureFirst on, in
// pools: which lines are how far from one another, wherever they are. It is the same for a spectrum that is moved or reversed, and
// nearly so for one that is stretched by little. What is smooth over slopeReach pools either way is taken out first: fluorescence
// would resemble fluorescence.
const (
	signatureFirst, signatureLags = 3, 128
	slopeReach                    = 12
)

// signature of pooled values, at unit length; zeros when there is nothing.
func signature(low []float32) []float32 {
	lines := withoutSlope(covered(low))
	out := make([]float32, signatureLags)
	var square float64
	for k := range out {
		lag := signatureFirst + k
		if lag >= len(lines) {
			break
		}
		n := len(lines) - lag
		sum := blas32.Dot(blas32.Vector{N: n, Inc: 1, Data: lines[lag:]}, blas32.Vector{N: n, Inc: 1, Data: lines})
		out[k] = sum
		square += float64(sum) * float64(sum)
	}
	if square > 0 {
		unit := float32(1 / math.Sqrt(square))
		for k := range out {
			out[k] *= unit
		}
	}
	return out
}

// covered is low without the zeros at its ends.
func covered(low []float32) []float32 {
	some := func(x float32) bool { return x != 0 }
	first := slices.IndexFunc(low, some)
	if first < 0 {
		return nil
	}
	last := len(low) - 1
	for low[last] == 0 {
		last--
	}
	return low[first : last+1]
}

// withoutSlope takes the mean around each value off it.
func withoutSlope(low []float32) []float32 {
	sums := make([]float32, len(low)+1)
	for i, x := range low {
		sums[i+1] = sums[i] + x
	}
	out := make([]float32, len(low))
	for i, x := range low {
		from, to := max(0, i-slopeReach), min(len(low), i+slopeReach+1)
		out[i] = x - (sums[to]-sums[from])/float32(to-from)
	}
	return out
}
