package server

import (
	"net/http"
	"testing"
	"time"

	"fentrace/server/auth"
)

func TestATokenIsForWhatItWasMadeFor(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		sc := r.scan(r.do("POST", "/v1/scans", jcamp("caffeine")).want(t, http.StatusCreated))
		requests := []struct {
			method, path string
			body         any
			with         map[string]int // status by scope
		}{
			{"GET", "/v1/me", nil, map[string]int{auth.ScopeAll: 200, auth.ScopeRead: 200, auth.ScopeUpload: 200}},
			{"GET", "/v1/scans", nil, map[string]int{auth.ScopeAll: 200, auth.ScopeRead: 200, auth.ScopeUpload: 403}},
			{"GET", "/v1/scans/" + sc.ID, nil, map[string]int{auth.ScopeAll: 200, auth.ScopeRead: 200, auth.ScopeUpload: 403}},
			{"GET", "/v1/tokens", nil, map[string]int{auth.ScopeAll: 200, auth.ScopeRead: 200, auth.ScopeUpload: 403}},
			{"POST", "/v1/scans", jcamp("caffeine"), map[string]int{auth.ScopeAll: 200, auth.ScopeRead: 403, auth.ScopeUpload: 200}},
			{"POST", "/v1/tokens", map[string]any{"name": "more"}, map[string]int{auth.ScopeAll: 201, auth.ScopeRead: 403, auth.ScopeUpload: 403}},
			{"PUT", "/v1/me/password", map[string]any{"password": "much longer than needed"}, map[string]int{auth.ScopeAll: 204, auth.ScopeRead: 403, auth.ScopeUpload: 403}},
			{"GET", "/", nil, map[string]int{auth.ScopeAll: 200, auth.ScopeRead: 200, auth.ScopeUpload: 403}},
		}
		for _, scope := range auth.Scopes {
			var made struct{ ID, Token, Scope string }
			r.do("POST", "/v1/tokens", map[string]any{"name": scope, "scope": scope}).want(t, http.StatusCreated).into(t, &made)
			if made.Scope != scope {
				t.Errorf("a token for %s is for %s", scope, made.Scope)
			}
			for _, q := range requests {
				if a := r.do(q.method, q.path, q.body, "Authorization", "Bearer "+made.Token); a.StatusCode != q.with[scope] {
					t.Errorf("%s %s with a token for %s: %d %s, want %d", q.method, q.path, scope, a.StatusCode, a.body, q.with[scope])
				}
			}
		}
		r.do("POST", "/v1/tokens", map[string]any{"name": "x", "scope": "everything"}).want(t, http.StatusUnprocessableEntity)
	})
}

func TestATokenExpires(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		var made struct {
			Token   string
			Expires time.Time
		}
		r.do("POST", "/v1/tokens", map[string]any{"name": "short", "days": 2}).want(t, http.StatusCreated).into(t, &made)
		if want := r.clock.now().Add(48 * time.Hour); !made.Expires.Equal(want) {
			t.Errorf("it expires at %v, want %v", made.Expires, want)
		}
		ask := func() int { return r.do("GET", "/v1/me", nil, "Authorization", "Bearer "+made.Token).StatusCode }
		r.clock.advance(47 * time.Hour)
		if status := ask(); status != http.StatusOK {
			t.Errorf("before it expires: %d", status)
		}
		r.clock.advance(2 * time.Hour)
		if status := ask(); status != http.StatusUnauthorized {
			t.Errorf("after it has expired: %d", status)
		}
		for _, days := range []int{0, -1, 3651} {
			r.do("POST", "/v1/tokens", map[string]any{"name": "x", "days": days}).want(t, http.StatusUnprocessableEntity)
		}
		if _, _, err := r.auth.NewToken(asProgram(t), DefaultUser, "x", auth.ScopeAll, -time.Hour); err == nil {
			t.Error("a token that has expired before it is made")
		}
	})
}

func TestABrowserThatDoesNothingHasToLogInAgain(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db, func(c *Config) { c.SessionIdle = 30 * time.Minute })
		cookie := r.session()
		for range 4 { // whoever works stays
			r.clock.advance(29 * time.Minute)
			r.browser(cookie, "GET", "/v1/me", "").want(t, http.StatusOK)
		}
		r.clock.advance(32 * time.Minute) // it is known to a minute
		r.browser(cookie, "GET", "/v1/me", "").want(t, http.StatusUnauthorized)
		if a := r.do("GET", "/v1/me", nil); a.StatusCode != http.StatusOK {
			t.Errorf("an access token that was not used for long: %d", a.StatusCode)
		}
	})
}

func TestWhoIsNotLoggedInIsSlowedDownAndNobodyElse(t *testing.T) {
	r := start(t)
	last := 0
	for range auth.StrangerBurst + 100 {
		if last = r.send("GET", "/v1/scans", nil, nil).StatusCode; last == http.StatusTooManyRequests {
			break
		}
	}
	if last != http.StatusTooManyRequests {
		t.Fatalf("the last of many requests without log-in: %d", last)
	}
	a := r.send("GET", "/healthz", nil, nil).want(t, http.StatusTooManyRequests)
	if a.Header.Get("Retry-After") == "" {
		t.Error("it does not say when to come again")
	}
	for range 50 {
		r.do("GET", "/v1/me", nil).want(t, http.StatusOK)
	}
}
