// Command server measures how many scans a second a Fentrace server takes in, answers and puts on the disk, through HTTP from
// SIMULATED spectra, and what live connections cost. It writes bench/RESULTS.md and bench/results.json.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"fentrace/bench/dataset"
	"fentrace/bench/program"
	"fentrace/bench/report"
	"fentrace/server/store/pgtools"
	"fentrace/server/store/storetest"
)

const (
	command = "make bench-server"
	// limit is far beyond what it takes: reaching it is a hang.
	limit = 10 * time.Minute
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	database := flag.String("db", "", "empty PostgreSQL database to measure with; without it a cluster is made for the time, where PostgreSQL is installed")
	dry := flag.Bool("dry", false, "print only")
	flag.Parse()
	if err := run(ctx, *database, *dry); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, database string, dry bool) error {
	root, ok := dataset.Root()
	if !ok {
		return fmt.Errorf("the computed spectra (../shared/data) are not here: nothing to measure with")
	}
	work, err := os.MkdirTemp("", "fentrace-server")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if database == "" {
		cluster, err := storetest.NewCluster()
		switch {
		case errors.Is(err, pgtools.ErrNotInstalled):
			fmt.Println("NOT MEASURED with PostgreSQL:", err)
		case err != nil:
			return err
		default:
			defer cluster.End()
			if database, err = cluster.NewDatabase(); err != nil {
				return err
			}
		}
	}
	b := bench{root: root, work: work, database: database, scans: 6000, senders: 32, live: 500, large: 20_000, log: os.Stdout}
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
	root, work string
	program    string // path of the built one
	database   string // "": SQLite only
	scans      int    // sent
	senders    int    // at the same time
	live       int    // connections
	large      int    // references of the large library
	log        io.Writer
}

// load is what the same scans are taken in with.
type load struct {
	name, library string // of the database and of what answers
	address       string // of a PostgreSQL database
	flags         []string
}

// measure takes in the same scans with each database, and with a large library.
func (b *bench) measure(ctx context.Context) ([]report.Result, error) {
	files, err := b.files()
	if err != nil {
		return nil, err
	}
	if b.program, err = program.Build(ctx, b.work); err != nil {
		return nil, err
	}
	large := filepath.Join(b.work, "large.db")
	if err := b.library(ctx, large); err != nil {
		return nil, err
	}
	over := fmt.Sprintf("%d references over the core library", b.large)
	runs := []load{{"SQLite", "the core library", "", nil}, {"SQLite", over, "", []string{"--library", large}}}
	if b.database != "" {
		runs = append(runs, load{"PostgreSQL", "the core library", b.database, nil})
	}
	var results []report.Result
	for i, run := range runs {
		fmt.Fprintf(b.log, "%s with %s\n", run.name, run.library)
		s, err := b.serve(ctx, fmt.Sprint(run.name, i), run.address, run.flags...)
		if err != nil {
			return nil, err
		}
		var more []report.Result
		if i == 0 { // before there is memory left over from the load
			more, err = b.watching(ctx, s)
		}
		if err == nil {
			var in []report.Result
			in, err = b.takingIn(ctx, s, run.name, run.library, files)
			more = append(more, in...)
		}
		if failed := s.Process.End(); err == nil {
			err = failed
		}
		if err != nil {
			return nil, fmt.Errorf("%s with %s: %w", run.name, run.library, err)
		}
		results = append(results, more...)
	}
	return results, nil
}

// library makes the large library, of recorded and computed spectra as other spectrometers would show them.
func (b *bench) library(ctx context.Context, path string) error {
	of, err := dataset.Samples(b.root)
	if err != nil {
		return err
	}
	return dataset.FillLibrary(ctx, path, of, b.large, rand.New(rand.NewPCG(3, 0)))
}
