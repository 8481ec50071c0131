package main

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

//go:embed peers.py
var peersScript []byte

// peers is a running process that answers with the peers' methods, on the same rows.
type peers struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

var errNoPeers = errors.New("the peers need Python with numpy and faiss (Debian: apt-get install python3-numpy python3-faiss libopenblas0-pthread)")

// python is the interpreter that has what the peers need.
func python() (string, error) {
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(name, "-c", "import numpy, faiss").Run() == nil {
			return name, nil
		}
	}
	return "", errNoPeers
}

func startPeers(work, rows, queries string) (*peers, error) {
	name, err := python()
	if err != nil {
		return nil, err
	}
	script := filepath.Join(work, "peers.py")
	if err := os.WriteFile(script, peersScript, 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command(name, script, rows, strconv.Itoa(points), queries)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &peers{cmd: cmd, in: in, out: bufio.NewReaderSize(out, 1<<20)}, nil
}

// answer to queries from..to-1: the rows found, best first, and how long it took.
func (p *peers) answer(method string, from, to, k int, batch bool) ([][]int, time.Duration, error) {
	ask, err := json.Marshal(map[string]any{"method": method, "from": from, "to": to, "k": k, "batch": batch})
	if err != nil {
		return nil, 0, err
	}
	if _, err := p.in.Write(append(ask, '\n')); err != nil {
		return nil, 0, fmt.Errorf("peer %s: %w", method, err)
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return nil, 0, fmt.Errorf("peer %s: %w", method, err)
	}
	var got struct {
		Seconds float64 `json:"seconds"`
		IDs     [][]int `json:"ids"`
	}
	if err := json.Unmarshal(line, &got); err != nil {
		return nil, 0, fmt.Errorf("peer %s: %w", method, err)
	}
	return got.IDs, time.Duration(got.Seconds * float64(time.Second)), nil
}

func (p *peers) stop() error {
	p.in.Close()
	return p.cmd.Wait()
}
