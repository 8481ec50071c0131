// Command server measures how many scans a second a Fentrace server takes in, answers and puts on the disk, through HTTP from
// SIMULATED spectra, and what live connections cost. It writes bench/RESULTS.md and bench/results.json.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"fentrace/bench/dataset"
	"fentrace/bench/program"
	"fentrace/bench/report"
)

const (
	command = "make bench-server"
	// limit is far beyond what it takes: reaching it is a hang.
	limit = 10 * time.Minute
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	database := flag.String("db", "", "PostgreSQL database to measure as well: an empty one")
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
	b := bench{root: root, work: work, database: database, scans: 6000, senders: 32, live: 500, log: os.Stdout}
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
	database   string // "": SQLite only
	scans      int    // sent
	senders    int    // at the same time
	live       int    // connections
	log        io.Writer
}

// measure takes in the same scans with each database.
func (b *bench) measure(ctx context.Context) ([]report.Result, error) {
	files, err := b.files()
	if err != nil {
		return nil, err
	}
	path, err := program.Build(ctx, b.work)
	if err != nil {
		return nil, err
	}
	databases := []struct{ name, address string }{{"SQLite", ""}}
	if b.database != "" {
		databases = append(databases, struct{ name, address string }{"PostgreSQL", b.database})
	}
	var results []report.Result
	for _, db := range databases {
		s, err := b.serve(ctx, path, filepath.Join(b.work, db.name), db.address)
		if err != nil {
			return nil, err
		}
		var more []report.Result
		if db.address == "" { // before there is memory left over from the load
			more, err = b.watching(ctx, s)
		}
		if err == nil {
			var in []report.Result
			in, err = b.takingIn(ctx, s, db.name, files)
			more = append(more, in...)
		}
		if failed := s.end(); err == nil {
			err = failed
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", db.name, err)
		}
		results = append(results, more...)
	}
	return results, nil
}
