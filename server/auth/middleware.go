package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/labstack/echo/v4"

	"fentrace/server/observe"
	"fentrace/server/store"
	"fentrace/server/tlp"
)

// CookieName is the name of the session cookie.
const CookieName = "fentrace_session"

// Needs says which permission the requests of a route need; Open: they are answered without log-in. path has parameters as :name or
// {name}. It panics when there is no such permission, or when the route has one already.
func (s *Service) Needs(method, path string, p Permission) {
	key := method + " " + parameters.ReplaceAllString(path, ":$1")
	if p != Open && len(With(p)) == 0 && p != AuditRead {
		panic(fmt.Sprintf("%s names the permission %q, which no role has: see roles.go", key, p))
	}
	if _, twice := s.needs[key]; twice {
		panic(key + " is registered twice")
	}
	s.needs[key] = p
}

var parameters = regexp.MustCompile(`\{([^}]+)\}`)

// CheckRoutes panics when a route of e names no permission.
func (s *Service) CheckRoutes(e *echo.Echo) {
	for _, r := range e.Routes() {
		if r.Method == echo.RouteNotFound {
			continue
		}
		if _, ok := s.needs[r.Method+" "+r.Path]; !ok {
			panic(fmt.Sprintf("%s %s names no permission", r.Method, r.Path))
		}
	}
}

// Caller is who sends a request. Session is the session's secret, empty when an access token was used; Scope is that of the token.
type Caller struct {
	User, Role string
	Agency     string
	Clearance  tlp.Level
	Session    string
	Scope      string
	token      []byte // hash of the access token
}

type callerKey struct{}

// From returns the caller the middleware found.
func From(ctx context.Context) (Caller, bool) {
	c, ok := ctx.Value(callerKey{}).(Caller)
	return c, ok
}

// Middleware lets through whoever has a session or a token, and a role with the permission that the route needs. Pages redirect everyone else to the log-in page, the
// interface under /v1 answers 401. With a cookie, requests that change something must come from our own pages.
func (s *Service) Middleware(next echo.HandlerFunc) echo.HandlerFunc {
	let := s.let(next)
	return func(c echo.Context) error {
		err := let(c)
		s.watch(c, err)
		return err
	}
}

func (s *Service) let(next echo.HandlerFunc) echo.HandlerFunc {
	crossOrigin := http.NewCrossOriginProtection()
	return func(c echo.Context) error {
		r := c.Request()
		if err := crossOrigin.Check(r); err != nil {
			return echo.NewHTTPError(http.StatusForbidden, "this request was sent by a page of another site")
		}
		need, known := s.needs[r.Method+" "+c.Path()]
		if need == Open && known {
			if !s.limits.allow(r) {
				return tooMany(c)
			}
			return next(c)
		}
		caller, err := s.caller(r)
		if errors.Is(err, store.ErrNotFound) {
			if !s.limits.allow(r) {
				return tooMany(c)
			}
			return refuse(c)
		}
		if err != nil {
			return err
		}
		ctx := context.WithValue(r.Context(), callerKey{}, caller)
		c.SetRequest(r.WithContext(store.As(ctx, store.Principal{User: caller.User, Role: caller.Role, Agency: caller.Agency, Clearance: caller.Clearance,
			Request: observe.RequestID(ctx), Address: Host(r.RemoteAddr)})))
		if caller.Session == "" {
			s.touch(ctx, caller.token, Host(r.RemoteAddr))
		}
		if caller.Session == "" && !allows(caller.Scope, r.Method, c.Path()) {
			return echo.NewHTTPError(http.StatusForbidden, fmt.Sprintf("this access token is for %q only", caller.Scope))
		}
		if caller.Session != "" && !safe(r.Method) && r.Header.Get("Origin") == "" && r.Header.Get("Sec-Fetch-Site") == "" {
			return echo.NewHTTPError(http.StatusForbidden,
				"a request with the session cookie that changes something must say where it comes from (Origin or Sec-Fetch-Site); programs use an access token")
		}
		// A route that is not known is none: whoever is logged in is told so.
		if known && !caller.May(need) {
			return echo.NewHTTPError(http.StatusForbidden, fmt.Sprintf("your role is %s; this needs the permission %s, which these roles have: %s",
				caller.Role, need, strings.Join(With(need), ", ")))
		}
		return next(c)
	}
}

