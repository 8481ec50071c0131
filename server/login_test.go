package server

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"fentrace/server/auth"
)

// session logs in with a fresh code and returns the cookie.
func (r *running) session() *http.Cookie {
	r.t.Helper()
	return r.codeLogin(r.code()).want(r.t, http.StatusNoContent).Cookies()[0]
}

func (r *running) code() string {
	r.t.Helper()
	code, err := r.NewLoginCode(asProgram(r.t), "")
	if err != nil {
		r.t.Fatal(err)
	}
	return code
}

func (r *running) login(body any) answer {
	r.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.send("POST", "/v1/login", strings.NewReader(string(b)), map[string]string{"Content-Type": "application/json"})
}

func (r *running) codeLogin(code string) answer {
	r.t.Helper()
	return r.login(map[string]string{"code": code})
}

// browser sends as a page of ours would.
func (r *running) browser(c *http.Cookie, method, path, body string) answer {
	r.t.Helper()
	h := map[string]string{"Cookie": c.Name + "=" + c.Value, "Sec-Fetch-Site": "same-origin"}
	if body != "" {
		h["Content-Type"] = "application/json"
	}
	return r.send(method, path, strings.NewReader(body), h)
}

func TestALoginLinkOpensOnce(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		link, err := r.LoginLink(asProgram(t), "")
		if err != nil {
			t.Fatal(err)
		}
		before, code, ok := strings.Cut(link, "/login#code=")
		if !ok || before != r.URL() {
			t.Fatalf("link %q", link)
		}
		cookie := r.codeLogin(code).want(t, http.StatusNoContent).Cookies()[0]
		if cookie.Name != auth.CookieName || !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Secure || cookie.MaxAge != 12*3600 {
			t.Errorf("cookie %v", cookie)
		}
		r.browser(cookie, "GET", "/v1/me", "").want(t, http.StatusOK).mentions(t, `"user":"operator"`)
		r.codeLogin(code).want(t, http.StatusUnauthorized)
	})
}

func TestALoginCodeAndASessionExpire(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		code := r.code()
		r.clock.advance(auth.CodeLife)
		r.codeLogin(code).want(t, http.StatusUnauthorized)

		cookie := r.session()
		r.clock.advance(auth.SessionLife - time.Second)
		r.browser(cookie, "GET", "/v1/me", "").want(t, http.StatusOK)
		r.clock.advance(time.Second)
		r.browser(cookie, "GET", "/v1/me", "").want(t, http.StatusUnauthorized)
	})
}

func TestFiveFailuresAMinuteCloseTheDoorForAMinute(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		good := r.code()
		for range auth.MaxFailures {
			r.codeLogin("WRONG").want(t, http.StatusUnauthorized)
		}
		if a := r.codeLogin(good).want(t, http.StatusTooManyRequests); a.Header.Get("Retry-After") != "60" {
			t.Errorf("Retry-After %q", a.Header.Get("Retry-After"))
		}
		r.clock.advance(auth.ThrottleWindow)
		r.codeLogin(good).want(t, http.StatusNoContent)
	})
}

func TestPasswordLogin(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		mine, other := r.session(), r.session()
		r.browser(mine, "PUT", "/v1/me/password", `{"password":"short"}`).want(t, http.StatusUnprocessableEntity).mentions(t, "12")
		r.login(map[string]string{"user": "operator", "password": ""}).want(t, http.StatusUnprocessableEntity)
		r.login(map[string]string{"user": "operator", "password": "correct horse battery"}).want(t, http.StatusUnauthorized)

		r.browser(mine, "PUT", "/v1/me/password", `{"password":"correct horse battery"}`).want(t, http.StatusNoContent)
		r.browser(mine, "GET", "/v1/me", "").want(t, http.StatusOK)
		r.browser(other, "GET", "/v1/me", "").want(t, http.StatusUnauthorized)
		r.login(map[string]string{"user": "operator", "password": "correct horse battery"}).want(t, http.StatusNoContent)
		r.login(map[string]string{"user": "operator", "password": "correct horse batterz"}).want(t, http.StatusUnauthorized)
		r.login(map[string]string{"user": "nobody", "password": "correct horse battery"}).want(t, http.StatusUnauthorized)
	})
}

