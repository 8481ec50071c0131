package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat"

	"fentrace/bench/program"
	"fentrace/bench/report"
	"fentrace/server/store/storetest"
)

const (
	senders = 8
	// worksFor is how long a server runs at most before it is killed, once it is ready.
	worksFor = 500 * time.Millisecond
	// endsFor is how long an orderly end goes on at most before it is killed.
	endsFor = 60 * time.Millisecond
)

// trial kills one server, and the workers beside it, again and again while scans are sent.
type trial struct {
	name              string // of the database
	program           string
	dir               string
	database          string // address; empty: SQLite
	kills, checkEvery int
	rng               *rand.Rand
	files             [][]byte
	log               io.Writer
	cluster           *storetest.Cluster // of database
	disk              *disk              // that everything is on; nil: there is none of its own
	endures           bool               // hardships, after the kills

	server  *program.Server
	started time.Time
	fresh   bool // since it was started it was not seen to be ready
	load    *load
	checked int // acknowledged scans that were compared
	out     outcome
}

// outcome is what a trial has shown.
type outcome struct {
	kills, duringStart, duringEnd, duringWork int
	acked, resumed                            int
	ready                                     []float64 // seconds from start to ready, each time it was not killed before
	endured                                   []report.Result
	bad                                       []error
}

// moment says when a server is killed.
type moment int

const (
	atWork moment = iota
	atStart
	atEnd
)

func (t *trial) draw() moment {
	switch n := t.rng.IntN(10); {
	case n < 2:
		return atStart
	case n < 4:
		return atEnd
	}
	return atWork
}

func (t *trial) temporary() string { return t.dir + "-tmp" }

// run kills, and checks every few kills and in the end. What was found wrong is in the outcome; the error is of the trial itself.
func (t *trial) run(ctx context.Context) (err error) {
	if err := os.MkdirAll(t.temporary(), 0o700); err != nil {
		return err
	}
	if t.server, err = program.NewServer(ctx, t.program, t.dir, t.database, nil, []string{"TMPDIR=" + t.temporary(), "GOTRACEBACK=single"}); err != nil {
		return err
	}
	t.load = newLoad(t.server.URL, t.server.Token, t.files, senders)
	sending, stop := context.WithCancel(ctx)
	defer stop()
	if err := t.start(); err != nil {
		return err
	}
	if err := t.ready(ctx); err != nil {
		return err
	}
	defer func() { t.server.Process.Kill() }()
	t.load.start(sending, senders, t.rng.Uint64())
	for t.out.kills < t.kills && ctx.Err() == nil {
		if err := t.kill(ctx); err != nil {
			return err
		}
		if t.out.kills%t.checkEvery == 0 {
			if err := t.check(ctx); err != nil {
				return err
			}
			t.progress()
		}
	}
	if t.endures {
		for _, h := range t.hardships() {
			if err := t.endure(ctx, h); err != nil {
				return err
			}
		}
	}
	stop()
	t.load.running.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	return t.finish(ctx)
}

func (t *trial) start() error {
	t.started, t.fresh = time.Now(), true
	return t.server.Start()
}

func (t *trial) ready(ctx context.Context) error {
	if err := t.server.Ready(ctx); err != nil {
		return err
	}
	if t.fresh {
		t.fresh, t.out.ready = false, append(t.out.ready, time.Since(t.started).Seconds())
	}
	return nil
}

// kill kills at a random moment and starts again.
func (t *trial) kill(ctx context.Context) error {
	when := t.draw()
	if when == atStart {
		usual := 0.2
		if len(t.out.ready) > 0 {
			usual = median(t.out.ready)
		}
		pause(ctx, time.Duration(t.rng.Float64()*usual*float64(time.Second)))
	} else {
		if err := t.ready(ctx); err != nil {
			return err
		}
		pause(ctx, time.Duration(t.rng.Int64N(int64(worksFor))))
	}
	if when == atEnd {
		if err := t.server.Process.AskToEnd(); err != nil {
			return err
		}
		pause(ctx, time.Duration(t.rng.Int64N(int64(endsFor))))
	}
	select {
	case <-t.server.Process.Ended(): // in order, before it could be killed
		if when != atEnd {
			return fmt.Errorf("the server ended by itself:\n%s", t.server.Process.Said())
		}
	default:
		t.server.Process.Kill()
		t.out.kills++
		switch when {
		case atStart:
			t.out.duringStart++
		case atEnd:
			t.out.duringEnd++
		default:
			t.out.duringWork++
		}
	}
	return t.start()
}

