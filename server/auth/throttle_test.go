package auth

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestThrottle(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	th := newThrottle(func() time.Time { return now })
	for i := range MaxFailures {
		if err := th.check("a"); err != nil {
			t.Fatalf("closed after %d failures: %v", i, err)
		}
		th.failed("a")
		now = now.Add(ThrottleWindow / 10)
	}
	if err := th.check("b", "a"); !errors.Is(err, ErrThrottled) {
		t.Errorf("after %d failures within the window: %v", MaxFailures, err)
	}
	if err := th.check("b"); err != nil {
		t.Errorf("another key: %v", err)
	}
	now = now.Add(ThrottleWindow / 2) // the first of the five is a window old now
	if err := th.check("a"); err != nil {
		t.Errorf("after the window: %v", err)
	}
}

func TestThrottleMemoryIsBounded(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	th := newThrottle(func() time.Time { return now })
	for i := range 3 * maxThrottled {
		th.failed(fmt.Sprint("from ", i))
	}
	if n := len(th.failures); n > maxThrottled {
		t.Errorf("%d keys are remembered, at most %d", n, maxThrottled)
	}
}

func TestPasswordHashesKeepTheirParameters(t *testing.T) {
	s := New(nil, time.Now, 0)
	phc, err := s.newHash(t.Context(), "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	for password, want := range map[string]bool{"correct horse battery": true, "correct horse batter": false, "": false} {
		if ok, err := s.verify(t.Context(), phc, password); err != nil || ok != want {
			t.Errorf("%q: %t, %v", password, ok, err)
		}
	}
	if ok, err := s.verify(t.Context(), decoy, "correct horse battery"); ok || err != nil {
		t.Errorf("the decoy opens: %t, %v", ok, err)
	}
	for _, broken := range []string{"", "plain", "$argon2i$v=19$m=1,t=1,p=1$AA$AA", "$argon2id$v=18$m=1,t=1,p=1$AA$AA", "$argon2id$v=19$m=x$AA$AA"} {
		if ok, err := s.verify(t.Context(), broken, "x"); ok || err == nil {
			t.Errorf("hash %q: %t, %v", broken, ok, err)
		}
	}
}
