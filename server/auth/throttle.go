package auth

import (
	"strings"
	"sync"
	"time"
)

const (
	// MaxFailures within ThrottleWindow closes log-in for the address that they came with; as many within AccountWindow, and none that
	// succeeded in between, close log-in by password for the account, until they are so long ago. (CJIS Security Policy, AC-7.)
	MaxFailures    = 5
	ThrottleWindow = time.Minute
	AccountWindow  = 15 * time.Minute

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

// account is the key of an account.
func account(user string) string { return accountKey + user }

const accountKey = "user "

// succeeded forgets failures.
func (t *throttle) succeeded(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.failures, key)
}

// recent drops what lies outside the window and returns the rest. What lies ahead, because the clock went back, counts as of now: else
// a door would stay closed for as long as the clock went back.
func (t *throttle) recent(key string) []time.Time {
	all := t.failures[key]
	window := ThrottleWindow
	if strings.HasPrefix(key, accountKey) {
		window = AccountWindow
	}
	now := t.clock()
	start := now.Add(-window)
	for i, at := range all {
		if at.After(now) {
			all[i] = now
		}
	}
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

// forgetAll opens every door again.
func (t *throttle) forgetAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.failures)
}
