package kernel

import (
	"bytes"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// values are of -most..most, at random or as nasty as they can be.
func values(rng *rand.Rand, n, most int) []int8 {
	v := make([]int8, n)
	kind := rng.IntN(6)
	for i := range v {
		switch kind {
		case 0:
			v[i] = int8(most)
		case 1:
			v[i] = int8(-most)
		case 2:
			v[i] = int8([]int{most, -most}[i%2])
		case 3:
			v[i] = int8((rng.IntN(3) - 1) * most)
		default:
			v[i] = int8(rng.IntN(2*most+1) - most)
		}
	}
	return v
}

// asked are values as a query.
func asked(v []int8) []uint8 {
	q := make([]uint8, len(v))
	Asked(q, v)
	return q
}

func TestEveryImplementationMultipliesExactly(t *testing.T) {
	t.Logf("on this machine: %s", Implementation())
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		n := Width * rapid.IntRange(1, 70).Draw(t, "blocks")
		m := rapid.IntRange(0, 40).Draw(t, "rows")
		queries := []int{1, Tile, 2 * Tile, 5 * Tile}[rapid.IntRange(0, 3).Draw(t, "queries")]
		var all, rows []int8
		for range queries {
			all = append(all, values(rng, n, MostAsked)...)
		}
		for range m {
			rows = append(rows, values(rng, n, Most)...)
		}
		var want []int32
		for i := range m {
			row := rows[i*n : (i+1)*n]
			for k := range queries {
				sum := Offset * Sum(row)
				for j, x := range row {
					sum += int32(x) * int32(all[k*n+j])
				}
				want = append(want, sum)
			}
		}
		for name, do := range map[string]func([]int32, []uint8, []int8, int){"dispatched": Products, "portable": portable} {
			got := make([]int32, len(want))
			do(got, asked(all), rows, n)
			if !slices.Equal(got, want) {
				t.Fatalf("%s: %v, want %v", name, got, want)
			}
		}
	})
}

func TestTheLargestIsThatOfAllProducts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		n, queries, rows := Width*(1+rng.IntN(20)), 1+rng.IntN(20), rng.IntN(40)
		q, r := asked(values(rng, n*queries, MostAsked)), values(rng, n*rows, Most)
		got, plain := make([]int32, rows), make([]int32, rows)
		Largest(got, q, r, n)
		portableLargest(plain, q, r, n)
		for i := range rows {
			all := make([]int32, queries)
			portable(all, q, r[i*n:(i+1)*n], n)
			if want := slices.Max(all); got[i] != want || plain[i] != want {
				t.Fatalf("row %d: %d and %d, want %d", i, got[i], plain[i], want)
			}
		}
	})
}

func TestScoresAreTheSameToTheLastBit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		rows, first := 5+rng.IntN(60), rng.IntN(9)
		column := func() []float32 {
			v := make([]float32, first+rows)
			for i := range v {
				v[i] = float32(math.Exp(4 * rng.NormFloat64()))
			}
			return v
		}
		r := Rows{make([]int32, first+rows), column(), column(), column(), column(), column(), column()}
		products := make([]int32, rows)
		for i := range products {
			products[i], r.Total[first+i] = int32(rng.Uint32()>>2)-1<<29, int32(rng.IntN(1<<16)-1<<15)
		}
		c := Coefficients(column()[:5:5])
		got, want := make([]float32, rows), make([]float32, rows)
		Scores(got, products, r, first, &c)
		for i := range want {
			k := first + i
			one := Rows{r.Total[k:], r.Step[k:], r.Size[k:], r.Miss[k:], r.Rest[k:], r.Mean[k:], r.Stretch[k:]}
			portableScores(want[i:], products[i:i+1], one, &c)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}

func TestWidenedValuesAreTheSame(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for n := range 40 {
		values, got, want := make([]float32, n), make([]float64, n), make([]float64, n)
		for i := range values {
			values[i] = float32(rng.NormFloat64() * math.Exp(20*rng.NormFloat64()))
		}
		Widen(got, values)
		portableWiden(want, values)
		if !slices.Equal(got, want) {
			t.Errorf("%d values: %v, want %v", n, got, want)
		}
	}
}

func TestTheLongestVectorsDoNotOverflow(t *testing.T) {
	q, row := make([]uint8, MaxLength), make([]int8, MaxLength)
	for i := range row {
		q[i], row[i] = 127, -127
	}
	for _, queries := range []int{1, Tile} {
		for _, rows := range []int{1, 9} {
			out := make([]int32, queries*rows)
			Products(out, slices.Repeat(q, queries), slices.Repeat(row, rows), MaxLength)
			for _, x := range out {
				if x != -127*127*MaxLength {
					t.Errorf("%d", x)
				}
			}
		}
	}
}

