package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
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

// looking is one look-back that runs or waits.
type looking struct {
	id     string
	cancel context.CancelFunc
	ctx    context.Context
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

// startLookingBack goes on with look-backs that were cut off and keeps the archive up to date.
func (s *Server) startLookingBack(ctx context.Context) {
	ctx = store.ByProgram(ctx, "look-back")
	unfinished, err := s.store.Unfinished(ctx)
	if err != nil {
		s.cfg.Logger.ErrorContext(ctx, "look-backs that were cut off are not gone on with", slog.Any("error", err))
	}
	for _, r := range unfinished {
		s.lookLater(r)
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
		s.lookLater(r)
		s.announce()
		out = append(out, r)
	}
	return out, nil
}

// lookLater puts a look-back behind those that wait, unless it is among them.
func (s *Server) lookLater(r store.Rescreen) {
	s.looks.Lock()
	defer s.looks.Unlock()
	before := s.looks.of[r.ID]
	if before != nil && before.ctx.Err() == nil || s.background.Err() != nil {
		return // the next start goes on with it
	}
	ctx, cancel := context.WithCancel(s.background)
	run := &looking{id: r.ID, ctx: ctx, cancel: cancel, done: make(chan struct{})}
	s.looks.of[r.ID] = run
	s.works.Go(func() {
		if before != nil {
			<-before.done // it was cancelled and is about to end
		}
		s.takeTurn(run)
	})
}

// takeTurn waits until no other look-back runs, or run is cancelled, and then runs it.
func (s *Server) takeTurn(run *looking) {
	select {
	case s.looks.turn <- struct{}{}:
		defer func() { <-s.looks.turn }()
	case <-run.ctx.Done():
	}
	s.look(run)
	s.looks.Lock()
	if s.looks.of[run.id] == run {
		delete(s.looks.of, run.id)
	}
	s.looks.Unlock()
	run.cancel()
	close(run.done)
}

// look is one look-back, with the library as it is when its turn comes. It was cut off when the server ends: the next start goes on.
func (s *Server) look(run *looking) {
	defer s.announce()
	r, err := s.store.Rescreen(s.background, run.id)
	if err == nil && r.State == store.RescreenRunning { // else it was cancelled while it waited
		k := s.know()
		r, err = s.looker.Rescreen(run.ctx, k.lib, k.id, r, func(int, int) { s.announce() })
	}
	switch {
	case run.ctx.Err() != nil:
	case err != nil:
		s.cfg.Logger.Error("a look-back is cut off; the next start goes on with it", slog.String("id", run.id), slog.Any("error", err))
	case r.State == store.RescreenFailed:
		s.cfg.Logger.Error("a look-back failed", slog.String("reference", r.ReferenceID), slog.String("error", r.Error))
	}
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
		return nil // whoever runs it sees that soon
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

// Similar are up to limit stored scans that agree with a stored scan by a correlation of at least least.
func (s *Server) Similar(ctx context.Context, id string, least float64, limit int) ([]lookback.Similar, error) {
	sp, err := s.store.Spectrum(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.looker.Like(ctx, id, sp, least, limit)
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
