package lockstep

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/serialport"
)

// line is a port to a device that is a function: what it gets a byte for, it answers through say.
type line struct {
	serialport.Port // nil: methods not used here

	mu    sync.Mutex
	in    []byte        // on its way to the host
	news  chan struct{} // has something for a Read that waits
	hear  func(b byte, say func(string))
	stuck bool
	gone  bool
}

func (l *line) Name() string { return "line" }
func (l *line) Baud() int    { return 1_000_000 }

func (l *line) say(s string) {
	l.mu.Lock()
	l.in = append(l.in, s...)
	l.mu.Unlock()
	select {
	case l.news <- struct{}{}:
	default:
	}
}

func (l *line) Write(ctx context.Context, p []byte) error {
	if l.stuck {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	for _, b := range p {
		l.hear(b, l.say)
	}
	return nil
}

func (l *line) Read(ctx context.Context, p []byte) (int, error) {
	for {
		l.mu.Lock()
		n := copy(p, l.in)
		l.in = l.in[n:]
		l.mu.Unlock()
		if n > 0 {
			return n, nil
		}
		if l.gone {
			return 0, device.ErrGone
		}
		select {
		case <-l.news:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

// newLink is a link to a device that answers '?' with '!' and everything else by the function given.
func newLink(hear func(b byte, say func(string))) (*Link, *line) {
	port := &line{news: make(chan struct{}, 1)}
	port.hear = func(b byte, say func(string)) {
		if b == '?' {
			say("!")
			return
		}
		hear(b, say)
	}
	return &Link{
		Port: port, Margin: 300 * time.Millisecond, Longest: 100,
		Probe: func(n int) []byte { return bytes.Repeat([]byte("?"), n) },
		Signs: func(b []byte) int {
			if len(bytes.Trim(b, "!")) > 0 {
				return 0
			}
			return len(b)
		},
	}, port
}

var errNo = errors.New("no")

// ask sends a letter and expects "<letter>;", or "N;" for a refusal.
func ask(letter string) Request {
	return Request{Name: "ask " + letter, Bytes: []byte(letter), Reply: 4, Parse: func(b []byte) (int, error) {
		switch {
		case bytes.HasPrefix(b, []byte(letter+";")):
			return 2, nil
		case bytes.HasPrefix(b, []byte("N;")):
			return 2, errors.Join(device.ErrRefused, errNo)
		case len(b) < 2 && (len(b) == 0 || b[0] == letter[0] || b[0] == 'N'):
			return 0, ErrIncomplete
		}
		return 0, errors.New("not the letter")
	}}
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestAnAnswerIsTakenAsItCame(t *testing.T) {
	t.Parallel()
	l, _ := newLink(func(b byte, say func(string)) { say(string(b) + ";") })
	for _, letter := range []string{"a", "b", "a"} {
		if b, err := l.Query(within(t), ask(letter)); err != nil || string(b) != letter+";" {
			t.Errorf("%q, %v", b, err)
		}
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answers []string // to the first, the second and all further requests
		want    error
	}{
		"refusal":                 {[]string{"N;"}, device.ErrRefused},
		"silence":                 {[]string{""}, device.ErrTimeout},
		"half":                    {[]string{"a", "a;"}, nil},
		"twice half":              {[]string{"a", "a"}, device.ErrProtocol},
		"noise":                   {[]string{"xyz", "a;"}, nil},
		"noise after it":          {[]string{"a;xyz", "a;"}, nil},
		"noise for ever":          {[]string{"xyz"}, device.ErrProtocol},
		"another letter's answer": {[]string{"b;a;", "a;"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, _ := newLink(func(_ byte, say func(string)) {
				say(c.answers[0])
				if len(c.answers) > 1 {
					c.answers = c.answers[1:]
				}
			})
			if _, err := l.Query(within(t), ask("a")); !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
		})
	}
}

// The answer to a request that was given up comes while the next is asked.
func TestALateAnswerIsNotTakenForANewOne(t *testing.T) {
	t.Parallel()
	l, port := newLink(nil)
	release := make(chan struct{})
	var queue []byte // a busy device reads nothing
	busy := true
	port.hear = func(b byte, say func(string)) {
		if port.mu.Lock(); busy {
			queue = append(queue, b)
			port.mu.Unlock()
			return
		}
		port.mu.Unlock()
		answer(b, say)
	}
	if _, err := l.Query(within(t), ask("a")); !errors.Is(err, device.ErrTimeout) {
		t.Fatal(err)
	}
	go func() {
		<-release
		port.mu.Lock()
		busy = false
		waiting := slices.Clone(queue)
		port.mu.Unlock()
		for _, b := range waiting {
			answer(b, port.say)
		}
	}()
	close(release)
	for range 3 { // "a" again: its late answer would fit
		b, err := l.Query(within(t), ask("a"))
		if err != nil || string(b) != "a;" {
			t.Fatalf("%q, %v", b, err)
		}
	}
	if b, err := l.Query(within(t), ask("b")); err != nil || string(b) != "b;" {
		t.Errorf("%q, %v", b, err)
	}
}

func answer(b byte, say func(string)) {
	if b == '?' {
		say("!")
	} else {
		say(string(b) + ";")
	}
}

// Probes become the rest of a command that was left half sent.
func TestACommandLeftHalfSentIsCompleted(t *testing.T) {
	t.Parallel()
	for missing := range 21 {
		t.Run(fmt.Sprint(missing), func(t *testing.T) {
			t.Parallel()
			l, port := newLink(nil)
			port.hear = func(b byte, say func(string)) {
				if missing > 0 {
					missing--
					return
				}
				answer(b, say)
			}
			l.Busy(0)
			l.Margin = 3 * time.Second
			if b, err := l.Query(within(t), ask("a")); err != nil || string(b) != "a;" {
				t.Errorf("%q, %v", b, err)
			}
		})
	}
}

func TestTheEndOfTheCallersTimeIsItsOwnError(t *testing.T) {
	t.Parallel()
	l, _ := newLink(func(byte, func(string)) {})
	l.Margin = time.Minute
	stop := errors.New("stop")
	ctx, cancel := context.WithTimeoutCause(context.Background(), 50*time.Millisecond, stop)
	defer cancel()
	if _, err := l.Query(ctx, ask("a")); !errors.Is(err, stop) || errors.Is(err, device.ErrTimeout) {
		t.Errorf("asking: %v", err)
	}
	if _, err := l.Query(ctx, ask("a")); !errors.Is(err, stop) {
		t.Errorf("getting into step: %v", err)
	}
}

func TestALineThatIsStuckOrGone(t *testing.T) {
	t.Parallel()
	l, port := newLink(func(byte, func(string)) {})
	port.stuck = true
	if _, err := l.Query(within(t), ask("a")); !errors.Is(err, device.ErrTimeout) {
		t.Errorf("stuck: %v", err)
	}
	if _, err := l.Query(within(t), ask("a")); !errors.Is(err, device.ErrTimeout) {
		t.Errorf("still stuck: %v", err)
	}
	port.stuck, port.gone = false, true
	if _, err := l.Query(within(t), ask("a")); !errors.Is(err, device.ErrGone) {
		t.Errorf("gone: %v", err)
	}
}

// A device that never falls silent and never gives a sign costs a bounded time.
func TestAFloodEndsInAnError(t *testing.T) {
	t.Parallel()
	l, port := newLink(func(byte, func(string)) {})
	done := make(chan struct{})
	defer close(done)
	go func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				port.say("flood")
			case <-done:
				return
			}
		}
	}()
	l.Busy(0)
	if _, err := l.Query(within(t), ask("a")); !errors.Is(err, device.ErrProtocol) {
		t.Errorf("error %v", err)
	}
}
