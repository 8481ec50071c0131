//go:build unix

package server

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/server/store"
	"fentrace/server/store/storetest"
	"fentrace/spectra"
)

// A test program with these set takes jobs from the database, as a server or as a worker, until it is killed.
const (
	jobsDir    = "FENTRACE_TEST_JOBS_DIR"
	jobsDB     = "FENTRACE_TEST_JOBS_DB"
	jobsWorker = "FENTRACE_TEST_JOBS_WORKER"
)

// slow takes a while for an answer, so that there is a middle to be killed in.
type slow struct{ byTitle }

func (s slow) Identify(ctx context.Context, sp spectra.Spectrum) (identify.Identification, error) {
	time.Sleep(8 * time.Millisecond)
	return s.byTitle.Identify(ctx, sp)
}

func jobsWithoutEnd(dir string) {
	fail := func(err error) {
		if err != nil {
			fmt.Println("failed", err)
			os.Exit(1)
		}
	}
	cfg := testConfig(dir, nil)
	cfg.Database, cfg.NewIdentifier = os.Getenv(jobsDB), answering(slow{})
	quickly(&cfg)
	if os.Getenv(jobsWorker) != "" {
		cfg.JobBeat = steady
	}
	switch os.Getenv(jobsWorker) {
	case "same":
		cfg.Worker = true
	case "other":
		cfg.Worker, cfg.Library = true, library.NewStack([]library.Substance{{ID: "caffeine", Name: "caffeine"}}, nil)
	}
	s, err := New(context.Background(), cfg)
	fail(err)
	if cfg.Worker {
		fail(s.Work(context.Background()))
	}
	fail(s.Run(context.Background()))
}

// steady is a beat that a machine with much to do keeps.
const steady = time.Second

func startJobs(t *testing.T, dir, db, worker string) *exec.Cmd {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), jobsDir+"="+dir, jobsDB+"="+db, jobsWorker+"="+worker)
	child.Stdout, child.Stderr = os.Stderr, os.Stderr
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	return child
}

