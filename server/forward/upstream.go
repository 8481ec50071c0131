package forward

import (
	"net/http"
	"net/url"

	"fentrace/server/client"
)

// ParseUpstream checks the address of the server that scans are sent to (client.ParseAddress).
func ParseUpstream(text string) (*url.URL, error) { return client.ParseAddress("upstream", text) }

// NewClient returns a client for sending: it checks certificates against the system's, follows no redirect, and gives
// up a connection that is not made in time.
func NewClient() *http.Client { return client.NewHTTP(nil) }