func TestSecretsAreNotStored(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		cookie := r.session()
		r.browser(cookie, "PUT", "/v1/me/password", `{"password":"correct horse battery"}`).want(t, http.StatusNoContent)
		u, err := r.store.User(asProgram(t), DefaultUser)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(u.PasswordHash, "$argon2id$v=19$") || strings.Contains(u.PasswordHash, "horse") {
			t.Errorf("password is stored as %q", u.PasswordHash)
		}
		if _, _, err := r.store.SessionUser(asProgram(t), []byte(cookie.Value), r.clock.now(), time.Time{}); err == nil {
			t.Error("the session is stored as it is sent")
		}
	})
}

func TestLogoutEndsTheSession(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		cookie := r.session()
		if c := r.browser(cookie, "POST", "/v1/logout", "").want(t, http.StatusNoContent).Cookies()[0]; c.MaxAge >= 0 {
			t.Errorf("cookie %v is not deleted", c)
		}
		r.browser(cookie, "GET", "/v1/me", "").want(t, http.StatusUnauthorized)
	})
}

func TestAccessTokens(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		cookie := r.session()
		var made struct{ ID, Name, Token string }
		r.browser(cookie, "POST", "/v1/tokens", `{"name":"batch machine"}`).want(t, http.StatusCreated).into(t, &made)
		bearer := map[string]string{"Authorization": "Bearer " + made.Token}
		r.send("GET", "/v1/me", nil, bearer).want(t, http.StatusOK)
		list := r.browser(cookie, "GET", "/v1/tokens", "").want(t, http.StatusOK).mentions(t, made.ID, "batch machine")
		if strings.Contains(string(list.body), made.Token) {
			t.Error("the list shows the secret again")
		}
		r.browser(cookie, "DELETE", "/v1/tokens/"+made.ID, "").want(t, http.StatusNoContent)
		r.browser(cookie, "DELETE", "/v1/tokens/"+made.ID, "").want(t, http.StatusNotFound)
		r.send("GET", "/v1/me", nil, bearer).want(t, http.StatusUnauthorized)
		r.browser(cookie, "POST", "/v1/tokens", `{"name":""}`).want(t, http.StatusUnprocessableEntity)
	})
}

func TestOtherSitesCannotUseTheCookie(t *testing.T) {
	r := start(t)
	cookie := r.session()
	with := func(extra ...string) map[string]string {
		h := map[string]string{"Cookie": cookie.Name + "=" + cookie.Value, "Content-Type": "application/json"}
		for i := 0; i < len(extra); i += 2 {
			h[extra[i]] = extra[i+1]
		}
		return h
	}
	for name, h := range map[string]map[string]string{
		"no word of where from": with(),
		"another site":          with("Sec-Fetch-Site", "cross-site"),
		"a sibling site":        with("Sec-Fetch-Site", "same-site"),
		"another origin":        with("Origin", "http://evil.example"),
		"another port":          with("Origin", "http://127.0.0.1:1"),
		"an opaque origin":      with("Origin", "null"),
	} {
		t.Run(name, func(t *testing.T) {
			r.send("POST", "/v1/tokens", strings.NewReader(`{"name":"stolen"}`), h).want(t, http.StatusForbidden)
		})
	}
	r.send("POST", "/v1/tokens", strings.NewReader(`{"name":"own"}`), with("Origin", r.URL())).want(t, http.StatusCreated)
	r.send("POST", "/v1/login", strings.NewReader(`{"code":"X"}`), map[string]string{"Sec-Fetch-Site": "cross-site", "Content-Type": "application/json"}).
		want(t, http.StatusForbidden)
}

