package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheServerPrintsALinkThatLogsInOnceAndEndsInOrder(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	ended := make(chan int, 1)
	var stderr bytes.Buffer
	data := filepath.Join(t.TempDir(), "data")
	go func() {
		ended <- Run(ctx, []string{"serve", "--listen", "127.0.0.1:0", "--data", data}, nil, write, &stderr)
		write.Close()
	}()
	defer func() {
		cancel()
		if code := <-ended; code != exitOK {
			t.Errorf("exit code %d: %s", code, &stderr)
		}
	}()
	lines := bufio.NewScanner(read)
	link := ""
	for link == "" && lines.Scan() {
		if at := strings.Index(lines.Text(), "http"); at >= 0 && strings.Contains(lines.Text(), "#code=") {
			link = lines.Text()[at:]
		}
	}
	url, code, ok := strings.Cut(link, "/login#code=")
	if !ok {
		t.Fatalf("no link was printed: %q", link)
	}
	login := func() int {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/login", strings.NewReader(`{"code":"`+code+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Origin", url)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	if status := login(); status != http.StatusNoContent {
		t.Errorf("the first log-in is answered with %d", status)
	}
	if status := login(); status != http.StatusUnauthorized {
		t.Errorf("the second log-in with one link is answered with %d", status)
	}

	// A second link can be had while the server runs.
	out := mustRun(t, "serve", "--new-login", "--listen", strings.TrimPrefix(url, "http://"), "--data", data)
	_, code, _ = strings.Cut(strings.TrimSpace(out), "#code=")
	if status := login(); status != http.StatusNoContent {
		t.Errorf("the log-in with a new link is answered with %d:\n%s", status, out)
	}
	if code, _, stderr := run(t, "", "serve", "--listen", strings.TrimPrefix(url, "http://"), "--data", t.TempDir()); code != exitFailed ||
		!strings.Contains(stderr, "another Fentrace") {
		t.Errorf("a second server on one address: exit code %d, %s", code, stderr)
	}
}
