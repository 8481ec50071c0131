// Command instruments measures drivers, acquisition and laser safety on emulated instruments (SIMULATED) behind
// pseudo-terminals, and the rejection of cosmic rays on recorded repeats, and writes bench/RESULTS.md and
// bench/results.json.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"fentrace/bench/dataset"
	"fentrace/bench/report"
	"fentrace/device"
)

const (
	command = "make bench-instruments"
	// limit is far beyond what it takes: reaching it is a hang.
	limit = 5 * time.Minute
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "instruments:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	root, ok := dataset.Root()
	if !ok {
		return fmt.Errorf("the recorded spectra (../shared/data) are not here: nothing to measure with")
	}
	b := bench{root: root, instruments: instruments, slowScans: 2, fastScans: 6, exposures: 400, powdersOneIn: 1, offs: 10, log: os.Stdout}
	results, err := b.measure(ctx)
	if err != nil {
		return err
	}
	fmt.Print("\n", report.Table(results))
	return report.Save("bench/results.json", "bench/RESULTS.md", command, results)
}

// bench says how much of each is measured; a test does with less.
type bench struct {
	root                 string
	instruments          []instrument
	slowScans, fastScans int // at the default and at the fastest rate
	exposures            int // searches for the exposure
	powdersOneIn         int
	offs                 int // of each laser, for each event
	log                  io.Writer

	infos map[string]device.Info // of the instruments, by type of emulator, as their drivers told
}

func (b *bench) measure(ctx context.Context) ([]report.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var all []report.Result
	for _, part := range []func(context.Context) ([]report.Result, error){b.speed, b.exposure, b.rays, b.lasers} {
		began := time.Now()
		rs, err := part(ctx)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(b.log, "%d results in %.0f s\n", len(rs), time.Since(began).Seconds())
		all = append(all, rs...)
	}
	return all, nil
}
