package search

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"fentrace/library/search/kernel"
	"fentrace/spectra"
)

// spectral is a vector like that of a spectrum: derivatives of lines, a little noise.
func spectral(rng *rand.Rand, low, n, lines int) Vector {
	d := make([]float64, n)
	for range lines {
		at, h, w := rng.Float64()*float64(n), rng.ExpFloat64(), 4+4*rng.Float64()
		for i := range d {
			u := (float64(i) - at) / w
			d[i] -= h * u * math.Exp(-u*u/2)
		}
	}
	for i := range d {
		d[i] += 0.01 * rng.NormFloat64()
	}
	return newVector(spectra.Raman, low, d)
}

// jittered is v as another instrument shows it, cut to a range.
func jittered(rng *rand.Rand, v Vector, low, n int) Vector {
	d := v.At(low, n, 6*rng.NormFloat64())
	gain := 0.5 + rng.Float64()
	for i := range d {
		d[i] = gain*d[i] + 0.02*rng.NormFloat64()
	}
	return newVector(spectra.Raman, low, d)
}

// bruteForce compares every row by Align.
func bruteForce(m *matrix, v Vector, q Query) []Hit {
	var hits []Hit
	for i := range m.rows() {
		id := m.ids.at(i)
		if !q.has(m, i) {
			continue
		}
		if a, ok := Align(v, m.vector(i), 0, q.MaxShift); ok {
			hits = append(hits, Hit{id, a})
		}
	}
	slices.SortFunc(hits, Hit.compare)
	of, out := map[int]int{}, []Hit(nil)
	for _, h := range hits {
		group := 0
		if q.Each > 0 {
			group = q.Groups.number[h.ReferenceID[len(h.ReferenceID)-1:]]
		}
		if of[group]++; (q.Each == 0 || of[group] <= q.Each) && (q.Least == 0 || h.Score >= q.Least) && len(out) < q.K {
			out = append(out, h)
		}
	}
	return out
}

func allBounds(t interface{ Fatal(...any) }, m *matrix, v Vector, maxShift int) (rough, fine []float64) {
	s := newScreen(m, v, maxShift)
	bounds, err := roughBounds(context.Background(), []*screen{s})
	if err != nil {
		t.Fatal(err)
	}
	products := make([]int32, s.fine.count())
	for i := range m.rows() {
		kernel.Products(products, s.fine.queries, m.fine.quant[i*m.n:(i+1)*m.n], m.n)
		rough, fine = append(rough, float64(bounds[0].of[i])), append(fine, s.bound(i, &m.fine, &s.fine, slices.Max(products)))
	}
	return rough, fine
}

func TestTheBestAreThoseOfBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		const low, most = 350, 1550
		var entries []entry
		ranges := func() (int, int) {
			if rng.IntN(3) == 0 {
				return low, most
			}
			n := 380 + rng.IntN(most-380)
			return low + rng.IntN(most-n+1), n
		}
		rows := rapid.IntRange(1, 60).Draw(t, "rows")
		var bases []Vector
		for range 1 + rng.IntN(6) {
			bases = append(bases, spectral(rng, low, most, 1+rng.IntN(30)))
		}
		for i := range rows {
			at, n := ranges()
			v := jittered(rng, bases[rng.IntN(len(bases))], at, n)
			if i > 0 && rng.IntN(8) == 0 { // the same under another name: a tie
				j := rng.IntN(i)
				v = entries[j].vec
			}
			entries = append(entries, entry{fmt.Sprintf("r%02d", rng.IntN(1000)), v})
		}
		m := newMatrix(entries)
		shift := rapid.IntRange(0, 12).Draw(t, "shift")
		ix := &Index{tables: map[spectra.Technique]*matrix{spectra.Raman: m}}
		at, n := ranges()
		v := jittered(rng, bases[rng.IntN(len(bases))], at, n)
		asked, err := ix.Ask(context.Background(), v, shift)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 { // one after another, of which each knows what those before found out
			q := drawnQuery(t, rng, ix)
			q.MaxShift = shift
			want := bruteForce(m, v, q)
			if got, err := asked.Search(context.Background(), q); err != nil || !slices.Equal(got, want) {
				t.Fatalf("got  %v, %v\nwant %v", got, err, want)
			}
			if got, err := m.top(context.Background(), []Vector{v}, q); err != nil || !slices.Equal(got[0], want) {
				t.Fatalf("all at once: got  %v, %v\nwant %v", got, err, want)
			}
		}
		rough, fine := allBounds(t, m, v, shift)
		for i := range m.rows() {
			if a, ok := Align(v, m.vector(i), 0, shift); ok && a.Score > min(rough[i], fine[i]) {
				t.Fatalf("row %d: score %.9f above its bounds %.9f, %.9f", i, a.Score, rough[i], fine[i])
			}
		}
	})
}

// drawnQuery asks for some of the references by the digits of their ids.
func drawnQuery(t *rapid.T, rng *rand.Rand, ix *Index) Query {
	q := Query{K: rapid.IntRange(1, 60).Draw(t, "k")}
	groups := ix.Groups(func(id string) string { return id[len(id)-1:] })
	if rng.IntN(4) == 0 {
		q.Except = groups.Except("1", "4", "7")
	}
	if rng.IntN(4) == 0 {
		q.Of = ix.Subset(func(id string) bool { return id[1] != '1' })
	}
	if rng.IntN(3) == 0 {
		q.Groups, q.Each = groups, 1+rng.IntN(4)
	}
	if rng.IntN(3) == 0 {
		q.Least = 0.2 + 0.6*rng.Float64()
	}
	return q
}

func TestBoundsAreTight(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var entries []entry
	var bases []Vector
	for range 40 {
		bases = append(bases, spectral(rng, 350, 1550, 20))
	}
	for i := range 2000 {
		entries = append(entries, entry{fmt.Sprintf("r%05d", i), jittered(rng, bases[rng.IntN(len(bases))], 350, 1550)})
	}
	m := newMatrix(entries)
	for _, n := range []int{1550, 1300} {
		v := jittered(rng, bases[0], 350, n)
		rough, fine := allBounds(t, m, v, 8)
		for name, bounds := range map[string][]float64{"rough": rough, "fine": fine} {
			worst, sum := 0.0, 0.0
			for i := range m.rows() {
				a, _ := Align(v, m.vector(i), 0, 8)
				worst, sum = math.Max(worst, bounds[i]-a.Score), sum+bounds[i]-a.Score
			}
			t.Logf("%d columns: %s bounds are %.3f too high on average, %.3f at most", n, name, sum/2000, worst)
			if limit := map[string]float64{"rough": 0.2, "fine": 0.05}[name]; sum/2000 > limit {
				t.Errorf("%d columns: %s bounds are %.3f too high on average", n, name, sum/2000)
			}
		}
	}
}