// Same reports whether the account that sent a request may still do and see what it might then. A session that has ended, or that nobody
// has used for too long, ends what was begun with it.
func (s *Service) Same(ctx context.Context, then Caller) bool {
	var u store.User
	var err error
	now := s.clock()
	if then.Session != "" {
		u, _, err = s.store.SessionUser(ctx, hash(then.Session), now, s.unusedSince(now))
	} else {
		u, _, err = s.store.TokenUser(ctx, then.token, now)
	}
	return err == nil && u.Name == then.User && u.Role == then.Role && u.Agency == then.Agency && u.Clearance == then.Clearance
}

// unusedSince is since when a session must have been used.
func (s *Service) unusedSince(now time.Time) time.Time {
	if s.idle > 0 {
		return now.Add(-s.idle)
	}
	return time.Time{}
}

func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

func (s *Service) caller(r *http.Request) (Caller, error) {
	if h := r.Header.Get("Authorization"); h != "" {
		scheme, token, _ := strings.Cut(h, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return Caller{}, store.ErrNotFound
		}
		hashed := hash(strings.TrimSpace(token))
		u, scope, err := s.store.TokenUser(r.Context(), hashed, s.clock())
		s.endExpired(r.Context(), hashed, err)
		return Caller{User: u.Name, Role: u.Role, Agency: u.Agency, Clearance: u.Clearance, Scope: scope, token: hashed}, err
	}
	cookie, err := r.Cookie(CookieName)
	if err != nil {
		return Caller{}, store.ErrNotFound
	}
	u, err := s.sessionUser(r.Context(), cookie.Value)
	s.endExpired(r.Context(), hash(cookie.Value), err)
	return Caller{User: u.Name, Role: u.Role, Agency: u.Agency, Clearance: u.Clearance, Session: cookie.Value}, err
}

// endExpired sees to it that what is refused because it has expired stays so, whatever the clock says later. What cannot be written now, as
// on a full disk, is when it is used again.
func (s *Service) endExpired(ctx context.Context, hashed []byte, err error) {
	if errors.Is(err, store.ErrNotFound) {
		now := s.clock()
		_ = s.store.EndExpired(store.ByProgram(ctx, "log-in"), hashed, now, s.unusedSince(now))
	}
}

// sessionUser is whose session it is, which is used by that.
func (s *Service) sessionUser(ctx context.Context, session string) (store.User, error) {
	now := s.clock()
	u, used, err := s.store.SessionUser(ctx, hash(session), now, s.unusedSince(now))
	if err == nil && s.idle > 0 && now.Sub(used) >= touchEvery {
		err = s.store.TouchSession(ctx, hash(session), now)
		if errors.Is(err, store.ErrFull) || errors.Is(err, store.ErrDisk) {
			err = nil // on a full or read-only disk one may still look at what is there
		}
	}
	return u, err
}

// touch notes, once a minute, that an access token is used. It is for whoever looks at the list of tokens: a request is answered also
// when it cannot be written, as on a full disk.
func (s *Service) touch(ctx context.Context, token []byte, from string) {
	now := s.clock()
	if at, ok := s.touched.Get(string(token)); ok && now.Sub(at) < touchEvery {
		return
	}
	if s.store.TouchToken(ctx, token, from, now, touchEvery) == nil {
		s.touched.Add(string(token), now)
	}
}

func newTouched() *lru.Cache[string, time.Time] {
	c, _ := lru.New[string, time.Time](maxLimited) // fails for a size below 1 only
	return c
}

// tooMany tells an address that it asks too often without being logged in.
func tooMany(c echo.Context) error {
	c.Response().Header().Set("Retry-After", "1")
	return echo.NewHTTPError(http.StatusTooManyRequests, fmt.Sprintf("more than %d requests a second without log-in from this address; wait a moment", StrangerRate))
}

// refuse sends browsers to the log-in page and tells programs 401.
func refuse(c echo.Context) error {
	r := c.Request()
	page := !strings.HasPrefix(r.URL.Path, "/v1/") && !strings.HasPrefix(r.URL.Path, "/openapi")
	if page && safe(r.Method) {
		return c.Redirect(http.StatusSeeOther, "/login?next="+url.QueryEscape(r.URL.RequestURI()))
	}
	c.Response().Header().Set("WWW-Authenticate", `Bearer realm="fentrace"`)
	return echo.NewHTTPError(http.StatusUnauthorized, "log in first, or send an access token (Authorization: Bearer ...)")
}

// Cookie returns the session cookie to set; an empty session deletes it.
func Cookie(session string, overTLS bool) *http.Cookie {
	c := &http.Cookie{Name: CookieName, Value: session, Path: "/", HttpOnly: true, Secure: overTLS,
		SameSite: http.SameSiteStrictMode, MaxAge: int(SessionLife.Seconds())}
	if session == "" {
		c.MaxAge = -1
	}
	return c
}
