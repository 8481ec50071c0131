package kernel

import "github.com/klauspost/cpuid/v2"

var hasAVX2 = cpuid.CPU.Supports(cpuid.AVX2)

// Implementation names what Products runs on this machine.
func Implementation() string {
	if hasAVX2 {
		return "avx2"
	}
	return "portable"
}

func products(out []int32, queries []uint8, rows []int8, n int) {
	switch {
	case !hasAVX2:
		portable(out, queries, rows, n)
	case len(queries) == n:
		one(out, queries, rows, n)
	default:
		several(out, queries, rows, n)
	}
}

// one multiplies one query.
func one(out []int32, query []uint8, rows []int8, n int) {
	groups := len(out) / group
	if groups > 0 {
		rowsAVX2(&out[0], &query[0], &rows[0], n, groups)
	}
	for i := groups * group; i < len(out); i++ {
		out[i] = dotAVX2(&query[0], &rows[i*n], n)
	}
}

// largest multiplies one query after the other.
func largest(out []int32, queries []uint8, rows []int8, n int) {
	groups := len(out) / group
	if !hasAVX2 || groups == 0 {
		portableLargest(out, queries, rows, n)
		return
	}
	rowsAVX2(&out[0], &queries[0], &rows[0], n, groups)
	for q := n; q < len(queries); q += n {
		rowsMaxAVX2(&out[0], &queries[q], &rows[0], n, groups)
	}
	if done := groups * group; done < len(out) {
		portableLargest(out[done:], queries, rows[done*n:], n)
	}
}

func scores(out []float32, products []int32, r Rows, c *Coefficients) {
	groups := len(products) / group
	if !hasAVX2 || groups == 0 {
		portableScores(out, products, r, c)
		return
	}
	scoresAVX2(&out[0], &products[0], &r.Total[0], &r.Step[0], &r.Size[0], &r.Miss[0], &r.Rest[0], &r.Mean[0], &r.Stretch[0], (*[5]float32)(c), groups)
	if d := groups * group; d < len(products) {
		portableScores(out[d:], products[d:], Rows{r.Total[d:], r.Step[d:], r.Size[d:], r.Miss[d:], r.Rest[d:], r.Mean[d:], r.Stretch[d:]}, c)
	}
}

// several multiplies queries by fours, rows by twos; the last of an odd number of rows by itself.
func several(out []int32, queries []uint8, rows []int8, n int) {
	asked := len(queries) / n
	for i := 0; i < len(rows)/n; i += 2 {
		if i+1 == len(rows)/n {
			alone(out[i*asked:], queries, rows[i*n:], n)
			return
		}
		tilesAVX2(&out[i*asked], &out[(i+1)*asked], &queries[0], &rows[i*n], &rows[(i+1)*n], n, asked/Tile)
	}
}

// alone multiplies queries by eights, and the last four by the row and itself.
func alone(out []int32, queries []uint8, row []int8, n int) {
	asked := len(queries) / n
	groups := asked / group
	if groups > 0 {
		rowAVX2(&out[0], &queries[0], &row[0], n, groups)
	}
	if done := groups * group; done < asked {
		tilesAVX2(&out[done], &out[done], &queries[done*n], &row[0], &row[0], n, 1)
	}
}

func widen(out []float64, values []float32) {
	groups := len(values) / group
	if !hasAVX2 || groups == 0 {
		portableWiden(out, values)
		return
	}
	widenAVX2(&out[0], &values[0], groups)
	portableWiden(out[groups*group:], values[groups*group:])
}
