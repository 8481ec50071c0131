package server

import (
	"context"
	"log/slog"
	"time"

	"fentrace/library/identify"
	"fentrace/server/jobs"
	"fentrace/server/lookback"
	"fentrace/server/store"
	"fentrace/spectra"
)

// watchEvery is how often it is looked whether another program on the same database has stored something.
const watchEvery = time.Second

func (s *Server) newJobs() (*jobs.Runner, error) {
	return jobs.New(jobs.Config{Store: s.store, Server: !s.cfg.Worker, Answers: s.answers, Changed: s.announce, Now: s.cfg.Clock, Log: s.cfg.Logger,
		Refresh: s.refresh, Beat: s.cfg.JobBeat, FirstWait: s.cfg.JobWait,
		Handlers: jobs.Handlers{Gather: s.gatherJob, Chunk: s.chunkJob, File: s.fileJob, FileGivenUp: s.fileGivenUp, LookBack: s.lookBackJob,
			Export: s.exportJob, ExportGivenUp: s.exportGivenUp, Webhook: s.webhookJob, WebhookGivenUp: s.webhookGivenUp}})
}

// answers names what this server answers with now.
func (s *Server) answers() jobs.Answers {
	lib := s.know().lib
	return jobs.Answers{Library: lib.Version(), Algorithm: identify.Algorithm + " " + lookback.Algorithm(lib, spectra.Raman) + " " + lookback.Algorithm(lib, spectra.IR)}
}

// refresh learns what laboratory results have taught since, as far as this database says.
func (s *Server) refresh(ctx context.Context) error {
	if !s.cfg.Worker {
		return nil
	}
	return s.learnAsWorker(ctx)
}

// startJobs takes jobs from now on, and tells live pages what other programs store.
func (s *Server) startJobs(ctx context.Context) error {
	if err := s.jobs.Start(ctx); err != nil {
		return err
	}
	s.works.Go(func() {
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		last, err := s.store.Changes(s.background)
		for {
			select {
			case <-tick.C:
			case <-s.background.Done():
				return
			}
			now, failed := s.store.Changes(s.background)
			if failed != nil {
				err = failed // readiness tells; when the database is back everyone is told
				continue
			}
			if now != last || err != nil {
				last, err = now, nil
				s.announce()
			}
		}
	})
	return nil
}

// Work takes jobs that ask for the answers of this program until ctx ends, and closes everything then. Nothing is listened on.
func (s *Server) Work(ctx context.Context) error {
	if err := s.learnAsWorker(ctx); err != nil {
		s.cfg.Logger.ErrorContext(ctx, "learning from laboratory results failed; it is tried again", slog.Any("error", err))
	}
	err := s.jobs.Start(ctx)
	if err == nil {
		<-ctx.Done()
	}
	if closed := s.Close(); err == nil {
		err = closed
	}
	return err
}

// learnAsWorker brings the learned library in line with the database, and leaves noting and comparing to servers.
func (s *Server) learnAsWorker(ctx context.Context) error {
	ctx = store.ByProgram(context.WithoutCancel(ctx), "learning")
	s.learning.Lock()
	defer s.learning.Unlock()
	changed, err := s.syncLearned(ctx)
	if err == nil && changed {
		err = s.load(ctx)
	}
	return err
}
