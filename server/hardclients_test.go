package server

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"fentrace/server/auth"
	"fentrace/spectra/racedetector"
)

// dial connects without a client's manners.
func (r *running) dial() net.Conn {
	r.t.Helper()
	c, err := net.Dial("tcp", r.listening.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	return c
}

// closedWithin reports whether the server ends the connection, after an answer or without.
func closedWithin(c net.Conn, d time.Duration) bool {
	_ = c.SetReadDeadline(time.Now().Add(d))
	_, err := io.Copy(io.Discard, c)
	var timeout net.Error
	return err == nil || !(asTimeout(err, &timeout) && timeout.Timeout())
}

func asTimeout(err error, to *net.Error) bool {
	t, ok := err.(net.Error)
	*to = t
	return ok
}

func TestWhoSendsSlowlyIsHungUpOnAndHoldsUpNobody(t *testing.T) {
	r := startTuned(t, func(s *Server) { s.http.ReadHeaderTimeout, s.http.ReadTimeout = 500*time.Millisecond, time.Second })
	var slow []net.Conn
	for i := range 200 {
		c := r.dial()
		if i%2 == 0 {
			fmt.Fprintf(c, "GET /healthz HTTP/1.1\r\nHost: x\r\nA: ") // the rest never comes
		} else {
			fmt.Fprintf(c, "POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"code\"")
		}
		slow = append(slow, c)
	}
	r.do("GET", "/v1/me", nil).want(t, http.StatusOK)
	for i, c := range slow {
		if !closedWithin(c, 20*time.Second) {
			t.Fatalf("connection %d is kept open", i)
		}
	}
}

func TestTheTimesForHeadersAndBodiesAreSet(t *testing.T) {
	r := start(t)
	h := r.http
	if h.ReadHeaderTimeout <= 0 || h.ReadHeaderTimeout > 15*time.Second || h.ReadTimeout <= 0 || h.ReadTimeout > 10*time.Minute || h.IdleTimeout <= 0 || h.IdleTimeout > 5*time.Minute || h.MaxHeaderBytes > 64<<10 {
		t.Errorf("header %v, body %v, idle %v, header bytes %d", h.ReadHeaderTimeout, h.ReadTimeout, h.IdleTimeout, h.MaxHeaderBytes)
	}
}

func TestHeadersThatAreTooLargeAreRefused(t *testing.T) {
	r := start(t)
	for name, raw := range map[string]string{
		"one large":  "GET /healthz HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("b", 1<<20) + "\r\n\r\n",
		"many small": "GET /healthz HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("A: b\r\n", 50_000) + "\r\n",
	} {
		c := r.dial()
		go func() { _, _ = io.WriteString(c, raw) }() // it may be closed on the way
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err == nil && res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%s: answered %d", name, res.StatusCode)
		}
		var timeout net.Error
		if err != nil && asTimeout(err, &timeout) && timeout.Timeout() {
			t.Errorf("%s: neither answered nor closed", name)
		}
	}
	r.do("GET", "/v1/me", nil).want(t, http.StatusOK)
}

func TestWhoNeverReadsAnAnswerHoldsUpNobodyAndIsHungUpOn(t *testing.T) {
	r := start(t, func(c *Config) { c.WriteStall = time.Second })
	for i := range 300 {
		r.do("POST", fmt.Sprintf("/v1/scans?filename=%d.jdx", i), jcamp(fmt.Sprint("caffeine ", i))).want(t, http.StatusCreated)
	}
	var deaf []net.Conn
	for range 20 {
		c := r.dial()
		_ = c.(*net.TCPConn).SetReadBuffer(1024)
		for range 200 { // one after the other, none of which is read
			if _, err := fmt.Fprintf(c, "GET /v1/scans?limit=100 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", r.token); err != nil {
				break
			}
		}
		deaf = append(deaf, c)
	}
	r.do("GET", "/v1/me", nil).want(t, http.StatusOK)
	gone := func(c net.Conn) bool { // the peer has closed: what is written to it is refused sooner or later
		_ = c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		_, err := io.WriteString(c, "\r\n")
		var timeout net.Error
		return err != nil && !(asTimeout(err, &timeout) && timeout.Timeout())
	}
	for i, c := range deaf {
		if !within(30*time.Second, func() bool { return gone(c) }) {
			t.Fatalf("connection %d is kept open", i)
		}
	}
}

