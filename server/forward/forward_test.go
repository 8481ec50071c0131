package forward

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestOnlyTLSOrThisMachineMayBeSentTo(t *testing.T) {
	for text, want := range map[string]string{
		"https://fentrace.example.org":     "https://fentrace.example.org",
		"https://example.org:8443/lab/":    "https://example.org:8443/lab",
		"http://127.0.0.1:8080":            "http://127.0.0.1:8080",
		"http://[::1]:8080/":               "http://[::1]:8080",
		"http://localhost":                 "http://localhost",
		"http://fentrace.example.org":      "", // the token would cross the network in the clear
		"http://10.0.0.7:8080":             "",
		"http://127.0.0.1.example.org":     "",
		"http://localhost.example.org":     "",
		"fentrace.example.org":             "",
		"ftp://127.0.0.1":                  "",
		"https://user:pass@example.org":    "",
		"https://example.org/?token=x":     "",
		"https://example.org/#x":           "",
		"https://":                         "",
		"https://:8443":                    "",
		"https://exa mple.org":             "",
		"":                                 "",
		"//example.org":                    "",
		"https://example.org:8443/%zz":     "",
		"HTTPS://EXAMPLE.org":              "https://EXAMPLE.org",
		"http://[::ffff:127.0.0.1]:8080/x": "http://[::ffff:127.0.0.1]:8080/x",
	} {
		u, err := ParseUpstream(text)
		if want == "" {
			if err == nil {
				t.Errorf("%q is taken for %s", text, u)
			} else if strings.Contains(err.Error(), "pass") && !strings.Contains(err.Error(), "password") {
				t.Errorf("the error repeats a password: %v", err)
			}
			continue
		}
		if err != nil || u.String() != want {
			t.Errorf("%q: %v, %v; want %s", text, u, err, want)
		}
	}
}

func TestATokenIsReadFromAFileOnlyItsOwnerMayRead(t *testing.T) {
	dir := t.TempDir()
	write := func(text string, mode os.FileMode) string {
		name := filepath.Join(dir, "token")
		os.Remove(name)
		if err := errors.Join(os.WriteFile(name, []byte(text), 0o600), os.Chmod(name, mode)); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for _, mode := range []os.FileMode{0o600, 0o400} {
		if token, err := ReadToken(write("ft_abc\n", mode)); err != nil || token != "ft_abc" {
			t.Errorf("mode %o: %q, %v", mode, token, err)
		}
	}
	for name, file := range map[string]string{
		"chmod 600":  write("ft_abc", 0o640),
		"no such":    filepath.Join(dir, "none"),
		"not a file": dir,
		"no file":    "",
	} {
		if _, err := ReadToken(file); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range map[string]string{"empty": " \n", "one line": "ft_a\nft_b", "one token": "ft a", "long": strings.Repeat("x", maxToken+1), "bytes": "ft_\x00"} {
		if token, err := ReadToken(write(text, 0o600)); err == nil {
			t.Errorf("%s: %q", name, token)
		} else if strings.Contains(err.Error(), "ft_") {
			t.Errorf("%s: the error tells the token: %v", name, err)
		}
	}
}

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
		"no such token":                  {401, problemType, problem, ErrDenied, "the reason"},
		"no right":                       {403, problemType, problem, ErrDenied, "the reason"},
		"a proxy that wants a log-in":    {403, "text/html", "blocked", nil, "403"},
		"a slow client":                  {408, problemType, problem, nil, "the reason"},
		"a conflict":                     {409, problemType, problem, nil, "the reason"},
		"too many":                       {429, problemType, problem, nil, "the reason"},
		"unreadable":                     {422, problemType, problem, ErrRefused, "query.x is wrong"},
		"malformed":                      {400, problemType, problem, ErrRefused, "the reason"},
		"too large":                      {413, problemType, problem, ErrRefused, "the reason"},
		"too large for a proxy":          {413, "text/html", "too large", ErrRefused, "413"},
		"no such route, says the server": {404, problemType, problem, ErrRefused, "the reason"},
		"no such route, says a proxy":    {404, "text/html", "not found", nil, "404"},
		"broken":                         {500, problemType, problem, nil, "the reason"},
		"full":                           {507, problemType, problem, nil, "the reason"},
		"away":                           {503, "text/html", "back soon", nil, "503"},
		"problem without words":          {422, problemType, "{", ErrRefused, "422"},
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

func TestWhatAServerSaysIsMadeFitToBeShown(t *testing.T) {
	for in, want := range map[string]string{"": "nothing stated", "a\x1b[31mb\n": "a [31mb ", "a\u202eb": "a b", "\xff": "nothing stated"} {
		if got := printable(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	if got := printable(strings.Repeat("ä", 2*maxReason)); len([]rune(got)) != maxReason+1 {
		t.Errorf("%d characters are kept", len([]rune(got)))
	}
}

func TestRetryAfterIsObeyedWithinReason(t *testing.T) {
	for in, want := range map[string]time.Duration{"": 0, "0": 0, "30": 30 * time.Second, " 30 ": 30 * time.Second, "-1": 0, "999999999999": maxWait,
		"99999999999999999999": 0, "Wed, 21 Oct 2026 07:28:00 GMT": 0} {
		if got := retryAfter(in); got != want {
			t.Errorf("%q: %v, want %v", in, got, want)
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
