//go:build !amd64

package kernel

// Implementation names what Products runs on this machine.
func Implementation() string { return "portable" }

func products(out []int32, queries []uint8, rows []int8, n int) { portable(out, queries, rows, n) }

func largest(out []int32, queries []uint8, rows []int8, n int) {
	portableLargest(out, queries, rows, n)
}

func scores(out []float32, products []int32, r Rows, c *Coefficients) {
	portableScores(out, products, r, c)
}

func widen(out []float64, values []float32) { portableWiden(out, values) }
