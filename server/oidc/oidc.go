// Package oidc lets people log in with an OpenID Connect provider: the authorization code flow with PKCE (RFC 7636), its state, nonce
// and verifier bound to the browser that began. It says who somebody is there; which account that opens is not its business.
package oidc

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Errors of this package; test with errors.Is.
var (
	// ErrUnavailable: the provider does not answer, or not as one does. Other ways to log in work.
	ErrUnavailable = errors.New("the log-in provider cannot be reached")
	// ErrRefused: what came back from the provider does not open anything.
	ErrRefused = errors.New("the log-in at the provider is not accepted")
	// ErrSecondFactor: the provider did not ask for the second factor that the settings want.
	ErrSecondFactor = errors.New("the log-in at the provider was without the second factor that is needed here")
)

const (
	// Life is how long a person may take to log in at the provider.
	Life = 10 * time.Minute

	askTime   = 10 * time.Second // for one answer of the provider
	maxAnswer = 1 << 20          // bytes of it
	retry     = 5 * time.Second  // after which a provider that was away is asked again
)

// algorithms by which tokens may be signed: none without a public key, so that nobody who has the client's secret can make one.
var algorithms = []string{gooidc.RS256, gooidc.ES256}

// Config is how a provider is used. Issuer, ClientID and Return are needed.
type Config struct {
	// Issuer is the address of the provider, https except on this machine.
	Issuer string
	// ClientID and ClientSecret are what the provider calls this server; without a secret PKCE alone protects the code.
	ClientID, ClientSecret string
	// Name is what people call the provider.
	Name string
	// Return tells the address that the provider sends browsers back to.
	Return func() string
	// UserClaim names the claim with the name of the account: "preferred_username" when empty, where "email", once verified, stands
	// in for a missing one.
	UserClaim string
	// GroupsClaim names the claim with the groups of the person: "groups" when empty.
	GroupsClaim string
	// Scopes are asked for besides openid, profile and email.
	Scopes []string
	// ACR and AMR, when not empty, are the authentication contexts and methods (RFC 8176) one of which the token must name.
	ACR, AMR []string
	// Clock tells the time, HTTP asks the provider; time.Now and a client of its own when nil.
	Clock func() time.Time
	HTTP  *http.Client
}

// Identity is who somebody is at the provider. Subject never changes there, Name may.
type Identity struct {
	Issuer, Subject string
	Name            string
	Groups          []string
	// Strong: the token names a context or method that the settings ask for.
	Strong bool
	// Token is the hash of what was shown; it must open once only.
	Token []byte
}

// Provider is one that people log in with. It is asked for its settings when it is needed first, and is safe for concurrent use.
type Provider struct {
	cfg Config

	mu    sync.Mutex
	known *gooidc.Provider
	tried time.Time
	last  error
}

// New checks the settings. The provider need not be there yet.
func New(cfg Config) (*Provider, error) {
	if cfg.ClientID == "" {
		return nil, errors.New("log-in provider: the client id that it knows this server by is needed")
	}
	if err := secure(cfg.Issuer); err != nil {
		return nil, fmt.Errorf("log-in provider: issuer: %w", err)
	}
	if cfg.Name == "" {
		cfg.Name = "single sign-on"
	}
	if cfg.UserClaim == "" {
		cfg.UserClaim = "preferred_username"
	}
	if cfg.GroupsClaim == "" {
		cfg.GroupsClaim = "groups"
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.HTTP == nil {
		cfg.HTTP = &http.Client{}
	}
	own := *cfg.HTTP
	own.Timeout = askTime
	own.Transport = bounded{own.Transport}
	cfg.HTTP = &own
	return &Provider{cfg: cfg}, nil
}

// secure refuses addresses over which secrets would go in the clear.
func secure(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%q: an address like https://login.example.org is needed", address)
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return fmt.Errorf("%q: https is needed, since secrets are sent there", address)
	}
	return nil
}

// Name is what people call the provider.
func (p *Provider) Name() string { return p.cfg.Name }

// provider asks for the settings of the provider once, and after a failure not more often than every few seconds.
func (p *Provider) provider(ctx context.Context) (*gooidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known != nil {
		return p.known, nil
	}
	if p.last != nil && time.Since(p.tried) < retry {
		return nil, p.last
	}
	// Whoever asks first may go away; the answer is for everyone.
	found, err := gooidc.NewProvider(gooidc.ClientContext(context.WithoutCancel(ctx), p.cfg.HTTP), p.cfg.Issuer)
	if err == nil {
		end := found.Endpoint()
		var keys struct {
			Address string `json:"jwks_uri"`
		}
		err = errors.Join(found.Claims(&keys), secureEndpoint(end.AuthURL), secureEndpoint(end.TokenURL), secureEndpoint(keys.Address))
	}
	if p.tried = time.Now(); err != nil {
		p.last = fmt.Errorf("%w: %w", ErrUnavailable, err)
		return nil, p.last
	}
	p.known, p.last = found, nil
	return found, nil
}

