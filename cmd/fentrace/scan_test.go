package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/spectra"
	"fentrace/spectra/format"
)

// run is Run without streams of its own.
func run(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = Run(t.Context(), args, strings.NewReader(stdin), &out, &err)
	return code, out.String(), err.String()
}

// mustRun is run of what has to succeed.
func mustRun(t *testing.T, args ...string) (stdout string) {
	t.Helper()
	code, stdout, stderr := run(t, "", args...)
	if code != exitOK {
		t.Fatalf("fentrace %s: exit code %d\n%s%s", strings.Join(args, " "), code, stdout, stderr)
	}
	return stdout
}

// emulate runs `fentrace device emulate` until the test ends and returns the path it prints first.
func emulate(t *testing.T, args ...string) (port string) {
	t.Helper()
	ports := emulated(t, args...)
	if !ports.Scan() {
		t.Fatalf("the emulator printed no path")
	}
	return ports.Text()
}

// emulated is emulate for an emulator that prints more than one path.
func emulated(t *testing.T, args ...string) (ports *bufio.Scanner) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	ended := make(chan int, 1)
	var stderr bytes.Buffer
	go func() {
		ended <- Run(ctx, append([]string{"device", "emulate"}, args...), nil, write, &stderr)
		write.Close()
	}()
	t.Cleanup(func() {
		cancel()
		if code := <-ended; code != exitOK {
			t.Errorf("the emulator ended with exit code %d: %s", code, &stderr)
		}
	})
	return bufio.NewScanner(read)
}

