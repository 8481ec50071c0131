package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"fentrace/server/api"
	"fentrace/server/jobs"
	"fentrace/server/store"
	"fentrace/server/tlp"
)

const (
	// gatherWait is how long the files of a batch wait for others to be answered together with.
	gatherWait = 500 * time.Millisecond
	// filesAtOnce is how many files of a chunk are under way at a time: more than there are cores, so that they share commits.
	filesAtOnce = 16
	// fileTime is how long one file of a batch may take.
	fileTime = time.Minute
)

// NewBatch begins a batch on behalf of whoever asks; without a level it is marked as uploads are that do not say.
func (s *Server) NewBatch(ctx context.Context, name string, f store.Fields, level tlp.Level) (store.Batch, error) {
	if level == "" {
		level = s.cfg.UploadTLP
	}
	defer s.announce()
	return s.store.NewBatch(ctx, name, f, level, s.cfg.Clock())
}

// AddToBatch stores files in a batch, and jobs that answer them. When it returns, all of that is on the disk. added is how many were not
// there yet. Errors: those of store.AddToBatch.
func (s *Server) AddToBatch(ctx context.Context, id string, files ...store.File) (added int, err error) {
	added, err = s.store.AddToBatch(ctx, id, s.jobs.ServerQueue(), s.jobs.AnswersQueue(), files, s.cfg.Clock())
	if added > 0 {
		s.announce()
	}
	return added, err
}

// CancelBatch ends a batch. Errors: store.ErrNotFound, store.ErrNotNow.
func (s *Server) CancelBatch(ctx context.Context, id string) error {
	defer s.announce()
	return s.store.CancelBatch(ctx, id, s.cfg.Clock())
}

// RetryBatch lets the files of a batch that failed or were cancelled wait again. The error wraps store.ErrNotFound.
func (s *Server) RetryBatch(ctx context.Context, id string) (int, error) {
	defer s.announce()
	return s.store.RetryBatch(ctx, id, s.jobs.AnswersQueue())
}

// Jobs are those of the database.
func (s *Server) Jobs() api.Jobs { return s.jobs }

// Now is the time of this server.
func (s *Server) Now() time.Time { return s.cfg.Clock() }

// gatherJob waits a moment for more files and gives those that have come to jobs.
func (s *Server) gatherJob(ctx context.Context, j store.GatherJob) error {
	wait := time.NewTimer(gatherWait)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return s.store.Gather(ctx, j.Batch, s.jobs.AnswersQueue())
}

// chunkJob answers the files of a part of a batch. Those that fail in a way that is not theirs for certain get jobs of their own; all of
// them do when the job was cut off before, so that one that brings the program down is found.
func (s *Server) chunkJob(ctx context.Context, j store.ChunkJob, again bool) error {
	files, err := s.store.WaitingFiles(ctx, j.Batch, j.Chunk)
	if err != nil || len(files) == 0 {
		return err
	}
	if again {
		numbers := make([]int64, len(files))
		for i, f := range files {
			numbers[i] = f.Seq
		}
		return s.store.Single(ctx, j.Batch, s.jobs.AnswersQueue(), numbers...)
	}
	b, err := s.store.Batch(ctx, j.Batch, s.cfg.Clock())
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var odd []int64
	g, until := errgroup.WithContext(ctx)
	g.SetLimit(filesAtOnce)
	for _, f := range files {
		g.Go(func() error {
			err := s.answerFile(until, b, f.Seq)
			if err == nil || until.Err() != nil || store.Outage(err) {
				return err
			}
			s.cfg.Logger.Warn("a file of a batch is tried again alone", slog.String("batch", b.ID), slog.Int64("file", f.Seq), slog.Any("error", err))
			mu.Lock()
			odd = append(odd, f.Seq)
			mu.Unlock()
			return nil
		})
	}
	err = g.Wait()
	if len(odd) > 0 {
		err = errors.Join(err, s.store.Single(context.WithoutCancel(ctx), j.Batch, s.jobs.AnswersQueue(), odd...))
	}
	return err
}

// fileJob answers one file of a batch. When that fails for the last time, and not because the database does, the file has failed.
func (s *Server) fileJob(ctx context.Context, j store.FileJob, last bool) error {
	b, err := s.store.Batch(ctx, j.Batch, s.cfg.Clock())
	if err != nil {
		return err
	}
	err = s.answerFile(ctx, b, j.File)
	if err == nil || !last || store.Outage(err) || ctx.Err() != nil && s.background.Err() != nil {
		return err
	}
	return errors.Join(err, s.fileGivenUp(context.WithoutCancel(ctx), j, err.Error())) // the file first: it must not wait for ever
}

// fileGivenUp notes why a file of a batch is not answered.
func (s *Server) fileGivenUp(ctx context.Context, j store.FileJob, why string) error {
	defer s.announce()
	return s.store.FailFile(ctx, store.BatchPart(j), firstLine(why), s.cfg.Clock())
}

// answerFile answers one file of a batch on behalf of its submitter. One that cannot be read has failed, which is no error here; one that
// does not wait any more is left alone.
func (s *Server) answerFile(ctx context.Context, b store.Batch, number int64) error {
	f, err := s.store.UnfinishedFile(ctx, b.ID, number)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	part := store.BatchPart{Batch: b.ID, File: f.Seq}
	ctx, cancel := context.WithTimeout(ctx, fileTime)
	defer cancel()
	err = jobs.Bounded(ctx, func(ctx context.Context) error {
		raw, err := s.store.FileBytes(ctx, f.SHA256)
		if err != nil {
			return err
		}
		_, _, err = s.Receive(store.As(ctx, b.Submitter), api.Upload{Name: f.Name, Raw: raw, Fields: b.Fields, Batch: &part})
		return err
	})
	if errors.Is(err, api.ErrUnreadable) && ctx.Err() == nil || errors.Is(err, store.ErrInvalid) || errors.Is(err, store.ErrWithheld) || errors.Is(err, store.ErrErased) {
		defer s.announce()
		return s.store.FailFile(ctx, part, firstLine(err.Error()), s.cfg.Clock())
	}
	if err != nil {
		return fmt.Errorf("answer file %d of its batch: %w", number, err)
	}
	s.announce() // also when its scans were known
	return nil
}

// shownError is how long an error of a file is at most, in bytes.
const shownError = 1000

// firstLine leaves out the stack of a panic, which the log has.
func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return strings.ToValidUTF8(line[:min(len(line), shownError)], "")
}
