package server

import (
	"bytes"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"fentrace/server/observe"
)

// logText is a log that is read while it is written.
type logText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func logged() (*logText, *slog.Logger) {
	l := &logText{}
	return l, slog.New(observe.Handler(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelInfo})))
}

func TestEveryRequestHasALineWithoutWhatMustNotBeLogged(t *testing.T) {
	log, logger := logged()
	r := start(t, func(c *Config) { c.Logger = logger })
	r.do("POST", "/v1/scans?case=SECRET-CASE", jcamp("caffeine"), observe.RequestIDHeader, "from-the-proxy-1").want(t, http.StatusCreated)
	a := r.do("GET", "/v1/scans/SECRET-SCAN", nil, observe.RequestIDHeader, "with\ttab")
	if id := a.Header.Get(observe.RequestIDHeader); len(id) != 36 {
		t.Errorf("a request id that nobody should choose came back as %q", id)
	}
	text := log.String()
	for _, want := range []string{`"request":"from-the-proxy-1"`, `"route":"/v1/scans"`, `"status":201`, `"user":"operator"`, `"route":"/v1/scans/{id}"`} {
		if !strings.Contains(strings.ReplaceAll(text, ":id", "{id}"), want) {
			t.Errorf("the log does not have %s:\n%s", want, text)
		}
	}
	for _, secret := range []string{"SECRET", r.token} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in the log:\n%s", secret, text)
		}
	}
}

func TestMetricsHaveAnAddressOfTheirOwn(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	r := start(t, func(c *Config) { c.MetricsListen, c.Version = address, "v1.2.3" })
	r.do("POST", "/v1/scans", jcamp("fentanyl"), "Content-Type", "text/plain").want(t, http.StatusCreated)
	r.do("GET", "/nothing/SECRET", nil)
	r.do("BREW", "/v1/scans", nil)
	res, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, want := range []string{`fentrace_build_info{version="v1.2.3"} 1`, "fentrace_scans_stored 1", `fentrace_answer_seconds_count{verdict="alarm"} 1`,
		`fentrace_http_request_seconds_count{method="POST",route="/v1/scans",status="201"} 1`, `method="other"`, "fentrace_library_references 0", "fentrace_queue_waiting 0"} {
		if !strings.Contains(text, want) {
			t.Errorf("the metrics do not have %s", want)
		}
	}
	if strings.Contains(text, "SECRET") {
		t.Error("a path that somebody made up is in the metrics")
	}
	if a := r.do("GET", "/metrics", nil); strings.Contains(string(a.body), "fentrace_build_info") {
		t.Error("the metrics are on the address of the pages, too")
	}
}

func TestAServerSaysWhetherItIsWell(t *testing.T) {
	r := start(t)
	for _, path := range []string{"/healthz", "/readyz"} {
		if a := r.send("GET", path, nil, nil); a.StatusCode != http.StatusOK {
			t.Errorf("%s without log-in: %d %s", path, a.StatusCode, a.body)
		}
	}
	if err := r.store.Close(); err != nil {
		t.Fatal(err)
	}
	a := r.send("GET", "/readyz", nil, nil)
	if a.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(a.body), `"database":"failed"`) || strings.Contains(string(a.body), "sql") {
		t.Errorf("with a closed database: %d %s", a.StatusCode, a.body)
	}
	if a := r.send("GET", "/healthz", nil, nil); a.StatusCode != http.StatusOK {
		t.Errorf("the program runs, yet: %d", a.StatusCode)
	}
}
