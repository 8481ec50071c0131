package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"fentrace/server/client"
)

const (
	// sendTime is how long one attempt may take.
	sendTime = 15 * time.Second
	// maxAnswer is how many bytes of an answer are read, and of its headers.
	maxAnswer = 64 << 10
)

// ErrGone: the receiver has answered 410 and wants no more. Whatever else Send returns is temporary.
var ErrGone = errors.New("the receiver answered 410: it wants no more")

// Message is what is sent. ID is the same however often it is.
type Message struct {
	URL, ID string
	Key     []byte
	Body    []byte // JSON
}

// Sender sends messages. It is safe for concurrent use.
type Sender struct {
	https, http *http.Client
}

// NewSender sends to public addresses and to those allowed; roots are what receivers are checked with, those of the machine when nil.
func NewSender(allowed Allowed, roots *x509.CertPool) *Sender {
	to := func(plain bool) *http.Client {
		dialer := &net.Dialer{Timeout: sendTime, Control: allowed.control(plain)}
		return &http.Client{
			Transport: &http.Transport{
				// No proxy: it would be what is dialled, and nobody would look at where it goes from there.
				Proxy: nil, DialContext: dialer.DialContext, DisableKeepAlives: true, DisableCompression: true,
				TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
				MaxResponseHeaderBytes: maxAnswer, ForceAttemptHTTP2: true,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return &Sender{https: to(false), http: to(true)}
}

// Send makes one attempt, at a time by the clock of the server. Errors: ErrGone, ErrAddress, and what is temporary; none holds the
// path of the address, which may be a secret, or the key.
func (s *Sender) Send(ctx context.Context, m Message, now time.Time) error {
	ctx, cancel := context.WithTimeoutCause(ctx, sendTime, fmt.Errorf("no answer within %v", sendTime))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.URL, bytes.NewReader(m.Body))
	if err != nil {
		return client.Cause(ctx, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "fentrace")
	req.Header.Set("Webhook-Id", m.ID)
	req.Header.Set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
	req.Header.Set("Webhook-Signature", Signature(m.Key, m.ID, now, m.Body))
	by := s.https
	if req.URL.Scheme == "http" {
		by = s.http
	}
	res, err := by.Do(req)
	if err != nil {
		return client.Cause(ctx, err)
	}
	defer res.Body.Close()
	// What it says is not kept. It is read so that a receiver which writes before it has read is not cut off; the status counts.
	_, _ = io.CopyN(io.Discard, res.Body, maxAnswer)
	switch {
	case res.StatusCode >= 200 && res.StatusCode < 300:
		return nil
	case res.StatusCode == http.StatusGone:
		return ErrGone
	case res.StatusCode >= 300 && res.StatusCode < 400:
		return fmt.Errorf("the receiver answered %d and leads elsewhere; that is not followed", res.StatusCode)
	}
	return fmt.Errorf("the receiver answered %d %s", res.StatusCode, http.StatusText(res.StatusCode))
}
