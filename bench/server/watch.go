package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"fentrace/server/client"
	"fentrace/server/store"
)

// lastHeard is how long a live page may take to hear the last of a batch that is done.
const lastHeard = 30 * time.Second

// watch hears how far a batch is, as a live page does.
type watch struct {
	end   context.CancelFunc
	ended chan struct{}
	mu    sync.Mutex
	now   store.Batch
	heard []int         // how many files were finished, each time this had become more
	more  chan struct{} // closed with the next that is heard
	err   error
}

// newWatch begins to hear.
func newWatch(ctx context.Context, s *serving, files int) (*watch, error) {
	c, err := s.ask()
	if err != nil {
		return nil, err
	}
	w := &watch{ended: make(chan struct{}), more: make(chan struct{})}
	ctx, w.end = context.WithCancel(ctx)
	go func() {
		defer close(w.ended)
		err := c.Events(ctx, nil, func(e client.Event) (bool, error) {
			if e.Name != "batch" {
				return true, nil
			}
			var b store.Batch
			if err := json.Unmarshal(e.Data, &b); err != nil {
				return false, err
			}
			return true, w.hear(b, files)
		})
		w.mu.Lock()
		defer w.mu.Unlock()
		w.err = err
		close(w.more)
	}()
	return w, nil
}

func (w *watch) hear(b store.Batch, files int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	finished := b.Done + b.Failed
	switch before := w.now.Done + w.now.Failed; {
	case w.now.ID != "" && w.now.ID != b.ID:
		return fmt.Errorf("there is a second batch, %s", b.Name)
	case finished < before || b.Files < w.now.Files:
		return fmt.Errorf("%d of %d files were finished, and later %d of %d", before, w.now.Files, finished, b.Files)
	case b.Files > files:
		return fmt.Errorf("%d files were handed in, and the batch has %d", files, b.Files)
	case finished > before:
		w.heard = append(w.heard, finished)
	}
	w.now = b
	close(w.more)
	w.more = make(chan struct{})
	return nil
}

// until waits until so many files are finished, as far as was heard, and returns what was heard last.
func (w *watch) until(ctx context.Context, h *handing, finished int) (store.Batch, error) {
	ended := h.client.Ended()
	for {
		w.mu.Lock()
		now, more, err := w.now, w.more, w.err
		w.mu.Unlock()
		switch {
		case err != nil:
			return now, fmt.Errorf("hear how far the batch is: %w", err)
		case now.Done+now.Failed >= finished:
			return now, nil
		}
		select {
		case <-more:
		case <-ended: // it ends when all is done
			ended = nil
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, lastHeard)
			defer cancel()
		case <-h.s.Process.Ended():
			return now, fmt.Errorf("the server ended\n%s", h.s.Process.Said())
		case <-ctx.Done():
			return now, errors.Join(fmt.Errorf("%d of %d files are finished, %d were waited for\nthe client says\n%s\nthe server\n%s",
				now.Done+now.Failed, now.Files, finished, h.client.Said(), h.s.Process.Said()), ctx.Err())
		}
	}
}

// rose is how often it was heard that more files were finished.
func (w *watch) rose() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.heard)
}

func (w *watch) stop() {
	w.end()
	<-w.ended
}
