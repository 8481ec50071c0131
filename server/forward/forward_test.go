package forward

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"fentrace/server/api"
)

const sum = "0123456789abcdef"

func TestOnlyAServerThatRepeatsTheHashHasStoredTheFile(t *testing.T) {
	const stored = `{"id":"x","sha256":"` + sum + `"}`
	const problem = `{"detail":"the reason","errors":[{"location":"query.x","message":"is wrong"}]}`
	for name, tc := range map[string]struct {
		status int
		kind   string
		body   string
		want   error // nil and no id: temporary
		says   string
	}{
		"stored":                         {201, "application/json", stored, nil, ""},
		"known":                          {200, "application/json; charset=utf-8", stored, nil, ""},
		"a log-in page":                  {200, "text/html", "<html>welcome</html>", nil, "log-in"},
		"JSON of something else":         {200, "application/json", `{"ok":true}`, nil, "log-in"},
		"another file":                   {200, "application/json", `{"id":"x","sha256":"ff"}`, nil, "log-in"},
		"the right words, no JSON":       {200, "text/html", stored, nil, "log-in"},
		"no content":                     {204, "", "", nil, "204"},
		"a redirect":                     {302, "text/html", "", nil, "elsewhere"},
		"no such token":                  {401, api.ProblemType, problem, ErrDenied, "the reason"},
		"no right":                       {403, api.ProblemType, problem, ErrDenied, "the reason"},
		"a proxy that wants a log-in":    {403, "text/html", "blocked", nil, "403"},
		"a slow client":                  {408, api.ProblemType, problem, nil, "the reason"},
		"a conflict":                     {409, api.ProblemType, problem, nil, "the reason"},
		"too many":                       {429, api.ProblemType, problem, nil, "the reason"},
		"unreadable":                     {422, api.ProblemType, problem, ErrRefused, "query.x is wrong"},
		"malformed":                      {400, api.ProblemType, problem, ErrRefused, "the reason"},
		"too large":                      {413, api.ProblemType, problem, ErrRefused, "the reason"},
		"too large for a proxy":          {413, "text/html", "too large", ErrRefused, "413"},
		"no such route, says the server": {404, api.ProblemType, problem, ErrRefused, "the reason"},
		"no such route, says a proxy":    {404, "text/html", "not found", nil, "404"},
		"broken":                         {500, api.ProblemType, problem, nil, "the reason"},
		"full":                           {507, api.ProblemType, problem, nil, "the reason"},
		"away":                           {503, "text/html", "back soon", nil, "503"},
		"problem without words":          {422, api.ProblemType, "{", ErrRefused, "422"},
	} {
		res := &http.Response{StatusCode: tc.status, Header: http.Header{"Content-Type": {tc.kind}, "Location": {"http://portal"}, "Retry-After": {"7"}}}
		id, err := judge(res, []byte(tc.body), sum)
		switch {
		case tc.says == "":
			if id != "x" || err != nil {
				t.Errorf("%s: %q, %v", name, id, err)
			}
		case id != "" || err == nil || !strings.Contains(err.Error(), tc.says):
			t.Errorf("%s: %q, %v", name, id, err)
		case tc.want == nil && (errors.Is(err, ErrDenied) || errors.Is(err, ErrRefused)), tc.want != nil && !errors.Is(err, tc.want):
			t.Errorf("%s: %v", name, err)
		}
		var asked later
		if errors.As(err, &asked) && asked.wait != 7*time.Second {
			t.Errorf("%s: asked to wait %v", name, asked.wait)
		}
	}
}

func TestWaitsGrowAndAreSpread(t *testing.T) {
	for _, j := range []float64{0, 1} {
		s := New(Config{Jitter: func() float64 { return j }})
		before := time.Duration(0)
		for n := 1; n < 100; n++ {
			d := s.backoff(n)
			if d < before || d < MinBackoff/2 || d > MaxBackoff {
				t.Fatalf("after %d failures with jitter %g: %v after %v", n, j, d, before)
			}
			before = d
		}
		if want := MaxBackoff/2 + time.Duration(j*float64(MaxBackoff/2)); before != want {
			t.Errorf("in the end it waits %v, want %v", before, want)
		}
	}
}
