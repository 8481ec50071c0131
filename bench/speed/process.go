package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"fentrace/bench/dataset"
	"fentrace/bench/program"
	"fentrace/bench/report"
	"fentrace/data"
	"fentrace/library"
)

// built is the program as a user runs it.
type built struct {
	path string
	env  []string
}

// build makes the program; what it caches goes into the work folder.
func (b *bench) build(ctx context.Context) (built, error) {
	path, err := program.Build(ctx, b.work)
	return built{path, append(os.Environ(), "XDG_CACHE_HOME="+filepath.Join(b.work, "cache"))}, err
}

// run runs a command to its end: how long it took, s, and the most memory that was resident, MB.
func (p built) run(ctx context.Context, args ...string) (took, resident float64, err error) {
	cmd := exec.CommandContext(ctx, p.path, args...)
	cmd.Env = p.env
	var said bytes.Buffer
	cmd.Stderr = &said
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	ended, watched := make(chan struct{}), make(chan float64)
	go func() { watched <- peakMemory(cmd.Process.Pid, ended) }()
	err = cmd.Wait()
	took = time.Since(start).Seconds()
	close(ended)
	resident = <-watched
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w\n%s", args[0], err, &said)
	}
	return took, resident, nil
}

// memoryEvery is how often a process is asked for its memory: it keeps the most itself, so that only the last moments are missed.
const memoryEvery = 2 * time.Millisecond

// peakMemory is the most memory of a process that was resident until ended is closed, MB; 0 where the system does not say. (What
// the system says of ended processes includes the memory of the one that started them.)
func peakMemory(pid int, ended <-chan struct{}) (most float64) {
	for {
		select {
		case <-ended:
			return most
		case <-time.After(memoryEvery):
		}
		most = max(most, program.Memory(pid, program.ResidentMost))
	}
}

// starts is how often the program is started.
const starts = 11

// starting measures from the start of the program to its first answer, with the library at path of size references. The first
// start, which prepares them, is not counted.
func (b *bench) starting(ctx context.Context, p built, path string, size int, scan []byte) ([]report.Result, error) {
	file := filepath.Join(b.work, "scan.jdx")
	if err := os.WriteFile(file, scan, 0o600); err != nil {
		return nil, err
	}
	var times, memory []float64
	for i := range starts + 1 {
		took, resident, err := p.run(ctx, "identify", "--json", "--library", path, file)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			times, memory = append(times, 1000*took), append(memory, resident)
		}
	}
	what := fmt.Sprintf("start of the program to its first answer, %d references: ", size)
	return []report.Result{
		report.Exact(what+"median", "ms", median(times), starts, "", 0, command),
		report.Exact(what+"memory resident at most", "MB", median(memory), starts, "", 0, command),
	}, nil
}

// batching measures how fast a folder of files is answered with the recorded reference library, and whether memory grows with it.
func (b *bench) batching(ctx context.Context, p built, in, unknown []dataset.Sample, rng *rand.Rand) ([]report.Result, error) {
	recorded := filepath.Join(b.work, "recorded.db")
	if err := b.imported(ctx, recorded); err != nil {
		return nil, err
	}
	rate, memory := map[int]float64{}, map[int]float64{}
	for _, n := range []int{b.batch / 5, b.batch} {
		folder := filepath.Join(b.work, fmt.Sprintf("scans-%d", n))
		if err := os.Mkdir(folder, 0o700); err != nil {
			return nil, err
		}
		scans, err := files(in, unknown, n, rng)
		if err != nil {
			return nil, err
		}
		for i, raw := range scans {
			if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%05d.jdx", i)), raw, 0o600); err != nil {
				return nil, err
			}
		}
		took, resident, err := p.run(ctx, "batch", folder, "--library", recorded, "--out", folder+".csv")
		if err != nil {
			return nil, err
		}
		rate[n], memory[n] = float64(n)/took, resident
	}
	return []report.Result{
		report.Exact(fmt.Sprintf("batch of %d files, 80 references over the core", b.batch), "files a second", rate[b.batch], b.batch, "", 0, command),
		report.Exact(fmt.Sprintf("memory resident at most, after %d files over after %d", b.batch, b.batch/5), "times", memory[b.batch]/memory[b.batch/5], b.batch, "", 0, command),
	}, nil
}

// imported makes a library of the recorded references.
func (b *bench) imported(ctx context.Context, path string) error {
	core, err := library.OpenStack(ctx, data.Core)
	if err != nil {
		return err
	}
	f, err := library.Create(path)
	if err != nil {
		return err
	}
	_, err = library.Import(ctx, f, core, []string{filepath.Join(b.root, "raman", "library-785")}, library.ImportOptions{}, nil)
	return errors.Join(err, f.Close())
}
