package forward

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Errors of an attempt; test with errors.Is. Whatever is neither of them is temporary: the same file is tried again.
var (
	// ErrDenied: the other server knows the token not, or not any more. Nothing is sent until there is another token.
	ErrDenied = errors.New("the access token is refused")
	// ErrRefused: the other server will not take this file whenever it is sent.
	ErrRefused = errors.New("refused for good")
)

// later is a temporary failure after which the server asked to wait.
type later struct {
	error
	wait time.Duration
}

// denied remembers which token it was.
type denied struct {
	error
	token string
}

func (d denied) Unwrap() error { return d.error }

const (
	problemType = "application/problem+json" // RFC 9457, which is how a Fentrace server answers every error
	maxReason   = 500                        // characters of what a server says that are kept
	maxWait     = 10 * time.Minute           // of a Retry-After that is obeyed
)

// judge says what an answer to an upload means: the id of the stored scan, or an error. Only a Fentrace server that
// repeats the hash of the file has stored it: between here and there stand networks whose log-in pages answer anything
// with 200, and proxies that answer with statuses of their own. What those say is temporary.
func judge(res *http.Response, body []byte, sum string) (id string, err error) {
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	status := res.StatusCode
	switch {
	case status == http.StatusOK || status == http.StatusCreated:
		var scan struct{ ID, SHA256 string }
		if kind != "application/json" || json.Unmarshal(body, &scan) != nil || scan.ID == "" || scan.SHA256 != sum {
			return "", fmt.Errorf("the answer (%d, %s) is not that of a Fentrace server that stored the scan: does this network ask for a log-in first?", status, printable(kind))
		}
		return scan.ID, nil
	case status >= 300 && status < 400:
		return "", fmt.Errorf("the answer leads elsewhere (%d, %s): does this network ask for a log-in first, or has the server moved?", status, printable(res.Header.Get("Location")))
	}
	ours := kind == problemType
	what := reason(status, body, ours)
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		if ours {
			return "", fmt.Errorf("%w: %s", ErrDenied, what)
		}
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
	default:
		// A proxy, too, may find a file too large; a 404 of its own only says that the server behind it is away.
		size := []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity}
		if status >= 400 && status < 500 && (ours || slices.Contains(size, status)) {
			return "", fmt.Errorf("%w: %s", ErrRefused, what)
		}
	}
	return "", later{errors.New(what), retryAfter(res.Header.Get("Retry-After"))}
}

// retryAfter reads the header's seconds; the other form, a date, would need a clock that agrees with the server's.
func retryAfter(value string) time.Duration {
	n, err := strconv.Atoi(strings.TrimSpace(value))
	if err != nil || n < 0 {
		return 0
	}
	return min(time.Duration(min(n, 1e6))*time.Second, maxWait)
}

// reason is what the server says in a line.
func reason(status int, body []byte, ours bool) string {
	name := fmt.Sprintf("%d %s", status, http.StatusText(status))
	if !ours {
		return "answered " + strings.TrimSpace(name)
	}
	var p struct {
		Detail string
		Errors []struct{ Location, Message string }
	}
	if json.Unmarshal(body, &p) != nil || p.Detail == "" {
		return "answered " + name
	}
	for _, e := range p.Errors {
		p.Detail += "; " + strings.TrimSpace(e.Location+" "+e.Message)
	}
	return printable(p.Detail) + " (" + strings.TrimSpace(name) + ")"
}

// printable makes what came over the network fit to be stored and shown.
func printable(s string) string {
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
