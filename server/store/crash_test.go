package store

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"fentrace/spectra"
)

// crashDir, when set, makes the test program store scans into that folder without end, printing the id of each.
const crashDir = "FENTRACE_TEST_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		storeWithoutEnd(dir)
	}
	os.Exit(m.Run())
}

func storeWithoutEnd(dir string) {
	s, err := Open(ByProgram(context.Background(), "test"), dir)
	for i := 0; err == nil; i++ {
		raw := fmt.Appendf(nil, "file %d", i)
		sp := spectra.Spectrum{Technique: spectra.Raman, X: []float64{1}, Y: []float64{1}, Metadata: spectra.Metadata{SHA256: spectra.HashBytes(raw)}}
		var sc Scan
		if sc, err = NewScan(fmt.Sprint("scan-", i), "f", 0, sp, answered, Fields{}, noon); err != nil {
			break
		}
		if _, _, err = s.Put(ByProgram(context.Background(), "test"), File{"f", raw}, []Scan{sc}, Arrival{}); err == nil {
			fmt.Println(sc.ID)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func TestAScanThatWasAcknowledgedSurvivesAKilledProgram(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	child := exec.CommandContext(asProgram(t), os.Args[0])
	child.Env = append(os.Environ(), crashDir+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var stored []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if stored = append(stored, lines.Text()); len(stored) == 50 {
			if err := child.Process.Kill(); err != nil { // as kill -9: nothing is flushed, nothing deferred runs
				t.Fatal(err)
			}
		}
	}
	if child.Wait(); len(stored) < 50 {
		t.Fatalf("the program ended by itself after %d scans", len(stored))
	}
	s, err := Open(asProgram(t), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, id := range stored {
		if _, err := s.Scan(asProgram(t), id); err != nil {
			t.Errorf("acknowledged, but gone: %v", err)
		}
	}
	var health string
	if err := s.r.QueryRowContext(asProgram(t), "PRAGMA integrity_check").Scan(&health); err != nil || health != "ok" {
		t.Errorf("the database is %q, %v", health, err)
	}
	if n := counts(t, s); n[0] != n[1] || n[0] != n[2] || n[0] > len(stored)+1 {
		t.Errorf("scans, files and findings are %v after %d acknowledged", n, len(stored))
	}
	if v, faults := verified(t, s, VerifyOptions{}); len(faults) > 0 || v.Scans < len(stored) {
		t.Errorf("%+v: %+v", v, faults)
	}
}