// secureEndpoint is secure for addresses that may have a query of their own.
func secureEndpoint(address string) error {
	before, _, _ := strings.Cut(address, "?")
	return secure(before)
}

func (p *Provider) client(found *gooidc.Provider) *oauth2.Config {
	end := found.Endpoint()
	var offers struct {
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	// Trying one way after the other would show the code twice, and a code opens once.
	end.AuthStyle = oauth2.AuthStyleInHeader
	if found.Claims(&offers) == nil && len(offers.Methods) > 0 && !slices.Contains(offers.Methods, "client_secret_basic") || p.cfg.ClientSecret == "" {
		end.AuthStyle = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{ClientID: p.cfg.ClientID, ClientSecret: p.cfg.ClientSecret, RedirectURL: p.cfg.Return(), Endpoint: end,
		Scopes: append([]string{gooidc.ScopeOpenID, "profile", "email"}, p.cfg.Scopes...)}
}

// NewSecret is what the browser keeps while its person logs in at the provider. State, nonce and verifier come from it, so that
// nothing has to be kept here, and what the provider sends back is of use in that browser only.
func NewSecret() string {
	b := make([]byte, 32)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// part of a secret, 256 bits from which neither the secret nor another part can be found.
func part(secret, name string) string {
	sum := sha256.Sum256([]byte("fentrace oidc " + name + "\n" + secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Begin is the address at the provider where the person with that secret logs in. Errors wrap ErrUnavailable.
func (p *Provider) Begin(ctx context.Context, secret string) (string, error) {
	found, err := p.provider(ctx)
	if err != nil {
		return "", err
	}
	options := []oauth2.AuthCodeOption{gooidc.Nonce(part(secret, "nonce")), oauth2.S256ChallengeOption(part(secret, "verifier"))}
	if len(p.cfg.ACR) > 0 {
		options = append(options, oauth2.SetAuthURLParam("acr_values", strings.Join(p.cfg.ACR, " ")))
	}
	return p.client(found).AuthCodeURL(part(secret, "state"), options...), nil
}

// Finish trades the code that the provider sent back, with the state it was given, for who the person is. Errors wrap
// ErrUnavailable, ErrRefused or ErrSecondFactor.
func (p *Provider) Finish(ctx context.Context, secret, state, code string) (Identity, error) {
	if secret == "" || state != part(secret, "state") {
		return Identity{}, fmt.Errorf("%w: it was not begun in this browser", ErrRefused)
	}
	found, err := p.provider(ctx)
	if err != nil {
		return Identity{}, err
	}
	ctx = gooidc.ClientContext(ctx, p.cfg.HTTP)
	token, err := p.client(found).Exchange(ctx, code, oauth2.VerifierOption(part(secret, "verifier")))
	if err != nil {
		return Identity{}, exchangeError(err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return Identity{}, fmt.Errorf("%w: the provider sent no id_token", ErrRefused)
	}
	id, err := found.VerifierContext(ctx, &gooidc.Config{ClientID: p.cfg.ClientID, SupportedSigningAlgs: algorithms, Now: p.cfg.Clock}).Verify(ctx, raw)
	if err != nil {
		return Identity{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if id.Nonce != part(secret, "nonce") {
		return Identity{}, fmt.Errorf("%w: the token was made for another log-in", ErrRefused)
	}
	who, err := p.identity(id)
	sum := sha256.Sum256([]byte(raw))
	who.Token = sum[:]
	return who, err
}

// exchangeError says no more of what the provider answered than its error code: the rest is another program's text.
func exchangeError(err error) error {
	var answered *oauth2.RetrieveError
	if errors.As(err, &answered) && answered.Response != nil && answered.Response.StatusCode < http.StatusInternalServerError {
		return fmt.Errorf("%w: the provider does not take the code (%q)", ErrRefused, answered.ErrorCode)
	}
	if errors.As(err, &answered) {
		return fmt.Errorf("%w: it answers %s", ErrUnavailable, answered.Response.Status)
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// bounded reads no more of an answer than can be meant.
type bounded struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	next := b.next
	if next == nil {
		next = http.DefaultTransport
	}
	res, err := next.RoundTrip(r)
	if err == nil {
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(res.Body, maxAnswer), res.Body}
	}
	return res, err
}
