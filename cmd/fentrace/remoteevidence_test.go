package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"fentrace/server/store"
)

// packChanged is a proxy before a server that changes evidence packs on their way.
func packChanged(t *testing.T, address string, change func(pack []byte) []byte) string {
	t.Helper()
	to, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Header.Set("Accept-Encoding", "identity") // so that what is changed is the pack
	}}
	proxy.ModifyResponse = func(res *http.Response) error {
		if !strings.HasSuffix(res.Request.URL.Path, "/evidence") || res.StatusCode != http.StatusOK {
			return nil
		}
		pack, err := io.ReadAll(res.Body)
		if err != nil {
			return err
		}
		pack = change(pack)
		res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(pack)), int64(len(pack))
		res.Header.Set("Content-Length", strconv.Itoa(len(pack)))
		return nil
	}
	s := httptest.NewServer(proxy)
	t.Cleanup(s.Close)
	return s.URL
}

func TestAnEvidencePackIsMadeByAServerAndCheckedBeforeItIsWritten(t *testing.T) {
	scan, lib := sample(t, "Fentanyl")
	f := newFar(t, lib)
	t.Chdir(t.TempDir())
	if err := os.Mkdir("in", 0o700); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(scan)
	if err == nil {
		err = os.WriteFile(filepath.Join("in", "scan.jdx"), raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.mustRun(t, "batch", "--out", "table.csv", "in")
	var sc store.Scan
	if err := json.Unmarshal([]byte(f.mustRun(t, "scans", "list", "--json")), &sc); err != nil {
		t.Fatal(err)
	}
	name := "SIMULATED-evidence-" + sc.ID + ".zip"
	out := f.mustRun(t, "export", "evidence", sc.ID, "--library", lib, "--recipient", "court", "--reason", "trial")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if !strings.Contains(out, "1 scan in "+name) {
		t.Errorf("said %s", out)
	}
	if err := os.WriteFile("log.pub", []byte(lines[len(lines)-1]), 0o600); err != nil {
		t.Fatal(err)
	}
	if checked := mustRun(t, "verify", name, "--key", "log.pub", "--library", lib); !strings.Contains(checked, "Nothing is wrong") || !strings.Contains(checked, "computed again") {
		t.Errorf("verify: %s", checked)
	}
	before, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}

	proxied := func(change func([]byte) []byte) []string {
		return []string{"export", "evidence", sc.ID, "--out", "other.zip", "--server", packChanged(t, f.address, change), "--token-file", f.token}
	}
	for _, c := range []struct {
		what string
		args []string
		code int
		says []string
	}{
		{"over the first one", append([]string{"export", "evidence", sc.ID}, f.flags...), exitUsage, []string{name, "not overwritten"}},
		{"no id", append([]string{"export", "evidence", "nonsense"}, f.flags...), exitUsage, []string{"scans list"}},
		{"no such scan", append([]string{"export", "evidence", "11111111-1111-4111-8111-111111111111", "--out", "other.zip"}, f.flags...), exitFailed, []string{"404"}},
		{"with a folder", append([]string{"export", "evidence", sc.ID, "--out", "other.zip", "--data", "x"}, f.flags...), exitUsage, []string{"--data with --server"}},
		{"another key", append([]string{"export", "evidence", sc.ID, "--out", "other.zip", "--key", "wrong.pub"}, f.flags...), exitFailed, []string{"another key", "nothing was written"}},
		{"a bit flipped", proxied(func(p []byte) []byte {
			p[bytes.Index(p, []byte(`"action":"collect"`))+12] ^= 1
			return p
		}), exitFailed, []string{"custody/leaves/", "nothing was written"}},
		{"cut off", proxied(func(p []byte) []byte { return p[:len(p)/2] }), exitFailed, []string{"not a whole evidence pack", "nothing was written"}},
		{"nothing", proxied(func([]byte) []byte { return nil }), exitFailed, []string{"not a whole evidence pack", "nothing was written"}},
		{"--key without a server", []string{"export", "evidence", sc.ID, "--out", "other.zip", "--key", "log.pub"}, exitUsage, []string{"--server"}},
	} {
		if err := os.WriteFile("wrong.pub", []byte("other.example.org+2dc5b0f1+AZa/bVEHzzUzx0QpIAlT4ZJpmqlvsw2VvQjVoKVUWzdL\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		code, stdout, stderr := run(t, "", c.args...)
		for _, word := range c.says {
			if code != c.code || !strings.Contains(stderr, word) {
				t.Errorf("%s: exit code %d, want %d; %q is not in %s%s", c.what, code, c.code, word, stdout, stderr)
			}
		}
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() == "other.zip" || strings.HasPrefix(e.Name(), ".part-") {
			t.Errorf("%s was left behind", e.Name())
		}
	}
	if after, err := os.ReadFile(name); err != nil || !bytes.Equal(after, before) {
		t.Errorf("the first pack was changed: %v", err)
	}
}
