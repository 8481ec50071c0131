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

// values are -127..127, at random or as nasty as they can be.
func values(rng *rand.Rand, n int) []int8 {
	v := make([]int8, n)
	kind := rng.IntN(6)
	for i := range v {
		switch kind {
		case 0:
			v[i] = 127
		case 1:
			v[i] = -127
		case 2:
			v[i] = []int8{127, -127}[i%2]
		case 3:
			v[i] = []int8{-127, 0, 127}[rng.IntN(3)]
		default:
			v[i] = int8(rng.IntN(255) - 127)
		}
	}
	return v
}

func TestEveryImplementationMultipliesExactly(t *testing.T) {
	t.Logf("on this machine: %s", Implementation())
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		n := Width * rapid.IntRange(1, 70).Draw(t, "blocks")
		m := rapid.IntRange(0, 40).Draw(t, "vectors")
		fixed, others := values(rng, n), make([]int8, 0, n*m)
		for range m {
			others = append(others, values(rng, n)...)
		}
		want := make([]int32, m)
		for i := range want {
			for j, x := range fixed {
				want[i] += int32(x) * int32(others[i*n+j])
			}
		}
		for name, do := range map[string]func([]int32, []int8, []int8){"dispatched": Products, "portable": portable} {
			got := make([]int32, m)
			do(got, fixed, others)
			if !slices.Equal(got, want) {
				t.Fatalf("%s: %v, want %v", name, got, want)
			}
		}
	})
}

func TestTheLongestVectorsDoNotOverflow(t *testing.T) {
	v := make([]int8, MaxLength)
	for i := range v {
		v[i] = -127
	}
	for _, others := range [][]int8{v, slices.Repeat(v, 9)} {
		out := make([]int32, len(others)/len(v))
		Products(out, v, others)
		for _, x := range out {
			if x != 127*127*MaxLength {
				t.Errorf("%d", x)
			}
		}
	}
}

func TestLengthsThatDoNotFitAreRefused(t *testing.T) {
	for _, c := range []struct{ out, fixed, others int }{{1, 32, 31}, {1, 31, 31}, {2, 32, 32}, {1, 0, 0}, {1, MaxLength + Width, MaxLength + Width}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%+v is taken", c)
				}
			}()
			Products(make([]int32, c.out), make([]int8, c.fixed), make([]int8, c.others))
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
		scale, miss := Quantise(dst, v)
		sum := new(big.Rat)
		for i, x := range v {
			if dst[i] == -128 {
				t.Fatal("-128")
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
	f.Add([]byte{1, 255, 3}, uint8(2))
	f.Fuzz(func(t *testing.T, raw []byte, blocks uint8) {
		n := Width * (1 + int(blocks)%40)
		v := make([]int8, n+len(raw)/n*n)
		for i := range v {
			if i < len(raw) && raw[i] != 128 {
				v[i] = int8(raw[i])
			}
		}
		got, want := make([]int32, len(v)/n-1), make([]int32, len(v)/n-1)
		Products(got, v[:n], v[n:])
		portable(want, v[:n], v[n:])
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
		name      string
		n, others int
	}{{"one query of 1024", 1024, 20000}, {"one query of 256", 256, 20000}, {"64 queries of 256", 256, 64}} {
		fixed, others := values(rng, c.n), make([]int8, c.n*c.others)
		for i := range others {
			others[i] = int8(rng.IntN(255) - 127)
		}
		out := make([]int32, c.others)
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(others)))
			for range b.N {
				Products(out, fixed, others)
			}
		})
	}
}
