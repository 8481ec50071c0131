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
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/stat"

	"fentrace/library/validate"
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
	// Digits is how many significant figures the table shows, for figures that a tenth is too coarse for; whole numbers
	// are never cut. 0: rounded to a tenth.
	Digits int `json:"digits,omitempty"`
	// Seeds is how many times the figure was measured anew with another seed of whatever is random in it, Spread the
	// standard deviation over those, in Unit. 0: nothing in it is random.
	Seeds  int     `json:"seeds,omitempty"`
	Spread float64 `json:"spread,omitempty"`
	// Detail keeps a result out of the table of README.md.
	Detail bool `json:"detail,omitempty"`
}

// AsDetail returns the results as ones for those who look closer.
func AsDetail(rs ...Result) []Result {
	for i := range rs {
		rs[i].Detail = true
	}
	return rs
}

// Share is a result counted as k of n, in percent, with its Wilson 95 % interval.
func Share(name string, k, n int, peer string, peerK int, command string) Result {
	low, high := validate.Wilson(k, n)
	r := Result{Name: name, Unit: "%", N: n, Low: 100 * low, High: 100 * high, Peer: peer, Command: command}
	if n > 0 {
		r.Value, r.PeerVal = 100*float64(k)/float64(n), 100*float64(peerK)/float64(n)
	}
	return r
}

// OverSeeds notes how much r differs from seed to seed; values are the figure of each seed, in r's unit.
func (r Result) OverSeeds(values []float64) Result {
	r.Seeds = len(values)
	if len(values) > 1 {
		r.Spread = stat.StdDev(values, nil)
	}
	return r
}

// Mean is a result averaged over the values of independent pieces (files, scans), with a 95 % interval by resampling them
// (percentile bootstrap, Efron 1979): it never leaves the range of the values, and is too narrow for fewer than about ten.
func Mean(name, unit string, values []float64, peer string, peerVal float64, command string) Result {
	r := Result{Name: name, Unit: unit, N: len(values), Peer: peer, PeerVal: peerVal, Command: command, Digits: 3}
	if len(values) == 0 {
		return r
	}
	random := rand.New(rand.NewPCG(1, 1)) // the same interval for the same values
	means := make([]float64, resamplings)
	for i := range means {
		for range values {
			means[i] += values[random.IntN(len(values))] / float64(len(values))
		}
	}
	slices.Sort(means)
	r.Value = stat.Mean(values, nil)
	r.Low, r.High = stat.Quantile(0.025, stat.Empirical, means, nil), stat.Quantile(0.975, stat.Empirical, means, nil)
	return r
}

const resamplings = 4000

// Exact is a result without an interval, such as the worst of n: low and high are the value.
func Exact(name, unit string, value float64, n int, peer string, peerVal float64, command string) Result {
	return Result{Name: name, Value: value, Unit: unit, N: n, Low: value, High: value, Peer: peer, PeerVal: peerVal, Command: command, Digits: 3}
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

// Table renders results as a Markdown table. One whose low and high are the same has no interval.
func Table(rs []Result) string {
	var b bytes.Buffer
	b.WriteString("| measured | result | 95 % interval | n | spread over seeds | peer in the same run | command |\n|---|---|---|---|---|---|---|\n")
	for _, r := range rs {
		peer := ""
		if r.Peer != "" {
			peer = fmt.Sprintf("%s: %s %s", r.Peer, r.number(r.PeerVal), r.Unit)
		}
		interval := ""
		if r.Low != r.High {
			interval = r.number(r.Low) + " to " + r.number(r.High)
		}
		spread := ""
		if r.Seeds > 1 {
			spread = fmt.Sprintf("%s (%d seeds)", r.number(r.Spread), r.Seeds)
		}
		fmt.Fprintf(&b, "| %s | %s %s | %s | %d | %s | %s | `%s` |\n", r.Name, r.number(r.Value), r.Unit, interval, r.N, spread, peer, r.Command)
	}
	return b.String()
}

// number is v to a tenth, or to as many significant figures as r has digits.
func (r Result) number(v float64) string {
	decimals := 1
	if r.Digits > 0 && v != 0 {
		decimals = max(r.Digits-1-int(math.Floor(math.Log10(math.Abs(v)))), 0)
	}
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	if text == "-0" {
		return "0"
	}
	return text
}
