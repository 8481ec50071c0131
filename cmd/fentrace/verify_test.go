package main

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/server"
	"fentrace/server/store"
	"fentrace/spectra"
)

// keptScans is a data folder with some scans; it returns the ids.
func keptScans(t *testing.T, dir string) (ids []string) {
	t.Helper()
	ctx := store.ByProgram(t.Context(), "test")
	st, err := store.Open(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	for i := range 3 {
		raw := fmt.Appendf(nil, "file %d with bytes of its own", i)
		sp := spectra.Spectrum{Technique: spectra.Raman, X: []float64{1, 2}, Y: []float64{3, 4}, Metadata: spectra.Metadata{SHA256: spectra.HashBytes(raw)}}
		id := fmt.Sprintf("00000000-0000-4000-8000-00000000000%d", i)
		sc, err := store.NewScan(id, "f.jdx", 0, sp, identify.Identification{Verdict: identify.NoAlarm, Headline: "NOTHING CONTROLLED SEEN"}, store.Fields{}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := st.Put(ctx, store.File{Name: "f.jdx", Raw: raw}, []store.Scan{sc}, store.Arrival{}); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

func TestVerifyNamesWhatIsNotAsItWasStored(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	if code, _, stderr := run(t, "", "verify", "--data", dir); code != exitUsage || !strings.Contains(stderr, "no database") {
		t.Errorf("without a database: exit code %d, %s", code, stderr)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("verify made the folder that it looked for")
	}
	ids := keptScans(t, dir)
	if out := mustRun(t, "verify", "--data", dir); !strings.Contains(out, "Everything is as it was stored") || !strings.Contains(out, "3 files, 3 scans") {
		t.Error(out)
	}
	if found, _ := examined(t, dir); found["log"].Result != wellOK || !strings.Contains(found["log"].Text, "no fault") {
		t.Errorf("doctor says %+v", found["log"])
	}

	// A bit in the file of the database itself, as a disk flips it.
	path := filepath.Join(dir, store.FileName)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(raw, []byte("file 1 with bytes of its own"))
	if at < 0 {
		t.Fatal("the bytes of the file are not in the database")
	}
	raw[at+3] ^= 4
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec("UPDATE scans SET verdict = 'alarm' WHERE id = ?", ids[2])
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	sum := spectra.HashBytes([]byte("file 1 with bytes of its own"))
	code, out, _ := run(t, "", "verify", "--data", dir)
	for _, want := range []string{"file " + sum + ": its bytes were changed", ids[1], "scan " + ids[2] + ": its name, time, instrument or verdict was changed", "WRONG: 2 faults"} {
		if code != exitFailed || !strings.Contains(out, want) {
			t.Errorf("exit code %d, %q is not in %s", code, want, out)
		}
	}
	code, out, _ = run(t, "", "verify", "--json", "--data", dir)
	d := json.NewDecoder(strings.NewReader(out))
	var faults []store.Fault
	for range 2 {
		var f store.Fault
		if err := d.Decode(&f); err != nil {
			t.Fatal(err)
		}
		faults = append(faults, f)
	}
	var v store.Verification
	if err := d.Decode(&v); err != nil || code != exitFailed || v.Faults != 2 || faults[0].ID != sum || faults[1].ID != ids[2] {
		t.Errorf("exit code %d, %v: %s", code, err, out)
	}
	if found, code := examined(t, dir); code != exitFailed || found["log"].Result != wellWrong {
		t.Errorf("doctor says %+v", found["log"])
	}
}

func TestVerifyTakesCheckpointsThatWereKeptElsewhere(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	keptScans(t, dir)
	other := filepath.Join(t.TempDir(), "other")
	keptScans(t, other)
	kept := checkpointOf(t, dir)
	if out := mustRun(t, "verify", "--data", dir, "--checkpoint", kept); !strings.Contains(out, "1 kept elsewhere") || strings.Contains(out, "No checkpoint kept elsewhere") {
		t.Error(out)
	}
	if code, out, _ := run(t, "", "verify", "--data", other, "--checkpoint", kept); code != exitFailed || !strings.Contains(out, filepath.Base(kept)) || !strings.Contains(out, "another log") {
		t.Errorf("of another log: exit code %d, %s", code, out)
	}
	if code, _, stderr := run(t, "", "verify", "--data", dir, "--checkpoint", kept+"x"); code != exitUsage || !strings.Contains(stderr, "--checkpoint") {
		t.Errorf("a file that is not there: exit code %d, %s", code, stderr)
	}
}

// checkpointOf is a file with a checkpoint of the log of a data folder.
func checkpointOf(t *testing.T, dir string) string {
	t.Helper()
	ctx := store.ByProgram(t.Context(), "test")
	s, err := server.New(ctx, server.Config{DataDir: dir, Library: library.NewStack([]library.Substance{{ID: "caffeine", Name: "caffeine"}}, nil),
		NewIdentifier: func(*library.Stack) (server.Identifier, error) { return nil, nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c, err := s.Checkpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "kept.txt")
	if err := os.WriteFile(path, []byte(c.Checkpoint), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
