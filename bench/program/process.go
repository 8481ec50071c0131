package program

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// saidKept is how much of what a process writes to its standard error is kept, bytes: the last of it.
const saidKept = 64 << 10

// Process is one of the built program that runs.
type Process struct {
	cmd   *exec.Cmd
	said  tail
	ended chan struct{}
	err   error // of its end; to be read once ended is closed
}

// Start runs a program; env is added to the environment.
func Start(path string, args, env []string) (*Process, error) {
	p := &Process{cmd: exec.Command(path, args...), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stderr = &p.said
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// PID is the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// HasEnded tells whether it has ended.
func (p *Process) HasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// ExitCode is that of a process that has ended; -1 when a signal ended it.
func (p *Process) ExitCode() int { return p.cmd.ProcessState.ExitCode() }

// Said is the last of what it wrote to its standard error.
func (p *Process) Said() string { return p.said.String() }

// Kill ends it as kill -9 does: nothing is flushed, nothing deferred runs.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.ended
}

// AskToEnd tells it to end in order.
func (p *Process) AskToEnd() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// End ends it in order; the error holds what it said.
func (p *Process) End() error {
	if err := p.AskToEnd(); err != nil {
		return err
	}
	<-p.ended
	if p.err != nil {
		return fmt.Errorf("%s ended with %w\n%s", p.cmd.Args[1], p.err, p.Said())
	}
	return nil
}

// tail keeps the last of what is written.
type tail struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b.Write(b)
	if over := t.b.Len() - saidKept; over > 0 {
		t.b.Next(over)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}
