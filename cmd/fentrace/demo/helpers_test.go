package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"fentrace/data"
	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/server/store"
)

// browser is a logged-in user.
type browser struct {
	t      *testing.T
	url    string
	cookie *http.Cookie
}

// follow opens a log-in link.
func follow(t *testing.T, link string) *browser {
	t.Helper()
	url, code, ok := strings.Cut(link, "/login#code=")
	if !ok {
		t.Fatalf("%q is not a log-in link", link)
	}
	b := &browser{t: t, url: url}
	res, body := b.send(http.MethodPost, "/v1/login", "application/json", []byte(`{"code":"`+code+`"}`))
	if res.StatusCode != http.StatusNoContent || len(res.Cookies()) != 1 {
		t.Fatalf("log-in answered %d %s", res.StatusCode, body)
	}
	b.cookie = res.Cookies()[0]
	return b
}

func (b *browser) send(method, path, contentType string, body []byte) (*http.Response, []byte) {
	b.t.Helper()
	req, err := http.NewRequest(method, b.url+path, bytes.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Origin", b.url)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if b.cookie != nil {
		req.AddCookie(b.cookie)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return res, answer
}

// post expects a status and a scan.
func (b *browser) post(path, contentType string, body []byte, status int) store.Scan {
	b.t.Helper()
	res, answer := b.send(http.MethodPost, path, contentType, body)
	if res.StatusCode != status {
		b.t.Fatalf("POST %s answered %d, want %d: %s", path, res.StatusCode, status, answer)
	}
	var sc store.Scan
	if err := json.Unmarshal(answer, &sc); err != nil {
		b.t.Fatalf("POST %s answered %s: %v", path, answer, err)
	}
	return sc
}

// get fills v, or returns the body when v is nil.
func (b *browser) get(path string, v any) []byte {
	b.t.Helper()
	res, answer := b.send(http.MethodGet, path, "", nil)
	if res.StatusCode != http.StatusOK {
		b.t.Fatalf("GET %s answered %d: %s", path, res.StatusCode, answer)
	}
	if v != nil {
		if err := json.Unmarshal(answer, v); err != nil {
			b.t.Fatalf("GET %s answered %s: %v", path, answer, err)
		}
	}
	return answer
}

// scans lists up to 500 scans.
func (b *browser) scans() []store.Scan {
	b.t.Helper()
	var page struct {
		Scans []store.Scan
		Total int
	}
	b.get("/v1/scans?limit=500", &page)
	if page.Total != len(page.Scans) {
		b.t.Fatalf("%d of %d scans listed", len(page.Scans), page.Total)
	}
	return page.Scans
}

// month are the scans that are not of the batch, whose files state no exhibit.
func (b *browser) month() []store.Scan {
	b.t.Helper()
	return slices.DeleteFunc(b.scans(), func(sc store.Scan) bool { return sc.Exhibit == "" && sc.Officer == chemist.name })
}

// lines waits for what the demo says.
type lines struct {
	t    *testing.T
	said chan string
	all  []string
}

func (l *lines) Write(p []byte) (int, error) {
	l.said <- string(p)
	return len(p), nil
}

// wait returns when something with these words was said.
func (l *lines) wait(words string) {
	l.t.Helper()
	for {
		select {
		case s := <-l.said:
			l.all = append(l.all, s)
			if strings.Contains(s, words) {
				return
			}
		case <-l.t.Context().Done():
			l.t.Fatalf("never said %q but %q", words, l.all)
		}
	}
}

// running is a demo under way.
type running struct {
	*browser
	*lines
	end func() error // Ctrl-C; what Run returns
}

// start runs the demo until it answers and the test, or end, ends it.
func start(t *testing.T, opts Options) running {
	t.Helper()
	out := &lines{t: t, said: make(chan string, 10000)}
	link := make(chan string, 1)
	opts.Out, opts.Listen, opts.Ready = out, "127.0.0.1:0", func(l string) { link <- l }
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	ended := make(chan struct{})
	go func() {
		done <- Run(ctx, opts)
		close(ended)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	r := running{lines: out, end: func() error {
		cancel()
		return <-done
	}}
	select {
	case l := <-link:
		r.browser = follow(t, l)
	case err := <-done:
		t.Fatalf("the demo ended at once: %v", err)
	}
	return r
}

// simulatedStack is the library of the demo.
func simulatedStack(t *testing.T) (*library.Stack, *identify.Identifier) {
	t.Helper()
	core, err := library.OpenStack(t.Context(), data.Core)
	if err != nil {
		t.Fatal(err)
	}
	substances, references, err := SimulatedLayer(core)
	if err != nil {
		t.Fatal(err)
	}
	stack := core.With(substances, references)
	id, err := identify.New(stack, identify.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return stack, id
}

func tableAndCounties(t *testing.T) (lineTable, []County) {
	t.Helper()
	table, _, err := simulatedRaman()
	if err != nil {
		t.Fatal(err)
	}
	counties, err := Counties()
	if err != nil {
		t.Fatal(err)
	}
	return table, counties
}