// sample writes a simulated scan of a substance and a library with a simulated reference of it.
func sample(t *testing.T, name string) (scan, lib string) {
	t.Helper()
	dir := t.TempDir()
	write := func(file string, seed uint64) string {
		s, err := simulated(name, seed)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		path := filepath.Join(dir, file)
		if err := errors.Join(format.WriteJCAMP(&b, s), os.WriteFile(path, b.Bytes(), 0o644)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	lib = filepath.Join(dir, "sim.db")
	mustRun(t, "library", "import", "--into", lib, "--tier", "simulated", write("reference.jdx", 1))
	return write("scan.jdx", 2), lib
}

func TestAScanThroughARealPseudoTerminalIsAnswered(t *testing.T) {
	t.Parallel()
	recorded, lib := sample(t, "Fentanyl")
	port := emulate(t, "--type", "qepro", "--spectrum", recorded)

	saved := filepath.Join(t.TempDir(), "scan.json")
	var got struct {
		Spectra        []spectra.Spectrum
		Identification identify.Identification
	}
	out := mustRun(t, "scan", "--port", port, "--json", "--auto", "--averages", "2", "--library", lib, "--save", saved)
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	ans := got.Identification
	if ans.Verdict != identify.Alarm || len(ans.Findings) != 1 || ans.Findings[0].Substance != "Fentanyl" || !ans.Simulated {
		t.Errorf("the answer is %s: %+v", ans.Headline, ans.Findings)
	}
	if len(got.Spectra) != 1 || len(got.Spectra[0].X) < 1000 || got.Spectra[0].Metadata.SHA256 != ans.SHA256 || got.Spectra[0].Metadata.Averages != 2 {
		t.Errorf("the spectrum has %d points, hash %s; the answer %s", len(got.Spectra[0].X), got.Spectra[0].Metadata.SHA256, ans.SHA256)
	}

	// What was saved gives the same answer, and is the very bytes the hash is of.
	raw, err := os.ReadFile(saved)
	if err != nil || spectra.HashBytes(raw) != ans.SHA256 {
		t.Errorf("the saved scan hashes to %s, %v", spectra.HashBytes(raw), err)
	}
	var again identify.Identification
	if err := json.Unmarshal([]byte(mustRun(t, "identify", "--json", "--library", lib, saved)), &again); err != nil {
		t.Fatal(err)
	}
	if again.Findings[0].Score != ans.Findings[0].Score || again.SHA256 != ans.SHA256 {
		t.Errorf("the saved scan scores %v, the scan %v", again.Findings[0].Score, ans.Findings[0].Score)
	}

	// For a person: drawing, answer, SIMULATED. And the file is not overwritten.
	jdx := filepath.Join(filepath.Dir(saved), "scan.jdx")
	out = mustRun(t, "scan", "--port", port, "--library", lib, "--save", jdx)
	for _, want := range []string{"Raman shift, cm-1", "ALARM: ", simulatedTag, identify.Presumptive} {
		if !strings.Contains(out, want) {
			t.Errorf("the scan says nothing of %q:\n%s", want, out)
		}
	}
	if code, _, stderr := run(t, "", "scan", "--port", port, "--save", jdx); code != exitUsage || !strings.Contains(stderr, "not overwritten") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if out := mustRun(t, "show", jdx); !strings.Contains(out, simulatedTag) {
		t.Errorf("the saved scan does not say that it is simulated:\n%s", out)
	}
}

func TestAnInfraredScanSaysThatTheLibraryDoesNotHoldIt(t *testing.T) {
	t.Parallel()
	port := emulate(t, "--type", "nirscan")
	white := filepath.Join(t.TempDir(), "white.json")
	out := mustRun(t, "scan", "--type", "nirscan", "--port", port, "--save", white)
	for _, want := range []string{"absorbance over nm", "near infrared, which the library does not hold", "stored in the device", simulatedTag, identify.Presumptive} {
		if !strings.Contains(out, want) {
			t.Errorf("the scan says nothing of %q:\n%s", want, out)
		}
	}
	var got struct{ Spectra []spectra.Spectrum }
	if err := json.Unmarshal([]byte(mustRun(t, "scan", "--json", "--type", "nirscan", "--port", port, "--reference", white)), &got); err != nil {
		t.Fatal(err)
	}
	for i, y := range got.Spectra[0].Y { // the same sample divided by itself
		if y < -0.02 || y > 0.02 {
			t.Fatalf("absorbance %g at %g nm", y, got.Spectra[0].X[i])
		}
	}
	if code, _, stderr := run(t, "", "scan", "--type", "nirscan", "--port", port, "--reference", "nosuch.json"); code == 0 || !strings.Contains(stderr, "nosuch.json") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

func TestAnEmulatedDeviceSaysWhatItIs(t *testing.T) {
	t.Parallel()
	port := emulate(t, "--type", "sts")
	var info map[string]any
	if err := json.Unmarshal([]byte(mustRun(t, "device", "info", "--port", port, "--json")), &info); err != nil {
		t.Fatal(err)
	}
	if info["type"] != "obp" || info["simulated"] != true || info["pixels"] != 1024.0 || info["temperature_c"] == nil {
		t.Errorf("it says %v", info)
	}
	out := mustRun(t, "device", "info", "--port", port, "--type", "obp", "--calibrations", t.TempDir())
	if !strings.Contains(out, simulatedTag) || !strings.Contains(out, "785 nm") || !strings.Contains(out, "calibrated   never") || unfit(out) != "" {
		t.Errorf("%s\n%s", unfit(out), out)
	}
	if code, _, stderr := run(t, "", "device", "info", "--port", port, "--type", "abacus"); code != exitUsage || !strings.Contains(stderr, "obp") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

func TestADeviceThatIsUnpluggedWhileScanningIsAFailureInOneSentence(t *testing.T) {
	t.Parallel()
	port := emulate(t, "--type", "qepro", "--fault", "unplug=100")
	code, stdout, stderr := run(t, "", "scan", "--port", port)
	if code != exitFailed || stdout != "" || !strings.Contains(stderr, "unplugged") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}

func TestLearningFromAnInstrumentTakesTheRepeatsOneByOne(t *testing.T) {
	t.Parallel()
	recorded, _ := sample(t, "caffeine")
	port := emulate(t, "--type", "qepro", "--spectrum", recorded)
	lib := filepath.Join(t.TempDir(), "lab.db")

	code, _, stderr := run(t, "\n\n\n", "library", "learn", "--into", lib, "--name", "caffeine", "--port", port, "--repeats", "3")
	if code != exitFailed || !strings.Contains(stderr, simulatedTag) {
		t.Fatalf("an emulated instrument was taken for a real one: exit code %d, %s", code, stderr)
	}
	code, stdout, stderr := run(t, "\n\n\n", "library", "learn", "--into", lib, "--name", "caffeine", "--port", port, "--repeats", "3",
		"--auto", "--tier", "simulated")
	if code != exitOK || !strings.Contains(stdout, "3 references added") || strings.Count(stderr, "press Enter") != 3 {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	var list library.Listing
	if err := json.Unmarshal([]byte(mustRun(t, "library", "list", "--json", "--no-core", "--library", lib)), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Substances) != 1 || list.Substances[0].References.Simulated != 3 {
		t.Errorf("the library holds %+v", list.Substances)
	}
}
