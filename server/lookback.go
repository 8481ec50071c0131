package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"fentrace/library/archive"
	"fentrace/server/lookback"
	"fentrace/server/store"
	"fentrace/spectra/durable"
)

// ArchiveFolder is the name, inside a data folder, of the folder that holds every scan in the form that is searched. It is made
// from the database alone: deleting it loses nothing.
const ArchiveFolder = "archive"

// ArchivePath is where the archive of a database is, given the data folder. Scans go by their numbers in it, which mean
// nothing in another database: each that is not in the folder itself has an archive of its own there.
func ArchivePath(dataDir string, st *store.Store) string {
	if id := st.ID(); id != "" {
		return filepath.Join(dataDir, ArchiveFolder+"-"+id)
	}
	return filepath.Join(dataDir, ArchiveFolder)
}

// looking is one look-back that runs here.
type looking struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// openArchive opens the archive; what cannot be used in it is made again.
func (s *Server) openArchive(ctx context.Context) error {
	if err := s.forgetErased(ctx); err != nil {
		return err
	}
	a, problems, err := archive.Open(ArchivePath(s.cfg.DataDir, s.store), false)
	if err != nil {
		return err
	}
	for _, p := range problems {
		s.cfg.Logger.WarnContext(ctx, "part of the archive is made again", slog.Any("error", p))
	}
	s.looker = &lookback.Looker{Store: s.store, Archive: a, Clock: s.cfg.Clock}
	return nil
}

// forgottenFile is the name, inside the archive, of a file that says up to which erasure the archive has forgotten.
const forgottenFile = "forgotten"

// forgetErased removes the archive when something was erased since that was done last: it is made again without that.
func (s *Server) forgetErased(ctx context.Context) error {
	last, err := s.store.LastErasure(ctx)
	if err != nil || last.IsZero() {
		return err
	}
	dir := ArchivePath(s.cfg.DataDir, s.store)
	path, mark := filepath.Join(dir, forgottenFile), []byte(last.Format(time.RFC3339Nano)+"\n")
	if done, err := os.ReadFile(path); err == nil && bytes.Equal(done, mark) {
		return nil
	}
	err = errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700), durable.WriteAs(path, 0o600, durable.Bytes(mark)))
	if err != nil {
		return fmt.Errorf("take what was erased out of the archive: %w", err)
	}
	return nil
}

// startLookingBack goes on with look-backs that were cut off and belong to no job, and keeps the archive up to date.
func (s *Server) startLookingBack(ctx context.Context) {
	ctx = store.ByProgram(ctx, "look-back")
	if err := s.lookOn(ctx); err != nil {
		s.cfg.Logger.ErrorContext(ctx, "look-backs that were cut off are not gone on with", slog.Any("error", err))
	}
	s.works.Go(func() {
		for s.background.Err() == nil {
			stored := s.Stored() // before filling, so that nothing falls between
			if err := s.looker.Fill(s.background, nil); err != nil && s.background.Err() == nil {
				s.cfg.Logger.Error("the archive is behind; it is tried again with the next scan", slog.Any("error", err))
			}
			select {
			case <-stored:
			case <-s.background.Done():
			}
		}
	})
}

