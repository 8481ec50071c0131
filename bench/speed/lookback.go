package main

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"fentrace/bench/report"
	"fentrace/library/archive"
	"fentrace/library/search"
	"fentrace/spectra"
)

// lookBackScore is the correlation from which on a scan is looked at when the past is looked through.
const lookBackScore = 0.5

// lookingBack measures how fast one new reference is compared with scans in the archive, as a share of the time that reading
// their int8 values from memory takes, and prints how fast memory is read.
func (b *bench) lookingBack(ctx context.Context, of []search.Vector) ([]report.Result, error) {
	kinds := b.scans / 20 // jittered anew; copies of these are as many bytes to read
	_, vectors := material(of, kinds, 4)
	a := archive.InMemory()
	const some = 1 << 12
	for from := 0; from < b.scans; from += some {
		to := min(from+some, b.scans)
		var scans []archive.Scan
		for i := from; i < to; i++ {
			scans = append(scans, archive.Scan{ID: fmt.Sprint(i), Seq: int64(i + 1), Vector: vectors[i%kinds]})
		}
		if err := a.Add(spectra.Raman, scans, int64(to)); err != nil {
			return nil, err
		}
	}
	_, asked := material(of, 8, 5)
	read := wide()
	var shares [2][]float64
	var bandwidth, times []float64
	for round := range b.rounds + 1 {
		rate := readMemory(read)
		for k, shift := range []int{0, tolerance} {
			start := time.Now()
			if _, err := a.Screen(ctx, asked[round%len(asked)], shift, lookBackScore, nil); err != nil {
				return nil, err
			}
			took := time.Since(start).Seconds()
			if round == 0 {
				continue
			}
			shares[k] = append(shares[k], 100*float64(a.Bytes(spectra.Raman))/took/rate)
			if k == 1 {
				bandwidth, times = append(bandwidth, rate/1e9), append(times, 1000*took)
			}
		}
	}
	fmt.Fprintf(b.log, "memory is read at %.3g GB/s; %d scans are looked through in %.3g ms, shifts included\n", median(bandwidth), b.scans, median(times))
	what := fmt.Sprintf("one reference over %d archived scans, rate of their int8 values over that of reading memory", b.scans)
	return []report.Result{
		report.Mean(what, "%", shares[0], "", 0, command),
		report.Mean(what+", with 8 cm-1 of shift", "%", shares[1], "", 0, command),
	}, nil
}

// wide is far more than caches hold, and all of it is there.
func wide() []uint64 {
	read := make([]uint64, 1<<26)
	for i := range read {
		read[i] = uint64(i)
	}
	return read
}

// readMemory is how many bytes a second all cores together read from memory.
func readMemory(read []uint64) float64 {
	cores := runtime.GOMAXPROCS(0)
	part := len(read) / cores
	sums := make([]uint64, cores)
	start := time.Now()
	var wg sync.WaitGroup
	for c := range cores {
		wg.Go(func() {
			var a, b, d, e uint64
			block := read[c*part : (c+1)*part]
			for i := 0; i+32 <= len(block); i += 32 { // of each cache line one number: the rest comes with it
				a += block[i]
				b ^= block[i+8]
				d += block[i+16]
				e ^= block[i+24]
			}
			sums[c] = a + b + d + e
		})
	}
	wg.Wait()
	return float64(8*part*cores) / time.Since(start).Seconds()
}
