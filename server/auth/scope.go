package auth

import (
	"net/http"
	"strings"
	"time"
)

// What an access token may be used for, besides what the role of its user allows.
const (
	ScopeAll    = "all"
	ScopeRead   = "read"   // ask for anything, change nothing
	ScopeUpload = "upload" // send scans, see nothing but what is said of them: for units in the field
)

// Scopes are all of these.
var Scopes = []string{ScopeAll, ScopeRead, ScopeUpload}

// MaxTokenLife is the longest time after which a token that expires may do so.
const MaxTokenLife = 10 * 365 * 24 * time.Hour

// allows reports whether a token of that scope may be used for a request; path is the pattern of its route.
func allows(scope, method, path string) bool {
	switch scope {
	case ScopeAll:
		return true
	case ScopeRead:
		return safe(method) || answers(method, path)
	case ScopeUpload:
		return method == http.MethodPost && path == "/v1/scans" || method == http.MethodGet && path == "/v1/me" || strings.HasPrefix(path, "/v1/uploads") || answers(method, path)
	}
	return false
}

// answers: a file is answered, and nothing is stored.
func answers(method, path string) bool { return method == http.MethodPost && path == "/v1/identify" }