func TestAnArchiveThatUnpacksToFarMoreIsRefusedWithFlatMemory(t *testing.T) {
	racedetector.Skip(t)
	r := start(t)
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	zeros := make([]byte, 1<<20)
	for i := range 4 {
		w, err := z.Create(fmt.Sprintf("bomb%d.jdx", i))
		if err != nil {
			t.Fatal(err)
		}
		for range 512 {
			if _, err := w.Write(zeros); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	a := r.do("POST", "/v1/scans?filename=bomb.zip", b.Bytes(), "Content-Type", "application/octet-stream")
	runtime.ReadMemStats(&after)
	if a.StatusCode < 400 || a.StatusCode >= 500 {
		t.Errorf("a bomb of %d bytes that unpacks to 2 GiB: %d %s", b.Len(), a.StatusCode, a.body)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<30 {
		t.Errorf("%d MiB were taken", grown>>20)
	}
	if n := r.rows(); n != 0 {
		t.Errorf("%d scans are stored", n)
	}
}

func TestAFloodOfHTTP2StreamsHoldsUpNobody(t *testing.T) {
	dir := t.TempDir()
	cert, key := selfSigned(t, dir, 1)
	r := start(t, func(c *Config) { c.Certificate, c.Key = cert, key })
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	before := settled()
	var flood sync.WaitGroup
	for range 20 {
		flood.Go(func() {
			for range 200 { // each stream is reset as soon as it is open
				ctx, cancel := context.WithCancel(context.Background())
				req, _ := http.NewRequestWithContext(ctx, "GET", r.URL()+"/v1/scans", nil)
				req.Header.Set("Authorization", "Bearer "+r.token)
				time.AfterFunc(time.Millisecond, cancel)
				if res, err := client.Do(req); err == nil {
					_ = res.Body.Close()
				}
				cancel()
			}
		})
	}
	flood.Wait()
	calm := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	req, _ := http.NewRequest("GET", r.URL()+"/v1/me", nil)
	req.Header.Set("Authorization", "Bearer "+r.token)
	res, err := calm.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK || res.ProtoMajor != 2 {
		t.Errorf("after the flood: %d by HTTP/%d", res.StatusCode, res.ProtoMajor)
	}
	client.CloseIdleConnections()
	calm.CloseIdleConnections()
	if !within(20*time.Second, func() bool { return goroutines() <= before+5 }) {
		t.Errorf("%d goroutines before, %d after", before, goroutines())
	}
}

func TestSecretsAreInNoLineOfTheLogAtAnyLevel(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		var log lockedBuffer
		r := start(t, db, func(c *Config) {
			c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		const password, wrong = "canary correct horse", "canary wrong horse"
		cookie := r.session()
		r.browser(cookie, "PUT", "/v1/me/password", `{"password":"`+password+`"}`).want(t, http.StatusNoContent)
		r.login(map[string]string{"user": DefaultUser, "password": password}).want(t, http.StatusNoContent)
		r.login(map[string]string{"user": DefaultUser, "password": wrong}).want(t, http.StatusUnauthorized)
		r.codeLogin("CANARYCODE").want(t, http.StatusUnauthorized)
		code := r.code()
		r.codeLogin(code).want(t, http.StatusNoContent)
		var made struct{ Token string }
		r.browser(cookie, "POST", "/v1/tokens", `{"name":"van"}`).want(t, http.StatusCreated).into(t, &made)
		r.do("GET", "/v1/scans?case=canary-case&nonsense=canary-query", nil)
		r.send("GET", "/v1/me", nil, map[string]string{"Authorization": "Bearer canary-bearer"}).want(t, http.StatusUnauthorized)
		r.browser(cookie, "POST", "/v1/logout", "").want(t, http.StatusNoContent)
		text := log.String()
		if !strings.Contains(text, "route=/v1/login") {
			t.Fatalf("nothing is logged:\n%s", text)
		}
		for _, secret := range []string{password, wrong, "CANARYCODE", code, made.Token, cookie.Value, r.token, "canary"} {
			if strings.Contains(text, secret) {
				t.Errorf("the log has %q", secret)
			}
		}
	})
}

// lockedBuffer is written by many.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String is what was written.
func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestASessionIsNewAtEachLogInWhateverTheBrowserBrings(t *testing.T) {
	r := start(t)
	planted := "planted-by-somebody-else-0000000000000000000"
	a := r.send("POST", "/v1/login", strings.NewReader(`{"code":"`+r.code()+`"}`),
		map[string]string{"Content-Type": "application/json", "Cookie": auth.CookieName + "=" + planted}).want(t, http.StatusNoContent)
	got := a.Cookies()[0]
	if got.Value == planted || len(got.Value) < 43 {
		t.Errorf("the session is %q", got.Value)
	}
	r.send("GET", "/v1/me", nil, map[string]string{"Cookie": auth.CookieName + "=" + planted}).want(t, http.StatusUnauthorized)
	if again := r.session(); again.Value == got.Value {
		t.Error("two log-ins open the same session")
	}
}

func TestTheListOfTokensTellsWhenAndFromWhereEachWasUsed(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		var made struct{ ID, Token string }
		r.do("POST", "/v1/tokens", map[string]any{"name": "van"}).want(t, http.StatusCreated).into(t, &made)
		type entry struct {
			ID   string
			Used *time.Time
			From string `json:"used_from"`
		}
		of := func() entry {
			var list struct{ Tokens []entry }
			r.do("GET", "/v1/tokens", nil).want(t, http.StatusOK).into(t, &list)
			for _, e := range list.Tokens {
				if e.ID == made.ID {
					return e
				}
			}
			t.Fatalf("it is not in %v", list)
			return entry{}
		}
		if e := of(); e.Used != nil || e.From != "" {
			t.Errorf("before it was used: %+v", e)
		}
		use := func() { r.do("GET", "/v1/me", nil, "Authorization", "Bearer "+made.Token).want(t, http.StatusOK) }
		use()
		first := r.clock.now()
		r.clock.advance(10 * time.Second)
		use()
		if e := of(); e.Used == nil || !e.Used.Equal(first) || e.From != "127.0.0.1" {
			t.Errorf("within the minute: %+v, want %v", e, first)
		}
		r.clock.advance(time.Minute)
		use()
		if e := of(); !e.Used.Equal(r.clock.now()) {
			t.Errorf("after a minute: %+v", e)
		}
	})
}

// Whoever reads a body sets times for that, and may set one once more after the last of it (the tus protocol is served that way). None of
// them says anything of how long the answer takes, as when the database stands still, or of later requests on the connection.
func TestTimesForOneRequestHoldForNoAnswerAndNoOtherRequest(t *testing.T) {
	const soon = 50 * time.Millisecond
	answered := make(chan error, 1)
	server := httptest.NewServer(unhurried(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		_, err := io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/first" {
			err = errors.Join(err, control.SetReadDeadline(time.Now().Add(soon)), control.SetWriteDeadline(time.Now().Add(4*soon)))
		}
		select {
		case <-r.Context().Done():
			err = errors.Join(err, errors.New("it is ended"))
		case <-time.After(3 * soon):
		}
		answered <- err
	})))
	defer server.Close()
	for _, path := range []string{"/first", "/second", "/third"} {
		for _, body := range []string{"body", ""} {
			res, err := server.Client().Post(server.URL+path, "text/plain", strings.NewReader(body))
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			res.Body.Close()
			if err := <-answered; err != nil || res.StatusCode != http.StatusOK {
				t.Errorf("%s %q: %d, %v", path, body, res.StatusCode, err)
			}
		}
	}
}