// filled is a batch of n files, stored by a server that has answered none of them.
func filled(t *testing.T, n int, change ...func(*Config)) store.Batch {
	t.Helper()
	cfg := testConfig(t.TempDir(), nil)
	for _, f := range change {
		f(&cfg)
	}
	s, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx := asProgram(t)
	b, err := s.NewBatch(ctx, "batch", store.Fields{Case: "K"}, "")
	if err != nil {
		t.Fatal(err)
	}
	for from := 0; from < n; from += 50 {
		var files []store.File
		for i := from; i < min(n, from+50); i++ {
			title := fmt.Sprint("caffeine ", i)
			if i%7 == 0 {
				title = fmt.Sprint("fentanyl ", i)
			}
			files = append(files, store.File{Name: fmt.Sprintf("%d.jdx", i), Raw: []byte(jcamp(title))})
		}
		if _, err := s.AddToBatch(ctx, b.ID, files...); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// answersOf are the answers of a batch by file, from the database itself.
func answersOf(t *testing.T, dir, db, batch string) (state map[string]int, answers []string) {
	t.Helper()
	st, err := store.OpenDatabase(t.Context(), dir, db)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	ctx := asProgram(t)
	files, err := st.BatchFiles(ctx, batch, store.FilesQuery{Limit: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	state = map[string]int{}
	for _, f := range files {
		state[f.State]++
		if f.State == store.FileDone {
			answers = append(answers, fmt.Sprint(f.Name, " ", f.Scans, " ", f.Verdict))
		}
	}
	n, err := st.Count(ctx)
	if err != nil {
		t.Fatal(err)
	}
	state["scans"] = n
	slices.Sort(answers)
	return state, answers
}

// The program is killed again and again in the middle of a batch, also while it starts: in the end every file that was acknowledged has
// exactly its scans.
func TestABatchIsDoneExactlyOnceThoughTheProgramIsKilledAgainAndAgain(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		const n, lives = 600, 6
		dir := filepath.Join(t.TempDir(), "data")
		var cfg Config
		db(&cfg)
		b := filled(t, n, db, in(dir))
		was := 0
		for life := range lives {
			child := startJobs(t, dir, cfg.Database, "")
			// Killed when it has done some more, at a different moment each time.
			await(t, "some more files are answered", func() bool {
				state, _ := answersOf(t, dir, cfg.Database, b.ID)
				done := state[store.FileDone]
				return done >= min(n, was+10+5*life)
			})
			child.Process.Kill()
			child.Wait()
			state, _ := answersOf(t, dir, cfg.Database, b.ID)
			was = state[store.FileDone]
			t.Logf("life %d: %v", life, state)
			if was == n {
				t.Fatalf("all was done in life %d: the test shows little", life)
			}
		}
		r := start(t, db, in(dir), quickly)
		got := r.ended(b.ID, n)
		if got.Done != n || got.Scans != n || r.rows() != n {
			t.Errorf("%+v, %d scans", got, r.rows())
		}
		if len(r.dead()) != 0 {
			t.Errorf("%+v", r.dead())
		}
		await(t, "the programs that were killed are forgotten", func() bool {
			ws, err := r.store.Workers(t.Context())
			return err == nil && len(ws) == 1
		})
	})
}

func TestWorkersOnOtherMachinesShareABatchAndAnswerAsOneMachineDoes(t *testing.T) {
	const n = 500
	address := storetest.Postgres(t)
	db := func(c *Config) { c.Database = address }
	shared := filled(t, n, db)
	for _, worker := range []string{"same", "same", "other"} {
		startJobs(t, t.TempDir(), address, worker) // ends with the test
	}
	r := start(t, db, func(c *Config) { c.NewIdentifier, c.JobBeat = answering(slow{}), steady })
	got := r.ended(shared.ID, n)
	if got.Done != n || got.Scans != n || r.rows() != n {
		t.Errorf("%+v, %d scans", got, r.rows())
	}
	by := map[string]int{}
	jobs, _, err := r.jobs.List(t.Context(), nil, "batch_chunk", 0, 400)
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range jobs {
		by[j.By]++
		if j.Attempt != 1 {
			t.Errorf("job %d was done %d times", j.ID, j.Attempt)
		}
	}
	workers, err := r.store.Workers(t.Context())
	if err != nil || len(workers) != 4 || len(by) < 2 {
		t.Errorf("%v by %v, %v", workers, by, err)
	}
	for _, w := range workers {
		if w.Queue != r.jobs.AnswersQueue() {
			for who := range by {
				if strings.HasPrefix(w.ID, who+" ") {
					t.Errorf("%s has another library, and took %d jobs", who, by[who])
				}
			}
		}
	}
	t.Logf("done by %v", by)

	dir := filepath.Join(t.TempDir(), "one")
	alone := filled(t, n, in(dir))
	start(t, in(dir), quickly).ended(alone.ID, n)
	_, want := answersOf(t, dir, "", alone.ID)
	if _, have := answersOf(t, r.cfg.DataDir, address, shared.ID); !slices.Equal(have, want) {
		t.Error("the answers are not those of one machine")
	}
}

// A job whose worker was killed is done by another one.
func TestWhatAKilledWorkerLeftIsDoneByTheOthers(t *testing.T) {
	const n = 200
	address := storetest.Postgres(t)
	db := func(c *Config) { c.Database = address }
	b := filled(t, n, db)
	child := startJobs(t, t.TempDir(), address, "same")
	await(t, "it has begun", func() bool {
		state, _ := answersOf(t, t.TempDir(), address, b.ID)
		return state[store.FileDone] > 0
	})
	child.Process.Kill()
	child.Wait()
	if state, _ := answersOf(t, t.TempDir(), address, b.ID); state[store.FileDone] == n {
		t.Fatal("it was done before it was killed: the test shows nothing")
	}
	r := start(t, db, func(c *Config) { c.JobBeat = steady })
	if got := r.ended(b.ID, n); got.Done != n || r.rows() != n {
		t.Errorf("%+v, %d scans", got, r.rows())
	}
}
