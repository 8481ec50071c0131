// Package kernel multiplies vectors of small integers, exactly and fast: what a search over many spectra spends its time
// on. Every implementation gives the same numbers, bit for bit: assembly for AVX2, and plain Go for everything else.
//
//go:generate go run ./asm -out products_amd64.s -stubs products_amd64.go -pkg kernel
package kernel

import (
	"fmt"
	"math"
)

const (
	// Width is the multiple that lengths of vectors are.
	Width = 32
	// MaxLength of vectors: 127*127 times as much is within int32.
	MaxLength = 1 << 16
	// group is how many vectors assembly takes at a time.
	group = 8
)

// Padded is n rounded up to a multiple of Width.
func Padded(n int) int { return (n + Width - 1) / Width * Width }

// Quantise writes v in steps of scale, -127..127, to dst; what is beyond v is 0. The Euclidean norm of v - scale*dst is at
// most miss. dst is at least as long as v, which is finite; the scale of zeros is 0.
func Quantise(dst []int8, v []float32) (scale, miss float64) {
	clear(dst)
	var top float64
	for _, x := range v {
		top = math.Max(top, math.Abs(float64(x)))
	}
	if top == 0 {
		return 0, 0
	}
	scale = top / 127
	for i, x := range v {
		dst[i] = int8(math.Max(-127, math.Min(127, math.RoundToEven(float64(x)/scale))))
	}
	return scale, Miss(dst, v, scale)
}

// Miss is at least the Euclidean norm of v - scale*dst.
func Miss(dst []int8, v []float32, scale float64) float64 {
	var sum float64
	for i, x := range v {
		e := float64(x) - scale*float64(dst[i])
		sum += e * e
	}
	// Each difference is exact to 2^-52 of 127 steps, the sum of up to 2^16 squares to 2^-36 of itself.
	return math.Sqrt(sum)*(1+1e-9) + 127*scale*float64(len(v))*0x1p-52
}

// Products writes the scalar products of fixed with vectors of the same length, one after the other in others, to out.
// It panics when the lengths do not fit, or are no multiple of Width, or above MaxLength.
func Products(out []int32, fixed, others []int8) {
	n := len(fixed)
	if n == 0 || n%Width != 0 || n > MaxLength || len(others) != n*len(out) {
		panic(fmt.Sprintf("kernel: %d products of vectors of %d with %d values", len(out), n, len(others)))
	}
	products(out, fixed, others)
}

// portable is Products in plain Go.
func portable(out []int32, fixed, others []int8) {
	for i := range out {
		row := others[i*len(fixed) : (i+1)*len(fixed)]
		var sum int32
		for j, x := range fixed {
			sum += int32(x) * int32(row[j])
		}
		out[i] = sum
	}
}
