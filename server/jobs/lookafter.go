package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	"fentrace/server/store"
)

// runningListed is how many running jobs are looked at.
const runningListed = 1000

// clocksDiffer is how much the clocks of machines may differ without anything being mended.
const clocksDiffer = time.Minute

// cutOff is the error of a job whose program has ended.
const cutOff = "the program that did it ended before it was done"

// lookAfter puts back the jobs of workers that have ended, and those of this program that it is not doing, and sees to it that every job
// that waits is asked of somebody.
func (r *Runner) lookAfter(ctx context.Context) error {
	// Jobs first: whoever has taken one was a worker before.
	running, err := r.client.JobList(ctx, river.NewJobListParams().States(rivertype.JobStateRunning).First(runningListed))
	if err != nil {
		return fmt.Errorf("list running jobs: %w", err)
	}
	workers, err := r.cfg.Store.Workers(ctx)
	if err != nil {
		return err
	}
	alive, ended := r.sight(workers)
	for _, id := range ended {
		r.cfg.Log.WarnContext(ctx, "a worker has ended without a word; its jobs are put back", slog.String("worker", id))
	}
	lost := r.lost(running.Jobs)
	for _, j := range running.Jobs {
		by := ""
		if len(j.AttemptedBy) > 0 {
			by = j.AttemptedBy[len(j.AttemptedBy)-1]
		}
		if slices.ContainsFunc(alive, func(w store.Worker) bool { return w.ID == by }) && !lost[j.ID] {
			continue
		}
		if err := r.putBack(ctx, j); err != nil {
			return fmt.Errorf("put back job %d: %w", j.ID, err)
		}
	}
	for _, id := range ended {
		if err := r.cfg.Store.RemoveWorker(ctx, id); err != nil {
			return err
		}
		delete(r.seen, id)
	}
	if r.cfg.Server {
		return errors.Join(r.adopt(ctx, alive), r.mendTimes(ctx))
	}
	return r.asked(ctx, alive)
}

// lost are those of the running jobs that this program is said to do and has not done for a while: it has, but the database could not
// be told before River gave that up.
func (r *Runner) lost(running []*rivertype.JobRow) map[int64]bool {
	now, noted, out := time.Now(), map[int64]time.Time{}, map[int64]bool{}
	r.hands.Lock()
	defer r.hands.Unlock()
	for _, j := range running {
		if n := len(j.AttemptedBy); n == 0 || j.AttemptedBy[n-1] != r.id || r.hands.full[j.ID] > 0 {
			continue
		}
		since, known := r.ended[j.ID]
		if !known {
			since = now
		}
		noted[j.ID] = since
		out[j.ID] = now.Sub(since) > endBeats*r.cfg.Beat
	}
	r.ended = noted
	return out
}

// mendTimes lets jobs be taken that are noted for later than any wait takes: a clock was ahead then.
func (r *Runner) mendTimes(ctx context.Context) error {
	far := max(longestWait, r.cfg.FirstWait) + clocksDiffer
	off, err := r.cfg.Store.JobTimesOff(ctx, far)
	if err != nil || !off {
		return err
	}
	n, err := r.cfg.Store.MendJobTimes(ctx, far)
	if err == nil {
		r.cfg.Log.WarnContext(ctx, "a clock was far ahead when jobs were noted for later; they are done now", slog.Int("jobs", n))
	}
	return err
}

// sight tells the workers that live from those that have ended: whose beat has not changed for a while, by the clock of this program.
func (r *Runner) sight(workers []store.Worker) (alive []store.Worker, ended []string) {
	now := time.Now()
	for _, w := range workers {
		s, known := r.seen[w.ID]
		if !known || s.beat != w.Beat {
			r.seen[w.ID] = sighting{beat: w.Beat, at: now}
		} else if now.Sub(s.at) > silentBeats*r.cfg.Beat && w.ID != r.id {
			ended = append(ended, w.ID)
			continue
		}
		alive = append(alive, w)
	}
	return alive, ended
}

