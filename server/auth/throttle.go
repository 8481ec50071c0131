package auth

import (
	"sync"
	"time"
)

const (
	// MaxFailures within ThrottleWindow closes log-in for the address, or the account, that they came with.
	MaxFailures    = 5
	ThrottleWindow = time.Minute

	maxThrottled = 10_000 // keys remembered at once; beyond it the stalest are forgotten
)

// throttle remembers recent failures per key.
type throttle struct {
	clock    func() time.Time
	mu       sync.Mutex
	failures map[string][]time.Time
}

func newThrottle(clock func() time.Time) *throttle {
	return &throttle{clock: clock, failures: map[string][]time.Time{}}
}

// check returns ErrThrottled when any key has failed MaxFailures times within the window.
func (t *throttle) check(keys ...string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range keys {
		if len(t.recent(k)) >= MaxFailures {
			return ErrThrottled
		}
	}
	return nil
}

func (t *throttle) failed(keys ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock()
	for _, k := range keys {
		t.failures[k] = append(t.recent(k), now)
	}
	if len(t.failures) > maxThrottled {
		t.forget(now)
	}
}

// recent drops what lies outside the window and returns the rest.
func (t *throttle) recent(key string) []time.Time {
	all := t.failures[key]
	start := t.clock().Add(-ThrottleWindow)
	for len(all) > 0 && !all[0].After(start) {
		all = all[1:]
	}
	if len(all) == 0 {
		delete(t.failures, key)
		return nil
	}
	t.failures[key] = all
	return all
}

// forget drops expired keys, then any, until half the room is free.
func (t *throttle) forget(now time.Time) {
	for k := range t.failures {
		t.recent(k)
	}
	for k := range t.failures {
		if len(t.failures) <= maxThrottled/2 {
			return
		}
		delete(t.failures, k)
	}
}
