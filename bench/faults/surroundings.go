package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"fentrace/bench/report"
	"fentrace/server/store/storetest"
)

const (
	// hardFor is how long a fault lasts at least.
	hardFor = 1500 * time.Millisecond
	// toldWithin is how long a fault lasts at most: until then somebody was told of it.
	toldWithin = 2 * time.Minute
	// goesOnWithin is how long it may take until scans are acknowledged again.
	goesOnWithin = time.Minute
)

// hardship is something that goes wrong around a server while scans are sent to it.
type hardship struct {
	name  string
	begin func(context.Context) error
	end   func(context.Context) error
	told  []string // what callers are told begins with one of these; none: they may notice nothing
	ends  bool     // the server may be ended by it
}

// hardships are those that can be made here.
func (t *trial) hardships() []hardship {
	var out []hardship
	add := func(name string, begin, end func(context.Context) error, told ...string) {
		out = append(out, hardship{name: name, begin: begin, end: end, told: told})
	}
	const unwritable, away = "503 the disk of the server cannot be written to", "503 the database "
	if t.disk != nil {
		add("disk full", func(context.Context) error { return t.disk.fill() }, func(context.Context) error { return t.disk.empty() }, "507 the disk is full")
	}
	moved := t.dir + "-moved"
	add("data folder moved away", func(context.Context) error { return os.Rename(t.dir, moved) },
		func(context.Context) error { return os.Rename(moved, t.dir) }, unwritable)
	if t.database == "" {
		if t.disk != nil {
			add("disk read-only", func(context.Context) error { return sealed(t.dir, true) }, func(context.Context) error { return sealed(t.dir, false) }, unwritable)
			add("disk broken, mounted again, server started again", t.disk.breakDown, t.mended, unwritable)
			out[len(out)-1].ends = true // when it was just writing
		}
		return out
	}
	c := t.cluster
	start := func(context.Context) error { return c.Start() }
	add("database stopped and started", func(context.Context) error { return c.Stop() }, start, away)
	add("database killed and started", func(context.Context) error { return c.Kill() }, start, away)
	add("database frozen", func(context.Context) error { return c.Freeze() }, func(context.Context) error { return c.Thaw() }, away)
	add("connections cut again and again", t.cutConnections, func(context.Context) error { return nil })
	return out
}

// mended is what whoever looks after the machine does about a broken disk.
func (t *trial) mended(ctx context.Context) error {
	t.load.cut.Store(true)
	t.server.Process.Kill()
	if err := t.disk.unmount(); err != nil {
		return err
	}
	if err := t.disk.mount(ctx); err != nil {
		return err
	}
	if err := t.start(); err != nil {
		return err
	}
	return t.ready(ctx)
}

// cutConnections ends every connection of the server to its database, many times.
func (t *trial) cutConnections(ctx context.Context) error {
	db, err := sql.Open("pgx", t.database)
	if err != nil {
		return err
	}
	defer db.Close()
	for end := time.Now().Add(hardFor); time.Now().Before(end); {
		if _, err := db.ExecContext(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"); err != nil {
			return err
		}
		pause(ctx, time.Duration(t.rng.Int64N(int64(50*time.Millisecond))))
	}
	return nil
}

// endure makes one hardship, lets it last until callers were told, ends it and waits until scans are acknowledged again.
func (t *trial) endure(ctx context.Context, h hardship) error {
	if err := t.server.Ready(ctx); err != nil {
		return err
	}
	t.load.told()
	before, process, wrong := t.load.count(), t.server.Process, t.load.wrong()
	if err := h.begin(ctx); err != nil {
		return fmt.Errorf("%s: %w", h.name, errors.Join(err, h.end(context.WithoutCancel(ctx))))
	}
	said, begun := map[string]int{}, time.Now()
	right := func() bool {
		return h.ends && process.HasEnded() || slices.ContainsFunc(slices.Collect(maps.Keys(said)), func(s string) bool {
			return slices.ContainsFunc(h.told, func(w string) bool { return strings.HasPrefix(s, w) })
		})
	}
	for time.Since(begun) < hardFor || len(h.told) > 0 && !right() && time.Since(begun) < toldWithin {
		if !pause(ctx, 50*time.Millisecond) {
			return errors.Join(ctx.Err(), h.end(context.WithoutCancel(ctx)))
		}
		for s, n := range t.load.told() {
			said[s] += n
		}
	}
	lasted := time.Since(begun)
	if err := h.end(ctx); err != nil {
		return fmt.Errorf("end of %s: %w", h.name, err)
	}
	ended, during := time.Now(), t.load.count()
	for t.load.count() < during+senders {
		if time.Since(ended) > goesOnWithin {
			t.wrong(fmt.Errorf("%s: %v after it had ended no scan is acknowledged; the server says\n%s", h.name, goesOnWithin, t.server.Process.Said()))
			break
		}
		if !pause(ctx, 10*time.Millisecond) {
			return ctx.Err()
		}
	}
	again := time.Since(ended)
	if len(h.told) > 0 && !right() {
		t.wrong(fmt.Errorf("%s: callers were told %v, not %q", h.name, said, h.told))
	}
	if t.server.Process.HasEnded() {
		t.wrong(fmt.Errorf("%s: the server has ended:\n%s", h.name, process.Said()))
	}
	if t.load.wrong() > wrong {
		fmt.Fprintf(t.log, "%s: %s: WRONG answers; the server says\n%s", t.name, h.name, process.Said())
	}
	for i, w := range t.workers {
		if w.HasEnded() {
			t.wrong(fmt.Errorf("%s: worker %d has ended:\n%s", h.name, i, w.Said()))
		}
	}
	if err := t.check(ctx); err != nil {
		return err
	}
	t.out.endured = append(t.out.endured, report.Exact(fmt.Sprintf("%s under load, %s: until SIMULATED scans are acknowledged again", h.name, t.name), "s", again.Seconds(), during-before, "", 0, command))
	fmt.Fprintf(t.log, "%s: %s for %.1f s, %d scans acknowledged meanwhile; again after %.2f s; %d things wrong so far; callers were told:\n", t.name, h.name, lasted.Seconds(), during-before, again.Seconds(), len(t.out.bad)+t.load.wrong())
	for _, s := range slices.Sorted(maps.Keys(said)) {
		fmt.Fprintf(t.log, "    %d times: %s\n", said[s], s)
	}
	return nil
}

// clusterOn starts a cluster whose files are in dir.
func clusterOn(dir string) (*storetest.Cluster, error) {
	before, had := os.LookupEnv("TMPDIR")
	if err := os.Setenv("TMPDIR", dir); err != nil {
		return nil, err
	}
	defer func() {
		if had {
			os.Setenv("TMPDIR", before)
		} else {
			os.Unsetenv("TMPDIR")
		}
	}()
	return storetest.NewCluster()
}
