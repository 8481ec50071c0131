package storetest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Freeze stops every process of the server where it is: it keeps its connections and answers nothing.
func (c *Cluster) Freeze() error { return c.signal(syscall.SIGSTOP) }

// Thaw lets it go on after Freeze.
func (c *Cluster) Thaw() error { return c.signal(syscall.SIGCONT) }

// Kill ends every process of the server as kill -9 does; Start brings it back with what was committed.
func (c *Cluster) Kill() error {
	return errors.Join(c.signal(syscall.SIGKILL), c.Stop())
}

// signal reaches the server and its children, the server first: it makes no new ones then.
func (c *Cluster) signal(s syscall.Signal) error {
	raw, err := os.ReadFile(filepath.Join(c.dir, "data", "postmaster.pid"))
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil {
		return fmt.Errorf("which process PostgreSQL is: %w", err)
	}
	children, err := childrenOf(pid)
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, s); err != nil {
		return err
	}
	if late, err := childrenOf(pid); err == nil {
		children = slices.Concat(children, late)
	}
	for _, child := range children {
		if err := syscall.Kill(child, s); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return nil
}

// childrenOf lists the processes that a process has started, as Linux tells it.
func childrenOf(pid int) (out []int, err error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		return nil, errors.Join(err, fmt.Errorf("list processes: %w", errors.ErrUnsupported))
	}
	for _, path := range stats {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// The name of the program is in parentheses and may hold anything; the state and the parent follow.
		_, after, _ := strings.Cut(string(raw[max(0, strings.LastIndexByte(string(raw), ')')):]), ") ")
		if fields := strings.Fields(after); len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			child, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			if err != nil {
				return nil, err
			}
			out = append(out, child)
		}
	}
	return out, nil
}
