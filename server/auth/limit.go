package auth

import (
	"net"
	"net/http"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

const (
	// StrangerRate and StrangerBurst are how many requests a second, and at once, one address may send without being logged in.
	StrangerRate, StrangerBurst = 20, 500

	maxLimited = 10_000 // addresses remembered at once; beyond it those heard of least lately are forgotten
)

// limits are those of addresses that send requests without being logged in. Whoever is logged in is not limited by them, also not from
// the same address.
type limits struct {
	mu sync.Mutex
	of *lru.Cache[string, *rate.Limiter]
}

func newLimits() *limits {
	of, _ := lru.New[string, *rate.Limiter](maxLimited) // fails for a size below 1 only
	return &limits{of: of}
}

// Host is the host of a caller's address, for what is counted by it.
func Host(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}

// allow counts a request.
func (l *limits) allow(r *http.Request) bool {
	from := Host(r.RemoteAddr)
	l.mu.Lock()
	defer l.mu.Unlock()
	limiter, ok := l.of.Get(from)
	if !ok {
		limiter = rate.NewLimiter(StrangerRate, StrangerBurst)
		l.of.Add(from, limiter)
	}
	return limiter.Allow()
}
