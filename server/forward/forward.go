// Package forward sends stored scans on to another Fentrace server, in the order they were stored, each exactly once.
//
// The outbox in the store is the queue: a row is made in the transaction that stores a scan, and is done only when the
// other server has said, by the hash of the file, that it stored it. An attempt that fails in any other way, also one
// whose answer was lost, is repeated with the same bytes and the same Idempotency-Key, so that the other server stores
// one scan whatever happens in between. Several programs may send from one store at a time: they repeat each other's
// attempts, and that is all.
package forward

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"fentrace/server/client"
	"fentrace/server/store"
	"fentrace/server/tlp"
)

const (
	// MinBackoff is the wait after the first failure; it doubles with every further one up to MaxBackoff. Half of each
	// wait is random, so that vans that come back into reach together do not call together.
	MinBackoff = 2 * time.Second
	MaxBackoff = time.Minute
	// Poll is how often the queue is looked at without being told: another program may store into it.
	Poll = 10 * time.Second

	// slowest is the speed, in bytes a second, at which an attempt is still waited for.
	slowest     = 16 << 10
	attemptTime = time.Minute // besides the time that the bytes take
	maxAnswer   = 8 << 20     // bytes of an answer that are read
)

// Config says from where to where. Store, Upstream and Token are needed.
type Config struct {
	Store    *store.Store
	Upstream *url.URL // see ParseUpstream
	// Token returns the access token. It is asked before every attempt, so that it can be replaced while running.
	Token func() (string, error)
	// Client carries the requests; NewClient when nil. It must not follow redirects: they would carry the token elsewhere.
	Client *http.Client
	// Now defaults to time.Now.
	Now func() time.Time
	// Wait returns after d, when wake is closed, or when ctx ends, whichever comes first.
	Wait func(ctx context.Context, d time.Duration, wake <-chan struct{})
	// Jitter is a random number from 0 to 1.
	Jitter func() float64
	// Log is told when sending stops, a file is refused, and once when attempts begin to fail; slog.Default when nil.
	Log *slog.Logger
	// Changed, unless nil, is called when something was sent, parked or tried in vain.
	Changed func()
}

// Sender sends what waits in a store. It is safe for concurrent use.
type Sender struct {
	cfg Config
}

// New returns a Sender; it does nothing until Flush or Run is called.
func New(cfg Config) *Sender {
	if cfg.Client == nil {
		cfg.Client = NewClient()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Wait == nil {
		cfg.Wait = wait
	}
	if cfg.Jitter == nil {
		cfg.Jitter = jitter
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Changed == nil {
		cfg.Changed = func() {}
	}
	return &Sender{cfg}
}

// Result is what Flush has done, in scans.
type Result struct {
	Sent, Parked int
}

// Flush sends until nothing waits, and calls progress (unless nil) after each file. It stops at the first failure that
// is not the file's own fault and returns it: ErrDenied, the error of ctx, or a temporary one. Files that are refused
// for good are parked with the reason and passed over.
func (s *Sender) Flush(ctx context.Context, progress func(Result)) (Result, error) {
	var r Result
	ctx = store.ByProgram(ctx, "forward")
	for {
		u, err := s.cfg.Store.NextUnsent(ctx)
		if errors.Is(err, store.ErrNotFound) {
			return r, nil
		}
		if err != nil {
			return r, err
		}
		err = s.settle(ctx, u)
		switch {
		case err == nil:
			r.Sent += u.Scans
		case errors.Is(err, ErrRefused):
			r.Parked += u.Scans
		default:
			return r, err
		}
		if progress != nil {
			progress(r)
		}
	}
}

// settle makes one attempt and notes what came of it. An error that wraps ErrRefused has been noted.
func (s *Sender) settle(ctx context.Context, u store.Unsent) error {
	id, err := s.attempt(ctx, u)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx) // an attempt cut short says nothing about the server
	}
	// What the other server said is noted even if whoever asked leaves now.
	noting := context.WithoutCancel(ctx)
	defer s.cfg.Changed()
	switch {
	case err == nil:
		return s.cfg.Store.Sent(noting, u.Seq, s.cfg.Upstream.String(), id, s.cfg.Now())
	case errors.Is(err, ErrRefused):
		if noteErr := s.cfg.Store.Park(noting, u.Seq, err.Error(), s.cfg.Now()); noteErr != nil {
			return fmt.Errorf("note that %s was refused: %w", u.Filename, noteErr)
		}
		s.cfg.Log.Warn("a scan was refused by the other server and is kept here", slog.Int64("number", u.Seq)) // why is in the queue: it may name the file, and with it a case
		return err
	}
	noteErr := s.cfg.Store.NotSent(noting, u.Seq, err.Error(), s.cfg.Now())
	return errors.Join(fmt.Errorf("send %s to %s: %w", u.Filename, client.Place(s.cfg.Upstream), err), noteErr)
}

// attempt sends one file and returns the id that its scan has there.
func (s *Sender) attempt(ctx context.Context, u store.Unsent) (id string, err error) {
	token, err := s.cfg.Token()
	if err != nil {
		return "", err
	}
	body, kind, err := s.form(ctx, u)
	if err != nil {
		return "", err
	}
	limit := attemptTime + time.Duration(len(body)/slowest)*time.Second
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %v", limit))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.cfg.Upstream.JoinPath("/v1/scans").String(), bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Idempotency-Key", strconv.Quote(u.Key)) // a structured field string, RFC 8941
	req.Header.Set("User-Agent", "fentrace")
	res, err := s.cfg.Client.Do(req)
	if err != nil {
		return "", client.Cause(ctx, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return "", fmt.Errorf("read the answer: %w", client.Cause(ctx, err))
	}
	id, err = judge(res, answer, u.SHA256)
	if errors.Is(err, ErrDenied) {
		err = denied{err, token}
	}
	return id, err
}

// form is the upload of one file: its bytes, the circumstances as stated here, and every answer given so far.
func (s *Sender) form(ctx context.Context, u store.Unsent) (body []byte, contentType string, err error) {
	ctx = store.As(ctx, store.Principal{User: "forward", Program: true, Agency: u.Agency})
	file, err := s.cfg.Store.File(ctx, u.SHA256)
	if err != nil {
		return nil, "", err
	}
	scans, err := s.cfg.Store.ByHash(ctx, u.SHA256)
	if err != nil {
		return nil, "", err
	}
	if len(scans) == 0 {
		return nil, "", fmt.Errorf("file %s has no scan: %w", file.Name, store.ErrNotFound)
	}
	send := client.File{Name: file.Name, Raw: file.Raw, Fields: store.Fields{Case: scans[0].Case, Exhibit: scans[0].Exhibit, Officer: scans[0].Officer}}
	if l := scans[0].Location; l != nil {
		send.Fields.Location = *l
	}
	send.Fields.TLP = scans[0].TLP
	for _, sc := range scans {
		send.Answers = append(send.Answers, sc.Answers()...)
		send.Fields.TLP = tlp.Strictest(send.Fields.TLP, sc.TLP)
	}
	return send.Form()
}
