package search

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// leading keeps the k highest scores so far, of rows that are each added once, with no more of one group than each says. It is
// safe for concurrent use.
type leading struct {
	k, each int // each is 0 when groups do not matter
	mu      sync.Mutex
	best    []scored      // highest first
	least   atomic.Uint64 // bits of what reached returns
}

// scored is a score of a row of a group.
type scored struct {
	score float64
	group int
}

func newLeading(k, each int) *leading {
	l := &leading{k: k, each: each, best: make([]scored, 0, k+1)}
	l.least.Store(math.Float64bits(math.Inf(-1)))
	return l
}

// reached is a score that k rows reach, -Inf as long as there are fewer.
func (l *leading) reached() float64 { return math.Float64frombits(l.least.Load()) }

// wants reports whether a row of a group whose score is at most bound may still be among the best.
func (l *leading) wants(bound float64, group int) bool {
	if bound < l.reached() {
		return false
	}
	if l.each == 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	last, full := l.last(group)
	return !full || bound >= l.best[last].score
}

// last is the place of the lowest of a group; full is whether there may be no more.
func (l *leading) last(group int) (at int, full bool) {
	n := 0
	for i, s := range l.best {
		if s.group == group {
			at = i
			n++
		}
	}
	return at, l.each > 0 && n == l.each
}

func (l *leading) add(score float64, group int) {
	if score <= l.reached() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.each > 0 {
		if at, full := l.last(group); full {
			if score <= l.best[at].score {
				return
			}
			l.best = slices.Delete(l.best, at, at+1)
		}
	}
	at, _ := slices.BinarySearchFunc(l.best, score, func(s scored, score float64) int {
		if s.score >= score {
			return -1
		}
		return 1
	})
	l.best = slices.Insert(l.best, at, scored{score, group})
	l.best = l.best[:min(l.k, len(l.best))]
	if len(l.best) == l.k {
		l.least.Store(math.Float64bits(l.best[l.k-1].score))
	}
}
