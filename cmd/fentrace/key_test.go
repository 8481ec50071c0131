package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fentrace/library/identify"
	"fentrace/server/seal"
	"fentrace/server/store"
	"fentrace/spectra"
)

// keptScan stores a scan whose bytes are raw in the folder.
func keptScan(t *testing.T, dir, id string, raw []byte, keys ...string) {
	t.Helper()
	ring, err := seal.ReadRing(keys...)
	if err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(store.ByProgram(t.Context(), "test"), dir, store.WithKeys(ring))
	if err != nil {
		t.Fatal(err)
	}
	sp := spectra.Spectrum{Title: "t", Technique: spectra.Raman, XUnit: spectra.PerCM, X: []float64{1, 2}, Y: []float64{3, 4}, Metadata: spectra.Metadata{SHA256: spectra.HashBytes(raw)}}
	sc, err := store.NewScan(id, "f.jdx", 0, sp, identify.Identification{Verdict: identify.NoAlarm}, store.Fields{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = st.Put(store.ByProgram(t.Context(), "test"), store.File{Name: "f.jdx", Raw: raw}, []store.Scan{sc}, store.Arrival{})
	if err = errors.Join(err, st.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestAFolderIsEncryptedByCommandAndOpensWithItsKeyOnly(t *testing.T) {
	t.Parallel()
	dir, key := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "key")
	raw := []byte("the raw bytes")
	keptScan(t, dir, "00000000-0000-4000-8000-000000000001", raw)
	if found, _ := examined(t, dir); found["encryption"].Result != wellAdvice || !strings.Contains(found["encryption"].Text, "encrypted disk") {
		t.Errorf("doctor of a plain folder: %+v", found["encryption"])
	}
	if code, stdout, stderr := run(t, "", "key", "new", key); code != exitOK || !strings.Contains(stdout, "Keep a copy") {
		t.Fatalf("key new: %d, %s%s", code, stdout, stderr)
	}
	if code, _, stderr := run(t, "", "key", "new", key); code != exitFailed || !strings.Contains(stderr, "exists") {
		t.Errorf("key new over another: %d, %s", code, stderr)
	}
	keptScan(t, dir, "00000000-0000-4000-8000-000000000002", []byte("new bytes"), key)
	if found, _ := examined(t, dir, "--encryption-key-file", key); found["encryption"].Result != wellAdvice || !strings.Contains(found["encryption"].Text, "2 files or spectra") {
		t.Errorf("doctor of a mixed folder: %+v", found["encryption"])
	}
	if code, stdout, stderr := run(t, "", "key", "rotate", "--data", dir, "--encryption-key-file", key); code != exitOK || !strings.Contains(stdout, "1 file and 1 spectrum") {
		t.Errorf("key rotate: %d, %s%s", code, stdout, stderr)
	}
	if stored, err := os.ReadFile(filepath.Join(dir, store.FileName)); err != nil || bytes.Contains(stored, raw) {
		t.Errorf("the bytes are still in the database, %v", err)
	}
	if found, _ := examined(t, dir, "--encryption-key-file", key); found["encryption"].Result != wellOK || !strings.Contains(found["encryption"].Text, "encrypted disk") {
		t.Errorf("doctor of an encrypted folder: %+v", found["encryption"])
	}
	if code, stdout, stderr := run(t, "", "key", "list", "--data", dir, "--encryption-key-file", key); code != exitOK || !strings.Contains(stdout, "not encrypted: 0 files, 0 spectra") {
		t.Errorf("key list: %d, %s%s", code, stdout, stderr)
	}

	other := filepath.Join(t.TempDir(), "other")
	if code, _, _ := run(t, "", "key", "new", other); code != exitOK {
		t.Fatal("no second key")
	}
	for name, args := range map[string][]string{"no key": nil, "a wrong key": {"--encryption-key-file", other}, "no such file": {"--encryption-key-file", other + "x"}} {
		for _, command := range [][]string{{"queue"}, {"key", "list"}, {"serve", "--new-login"}} {
			args := append(append(append([]string{}, command...), "--data", dir), args...)
			if code, stdout, stderr := run(t, "", args...); code != exitUsage || !strings.Contains(stderr, "--encryption-key-file") {
				t.Errorf("%v with %s: %d, %s%s", command, name, code, stdout, stderr)
			}
		}
	}
	within := filepath.Join(dir, "key")
	if err := os.Rename(key, within); err != nil {
		t.Fatal(err)
	}
	if found, code := examined(t, dir, "--encryption-key-file", within); code != exitFailed || found["encryption"].Result != wellWrong {
		t.Errorf("doctor of a key beside what it protects: %d, %+v", code, found["encryption"])
	}
}

func TestAPackIsCheckedByCommandInAnEmptyFolder(t *testing.T) {
	t.Parallel()
	dir, key := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "key")
	if code, _, stderr := run(t, "", "key", "new", key); code != exitOK {
		t.Fatal(stderr)
	}
	const id = "00000000-0000-4000-8000-000000000001"
	keptScan(t, dir, id, []byte("no spectrum that can be read again"), key)
	pack := filepath.Join(t.TempDir(), "p.zip")
	args := []string{"export", "evidence", id, "--data", dir, "--encryption-key-file", key, "--out", pack, "--recipient", "court", "--reason", "trial"}
	code, stdout, stderr := run(t, "", args...)
	if code != exitOK {
		t.Fatalf("export: %d, %s%s", code, stdout, stderr)
	}
	if code, _, stderr := run(t, "", args...); code != exitUsage || !strings.Contains(stderr, "not overwritten") {
		t.Errorf("over another: %d, %s", code, stderr)
	}
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	public := filepath.Join(t.TempDir(), "log.pub")
	if err := os.WriteFile(public, []byte(lines[len(lines)-1]), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, _ = run(t, "", "verify", pack, "--key", public)
	if code != exitFailed || !strings.Contains(stdout, "cannot be read any more") || !strings.Contains(stdout, "the key you gave") || !strings.Contains(stdout, "1 thing is wrong") {
		t.Errorf("verify: %d, %s", code, stdout)
	}
	if code, _, stderr := run(t, "", "verify", pack, "--data", dir); code != exitUsage || !strings.Contains(stderr, "without a data folder") {
		t.Errorf("a pack and a folder: %d, %s", code, stderr)
	}
	if code, _, stderr := run(t, "", "verify", key); code != exitFailed || !strings.Contains(stderr, "not a whole evidence pack") {
		t.Errorf("no pack: %d, %s", code, stderr)
	}
	if code, _, stderr := run(t, "", "purge", "--data", dir, "--encryption-key-file", key); code != exitUsage || !strings.Contains(stderr, "no policy") {
		t.Errorf("purge without a policy: %d, %s", code, stderr)
	}
	if code, stdout, stderr := run(t, "", "purge", "--data", dir, "--encryption-key-file", key, "--retention", "all: 1d"); code != exitOK || !strings.Contains(stdout, "0 scans") {
		t.Errorf("purge: %d, %s%s", code, stdout, stderr)
	}
}
