package server

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"fentrace/server/auth"
	"fentrace/server/oidc"
	"fentrace/server/store"
)

const providerSecret = "canary-client-secret"

// provider is a small OpenID Connect provider: whoever comes to it is logged in as who claims say.
type provider struct {
	*httptest.Server
	t      *testing.T
	mu     sync.Mutex
	key    *rsa.PrivateKey
	keyID  string
	codes  map[string]url.Values // what each was asked with, until it is used
	claims map[string]any        // of the next token, over the usual ones
	sign   func(claims map[string]any) string
	broken bool
}

func newProvider(t *testing.T, now func() time.Time) *provider {
	p := &provider{t: t, codes: map[string]url.Values{}, claims: map[string]any{}}
	p.rotate("one")
	mux := http.NewServeMux()
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		if p.broken {
			http.Error(w, "down", http.StatusBadGateway)
			return
		}
		p.json(w, map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"}})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.json(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: p.keyID, Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		asked, ok := p.codes[r.PostFormValue("code")]
		id, secret, _ := r.BasicAuth()
		sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
		if !ok || id != "fentrace" || secret != providerSecret || asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) ||
			asked.Get("code_challenge_method") != "S256" || r.PostFormValue("redirect_uri") != asked.Get("redirect_uri") {
			w.WriteHeader(http.StatusBadRequest)
			p.json(w, map[string]string{"error": "invalid_grant"})
			return
		}
		delete(p.codes, r.PostFormValue("code"))
		claims := map[string]any{"iss": p.URL, "aud": "fentrace", "sub": "sub-ada", "preferred_username": "ada", "nonce": asked.Get("nonce"),
			"iat": now().Unix(), "exp": now().Add(5 * time.Minute).Unix()}
		for k, v := range p.claims {
			claims[k] = v
		}
		p.json(w, map[string]any{"access_token": "canary-access", "token_type": "Bearer", "id_token": p.sign(claims)})
	})
	return p
}

func (p *provider) json(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		p.t.Error(err)
	}
}

// rotate signs with a new key from now on.
func (p *provider) rotate(id string) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.key, p.keyID = key, id
	p.sign = p.by(jose.RS256, jose.JSONWebKey{Key: key, KeyID: id})
}

func (p *provider) by(alg jose.SignatureAlgorithm, key any) func(map[string]any) string {
	return func(claims map[string]any) string {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, nil)
		if err != nil {
			p.t.Error(err)
			return ""
		}
		token, err := jwt.Signed(signer).Claims(claims).Serialize()
		if err != nil {
			p.t.Error(err)
		}
		return token
	}
}

// config is that of a server that uses the provider.
func (p *provider) config(change ...func(*LoginProvider)) func(*Config) {
	return func(c *Config) {
		c.LoginProvider = &LoginProvider{Config: oidc.Config{Issuer: p.URL, ClientID: "fentrace", ClientSecret: providerSecret, Name: "County"}}
		for _, f := range change {
			f(c.LoginProvider)
		}
	}
}

// visit is a browser that was sent to the provider and comes back with a code.
type visit struct {
	r      *running
	cookie *http.Cookie
	asked  url.Values
	code   string
}

func (r *running) beginAt(p *provider) visit {
	r.t.Helper()
	a := r.send("GET", "/v1/login/provider?next=/scans", nil, nil).want(r.t, http.StatusSeeOther)
	to, err := url.Parse(a.Header.Get("Location"))
	if err != nil || !strings.HasPrefix(to.String(), p.URL+"/authorize?") || len(a.Cookies()) != 1 {
		r.t.Fatalf("led to %v with %v", to, a.Cookies())
	}
	v := visit{r: r, cookie: a.Cookies()[0], asked: to.Query(), code: rand.Text()}
	p.mu.Lock()
	p.codes[v.code] = v.asked
	p.mu.Unlock()
	return v
}

// back is what the browser gets when the provider sends it back.
func (v visit) back() answer {
	v.r.t.Helper()
	return v.r.send("GET", "/v1/login/provider/return?code="+v.code+"&session_state=x&state="+url.QueryEscape(v.asked.Get("state")), nil,
		map[string]string{"Cookie": v.cookie.Name + "=" + v.cookie.Value})
}

// user is whose session the answer opens, "" when it opens none.
func (a answer) user(t *testing.T, r *running) string {
	t.Helper()
	for _, c := range a.Cookies() {
		if c.Name == auth.CookieName && c.Value != "" {
			var me struct{ User string }
			r.browser(c, "GET", "/v1/me", "").want(t, http.StatusOK).into(t, &me)
			return me.User
		}
	}
	return ""
}

// refused checks that nothing was opened and why.
func (a answer) refused(t *testing.T, r *running, why string) {
	t.Helper()
	if u := a.user(t, r); u != "" || a.Header.Get("Location") != "/login?failed="+why {
		t.Errorf("opened %q, led to %q, want %s", u, a.Header.Get("Location"), why)
	}
}

