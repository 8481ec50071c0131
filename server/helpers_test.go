package server

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/server/api"
	"fentrace/server/forward"
	"fentrace/server/store"
	"fentrace/server/store/storetest"
	"fentrace/spectra"
)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// byTitle stands in for the decision, which is tested in its own package: the title of a spectrum is the finding.
type byTitle struct{}

func (byTitle) Identify(_ context.Context, s spectra.Spectrum) (identify.Identification, error) {
	ans := identify.Identification{Technique: string(s.Technique), Simulated: s.Metadata.Simulated, Verdict: identify.NoAlarm,
		Headline: "NOTHING CONTROLLED SEEN above 8 % of the signal", Summary: "One sentence.",
		Candidates: []identify.Finding{{Substance: "cocaine", Tier: library.Measured}},
		Library:    "lib-1", Algorithm: "by-title-1", Pipeline: "none-1"}
	name := strings.ToLower(s.Title)
	switch {
	case strings.Contains(name, "weak"):
		ans.Verdict, ans.Headline = identify.Inconclusive, "NO ANSWER: signal too weak"
	case strings.Contains(name, "fentanyl"):
		ans.Verdict, ans.Headline = identify.Alarm, "ALARM: fentanyl"
		ans.Findings = []identify.Finding{{Substance: "fentanyl", CAS: "437-38-7", Class: "fentanyl", Controlled: true,
			Tier: library.Measured, Score: 0.97, Probability: 0.99}}
	default:
		ans.Findings = []identify.Finding{{Substance: "caffeine", Class: "cutting agent", Tier: library.Published, Score: 0.8, Probability: 0.7}}
	}
	return ans, nil
}

func (byTitle) Overlay(s spectra.Spectrum, _ identify.Identification) (identify.Overlay, error) {
	return identify.Overlay{Scan: identify.Trace{Label: s.Title, Kind: "spectrum", X: s.X, Y: s.Y}, References: []identify.Trace{},
		Presumptive: "Presumptive field result."}, nil
}

// running is a server on a real port with a logged-in client.
type running struct {
	*Server
	t     *testing.T
	clock *clock
	token string
}

// onEach runs a test with servers on a new database of each kind, when they are started with db.
func onEach(t *testing.T, f func(t *testing.T, db func(*Config))) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { f(t, func(*Config) {}) })
	t.Run("postgres", func(t *testing.T) {
		address := storetest.Postgres(t)
		f(t, func(c *Config) { c.Database = address })
	})
}

func start(t *testing.T, change ...func(*Config)) *running {
	t.Helper()
	return startTuned(t, func(*Server) {}, change...)
}

// startTuned is start with what cannot be set by Config.
func startTuned(t *testing.T, tune func(*Server), change ...func(*Config)) *running {
	t.Helper()
	c := &clock{t: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
	cfg := testConfig(t.TempDir(), nil)
	cfg.Clock = c.now
	for _, f := range change {
		f(&cfg)
	}
	s, err := New(asProgram(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	tune(s)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the server did not end in order: %v", err)
		}
	})
	if _, err := s.NewLoginCode(asProgram(t), ""); err != nil {
		t.Fatal(err)
	}
	_, token, err := s.auth.NewToken(asProgram(t), DefaultUser, "test", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	return &running{Server: s, t: t, clock: c, token: token}
}

// testConfig is a server on a free port with the stand-in's answers and a library of two.
func testConfig(dir string, up *forward.Config) Config {
	return Config{DataDir: dir, Listen: "127.0.0.1:0", NewIdentifier: answering(byTitle{}), Logger: slog.New(slog.DiscardHandler), Upstream: up,
		Library: library.NewStack([]library.Substance{
			{ID: "fentanyl", Name: "fentanyl", CAS: "437-38-7", InChIKey: "PJMPHNIQZUBGLI-UHFFFAOYSA-N", Class: "fentanyl", Controlled: true},
			{ID: "caffeine", Name: "caffeine", Unverified: true},
		}, nil)}
}

// answering answers with id whatever the library.
func answering(id Identifier) func(*library.Stack) (Identifier, error) {
	return func(*library.Stack) (Identifier, error) { return id, nil }
}

// answer is a response with its body read.
type answer struct {
	*http.Response
	body []byte
}

func (a answer) into(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%s %s answered %d %q: %v", a.Request.Method, a.Request.URL, a.StatusCode, a.body, err)
	}
}

