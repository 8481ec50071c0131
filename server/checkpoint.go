package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"fentrace/server/audit"
	"fentrace/server/store"
	"fentrace/spectra/durable"
)

const (
	// LogKeyFile is the name, inside a data folder, of the key that signs checkpoints of the log. Whoever has it can sign a log that
	// was made up; a copy of a checkpoint kept elsewhere still shows that. It is no part of backups.
	LogKeyFile = "log.key"

	// checkpointEvery is how often a checkpoint is made, when the log has grown.
	checkpointEvery = 5 * time.Minute

	// refusalsEvery is over what time what was refused is counted into one entry for each address and account.
	refusalsEvery = time.Minute
)

// logKey signs checkpoints.
type logKey struct{ origin, private, public string }

// openLogKey reads the key in a data folder, and makes one where there is none.
func openLogKey(dir string) (logKey, error) {
	path := filepath.Join(dir, LogKeyFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		private, public, err := audit.NewKey("fentrace/" + uuid.NewString())
		if err != nil {
			return logKey{}, fmt.Errorf("make a key for the log: %w", err)
		}
		raw = []byte(private + "\n" + public + "\n")
		if err := durable.WriteAs(path, 0o600, durable.Bytes(raw)); err != nil {
			return logKey{}, fmt.Errorf("keep the key of the log: %w", err)
		}
	} else if err != nil {
		return logKey{}, fmt.Errorf("read the key of the log: %w", err)
	}
	private, public, _ := strings.Cut(strings.TrimSpace(string(raw)), "\n")
	k := logKey{private: private, public: strings.TrimSpace(public)}
	signed, err := audit.Sign(k.private, 0, [32]byte{})
	if err != nil {
		return k, fmt.Errorf("read %s: %w; take it away to have a new one made", path, err)
	}
	c, err := audit.Open(k.public, signed)
	if err != nil {
		return k, fmt.Errorf("read %s: its halves do not belong together: %w; take it away to have a new one made", path, err)
	}
	k.origin = c.Origin
	return k, nil
}

// Checkpoint signs what the log is now, and keeps that.
func (s *Server) Checkpoint(ctx context.Context) (store.StoredCheckpoint, error) {
	if err := s.store.NoteLogKey(store.ByProgram(ctx, "log"), s.logKey.origin, s.logKey.public); err != nil {
		return store.StoredCheckpoint{}, err
	}
	size, root, err := s.store.LogRoot(ctx)
	if err != nil {
		return store.StoredCheckpoint{}, fmt.Errorf("make a checkpoint of the log: %w", err)
	}
	signed, err := audit.Sign(s.logKey.private, size, root)
	if err != nil {
		return store.StoredCheckpoint{}, fmt.Errorf("make a checkpoint of the log: %w", err)
	}
	c := store.StoredCheckpoint{Size: size, Origin: s.logKey.origin, Made: s.cfg.Clock().UTC().Truncate(time.Microsecond), Checkpoint: signed}
	return c, s.store.AddCheckpoint(ctx, c)
}

// LogKey is the public key of the checkpoints.
func (s *Server) LogKey() string { return s.logKey.public }

// startCheckpoints makes a checkpoint from time to time, and one at the end, and notes what was refused.
func (s *Server) startCheckpoints() {
	s.works.Go(func() {
		for {
			select {
			case <-time.After(refusalsEvery):
				s.noteRefusals(s.background)
			case <-s.background.Done():
				return
			}
		}
	})
	s.works.Go(func() {
		for {
			select {
			case <-time.After(checkpointEvery):
				s.checkpointIfGrown(s.background)
			case <-s.background.Done():
				ctx, cancel := context.WithTimeout(context.WithoutCancel(s.background), shutdownTime)
				defer cancel()
				s.noteRefusals(ctx)
				s.checkpointIfGrown(ctx)
				return
			}
		}
	})
}

// noteRefusals notes in the log what was refused since the last time; what cannot be noted is kept for the next.
func (s *Server) noteRefusals(ctx context.Context) {
	rs := s.auth.Refusals()
	if len(rs) == 0 {
		return
	}
	if err := s.store.NoteRefusals(store.ByProgram(ctx, "log-in"), rs); err != nil {
		s.auth.GiveBack(rs)
		if s.background.Err() == nil {
			s.cfg.Logger.Error("what was refused was not noted in the log; it is tried again", slog.Any("error", err))
		}
	}
}

func (s *Server) checkpointIfGrown(ctx context.Context) {
	size, err := s.store.LogSize(ctx)
	if err == nil {
		last, lastErr := s.store.LastCheckpoint(ctx, s.logKey.origin)
		switch {
		case lastErr != nil && !errors.Is(lastErr, store.ErrNotFound):
			err = lastErr
		case size > last.Size:
			_, err = s.Checkpoint(ctx)
		}
	}
	if err != nil && s.background.Err() == nil {
		s.cfg.Logger.Error("no checkpoint of the log was made; it is tried again", slog.Any("error", err))
	}
}
