// Command faults kills a Fentrace server and the workers beside it, as kill -9 does, again and again at random moments while SIMULATED
// scans and batches are sent to it, and takes away what it stands on: nothing that it acknowledged may be lost, doubled or stored by
// half, every job must be done with its effect there once, and everything must go on by itself.
// It writes bench/RESULTS.md and bench/results.json when all of it is done.
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
	"slices"
	"sync"
	"time"

	"fentrace/bench/dataset"
	"fentrace/bench/program"
	"fentrace/bench/report"
)

const (
	command = "make test-faults"
	// limit is far beyond what it takes: reaching it is a hang.
	limit = 2 * time.Hour
	// workersBeside is how many workers run beside a server on PostgreSQL. On SQLite a server does its jobs itself.
	workersBeside = 2
	// diskSize of the disk that a server, and its database, has for itself, MB.
	diskSize = 800
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	kills := flag.Int("kills", 300, "how often each server is killed")
	seed := flag.Uint64("seed", 0, "of what is random; 0 draws one, which is printed")
	soft := flag.Bool("kills-only", false, "take nothing away beside")
	on := flag.String("on", "", "only this database, SQLite or PostgreSQL, and nothing is written; both by default")
	dry := flag.Bool("dry", false, "print only")
	flag.Parse()
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	if *on != "" && !slices.Contains(databases, *on) {
		fmt.Fprintf(os.Stderr, "faults: -on %s: use one of %q\n", *on, databases)
		os.Exit(2)
	}
	b := bench{only: *on, kills: *kills, checkEvery: 25, endures: !*soft, seed: *seed, log: os.Stdout}
	if err := run(ctx, b, *dry); err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(1)
	}
}

// databases are what a server is killed on.
var databases = []string{"SQLite", "PostgreSQL"}

func run(ctx context.Context, b bench, dry bool) (err error) {
	fmt.Printf("seed %d: -seed %d does the same again, as far as the machine does\n", b.seed, b.seed)
	if b.work, err = workFolder(); err != nil {
		return err
	}
	defer os.RemoveAll(b.work)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	results, err := b.measure(ctx, func(so []report.Result) error {
		if dry {
			return nil
		}
		return report.Save("bench/results.json", "bench/RESULTS.md", command, so)
	})
	fmt.Print("\n", report.Table(results))
	return err
}

// workFolder makes a folder that PostgreSQL, which runs as another user, may pass through.
func workFolder() (string, error) {
	work, err := os.MkdirTemp("", "fentrace-faults")
	if err != nil {
		return "", err
	}
	return work, os.Chmod(work, 0o711)
}

// bench says how much is done.
type bench struct {
	work              string
	only              string // the one database; empty: all
	kills, checkEvery int
	endures           bool // hardships as well
	seed              uint64
	log               io.Writer
}

// measure does everything on each database; save is given the results when all of it was done. The error says what was wrong.
func (b *bench) measure(ctx context.Context, save func([]report.Result) error) (results []report.Result, err error) {
	var bad []error
	files, err := dataset.CarriedScans()
	if err != nil {
		return nil, err
	}
	path, err := program.Build(ctx, b.work)
	if err != nil {
		return nil, err
	}
	outs, errs := make([]outcome, len(databases)), make([]error, len(databases))
	var both sync.WaitGroup // side by side: much of the time is waiting for what is done in the background
	log := &lines{to: b.log}
	for i, name := range databases {
		if b.only != "" && b.only != name {
			continue
		}
		both.Go(func() {
			t := trial{name: name, program: path, kills: b.kills, checkEvery: b.checkEvery, rng: rand.New(rand.NewPCG(b.seed, uint64(i))), files: files,
				log: log, endures: b.endures}
			if i > 0 {
				t.beside = workersBeside
			}
			errs[i] = b.one(ctx, &t, i > 0)
			outs[i] = t.out
		})
	}
	both.Wait()
	for i, name := range databases {
		for _, err := range append(outs[i].bad, errs[i]) {
			if err != nil {
				bad = append(bad, fmt.Errorf("%s: %w", name, err))
			}
		}
		if errs[i] == nil && outs[i].ready != nil {
			results = append(results, outs[i].results(name)...)
		}
	}
	if errors.Join(errs...) == nil && b.only == "" {
		bad = append(bad, save(results))
	}
	return results, errors.Join(bad...)
}

// lines takes what several write, one write after the other.
type lines struct {
	mu sync.Mutex
	to io.Writer
}

// Write implements io.Writer.
func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(b)
}

// one runs a trial on a disk of its own, where this machine can have one.
func (b *bench) one(ctx context.Context, t *trial, postgres bool) (err error) {
	place := filepath.Join(b.work, t.name)
	if b.endures {
		t.disk, err = newDisk(ctx, place, diskSize)
	} else {
		err = os.MkdirAll(place, 0o755)
	}
	switch {
	case errors.Is(err, errNoDisk):
		fmt.Fprintf(t.log, "%s: NOT SHOWN: a full, read-only and broken disk: %v\n", t.name, err)
		t.disk, err = nil, os.MkdirAll(place, 0o755)
	case err == nil && t.disk != nil:
		defer func() { err = errors.Join(err, t.disk.end()) }()
	}
	if err != nil {
		return err
	}
	t.dir = filepath.Join(place, "data")
	if postgres {
		if t.cluster, err = clusterOn(place); err != nil {
			return err
		}
		defer t.cluster.End()
		if t.database, err = t.cluster.NewDatabase(); err != nil {
			return err
		}
	}
	return t.run(ctx)
}
