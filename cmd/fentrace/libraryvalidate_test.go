package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fentrace/data"
	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/library/validate"
	"fentrace/spectra/recorded"
)

// A validation is stored with the library, used by the next answer, and no longer once the library has changed.
func TestAValidatedLibraryAnswersWithItsOwnProbabilities(t *testing.T) {
	references, scan := recorded.Glob(t, 70, "raman", "library-785", "*.csv"), recorded.Path(t, "raman", "cross-instrument", "WP-00382", "Acetaminophen-06.csv")
	lib, png := filepath.Join(t.TempDir(), "lab.db"), filepath.Join(t.TempDir(), "reliability.png")
	probabilities := func() string {
		t.Helper()
		var ans identify.Identification
		if out := must(t, "identify", "--json", "--library", lib, scan); json.Unmarshal([]byte(out), &ans) != nil {
			t.Fatal(out)
		}
		return ans.Probabilities
	}
	must(t, append([]string{"library", "import", "--into", lib}, references...)...)
	if got := probabilities(); !strings.Contains(got, "not for this library") {
		t.Errorf("before: probabilities %q", got)
	}
	known := t.TempDir()
	raw, err := os.ReadFile(scan)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"acetaminophen-01.csv", "nothing known-01.csv"} {
		if err := os.WriteFile(filepath.Join(known, name), raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out := must(t, "library", "validate", "--library", lib, "--rounds", "2", "--draws", "10", "--scans", known, "--plot", png, "--json")
	var report validate.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil || report.Recorded != 2 || report.Drawn != 20 {
		t.Fatalf("%v: %s", err, out)
	}
	stack, err := library.OpenStack(t.Context(), data.Core, lib)
	if err != nil || stack.Version() != report.LibraryVersion {
		t.Fatalf("report on library %s, it is %s: %v", report.LibraryVersion, stack.Version(), err)
	}
	if info, err := os.Stat(png); err != nil || info.Size() < 5000 {
		t.Errorf("reliability diagram: %v", err)
	}
	if got := probabilities(); !strings.HasPrefix(got, "for this library, 20") {
		t.Errorf("after: probabilities %q", got)
	}
	must(t, "library", "import", "--into", lib, recorded.Path(t, "everyday-objects", "raman", "silicone.csv"))
	if got := probabilities(); !strings.Contains(got, "not for this library") {
		t.Errorf("after the library changed: probabilities %q", got)
	}
}

func TestWhatCannotBeValidatedIsRefusedBeforeAnyWork(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
		code int
	}{
		{[]string{"library", "validate"}, "the embedded core cannot be written to", exitUsage},
		{[]string{"library", "validate", "--dry-run"}, "0 substances have a measured raman spectrum of their own, 20 are needed", exitFailed},
		{[]string{"library", "validate", "--dry-run", "--plot", "x.txt"}, "the name has to end in", exitUsage},
		{[]string{"library", "validate", "--dry-run", "--scans", "nowhere"}, "read nowhere", exitUsage},
		{[]string{"library", "validate", "--dry-run", "--wrong-rate", "0.9"}, "shares of 0.9 wrong statements", exitFailed},
	} {
		code, _, stderr := run(t, "", c.args...)
		if code != c.code || !strings.Contains(stderr, c.want) {
			t.Errorf("%q: code %d: %s", c.args, code, stderr)
		}
	}
}

// must runs a command that has to succeed and returns what it printed.
func must(t *testing.T, args ...string) string {
	t.Helper()
	code, out, stderr := run(t, "", args...)
	if code != exitOK {
		t.Fatalf("%q: code %d: %s", args, code, stderr)
	}
	return out
}
