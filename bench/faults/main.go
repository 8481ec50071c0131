// Command faults kills a Fentrace server and the workers beside it, as kill -9 does, again and again at random moments while SIMULATED
// scans and batches are sent to it, and takes away what it stands on: nothing that it acknowledged may be lost, doubled or stored by
// half, every job must be done with its effect there once, and everything must go on by itself.
// It writes bench/RESULTS.md and bench/results.json after each database.
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
	dry := flag.Bool("dry", false, "print only")
	flag.Parse()
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	if err := run(ctx, *kills, *seed, !*soft, *dry); err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, kills int, seed uint64, endures, dry bool) error {
	fmt.Printf("seed %d: -seed %d does the same again, as far as the machine does\n", seed, seed)
	work, err := workFolder()
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	b := bench{work: work, kills: kills, checkEvery: 25, endures: endures, seed: seed, log: os.Stdout}
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
	kills, checkEvery int
	endures           bool // hardships as well
	seed              uint64
	log               io.Writer
}

// measure does everything on each database; save is given the results so far each time there are more. The error says what was wrong.
func (b *bench) measure(ctx context.Context, save func([]report.Result) error) (results []report.Result, err error) {
	files, err := dataset.CarriedScans()
	if err != nil {
		return nil, err
	}
	path, err := program.Build(ctx, b.work)
	if err != nil {
		return nil, err
	}
	var bad []error
	for i, name := range []string{"SQLite", "PostgreSQL"} {
		t := trial{name: name, program: path, kills: b.kills, checkEvery: b.checkEvery, rng: rand.New(rand.NewPCG(b.seed, uint64(i))), files: files,
			log: b.log, endures: b.endures}
		if i > 0 {
			t.beside = workersBeside
		}
		if err := b.one(ctx, &t, i > 0); err != nil {
			return results, fmt.Errorf("%s: %w", name, err)
		}
		for _, err := range t.out.bad {
			bad = append(bad, fmt.Errorf("%s: %w", name, err))
		}
		results = append(results, t.out.results(name)...)
		if err := save(results); err != nil {
			return results, err
		}
	}
	return results, errors.Join(bad...)
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
		fmt.Fprintf(b.log, "%s: NOT SHOWN: a full, read-only and broken disk: %v\n", t.name, err)
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

func (o outcome) results(database string) []report.Result {
	what := fmt.Sprintf("%d kills -9 of server and workers under load, %s: ", o.kills, database)
	if o.kills == 0 {
		return o.endured
	}
	exact := func(name, unit string, value float64, n int) report.Result {
		return report.Exact(what+name, unit, value, n, "", 0, command)
	}
	return append([]report.Result{
		exact("of them while it started or ended", "kills", float64(o.duringStart+o.duringEnd), o.kills),
		exact("of them of workers only", "kills", float64(o.ofWorkers), o.kills),
		exact("of them of several processes at once", "kills", float64(o.ofSeveral), o.kills),
		exact("SIMULATED scans acknowledged", "scans", float64(o.acked), o.acked),
		exact("SIMULATED files acknowledged in batches", "files", float64(o.files), o.batches),
		exact("poison files, each given up once and listed", "files", float64(o.dead), o.dead),
		exact("scans found by looks through the past, each once", "scans", float64(o.hits), o.hits),
		exact("lost, doubled, changed, stored by half or left behind", "", float64(len(o.bad)), o.acked+o.files),
		exact("uploads in pieces that went on", "uploads", float64(o.resumed), o.resumed),
		exact("ready again, median", "s", median(o.ready), len(o.ready)),
		exact("ready again, worst", "s", slices.Max(o.ready), len(o.ready)),
		exact("all jobs done once nothing more is sent, median", "s", median(o.settled), len(o.settled)),
		exact("all jobs done once nothing more is sent, worst", "s", slices.Max(o.settled), len(o.settled)),
	}, o.endured...)
}
