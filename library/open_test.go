package library

import (
	"bytes"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// bytesOf returns the bytes of a closed, filled library.
func bytesOf(t *testing.T) []byte {
	t.Helper()
	f := filled(t)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(f.Path())
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestOpenRefusesWhatIsNoLibraryAndLeavesItAlone(t *testing.T) {
	whole := bytesOf(t)
	foreign := filepath.Join(t.TempDir(), "foreign.db")
	db, err := sql.Open("sqlite3", foreign)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`PRAGMA journal_mode = WAL; CREATE TABLE theirs (x)`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	theirs, err := os.ReadFile(foreign)
	if err != nil {
		t.Fatal(err)
	}
	blob := bytes.Clone(whole)
	copy(blob[bytes.Index(blob, encodeFloats([]float64{300, 301.5, 303})):], encodeFloats([]float64{300, 301.25}))
	for name, test := range map[string]struct {
		raw  []byte
		want error
	}{
		"empty":          {nil, ErrNotLibrary},
		"text":           {[]byte(strings.Repeat("1000 5\n", 100)), ErrNotLibrary},
		"foreign SQLite": {theirs, ErrNotLibrary},
		"header only":    {whole[:100], ErrDamaged},
		"half":           {whole[:len(whole)/2], ErrDamaged},
		"last byte gone": {whole[:len(whole)-1], ErrDamaged},
		"pages wiped":    {append(bytes.Clone(whole[:4096]), make([]byte, len(whole)-4096)...), ErrDamaged},
		"spectrum bent":  {blob, ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.db")
			if err := os.WriteFile(path, test.raw, 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := OpenStack(t.Context(), nil, path)
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v", err)
			}
			if _, err := OpenStack(t.Context(), test.raw); test.raw != nil && !errors.Is(err, test.want) {
				t.Errorf("as the embedded core: %v", err)
			}
			after, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(after, test.raw) {
				t.Errorf("the file was changed: %v", err)
			}
		})
	}
}

func TestOpenOfNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "absent.db")
	if _, err := Open(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("opening made a file: %v", err)
	}
	if _, err := Open(t.TempDir()); !errors.Is(err, ErrNotLibrary) {
		t.Errorf("a folder: %v", err)
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	f := filled(t)
	if _, err := f.db.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)`); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(f.Path()); !errors.Is(err, ErrNewerSchema) {
		t.Errorf("got %v", err)
	}
}

func TestReadOnlyLibraryOpens(t *testing.T) {
	raw := bytesOf(t)
	path := filepath.Join(t.TempDir(), "x.db")
	if err := os.WriteFile(path, raw, 0o444); err != nil {
		t.Fatal(err)
	}
	st, err := OpenStack(t.Context(), nil, path)
	if err != nil || len(st.References()) != 3 {
		t.Fatalf("%v", err)
	}
}

// Damage anywhere in the file is an error or harmless; it never panics and never changes a number unnoticed.
func TestFlippedBytesAreNoticedOrHarmless(t *testing.T) {
	whole := bytesOf(t)
	want, err := OpenStack(t.Context(), whole)
	if err != nil {
		t.Fatal(err)
	}
	data := map[string]bool{}
	for _, r := range want.References() {
		data[r.ID] = true
	}
	for at := 0; at < len(whole); at += 97 {
		bent := bytes.Clone(whole)
		bent[at] ^= 0x55
		st, err := OpenStack(t.Context(), bent)
		if err != nil {
			continue
		}
		for _, r := range st.References() {
			if r.ContentID() != r.ID || !data[r.ID] {
				t.Fatalf("byte %d: reference of %s changed unnoticed", at, r.SubstanceID)
			}
		}
	}
}

// TestMain also serves as the program that is killed in the crash tests.
func TestMain(m *testing.M) {
	if path := os.Getenv("LIBRARY_TEST_DIE_WRITING"); path != "" {
		dieWriting(path)
	}
	if path := os.Getenv("LIBRARY_TEST_DIE_IMPORTING"); path != "" {
		dieImporting(path, os.Getenv("LIBRARY_TEST_FOLDER"))
	}
	os.Exit(m.Run())
}

// dieWriting kills itself inside a transaction whose pages have already reached the file.
func dieWriting(path string) {
	f, err := Open(path)
	if err != nil {
		os.Exit(3)
	}
	tx, err := f.db.Begin()
	if err != nil {
		os.Exit(3)
	}
	if _, err := tx.Exec(`PRAGMA cache_size = 2; DELETE FROM reference_spectra; UPDATE substances SET controlled = 0, name = name || hex(zeroblob(200000))`); err != nil {
		os.Exit(3)
	}
	kill()
}

func kill() {
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Kill()
	}
	select {}
}

// died runs this test binary again with env and checks that it was killed.
func died(t *testing.T, env ...string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), env...)
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != -1 {
		t.Fatalf("the program was to be killed: %v", err)
	}
}

func TestKilledWhileWritingLosesNothing(t *testing.T) {
	f := filled(t)
	before, err := f.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	died(t, "LIBRARY_TEST_DIE_WRITING="+f.Path())
	if journal, err := os.Stat(f.Path() + "-journal"); err != nil || journal.Size() == 0 {
		t.Fatalf("the transaction was to leave a journal: %v", err)
	}
	if raw, err := os.ReadFile(f.Path()); err != nil || len(raw) < 200000 {
		t.Fatalf("the transaction was to reach the file: %d bytes, %v", len(raw), err)
	}
	again, err := Open(f.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if after, err := again.Version(t.Context()); err != nil || after != before {
		t.Errorf("version %s, %v; want %s", after, err, before)
	}
}
