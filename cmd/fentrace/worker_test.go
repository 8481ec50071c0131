package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fentrace/bench/dataset"
	built "fentrace/bench/program"
	"fentrace/data"
	"fentrace/library"
	"fentrace/server"
	"fentrace/server/client"
	"fentrace/server/client/rest"
	"fentrace/server/store/storetest"
	"fentrace/spectra"
	"fentrace/spectra/simulate"
)

// fleet is a server on PostgreSQL, as its users start it, and workers that join it.
type fleet struct {
	t        *testing.T
	program  string
	database string
	library  string
	token    string // file
	server   *built.Server
	client   *client.Client
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{t: t, database: storetest.Postgres(t), library: filepath.Join(t.TempDir(), "lab.db"), token: filepath.Join(t.TempDir(), "token")}
	largeLibrary(t, f.library, 500)
	var err error
	if f.program, err = built.Build(t.Context(), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	f.server, err = built.NewServer(t.Context(), f.program, filepath.Join(t.TempDir(), "server"), f.database, []string{"--library", f.library}, nil)
	if err == nil {
		err = os.WriteFile(f.token, []byte(f.server.Token), 0o600)
	}
	if err == nil {
		err = f.server.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.server.Process.Kill)
	if err := f.server.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(f.server.URL)
	if err == nil {
		f.client, err = client.New(client.Config{Server: at, Token: func() (string, error) { return f.server.Token, nil }})
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// largeLibrary makes a library of SIMULATED references, large enough to be prepared in files.
func largeLibrary(t *testing.T, path string, n int) {
	t.Helper()
	table, err := simulate.ParseLines(bytes.NewReader(data.SimulatedLines))
	if err != nil {
		t.Fatal(err)
	}
	var of []dataset.Sample
	for _, sub := range table {
		if sub.Technique != spectra.Raman {
			continue
		}
		s, err := simulated(sub.Name, 1)
		if err != nil {
			t.Fatal(err)
		}
		of = append(of, dataset.Sample{Substance: library.Substance{Name: sub.Name}, Spectrum: s})
	}
	if err := dataset.FillLibrary(t.Context(), path, of, n, rand.New(rand.NewPCG(5, 0))); err != nil {
		t.Fatal(err)
	}
}

// worker starts one with what a user on another machine has: the address of the database and a library.
func (f *fleet) worker(lib string, flags ...string) (p *built.Process, dir string) {
	f.t.Helper()
	dir = f.t.TempDir()
	p, err := built.Start(f.program, append([]string{"worker", "--db", f.database, "--library", lib, "--data", dir}, flags...), nil)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(p.Kill)
	return p, dir
}

// awaits waits for a condition, for two minutes at most.
func (f *fleet) awaits(what string, p *built.Process, done func() bool) {
	f.t.Helper()
	for late := time.Now().Add(2 * time.Minute); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(late) || p.HasEnded() {
			f.t.Fatalf("waited in vain until %s; the worker said\n%s\nthe server\n%s", what, p.Said(), f.server.Process.Said())
		}
	}
}

// indexOf is what a folder has of prepared references, by name.
func indexOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	paths, err := filepath.Glob(filepath.Join(dir, server.IndexFolder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		raw, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(p)] = spectra.HashBytes(raw)
	}
	return out
}

// batch hands in files and waits until they are answered.
func (f *fleet) batch(from, n int) {
	f.t.Helper()
	b, err := f.client.CreateBatch(f.t.Context(), nil, rest.CreateBatchRequest{Name: fmt.Sprint("batch ", from)})
	if err != nil {
		f.t.Fatal(err)
	}
	scans, err := dataset.CarriedScans()
	if err != nil {
		f.t.Fatal(err)
	}
	for i := range n {
		raw := dataset.Numbered(scans[i%len(scans)], from+i)
		if err := f.client.AddToBatch(f.t.Context(), b.ID, client.File{Name: fmt.Sprintf("%d.jdx", i), Raw: raw}); err != nil {
			f.t.Fatal(err)
		}
	}
	f.awaits("the batch is answered", f.server.Process, func() bool {
		now, err := f.client.Batch(f.t.Context(), b.ID)
		if err != nil {
			f.t.Fatal(err)
		}
		return now.Files == n && now.Waiting == 0
	})
}

// jobsBy counts the jobs that a process took.
func (f *fleet) jobsBy(p *built.Process) (n int) {
	f.t.Helper()
	limit := int64(500)
	page, err := f.client.Jobs(f.t.Context(), &rest.JobsParams{Limit: &limit})
	if err != nil {
		f.t.Fatal(err)
	}
	for _, j := range page.Jobs {
		if strings.HasSuffix(j.By, fmt.Sprintf(" %d", p.PID())) {
			n++
		}
	}
	return n
}

// listed tells whether a process stands among the workers.
func (f *fleet) listed(p *built.Process) bool {
	f.t.Helper()
	ws, err := f.client.Workers(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	for _, w := range ws.Workers {
		if strings.Contains(w.ID, fmt.Sprintf(" %d ", p.PID())) {
			return true
		}
	}
	return false
}

func TestAWorkerJoinsWithTheDatabaseAndTheLibraryAndFetchesWhatIsPrepared(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	have, err := f.client.Indexes(t.Context())
	if err != nil || len(have.Files) == 0 {
		t.Fatalf("the server has prepared nothing: %v", err)
	}
	// What is fetched goes by here; with change one byte of it is another one.
	var fetched atomic.Int64
	var change atomic.Bool
	at, err := url.Parse(f.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(at)
		r.Out.Header.Set("Accept-Encoding", "identity")
	}}
	by := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/v1/index/") {
			proxy.ServeHTTP(w, r)
			return
		}
		fetched.Add(1)
		answer := httptest.NewRecorder()
		proxy.ServeHTTP(answer, r)
		raw := answer.Body.Bytes()
		if change.Load() {
			raw[len(raw)/2] ^= 1
		}
		w.Write(raw) // one who does not listen any more has seen enough
	}))
	defer by.Close()
	from := []string{"--index-from", by.URL, "--index-token-file", f.token}

	w, dir := f.worker(f.library, from...)
	f.awaits("it is among the workers", w, func() bool { return f.listed(w) })
	got := indexOf(t, dir)
	for _, one := range have.Files {
		if got[one.Name] != one.SHA256 {
			t.Errorf("%s is %.12s, not the server's %.12s", one.Name, got[one.Name], one.SHA256)
		}
	}
	if n := fetched.Load(); int(n) != len(have.Files) || w.Said() != "" {
		t.Errorf("%d files of %d were fetched; it said %s", n, len(have.Files), w.Said())
	}
	for i := 0; f.jobsBy(w) == 0; i++ { // the server may be quicker
		if i == 20 {
			t.Fatal("the worker took no job of 20 batches")
		}
		f.batch(1000*i, 320)
	}

	// What is not as promised is not used, and the worker does without.
	change.Store(true)
	tampered, dir := f.worker(f.library, from...)
	f.awaits("it is among the workers", tampered, func() bool { return f.listed(tampered) })
	if said := tampered.Said(); !strings.Contains(said, "it is not used") || !strings.Contains(said, "as promised") || strings.Contains(said, f.server.Token) {
		t.Error(said)
	}
	if left, err := filepath.Glob(filepath.Join(dir, server.IndexFolder, "*.part")); err != nil || len(left) != 0 {
		t.Errorf("%v is left, %v", left, err)
	}
	for _, p := range []*built.Process{w, tampered} {
		if err := p.End(); err != nil {
			t.Error(err)
		}
	}
}