func TestLengthsThatDoNotFitAreRefused(t *testing.T) {
	for _, c := range []struct{ out, queries, rows, n int }{{1, 32, 31, 32}, {1, 31, 31, 31}, {2, 32, 32, 32}, {1, 0, 0, 0}, {0, 0, 32, 32},
		{2, 64, 32, 32}, {1, MaxLength + Width, MaxLength + Width, MaxLength + Width}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%+v is taken", c)
				}
			}()
			Products(make([]int32, c.out), make([]uint8, c.queries), make([]int8, c.rows), c.n)
		}()
	}
}

// What Quantise says it misses is no less than what it misses, in exact arithmetic.
func TestQuantisedValuesMissNoMoreThanSaid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SliceOfN(rapid.Float32Range(-1e6, 1e6), 0, 100).Draw(t, "values")
		if rapid.Bool().Draw(t, "tiny") {
			for i := range v {
				v[i] *= 1e-30
			}
		}
		dst := make([]int8, Padded(len(v))+Width)
		dst[len(dst)-1] = 9
		most := []int{Most, MostAsked}[rapid.IntRange(0, 1).Draw(t, "for")]
		scale, miss := Quantise(dst, v, most)
		sum := new(big.Rat)
		for i, x := range v {
			if int(dst[i]) < -most || int(dst[i]) > most {
				t.Fatal(dst[i])
			}
			e := new(big.Rat).SetFloat64(float64(x))
			e.Sub(e, new(big.Rat).Mul(new(big.Rat).SetFloat64(scale), new(big.Rat).SetInt64(int64(dst[i]))))
			sum.Add(sum, e.Mul(e, e))
		}
		said := new(big.Rat).SetFloat64(miss)
		if sum.Cmp(said.Mul(said, said)) > 0 {
			f, _ := sum.Float64()
			t.Fatalf("misses %g, said %g", math.Sqrt(f), miss)
		}
		if slices.ContainsFunc(dst[len(v):], func(x int8) bool { return x != 0 }) {
			t.Fatal("something is left beyond the values")
		}
	})
}

func FuzzProducts(f *testing.F) {
	f.Add([]byte{1, 255, 3}, uint8(2), uint8(1))
	f.Fuzz(func(t *testing.T, raw []byte, blocks, tiles uint8) {
		n := Width * (1 + int(blocks)%40)
		queries := make([]uint8, n*max(1, Tile*(int(tiles)%4)))
		rows := make([]int8, len(raw)/n*n+n)
		for i, b := range raw {
			queries[i%len(queries)] = b & 127
			if i < len(rows) && b != 128 {
				rows[i] = int8(b)
			}
		}
		got := make([]int32, len(queries)/n*(len(rows)/n))
		want := slices.Clone(got)
		Products(got, queries, rows, n)
		portable(want, queries, rows, n)
		if !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}

// The assembly is what its generator writes.
func TestTheAssemblyIsCurrent(t *testing.T) {
	dir := t.TempDir()
	out, stubs := filepath.Join(dir, "products_amd64.s"), filepath.Join(dir, "products_amd64.go")
	cmd := exec.Command("go", "run", "./asm", "-out", out, "-stubs", stubs, "-pkg", "kernel")
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, msg)
	}
	for _, path := range []string{out, stubs} {
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		kept, err := os.ReadFile(filepath.Base(path))
		if err != nil {
			t.Fatal(err)
		}
		if _, after, _ := bytes.Cut(got, []byte("\n")); !bytes.HasSuffix(kept, after) {
			t.Errorf("%s differs: run go generate ./library/search/kernel", filepath.Base(path))
		}
	}
}

func BenchmarkProducts(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, c := range []struct {
		name             string
		n, queries, rows int
	}{{"one query of 1024", 1024, 1, 20000}, {"one query of 256", 256, 1, 20000}, {"20 queries of 256", 256, 20, 1000}} {
		queries, rows := asked(values(rng, c.n*c.queries, MostAsked)), make([]int8, c.n*c.rows)
		for i := range rows {
			rows[i] = int8(rng.IntN(255) - 127)
		}
		out := make([]int32, c.queries*c.rows)
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(rows) * c.queries))
			for range b.N {
				Products(out, queries, rows, c.n)
			}
		})
	}
}
