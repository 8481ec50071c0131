package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"fentrace/bench/program"
)

// serving is a server that is ready.
type serving struct {
	*program.Server
	client *http.Client
}

// serve starts a server on a new folder and waits until it is ready.
func (b *bench) serve(ctx context.Context, folder, database string, flags ...string) (*serving, error) {
	p, err := program.NewServer(ctx, b.program, filepath.Join(b.work, folder), database, flags, []string{"XDG_CACHE_HOME=" + filepath.Join(b.work, "cache")})
	if err != nil {
		return nil, err
	}
	s := &serving{p, &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: b.senders}}}
	if err := s.Start(); err != nil {
		return nil, err
	}
	if err := s.Ready(ctx); err != nil {
		s.Process.Kill()
		return nil, err
	}
	return s, nil
}

// answering is how many spectra were answered, and how long that took in all, s.
func (s *serving) answering() (n, seconds float64, err error) {
	res, err := s.client.Get(s.Metrics)
	if err != nil {
		return 0, 0, err
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		var v float64
		if _, err := fmt.Sscan(value, &v); err != nil {
			continue
		}
		switch {
		case strings.HasPrefix(name, "fentrace_answer_seconds_sum"):
			seconds += v
		case strings.HasPrefix(name, "fentrace_answer_seconds_count"):
			n += v
		}
	}
	return n, seconds, nil
}
