package server

import (
	"log/slog"
	"sync"
	"time"

	"fentrace/server/api"
	"fentrace/server/store"
)

// verification is the one that runs, or the last one.
type verification struct {
	mu    sync.Mutex
	state api.VerificationState
}

// Verification is the one that runs, or the last one.
func (s *Server) Verification() api.VerificationState {
	v := &s.verifying
	v.mu.Lock()
	defer v.mu.Unlock()
	state := v.state
	state.Faults = append([]store.Fault{}, v.state.Faults...)
	return state
}

// StartVerification begins to verify everything that is stored, unless that is being done.
func (s *Server) StartVerification() {
	v := &s.verifying
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.state.Running || s.background.Err() != nil {
		return
	}
	now := s.cfg.Clock().UTC()
	v.state = api.VerificationState{Running: true, Began: &now}
	s.works.Go(s.verify)
}

func (s *Server) verify() {
	v := &s.verifying
	keys, err := KnownLogKey(s.cfg.DataDir)
	var result store.Verification
	if err == nil {
		result, err = s.store.Verify(s.background, store.VerifyOptions{Keys: keys,
			Each: func(f store.Fault) {
				v.mu.Lock()
				defer v.mu.Unlock()
				if len(v.state.Faults) < api.MaxFaults {
					v.state.Faults = append(v.state.Faults, f)
				}
			},
			Progress: func(done, total int64) {
				v.mu.Lock()
				defer v.mu.Unlock()
				v.state.Done, v.state.Total = done, total
			}})
	}
	now := s.cfg.Clock().UTC()
	if err == nil {
		err = NoteVerified(s.cfg.DataDir, Verified{At: now.Truncate(time.Second), Verification: result})
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.state.Running, v.state.Ended, v.state.Result = false, &now, &result
	if err != nil {
		v.state.Error = "it could not be done; the log of the server says why"
		s.cfg.Logger.Error("verification failed", slog.Any("error", err))
	}
	if result.Faults > 0 {
		s.cfg.Logger.Error("what is stored is not as it was stored", slog.Int("faults", result.Faults))
	}
}
