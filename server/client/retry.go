package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// eventStream is the media type of an answer that does not end.
const eventStream = "text/event-stream"

// Do sends a request with the access token, and again while it fails in a way that may pass: those that change nothing, or the same
// whether they are sent once or twice, and any that the server says it did not handle (429). An answer of 300 or more is an *Error,
// except 304, which is what an If-None-Match asks for.
func (c *Client) Do(req *http.Request) (*http.Response, error) {
	begun, failures := time.Now(), 0
	for {
		res, err := c.once(req)
		if err == nil {
			return res, nil
		}
		if req.Context().Err() != nil {
			return nil, context.Cause(req.Context())
		}
		failures++
		after, again := c.again(req, err, failures, time.Since(begun))
		if !again {
			return nil, fmt.Errorf("%s: %w", c.Address(), err)
		}
		if c.cfg.Retrying != nil {
			c.cfg.Retrying(err, after)
		}
		if c.cfg.Wait(req.Context(), after); req.Context().Err() != nil {
			return nil, context.Cause(req.Context())
		}
		if req.GetBody != nil {
			if req.Body, err = req.GetBody(); err != nil {
				return nil, err
			}
		}
	}
}

// once makes one attempt.
func (c *Client) once(req *http.Request) (*http.Response, error) {
	token, err := c.cfg.Token()
	if err != nil {
		return nil, tokenError{err}
	}
	ctx, cancel := req.Context(), context.CancelFunc(func() {})
	if req.Header.Get("Accept") != eventStream {
		limit := attemptTime + time.Duration(max(req.ContentLength, 0)/slowest)*time.Second
		ctx, cancel = context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %v", limit))
	}
	one := req.Clone(ctx)
	one.Header.Set("Authorization", "Bearer "+token)
	one.Header.Set("User-Agent", "fentrace")
	res, err := c.cfg.HTTP.Do(one)
	if err != nil {
		err = Cause(ctx, err)
		cancel()
		return nil, err
	}
	c.met.Store(true)
	if res.StatusCode >= 300 && res.StatusCode != http.StatusNotModified {
		defer cancel()
		return nil, readError(res)
	}
	res.Body = &cancelling{res.Body, cancel}
	return res, nil
}

// cancelling ends the time of a request when its answer has been read.
type cancelling struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (c *cancelling) Close() error {
	defer c.cancel()
	return c.ReadCloser.Close()
}

// tokenError: there is no token to ask with.
type tokenError struct{ error }

func (e tokenError) Unwrap() error { return e.error }

// again tells whether a request that failed is sent again, and after which time.
func (c *Client) again(req *http.Request, err error, failures int, spent time.Duration) (after time.Duration, ok bool) {
	if req.Body != nil && req.Body != http.NoBody && req.GetBody == nil || c.cfg.Patience < 0 || !passing(err) {
		return 0, false
	}
	var said *Error
	refused := errors.As(err, &said) && said.Status == http.StatusTooManyRequests
	if !refused && !repeatable(req) {
		return 0, false
	}
	patience := c.cfg.Patience
	if !c.met.Load() {
		patience = min(patience, firstPatience)
	}
	after = min(minBackoff<<min(failures-1, 10), maxBackoff)
	after = after/2 + time.Duration(c.cfg.Jitter()*float64(after/2))
	if said != nil {
		after = max(after, said.Wait)
	}
	return after, spent+after <= patience
}

// repeatable tells whether a request does the same once and twice.
func repeatable(req *http.Request) bool {
	switch req.Method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodOptions:
		return true
	}
	return req.Header.Get("Idempotency-Key") != ""
}

// Repeatable marks a request that may be sent again although its method does not say so.
func Repeatable(_ context.Context, req *http.Request) error {
	req.Header.Set("Idempotency-Key", strconv.Quote(uuid.NewString()))
	return nil
}

// passing tells whether a failure may be over a little later.
func passing(err error) bool {
	var said *Error
	if errors.As(err, &said) {
		return errors.Is(err, ErrLater) || said.Status == http.StatusRequestTimeout || said.Status == http.StatusTooEarly
	}
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var check *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var token tokenError
	for _, target := range []any{&unknown, &host, &invalid, &check, &record, &token} {
		if errors.As(err, target) {
			return false
		}
	}
	return true
}

// Cause drops what the message says anyway: method, address, and that a deadline is one.
func Cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