func (r *running) account(name, role string) {
	r.t.Helper()
	if err := r.SetRole(r.t.Context(), name, role); err != nil {
		r.t.Fatal(err)
	}
}

func TestLoggingInWithAProviderOpensTheAccountOfThatNameAndKeepsItForTheSubject(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		p := newProvider(t, time.Now)
		var log bytes.Buffer
		r := start(t, db, p.config(), func(c *Config) {
			c.Clock = time.Now
			c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		r.send("GET", "/v1/login", nil, nil).want(t, http.StatusOK).mentions(t, `"provider":"County"`)
		r.beginAt(p).back().refused(t, r, "account") // there is none yet
		r.account("ada", auth.RoleChemist)
		v := r.beginAt(p)
		if !v.cookie.HttpOnly || v.cookie.SameSite != http.SameSiteLaxMode {
			t.Errorf("cookie %v", v.cookie)
		}
		a := v.back().want(t, http.StatusOK).mentions(t, `url=/scans`)
		if u := a.user(t, r); u != "ada" {
			t.Errorf("opened %q", u)
		}
		p.claims = map[string]any{"preferred_username": "ada married"} // the subject is who it was
		if u := r.beginAt(p).back().user(t, r); u != "ada" {
			t.Errorf("after a change of name: %q", u)
		}
		p.claims = map[string]any{"sub": "sub-eve"} // another who is called ada
		r.beginAt(p).back().refused(t, r, "account")
		for _, secret := range []string{providerSecret, "canary-access", v.code, v.cookie.Value} {
			if strings.Contains(log.String(), secret) {
				t.Errorf("the log has %s", secret)
			}
		}
	})
}

func TestTokensOfAProviderThatAreNotRightOpenNothing(t *testing.T) {
	p := newProvider(t, time.Now)
	r := start(t, p.config(), func(c *Config) { c.Clock = time.Now })
	r.account("ada", auth.RoleChemist)
	good := p.sign
	none := func(claims map[string]any) string {
		body, _ := json.Marshal(claims)
		return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(body) + "."
	}
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		claims map[string]any
		sign   func(map[string]any) string
	}{
		"expired":             {claims: map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}},
		"for another client":  {claims: map[string]any{"aud": "other"}},
		"of another issuer":   {claims: map[string]any{"iss": "https://evil.example"}},
		"of another log-in":   {claims: map[string]any{"nonce": "x"}},
		"without a subject":   {claims: map[string]any{"sub": ""}},
		"not signed":          {sign: none},
		"signed with secret":  {sign: p.by(jose.HS256, []byte(providerSecret+strings.Repeat("x", 32)))},
		"of a strange key":    {sign: p.by(jose.RS256, jose.JSONWebKey{Key: stranger, KeyID: "one"})},
		"of another strength": {sign: p.by(jose.RS512, jose.JSONWebKey{Key: p.key, KeyID: "one"})},
	} {
		p.claims, p.sign = c.claims, good
		if c.sign != nil {
			p.sign = c.sign
		}
		r.auth.ForgetFailures()
		a := r.beginAt(p).back()
		if a.refused(t, r, "refused"); t.Failed() {
			t.Fatalf("a token %s", name)
		}
	}
	p.claims, p.sign = nil, good
	r.auth.ForgetFailures()
	if u := r.beginAt(p).back().user(t, r); u != "ada" {
		t.Errorf("the right token opens %q", u)
	}
}

func TestALogInWithAProviderIsOfOneBrowserAndOnce(t *testing.T) {
	p := newProvider(t, time.Now)
	r := start(t, p.config(), func(c *Config) { c.Clock = time.Now })
	r.account("ada", auth.RoleChemist)
	v := r.beginAt(p)
	if u := v.back().user(t, r); u != "ada" {
		t.Fatalf("opened %q", u)
	}
	v.back().refused(t, r, "refused") // the code was used

	mine, theirs := r.beginAt(p), r.beginAt(p)
	mine.cookie = theirs.cookie
	mine.back().refused(t, r, "refused")
	swapped := r.beginAt(p)
	swapped.code = r.beginAt(p).code // of another log-in: the verifier does not fit
	swapped.back().refused(t, r, "refused")
	r.send("GET", "/v1/login/provider/return?code=x&state=y", nil, nil).refused(t, r, "refused")
}

func TestAProviderThatChangesItsKeyIsFollowed(t *testing.T) {
	p := newProvider(t, time.Now)
	r := start(t, p.config(), func(c *Config) { c.Clock = time.Now })
	r.account("ada", auth.RoleChemist)
	for _, id := range []string{"one", "two", "three"} {
		p.rotate(id)
		if u := r.beginAt(p).back().user(t, r); u != "ada" {
			t.Errorf("key %s: opened %q", id, u)
		}
	}
}

