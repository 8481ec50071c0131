package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"fentrace/bench/dataset"
	"fentrace/bench/program"
	"fentrace/bench/report"
)

const (
	// batchTime bounds one batch; reaching it is a hang.
	batchTime = 15 * time.Minute
	// toldLeast is how often live pages hear at least that a large batch is further.
	toldLeast = 10
)

// trial is a batch handed in and answered in one way.
type trial struct {
	name     string
	database string // "": SQLite
	workers  int    // processes beside the server
	kill     func(ctx context.Context, h *handing) error
}

// batches hands in the same real files with each database, undisturbed and with programs killed in the middle. The results have to be the
// same in every value.
func (b *bench) batches(ctx context.Context) error {
	folder := filepath.Join(b.work, "files")
	if err := dataset.FillFolder(b.root, folder, b.files, 11); err != nil {
		return err
	}
	trials := []trial{{name: "SQLite"}, {name: "SQLite, client and server killed", kill: killClientAndServer}}
	if b.newDatabase != nil {
		trials = append(trials, trial{name: "PostgreSQL with two workers", workers: 2}, trial{name: "PostgreSQL with two workers, one killed", workers: 2, kill: killWorker})
		for i := range trials[2:] {
			address, err := b.newDatabase()
			if err != nil {
				return err
			}
			trials[2+i].database = address
		}
	}
	var first *outcome
	for i, t := range trials {
		fmt.Fprintf(b.log, "batch of %d files, %s\n", b.files, t.name)
		got, err := b.try(ctx, t, fmt.Sprint("batch", i), folder)
		equal := 0
		if err == nil && first != nil {
			equal, err = first.same(got)
		}
		if err != nil {
			return fmt.Errorf("batch with %s: %w", t.name, err)
		}
		if first == nil {
			first = got
		}
		fmt.Fprintf(b.log, "  %d answers in %.0f s, %.3g files a second; pages were told %d times\n", len(got.answers), got.seconds, float64(b.files)/got.seconds, got.told)
		what := fmt.Sprintf("batch of %d recorded files and copies of them with SIMULATED noise, %s: ", b.files, t.name)
		results := []report.Result{
			report.Exact(what+"handed in and answered", "files a second", float64(b.files)/got.seconds, b.files, "", 0, command),
			report.Exact(what+"times that live pages were told how far it is", "times", float64(got.told), b.files, "", 0, command)}
		if i > 0 {
			results = append(results, report.Exact(what+"answers that are those of SQLite undisturbed in every value, each stored once", "answers", float64(equal), len(got.answers), "", 0, command))
		}
		if err := b.found(results...); err != nil {
			return err
		}
	}
	return nil
}

// handing is a batch that is being handed in.
type handing struct {
	b       *bench
	s       *serving
	workers []*program.Process
	args    []string // of the client
	client  *program.Process
	watch   *watch
}

// try hands in a folder with `fentrace batch`, as a user would, and returns what became of it.
func (b *bench) try(ctx context.Context, t trial, name, folder string) (*outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, batchTime)
	defer cancel()
	s, err := b.serve(ctx, name, t.database)
	if err != nil {
		return nil, err
	}
	h := &handing{b: b, s: s, args: []string{"batch", folder, "--server", s.URL, "--out", filepath.Join(b.work, name+".csv")}}
	defer h.end()
	for i := range t.workers {
		w, err := s.Beside("worker", b.workerFolder(name, i))
		if err != nil {
			return nil, err
		}
		h.workers = append(h.workers, w)
	}
	if h.watch, err = newWatch(ctx, s, b.files); err != nil {
		return nil, err
	}
	defer h.watch.stop()
	start := time.Now()
	if err := h.hand(); err != nil {
		return nil, err
	}
	if t.kill != nil {
		if err := t.kill(ctx, h); err != nil {
			return nil, err
		}
	}
	done, err := h.watch.until(ctx, h, b.files)
	if err != nil {
		return nil, err
	}
	took := time.Since(start).Seconds()
	if err := h.clientEnds(ctx); err != nil {
		return nil, err
	}
	out, err := results(ctx, s, done)
	if err != nil {
		return nil, err
	}
	out.seconds, out.told = took, h.watch.rose()
	if out.told < min(toldLeast, b.files/100) {
		return nil, fmt.Errorf("live pages heard %d times only how far the batch is", out.told)
	}
	if out.table, err = os.ReadFile(filepath.Join(b.work, name+".csv")); err != nil {
		return nil, err
	}
	if t.kill != nil {
		err = h.intact(ctx)
	}
	return out, err
}

// hand starts the client.
func (h *handing) hand() (err error) {
	h.client, err = program.Start(h.b.program, h.args, []string{"FENTRACE_TOKEN=" + h.s.Token})
	return err
}

// clientEnds waits for the client. Some of the files are there to be refused, which its exit code 1 says.
func (h *handing) clientEnds(ctx context.Context) error {
	select {
	case <-h.client.Ended():
	case <-ctx.Done():
		return ctx.Err()
	}
	if code := h.client.ExitCode(); code != 0 && code != 1 {
		return fmt.Errorf("the client ended with exit code %d\n%s", code, h.client.Said())
	}
	return nil
}

// intact ends everything in order and has all that is stored checked, the log of what was done with it.
func (h *handing) intact(ctx context.Context) error {
	if err := errors.Join(h.s.Process.End(), h.endWorkers()); err != nil {
		return err
	}
	if said, err := h.s.Command(ctx, "verify"); err != nil {
		return fmt.Errorf("what is stored does not verify: %w\n%s", err, said)
	}
	return nil
}

// endWorkers ends those that were not killed.
func (h *handing) endWorkers() (err error) {
	for _, w := range h.workers {
		if !w.HasEnded() {
			err = errors.Join(err, w.End())
		}
	}
	return err
}

// end ends what still runs, whatever happened.
func (h *handing) end() {
	for _, p := range append([]*program.Process{h.client, h.s.Process}, h.workers...) {
		if p != nil && !p.HasEnded() {
			p.Kill()
		}
	}
}

// killClientAndServer kills the client once some files are answered, has it run again, and later the server, which starts again while the
// client goes on trying.
func killClientAndServer(ctx context.Context, h *handing) error {
	if _, err := h.watch.until(ctx, h, h.b.files/5); err != nil {
		return err
	}
	h.client.Kill()
	if err := h.hand(); err != nil {
		return err
	}
	if _, err := h.watch.until(ctx, h, h.b.files/2); err != nil {
		return err
	}
	h.s.Process.Kill()
	if err := h.s.Start(); err != nil {
		return err
	}
	return h.s.Ready(ctx)
}

// killWorker kills one that answers; nobody starts it again.
func killWorker(ctx context.Context, h *handing) error {
	if _, err := h.watch.until(ctx, h, h.b.files/2); err != nil {
		return err
	}
	h.workers[0].Kill()
	return nil
}

// same counts the answers that are equal in two outcomes; that anything differs is an error.
func (o *outcome) same(other *outcome) (equal int, err error) {
	for name, want := range o.answers {
		if got, found := other.answers[name]; !found || got != want {
			return equal, fmt.Errorf("%s was answered\n%s\nbefore, and now\n%s", name, want, got)
		}
		equal++
	}
	if len(o.answers) != len(other.answers) {
		return equal, fmt.Errorf("there are %d answers, and were %d before", len(other.answers), len(o.answers))
	}
	if !bytes.Equal(o.table, other.table) {
		return equal, errors.New("the answers are the same, and the tables of the client are not")
	}
	return equal, nil
}
