package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"fentrace/bench/program"
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

	beside int               // workers beside the server
	agree  map[string][]bool // of the references that the past is looked through with: the files that agree, by place

	server  *program.Server
	workers []*program.Process
	started time.Time
	fresh   bool // since it was started it was not seen to be ready
	load    *load
	checked int  // acknowledged scans that were compared
	last    bool // the past is looked through to its end
	out     outcome
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

// theServer is the server among the processes that victims names.
const theServer = -1

// victims draws what is killed: the server, a worker, or several at once.
func (t *trial) victims() []int {
	all := []int{theServer}
	for i := range t.beside {
		all = append(all, i)
	}
	t.rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	switch n := t.rng.IntN(10); {
	case t.beside == 0 || n < 4:
		return []int{theServer}
	case n < 7:
		return []int{t.rng.IntN(t.beside)}
	}
	return all[:2+t.rng.IntN(len(all)-1)]
}

func (t *trial) process(who int) *program.Process {
	if who == theServer {
		return t.server.Process
	}
	return t.workers[who]
}

func (t *trial) temporary() string { return t.dir + "-tmp" }

func (t *trial) workerDir(i int) string { return fmt.Sprintf("%s-worker-%d", t.dir, i) }

func (t *trial) library() string { return t.dir + "-library.db" }

// dirs are the data folders.
func (t *trial) dirs() []string {
	out := []string{t.dir}
	for i := range t.beside {
		out = append(out, t.workerDir(i))
	}
	return out
}

// run kills, and checks every few kills and in the end. What was found wrong is in the outcome; the error is of the trial itself.
func (t *trial) run(ctx context.Context) (err error) {
	if err := os.MkdirAll(t.temporary(), 0o700); err != nil {
		return err
	}
	if t.agree, err = pastLibrary(ctx, t.library(), t.files, t.rng); err != nil {
		return err
	}
	if t.server, err = program.NewServer(ctx, t.program, t.dir, t.database, []string{"--library", t.library()}, []string{"TMPDIR=" + t.temporary(), "GOTRACEBACK=single"}); err != nil {
		return err
	}
	db, err := eyes(t.dir, t.database, "rw")
	if err == nil {
		err = errors.Join(poison(ctx, db, t.database != ""), db.Close())
	}
	if err != nil {
		return err
	}
	t.load = newLoad(t.server.URL, t.server.Token, t.files, senders)
	t.load.work = handedIn{references: slices.Sorted(maps.Keys(t.agree)), rescreens: map[string]string{}}
	sending, stop := context.WithCancel(ctx)
	defer stop()
	if err := t.startAll(); err != nil {
		return err
	}
	defer t.killAll()
	if err := t.ready(ctx); err != nil {
		return err
	}
	t.load.start(sending, senders, t.rng.Uint64())
	t.load.handIn(sending, t.rng.Uint64())
	for t.out.kills < t.kills && ctx.Err() == nil {
		before := t.out.kills
		if err := t.kill(ctx); err != nil {
			return err
		}
		if t.out.kills > before && t.out.kills%t.checkEvery == 0 {
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

// startAll starts the server and the workers beside it.
func (t *trial) startAll() error {
	t.workers = nil
	err := t.start()
	for i := 0; i < t.beside && err == nil; i++ {
		t.workers = append(t.workers, nil)
		err = t.startWorker(i)
	}
	return err
}

func (t *trial) startWorker(i int) (err error) {
	t.workers[i], err = t.server.Beside("worker", t.workerDir(i), "--library", t.library())
	return err
}

func (t *trial) again(who int) error {
	if who == theServer {
		return t.start()
	}
	return t.startWorker(who)
}

// killAll leaves nothing running.
func (t *trial) killAll() {
	for _, p := range append(slices.Clone(t.workers), t.server.Process) {
		if p != nil {
			p.Kill()
		}
	}
}

// endAll ends everything in order.
func (t *trial) endAll() (err error) {
	for _, p := range append(slices.Clone(t.workers), t.server.Process) {
		err = errors.Join(err, p.End())
	}
	return err
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
	when, victims := t.draw(), t.victims()
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
	for _, p := range append(slices.Clone(t.workers), t.server.Process) {
		if p.HasEnded() {
			return fmt.Errorf("a process ended by itself:\n%s", p.Said())
		}
	}
	if when == atEnd {
		for _, v := range victims {
			if err := t.process(v).AskToEnd(); err != nil {
				return err
			}
		}
		pause(ctx, time.Duration(t.rng.Int64N(int64(endsFor))))
	}
	t.killed(when, victims)
	for _, v := range victims {
		if err := t.again(v); err != nil {
			return err
		}
	}
	return nil
}

// killed kills and counts.
func (t *trial) killed(when moment, victims []int) {
	n, workers := 0, 0
	for _, v := range victims {
		if when == atEnd && t.process(v).HasEnded() {
			continue // in order, before it could be killed
		}
		t.process(v).Kill()
		if n++; v != theServer {
			workers++
		}
	}
	if n == 0 {
		return
	}
	t.out.kills++
	switch when {
	case atStart:
		t.out.duringStart++
	case atEnd:
		t.out.duringEnd++
	}
	if n == workers {
		t.out.ofWorkers++
	}
	if n > 1 {
		t.out.ofSeveral++
	}
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
	db, err := eyes(t.dir, t.database, "ro")
	if err != nil {
		return err
	}
	defer db.Close()
	if err := t.settle(ctx, db); err != nil {
		return err
	}
	for _, err := range []error{inDatabase(ctx, db, t.load), whole(ctx, db, t.database), t.load.throughHTTP(ctx, from), t.background(ctx, db)} {
		if err != nil && ctx.Err() == nil {
			t.wrong(err)
		}
	}
	// What was stored, and every entry of the log about it, is compared by the program itself.
	if said, err := t.server.Command(ctx, "verify"); err != nil && ctx.Err() == nil {
		t.wrong(fmt.Errorf("verify: %w\n%s", err, said))
	}
	return ctx.Err()
}

// finish ends everything in order, checks everything on a new server and looks for what was left behind.
func (t *trial) finish(ctx context.Context) error {
	if err := t.ready(ctx); err != nil {
		return err
	}
	if err := t.endAll(); err != nil {
		return err
	}
	left, err := strays(t.dirs(), t.temporary())
	if err != nil {
		return err
	}
	if err := aged(left); err != nil {
		return err
	}
	if err := t.startAll(); err != nil {
		return err
	}
	if err := t.ready(ctx); err != nil {
		return err
	}
	for _, r := range t.load.work.references {
		if err := t.load.lookWith(ctx, r); err != nil {
			return err
		}
	}
	t.last = true
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
	t.out.acked, t.out.resumed = len(t.load.acked), t.load.resumed+t.load.work.resumed
	t.out.files, t.out.withPoison = t.load.work.files, t.load.work.withPoison
	t.out.batches = t.load.batchesAcknowledged()
	t.progress()
	return t.endAll()
}

// tidied waits until nothing that kills left behind is there any more.
func (t *trial) tidied(ctx context.Context, before int) error {
	for deadline := time.Now().Add(10 * time.Second); ; {
		left, err := strays(t.dirs(), t.temporary())
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
