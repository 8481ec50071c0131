package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// serving is a server that runs.
type serving struct {
	cmd          *exec.Cmd
	url, metrics string
	token        string
	said         bytes.Buffer
	client       *http.Client
}

// free is an address on this machine that nobody listens on.
func free() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// serve starts a server on a new folder and waits until it is ready.
func (b *bench) serve(ctx context.Context, program, dir, database string) (*serving, error) {
	listen, err := free()
	if err != nil {
		return nil, err
	}
	metrics, err := free()
	if err != nil {
		return nil, err
	}
	flags := []string{"serve", "--data", dir, "--listen", listen}
	if database != "" {
		flags = append(flags, "--db", database)
	}
	token, err := exec.CommandContext(ctx, program, append(flags, "--new-token", "bench")...).Output()
	if err != nil {
		return nil, fmt.Errorf("make a token: %w", err)
	}
	s := &serving{url: "http://" + listen, metrics: "http://" + metrics + "/metrics", token: strings.TrimSpace(string(token)),
		client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: b.senders, MaxConnsPerHost: 0}}}
	s.cmd = exec.CommandContext(ctx, program, append(flags, "--metrics", metrics)...)
	s.cmd.Stderr = &s.said
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for range 300 {
		res, err := s.client.Get(s.url + "/readyz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return s, nil
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil, fmt.Errorf("the server is not ready: %w\n%s", s.end(), &s.said)
}

// end ends the server in order.
func (s *serving) end() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("the server ended with %w\n%s", err, &s.said)
	}
	return nil
}

// answering is how many spectra were answered, and how long that took in all, s.
func (s *serving) answering() (n, seconds float64, err error) {
	res, err := s.client.Get(s.metrics)
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
