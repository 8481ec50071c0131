package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// quiet is how long a stream may say nothing before it is taken for dead: the server says something every 20 seconds.
	quiet = time.Minute
	// maxEvent bounds one line of a stream, bytes.
	maxEvent = 4 << 20
)

// Event is one of GET /v1/events.
type Event struct {
	ID   int64 // of a stored scan; 0: events of this name have none
	Name string
	Data []byte
}

// errStreamEnded: the server, or the network, has ended a stream.
var errStreamEnded = errors.New("the stream of events has ended")

// Events calls f with what happens at the server after the event with this id (nil: from now on) until f returns false or an error,
// or ctx ends. A stream that breaks is taken up where it was, so that no stored scan is missed.
func (c *Client) Events(ctx context.Context, after *int64, f func(Event) (more bool, err error)) error {
	for failures := 0; ; {
		seen := false
		err := c.stream(ctx, &after, func(e Event) (bool, error) { seen = true; return f(e) })
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !errors.Is(err, errStreamEnded):
			return err
		}
		if failures++; seen {
			failures = 1
		}
		c.cfg.Wait(ctx, min(minBackoff<<min(failures-1, 10), maxBackoff))
	}
}

// stream reads one answer. An error that wraps errStreamEnded is no reason to give up.
func (c *Client) stream(ctx context.Context, last **int64, f func(Event) (bool, error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.cfg.Server.JoinPath("/v1/events").String(), http.NoBody)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", eventStream)
	if *last != nil {
		req.Header.Set("Last-Event-ID", strconv.FormatInt(**last, 10))
	}
	res, err := c.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if kind := res.Header.Get("Content-Type"); !strings.HasPrefix(kind, eventStream) {
		return fmt.Errorf("%s: the answer (%s) is no stream of events", c.Address(), Printable(kind))
	}
	dead := time.AfterFunc(quiet, cancel)
	defer dead.Stop()
	lines := bufio.NewScanner(readReset{res.Body, dead})
	lines.Buffer(nil, maxEvent)
	var e Event
	var id *int64
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "":
			if id != nil { // only a whole event counts as seen
				e.ID, *last = *id, id
			}
			if e.Data != nil {
				if more, err := f(e); err != nil || !more {
					return err
				}
			}
			e, id = Event{}, nil
		case name == "event":
			e.Name = value
		case name == "data" && e.Data == nil:
			e.Data = []byte(value)
		case name == "data":
			e.Data = append(append(e.Data, '\n'), value...)
		case name == "id":
			if n, err := strconv.ParseInt(value, 10, 64); err == nil {
				id = &n
			}
		}
	}
	return errors.Join(errStreamEnded, lines.Err())
}

// readReset puts off the end of a stream with everything that comes.
type readReset struct {
	io.Reader
	timer *time.Timer
}

func (r readReset) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if n > 0 {
		r.timer.Reset(quiet)
	}
	return n, err
}