func TestAServerStartsWhileTheProviderIsAwayAndSaysSo(t *testing.T) {
	p := newProvider(t, time.Now)
	p.broken = true
	r := start(t, p.config())
	r.send("GET", "/v1/login/provider", nil, nil).want(t, http.StatusSeeOther).refused(t, r, "unavailable")
	r.session() // a code opens as ever
	none := start(t)
	none.send("GET", "/v1/login", nil, nil).want(t, http.StatusOK).mentions(t, `"provider":""`)
	none.send("GET", "/v1/login/provider", nil, nil).want(t, http.StatusNotFound)
}

func TestAProviderDoesNotGiveAwayAccountsThatHaveADoorOfTheirOwn(t *testing.T) {
	p := newProvider(t, time.Now)
	r := start(t, p.config(), func(c *Config) { c.Clock = time.Now })
	r.account("ada", auth.RoleChemist)
	if err := r.auth.SetPassword(t.Context(), "ada", "correct horse battery", ""); err != nil {
		t.Fatal(err)
	}
	r.beginAt(p).back().refused(t, r, "account")
	p.claims = map[string]any{"preferred_username": DefaultUser, "sub": "sub-eve"}
	r.beginAt(p).back().refused(t, r, "account")
	p.claims = nil
	if err := r.BindLogin(t.Context(), "ada", "sub-ada"); err != nil {
		t.Fatal(err)
	}
	if u := r.beginAt(p).back().user(t, r); u != "ada" {
		t.Errorf("once it is bound: %q", u)
	}
}

func TestGroupsAtTheProviderGiveTheRoleAtEachLogIn(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		p := newProvider(t, time.Now)
		r := start(t, db, func(c *Config) { c.Clock = time.Now }, p.config(func(l *LoginProvider) {
			l.Create = auth.RolePublic
			l.Groups = []auth.GroupRole{{Group: "lab-lead", Role: auth.RoleReviewer}, {Group: "lab", Role: auth.RoleChemist}}
		}))
		for _, c := range []struct {
			groups []string
			role   string
		}{{[]string{"lab"}, auth.RoleChemist}, {[]string{"lab", "lab-lead"}, auth.RoleReviewer}, {[]string{"lab"}, auth.RoleChemist}, {[]string{"gone"}, ""}} {
			p.claims = map[string]any{"groups": c.groups}
			a := r.beginAt(p).back()
			if c.role == "" {
				a.refused(t, r, "account")
				continue
			}
			if u := a.user(t, r); u != "ada" {
				t.Fatalf("groups %v: opened %q", c.groups, u)
			}
			u, err := r.store.User(t.Context(), "ada")
			if err != nil || u.Role != c.role || u.Clearance != auth.Clearance(c.role) {
				t.Errorf("groups %v: %+v, %v", c.groups, u, err)
			}
		}
	})
}

func TestASecondFactorAtTheProviderCanBeAskedFor(t *testing.T) {
	p := newProvider(t, time.Now)
	r := start(t, func(c *Config) { c.Clock = time.Now }, p.config(func(l *LoginProvider) { l.AMR = []string{"mfa"} }))
	r.account("ada", auth.RoleChemist)
	p.claims = map[string]any{"amr": []string{"pwd"}}
	r.beginAt(p).back().refused(t, r, "second")
	p.claims = map[string]any{"amr": []string{"pwd", "mfa"}}
	if u := r.beginAt(p).back().user(t, r); u != "ada" {
		t.Errorf("with it: %q", u)
	}
}

func TestALockedAccountIsNotOpenedByTheProvider(t *testing.T) {
	p := newProvider(t, time.Now)
	r := start(t, p.config(), func(c *Config) { c.Clock = time.Now })
	r.account("ada", auth.RoleChemist)
	locked := true
	if err := r.store.ChangePerson(store.ByProgram(t.Context(), "test"), "ada", store.PersonChange{Locked: &locked}, time.Now()); err != nil {
		t.Fatal(err)
	}
	r.beginAt(p).back().refused(t, r, "account")
}

func TestTheNextPageAfterALogInIsOneOfOurs(t *testing.T) {
	p := newProvider(t, time.Now)
	r := start(t, p.config(), func(c *Config) { c.Clock = time.Now })
	r.account("ada", auth.RoleChemist)
	for _, next := range []string{"https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", `/"><script>`} {
		v := r.beginAt(p)
		parts := strings.SplitN(v.cookie.Value, ".", 2)
		v.cookie.Value = parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(next))
		a := v.back().want(t, http.StatusOK)
		if strings.Contains(string(a.body), "evil") || strings.Contains(string(a.body), "<script") || strings.Contains(string(a.body), "javascript") {
			t.Errorf("%s leads to %s", next, a.body)
		}
	}
}

func TestALogInProviderWithoutTLSIsRefused(t *testing.T) {
	for _, issuer := range []string{"http://login.example.org", "login.example.org", "ftp://x.example", "https://user@x.example", ""} {
		cfg := testConfig(t.TempDir(), nil)
		cfg.LoginProvider = &LoginProvider{Config: oidc.Config{Issuer: issuer, ClientID: "fentrace"}}
		if s, err := New(t.Context(), cfg); err == nil {
			s.Close()
			t.Errorf("issuer %q is taken", issuer)
		}
	}
}
