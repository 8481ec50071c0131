package forward

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"time"

	"fentrace/server/client"
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
			return "", fmt.Errorf("the answer (%d, %s) is not that of a Fentrace server that stored the scan: does this network ask for a log-in first?", status, client.Printable(kind))
		}
		return scan.ID, nil
	case status >= 300 && status < 400:
		return "", fmt.Errorf("the answer leads elsewhere (%d, %s): does this network ask for a log-in first, or has the server moved?", status, client.Printable(res.Header.Get("Location")))
	}
	said := client.ReadError(res, body)
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		if said.Ours {
			return "", fmt.Errorf("%w: %w", ErrDenied, said)
		}
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
	default:
		// A proxy, too, may find a file too large; a 404 of its own only says that the server behind it is away.
		size := []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity}
		if status >= 400 && status < 500 && (said.Ours || slices.Contains(size, status)) {
			return "", fmt.Errorf("%w: %w", ErrRefused, said)
		}
	}
	return "", later{said, said.Wait}
}
