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
	"github.com/riverqueue/river/rivertype"

	"fentrace/server/store"
)

// States are those of jobs. What is discarded was given up: it has failed as often as it may.
var States = []string{"available", "running", "retryable", "scheduled", "pending", "completed", "cancelled", "discarded"}

// Job is one job for people and programs.
type Job struct {
	ID        int64           `json:"id"`
	Kind      string          `json:"kind"`
	Title     string          `json:"title" doc:"what it does"`
	State     string          `json:"state" enum:"available,running,retryable,scheduled,pending,completed,cancelled,discarded" doc:"discarded: given up, see error"`
	About     json.RawMessage `json:"about" doc:"ids of what it works on"`
	Attempt   int             `json:"attempt" doc:"how often it was tried"`
	Attempts  int             `json:"max_attempts"`
	Created   time.Time       `json:"created"`
	Scheduled time.Time       `json:"scheduled" doc:"not before that"`
	Tried     *time.Time      `json:"tried" doc:"last"`
	Ended     *time.Time      `json:"ended"`
	By        string          `json:"by" doc:"the program that tried it last: host and process"`
	Error     string          `json:"error" doc:"of the last try that failed"`
	Errors    []JobError      `json:"errors" doc:"of all of them"`
}

// JobError is why one try failed.
type JobError struct {
	At      time.Time `json:"at"`
	Attempt int       `json:"attempt"`
	Error   string    `json:"error"`
}

// errorShown is how much of an error is told, in bytes: the rest is the stack of a panic, which the log has.
const errorShown = 2000

func describe(j *rivertype.JobRow) Job {
	out := Job{ID: j.ID, Kind: j.Kind, Title: j.Kind, State: string(j.State), About: j.EncodedArgs, Attempt: j.Attempt, Attempts: j.MaxAttempts,
		Created: j.CreatedAt, Scheduled: j.ScheduledAt, Tried: j.AttemptedAt, Ended: j.FinalizedAt, Errors: []JobError{}}
	if i := slices.IndexFunc(Kinds, func(k Kind) bool { return k.Name() == j.Kind }); i >= 0 {
		out.Title = Kinds[i].Title()
	}
	if n := len(j.AttemptedBy); n > 0 {
		out.By = j.AttemptedBy[n-1]
		if i := strings.LastIndexByte(out.By, ' '); i > 0 {
			out.By = out.By[:i]
		}
	}
	for _, e := range j.Errors {
		text, _, _ := strings.Cut(e.Error, "\ngoroutine ")
		out.Error = strings.ToValidUTF8(text[:min(len(text), errorShown)], "")
		out.Errors = append(out.Errors, JobError{e.At, e.Attempt, out.Error})
	}
	return out
}

// List are up to limit jobs in one of states, and of kind unless it is empty, newest first, those with an id below before (0: all), and
// the id to go on before; 0 on the last page.
func (r *Runner) List(ctx context.Context, states []string, kind string, before int64, limit int) (out []Job, next int64, err error) {
	p := river.NewJobListParams().First(limit+1).OrderBy(river.JobListOrderByID, river.SortOrderDesc)
	var of []rivertype.JobState
	for _, s := range states {
		of = append(of, rivertype.JobState(s))
	}
	if len(of) == 0 {
		of = rivertype.JobStates()
	}
	p = p.States(of...)
	if kind != "" {
		p = p.Kinds(kind)
	}
	if before > 0 {
		p = p.Where("id < @before", river.NamedArgs{"before": before})
	}
	found, err := r.client.JobList(ctx, p)
	if err != nil {
		return nil, 0, fmt.Errorf("list jobs: %w", err)
	}
	out = []Job{}
	for i, j := range found.Jobs {
		if i == limit {
			next = out[limit-1].ID
			break
		}
		out = append(out, describe(j))
	}
	return out, next, nil
}

// LookBacks are the ids of the look-backs that jobs which are not ended go on with.
func (r *Runner) LookBacks(ctx context.Context) ([]string, error) {
	open := []rivertype.JobState{rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateScheduled}
	found, err := r.client.JobList(ctx, river.NewJobListParams().Kinds(store.LookBackJob{}.Kind()).States(open...).First(runningListed))
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", err)
	}
	var out []string
	for _, j := range found.Jobs {
		var args store.LookBackJob
		if err := json.Unmarshal(j.EncodedArgs, &args); err != nil {
			return nil, fmt.Errorf("job %d: %w", j.ID, err)
		}
		out = append(out, args.Rescreen)
	}
	return out, nil
}

// Job returns one; the error wraps store.ErrNotFound.
func (r *Runner) Job(ctx context.Context, id int64) (Job, error) {
	j, err := r.client.JobGet(ctx, id)
	if err != nil {
		return Job{}, named(id, err)
	}
	return describe(j), nil
}

// Retry lets a job be taken again now, also one that was given up or cancelled. Errors wrap store.ErrNotFound, or store.ErrNotNow when it
// runs or is done.
func (r *Runner) Retry(ctx context.Context, id int64) (Job, error) {
	j, err := r.client.JobGet(ctx, id)
	if err != nil {
		return Job{}, named(id, err)
	}
	if j.State == rivertype.JobStateRunning || j.State == rivertype.JobStateCompleted {
		return Job{}, fmt.Errorf("try job %d again, which is %s: %w", id, j.State, store.ErrNotNow)
	}
	if j, err = r.client.JobRetry(ctx, id); err != nil {
		return Job{}, named(id, err)
	}
	return describe(j), nil
}

// Discard takes a job away that has ended or waits; what it has stored is kept. Errors wrap store.ErrNotFound, or store.ErrNotNow when it
// runs: Cancel ends it.
func (r *Runner) Discard(ctx context.Context, id int64) error {
	_, err := r.client.JobDelete(ctx, id)
	if errors.Is(err, rivertype.ErrJobRunning) {
		return fmt.Errorf("take away job %d, which is running; cancel it first: %w", id, store.ErrNotNow)
	}
	return named(id, err)
}

// Cancel ends a job; one that runs ends soon, wherever it does. The error wraps store.ErrNotFound.
func (r *Runner) Cancel(ctx context.Context, id int64) (Job, error) {
	j, err := r.client.JobCancel(ctx, id)
	if err != nil {
		return Job{}, named(id, err)
	}
	return describe(j), nil
}

func named(id int64, err error) error {
	if errors.Is(err, rivertype.ErrNotFound) {
		return fmt.Errorf("job %d: %w", id, store.ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("job %d: %w", id, err)
	}
	return nil
}

// quieter is a log for River: what it tells is of use to who runs the server only from a warning on, and its jobs say themselves what
// went wrong.
func quieter(log *slog.Logger) *slog.Logger { return slog.New(atLeast{log.Handler()}) }

type atLeast struct{ slog.Handler }

// Enabled implements slog.Handler.
func (h atLeast) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && h.Handler.Enabled(ctx, l)
}

// WithAttrs implements slog.Handler.
func (h atLeast) WithAttrs(a []slog.Attr) slog.Handler { return atLeast{h.Handler.WithAttrs(a)} }

// WithGroup implements slog.Handler.
func (h atLeast) WithGroup(name string) slog.Handler { return atLeast{h.Handler.WithGroup(name)} }