// check looks at everything with the load held back.
func (t *trial) check(ctx context.Context) error {
	if err := t.ready(ctx); err != nil {
		return err
	}
	t.load.gate.Lock()
	defer t.load.gate.Unlock()
	from := max(0, t.checked-100) // some of the earlier ones as well
	t.checked = t.load.count()
	return t.look(ctx, from)
}

func (t *trial) look(ctx context.Context, from int) error {
	db, err := eyes(t.dir, t.database)
	if err != nil {
		return err
	}
	defer db.Close()
	for _, err := range []error{inDatabase(ctx, db, t.load), whole(ctx, db, t.database), t.load.throughHTTP(ctx, from)} {
		if err != nil {
			t.wrong(err)
		}
	}
	// What was stored, and every entry of the log about it, is compared by the program itself.
	if said, err := t.server.Command(ctx, "verify"); err != nil && ctx.Err() == nil {
		t.wrong(fmt.Errorf("verify: %w\n%s", err, said))
	}
	return ctx.Err()
}

// finish ends the server in order, checks everything on a new one and looks for what was left behind.
func (t *trial) finish(ctx context.Context) error {
	if err := t.ready(ctx); err != nil {
		return err
	}
	if err := t.server.Process.End(); err != nil {
		return err
	}
	left, err := strays(t.dir, t.temporary())
	if err != nil {
		return err
	}
	if err := aged(left); err != nil {
		return err
	}
	if err := t.start(); err != nil {
		return err
	}
	if err := t.ready(ctx); err != nil {
		return err
	}
	if err := t.look(ctx, 0); err != nil {
		return err
	}
	if err := t.tidied(ctx, len(left)); err != nil {
		t.wrong(err)
	}
	t.load.mu.Lock()
	for _, b := range t.load.bad {
		t.wrong(errors.New(b))
	}
	t.load.bad = nil
	t.load.mu.Unlock()
	t.out.acked, t.out.resumed = len(t.load.acked), t.load.resumed
	t.progress()
	return t.server.Process.End()
}

// tidied waits until nothing that kills left behind is there any more.
func (t *trial) tidied(ctx context.Context, before int) error {
	for deadline := time.Now().Add(10 * time.Second); ; {
		left, err := strays(t.dir, t.temporary())
		if err != nil || len(left) == 0 {
			return err
		}
		if time.Now().After(deadline) || !pause(ctx, 50*time.Millisecond) {
			for i := range left {
				if name, err := filepath.Rel(filepath.Dir(t.dir), left[i]); err == nil {
					left[i] = name
				}
			}
			return fmt.Errorf("%d of %d files that kills left behind stay for good: %q", len(left), before, left[:min(5, len(left))])
		}
	}
}

// wrong notes what must not happen.
func (t *trial) wrong(err error) {
	fmt.Fprintf(t.log, "%s: WRONG, after %d kills: %v\n", t.name, t.out.kills, err)
	t.out.bad = append(t.out.bad, err)
}

func (t *trial) progress() {
	t.load.mu.Lock()
	defer t.load.mu.Unlock()
	fmt.Fprintf(t.log, "%s: %d of %d kills (%d while it started, %d while it ended), %d scans acknowledged, %d uploads in pieces went on, ready again in %.2f s (worst %.2f), %d things wrong\n",
		t.name, t.out.kills, t.kills, t.out.duringStart, t.out.duringEnd, len(t.load.acked), t.load.resumed, median(t.out.ready), slices.Max(t.out.ready), len(t.out.bad)+len(t.load.bad))
}

func median(v []float64) float64 {
	return stat.Quantile(0.5, stat.Empirical, slices.Sorted(slices.Values(v)), nil)
}
