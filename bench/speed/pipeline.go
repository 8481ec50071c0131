package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"time"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/interp"
	"gonum.org/v1/gonum/stat"

	"fentrace/bench/dataset"
	"fentrace/bench/report"
	"fentrace/data"
	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/spectra"
	"fentrace/spectra/format"
)

// Of every hundred files answered, so many are of mixtures of two substances, and so many of one that the library lacks.
const mixedOf100, unknownOf100 = 25, 10

// withheldOneIn: one in so many substances is not in the library.
const withheldOneIn = 12

// files are n scans as the bytes of JCAMP-DX files.
func files(in, unknown []dataset.Sample, n int, rng *rand.Rand) ([][]byte, error) {
	var out [][]byte
	for i := range n {
		from := in
		if i%100 < unknownOf100 {
			from = unknown
		}
		scan, err := from[rng.IntN(len(from))].Shown(rng, false)
		if err != nil {
			return nil, err
		}
		if i%100 >= 100-mixedOf100 {
			other, err := in[rng.IntN(len(in))].Shown(rng, false)
			if err != nil {
				return nil, err
			}
			scan = added(scan, other, 0.2+0.6*rng.Float64())
		}
		var b bytes.Buffer
		if err := format.WriteJCAMP(&b, scan); err != nil {
			return nil, err
		}
		out = append(out, b.Bytes())
	}
	return out, nil
}

// added is a scan of a mixture, share of whose signal is that of other.
func added(scan, other spectra.Spectrum, share float64) spectra.Spectrum {
	y := make([]float64, len(scan.X))
	b := onAxis(other, scan.X)
	floats.AddScaled(y, (1-share)/floats.Max(scan.Y), scan.Y)
	floats.AddScaled(y, share/floats.Max(other.Y), b)
	floats.Scale(1e4, y)
	scan.Y = y
	return scan
}

// answering measures how long files take to be answered, and where the time goes.
func (b *bench) answering(ctx context.Context, size, count int) ([]report.Result, error) {
	all, err := dataset.Samples(b.root)
	if err != nil {
		return nil, err
	}
	var in, unknown []dataset.Sample
	for i, s := range all {
		if i%withheldOneIn == withheldOneIn-1 {
			unknown = append(unknown, s)
		} else {
			in = append(in, s)
		}
	}
	rng := rand.New(rand.NewPCG(3, 0))
	path := filepath.Join(b.work, fmt.Sprintf("library-%d.db", size))
	if err := dataset.FillLibrary(ctx, path, in, size, rng); err != nil {
		return nil, err
	}
	scans, err := files(in, unknown, count, rng)
	if err != nil {
		return nil, err
	}
	st, err := library.OpenStack(ctx, data.Core, path)
	if err != nil {
		return nil, err
	}
	stages := map[string]time.Duration{}
	id, err := identify.New(st, identify.Options{Observe: func(stage string, took time.Duration) { stages[stage] += took }})
	if err != nil {
		return nil, err
	}
	times, verdicts := []float64{}, map[identify.Verdict]int{}
	for _, raw := range slices.Concat(scans[:min(20, len(scans))], scans) {
		start := time.Now()
		read, err := format.Read("scan.jdx", raw)
		if err != nil {
			return nil, err
		}
		stages["reading"] += time.Since(start)
		ans, err := id.Identify(ctx, read[0])
		if err != nil {
			return nil, err
		}
		times = append(times, 1000*time.Since(start).Seconds())
		verdicts[ans.Verdict]++
	}
	times = times[min(20, len(scans)):] // the first ones warm up
	slices.Sort(times)
	fmt.Fprintf(b.log, "%d files answered from %d references: %v\n", len(times), size, verdicts)
	for _, stage := range slices.SortedFunc(maps.Keys(stages), func(a, b string) int { return cmp.Compare(stages[b], stages[a]) }) {
		fmt.Fprintf(b.log, "%8.3f ms a file: %s\n", 1000*stages[stage].Seconds()/float64(len(times)+min(20, len(scans))), stage)
	}
	what := fmt.Sprintf("file bytes to answer, %d references, mixtures included: ", size)
	at := func(p float64) float64 { return stat.Quantile(p, stat.Empirical, times, nil) }
	results := []report.Result{
		report.Exact(what+"median", "ms", at(0.5), len(times), "", 0, command),
		report.Exact(what+"99th percentile", "ms", at(0.99), len(times), "", 0, command),
	}
	program, err := b.build(ctx)
	if err != nil {
		return nil, err
	}
	started, err := b.starting(ctx, program, path, size, scans[len(scans)-1])
	if err != nil {
		return nil, err
	}
	batch, err := b.batching(ctx, program, in, unknown, rng)
	return slices.Concat(results, started, batch), err
}

// onAxis are the values of s at x, linear between its points.
func onAxis(s spectra.Spectrum, x []float64) []float64 {
	var p interp.PiecewiseLinear
	if err := p.Fit(s.X, s.Y); err != nil {
		panic(err) // simulated axes ascend
	}
	out := make([]float64, len(x))
	for i, at := range x {
		out[i] = p.Predict(at)
	}
	return out
}
