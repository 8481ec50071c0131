package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"fentrace/server/audit"
	"fentrace/server/store"
)

// settledWithin is how long what is done in the background may take until it is done, with nothing else to do. That is far more than
// a file takes that is tried as often as it may be.
const settledWithin = 5 * time.Minute

// poisonSaid is why the database does not store a file that is called poisonName.
const poisonSaid = "SIMULATED poison"

// poison lets a database refuse the scans of files that are called poisonName, whatever stores them: for the program that is one file
// among others that cannot be answered, and cannot be found out without trying.
func poison(ctx context.Context, db *sql.DB, postgres bool) error {
	statements := []string{fmt.Sprintf(`CREATE TRIGGER poison BEFORE INSERT ON scans WHEN NEW.filename LIKE '%%%s'
		BEGIN SELECT RAISE(ABORT, '%s'); END`, poisonName, poisonSaid)}
	if postgres {
		statements = []string{
			fmt.Sprintf(`CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '%s'; END $$`, poisonSaid),
			fmt.Sprintf(`CREATE TRIGGER poison BEFORE INSERT ON scans FOR EACH ROW WHEN (NEW.filename LIKE '%%%s') EXECUTE FUNCTION poison()`, poisonName),
		}
	}
	for _, s := range statements {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("let the database refuse a file: %w", err)
		}
	}
	return nil
}

// undone are what is still to be done in the background, and the programs that are believed to do it. Each query returns texts.
var undone = []string{
	"SELECT 'file ' || seq || ' of batch ' || batch || ' waits' FROM batch_files WHERE state = 'waiting'",
	"SELECT 'job ' || id || ', ' || kind || ', is ' || CAST(state AS TEXT) FROM river_job WHERE CAST(state AS TEXT) NOT IN ('completed', 'cancelled', 'discarded')",
	"SELECT 'look-back ' || id || ' runs' FROM rescreens WHERE state = 'running'",
}

// settle waits until everything that was handed in is done, and whoever was killed is forgotten. What is not done in time is told.
func (t *trial) settle(ctx context.Context, db *sql.DB) error {
	begun := time.Now()
	for {
		var left []string
		for _, query := range undone {
			found, err := texts(ctx, db, query)
			if err != nil {
				return fmt.Errorf("look for what is not done: %w", err)
			}
			left = append(left, found...)
		}
		known, err := texts(ctx, db, "SELECT id FROM job_workers")
		if err != nil {
			return fmt.Errorf("look for workers: %w", err)
		}
		if len(known) > len(t.workers)+1 {
			left = append(left, fmt.Sprintf("%d programs are believed to live, not %d", len(known), len(t.workers)+1))
		}
		if len(left) == 0 {
			t.out.settled = append(t.out.settled, time.Since(begun).Seconds())
			return nil
		}
		if time.Since(begun) > settledWithin {
			t.wrong(fmt.Errorf("after %v with nothing else to do: %d things are not done, such as %q", settledWithin, len(left), left[:min(5, len(left))]))
			return nil
		}
		if !pause(ctx, 100*time.Millisecond) {
			return ctx.Err()
		}
	}
}

// storedFile is a file of a batch as the database has it.
type storedFile struct {
	number       int64
	batch, state string
	scans        int
	why          string
}

// background compares what was handed in with what became of it. Nothing may be under way.
func (t *trial) background(ctx context.Context, db *sql.DB) error {
	files, err := batchFiles(ctx, db)
	if err != nil {
		return err
	}
	bad := []error{t.load.batchesWhole(files), t.dead(ctx, files), singleJobs(ctx, db, t.database != ""), inLog(ctx, db, files)}
	return errors.Join(append(bad, t.past(ctx, db)...)...)
}

// batchFiles are the files of all batches: by batch, then by sum.
func batchFiles(ctx context.Context, db *sql.DB) (map[string]map[string]storedFile, error) {
	rows, err := db.QueryContext(ctx, "SELECT batch, sha256, seq, state, scans, error FROM batch_files")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]map[string]storedFile{}
	for rows.Next() {
		var f storedFile
		var sum string
		if err := rows.Scan(&f.batch, &sum, &f.number, &f.state, &f.scans, &f.why); err != nil {
			return nil, err
		}
		if out[f.batch] == nil {
			out[f.batch] = map[string]storedFile{}
		}
		out[f.batch][sum] = f
	}
	return out, rows.Err()
}

// batchesWhole: each acknowledged batch has exactly its files; each file has its one scan, but for the poison, which has failed.
func (l *load) batchesWhole(files map[string]map[string]storedFile) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var bad []error
	for _, b := range l.work.batches {
		has := files[b.id]
		if sums := slices.Sorted(maps.Keys(has)); b.acked && !slices.Equal(sums, b.sums) {
			bad = append(bad, fmt.Errorf("batch %s was acknowledged with %d files, and has %d, or others", b.id, len(b.sums), len(sums)))
		}
		for sum, f := range has {
			switch {
			case !slices.Contains(b.sums, sum):
				bad = append(bad, fmt.Errorf("batch %s has the file %.12s, which was never sent for it", b.id, sum))
			case sum == b.poison && (f.state != store.FileFailed || !strings.Contains(f.why, poisonSaid) || f.scans != 0):
				bad = append(bad, fmt.Errorf("the poison of batch %s is %s with %d scans: %q", b.id, f.state, f.scans, f.why))
			case sum != b.poison && (f.state != store.FileDone || f.scans != 1):
				bad = append(bad, fmt.Errorf("file %d of batch %s is %s with %d scans: %q", f.number, b.id, f.state, f.scans, f.why))
			}
		}
	}
	return errors.Join(bad...)
}

