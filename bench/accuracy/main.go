// Command accuracy measures, on the development spectra beside the project, how often answers are right and how often
// they are wrong, next to plain methods in the same run, and writes bench/RESULTS.md and bench/results.json.
//
// The same scans are answered three ways, in process, by `fentrace identify` and by the server, and must agree.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"fentrace/bench/dataset"
	"fentrace/bench/report"
)

const command = "make bench-accuracy"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "accuracy:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	root, ok := dataset.Root()
	if !ok {
		return fmt.Errorf("the development spectra (../shared/data) are not here: nothing to measure")
	}
	work, err := os.MkdirTemp("", "fentrace-accuracy-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	b, err := newBench(ctx, root, work)
	if err != nil {
		return err
	}
	results, err := b.measure(ctx)
	if err != nil {
		return err
	}
	fmt.Print("\n", report.Table(results))
	return report.Save("bench/results.json", "bench/RESULTS.md", command, results)
}
