//go:build unix

package server

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"fentrace/server/api"
	"fentrace/server/forward"
	"fentrace/server/store"
)

// A test program with these set is a field server: it stores scans without end, prints "stored HASH" once it may be shown,
// and sends them to the address meanwhile.
const (
	crashDir   = "FENTRACE_TEST_FIELD_DIR"
	crashURL   = "FENTRACE_TEST_FIELD_UPSTREAM"
	crashToken = "FENTRACE_TEST_FIELD_TOKEN"
	crashLimit = "FENTRACE_TEST_FIELD_LIMIT" // with it no file grows beyond 4 MB, and it ends at the first failure
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		fieldWithoutEnd(dir)
	}
	if dir := os.Getenv(jobsDir); dir != "" {
		jobsWithoutEnd(dir)
	}
	os.Exit(m.Run())
}

func fieldWithoutEnd(dir string) {
	ctx := store.ByProgram(context.Background(), "test")
	fail := func(err error) {
		if err != nil {
			fmt.Println("failed", err)
			os.Exit(1)
		}
	}
	var up *forward.Config
	if address := os.Getenv(crashURL); address != "" {
		u, err := forward.ParseUpstream(address)
		fail(err)
		up = &forward.Config{Upstream: u, Token: func() (string, error) { return os.Getenv(crashToken), nil },
			Wait: func(ctx context.Context, _ time.Duration, wake <-chan struct{}) {
				select {
				case <-wake:
				case <-ctx.Done():
				case <-time.After(20 * time.Millisecond): // after a failure
				}
			}}
	}
	cfg := testConfig(dir, up)
	cfg.Queue = true
	if os.Getenv(crashLimit) != "" {
		fail(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 4 << 20, Max: 4 << 20}))
	}
	s, err := New(ctx, cfg)
	fail(err)
	if up != nil {
		go func() { fail(s.Run(ctx)) }()
	}
	for {
		title := "fentanyl " + uuid.NewString()
		sc, _, err := s.Receive(ctx, api.Upload{Name: title + ".jdx", Raw: []byte(jcamp(title))})
		fail(err)
		fmt.Println("stored", sc.SHA256)
	}
}

// field starts the program above. Each line it prints is passed to said.
func startField(t *testing.T, env ...string) (child *exec.Cmd, lines *bufio.Scanner) {
	t.Helper()
	child = exec.CommandContext(asProgram(t), os.Args[0])
	child.Env = append(os.Environ(), env...)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	return child, bufio.NewScanner(out)
}

// The program is killed again and again while it stores and sends: after it said that a scan is stored, when a request
// leaves it, and when the other server has stored a scan but not yet said so.
func TestWhatWasAcknowledgedArrivesExactlyOnceThoughTheProgramIsKilledAtAnyMoment(t *testing.T) {
	up := start(t)
	network := newLine(t, up.URL())
	dir := filepath.Join(t.TempDir(), "data")
	const lives = 24
	var stored []string
	for round := range lives {
		child, lines := startField(t, crashDir+"="+dir, crashURL+"="+network.url(), crashToken+"="+up.token)
		var once sync.Once
		kill := func() { once.Do(func() { child.Process.Kill() }) } // as kill -9: nothing is flushed, nothing deferred runs
		arrived := 0
		network.onEvent(func(returning bool) {
			if arrived++; round%3 == 1 && returning && arrived > round || round%3 == 2 && !returning && arrived > round {
				kill()
			}
		})
		n := 0
		for lines.Scan() {
			sum, ok := strings.CutPrefix(lines.Text(), "stored ")
			if !ok {
				t.Fatalf("the program says %q", lines.Text())
			}
			stored = append(stored, sum)
			if n++; n == 200 || round%3 == 0 && n == 1+round {
				kill()
			}
		}
		if child.Wait(); n == 0 {
			t.Logf("round %d: killed before anything was stored", round)
		}
	}
	network.onEvent(nil)
	here := order(t, dir)
	for _, sum := range stored {
		if !slices.Contains(here, sum) {
			t.Errorf("acknowledged, but gone: %s", sum)
		}
	}
	if extra := len(here) - len(stored); extra < 0 || extra > lives {
		t.Errorf("%d scans after %d were acknowledged", len(here), len(stored))
	}
	field := newField(t, dir, upstreamTo(t, up, network.url(), nil))
	r, err := field.Send(asProgram(t), nil)
	if err != nil || r.Parked != 0 {
		t.Fatal(r, err)
	}
	there := order(t, up.cfg.DataDir)
	if !slices.Equal(there, here) {
		t.Errorf("%d scans there, %d here, or in another order", len(there), len(here))
	}
	if len(there)-r.Sent < 5 {
		t.Errorf("only %d of %d scans were sent while the program was killed: the test shows little", len(there)-r.Sent, len(there))
	}
	verifies(t, dir)
	verifies(t, up.cfg.DataDir)
	t.Logf("%d scans acknowledged in %d lives, %d stored, %d sent before the last start", len(stored), lives, len(here), len(there)-r.Sent)
}

func TestAFullDiskIsToldAndWhatWasStoredIsKeptAndSent(t *testing.T) {
	up := start(t)
	dir := filepath.Join(t.TempDir(), "data")
	child, lines := startField(t, crashDir+"="+dir, crashLimit+"=1")
	var stored []string
	last := ""
	for lines.Scan() {
		last = lines.Text()
		if sum, ok := strings.CutPrefix(last, "stored "); ok {
			stored = append(stored, sum)
		}
	}
	child.Wait()
	if len(stored) < 10 || !strings.Contains(last, store.ErrFull.Error()) {
		t.Fatalf("after %d scans it says %q", len(stored), last)
	}
	if here := order(t, dir); !slices.Equal(here, stored) {
		t.Errorf("%d scans are stored, %d were acknowledged", len(here), len(stored))
	}
	field := newField(t, dir, upstreamTo(t, up, up.URL(), nil))
	if r, err := field.Send(asProgram(t), nil); err != nil || r.Sent != len(stored) {
		t.Error(r, err)
	}
	if there := order(t, up.cfg.DataDir); !slices.Equal(there, stored) {
		t.Errorf("%d scans arrived, %d were acknowledged", len(there), len(stored))
	}
	verifies(t, dir)
}

// verifies checks that a data folder is as its log says.
func verifies(t *testing.T, dir string) {
	t.Helper()
	s, err := store.Open(asProgram(t), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	v, err := s.Verify(asProgram(t), store.VerifyOptions{Each: func(f store.Fault) { t.Errorf("%s %s: %s", f.Kind, f.ID, f.What) }})
	if err != nil || v.Scans == 0 || v.Leaves < int64(v.Scans) {
		t.Errorf("%+v, %v", v, err)
	}
}
