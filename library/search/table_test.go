package search

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"fentrace/spectra"
)

// filledTable has rows like spectra, over the whole window or part of it, and what they were made from.
func filledTable(t interface{ Fatal(...any) }, rng *rand.Rand, rows int) (*Table, []Vector) {
	table, err := NewTable(spectra.Raman)
	if err != nil {
		t.Fatal(err)
	}
	const low, most = 355, 1540
	var bases, vectors []Vector
	for range 1 + rng.IntN(5) {
		bases = append(bases, spectral(rng, low, most, 1+rng.IntN(30)))
	}
	for i := range rows {
		n := most
		if rng.IntN(3) == 0 {
			n = 380 + rng.IntN(most-380)
		}
		v := jittered(rng, bases[rng.IntN(len(bases))], low+rng.IntN(most-n+1), n)
		if err := table.Add(fmt.Sprintf("scan %d", i), int64(100+i), v); err != nil {
			t.Fatal(err)
		}
		vectors = append(vectors, v)
	}
	return table, vectors
}

func TestAScreeningMissesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		table, vectors := filledTable(t, rng, rapid.IntRange(0, 200).Draw(t, "rows"))
		v := spectral(rng, 360, 1500, 10)
		if len(vectors) > 0 && rng.IntN(4) > 0 {
			v = vectors[rng.IntN(len(vectors))]
		}
		shift, score := rapid.IntRange(0, 12).Draw(t, "shift"), rapid.Float64Range(0.05, 0.99).Draw(t, "score")
		rows, err := table.AtLeast(context.Background(), v, shift, score)
		if err != nil {
			t.Fatal(err)
		}
		bounds := map[int]float64{}
		for _, r := range rows {
			bounds[r.Row] = r.Bound
		}
		for i, row := range vectors {
			if a, ok := Align(v, row, 0, shift); ok && a.Score >= score && bounds[i] < a.Score-boundSlack {
				t.Fatalf("row %d scores %.4f, among those of at least %.4f its bound is %.4f (0: it is not)", i, a.Score, score, bounds[i])
			}
		}
	})
}

func TestAScreeningLeavesOutWhatIsFarBelow(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	table, vectors := filledTable(t, rng, 3000)
	rows, err := table.AtLeast(context.Background(), vectors[0], 8, 0.7)
	if err != nil {
		t.Fatal(err)
	}
	surplus := 0
	for _, r := range rows {
		if a, ok := Align(vectors[0], vectors[r.Row], 0, 8); !ok || a.Score < 0.6 {
			surplus++
		}
	}
	t.Logf("%d rows, %d of them below 0.6", len(rows), surplus)
	if surplus > len(rows)/10 {
		t.Errorf("%d of %d rows are below 0.6", surplus, len(rows))
	}
}

// written is a table on disk.
func written(t *testing.T, table *Table) string {
	t.Helper()
	var b bytes.Buffer
	if err := table.Write(&b, "made for a test"); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "rows")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestATableComesBackFromItsFile(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	table, vectors := filledTable(t, rng, 300)
	back, key, err := OpenTable(written(t, table))
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	if key != "made for a test" || back.Len() != 300 || back.ID(7) != "scan 7" || back.Seq(7) != 107 || back.Check() != nil {
		t.Errorf("key %q, %d rows, %s, %d, %v", key, back.Len(), back.ID(7), back.Seq(7), back.Check())
	}
	joined, err := NewTable(spectra.Raman)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := joined.Append(back); err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range vectors[:20] {
		want, err := table.AtLeast(context.Background(), v, 8, 0.5)
		if err != nil {
			t.Fatal(err)
		}
		got, err := back.AtLeast(context.Background(), v, 8, 0.5)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%v, %v, want %v", got, err, want)
		}
		twice, err := joined.AtLeast(context.Background(), v, 8, 0.5)
		if err != nil || len(twice) != 2*len(want) || twice[len(want)].Row != want[0].Row+300 {
			t.Fatalf("joined: %v, %v", twice, err)
		}
	}
}

func TestADamagedFileOfRowsIsRefusedAndNeverRead(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	table, vectors := filledTable(t, rng, 50)
	path := written(t, table)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	try := func(raw []byte) error {
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		got, _, err := OpenTable(path)
		if err != nil {
			return err
		}
		defer got.Close()
		_, err = got.AtLeast(context.Background(), vectors[0], 8, 0.5)
		return err
	}
	if err := try(whole); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 3, 8, 15, 16, 200, len(whole) / 2, len(whole) - 1} {
		if err := try(whole[:n]); !errors.Is(err, ErrRowFile) {
			t.Errorf("%d of %d bytes: %v", n, len(whole), err)
		}
	}
	missed := 0
	for range 300 {
		raw := slices.Clone(whole)
		raw[rng.IntN(len(raw))] ^= 1 << rng.IntN(8)
		if err := try(raw); !errors.Is(err, ErrRowFile) {
			missed++ // between sections nothing is stored
		}
	}
	if missed > 10 {
		t.Errorf("%d of 300 damages were not noticed", missed)
	}
}

func TestTablesRefuseWhatDoesNotFit(t *testing.T) {
	if _, err := NewTable("uv"); !errors.Is(err, ErrNotSearchable) {
		t.Error(err)
	}
	table, _ := filledTable(t, rand.New(rand.NewPCG(4, 1)), 3)
	long := newVector(spectra.Raman, 300, make([]float64, 500))
	if err := table.Add("x", 1, long); !errors.Is(err, ErrNotSearchable) {
		t.Error(err)
	}
	v := spectral(rand.New(rand.NewPCG(5, 1)), 400, 900, 5)
	for _, c := range []struct {
		shift int
		score float64
	}{{-1, 0.5}, {kernelShift + 1, 0.5}, {8, 0}, {8, math.NaN()}} {
		if _, err := table.AtLeast(context.Background(), v, c.shift, c.score); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
	v.Technique = spectra.IR
	if rows, err := table.AtLeast(context.Background(), v, 8, 0.5); err != nil || rows != nil {
		t.Errorf("another technique: %v, %v", rows, err)
	}
}

func FuzzReadRows(f *testing.F) {
	table, vectors := filledTable(f, rand.New(rand.NewPCG(6, 1)), 3)
	var b bytes.Buffer
	if err := table.Write(&b, ""); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(rowMagic))
	f.Fuzz(func(t *testing.T, raw []byte) {
		file, err := readRows(raw)
		if err != nil {
			return
		}
		got, err := file.table()
		if err != nil || got.Check() != nil {
			return
		}
		if _, err := got.AtLeast(context.Background(), vectors[0], 8, 0.5); err != nil {
			t.Error(err)
		}
	})
}
