package mixture

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"
)

// normalEquations of columns and y.
func normalEquations(columns [][]float64, y []float64) (*mat.SymDense, []float64) {
	gram, rhs := mat.NewSymDense(len(columns), nil), make([]float64, len(columns))
	for i, a := range columns {
		rhs[i] = floats.Dot(a, y)
		for j := range i + 1 {
			gram.SetSym(i, j, floats.Dot(a, columns[j]))
		}
	}
	return gram, rhs
}

func squaredError(columns [][]float64, y, x []float64) float64 {
	rest := append([]float64{}, y...)
	for i, a := range columns {
		floats.AddScaled(rest, -x[i], a)
	}
	return floats.Dot(rest, rest)
}

// bruteForce tries every set of columns that may be above 0.
func bruteForce(t *rapid.T, columns [][]float64, y []float64) float64 {
	gram, rhs := normalEquations(columns, y)
	best := floats.Dot(y, y)
	for set := 1; set < 1<<len(columns); set++ {
		var at []int
		var b []float64
		for i := range columns {
			if set>>i&1 == 1 {
				at, b = append(at, i), append(b, rhs[i])
			}
		}
		inverse, ok := invert(gram, at)
		if !ok {
			continue
		}
		x, allowed := make([]float64, len(columns)), true
		for i, a := range at {
			x[a] = floats.Dot(mat.Row(nil, i, inverse), b)
			allowed = allowed && x[a] >= 0
		}
		if allowed {
			best = math.Min(best, squaredError(columns, y, x))
		}
	}
	return best
}

func TestNonNegativeLeastSquaresIsTheBestOfAllActiveSets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.Float64Range(-3, 3)
		k := rapid.IntRange(1, 6).Draw(t, "columns")
		n := rapid.IntRange(k, 12).Draw(t, "points")
		columns := make([][]float64, k)
		for i := range columns {
			columns[i] = rapid.SliceOfN(value, n, n).Draw(t, "column")
		}
		if k > 1 && rapid.Bool().Draw(t, "twice the same") {
			columns[k-1] = columns[0]
		}
		y := rapid.SliceOfN(value, n, n).Draw(t, "y")
		x := NNLS(normalEquations(columns, y))
		if floats.Min(x) < 0 {
			t.Fatalf("negative amount in %v", x)
		}
		got, want := squaredError(columns, y, x), bruteForce(t, columns, y)
		if got > want+1e-6*(1+floats.Dot(y, y)) {
			t.Fatalf("squared error %g, the best set of columns leaves %g (x = %v)", got, want, x)
		}
	})
}
