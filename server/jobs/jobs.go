// Package jobs runs what is to be done later or elsewhere: durable jobs in the database that holds the data (River), taken by servers and
// by workers on other machines. A job is there if and only if the data it works on is. It is done at least once, and what it stores makes
// no difference the second time.
package jobs

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"

	"fentrace/server/store"
)

const (
	// serverQueue is of jobs that any server does, lookBackQueue of those that need its archive, exportQueue of exports. Workers take none
	// of them.
	serverQueue, lookBackQueue, exportQueue = "server", "look_back", "export"
	// answersPrefix begins the names of the queues of jobs that ask for one library.
	answersPrefix = "answers_"

	// atOnce is how many jobs that answer run at a time; each uses all cores.
	atOnce = 2
	// fetchEvery is how often a queue is looked into at most, while there is much to do.
	fetchEvery = 10 * time.Millisecond
	// silentBeats is for how many beats a worker may be silent before it is taken to have ended.
	silentBeats = 6
	// endBeats is for how many beats a job that has ended here may be noted as running: longer than River tries to note its end.
	endBeats = 30
	// DefaultBeat is how often a worker says that it lives, DefaultFirstWait how long a job waits after it has failed the first time.
	DefaultBeat      = 2 * time.Second
	DefaultFirstWait = 2 * time.Second
	// softStop is how long running jobs may go on when the program ends.
	softStop = 10 * time.Second
	// keepDone is how long jobs that went well, or were cancelled, are listed.
	keepDone = 24 * time.Hour
)

// Answers names all that an answer follows from besides the scan.
type Answers struct{ Library, Algorithm string }

// Queue is that of the jobs that ask for these answers.
func (a Answers) Queue() string {
	sum := sha256.Sum256([]byte(a.Library + "\n" + a.Algorithm))
	return answersPrefix + hex.EncodeToString(sum[:8])
}

// Config says how jobs are run. FirstWait and Beat default to the constants.
type Config struct {
	Store    *store.Store
	Handlers Handlers
	// Answers are those that this program gives now.
	Answers func() Answers
	// Refresh is called by a worker whose answers no server asks for; it may change what Answers returns. Nil: nothing can.
	Refresh func(context.Context) error
	// Server does all jobs; else only those that answer.
	Server bool
	// Changed is called when a job was taken or has ended.
	Changed func()
	// Beat is how often this program says that it lives. One that has not for six times that is taken to have ended, and its jobs
	// are put back.
	Beat time.Duration
	// FirstWait is how long a job waits after its first failure; the wait doubles with each.
	FirstWait time.Duration
	// Now tells when this program was started; time.Now when nil. When jobs are due is told by the clock of the database.
	Now func() time.Time
	Log *slog.Logger
}

// Runner takes jobs.
type Runner struct {
	cfg      Config
	client   *river.Client[*sql.Tx]
	id       string
	started  time.Time
	stopping atomic.Bool
	starting sync.Mutex // held while it starts or stops
	running  bool
	queue    string // of answers, as it is served
	beats    int64
	seen     map[string]sighting // of other workers
	unasked  string              // the library that was said to be asked for by nobody
	end      context.CancelFunc
	beating  sync.WaitGroup

	hands struct {
		sync.Mutex
		full map[int64]int // jobs that are done here, by id
	}
	ended map[int64]time.Time // jobs that are noted as done here and are not, and since when that was seen
}

// sighting is what was seen of a worker.
type sighting struct {
	beat int64
	at   time.Time // when it became that, by the clock of this program
}