// fileJob is the argument of a job about one file.
type fileJob struct {
	Batch string `json:"batch"`
	File  int64  `json:"file"`
}

// dead: the jobs that were given up are those of the poison, each once and with its error, as the server tells them.
func (t *trial) dead(ctx context.Context, files map[string]map[string]storedFile) error {
	want := map[fileJob]int{}
	for batch, of := range files {
		for _, f := range of {
			if f.state == store.FileFailed {
				want[fileJob{batch, f.number}] = 1
			}
		}
	}
	have := map[fileJob]int{}
	var bad []error
	for before := int64(0); ; {
		var page struct {
			Jobs []struct {
				ID          int64
				Kind, Error string
				About       json.RawMessage
			}
			Next int64
		}
		if err := t.load.ask(ctx, http.MethodGet, fmt.Sprintf("/v1/jobs/dead?limit=500&before=%d", before), nil, &page); err != nil {
			return fmt.Errorf("list the jobs that were given up: %w", err)
		}
		for _, j := range page.Jobs {
			var about fileJob
			err := json.Unmarshal(j.About, &about)
			have[about]++
			if err != nil || want[about] == 0 || j.Kind != (store.FileJob{}).Kind() || !strings.Contains(j.Error, poisonSaid) {
				bad = append(bad, fmt.Errorf("job %d, %s of %s, was given up: %q", j.ID, j.Kind, j.About, j.Error))
			}
		}
		if before = page.Next; before == 0 {
			break
		}
	}
	if !maps.Equal(have, want) {
		bad = append(bad, fmt.Errorf("%d files have failed, but jobs of %d are listed as given up, or some twice", len(want), len(have)))
	}
	t.out.dead = len(have)
	return errors.Join(bad...)
}

// singleJobs: nothing was given to two jobs. Looks through the past may be asked for again, and files of a batch are gathered as they come.
func singleJobs(ctx context.Context, db *sql.DB, postgres bool) error {
	args := "json(args)"
	if postgres {
		args = "CAST(args AS TEXT)"
	}
	doubled, err := texts(ctx, db, "SELECT kind || ' ' || "+args+" FROM river_job WHERE kind IN ('batch_chunk', 'batch_file') GROUP BY kind, "+args+" HAVING count(*) > 1")
	if err == nil && len(doubled) > 0 {
		err = fmt.Errorf("%d things were given to several jobs, such as %s", len(doubled), doubled[0])
	}
	return err
}

// inLog: the log tells of each scan, each file of a batch and each that has failed that it was stored, or has failed, exactly once.
func inLog(ctx context.Context, db *sql.DB, files map[string]map[string]storedFile) error {
	scans, err := texts(ctx, db, "SELECT id FROM scans")
	if err != nil {
		return err
	}
	want := map[string]int{}
	for _, id := range scans {
		want["scan "+id] = 1
	}
	for batch, of := range files {
		for sum, f := range of {
			want["file "+sum+" for "+batch] = 1
			if f.state == store.FileFailed {
				want[fmt.Sprintf("failed %d of %s", f.number, batch)] = 1
			}
		}
	}
	have, err := told(ctx, db)
	if err != nil {
		return err
	}
	var bad []error
	for what, n := range have {
		if want[what] != n {
			bad = append(bad, fmt.Errorf("the log tells %d times of: %s; it should %d times", n, what, want[what]))
		}
		delete(want, what)
	}
	for what := range want {
		bad = append(bad, fmt.Errorf("the log does not tell of: %s", what))
	}
	if len(bad) > 5 {
		bad = append(bad[:5], fmt.Errorf("and %d more about the log", len(bad)-5))
	}
	return errors.Join(bad...)
}

// told are the things that the log tells of, as inLog calls them, and how often.
func told(ctx context.Context, db *sql.DB) (map[string]int, error) {
	rows, err := db.QueryContext(ctx, "SELECT leaf FROM log_leaves WHERE kind = 'scan' AND action = 'collect' OR kind = 'file' OR kind = 'batch'")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]int{}
	for rows.Next() {
		var raw []byte
		if err := rows.Scan(&raw); err != nil {
			return nil, err
		}
		l, err := audit.Decode(raw)
		if err != nil {
			return nil, err
		}
		var detail struct {
			Batch  string
			Failed int64
		}
		if len(l.Detail) > 0 {
			if err := json.Unmarshal(l.Detail, &detail); err != nil {
				return nil, err
			}
		}
		switch {
		case l.Kind == store.KindScan:
			out["scan "+l.ID]++
		case l.Kind == store.KindFile && detail.Batch != "":
			out["file "+l.ID+" for "+detail.Batch]++
		case detail.Failed != 0:
			out[fmt.Sprintf("failed %d of %s", detail.Failed, l.ID)]++
		}
	}
	return out, rows.Err()
}
