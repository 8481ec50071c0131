// Command speed measures the search beside its peers on the same data, in alternating runs, and writes bench/RESULTS.md
// and bench/results.json.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"fentrace/bench/dataset"
	"fentrace/bench/report"
)

const command = "make bench-speed"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	small, large := flag.Int("small", 20_000, "references of the smaller library"), flag.Int("large", 200_000, "references of the larger one")
	dry := flag.Bool("dry", false, "print only")
	flag.Parse()
	if err := run(ctx, *small, *large, *dry); err != nil {
		fmt.Fprintln(os.Stderr, "speed:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, small, large int, dry bool) error {
	root, ok := dataset.Root()
	if !ok {
		return fmt.Errorf("the recorded spectra (../shared/data) are not here: nothing to measure with")
	}
	work, err := os.MkdirTemp("", "fentrace-speed")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	b := bench{root: root, work: work, small: small, large: large, rounds: 15, files: 300, scans: 1_000_000, batch: 5000, log: os.Stdout}
	results, err := b.measure(ctx)
	if err != nil {
		return err
	}
	fmt.Print("\n", report.Table(results))
	if dry {
		return nil
	}
	return report.Save("bench/results.json", "bench/RESULTS.md", command, results)
}

// bench says how much is measured.
type bench struct {
	root, work   string
	small, large int // references
	rounds       int // in each of which every method has its turn
	files        int // answered
	scans        int // in the archive
	batch        int // files of a batch
	log          io.Writer
}
