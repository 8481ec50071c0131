package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"fentrace/bench/dataset"
	"fentrace/spectra"
)

const (
	// restless is how long a sender waits between two scans at most.
	restless = 60 * time.Millisecond
	// again is how long a sender waits before it tries once more.
	again = 15 * time.Millisecond
	// requestTime is how long a sender waits for an answer. What takes longer is a failure of its own.
	requestTime = 90 * time.Second
)

// scan is what the server has said of one that it acknowledged.
type scan struct {
	ID             string          `json:"id"`
	SHA256         string          `json:"sha256"`
	Verdict        string          `json:"verdict"`
	Identification json.RawMessage `json:"identification"`
}

// load sends distinct SIMULATED scans, remembers which were acknowledged, and tries those that were not again, as units in the field do.
type load struct {
	url, token string
	client     *http.Client
	files      [][]byte
	running    sync.WaitGroup
	gate       sync.RWMutex // held by who pauses all

	cut      atomic.Bool // the disk broke: pieces that were not on it yet may be gone
	mu       sync.Mutex
	next     int
	tried    map[string]int // by SHA-256: the numbers of files that may be stored
	acked    []scan         // in the order of being acknowledged
	problems map[string]int // refusals by status and text: what callers were told
	resumed  int            // uploads in pieces that went on after the server was gone
	bad      []string       // what must not happen
	work     handedIn
}

func newLoad(url, token string, files [][]byte, senders int) *load {
	return &load{url: url, token: token, files: files, tried: map[string]int{}, problems: map[string]int{},
		client: &http.Client{Timeout: requestTime, Transport: &http.Transport{MaxIdleConnsPerHost: senders}}}
}

// start sends from several senders until ctx ends; wait for l.running then.
func (l *load) start(ctx context.Context, senders int, seed uint64) {
	for i := range senders {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		l.running.Go(func() {
			for l.one(ctx, rng) && pause(ctx, time.Duration(rng.Int64N(int64(restless)))) {
			}
		})
	}
}

// pause waits; false when ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// one sends a new scan until it is acknowledged; one in ten is given up at the first failure, so that not everything stored was
// acknowledged.
func (l *load) one(ctx context.Context, rng *rand.Rand) bool {
	n, raw := l.fresh()
	way := rng.IntN(10)
	up := piecewise{said: map[string]string{"filename": "scan.jdx"}}
	for {
		l.gate.RLock()
		var sc scan
		var err error
		switch {
		case way < 3:
			sc, err = l.inPieces(ctx, &up, raw, rng)
		case way < 5:
			sc, err = l.post(ctx, raw, fmt.Sprintf("%q", fmt.Sprintf("scan-%d", n)))
		default:
			sc, err = l.post(ctx, raw, "")
		}
		l.gate.RUnlock()
		if ctx.Err() != nil {
			return false
		}
		if err == nil {
			l.acknowledged(sc, raw)
			return true
		}
		if way == 9 && !errors.Is(err, errRefused) {
			return true
		}
		if !pause(ctx, again) {
			return false
		}
	}
}

// fresh is a file that was never sent, with its number.
func (l *load) fresh() (n int, raw []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n = l.next
	l.next++
	raw = l.file(n)
	l.tried[spectra.HashBytes(raw)] = n
	return n, raw
}

// file is that of a number.
func (l *load) file(n int) []byte { return dataset.Numbered(l.files[n%len(l.files)], n) }

// inPieces goes on with a scan that is sent in pieces.
func (l *load) inPieces(ctx context.Context, up *piecewise, raw []byte, rng *rand.Rand) (scan, error) {
	header, err := up.send(ctx, l, raw, rng)
	switch {
	case err != nil:
		return scan{}, err
	case header == nil:
		return l.post(ctx, raw, "") // it is known, or was not stored and is now
	}
	sc, err := l.get(ctx, header.Get("Fentrace-Scan"))
	up.lost = err != nil // what was stored is no upload any more
	return sc, err
}

// errRefused: the server has answered that it did not store.
var errRefused = errors.New("refused")

func (l *load) acknowledged(sc scan, raw []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if sc.SHA256 != spectra.HashBytes(raw) {
		l.bad = append(l.bad, fmt.Sprintf("scan %s was acknowledged with SHA-256 %s, sent were %s", sc.ID, sc.SHA256, spectra.HashBytes(raw)))
		return
	}
	l.acked = append(l.acked, sc)
}

// failed notes what must not happen.
func (l *load) failed(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bad = append(l.bad, fmt.Sprintf(format, args...))
}

// post sends a file whole.
func (l *load) post(ctx context.Context, raw []byte, key string) (sc scan, err error) {
	header := http.Header{}
	if key != "" {
		header.Set("Idempotency-Key", key)
	}
	res, err := l.do(ctx, http.MethodPost, l.url+"/v1/scans?filename=scan.jdx", bytes.NewReader(raw), header)
	if err != nil {
		return sc, err
	}
	if res.status != http.StatusCreated && res.status != http.StatusOK {
		return sc, l.refused(res)
	}
	return sc, json.Unmarshal(res.body, &sc)
}

// get reads a stored scan.
func (l *load) get(ctx context.Context, id string) (sc scan, err error) {
	res, err := l.do(ctx, http.MethodGet, l.url+"/v1/scans/"+id, nil, nil)
	if err != nil {
		return sc, err
	}
	if res.status != http.StatusOK {
		return sc, l.refused(res)
	}
	return sc, json.Unmarshal(res.body, &sc)
}

// refused notes how the server refuses. Whatever happens around it, it says 503 or 507 and why.
func (l *load) refused(res response) error {
	var p struct{ Detail string }
	err := json.Unmarshal(res.body, &p)
	said := fmt.Sprintf("%d %s", res.status, p.Detail)
	known := []int{http.StatusServiceUnavailable, http.StatusInsufficientStorage}
	if err != nil || p.Detail == "" || !slices.Contains(known, res.status) {
		l.failed("%s was answered %d %s", res.what, res.status, res.body)
	}
	l.mu.Lock()
	l.problems[said]++
	l.mu.Unlock()
	return fmt.Errorf("%w: %s", errRefused, said)
}

// count is how many scans were acknowledged.
func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked)
}

// wrong is how much that must not happen was noted since that was taken over last.
func (l *load) wrong() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.bad)
}

// told returns how requests were refused since it was asked last.
func (l *load) told() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := l.problems
	l.problems = map[string]int{}
	return out
}

// response is one with its body read.
type response struct {
	what   string
	status int
	header http.Header
	body   []byte
}

func (l *load) do(ctx context.Context, method, url string, body io.Reader, header http.Header) (response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return response{}, err
	}
	if header != nil {
		req.Header = header
	}
	req.Header.Set("Authorization", "Bearer "+l.token)
	res, err := l.client.Do(req)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			l.failed("%s %s was not answered within %v", method, url, requestTime)
		}
		return response{}, err
	}
	defer res.Body.Close()
	said, err := io.ReadAll(res.Body)
	return response{method + " " + req.URL.Path, res.StatusCode, res.Header, said}, err
}