func TestEveryRouteIsClosedWithoutLogin(t *testing.T) {
	r := start(t)
	sc := r.scan(r.do("POST", "/v1/scans", jcamp("caffeine")).want(t, http.StatusCreated))
	open := map[string]bool{"GET /login": true, "GET /assets/*": true, "POST /v1/login": true, "GET /healthz": true, "GET /readyz": true}
	stranger := map[string]map[string]string{
		"nobody":        {},
		"a wrong token": {"Authorization": "Bearer ft_wrong"},
		"basic":         {"Authorization": "Basic b3BlcmF0b3I6"},
		"a made cookie": {"Cookie": auth.CookieName + "=made", "Sec-Fetch-Site": "same-origin"},
	}
	checked := 0
	for _, route := range r.echo.Routes() {
		if route.Method == "echo_route_not_found" || open[route.Method+" "+route.Path] {
			continue
		}
		path := strings.NewReplacer(":id", sc.ID, "/*", "/map?x=1").Replace(route.Path)
		for who, h := range stranger {
			a := r.send(route.Method, path, nil, h)
			if route.Method == http.MethodHead { // its answers have no body
				if a.StatusCode != http.StatusUnauthorized {
					t.Errorf("HEAD %s for %s: %d", path, who, a.StatusCode)
				}
				checked++
				continue
			}
			if strings.HasPrefix(path, "/v1/") || strings.HasPrefix(path, "/openapi") {
				a.want(t, http.StatusUnauthorized)
			} else if want := "/login?next=" + url.QueryEscape(path); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != want {
				t.Errorf("%s %s for %s: %d to %q, want 303 to %q", route.Method, path, who, a.StatusCode, a.Header.Get("Location"), want)
			}
			checked++
		}
	}
	var doc struct{ Paths map[string]map[string]any }
	r.do("GET", "/openapi.json", nil).want(t, http.StatusOK).into(t, &doc)
	for path, methods := range doc.Paths {
		for method := range methods {
			if method = strings.ToUpper(method); method+" "+path == "POST /v1/login" {
				continue
			}
			r.send(method, strings.ReplaceAll(path, "{id}", sc.ID), nil, nil).want(t, http.StatusUnauthorized)
			checked++
		}
	}
	if len(doc.Paths) < 15 || checked < 100 {
		t.Errorf("only %d paths and %d requests were tried", len(doc.Paths), checked)
	}
	for _, path := range []string{"/v1/nothing", "/v1/../v1/scans", "/assets/../v1/scans", "/V1/scans", "/v1//scans", "/login/", "/assets", "/%2e%2e/login"} {
		if a := r.send("GET", path, nil, nil); a.StatusCode == http.StatusOK {
			t.Errorf("GET %s answered %d to a stranger", path, a.StatusCode)
		}
	}
	patient := func(path string) answer { // what is asked above is more than a stranger may send at once
		for {
			if a := r.send("GET", path, nil, nil); a.StatusCode != http.StatusTooManyRequests {
				return a
			}
		}
	}
	patient("/login").want(t, http.StatusOK)
	patient("/assets/none.js").want(t, http.StatusNotFound)
}

func TestHeadersKeepOtherSitesOut(t *testing.T) {
	r := start(t)
	for _, path := range []string{"/login", "/v1/me", "/assets/none.js"} {
		h := r.send("GET", path, nil, nil).Header
		csp := h.Get("Content-Security-Policy")
		if !strings.Contains(csp, "script-src 'self';") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "http") ||
			!strings.Contains(csp, "frame-ancestors 'none'") || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", path, h)
		}
		cached := strings.Contains(h.Get("Cache-Control"), "no-store") || strings.HasPrefix(path, "/assets/")
		if h.Get("Referrer-Policy") != "no-referrer" || h.Get("X-Frame-Options") != "DENY" || !cached || h.Get("Access-Control-Allow-Origin") != "" ||
			h.Get("Cross-Origin-Opener-Policy") != "same-origin" || h.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s: headers %v", path, h)
		}
	}
}
