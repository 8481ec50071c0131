package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fentrace/library/identify"
	"fentrace/server/store"
)

// serving runs `fentrace serve` on a free port, or the given address, until end is called, and returns where it is.
func serving(t *testing.T, args ...string) (address string, end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	read, write := io.Pipe()
	ended := make(chan int, 1)
	var stderr bytes.Buffer
	go func() {
		ended <- Run(ctx, append([]string{"serve"}, args...), nil, write, &stderr)
		write.Close()
	}()
	done := false
	end = func() {
		if done {
			return
		}
		done = true
		cancel()
		if code := <-ended; code != exitOK {
			t.Errorf("the server ended with exit code %d: %s", code, &stderr)
		}
	}
	t.Cleanup(end)
	lines := bufio.NewScanner(read)
	if !lines.Scan() {
		t.Fatal("the server printed nothing")
	}
	go io.Copy(io.Discard, read)
	_, address, _ = strings.Cut(lines.Text(), "Fentrace is at ")
	return address, end
}

// central is a server that others send to. It does not run until serve is called: the network is down.
type central struct {
	address, data, token string
	flags                []string // that name it to those who send
}

func newCentral(t *testing.T) central {
	t.Helper()
	c := central{data: filepath.Join(t.TempDir(), "central")}
	var end func()
	c.address, end = serving(t, "--listen", "127.0.0.1:0", "--data", c.data)
	end()
	c.token = strings.TrimSpace(mustRun(t, "serve", "--data", c.data, "--new-token", "van 7"))
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(c.token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.flags = []string{"--upstream", c.address, "--upstream-token-file", file}
	return c
}

func (c central) serve(t *testing.T) {
	t.Helper()
	serving(t, "--listen", strings.TrimPrefix(c.address, "http://"), "--data", c.data)
}

// scansAt returns the scans a server lists, in whole.
func scansAt(t *testing.T, address, token string) []store.Scan {
	t.Helper()
	get := func(path string, v any) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if err := json.NewDecoder(res.Body).Decode(v); err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d, %v", path, res.StatusCode, err)
		}
	}
	var page struct{ Scans []store.Scan }
	get("/v1/scans", &page)
	for i, sc := range page.Scans {
		get("/v1/scans/"+sc.ID, &page.Scans[i])
	}
	return page.Scans
}

func TestScansTakenWithoutANetworkAreKeptAndSentLater(t *testing.T) {
	t.Parallel()
	recorded, lib := sample(t, "Fentanyl")
	port := emulate(t, "--type", "qepro", "--spectrum", recorded)
	central := newCentral(t)
	van, address := filepath.Join(t.TempDir(), "van"), central.address
	to := append([]string{"--data", van}, central.flags...)
	scan := append([]string{"scan", "--port", port, "--library", lib, "--json"}, to...)

	var shown []identify.Identification
	for i, want := range []string{"1 scan waits to be sent", "2 scans wait to be sent"} {
		code, out, stderr := run(t, "", scan...)
		var got struct{ Identification identify.Identification }
		if err := json.Unmarshal([]byte(out), &got); err != nil || code != exitOK || !strings.Contains(stderr, want) || !strings.Contains(stderr, "refused") {
			t.Fatalf("scan %d: exit code %d, %v\n%s%s", i, code, err, out, stderr)
		}
		shown = append(shown, got.Identification)
	}
	code, out, stderr := run(t, "", append([]string{"send"}, to...)...)
	if code != exitFailed || !strings.Contains(out, "0 scans sent; 2 scans wait") || !strings.Contains(stderr, "connection refused") {
		t.Errorf("send without a network: exit code %d\n%s%s", code, out, stderr)
	}
	out = mustRun(t, "queue", "--data", van)
	for _, want := range []string{"2 scans wait to be sent", simulatedTag, "ALARM", "connection refused", "attempts"} {
		if !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
			t.Errorf("the queue says nothing of %q:\n%s", want, out)
		}
	}
	if unfit(out) != "" {
		t.Errorf("%s\n%s", unfit(out), out)
	}
	var queue queueJSON
	if err := json.Unmarshal([]byte(mustRun(t, "queue", "--json", "--data", van)), &queue); err != nil || queue.Waiting != 2 || len(queue.Files) != 2 || queue.LastError == "" {
		t.Errorf("queue %+v, %v", queue, err)
	}

	// The network returns, and a server runs on the folder of the van meanwhile.
	serving(t, "--listen", "127.0.0.1:0", "--data", van)
	central.serve(t)
	if out := mustRun(t, append([]string{"send"}, to...)...); !strings.Contains(out, "2 scans sent; 0 scans wait") {
		t.Errorf("%s", out)
	}
	if code, _, stderr := run(t, "", scan...); code != exitOK || strings.Contains(stderr, "wait") || !strings.Contains(stderr, "1 scan sent") {
		t.Errorf("a scan with a network: exit code %d\n%s", code, stderr)
	}
	there := scansAt(t, address, central.token)
	if len(there) != 3 {
		t.Fatalf("%d scans arrived", len(there))
	}
	for _, ans := range shown {
		kept := false
		for _, sc := range there {
			for _, f := range sc.FieldAnswers {
				kept = kept || sc.SHA256 == ans.SHA256 && f.Identification.Headline == ans.Headline && f.Identification.Library == ans.Library && sc.Simulated
			}
			if sc.SHA256 == ans.SHA256 && sc.Identification.Library == ans.Library {
				t.Error("the central server has another library: its answer cannot be the same")
			}
		}
		if !kept {
			t.Errorf("what was shown is not kept: %s by %s", ans.Headline, ans.Library)
		}
	}
	if out := mustRun(t, "queue", "--data", van); !strings.Contains(out, "0 scans wait") || !strings.Contains(out, "last sent") {
		t.Errorf("%s", out)
	}
}

func TestWhatCannotBeSentToIsRefusedBeforeTheLaserIsOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open, good := filepath.Join(dir, "open"), filepath.Join(dir, "good")
	for name, mode := range map[string]os.FileMode{open: 0o644, good: 0o600} {
		if err := os.WriteFile(name, []byte("ft_x"), mode); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(dir, "data")
	for says, args := range map[string][]string{
		"https only":            {"scan", "--port", "/dev/null", "--data", data, "--upstream", "http://example.org", "--upstream-token-file", good},
		"chmod 600":             {"scan", "--port", "/dev/null", "--data", data, "--upstream", "https://example.org", "--upstream-token-file", open},
		"--upstream-token-file": {"serve", "--data", data, "--upstream", "https://example.org"},
		"needs --data":          {"scan", "--port", "/dev/null", "--upstream", "https://example.org", "--upstream-token-file", good},
		"name the server too":   {"serve", "--data", data, "--upstream-token-file", good},
		"no database":           {"send", "--data", data, "--upstream", "https://example.org", "--upstream-token-file", good},
		"with --upstream":       {"send", "--data", data},
		"holds no":              {"queue", "--data", data},
	} {
		code, _, stderr := run(t, "", args...)
		if code != exitUsage || !strings.Contains(strings.Join(strings.Fields(stderr), " "), says) {
			t.Errorf("%q: exit code %d, %s", args, code, stderr)
		}
	}
	if _, err := os.Stat(data); err == nil {
		t.Error("a folder was made")
	}
}
