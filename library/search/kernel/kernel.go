// Package kernel multiplies vectors of small integers, exactly and fast: what a search over many spectra spends its time
// on. Every implementation gives the same numbers, bit for bit: assembly for AVX2, and plain Go for everything else.
//
// Rows are int8 of -127..127. Queries are uint8 of 0..127, which stand for values of -63..63 with Offset added: the
// instruction that multiplies bytes wants one factor without a sign, and sums of two products must fit int16. The offset adds
// Offset times the sum of a row to its products, which the caller takes off.
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
	// Offset is what the values of a query have added to them.
	Offset = 64
	// Tile is the multiple that the number of queries is, unless there is one alone.
	Tile = 4
	// Most is the largest value of a row, MostAsked that of a query before Offset.
	Most, MostAsked = 127, 63
	// group is how many rows assembly takes at a time with one query.
	group = 8
)

// Padded is n rounded up to a multiple of Width.
func Padded(n int) int { return (n + Width - 1) / Width * Width }

// Quantise writes v in steps of scale, -most..most, to dst; what is beyond v is 0. The Euclidean norm of v - scale*dst is at
// most miss. dst is at least as long as v, which is finite; the scale of zeros is 0.
func Quantise(dst []int8, v []float32, most int) (scale, miss float64) {
	clear(dst)
	var top float32
	for _, x := range v {
		top = max(top, x, -x)
	}
	if top == 0 {
		return 0, 0
	}
	scale = float64(top) / float64(most)
	inverse, limit := 1/scale, float64(most)
	for i, x := range v {
		dst[i] = int8(math.RoundToEven(max(-limit, min(limit, float64(x)*inverse))))
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
	return math.Sqrt(sum)*(1+1e-9) + Most*scale*float64(len(v))*0x1p-52
}

// Asked writes quantised values of a query, -MostAsked..MostAsked, as Products takes them.
func Asked(dst []uint8, q []int8) {
	for i, x := range q {
		dst[i] = uint8(x + Offset)
	}
}

// Sum is that of the values of a row.
func Sum(row []int8) (sum int32) {
	for _, x := range row {
		sum += int32(x)
	}
	return sum
}

// Products writes the scalar products of every row with every query, each of n values, to out: those of the first row with
// all queries, then those of the second, and so on. The queries are one, or a multiple of Tile. It panics when the lengths
// do not fit, or n is no multiple of Width, or above MaxLength.
func Products(out []int32, queries []uint8, rows []int8, n int) {
	asked := fitting(queries, rows, n)
	if asked != 1 && asked%Tile != 0 || len(out) != asked*(len(rows)/n) {
		panic(fmt.Sprintf("kernel: %d products of %d queries with %d rows", len(out), asked, len(rows)/n))
	}
	if len(out) > 0 {
		products(out, queries, rows, n)
	}
}

// Largest writes the largest of the scalar products of each row with the queries, each of n values, to out. Rows that fit
// the first cache together are fastest. It panics as Products does.
func Largest(out []int32, queries []uint8, rows []int8, n int) {
	if fitting(queries, rows, n); len(out) != len(rows)/n {
		panic(fmt.Sprintf("kernel: %d largest products with %d rows", len(out), len(rows)/n))
	}
	if len(out) > 0 {
		largest(out, queries, rows, n)
	}
}

// fitting is the number of queries.
func fitting(queries []uint8, rows []int8, n int) int {
	if n <= 0 || n%Width != 0 || n > MaxLength || len(queries) == 0 || len(queries)%n != 0 || len(rows)%n != 0 {
		panic(fmt.Sprintf("kernel: vectors of %d in %d values with %d", n, len(queries), len(rows)))
	}
	return len(queries) / n
}

// Rows are what Scores takes from each row.
type Rows struct {
	Total                        []int32 // sum of the row's values
	Step, Size, Miss, Rest, Mean []float32
	Stretch                      []float32
}

// Coefficients of Step, Size, Miss, Rest and Mean in Scores.
type Coefficients [5]float32

// Scores writes, for each row from first on,
//
//	Stretch * (c[0]*Step*(product - Offset*Total) + c[1]*Size + c[2]*Miss + c[3]*Rest + c[4]*Mean)
//
// in float32, or 0 where that is not more, to out, for as many rows as there are products. It panics when out or the rows are fewer.
func Scores(out []float32, products []int32, r Rows, first int, c *Coefficients) {
	to := first + len(products)
	r = Rows{r.Total[first:to], r.Step[first:to], r.Size[first:to], r.Miss[first:to], r.Rest[first:to], r.Mean[first:to], r.Stretch[first:to]}
	scores(out[:len(products)], products, r, c)
}

// Widen writes values as float64 to out. It panics when out is shorter.
func Widen(out []float64, values []float32) { widen(out[:len(values)], values) }

// portableWiden is Widen in plain Go.
func portableWiden(out []float64, values []float32) {
	for i, x := range values {
		out[i] = float64(x)
	}
}

// portable is Products in plain Go.
func portable(out []int32, queries []uint8, rows []int8, n int) {
	asked := len(queries) / n
	for i := range out {
		out[i] = product(queries[i%asked*n:][:n], rows[i/asked*n:][:n])
	}
}

func product(query []uint8, row []int8) (sum int32) {
	for j, x := range query {
		sum += int32(x) * int32(row[j])
	}
	return sum
}

// portableLargest is Largest in plain Go.
func portableLargest(out []int32, queries []uint8, rows []int8, n int) {
	for i := range out {
		row := rows[i*n : (i+1)*n]
		out[i] = product(queries[:n], row)
		for q := n; q < len(queries); q += n {
			out[i] = max(out[i], product(queries[q:q+n], row))
		}
	}
}

// portableScores is Scores in plain Go. The conversions keep compilers from adding without rounding the product first.
func portableScores(out []float32, products []int32, r Rows, c *Coefficients) {
	for i, p := range products {
		x := float32(float32(float32(p-Offset*r.Total[i])*r.Step[i]) * c[0])
		x += float32(c[1] * r.Size[i])
		x += float32(c[2] * r.Miss[i])
		x += float32(c[3] * r.Rest[i])
		x += float32(c[4] * r.Mean[i])
		if x = float32(x * r.Stretch[i]); !(x > 0) {
			x = 0
		}
		out[i] = x
	}
}
