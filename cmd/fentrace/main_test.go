package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"fentrace/data"
	"fentrace/spectra"
	"fentrace/spectra/format"
	"fentrace/spectra/simulate"
)

func TestMain(m *testing.M) {
	os.Setenv("XDG_CONFIG_HOME", "/nonexistent") // no calibration of the developer's own instruments
	testscript.Main(m, map[string]func(){"fentrace": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"simulate": simulateCommand, "json": jsonCommand, "narrow": narrowCommand, "truncate": truncateCommand, "exits": exitsCommand,
			"csv": csvCommand, "same": sameCommand, "standard": standardCommand,
		},
	})
}

// simulateCommand writes a SIMULATED Raman scan: simulate FILE SUBSTANCE SEED. The extension decides the format.
func simulateCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: simulate FILE SUBSTANCE SEED")
	}
	seed, err := strconv.ParseUint(args[2], 10, 64)
	ts.Check(err)
	s, err := simulated(args[1], seed)
	ts.Check(err)
	path := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o755))
	var b bytes.Buffer
	if strings.HasSuffix(path, ".csv") {
		err = format.WriteCSV(&b, s)
	} else {
		err = format.WriteJCAMP(&b, s)
	}
	ts.Check(err)
	ts.Check(os.WriteFile(path, b.Bytes(), 0o644))
}

// simulated is a good scan of a substance of the simulated table, named as the substance is.
func simulated(name string, seed uint64) (spectra.Spectrum, error) {
	all, err := simulate.ParseLines(bytes.NewReader(data.SimulatedLines))
	if err != nil {
		return spectra.Spectrum{}, err
	}
	for _, sub := range all {
		if sub.Name != name || sub.Technique != spectra.Raman {
			continue
		}
		s, err := simulate.Spectrum(name, sub.Lines, simulate.Handheld785(), simulate.Conditions{Counts: 20000, Fluorescence: 0.3, Seed: seed})
		s.Metadata.SampleName = name
		return s, err
	}
	return spectra.Spectrum{}, fmt.Errorf("no simulated substance %q", name)
}

// truncateCommand copies the first bytes of a file: truncate FROM TO BYTES.
func truncateCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: truncate FROM TO BYTES")
	}
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	raw := ts.ReadFile(args[0])
	if n >= len(raw) {
		ts.Fatalf("%s has only %d bytes", args[0], len(raw))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(raw[:n]), 0o644))
}

// exitsCommand runs the program and checks its exit code, and that it printed nothing on stdout unless it ended well:
// exits CODE ARGS...
func exitsCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: exits CODE ARGS...")
	}
	err := ts.Exec("fentrace", args[1:]...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("exit code %d, not %s", code, args[0])
	}
	if out := ts.ReadFile("stdout"); code != 0 && out != "" {
		ts.Fatalf("it printed %q on stdout", out)
	}
}

// jsonCommand looks into a file of JSON lines: json FILE LINE PATH WANT, where PATH is like .findings.0.substance.
// WANT "*" wants anything. Without LINE PATH WANT it only checks that every line is JSON. With ! the value must be
// absent.
func jsonCommand(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 && len(args) != 4 {
		ts.Fatalf("usage: json FILE [LINE PATH WANT]")
	}
	lines := strings.Split(strings.TrimRight(ts.ReadFile(args[0]), "\n"), "\n")
	values := make([]any, len(lines))
	for i, l := range lines {
		if err := json.Unmarshal([]byte(l), &values[i]); err != nil {
			ts.Fatalf("line %d is not JSON: %v\n%s", i+1, err, l)
		}
	}
	if len(args) == 1 {
		return
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	if n < 1 || n > len(values) {
		if neg {
			return
		}
		ts.Fatalf("there are %d lines", len(values))
	}
	got, found := lookup(values[n-1], args[2])
	switch text := fmt.Sprint(got); {
	case neg && found:
		ts.Fatalf("%s is there: %s", args[2], text)
	case neg:
	case !found:
		ts.Fatalf("%s is not there:\n%s", args[2], lines[n-1])
	case args[3] != "*" && text != args[3]:
		ts.Fatalf("%s is %q, not %q", args[2], text, args[3])
	}
}

// sameCommand checks that the first lines of two files of JSON lines have the same value: same FILE FILE PATH.
func sameCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: same FILE FILE PATH")
	}
	var got [2]any
	for i := range got {
		var v any
		ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[i])), &v))
		var found bool
		if got[i], found = lookup(v, args[2]); !found {
			ts.Fatalf("%s of %s is not there", args[2], args[i])
		}
	}
	if got[0] != got[1] {
		ts.Fatalf("%s differs: %v and %v", args[2], got[0], got[1])
	}
}

// csvCommand looks into a table with a header: csv FILE ROWS counts its rows, csv FILE KEY COLUMN WANT looks into the
// row whose first cell is KEY.
func csvCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 && len(args) != 4 {
		ts.Fatalf("usage: csv FILE ROWS | csv FILE KEY COLUMN WANT")
	}
	rows, err := csv.NewReader(strings.NewReader(ts.ReadFile(args[0]))).ReadAll()
	ts.Check(err)
	if len(args) == 2 {
		if got := fmt.Sprint(len(rows) - 1); got != args[1] {
			ts.Fatalf("%s has %s rows, not %s", args[0], got, args[1])
		}
		return
	}
	at := slices.Index(rows[0], args[2])
	if at < 0 {
		ts.Fatalf("there is no column %s among %v", args[2], rows[0])
	}
	for _, row := range rows[1:] {
		if row[0] != args[1] {
			continue
		}
		if row[at] != args[3] {
			ts.Fatalf("%s of %s is %q, not %q", args[2], args[1], row[at], args[3])
		}
		return
	}
	ts.Fatalf("there is no row %q", args[1])
}

func lookup(v any, path string) (any, bool) {
	for _, key := range strings.Split(strings.Trim(path, "."), ".") {
		switch in := v.(type) {
		case map[string]any:
			next, ok := in[key]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(in) {
				return nil, false
			}
			v = in[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// narrowCommand checks that no line of a file is wider than a terminal, carries an escape, or says a word that no
// field result may say.
func narrowCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: narrow FILE")
	}
	if problem := unfit(ts.ReadFile(args[0])); problem != "" {
		ts.Fatalf("%s", problem)
	}
}

func unfit(out string) string {
	for i, l := range strings.Split(out, "\n") {
		if n := len([]rune(l)); n > columns {
			return fmt.Sprintf("line %d is %d columns wide: %s", i+1, n, l)
		}
		if strings.ContainsRune(l, '\x1b') {
			return fmt.Sprintf("line %d holds an escape: %q", i+1, l)
		}
		for _, word := range []string{"identified", "confirmed", "safe ", "clean ", "negative"} {
			if strings.Contains(strings.ToLower(l), word) {
				return fmt.Sprintf("line %d says %q: %s", i+1, word, l)
			}
		}
	}
	return ""
}
