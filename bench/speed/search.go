package main

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/stat"

	"fentrace/bench/report"
	"fentrace/library/search"
	"fentrace/library/search/kernel"
)

const (
	wanted    = 50 // best ones
	queries   = 64
	perRound  = 8 // queries answered one by one in a round
	tolerance = 8 // cm-1
)

// searched is the material of one size, as we and the peers hold it.
type searched struct {
	size    int
	index   *search.Index
	queries []search.Vector
	rows    []float32 // for gonum
	asked   [][]float32
	peers   *peers
}

func (b *bench) searched(size int) (*searched, error) {
	of, err := bases(b.root)
	if err != nil {
		return nil, err
	}
	ids, vectors := material(of, size, 1)
	_, asked := material(of[len(of)/4:], queries, 2)
	rows, ask := filepath.Join(b.work, fmt.Sprintf("rows-%d.f32", size)), filepath.Join(b.work, "queries.f32")
	if err := writeRows(rows, vectors); err != nil {
		return nil, err
	}
	if err := writeRows(ask, asked); err != nil {
		return nil, err
	}
	l := &searched{size: size, queries: asked}
	for _, v := range vectors {
		l.rows = append(l.rows, standardised(v)...)
	}
	for _, v := range asked {
		l.asked = append(l.asked, standardised(v))
	}
	l.index = search.FromVectors(ids, vectors)
	l.peers, err = startPeers(b.work, rows, ask)
	return l, err
}

// way is one method of answering queries one by one.
type way struct {
	name  string
	times []float64 // seconds a query
	do    func(from, to int) ([][]int, time.Duration, error)
}

func (l *searched) ours(ctx context.Context, shift int) func(from, to int) ([][]int, time.Duration, error) {
	return func(from, to int) ([][]int, time.Duration, error) {
		found := make([][]search.Hit, to-from)
		start := time.Now()
		for i := range found {
			var err error
			if found[i], err = l.index.Search(ctx, l.queries[from+i], search.Query{K: wanted, MaxShift: shift}); err != nil {
				return nil, 0, err
			}
		}
		took := time.Since(start)
		ids, err := numbers(found)
		return ids, took, err
	}
}

// numbers are the rows of hits.
func numbers(found [][]search.Hit) ([][]int, error) {
	ids := make([][]int, len(found))
	for i, hits := range found {
		for _, h := range hits {
			n, err := strconv.Atoi(h.ReferenceID[1:])
			if err != nil {
				return nil, err
			}
			ids[i] = append(ids[i], n)
		}
	}
	return ids, nil
}

func (l *searched) peer(method string) func(from, to int) ([][]int, time.Duration, error) {
	return func(from, to int) ([][]int, time.Duration, error) {
		return l.peers.answer(method, from, to, wanted, false)
	}
}

// batch answers all queries at once.
func (l *searched) batch(ctx context.Context) func(from, to int) ([][]int, time.Duration, error) {
	return func(from, to int) ([][]int, time.Duration, error) {
		start := time.Now()
		found, err := l.index.SearchAll(ctx, l.queries[from:to], search.Query{K: wanted})
		if err != nil {
			return nil, 0, err
		}
		took := time.Since(start)
		ids, err := numbers(found)
		return ids, took, err
	}
}

func (l *searched) peerBatch(method string) func(from, to int) ([][]int, time.Duration, error) {
	return func(from, to int) ([][]int, time.Duration, error) {
		return l.peers.answer(method, from, to, wanted, true)
	}
}

// gonum is a matrix times a vector, then the best by sorting the indices of a selection.
func (l *searched) gonum(from, to int) ([][]int, time.Duration, error) {
	a := blas32.General{Rows: l.size, Cols: points, Stride: points, Data: l.rows}
	out := make([][]int, to-from)
	start := time.Now()
	for i := range out {
		y := blas32.Vector{N: l.size, Inc: 1, Data: make([]float32, l.size)}
		blas32.Gemv(blas.NoTrans, 1, a, blas32.Vector{N: points, Inc: 1, Data: l.asked[from+i]}, 0, y)
		sorted := slices.Clone(y.Data)
		slices.Sort(sorted)
		least := sorted[len(sorted)-wanted]
		for row, s := range y.Data {
			if s >= least {
				out[i] = append(out[i], row)
			}
		}
		slices.SortFunc(out[i], func(a, b int) int {
			if y.Data[a] > y.Data[b] {
				return -1
			}
			return 1
		})
	}
	return out, time.Since(start), nil
}

