package archive

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fentrace/library/search"
	"fentrace/spectra"
)

// crashDir, when set, makes the test program add scans to an archive there without end, printing up to which number it has.
const crashDir = "FENTRACE_TEST_ARCHIVE_DIR"

// crashParts is how many scans a segment of the killed program holds.
const crashParts = 3

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		fmt.Fprintln(os.Stderr, addWithoutEnd(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func addWithoutEnd(dir string) error {
	v := search.Vector{Technique: spectra.Raman, Low: 400}.With(ramp(1000))
	a, problems, err := Open(dir, false)
	if err = errors.Join(append(problems, err)...); err != nil {
		return err
	}
	a.partRows = crashParts
	for {
		after, _ := a.Missing(spectra.Raman)
		if err := a.Add(spectra.Raman, []Scan{{name(after + 1), after + 1, v}}, after+1); err != nil {
			return err
		}
		fmt.Println(after + 1)
	}
}

// ramp is a derivative that any spectrum might have.
func ramp(n int) []float64 {
	d := make([]float64, n)
	for i := range d {
		d[i] = float64(i%17) - 8
	}
	return d
}

func TestAKilledProgramLosesNoSegmentAndLeavesNoHalfOne(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "archive")
	v := search.Vector{Technique: spectra.Raman, Low: 400}.With(ramp(1000))
	for round := range 4 {
		added := killedAfter(t, dir, 40+7*round)
		a, problems, err := Open(dir, false)
		must(t, err)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		after, to := a.Missing(spectra.Raman)
		if after < added/crashParts*crashParts || to != 0 {
			t.Errorf("%d scans were added, those after %d are asked for again, up to %d", added, after, to)
		}
		found, err := a.Screen(context.Background(), v, 0, 0.99, nil)
		must(t, err)
		for i, c := range found {
			if c.Seq != int64(i+1) || c.ScanID != name(c.Seq) {
				t.Fatalf("scan %d is %s", i+1, c.ScanID)
			}
		}
		if len(found) != int(after) {
			t.Errorf("%d scans found of %d", len(found), after)
		}
		must(t, a.Close())
	}
}

// killedAfter starts the program that adds without end, kills it once it has added so many scans, and returns the number of the
// last one it told of.
func killedAfter(t *testing.T, dir string, scans int) (last int64) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env, child.Stderr = append(os.Environ(), crashDir+"="+dir), os.Stderr
	out, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	n := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if _, err := fmt.Sscan(lines.Text(), &last); err != nil {
			t.Fatal(err)
		}
		if n++; n == scans {
			must(t, child.Process.Kill()) // as kill -9: nothing is flushed, nothing deferred runs
		}
	}
	if child.Wait(); n < scans {
		t.Fatalf("the program ended by itself after %d scans", n)
	}
	return last
}

// Wherever a segment ends too early, its scans are missing and nothing else is, and what is missing can be filled in again.
func TestASegmentCutOffAnywhereIsMadeAgain(t *testing.T) {
	dir, db := t.TempDir(), newDatabase(t, 30)
	a := small(t, dir)
	db.fill(t, a, 1000)
	must(t, a.Close())
	path := files(t, dir)[0]
	whole, err := os.ReadFile(path)
	must(t, err)
	for _, size := range append([]int{0, 1, 7, 15, 16, 17, 200, 1000, len(whole) - 1}, places(len(whole), 12)...) {
		must(t, os.WriteFile(path, whole[:size], 0o600))
		a, problems, err := Open(dir, false)
		must(t, err)
		a.partRows = 10
		if len(problems) != 1 || !strings.Contains(problems[0].Error(), filepath.Base(path)) {
			t.Errorf("cut off after %d of %d bytes: %v", size, len(whole), problems)
		}
		after, to := a.Missing(spectra.Raman)
		var first, last int64
		if _, err := fmt.Sscanf(filepath.Base(path), "raman-%d-%d", &first, &last); err != nil || after != first-1 || to != last {
			t.Errorf("cut off after %d bytes: scans after %d up to %d are asked for, want %d to %d", size, after, to, first, last)
		}
		db.fill(t, a, 4)
		db.complete(t, a)
		must(t, a.Close())
		if again, err := os.ReadFile(path); err != nil || string(again) != string(whole) {
			t.Fatalf("made again after a cut at %d it is another: %v", size, err)
		}
	}
}

// places are n numbers below size, spread over it.
func places(size, n int) (out []int) {
	for i := range n {
		out = append(out, (2*i+1)*size/(2*n))
	}
	return out
}

// A changed byte is found before anything is answered from it. Bytes between sections belong to none.
func TestAChangedByteIsNeverAnsweredFrom(t *testing.T) {
	dir, db := t.TempDir(), newDatabase(t, 30)
	a := small(t, dir)
	db.fill(t, a, 1000)
	must(t, a.Close())
	path := files(t, dir)[0]
	whole, err := os.ReadFile(path)
	must(t, err)
	noticed := 0
	at := append([]int{0, 7, 8, 12, 16, 100, 500, len(whole) - 1}, places(len(whole), 40)...)
	for _, i := range at {
		spoilt := []byte(string(whole))
		spoilt[i] ^= 0x40
		must(t, os.WriteFile(path, spoilt, 0o600))
		a, problems, err := Open(dir, false)
		must(t, err)
		a.partRows = 10
		_, err = a.Screen(context.Background(), db.vectors[0], 8, 0.9, nil)
		if err != nil && !errors.Is(err, ErrDamaged) {
			t.Fatal(err)
		}
		if len(problems) > 0 || err != nil {
			noticed++
			db.fill(t, a, 1000)
		}
		db.complete(t, a)
		must(t, a.Close())
		must(t, os.WriteFile(path, whole, 0o600))
	}
	if noticed < len(at)*3/4 {
		t.Errorf("%d of %d changes were noticed", noticed, len(at))
	}
}
