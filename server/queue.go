package server

import (
	"context"
	"fmt"

	"fentrace/server/api"
	"fentrace/server/forward"
)

// newSender is nil when scans are sent nowhere.
func (s *Server) newSender() *forward.Sender {
	if s.cfg.Upstream == nil {
		return nil
	}
	cfg := *s.cfg.Upstream
	cfg.Store, cfg.Now, cfg.Log, cfg.Changed = s.store, s.cfg.Clock, s.cfg.Logger, s.announce
	return forward.New(cfg)
}

// startSending sends in the background until the server ends.
func (s *Server) startSending() {
	if s.sender == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.ending: // it ended before it began
		return
	default:
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.sending.Go(func() {
		defer cancel()
		s.sender.Run(ctx, s.Stored)
	})
	s.sending.Go(func() {
		<-s.ending
		cancel()
	})
}

// Queue is what waits to be sent on.
func (s *Server) Queue(ctx context.Context) (api.Queue, error) {
	if !s.OwnMachine(ctx) {
		return api.Queue{}, nil // another agency's is not sent on, nor told where this one's is
	}
	b, err := s.store.Backlog(ctx)
	upstream := ""
	if s.cfg.Upstream != nil {
		upstream = s.cfg.Upstream.Upstream.String()
	}
	return api.NewQueue(upstream, b), err
}

// RetryRefused lets files wait again that the other server refused.
func (s *Server) RetryRefused(ctx context.Context) error {
	_, err := s.store.Unpark(ctx)
	s.announce()
	return err
}

// Send sends what waits until nothing does, the first failure, or the end of ctx, as forward.Sender.Flush says.
func (s *Server) Send(ctx context.Context, progress func(forward.Result)) (forward.Result, error) {
	if s.sender == nil {
		return forward.Result{}, fmt.Errorf("send scans: no other server is set")
	}
	return s.sender.Flush(ctx, progress)
}
