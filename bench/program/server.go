package program

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"
)

// readyTime is how long a server may take to be ready.
const readyTime = time.Minute

// Server is `fentrace serve`, started and ended as often as wanted on one folder and address.
type Server struct {
	URL, Metrics string // addresses; Metrics is that of what Prometheus reads
	Token        string
	Process      *Process // that runs, or ran last

	path     string
	data, db []string // flags that every command about it has
	rest     []string
	env      []string
	client   *http.Client
}

// NewServer makes the folder dir and a token for a server that answers on a free port. database is the address of a PostgreSQL
// database, or empty; flags are added to those of serve, env to its environment.
func NewServer(ctx context.Context, path, dir, database string, flags, env []string) (*Server, error) {
	listen, err := free()
	if err != nil {
		return nil, err
	}
	metrics, err := free()
	if err != nil {
		return nil, err
	}
	s := &Server{URL: "http://" + listen, Metrics: "http://" + metrics + "/metrics", path: path, data: []string{"--data", dir}, env: env,
		rest: append([]string{"--listen", listen, "--metrics", metrics}, flags...), client: &http.Client{Timeout: 5 * time.Second}}
	if database != "" {
		s.db = []string{"--db", database}
	}
	token, err := s.Command(ctx, "serve", "--new-token", "bench")
	if err != nil {
		return nil, fmt.Errorf("make a token: %w", err)
	}
	s.Token = strings.TrimSpace(token)
	return s, nil
}

// free is an address on this machine that nobody listens on.
func free() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// Command runs another command on the same folder and database and returns what it prints.
func (s *Server) Command(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, s.path, append(append(args, s.data...), s.db...)...)
	cmd.Env = append(os.Environ(), s.env...)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, said.String())
	}
	return string(out), nil
}

// Start starts it.
func (s *Server) Start() (err error) {
	s.Process, err = Start(s.path, append(append(append([]string{"serve"}, s.data...), s.db...), s.rest...), s.env)
	return err
}

// Beside starts another process of the program on the same database, such as a worker, with a folder of its own.
func (s *Server) Beside(command, dir string, flags ...string) (*Process, error) {
	return Start(s.path, append(append([]string{command, "--data", dir}, s.db...), flags...), s.env)
}

// Ready waits until the server says that it is of use.
func (s *Server) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	for {
		if s.IsReady(ctx) {
			return nil
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-s.Process.Ended():
			return fmt.Errorf("the server ended with %v\n%s", s.Process.err, s.Process.Said())
		case <-ctx.Done():
			return fmt.Errorf("the server is not ready: %w\n%s", ctx.Err(), s.Process.Said())
		}
	}
}

// IsReady asks once.
func (s *Server) IsReady(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/readyz", nil)
	if err != nil {
		return false
	}
	res, err := s.client.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body) // the connection is used again
	return res.StatusCode == http.StatusOK
}
