package auth

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"fentrace/server/store"
)

// maxRefusals is how many different refusals are counted apart until they are taken; what is beyond is counted together, so that no
// stranger can fill the disk with them.
const maxRefusals = 100

// What was refused.
const (
	refusedLogIn   = "log-in"  // code, password or second factor; what was typed is not kept
	refusedToken   = "token"   // an access token that is none
	refusedRequest = "request" // the role, the scope of the token or the origin does not allow it
)

// refusals counts what was refused, by address and account.
type refusals struct {
	mu sync.Mutex
	of map[store.Refusal]*counted
}

type counted struct {
	n           int
	first, last time.Time
}

func (s *Service) refused(what, from, user, route string) {
	now := s.clock()
	s.refusals.mu.Lock()
	defer s.refusals.mu.Unlock()
	r := store.Refusal{What: what, From: from, User: user, Route: route}
	c := s.refusals.of[r]
	if c == nil {
		if len(s.refusals.of) >= maxRefusals {
			r = store.Refusal{What: what, From: "others"}
		}
		if c = s.refusals.of[r]; c == nil {
			c = &counted{first: now}
			s.refusals.of[r] = c
		}
	}
	c.n, c.last = c.n+1, now
}

// Refusals are those since they were taken last, with their numbers.
func (s *Service) Refusals() []store.Refused {
	s.refusals.mu.Lock()
	taken := s.refusals.of
	s.refusals.of = map[store.Refusal]*counted{}
	s.refusals.mu.Unlock()
	out := []store.Refused{}
	for _, r := range slices.SortedFunc(maps.Keys(taken), func(a, b store.Refusal) int {
		return cmp.Or(cmp.Compare(a.What, b.What), cmp.Compare(a.From, b.From), cmp.Compare(a.User, b.User), cmp.Compare(a.Route, b.Route))
	}) {
		out = append(out, store.Refused{Refusal: r, Count: taken[r].n, First: taken[r].first, Last: taken[r].last})
	}
	return out
}

// GiveBack counts refusals again that could not be noted, as far as there is room.
func (s *Service) GiveBack(rs []store.Refused) {
	s.refusals.mu.Lock()
	defer s.refusals.mu.Unlock()
	for _, r := range rs {
		if c := s.refusals.of[r.Refusal]; c != nil {
			c.n, c.first = c.n+r.Count, r.First
		} else if len(s.refusals.of) < 2*maxRefusals {
			s.refusals.of[r.Refusal] = &counted{r.Count, r.First, r.Last}
		}
	}
}

// watch counts what was refused to the request c, which was answered with err or what is in c.
func (s *Service) watch(c echo.Context, err error) {
	status := c.Response().Status
	var he *echo.HTTPError
	if errors.As(err, &he) {
		status = he.Code
	}
	r := c.Request()
	route := r.Method + " " + c.Path()
	if !slices.Contains(methods, r.Method) {
		route = c.Path() // what a stranger calls a method is not kept
	}
	switch {
	case status == http.StatusForbidden:
		caller, _ := From(r.Context())
		s.refused(refusedRequest, Host(r.RemoteAddr), caller.User, route)
	case status == http.StatusUnauthorized && r.Header.Get("Authorization") != "":
		s.refused(refusedToken, Host(r.RemoteAddr), "", route)
	}
}

var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}
