package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"fentrace/server/api"
)

const (
	maxReason  = 500              // characters of what a server says that are kept
	maxWait    = 10 * time.Minute // of a Retry-After that is obeyed
	maxProblem = 64 << 10         // bytes of a problem that are read
)

// Errors of a request; test with errors.Is.
var (
	// ErrDenied: the server does not know the access token, or not any more (401).
	ErrDenied = errors.New("the access token is refused")
	// ErrForbidden: the server knows who asks, and does not allow it (403).
	ErrForbidden = errors.New("not allowed")
	// ErrNotFound: there is no such thing, or not for who asks (404).
	ErrNotFound = errors.New("not found")
	// ErrConflict: it cannot be done in the state that things are in (409).
	ErrConflict = errors.New("conflict")
	// ErrLater: the server, or what stands before it, cannot answer now (429, 502, 503, 504).
	ErrLater = errors.New("not now")
)

// Error is an answer that says that something was not done.
type Error struct {
	Status int
	// Ours: a Fentrace server said so, by RFC 9457; else a proxy or another program did.
	Ours   bool
	Detail string        // in a line, fit to be shown; empty when nothing was stated
	Body   []byte        // as it came
	Wait   time.Duration // after which the server wants to be asked again; 0: it does not say
}

// ReadError is what an answer with a status of 300 or more says. The body has been read.
func ReadError(res *http.Response, body []byte) *Error {
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	e := &Error{Status: res.StatusCode, Ours: kind == api.ProblemType, Body: body, Wait: retryAfter(res.Header.Get("Retry-After"))}
	var p struct {
		Detail string
		Errors []struct{ Location, Message string }
	}
	if !e.Ours || json.Unmarshal(body, &p) != nil || p.Detail == "" {
		return e
	}
	for _, one := range p.Errors {
		p.Detail += "; " + strings.TrimSpace(one.Location+" "+one.Message)
	}
	e.Detail = Printable(p.Detail)
	return e
}

// Error is what the server says, with the status.
func (e *Error) Error() string {
	name := strings.TrimSpace(fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status)))
	if e.Detail == "" {
		return "answered " + name
	}
	return e.Detail + " (" + name + ")"
}

// Is lets errors.Is find the kind of the error.
func (e *Error) Is(target error) bool {
	switch e.Status {
	case http.StatusUnauthorized:
		return target == ErrDenied
	case http.StatusForbidden:
		return target == ErrForbidden
	case http.StatusNotFound:
		return target == ErrNotFound
	case http.StatusConflict:
		return target == ErrConflict
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return target == ErrLater
	}
	return false
}

// readError reads the body too.
func readError(res *http.Response) *Error {
	defer res.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(res.Body, maxProblem)) // what cannot be read says nothing
	return ReadError(res, body)
}

// retryAfter reads the header's seconds; the other form, a date, would need a clock that agrees with the server's.
func retryAfter(value string) time.Duration {
	n, err := strconv.Atoi(strings.TrimSpace(value))
	if err != nil || n < 0 {
		return 0
	}
	return min(time.Duration(min(n, 1e6))*time.Second, maxWait)
}

// Printable makes what came over the network fit to be stored and shown.
func Printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	if utf8.RuneCountInString(s) > maxReason {
		s = string([]rune(s)[:maxReason]) + "…"
	}
	if s == "" {
		return "nothing stated"
	}
	return s
}
