// Package report holds measured results: it writes bench/results.json and bench/RESULTS.md, and the table in README.md
// is copied from there. No figure in those files is written by hand.
package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"
	"strconv"

	"gonum.org/v1/gonum/stat/distuv"
)

// Result is one measured figure beside the same figure of a peer from the same run.
type Result struct {
	Name    string  `json:"name"`
	Value   float64 `json:"value"`
	Unit    string  `json:"unit"`
	N       int     `json:"n"`
	Low     float64 `json:"low"` // 95 % interval
	High    float64 `json:"high"`
	Peer    string  `json:"peer,omitempty"`
	PeerVal float64 `json:"peer_value"`
	Command string  `json:"command"`
}

// Share is a result counted as k of n, in percent, with its Wilson 95 % interval.
func Share(name string, k, n int, peer string, peerK int, command string) Result {
	low, high := Wilson(k, n)
	r := Result{Name: name, Unit: "%", N: n, Low: 100 * low, High: 100 * high, Peer: peer, Command: command}
	if n > 0 {
		r.Value, r.PeerVal = 100*float64(k)/float64(n), 100*float64(peerK)/float64(n)
	}
	return r
}

// Wilson is the 95 % score interval of k successes in n trials (Wilson 1927), as fractions; (0, 1) when n is 0.
func Wilson(k, n int) (low, high float64) {
	if n == 0 {
		return 0, 1
	}
	z := distuv.UnitNormal.Quantile(0.975)
	N, p := float64(n), float64(k)/float64(n)
	mid := (p + z*z/(2*N)) / (1 + z*z/N)
	half := z / (1 + z*z/N) * math.Sqrt(p*(1-p)/N+z*z/(4*N*N))
	return math.Max(0, mid-half), math.Min(1, mid+half)
}

// Load reads results from path; a file that is not there yet holds none.
func Load(path string) ([]Result, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var rs []Result
	if err := json.Unmarshal(raw, &rs); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return rs, nil
}

// Save replaces the results of command in jsonPath by rs, keeps those of other commands, and rewrites the table at
// mdPath to match.
func Save(jsonPath, mdPath, command string, rs []Result) error {
	all, err := Load(jsonPath)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(r Result) bool { return r.Command == command })
	all = append(all, rs...)
	raw, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(jsonPath, append(raw, '\n'), 0o644); err != nil {
		return err
	}
	md := "# Measured results\n\nWritten by the commands named in the last column; never edited by hand. Intervals are 95 %.\n\n" + Table(all)
	return os.WriteFile(mdPath, []byte(md), 0o644)
}

// Table renders results as a Markdown table.
func Table(rs []Result) string {
	var b bytes.Buffer
	b.WriteString("| measured | result | 95 % interval | n | peer in the same run | command |\n|---|---|---|---|---|---|\n")
	for _, r := range rs {
		peer := ""
		if r.Peer != "" {
			peer = fmt.Sprintf("%s: %s %s", r.Peer, number(r.PeerVal), r.Unit)
		}
		fmt.Fprintf(&b, "| %s | %s %s | %s to %s | %d | %s | `%s` |\n",
			r.Name, number(r.Value), r.Unit, number(r.Low), number(r.High), r.N, peer, r.Command)
	}
	return b.String()
}

func number(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }
