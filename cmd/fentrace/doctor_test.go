package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fentrace/library/identify"
	"fentrace/server"
	"fentrace/server/store"
	"fentrace/spectra"
)

// examined is what doctor says of a data folder, by check, and its exit code.
func examined(t *testing.T, dir string, more ...string) (map[string]healthFinding, int) {
	t.Helper()
	code, stdout, stderr := run(t, "", append([]string{"doctor", "--json", "--data", dir}, more...)...)
	out := map[string]healthFinding{}
	for d := json.NewDecoder(strings.NewReader(stdout)); d.More(); {
		var f healthFinding
		if err := d.Decode(&f); err != nil {
			t.Fatalf("%v in %s%s", err, stdout, stderr)
		}
		out[f.Check] = f
	}
	return out, code
}

func TestDoctorFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	if found, code := examined(t, dir); code != exitOK || found["data folder"].Result != wellOK {
		t.Errorf("before there is anything: exit code %d, %v", code, found)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Error("doctor made the folder that it looked for")
	}

	st, err := store.Open(store.ByProgram(t.Context(), "test"), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if found, code := examined(t, dir); code != exitOK || !strings.Contains(found["database"].Text, "0 scans") {
		t.Errorf("a new folder: exit code %d, %v", code, found)
	}

	path := filepath.Join(dir, store.FileName)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096; i < len(raw) && i < 40960; i++ {
		raw[i] ^= 0x55
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, server.LearnedFile), []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	found, code := examined(t, dir)
	if code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	for check, want := range map[string]string{"database": wellWrong, "learnt library": wellWrong, "data folder": wellAdvice} {
		if found[check].Result != want {
			t.Errorf("%s: %v, want %s", check, found[check], want)
		}
	}
	if !strings.Contains(found["database"].Text, "fentrace restore") {
		t.Errorf("it does not say what to do: %s", found["database"].Text)
	}
}

// putScan stores a scan at a time.
func putScan(t *testing.T, st *store.Store, at time.Time) {
	t.Helper()
	sp, err := simulated("caffeine", 1)
	if err != nil {
		t.Fatal(err)
	}
	raw := []byte("scan")
	sp.Metadata.SHA256 = spectra.HashBytes(raw)
	ans := identify.Identification{SHA256: sp.Metadata.SHA256, Technique: string(sp.Technique), Simulated: true, Verdict: identify.Inconclusive}
	sc, err := store.NewScan("9f1f0f6e-7a3b-4c39-9f62-0d6ff1a6c7aa", "scan.jdx", 0, sp, ans, store.Fields{}, at)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := st.Put(store.ByProgram(t.Context(), "test"), store.File{Name: "scan.jdx", Raw: raw}, []store.Scan{sc}, store.Arrival{}); err != nil {
		t.Fatal(err)
	}
}

func TestDoctorNoticesAClockThatWentBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	st, err := store.Open(store.ByProgram(t.Context(), "test"), dir)
	if err != nil {
		t.Fatal(err)
	}
	putScan(t, st, time.Now().Add(24*time.Hour))
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if found, code := examined(t, dir); code != exitFailed || found["clock"].Result != wellWrong {
		t.Errorf("exit code %d, %v", code, found["clock"])
	}
}
