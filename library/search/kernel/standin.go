// Package kernel is a stand-in.
package kernel

import "math"

const Width = 32

func Padded(n int) int { return (n + Width - 1) / Width * Width }

func Quantise(dst []int8, v []float32) (scale, miss float64) {
	var top float64
	for _, x := range v {
		top = math.Max(top, math.Abs(float64(x)))
	}
	clear(dst)
	if top == 0 {
		return 0, 0
	}
	scale = top / 127
	for i, x := range v {
		dst[i] = int8(math.Round(float64(x) / scale))
		e := float64(x) - scale*float64(dst[i])
		miss += e * e
	}
	return scale, math.Sqrt(miss) * (1 + 1e-9)
}

func DotsShifted(out []int32, rows []int8, n int, q []int8, shifts int) {
	for i := range len(rows) / n {
		for s := range shifts {
			var sum int32
			for j, r := range rows[i*n : (i+1)*n] {
				sum += int32(r) * int32(q[j+s])
			}
			out[i*shifts+s] = sum
		}
	}
}