// lookOn gives look-backs to jobs that were begun but are in none: the program ended in between, or was fentrace rescreen.
func (s *Server) lookOn(ctx context.Context) error {
	unfinished, err := s.store.Unfinished(ctx)
	if err != nil {
		return err
	}
	in, err := s.jobs.LookBacks(ctx)
	if err != nil {
		return err
	}
	for _, r := range unfinished {
		if !slices.Contains(in, r.ID) {
			if err := s.lookLater(ctx, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// Rescreen looks through the past with references of the library, one after the other, in the background. by is who asks. Errors
// wrap lookback.ErrNoReference; nothing is begun then.
func (s *Server) Rescreen(ctx context.Context, references []string, by string) ([]store.Rescreen, error) {
	k := s.know()
	for _, id := range references {
		if _, _, err := lookback.Reference(k.lib, id); err != nil {
			return nil, err
		}
	}
	out := []store.Rescreen{}
	for _, id := range references {
		r, err := s.looker.Begin(ctx, k.lib, id, by)
		if err != nil {
			return out, err
		}
		if err := s.lookLater(ctx, r); err != nil {
			return out, err
		}
		s.announce()
		out = append(out, r)
	}
	return out, nil
}

// lookLater puts a look-back behind those that wait.
func (s *Server) lookLater(ctx context.Context, r store.Rescreen) error {
	return s.store.InsertLookBack(context.WithoutCancel(ctx), r.ID, s.jobs.LookBackQueue())
}

// lookBackJob is one look-back, with the library as it is when its turn comes. When it is cut off, the job goes on later.
func (s *Server) lookBackJob(ctx context.Context, j store.LookBackJob) error {
	defer s.announce()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.background, cancel)()
	run := &looking{cancel: cancel, done: make(chan struct{})}
	defer close(run.done)
	s.looks.Lock()
	s.looks.of[j.Rescreen] = run
	s.looks.Unlock()
	defer func() {
		s.looks.Lock()
		defer s.looks.Unlock()
		if s.looks.of[j.Rescreen] == run {
			delete(s.looks.of, j.Rescreen)
		}
	}()
	r, err := s.store.Rescreen(ctx, j.Rescreen)
	if err != nil || r.State != store.RescreenRunning { // cancelled while it waited, or done
		return err
	}
	k := s.know()
	if r, err = s.looker.Rescreen(ctx, k.lib, k.id, r, func(int, int) { s.announce() }); err != nil {
		if now, gone := s.store.Rescreen(context.WithoutCancel(ctx), j.Rescreen); gone == nil && now.State == store.RescreenCancelled {
			return nil
		}
		return fmt.Errorf("look-back %s is cut off and goes on later: %w", j.Rescreen, err)
	}
	if r.State == store.RescreenFailed {
		s.cfg.Logger.Error("a look-back failed", slog.String("reference", r.ReferenceID), slog.String("error", r.Error))
	}
	return nil
}

// CancelRescreen ends a look-back, also one of another program on this database; what it has found is kept, and asking again goes
// on where it stopped. One of this server has ended when it returns. Errors wrap store.ErrNotFound, or store.ErrClosed when it had.
func (s *Server) CancelRescreen(ctx context.Context, id string) error {
	if err := s.store.CancelRescreen(ctx, id); err != nil {
		return err
	}
	defer s.announce()
	s.looks.Lock()
	run := s.looks.of[id]
	s.looks.Unlock()
	if run == nil {
		return nil // whoever runs it sees that soon, and whoever takes its job at once
	}
	run.cancel()
	select {
	case <-run.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ReadAlert notes that by has read an alert; the first one is kept. The error wraps store.ErrNotFound.
func (s *Server) ReadAlert(ctx context.Context, id, by string) error {
	defer s.announce() // one less is unread
	return s.store.ReadAlert(ctx, id, by, s.cfg.Clock())
}

// Similar are up to limit stored scans that agree with a stored scan by a correlation of at least least, after the cursor ("" starts).
func (s *Server) Similar(ctx context.Context, id string, least float64, cursor string, limit int) (found []lookback.Similar, next string, err error) {
	sp, err := s.store.Spectrum(ctx, id)
	if err != nil {
		return nil, "", err
	}
	return s.looker.LikePage(ctx, id, sp, least, cursor, limit)
}

// lookForLearnt looks through the past with the references that laboratory results have taught and that it was not looked
// through with yet, be it because the server ended before it noted that. A failure is logged: the next start makes it good.
func (s *Server) lookForLearnt(ctx context.Context) {
	fresh, err := s.store.NotLookedFor(ctx)
	for _, id := range fresh {
		if _, e := s.Rescreen(ctx, []string{id}, ""); !errors.Is(e, lookback.ErrNoReference) {
			err = errors.Join(err, e)
		} else {
			s.cfg.Logger.WarnContext(ctx, "what was learnt cannot be looked for in the past", slog.Any("error", e))
		}
	}
	if err != nil {
		s.cfg.Logger.ErrorContext(ctx, "the past is not looked through with what was learnt; the next start tries again", slog.Any("error", err))
	}
}
