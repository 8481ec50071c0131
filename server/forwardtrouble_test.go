package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fentrace/server/forward"
)

func TestARefusedTokenStopsSendingUntilThereIsAnother(t *testing.T) {
	up := start(t)
	tick := make(chan struct{})
	var mu sync.Mutex
	token, asked := "ft_wrong", 0
	cfg := upstreamTo(t, up, up.URL(), tick)
	cfg.Token = func() (string, error) {
		mu.Lock()
		defer mu.Unlock()
		asked++
		return token, nil
	}
	var log syncBuffer
	field := start(t, func(c *Config) { c.Upstream, c.Logger = cfg, slog.New(slog.NewTextHandler(&log, nil)) })
	a, b := take(t, field.Server, "fentanyl a"), take(t, field.Server, "fentanyl b")
	waitFor(t, field.Server, "the refusal", func() bool { return strings.Contains(backlog(t, field.Server).Error, forward.ErrDenied.Error()) })
	for range 3 {
		tick <- struct{}{} // time passes, the token stays
	}
	next, err := field.store.NextUnsent(asProgram(t))
	if err != nil || next.Attempts != 1 || next.SHA256 != a.SHA256 {
		t.Errorf("a refused token was tried again: %+v, %v", next, err)
	}
	if strings.Contains(next.Error, "ft_wrong") {
		t.Errorf("the error tells the token: %s", next.Error)
	}
	if said := log.String(); strings.Count(said, "sending has stopped") != 1 || strings.Contains(said, "ft_wrong") {
		t.Errorf("the log says %s", said)
	}
	mu.Lock()
	token = up.token
	mu.Unlock()
	tick <- struct{}{}
	waitFor(t, field.Server, "both scans", func() bool { return backlog(t, field.Server).Waiting == 0 })
	if got := order(t, up.cfg.DataDir); !slices.Equal(got, []string{a.SHA256, b.SHA256}) {
		t.Errorf("there: %v", got)
	}
}

func TestARedirectIsNotFollowedWithTheToken(t *testing.T) {
	up := start(t)
	var mu sync.Mutex
	var leaked []string
	portal := newPortal(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		leaked = append(leaked, r.Header.Get("Authorization"))
	})
	front := newPortal(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, portal, http.StatusTemporaryRedirect)
	})
	field := newField(t, t.TempDir(), upstreamTo(t, up, front, nil))
	take(t, field, "fentanyl")
	if _, err := field.Send(asProgram(t), nil); err == nil || !strings.Contains(err.Error(), "elsewhere") {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(leaked) != 0 || backlog(t, field).Waiting != 1 {
		t.Errorf("the page it led to was asked %d times, backlog %+v", len(leaked), backlog(t, field))
	}
}

func TestTwoProgramsMaySendFromOneFolder(t *testing.T) {
	up := start(t)
	dir := filepath.Join(t.TempDir(), "data")
	a, b := newField(t, dir, upstreamTo(t, up, up.URL(), nil)), newField(t, dir, upstreamTo(t, up, up.URL(), nil))
	var want []string
	for i := range 10 {
		want = append(want, take(t, []*Server{a, b}[i%2], fmt.Sprint("fentanyl ", i)).SHA256)
	}
	var wg sync.WaitGroup
	for _, s := range []*Server{a, b, a} {
		wg.Go(func() {
			if _, err := s.Send(asProgram(t), nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := order(t, up.cfg.DataDir); !slices.Equal(got, want) {
		t.Errorf("there: %v, want %v", got, want)
	}
	if backlog(t, a).Waiting != 0 {
		t.Errorf("backlog %+v", backlog(t, a))
	}
}

func TestOnlyAServerWithATrustedCertificateIsSentTo(t *testing.T) {
	up := start(t)
	secure := httptest.NewTLSServer(up.Handler())
	defer secure.Close()
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	cfg := upstreamTo(t, up, secure.URL, nil)
	field := newField(t, t.TempDir(), cfg)
	take(t, field, "fentanyl")
	if _, err := field.Send(asProgram(t), nil); err == nil || !strings.Contains(err.Error(), "certificate") || len(order(t, up.cfg.DataDir)) != 0 {
		t.Errorf("sent to a server nobody vouches for: %v", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	cfg.Client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: roots}
	if r, err := field.Send(asProgram(t), nil); err != nil || r.Sent != 1 || len(order(t, up.cfg.DataDir)) != 1 {
		t.Error(r, err)
	}
}

func TestAServerThatHangsDoesNotKeepTheFieldFromEnding(t *testing.T) {
	up := start(t)
	reached, ended := make(chan struct{}, 1), make(chan struct{})
	silent := newPortal(t, func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // only then does the server notice that the other side has gone
		reached <- struct{}{}
		<-r.Context().Done()
		close(ended)
	})
	field := start(t, func(c *Config) { c.Upstream = upstreamTo(t, up, silent, nil) })
	take(t, field.Server, "fentanyl")
	soon := func(c <-chan struct{}, what string) {
		t.Helper()
		select {
		case <-c:
		case <-time.After(deadline):
			t.Fatalf("never came: %s", what)
		}
	}
	soon(reached, "the request")
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		if err := field.Close(); err != nil {
			t.Error(err)
		}
	}()
	soon(closed, "the end")
	soon(ended, "the end of the request")
	again := newField(t, field.cfg.DataDir, upstreamTo(t, up, up.URL(), nil))
	if r, err := again.Send(asProgram(t), nil); err != nil || r.Sent != 1 {
		t.Error(r, err)
	}
}

func TestTheWaitsBetweenAttemptsGrowAndObeyTheServer(t *testing.T) {
	up := start(t)
	var mu sync.Mutex
	answers, asked := []string{"", "", "", "300"}, 0
	busy := newPortal(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		w.Header().Set("Retry-After", answers[min(asked, len(answers)-1)])
		asked++
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	cfg := upstreamTo(t, up, busy, nil)
	waits := make(chan time.Duration)
	cfg.Jitter = func() float64 { return 1 }
	cfg.Wait = func(ctx context.Context, d time.Duration, wake <-chan struct{}) {
		if wake != nil { // nothing to send yet
			select {
			case <-wake:
			case <-ctx.Done():
			}
			return
		}
		select {
		case waits <- d:
		case <-ctx.Done():
		}
	}
	field := start(t, func(c *Config) { c.Upstream = cfg })
	take(t, field.Server, "fentanyl")
	for i, want := range []time.Duration{forward.MinBackoff, 2 * forward.MinBackoff, 4 * forward.MinBackoff, 300 * time.Second} {
		select {
		case got := <-waits:
			if got != want {
				t.Errorf("wait %d is %v, want %v", i+1, got, want)
			}
		case <-time.After(deadline):
			t.Fatal("it does not wait")
		}
	}
}
