// Command server measures how many scans a second a Fentrace server takes in, answers and puts on the disk, through HTTP from
// SIMULATED spectra, what live connections cost, and how fast a batch of recorded files is answered by one program and by several, also when
// one of them is killed. It writes bench/RESULTS.md and bench/results.json.
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
	limit = 45 * time.Minute
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	database := flag.String("db", "", "address of a PostgreSQL server to make databases in for the time; without it a cluster is made for the time, where PostgreSQL is installed")
	dry := flag.Bool("dry", false, "print only")
	batches := flag.Bool("batches", false, "only batches, and print only")
	flag.Parse()
	if err := run(ctx, *database, *dry || *batches, *batches); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, database string, dry, batches bool) (err error) {
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
	b := bench{root: root, work: work, scans: 6000, senders: 32, live: 500, large: 20_000, files: 5000, log: os.Stdout}
	end, err := b.databases(database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	if !dry && !batches {
		b.save = func(so []report.Result) error {
			return report.Save("bench/results.json", "bench/RESULTS.md", command, so)
		}
	}
	err = b.measure(ctx, batches)
	fmt.Print("\n", report.Table(b.results))
	return err
}

// databases says where PostgreSQL databases come from; end removes them.
func (b *bench) databases(address string) (end func() error, err error) {
	if address != "" {
		in, err := inServer(address)
		if err != nil {
			return nil, err
		}
		b.newDatabase = in.new
		return in.drop, nil
	}
	cluster, err := storetest.NewCluster()
	if errors.Is(err, pgtools.ErrNotInstalled) {
		fmt.Fprintln(b.log, "NOT MEASURED with PostgreSQL:", err)
		return func() error { return nil }, nil
	}
	if err != nil {
		return nil, err
	}
	b.newDatabase = cluster.NewDatabase
	return func() error { cluster.End(); return nil }, nil
}

// bench says how much is measured.
type bench struct {
	root, work  string
	program     string                             // path of the built one
	newDatabase func() (address string, err error) // an empty one of PostgreSQL; nil: SQLite only
	scans       int                                // sent
	senders     int                                // at the same time
	live        int                                // connections
	large       int                                // references of the large library
	files       int                                // of a batch
	log         io.Writer
	results     []report.Result
	save        func(so []report.Result) error // called each time there are more; nil: nothing is saved
}

// found notes results.
func (b *bench) found(more ...report.Result) error {
	b.results = append(b.results, more...)
	if b.save == nil {
		return nil
	}
	return b.save(b.results)
}

// load is what the same scans are taken in with.
type load struct {
	name, library string // of the database and of what answers
	postgres      bool
	workers       int // processes beside the server
	flags         []string
}

// measure measures everything, or batches only.
func (b *bench) measure(ctx context.Context, batches bool) (err error) {
	if b.program, err = program.Build(ctx, b.work); err != nil {
		return err
	}
	if !batches {
		if err := b.loads(ctx); err != nil {
			return err
		}
	}
	return b.batches(ctx)
}

// loads takes in the same scans with each database, and with a large library.
func (b *bench) loads(ctx context.Context) error {
	files, err := b.sent()
	if err != nil {
		return err
	}
	large := filepath.Join(b.work, "large.db")
	if err := b.library(ctx, large); err != nil {
		return err
	}
	over := fmt.Sprintf("%d references over the core library", b.large)
	runs := []load{{name: "SQLite", library: "the core library"}, {name: "SQLite", library: over, flags: []string{"--library", large}}}
	if b.newDatabase != nil {
		runs = append(runs, load{name: "PostgreSQL", library: "the core library", postgres: true},
			load{name: "PostgreSQL and two worker processes beside it", library: "the core library", postgres: true, workers: 2})
	}
	for i, run := range runs {
		fmt.Fprintf(b.log, "%s with %s\n", run.name, run.library)
		more, err := b.load(ctx, run, i == 0, fmt.Sprint("load", i), files)
		if err != nil {
			return fmt.Errorf("%s with %s: %w", run.name, run.library, err)
		}
		if err := b.found(more...); err != nil {
			return err
		}
	}
	return nil
}

// load takes in the scans once. With watch live connections are measured first, before there is memory left over from the load.
func (b *bench) load(ctx context.Context, run load, watch bool, folder string, files [][]byte) (results []report.Result, err error) {
	address := ""
	if run.postgres {
		if address, err = b.newDatabase(); err != nil {
			return nil, err
		}
	}
	s, err := b.serve(ctx, folder, address, run.flags...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Process.End()) }()
	for i := range run.workers {
		w, err := s.Beside("worker", b.workerFolder(folder, i), run.flags...)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, w.End()) }()
	}
	if watch {
		if results, err = b.watching(ctx, s); err != nil {
			return nil, err
		}
	}
	in, err := b.takingIn(ctx, s, run.name, run.library, files)
	return append(results, in...), err
}

// library makes the large library, of recorded and computed spectra as other spectrometers would show them.
func (b *bench) library(ctx context.Context, path string) error {
	of, err := dataset.Samples(b.root)
	if err != nil {
		return err
	}
	return dataset.FillLibrary(ctx, path, of, b.large, rand.New(rand.NewPCG(3, 0)))
}

// workerFolder is that of a worker beside the server with that name.
func (b *bench) workerFolder(server string, worker int) string {
	return filepath.Join(b.work, fmt.Sprintf("%s worker %d", server, worker))
}
