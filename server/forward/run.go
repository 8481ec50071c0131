package forward

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"
)

// Run sends whatever comes to wait until ctx ends. stored returns a channel that is closed when the next scan is stored.
func (s *Sender) Run(ctx context.Context, stored func() <-chan struct{}) {
	failures := 0
	for ctx.Err() == nil {
		woken := stored() // before looking, so that nothing falls between
		r, err := s.Flush(ctx, nil)
		if r.Sent+r.Parked > 0 {
			failures = 0 // the server answers: what failed now is a new matter
		}
		var asked later
		var refused denied
		switch {
		case err == nil:
			failures = 0
			s.cfg.Wait(ctx, Poll, woken)
		case errors.As(err, &refused):
			s.cfg.Log.Error("sending has stopped until there is another access token", slog.Any("error", err))
			s.untilOtherToken(ctx, refused.token)
		case ctx.Err() == nil:
			if failures++; failures == 1 {
				s.cfg.Log.Warn("scans cannot be sent and wait; trying again", slog.Any("error", err))
			}
			errors.As(err, &asked)
			s.cfg.Wait(ctx, max(asked.wait, s.backoff(failures)), nil)
		}
	}
}

// backoff is how long to wait after so many failures in a row (1 and up).
func (s *Sender) backoff(failures int) time.Duration {
	d := MinBackoff << min(failures-1, 16)
	d = min(d, MaxBackoff)
	return d/2 + time.Duration(s.cfg.Jitter()*float64(d/2))
}

// untilOtherToken waits until the token is another one. Calling with one that was refused would only look like guessing.
func (s *Sender) untilOtherToken(ctx context.Context, refused string) {
	for ctx.Err() == nil {
		s.cfg.Wait(ctx, Poll, nil)
		if token, err := s.cfg.Token(); err == nil && token != refused {
			return
		}
	}
}

func wait(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-wake: // nil waits forever
	case <-ctx.Done():
	}
}

func jitter() float64 { return rand.Float64() }
