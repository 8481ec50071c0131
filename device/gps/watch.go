package gps

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// fresh is how long a fix says where the receiver is: who carries it walks a few metres meanwhile.
	fresh = 10 * time.Second
	// reopen is the pause before a receiver that has failed is opened again.
	reopen = 5 * time.Second
)

// ErrNoFix: the receiver has told nothing lately; the reason follows.
var ErrNoFix = errors.New("no position from the GPS receiver")

// Watcher keeps the newest fix of a receiver that may be unplugged and plugged in again.
type Watcher struct {
	mu   sync.Mutex
	fix  Fix
	at   time.Time // by the host's clock
	err  error
	done chan struct{}
}

// Watch opens the receiver at path in the background and keeps reading until ctx ends; Done is closed then.
func Watch(ctx context.Context, path string, o Options) *Watcher {
	w := &Watcher{err: errors.New("it has not spoken yet"), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		for ctx.Err() == nil {
			w.failed(w.read(ctx, path, o))
			timer := time.NewTimer(reopen)
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
			timer.Stop()
		}
	}()
	return w
}

// read keeps reading until the receiver fails.
func (w *Watcher) read(ctx context.Context, path string, o Options) error {
	r, err := Open(ctx, path, o)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		f, err := r.Fix(ctx)
		if err != nil {
			return err
		}
		w.mu.Lock()
		w.fix, w.at, w.err = f, time.Now(), nil
		w.mu.Unlock()
	}
}

func (w *Watcher) failed(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
}

// Last returns the newest fix, whatever it is worth; ErrNoFix when it is older than ten seconds or there is none.
func (w *Watcher) Last() (Fix, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.err != nil:
		return Fix{}, fmt.Errorf("%w: %w", ErrNoFix, w.err)
	case time.Since(w.at) > fresh:
		return Fix{}, fmt.Errorf("%w: the last came %v ago", ErrNoFix, time.Since(w.at).Round(time.Second))
	}
	return w.fix, nil
}

// Await waits for a fix that is evidence, and when none has come by the end of ctx returns the newest, or ErrNoFix.
func (w *Watcher) Await(ctx context.Context) (Fix, error) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		f, err := w.Last()
		if err == nil && f.Evidence() == nil {
			return f, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return f, err
		}
	}
}

// Done is closed when the watcher has let go of its port.
func (w *Watcher) Done() <-chan struct{} { return w.done }
