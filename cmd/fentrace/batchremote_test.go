package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"fentrace/server/store"
	"fentrace/spectra/format"
)

// between is what stands between a client and a server, and can cut the client off.
type between struct {
	*httptest.Server
	to    atomic.Pointer[url.URL]
	files atomic.Int64 // that were handed to the server
	cut   func()       // called once as many have been as left says
	left  int64
}

func newBetween(t *testing.T, address string) *between {
	t.Helper()
	b := &between{left: -1}
	b.point(t, address)
	proxy := &httputil.ReverseProxy{ErrorLog: log.New(io.Discard, "", 0), Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(b.to.Load()) }}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/files") {
			if n := b.files.Add(1); n == b.left {
				b.cut()
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *between) point(t *testing.T, address string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	b.to.Store(u)
}

// manyFiles is a folder of n SIMULATED scans, one more that is a copy, one that cannot be read, and an archive of three.
func manyFiles(t *testing.T, n int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	scan := func(seed int) []byte {
		name := "caffeine"
		if seed%3 == 0 {
			name = "Fentanyl"
		}
		s, err := simulated(name, uint64(seed))
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := format.WriteJCAMP(&b, s); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	write := func(name string, raw []byte) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		write(fmt.Sprintf("tray/%02d.jdx", i), scan(i))
	}
	write("copy.jdx", scan(0))
	write("bad.csv", []byte("wavenumber,intensity\n400,1\n500,two\n"))
	var packed bytes.Buffer
	z := zip.NewWriter(&packed)
	for i := range 3 {
		w, err := z.Create(fmt.Sprintf("day/%d.jdx", i))
		if err == nil {
			_, err = w.Write(scan(n + i))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	write("packed.zip", packed.Bytes())
	return dir
}

// readTable reads a table without what differs for good reasons: the SHA-256 of what is from an archive, and the words about what cannot
// be read.
func readTable(t *testing.T, path string) [][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	sum, why := slices.Index(out[0], "sha256"), slices.Index(out[0], "error")
	for _, r := range out[1:] {
		if strings.Contains(r[0], ".zip/") {
			r[sum] = ""
		}
		if r[why] != "" {
			r[why] = "unread"
		}
	}
	return out
}

func TestABatchAtAServerGoesOnAfterBothWereEnded(t *testing.T) {
	t.Parallel()
	_, lib := sample(t, "Fentanyl")
	const n = 24
	dir, data := manyFiles(t, n), t.TempDir()
	here, there := filepath.Join(t.TempDir(), "here.csv"), filepath.Join(t.TempDir(), "there.csv")
	if code, _, stderr := run(t, "", "batch", "--library", lib, "--out", here, dir); code != exitFailed {
		t.Fatalf("exit code %d, %s", code, stderr)
	}
	address, end := serving(t, "--listen", "127.0.0.1:0", "--data", data, "--library", lib)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(mustRun(t, "serve", "--data", data, "--new-token", "test")), 0o600); err != nil {
		t.Fatal(err)
	}
	b := newBetween(t, address)
	flags := []string{"--server", b.URL, "--token-file", token}
	args := append([]string{"batch", "--out", there, dir}, flags...)

	// The client is interrupted in the middle, and the server ends and starts again.
	ctx, cancel := context.WithCancel(t.Context())
	b.cut, b.left = cancel, n/2
	var said bytes.Buffer
	if code := Run(ctx, args, strings.NewReader(""), &said, &said); code != exitFailed || !strings.Contains(said.String(), "interrupted") || !strings.Contains(said.String(), "run again") {
		t.Fatalf("exit code %d, %s", code, &said)
	}
	if _, err := os.Stat(there); err == nil {
		t.Error("there is a table although not all is answered")
	}
	end()
	address, end = serving(t, "--listen", "127.0.0.1:0", "--data", data, "--library", lib)
	b.point(t, address)
	before := b.files.Load()

	code, out, stderr := run(t, "", args...)
	if code != exitFailed || !strings.Contains(out, fmt.Sprintf("%d files, %d spectra answered", n+3, n+4)) || !strings.Contains(out, "NOT READ") || !strings.Contains(stderr, "going on") {
		t.Errorf("exit code %d\n%s%s", code, out, stderr)
	}
	if again := b.files.Load() - before; again >= n {
		t.Errorf("%d files were sent again", again)
	}
	if a, b := readTable(t, here), readTable(t, there); !slices.EqualFunc(a, b, slices.Equal[[]string]) {
		t.Errorf("the tables here and there differ:\n%v\n%v", a, b)
	}
	if _, err := os.Stat(there + ".batch"); err == nil {
		t.Error("a batch that is done is still kept")
	}
	atServer(t, b.URL, token, 1, n+4, n+3)

	// Once more it is a batch of its own, of files that are stored already.
	if code, _, stderr := run(t, "", args...); code != exitUsage || !strings.Contains(stderr, "--overwrite") {
		t.Errorf("a table that exists: exit code %d, %s", code, stderr)
	}
	if code, _, stderr := run(t, "", append(args, "--overwrite")...); code != exitFailed || strings.Contains(stderr, "going on") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	if a, b := readTable(t, here), readTable(t, there); !slices.EqualFunc(a, b, slices.Equal[[]string]) {
		t.Errorf("the second table differs:\n%v\n%v", a, b)
	}
	atServer(t, b.URL, token, 2, n+4, n+3)
	end()
}

// atServer checks what a server has: batches, of which the newest has files, and scans of n different files.
func atServer(t *testing.T, address, token string, batches, files, n int) {
	t.Helper()
	secret, err := os.ReadFile(token)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/v1/batches", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(secret)))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var got struct{ Batches []store.Batch }
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if len(got.Batches) != batches || got.Batches[0].Files != files || got.Batches[0].Done != n || got.Batches[0].Failed != files-n {
		t.Errorf("%d batches, %+v", len(got.Batches), got.Batches)
	}
	seen := map[string]bool{}
	lines := strings.Split(strings.TrimSpace(mustRun(t, "scans", "list", "--json", "--server", address, "--token-file", token)), "\n")
	for _, l := range lines {
		var sc store.Scan
		if err := json.Unmarshal([]byte(l), &sc); err != nil {
			t.Fatal(err)
		}
		seen[sc.SHA256] = true
	}
	if len(lines) != n || len(seen) != n {
		t.Errorf("%d scans of %d files, not %d", len(lines), len(seen), n)
	}
}

func TestABatchIsNotGivenAnotherOnesPlace(t *testing.T) {
	t.Parallel()
	scan, lib := sample(t, "Fentanyl")
	f := newFar(t, lib)
	out := filepath.Join(t.TempDir(), "out.csv")
	keep := func(text string) {
		if err := os.WriteFile(out+".batch", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	kept := func(server, batch, path string) string {
		raw, err := json.Marshal(keptBatch{Server: server, Batch: batch, Paths: []string{path}})
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	server := strings.TrimPrefix(f.address, "https://")
	for want, text := range map[string]string{
		"tells of a batch at elsewhere.example": kept("elsewhere.example", "x", scan),
		"tells of a batch at " + server:         kept(server, "x", "/other"),
		"names no batch":                        "{}",
		"remove it to begin":                    "nonsense",
	} {
		keep(text)
		if code, _, stderr := f.run(t, "batch", "--out", out, scan); code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, %s", want, code, stderr)
		}
	}
	keep(kept(server, "8d1f5c1e-0f63-4c41-9d6b-8a4b5c9f0f11", scan))
	if code, _, stderr := f.run(t, "batch", "--out", out, scan); code != exitFailed || !strings.Contains(stderr, "404") || !strings.Contains(stderr, "without that file") {
		t.Errorf("a batch that the server does not know: exit code %d, %s", code, stderr)
	}
	if err := os.Remove(out + ".batch"); err != nil {
		t.Fatal(err)
	}
	if stdout := f.mustRun(t, "batch", "--out", out, scan); !strings.Contains(stdout, "1 files, 1 spectra") {
		t.Error(stdout)
	}
	if code, _, stderr := f.run(t, "batch", "--library", lib, "--out", out+"2", scan); code != exitUsage || !strings.Contains(stderr, "--library with --server") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

func TestWhatIsSentIsCalledAfterTheFolderThatAllIsIn(t *testing.T) {
	for want, paths := range map[string][]string{
		"scans/": {"scans/a.jdx", "scans/deep/b.jdx"}, "/x/": {"/x/a/1.jdx", "/x/b/2.jdx"}, "": {"scans/a.jdx", "more.zip"},
		"../s/": {"../s/a.jdx"},
	} {
		if got := common(paths); got != want {
			t.Errorf("%v: %q, not %q", paths, got, want)
		}
	}
	if common(nil) != "" || common([]string{"a.jdx"}) != "" {
		t.Error("nothing is above nothing")
	}
}
