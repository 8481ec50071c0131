// Package client asks a Fentrace server: every operation of its interface (package rest, which is generated) with access tokens, own
// certificate authorities, repetition of what may be repeated, and errors that say what the server said.
package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync/atomic"
	"time"

	"fentrace/server/client/rest"
)

const (
	// minBackoff is the wait after the first failure; it doubles with every further one up to maxBackoff. Half of it is random.
	minBackoff = 500 * time.Millisecond
	maxBackoff = 15 * time.Second
	// DefaultPatience is for how long a server that has answered before is tried again.
	DefaultPatience = 2 * time.Minute
	// firstPatience is the same for one that never has: the address may be wrong.
	firstPatience = 2 * time.Second

	// slowest is the speed, in bytes a second, at which a request is still waited for.
	slowest     = 16 << 10
	attemptTime = 2 * time.Minute // besides the time that the bytes take

	maxCA = 4 << 20 // bytes of a file of certificates
)

// Config says which server is asked, and how. Server and Token are needed.
type Config struct {
	Server *url.URL // see ParseAddress
	// Token returns the access token. It is asked before every attempt, so that it can be replaced meanwhile.
	Token func() (string, error)
	// HTTP carries the requests; NewHTTP(nil) when nil. It must not follow redirects: they would carry the token elsewhere.
	HTTP *http.Client
	// Patience is for how long a request that may be repeated is; DefaultPatience when 0, negative: it is not.
	Patience time.Duration
	// Wait returns after d or when ctx ends, whichever comes first.
	Wait func(ctx context.Context, d time.Duration)
	// Jitter is a random number from 0 to 1.
	Jitter func() float64
	// Retrying, unless nil, is told before each wait why a request is repeated.
	Retrying func(err error, after time.Duration)
}

// Client asks one server. It is safe for concurrent use.
type Client struct {
	rest.Operations
	cfg Config
	met atomic.Bool // the server has answered once
}

// New returns a client; nothing is asked yet.
func New(cfg Config) (*Client, error) {
	if cfg.Server == nil || cfg.Token == nil {
		return nil, errors.New("client: server and token are needed")
	}
	if cfg.HTTP == nil {
		cfg.HTTP = NewHTTP(nil)
	}
	if cfg.Patience == 0 {
		cfg.Patience = DefaultPatience
	}
	if cfg.Wait == nil {
		cfg.Wait = wait
	}
	if cfg.Jitter == nil {
		cfg.Jitter = rand.Float64
	}
	c := &Client{cfg: cfg}
	generated, err := rest.NewClient(cfg.Server.String(), rest.WithHTTPClient(c))
	if err != nil {
		return nil, err
	}
	c.Operations = rest.Operations{Client: generated}
	return c, nil
}

// Address of the server, as people are told it.
func (c *Client) Address() string { return Place(c.cfg.Server) }

// NewHTTP returns an HTTP client that checks certificates against authorities (the system's when nil), follows no redirect, and
// gives up a connection that is not made in time.
func NewHTTP(authorities *x509.CertPool) *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}).DialContext
	t.MaxResponseHeaderBytes = 64 << 10
	if authorities != nil {
		t.TLSClientConfig = &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// ReadAuthorities reads certificates of authorities (PEM), which count besides those of the system.
func ReadAuthorities(path string) (*x509.CertPool, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read certificate authority: %w", err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxCA))
	if err != nil {
		return nil, fmt.Errorf("read certificate authority: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("read certificate authority %s: it holds no certificate (PEM, BEGIN CERTIFICATE)", path)
	}
	return pool, nil
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// Get asks a path that is no operation of the interface, such as /healthz.
func (c *Client) Get(ctx context.Context, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.cfg.Server.JoinPath(path).String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	return c.Do(req)
}
