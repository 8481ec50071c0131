package search

import (
	"math"
	"sync"
	"sync/atomic"
)

// leading keeps the k highest scores so far, of rows that are each added once. It is safe for concurrent use.
type leading struct {
	k     int
	mu    sync.Mutex
	heap  []float64     // the least on top
	least atomic.Uint64 // bits of what reached returns
}

func newLeading(k int) *leading {
	l := &leading{k: k, heap: make([]float64, 0, k)}
	l.least.Store(math.Float64bits(math.Inf(-1)))
	return l
}

// reached is a score that k rows reach, -Inf as long as there are fewer.
func (l *leading) reached() float64 { return math.Float64frombits(l.least.Load()) }

func (l *leading) add(score float64) {
	if score <= l.reached() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case len(l.heap) < l.k:
		l.heap = append(l.heap, score)
		for i := len(l.heap) - 1; i > 0 && l.heap[i] < l.heap[(i-1)/2]; i = (i - 1) / 2 {
			l.heap[i], l.heap[(i-1)/2] = l.heap[(i-1)/2], l.heap[i]
		}
	case score > l.heap[0]:
		l.heap[0] = score
		sink(l.heap, 0)
	}
	if len(l.heap) == l.k {
		l.least.Store(math.Float64bits(l.heap[0]))
	}
}

// sink moves the value at i of a heap, whose least is on top, down to its place.
func sink[T float32 | float64](heap []T, i int) {
	for {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(heap); c++ {
			if heap[c] < heap[least] {
				least = c
			}
		}
		if least == i {
			return
		}
		heap[i], heap[least] = heap[least], heap[i]
		i = least
	}
}