// putBack lets a job be taken again now, or gives it up when it was tried as often as it may be.
func (r *Runner) putBack(ctx context.Context, j *rivertype.JobRow) error {
	now := time.Now().UTC()
	why, err := json.Marshal(rivertype.AttemptError{At: now, Attempt: max(j.Attempt, 1), Error: cutOff})
	if err != nil {
		return err
	}
	state, finalized := rivertype.JobStateAvailable, (*time.Time)(nil)
	if j.Attempt >= j.MaxAttempts {
		state, finalized = rivertype.JobStateDiscarded, &now
		if err := r.givenUp(ctx, j); err != nil {
			return err
		}
	}
	horizon := now
	if j.AttemptedAt != nil {
		horizon = j.AttemptedAt.Add(time.Millisecond) // not when it was taken again meanwhile
	}
	_, err = r.client.Driver().GetExecutor().JobRescueMany(ctx, &riverdriver.JobRescueManyParams{ID: []int64{j.ID}, Error: [][]byte{why},
		FinalizedAt: []*time.Time{finalized}, ScheduledAt: []time.Time{now}, State: []string{string(state)}, StuckHorizon: horizon})
	return err
}

func (r *Runner) givenUp(ctx context.Context, j *rivertype.JobRow) error {
	switch j.Kind {
	case store.FileJob{}.Kind():
		return tellGivenUp(ctx, j, r.cfg.Handlers.FileGivenUp)
	case store.ExportJob{}.Kind():
		return tellGivenUp(ctx, j, r.cfg.Handlers.ExportGivenUp)
	case store.WebhookJob{}.Kind():
		return tellGivenUp(ctx, j, r.cfg.Handlers.WebhookGivenUp)
	}
	return nil
}

func tellGivenUp[T any](ctx context.Context, j *rivertype.JobRow, tell func(ctx context.Context, args T, why string) error) error {
	if tell == nil {
		return nil
	}
	var args T
	if err := json.Unmarshal(j.EncodedArgs, &args); err != nil {
		return err
	}
	return tell(store.ByProgram(ctx, "job "+j.Kind), args, fmt.Sprintf("%s, %d times", cutOff, j.Attempt))
}

// adopt takes over the jobs that ask for answers which nobody gives any more: a server has learnt meanwhile, or was started with another
// library. They are answered with the library as it is now, as a scan that comes now is.
func (r *Runner) adopt(ctx context.Context, alive []store.Worker) error {
	waiting, err := r.cfg.Store.WaitingQueues(ctx)
	if err != nil {
		return err
	}
	for _, q := range waiting {
		if !strings.HasPrefix(q, answersPrefix) || q == r.queue || slices.ContainsFunc(alive, func(w store.Worker) bool { return w.Queue == q && w.Server }) {
			continue
		}
		n, err := r.cfg.Store.MoveJobs(ctx, q, r.queue)
		if err != nil {
			return err
		}
		r.cfg.Log.WarnContext(ctx, "jobs asked for a library that no server answers with any more; they are done with that of now", slog.Int("jobs", n))
	}
	return nil
}

// asked says, once, when no server asks for the answers of this worker.
func (r *Runner) asked(ctx context.Context, alive []store.Worker) error {
	var wanted []string
	for _, w := range alive {
		if !w.Server {
			continue
		}
		if w.Queue == r.queue {
			r.unasked = ""
			return nil
		}
		wanted = append(wanted, fmt.Sprintf("%s by %s", w.Library, w.Algorithm))
	}
	if r.cfg.Refresh != nil && len(wanted) > 0 {
		if err := r.cfg.Refresh(ctx); err != nil {
			return err
		}
	}
	a := r.cfg.Answers()
	if a.Queue() != r.queue || r.unasked == a.Queue() || len(wanted) == 0 {
		return nil
	}
	r.unasked = a.Queue()
	r.cfg.Log.WarnContext(ctx, "no server asks for the answers of this worker: it takes no jobs. Start it with the same library and version as the server",
		slog.String("library", a.Library), slog.String("algorithm", a.Algorithm), slog.Any("asked for", wanted))
	return nil
}
