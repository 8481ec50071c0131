// Command readme copies the measured table of bench/results.json, without its details, into README.md, between its two markers.
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"fentrace/bench/report"
)

const begin, end = "<!-- results: begin (make readme) -->\n", "<!-- results: end -->\n"

func main() {
	if err := run("bench/results.json", "README.md"); err != nil {
		fmt.Fprintln(os.Stderr, "readme:", err)
		os.Exit(1)
	}
}

func run(resultsPath, readmePath string) error {
	rs, err := report.Load(resultsPath)
	if err != nil {
		return err
	}
	raw, err := os.ReadFile(readmePath)
	if err != nil {
		return err
	}
	head, rest, ok := strings.Cut(string(raw), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no result markers", readmePath)
	}
	rs = slices.DeleteFunc(rs, func(r report.Result) bool { return r.Detail })
	return os.WriteFile(readmePath, []byte(head+begin+report.Table(rs)+end+tail), 0o644)
}
