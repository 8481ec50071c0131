package server

import (
	"context"
	"database/sql"

	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fentrace/server/forward"
	"fentrace/server/store"
	"fentrace/spectra"
)

// deadline ends a test that would hang; it measures nothing.
const deadline = time.Minute

// line is a network between two servers: it can be down, and it can cut a connection after so many bytes.
type line struct {
	listener net.Listener

	mu       sync.Mutex
	target   string
	down     bool
	up, back int64 // bytes let through to the server and back from it; negative: all
	// counted on the last connection
	sent, returned int64
	event          func(returning bool) // see onEvent
}

func newLine(t *testing.T, target string) *line {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &line{listener: l, target: strings.TrimPrefix(target, "http://"), up: -1, back: -1}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go n.carry(conn)
		}
	}()
	return n
}

func (n *line) url() string { return "http://" + n.listener.Addr().String() }

func (n *line) set(down bool, up, back int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down, n.up, n.back = down, up, back
}

// onEvent sets what is called when bytes have come in, or back, before they are passed on. Calls do not
// overlap.
func (n *line) onEvent(f func(returning bool)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.event = f
}

func (n *line) happened(returning bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.event != nil {
		n.event(returning)
	}
}

func (n *line) lengths() (sent, returned int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.sent, n.returned
}

func (n *line) carry(client net.Conn) {
	defer client.Close()
	n.mu.Lock()
	down, up, back, target := n.down, n.up, n.back, n.target
	n.sent, n.returned = 0, 0
	n.mu.Unlock()
	if down {
		return
	}
	server, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer server.Close()
	ended := make(chan struct{}, 2)
	pass := func(dst io.Writer, src io.Reader, limit int64, count *int64) {
		defer func() { ended <- struct{}{} }()
		for buf := make([]byte, 32<<10); limit != 0; {
			if limit > 0 {
				buf = buf[:min(int64(len(buf)), limit)]
			}
			got, err := src.Read(buf)
			if got > 0 {
				n.happened(count == &n.returned)
			}
			n.mu.Lock()
			*count += int64(got)
			n.mu.Unlock()
			if limit > 0 {
				limit -= int64(got)
			}
			if _, writeErr := dst.Write(buf[:got]); err != nil || writeErr != nil {
				return
			}
		}
		if count == &n.returned {
			src.Read(make([]byte, 1)) // the server has answered, and none of it is passed on
		}
	}
	go pass(server, client, up, &n.sent)
	go pass(client, server, back, &n.returned)
	<-ended // then both ends are cut
}

// upstreamTo is a Config to send to r at address, without real waiting: a wait lasts until tick, a wake or the end.
func upstreamTo(t *testing.T, r *running, address string, tick chan struct{}) *forward.Config {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	client := forward.NewClient()
	client.Transport.(*http.Transport).DisableKeepAlives = true // each attempt is a connection of its own
	return &forward.Config{Upstream: u, Client: client, Token: func() (string, error) { return r.token, nil },
		Wait: func(ctx context.Context, _ time.Duration, wake <-chan struct{}) {
			select {
			case <-tick:
			case <-wake:
			case <-ctx.Done():
			}
		}}
}

// newField is a server that sends to upstream when it is told to: nothing runs in the background.
func newField(t *testing.T, dir string, up *forward.Config) *Server {
	t.Helper()
	s, err := New(asProgram(t), testConfig(dir, up))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// take stores one scan at s.
func take(t *testing.T, s *Server, title string) store.Scan {
	t.Helper()
	sc, created, err := s.Ingest(asProgram(t), title+".json", []byte(jsonSpectrum(title)), []spectra.Spectrum{spectrum(title)}, store.Fields{Case: "C " + title})
	if err != nil || !created {
		t.Fatal(created, err)
	}
	return sc
}

// order returns the hashes of the stored files in the order they were stored, with eyes of its own.
func order(t *testing.T, dir string) []string {
	t.Helper()
	db, err := sql.Open("sqlite3", filepath.Join(dir, store.FileName)+"?_busy_timeout=5000")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query("SELECT sha256 FROM scans ORDER BY seq")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var sum string
		if err := rows.Scan(&sum); err != nil {
			t.Fatal(err)
		}
		out = append(out, sum)
	}
	return out
}

// waitFor returns once cond holds, looking again at every change.
func waitFor(t *testing.T, s *Server, what string, cond func() bool) {
	t.Helper()
	late := time.After(deadline)
	for {
		changed := s.Stored()
		if cond() {
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("never came: %s", what)
		}
	}
}

func backlog(t *testing.T, s *Server) store.Backlog {
	t.Helper()
	b, err := s.store.Backlog(store.ByProgram(context.Background(), "test"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// newPortal is a server that is no Fentrace.
func newPortal(t *testing.T, h http.HandlerFunc) (address string) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// syncBuffer keeps what is written to it.
type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