func TestAWorkerWithAnotherLibrarySaysSoAndTakesNoJob(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	other := filepath.Join(t.TempDir(), "other.db")
	largeLibrary(t, other, 30)
	w, _ := f.worker(other)
	f.awaits("it says so", w, func() bool { return strings.Contains(w.Said(), "it takes no jobs") })
	said := w.Said()
	for _, want := range []string{"no server asks for the answers of this worker", "Start it with the same library and version as the server", "library=", "asked for"} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}
	f.batch(0, 100)
	if n := f.jobsBy(w); n != 0 {
		t.Errorf("it took %d jobs", n)
	}
	if n := strings.Count(w.Said(), "it takes no jobs"); n != 1 {
		t.Errorf("it says so %d times", n)
	}
	if err := w.End(); err != nil {
		t.Error(err)
	}
}

func TestAWorkerIsToldWhatItLacks(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"needs the PostgreSQL database": {"worker"},
		"name the file with an access":  {"worker", "--db", "postgres://h/d", "--index-from", "https://h"},
		"without --index-from":          {"worker", "--db", "postgres://h/d", "--index-token-file", "x"},
		"by https only":                 {"worker", "--db", "postgres://h/d", "--index-from", "http://fentrace.example.org"},
		"no such file":                  {"worker", "--db", "postgres://h/d", "--index-from", "https://h", "--index-token-file", "none"},
		"not of the form postgres":      {"worker", "--db", "mysql://h/d"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		var out, stderr bytes.Buffer
		if code := Run(ctx, append(args, "--data", t.TempDir()), nil, &out, &stderr); code != exitUsage || !strings.Contains(stderr.String(), want) {
			t.Errorf("%v: exit code %d, %s", args, code, &stderr)
		}
		cancel()
	}
}