// noRedirect shows redirects instead of following them.
var noRedirect = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func (r *running) send(method, path string, body io.Reader, header map[string]string) answer {
	r.t.Helper()
	req, err := http.NewRequest(method, r.URL()+path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	res, err := noRedirect.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{res, b}
}

// do sends with the access token; body is nil, a string, bytes or anything JSON can hold.
func (r *running) do(method, path string, body any, header ...string) answer {
	r.t.Helper()
	h := map[string]string{"Authorization": "Bearer " + r.token}
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	case []byte:
		reader = bytes.NewReader(b)
	default:
		j, err := json.Marshal(b)
		if err != nil {
			r.t.Fatal(err)
		}
		reader, h["Content-Type"] = bytes.NewReader(j), "application/json"
	}
	for i := 0; i+1 < len(header); i += 2 {
		h[header[i]] = header[i+1]
	}
	return r.send(method, path, reader, h)
}

// want checks the status, and that every error is problem+json with a detail.
func (a answer) want(t *testing.T, status int) answer {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("%s %s answered %d, want %d: %s", a.Request.Method, a.Request.URL, a.StatusCode, status, a.body)
	}
	if status < 400 {
		return a
	}
	if ct := a.Header.Get("Content-Type"); ct != api.ProblemType {
		t.Errorf("%s %s: content type %q, want %q", a.Request.Method, a.Request.URL, ct, api.ProblemType)
	}
	var p struct {
		Title, Detail string
		Status        int
	}
	a.into(t, &p)
	if p.Status != status || p.Title == "" || p.Detail == "" {
		t.Errorf("%s %s: problem %s", a.Request.Method, a.Request.URL, a.body)
	}
	return a
}

// mentions checks that an answer names what it is about.
func (a answer) mentions(t *testing.T, words ...string) answer {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(string(a.body), w) {
			t.Errorf("%s %s: %s does not mention %q", a.Request.Method, a.Request.URL, a.body, w)
		}
	}
	return a
}

func (r *running) scan(a answer) store.Scan {
	r.t.Helper()
	var sc store.Scan
	a.into(r.t, &sc)
	return sc
}

// eyes opens the database of the server anew.
func (r *running) eyes() *sql.DB {
	r.t.Helper()
	driver, address := "sqlite3", filepath.Join(r.cfg.DataDir, store.FileName)
	if r.cfg.Database != "" {
		driver, address = "pgx", r.cfg.Database
	}
	db, err := sql.Open(driver, address)
	if err != nil {
		r.t.Fatal(err)
	}
	return db
}

// rows counts what uploads leave behind, with eyes of its own: scans; without any scan also files and findings.
func (r *running) rows() int {
	r.t.Helper()
	db := r.eyes()
	defer db.Close()
	var scans, rest int
	if err := db.QueryRow("SELECT (SELECT count(*) FROM scans), (SELECT count(*) FROM files) + (SELECT count(*) FROM findings)").
		Scan(&scans, &rest); err != nil {
		r.t.Fatal(err)
	}
	if scans == 0 && rest != 0 {
		r.t.Errorf("no scan is stored but %d files and findings are", rest)
	}
	return scans
}

// jcamp is a small Raman file whose title decides the stand-in's answer.
func jcamp(title string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "##TITLE=%s\n##JCAMP-DX=4.24\n##DATA TYPE=RAMAN SPECTRUM\n##ORIGIN=made for a test\n##OWNER=public domain\n"+
		"##XUNITS=1/CM\n##YUNITS=ARBITRARY UNITS\n##XFACTOR=1\n##YFACTOR=1\n##FIRSTX=200\n##LASTX=250\n##NPOINTS=51\n##FIRSTY=1\n##XYDATA=(X++(Y..Y))\n", title)
	for i := range 51 {
		fmt.Fprintf(&b, "%d %d\n", 200+i, 1+i*i%17)
	}
	b.WriteString("##END=\n")
	return b.String()
}

// spectrum is what a program sends as JSON.
func spectrum(title string) spectra.Spectrum {
	return spectra.Spectrum{Title: title, Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Counts,
		X: []float64{200, 201, 202}, Y: []float64{1, 5, 2}}
}

// jsonSpectrum is the same as a file.
func jsonSpectrum(title string) string {
	b, err := json.Marshal(spectrum(title))
	if err != nil {
		panic(err)
	}
	return string(b)
}

// asProgram is the time of a test, on behalf of the program itself.
func asProgram(t testing.TB) context.Context { return store.ByProgram(t.Context(), "test") }
