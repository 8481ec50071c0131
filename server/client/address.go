package client

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path"
	"runtime"
	"strings"
)

// maxToken bounds a token file, in bytes.
const maxToken = 4096

// ParseAddress checks the address of a server, such as https://fentrace.example.org; errors begin with what it is the address of. A
// path is kept, for a server behind a proxy. Anything but this machine has to be reached by https, as the token and the scans must
// not cross a network in the clear.
func ParseAddress(what, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w", what, text, errors.Unwrap(err))
	}
	u.Path = strings.TrimRight(u.Path, "/")
	switch {
	case u.Host == "" || u.Hostname() == "":
		return nil, fmt.Errorf("%s %q: it names no server; write it like https://fentrace.example.org", what, text)
	case u.User != nil:
		return nil, fmt.Errorf("%s: the address holds a user name or password; put the access token into a file instead", what)
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%s: only server and path belong in the address, nothing after ? or #", what)
	case u.Scheme == "https":
	case u.Scheme == "http" && loopback(u.Hostname()):
	case u.Scheme == "http":
		return nil, fmt.Errorf("%s %q: over a network scans are sent by https only; http is for this machine (127.0.0.1)", what, text)
	default:
		return nil, fmt.Errorf("%s %q: the address has to begin with https://", what, text)
	}
	return u, nil
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// ReadToken reads an access token from a file of one line, which nobody but its owner may read or write.
func ReadToken(name string) (string, error) {
	if name == "" {
		return "", errors.New("read access token: no file is named")
	}
	f, err := os.Open(name)
	if err != nil {
		return "", fmt.Errorf("read access token: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return "", fmt.Errorf("read access token: %w", err)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("read access token %s: it is not a file", name)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0: // Windows keeps permissions elsewhere
		return "", fmt.Errorf("read access token %s: others on this machine may read or change it (mode %04o): chmod 600 %s",
			name, info.Mode().Perm(), path.Base(name))
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxToken+1))
	if err != nil {
		return "", fmt.Errorf("read access token %s: %w", name, err)
	}
	return CheckToken(name, string(raw))
}

// CheckToken returns the access token that a file, or a variable, of this name holds.
func CheckToken(name, text string) (string, error) {
	token := strings.TrimSpace(text)
	switch {
	case token == "":
		return "", fmt.Errorf("read access token %s: it is empty", name)
	case len(text) > maxToken, strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return "", fmt.Errorf("read access token %s: it does not hold one token on one line", name)
	}
	return token, nil
}

// Place is an address as people are told it: without the scheme.
func Place(u *url.URL) string {
	host := u.Host
	if h, p, err := net.SplitHostPort(host); err == nil && u.Scheme == "https" && p == "443" {
		host = h
	}
	return host + u.Path
}