// New prepares a runner; without Start it can be asked about jobs only.
func New(cfg Config) (*Runner, error) {
	if cfg.Beat <= 0 {
		cfg.Beat = DefaultBeat
	}
	if cfg.FirstWait <= 0 {
		cfg.FirstWait = DefaultFirstWait
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	r := &Runner{cfg: cfg, id: fmt.Sprintf("%.60s %d %s", host, os.Getpid(), uuid.NewString()), seen: map[string]sighting{}, ended: map[int64]time.Time{}}
	r.hands.full = map[int64]int{}
	workers := river.NewWorkers()
	for _, k := range Kinds {
		if err := k.register(workers, r); err != nil {
			return nil, fmt.Errorf("jobs: %w", err)
		}
	}
	r.queue = cfg.Answers().Queue()
	r.client, err = river.NewClient(cfg.Store.JobDriver(), &river.Config{
		ID: r.id, Workers: workers, Queues: r.queues(), Logger: quieter(cfg.Log),
		FetchCooldown: fetchEvery, SoftStopTimeout: softStop,
		// What was given up is kept until somebody has looked at it. Jobs of programs that have ended are put back here, and
		// sooner than River would.
		DiscardedJobRetentionPeriod: -1, CompletedJobRetentionPeriod: keepDone, CancelledJobRetentionPeriod: keepDone,
		RescueStuckJobsAfter: 24 * time.Hour,
	})
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	return r, nil
}

func (r *Runner) queues() map[string]river.QueueConfig {
	out := map[string]river.QueueConfig{r.queue: {MaxWorkers: atOnce}}
	if r.cfg.Server {
		out[serverQueue] = river.QueueConfig{MaxWorkers: 32} // they mostly wait
		out[lookBackQueue] = river.QueueConfig{MaxWorkers: 1}
		out[exportQueue] = river.QueueConfig{MaxWorkers: 1}
		out[store.WebhookQueue] = river.QueueConfig{MaxWorkers: 8} // they mostly wait for others
	}
	return out
}

// AnswersQueue is the queue of jobs that ask for the answers of this program, as it gives them now.
func (r *Runner) AnswersQueue() string { return r.cfg.Answers().Queue() }

// ServerQueue is the queue of jobs that every server does.
func (r *Runner) ServerQueue() string { return serverQueue }

// LookBackQueue is the queue of looks through the past.
func (r *Runner) LookBackQueue() string { return lookBackQueue }

// ExportQueue is the queue of exports.
func (r *Runner) ExportQueue() string { return exportQueue }

// Start begins to take jobs; Stop must be called.
func (r *Runner) Start(ctx context.Context) error {
	r.starting.Lock()
	defer r.starting.Unlock()
	if r.stopping.Load() {
		return nil // somebody was quicker
	}
	ctx, r.end = context.WithCancel(context.WithoutCancel(ctx))
	r.started = r.cfg.Now()
	if err := r.beat(ctx); err != nil { // first: jobs of programs that are not known are put back
		return fmt.Errorf("take jobs: %w", err)
	}
	if r.cfg.Changed != nil {
		events, unsubscribe := r.client.Subscribe(river.EventKindJobCompleted, river.EventKindJobFailed, river.EventKindJobCancelled, river.EventKindJobSnoozed)
		r.beating.Go(func() {
			defer unsubscribe()
			for {
				select {
				case <-ctx.Done():
					return
				case _, ok := <-events:
					if !ok {
						return
					}
					r.cfg.Changed()
				}
			}
		})
	}
	if err := r.client.Start(ctx); err != nil {
		return fmt.Errorf("take jobs: %w", err)
	}
	r.running = true
	r.beating.Go(func() { r.live(ctx) })
	return nil
}

// Ending says that the program is about to end: what is cut off from now on is put back.
func (r *Runner) Ending() { r.stopping.Store(true) }

// Stop takes no more jobs, lets those that run finish for a while, puts back those that do not, and says that this program has ended.
func (r *Runner) Stop(ctx context.Context) error {
	r.stopping.Store(true)
	r.starting.Lock()
	defer r.starting.Unlock()
	if r.end == nil {
		return nil
	}
	var err error
	if r.running {
		if err = r.client.Stop(ctx); err != nil {
			err = fmt.Errorf("jobs were still running: %w", err)
		}
	}
	r.end()
	r.beating.Wait()
	if err != nil {
		return err // those that run are put back once this program has been silent for a while
	}
	if err := r.cfg.Store.RemoveWorker(ctx, r.id); err != nil { // the others find out
		r.cfg.Log.WarnContext(ctx, "the database does not know that this program has ended in order", slog.Any("error", err))
	}
	return nil
}

// live says that this program lives until ctx ends, and looks after what others have left.
func (r *Runner) live(ctx context.Context) {
	tick := time.NewTicker(r.cfg.Beat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := r.beat(ctx)
		if err == nil && !r.stopping.Load() {
			err = errors.Join(r.follow(ctx), r.lookAfter(ctx))
		}
		if err != nil && ctx.Err() == nil {
			r.cfg.Log.WarnContext(ctx, "jobs", slog.Any("error", err))
		}
	}
}

// doing notes that a job is done here until what is returned is called.
func (r *Runner) doing(id int64) (done func()) {
	r.hands.Lock()
	defer r.hands.Unlock()
	r.hands.full[id]++
	return func() {
		r.hands.Lock()
		defer r.hands.Unlock()
		if r.hands.full[id]--; r.hands.full[id] == 0 {
			delete(r.hands.full, id)
		}
	}
}

func (r *Runner) beat(ctx context.Context) error {
	a := r.cfg.Answers()
	r.beats++
	host, _, _ := strings.Cut(r.id, " ")
	return r.cfg.Store.Beat(ctx, store.Worker{ID: r.id, Server: r.cfg.Server, Host: host, Library: a.Library, Algorithm: a.Algorithm,
		Queue: a.Queue(), Started: r.started, Beat: r.beats})
}

// follow serves the queue of the answers that are given now.
func (r *Runner) follow(ctx context.Context) error {
	now := r.cfg.Answers().Queue()
	if now == r.queue {
		return nil
	}
	if err := r.client.Queues().Add(now, river.QueueConfig{MaxWorkers: atOnce}); err != nil {
		var already *river.QueueAlreadyAddedError
		if !errors.As(err, &already) {
			return err
		}
	}
	before := r.queue
	r.queue = now
	// Jobs that run in it go on to their end with what they began with.
	return r.client.Queues().Remove(ctx, before)
}
