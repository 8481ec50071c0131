package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"fentrace/bench/dataset"
	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/spectra"
)

// TestRecordedScansOfOtherInstrumentsAreAnsweredFromAnImportedFolder goes the way of a laboratory: import a folder of
// reference spectra, then answer scans that other instruments took of the same substances. bench/accuracy counts
// all of them; here every eighth shows that the command line gives the same.
func TestRecordedScansOfOtherInstrumentsAreAnsweredFromAnImportedFolder(t *testing.T) {
	t.Parallel()
	root, ok := dataset.Root()
	if !ok {
		t.Skip("the recorded spectra are not beside the project (../shared/data)")
	}
	lib := filepath.Join(t.TempDir(), "785.db")
	code, out, stderr := run(t, "", "library", "import", "--into", lib, "--json", filepath.Join(root, "raman", "library-785"))
	if code == exitUsage {
		t.Fatal(stderr)
	}
	var report library.ImportReport
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	for _, failed := range report.Failed { // the licence and the source lie beside the spectra
		if strings.HasSuffix(failed.File, ".csv") {
			t.Errorf("not imported: %s", failed.Reason)
		}
	}
	queries, err := dataset.CrossInstrument(root)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"identify", "--json", "--no-core", "--library", lib}
	var asked []dataset.Query
	for i, q := range queries {
		if i%8 == 0 && len(q.Truth) > 0 {
			args, asked = append(args, q.Path), append(asked, q)
		}
	}
	lines := strings.Split(strings.TrimSpace(mustRun(t, args...)), "\n")
	if len(lines) != len(asked) || len(asked) < 5 {
		t.Fatalf("%d answers to %d scans", len(lines), len(asked))
	}
	right := 0
	for i, q := range asked {
		var ans identify.Identification
		if err := json.Unmarshal([]byte(lines[i]), &ans); err != nil {
			t.Fatal(err)
		}
		if ans.File != q.Path {
			t.Errorf("answer %d is to %s, not to %s", i+1, ans.File, q.Path)
		}
		if ans.Verdict == identify.Alarm {
			t.Errorf("%s: %s", q.Path, ans.Headline)
		}
		if len(ans.Candidates) > 0 && q.Right(ans.Candidates[0].Substance) {
			right++
		} else {
			t.Logf("%s: the best candidate is %+v", q.Path, ans.Candidates[:min(1, len(ans.Candidates))])
		}
	}
	if 10*right < 9*len(asked) {
		t.Errorf("%d of %d best candidates are right", right, len(asked))
	}
}

func TestRecordedJCAMPFilesAreShownWithinTheTerminal(t *testing.T) {
	t.Parallel()
	root, ok := dataset.Root()
	if !ok {
		t.Skip("the recorded spectra are not beside the project (../shared/data)")
	}
	paths, err := filepath.Glob(filepath.Join(root, "formats", "jcamp", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Skip("there are no recorded files of vendor formats")
	}
	shown := 0
	for _, path := range paths {
		code, out, stderr := run(t, "", "show", path)
		if code != exitOK {
			if !strings.Contains(stderr, path) {
				t.Errorf("%s: the error does not name the file: %s", path, stderr)
			}
			continue
		}
		shown++
		for i, l := range strings.Split(out, "\n") {
			if len([]rune(l)) > columns {
				t.Errorf("%s: line %d is too wide: %s", path, i+1, l)
			}
		}
		var got struct{ Spectra []spectra.Spectrum }
		if err := json.Unmarshal([]byte(mustRun(t, "show", "--json", path)), &got); err != nil || len(got.Spectra) == 0 {
			t.Errorf("%s: %d spectra as JSON, %v", path, len(got.Spectra), err)
		}
	}
	if shown < len(paths)/2 {
		t.Errorf("%d of %d files were shown", shown, len(paths))
	}
}
