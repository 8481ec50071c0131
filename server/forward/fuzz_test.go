package forward

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"fentrace/server/api"
)

// Whatever an answer looks like: only one that repeats the hash counts as stored, and what is told of the others is fit
// to be shown.
func FuzzJudge(f *testing.F) {
	f.Add(201, "application/json", `{"id":"x","sha256":"`+sum+`"}`)
	f.Add(200, "text/html", "<html>")
	f.Add(422, api.ProblemType, `{"detail":"no","errors":[{"location":"a","message":"b"}]}`)
	f.Add(302, "", "")
	f.Fuzz(func(t *testing.T, status int, kind, body string) {
		res := &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {kind}, "Location": {body}, "Retry-After": {body}}}
		id, err := judge(res, []byte(body), sum)
		switch {
		case err == nil && (id == "" || !strings.Contains(strings.ToLower(body), sum) || status/100 != 2):
			t.Errorf("%d %q %q counts as stored", status, kind, body)
		case errors.Is(err, ErrRefused) && status/100 != 4:
			t.Errorf("%d is for good", status)
		case err != nil && (len(err.Error()) > 10*500 || strings.ContainsAny(err.Error(), "\x1b\n\x00")):
			t.Errorf("%d says %q", status, err)
		}
	})
}
