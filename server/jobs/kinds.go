package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"fentrace/server/store"
)

// Handlers do the work. Each may be called more than once for the same job, also at the same time by programs that do not know of each
// other: what it stores it must store in the place of what is stored already.
type Handlers struct {
	Gather func(context.Context, store.GatherJob) error
	// Chunk: again tells that the job was cut off or failed before.
	Chunk func(ctx context.Context, args store.ChunkJob, again bool) error
	// File: last tells that the job is given up if it fails now.
	File     func(ctx context.Context, args store.FileJob, last bool) error
	LookBack func(context.Context, store.LookBackJob) error
	// Export: last as for File.
	Export func(ctx context.Context, args store.ExportJob, last bool) error
	// ExportGivenUp is what FileGivenUp is, for an ExportJob.
	ExportGivenUp func(ctx context.Context, args store.ExportJob, why string) error
	// Webhook: last as for File.
	Webhook func(ctx context.Context, args store.WebhookJob, last bool) error
	// WebhookGivenUp is what FileGivenUp is, for a WebhookJob.
	WebhookGivenUp func(ctx context.Context, args store.WebhookJob, why string) error
	// FileGivenUp is called before a FileJob is given up that was cut off too often.
	FileGivenUp func(ctx context.Context, args store.FileJob, why string) error
}

// Kind is one sort of job.
type Kind interface {
	Name() string  // as it is stored
	Title() string // for people
	register(*river.Workers, *Runner) error
}

// Kinds are all sorts of jobs.
var Kinds = []Kind{
	kind[store.GatherJob]{"Give files of a batch to jobs", time.Minute, longestWait, func(ctx context.Context, h Handlers, j *river.Job[store.GatherJob]) error {
		return h.Gather(ctx, j.Args)
	}},
	kind[store.ChunkJob]{"Answer files of a batch", 30 * time.Minute, longestWait, func(ctx context.Context, h Handlers, j *river.Job[store.ChunkJob]) error {
		return h.Chunk(ctx, j.Args, j.Attempt > 1)
	}},
	kind[store.FileJob]{"Answer one file of a batch", 5 * time.Minute, longestWait, func(ctx context.Context, h Handlers, j *river.Job[store.FileJob]) error {
		return h.File(ctx, j.Args, j.Attempt >= j.MaxAttempts)
	}},
	kind[store.LookBackJob]{"Look through the past", noLimit, longestWait, func(ctx context.Context, h Handlers, j *river.Job[store.LookBackJob]) error {
		return h.LookBack(ctx, j.Args)
	}},
	kind[store.ExportJob]{"Make an export", time.Hour, longestWait, func(ctx context.Context, h Handlers, j *river.Job[store.ExportJob]) error {
		return h.Export(ctx, j.Args, j.Attempt >= j.MaxAttempts)
	}},
	kind[store.WebhookJob]{"Deliver to a webhook", time.Minute, store.WebhookWait, func(ctx context.Context, h Handlers, j *river.Job[store.WebhookJob]) error {
		return h.Webhook(ctx, j.Args, j.Attempt >= j.MaxAttempts)
	}},
}

// noLimit is the time of a job that takes as long as it takes.
const noLimit time.Duration = -1

// kind is a Kind with arguments of one type.
type kind[T river.JobArgs] struct {
	title   string
	limit   time.Duration
	longest time.Duration // between two tries
	work    func(context.Context, Handlers, *river.Job[T]) error
}

// Name implements Kind.
func (k kind[T]) Name() string {
	var args T
	return args.Kind()
}

// Title implements Kind.
func (k kind[T]) Title() string { return k.title }

func (k kind[T]) register(ws *river.Workers, r *Runner) error {
	return river.AddWorkerSafely(ws, &worker[T]{kind: k, runner: r})
}

// worker is a kind as River takes it.
type worker[T river.JobArgs] struct {
	river.WorkerDefaults[T]
	kind   kind[T]
	runner *Runner
}

// Timeout implements river.Worker.
func (w *worker[T]) Timeout(*river.Job[T]) time.Duration { return w.kind.limit }

// NextRetry implements river.Worker.
func (w *worker[T]) NextRetry(j *river.Job[T]) time.Time {
	return time.Now().Add(wait(w.runner.cfg.FirstWait, w.kind.longest, len(j.Errors)))
}

// longestWait is the longest time between two tries, of jobs that ask nobody outside.
const longestWait = 10 * time.Minute

// wait doubles with each failure there was before.
func wait(first, longest time.Duration, failures int) time.Duration {
	return min(first<<min(failures, 30), max(longest, first))
}

// Work implements river.Worker.
func (w *worker[T]) Work(ctx context.Context, j *river.Job[T]) error {
	defer w.runner.doing(j.ID)()
	err := Bounded(store.ByProgram(ctx, "job "+w.kind.Name()), func(ctx context.Context) error { return w.kind.work(ctx, w.runner.cfg.Handlers, j) })
	switch {
	case err == nil, errors.Is(context.Cause(ctx), rivertype.ErrJobCancelledRemotely):
		return err
	case w.runner.stopping.Load():
		return river.JobSnooze(0) // it is put back and counts as not tried
	case store.Outage(err): // it would not go better with any other job
		w.runner.cfg.Log.WarnContext(ctx, "a job is put back until the database can be used again", slog.Int64("job", j.ID), slog.Any("error", err))
		return river.JobSnooze(w.runner.cfg.FirstWait)
	}
	return err
}

// ErrPanicked and ErrTooLong: what a piece of work ended with.
var (
	ErrPanicked = errors.New("panicked")
	ErrTooLong  = errors.New("took too long")
)

// grace is how long work may take to end when its time is up.
const grace = 5 * time.Second

// Bounded does work until ctx ends, and returns soon after also when work does not: then it goes on by itself, and its end is not waited
// for. A panic is an error that wraps ErrPanicked.
func Bounded(ctx context.Context, work func(context.Context) error) error {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if fell := recover(); fell != nil {
				done <- fmt.Errorf("%w: %v\n%s", ErrPanicked, fell, debug.Stack())
			}
		}()
		done <- work(ctx)
	}()
	select {
	case err := <-done:
		return tooLong(ctx, err)
	case <-ctx.Done():
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case err := <-done:
		return tooLong(ctx, err)
	case <-timer.C:
		return tooLong(ctx, ctx.Err())
	}
}

func tooLong(ctx context.Context, err error) error {
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", ErrTooLong, err)
	}
	return err
}
