package client

import (
	"errors"
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
		u, err := ParseAddress("server", text)
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

func TestWhatAServerSaysIsMadeFitToBeShown(t *testing.T) {
	for in, want := range map[string]string{"": "nothing stated", "a\x1b[31mb\n": "a [31mb ", "a\u202eb": "a b", "\xff": "nothing stated"} {
		if got := Printable(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	if got := Printable(strings.Repeat("ä", 2*maxReason)); len([]rune(got)) != maxReason+1 {
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
