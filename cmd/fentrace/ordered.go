package main

import (
	"context"
	"runtime"
)

// ordered runs work on every item over GOMAXPROCS goroutines and hands each result to emit in the order of the items.
// At most a few results more than there are goroutines exist at any time, however slow emit is. It stops at the
// first error of emit, and hands out no new item once ctx has ended; work that is under way is finished and
// emitted. It returns emit's error, else ctx's when items were left over.
func ordered[T, R any](ctx context.Context, items []T, work func(T) R, emit func(R) error) error {
	return orderedBy(ctx, runtime.GOMAXPROCS(0), items, work, emit)
}

// orderedBy is ordered over as many goroutines as there are workers.
func orderedBy[T, R any](ctx context.Context, workers int, items []T, work func(T) R, emit func(R) error) error {
	stop := make(chan struct{}) // closed when emit failed
	queue := make(chan chan R, 2*workers)
	slots := make(chan struct{}, workers)
	left := 0
	go func() {
		defer close(queue)
		for i, item := range items {
			if ctx.Err() != nil {
				left = len(items) - i
				return
			}
			select {
			case <-stop:
				return
			case <-ctx.Done():
				left = len(items) - i
				return
			case slots <- struct{}{}:
			}
			result := make(chan R, 1)
			go func() {
				result <- work(item)
				<-slots
			}()
			queue <- result
		}
	}()
	var failed error
	for result := range queue {
		r := <-result
		if failed != nil {
			continue
		}
		if failed = emit(r); failed != nil {
			close(stop)
		}
	}
	if failed == nil && left > 0 {
		return ctx.Err()
	}
	return failed
}