// alternate gives every way its turn in each round, and checks that all find the same.
func (b *bench) alternate(ways []*way, exact map[string]bool) error {
	for round := range b.rounds + 1 {
		from := round * perRound % (queries - perRound + 1)
		var first [][]int
		for i, w := range ways {
			ids, took, err := w.do(from, from+perRound)
			if err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			if i == 0 {
				first = ids
			} else if exact[w.name] {
				if err := same(first, ids); err != nil {
					return fmt.Errorf("%s: %w", w.name, err)
				}
			}
			if round > 0 { // the first one warms up
				w.times = append(w.times, took.Seconds()/perRound)
			}
		}
	}
	return nil
}

// batches gives both ways all queries at once in each round, and checks that they find the same.
func (b *bench) batches(ways []*way) error {
	for round := range b.rounds + 1 {
		var first [][]int
		for i, w := range ways {
			ids, took, err := w.do(0, queries)
			if err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			if i == 0 {
				first = ids
			} else if err := same(first, ids); err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			if round > 0 {
				w.times = append(w.times, took.Seconds()/queries)
			}
		}
	}
	return nil
}

// same reports a peer that found others. Its scores have the precision of float32: neighbours in rank may be exchanged, and the
// last few replaced by their equals.
func same(ours, theirs [][]int) error {
	for i := range ours {
		n := 0
		for _, id := range ours[i] {
			if slices.Contains(theirs[i], id) {
				n++
			}
		}
		if n < len(ours[i])-1 {
			return fmt.Errorf("query %d: only %d of the %d best are the same", i, n, len(ours[i]))
		}
	}
	return nil
}

func median(v []float64) float64 {
	sorted := slices.Sorted(slices.Values(v))
	return stat.Quantile(0.5, stat.Empirical, sorted, nil)
}

// ratios of two ways by round.
func ratios(slow, fast []float64) []float64 {
	out := make([]float64, len(slow))
	for i := range out {
		out[i] = slow[i] / fast[i]
	}
	return out
}

// measure answers the same queries from a small and a large library.
func (b *bench) measure(ctx context.Context) ([]report.Result, error) {
	results, small, err := b.oneSize(ctx, b.small)
	if err != nil {
		return nil, err
	}
	more, large, err := b.oneSize(ctx, b.large)
	if err != nil {
		return nil, err
	}
	grown := report.Exact(fmt.Sprintf("search, %d references after %d: slower by", b.large, b.small), "times", large/small, b.rounds, "", 0, command)
	of, err := bases(b.root)
	if err != nil {
		return nil, err
	}
	past, err := b.lookingBack(ctx, of)
	if err != nil {
		return nil, err
	}
	answered, err := b.answering(ctx, b.small, b.files)
	return slices.Concat(results, more, []report.Result{grown}, past, answered), err
}

// oneSize returns the ratios for a library of one size, and our own median time, seconds.
func (b *bench) oneSize(ctx context.Context, size int) ([]report.Result, float64, error) {
	l, err := b.searched(size)
	if err != nil {
		return nil, 0, err
	}
	defer l.peers.stop()
	plain, shifted := &way{name: "ours", do: l.ours(ctx, 0)}, &way{name: "ours, shifts", do: l.ours(ctx, tolerance)}
	others := []*way{
		{name: "numpy with OpenBLAS", do: l.peer("numpy")}, {name: "faiss IndexFlatIP", do: l.peer("flat")},
		{name: "faiss 8-bit scalar quantiser", do: l.peer("sq8")}, {name: "gonum", do: l.gonum},
	}
	exact := map[string]bool{"numpy with OpenBLAS": true, "faiss IndexFlatIP": true, "gonum": true}
	if err := b.alternate(append([]*way{plain, shifted}, others...), exact); err != nil {
		return nil, 0, err
	}
	both := []*way{{name: "ours, batch", do: l.batch(ctx)}, {name: "numpy with OpenBLAS, batch", do: l.peerBatch("numpy")}}
	if err := b.batches(both); err != nil {
		return nil, 0, err
	}
	fmt.Fprintf(b.log, "%d references, %d cores, %s kernel\n", size, runtime.GOMAXPROCS(0), kernel.Implementation())
	for _, w := range slices.Concat([]*way{plain, shifted}, others, both) {
		fmt.Fprintf(b.log, "%-30s %8.3f ms a query\n", w.name, 1000*median(w.times))
	}
	fastest := slices.MinFunc(others, func(a, b *way) int { return cmp.Compare(median(a.times), median(b.times)) })
	what := fmt.Sprintf("search, exact best %d of %d references: ", wanted, size)
	return []report.Result{
		report.Mean(what+"times faster than the fastest peer, "+fastest.name, "times", ratios(fastest.times, plain.times), "", 0, command),
		report.Mean(what+"with 8 cm-1 of shift, slower by", "times", ratios(shifted.times, plain.times), "", 0, command),
		report.Mean(fmt.Sprintf("%sbatch of %d, times faster than numpy with OpenBLAS", what, queries), "times", ratios(both[1].times, both[0].times), "", 0, command),
	}, median(plain.times), nil
}
