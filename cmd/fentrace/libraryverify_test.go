package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"fentrace/library"
)

func TestADamagedLibraryIsFoundAndMendedByAnotherImport(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lab.db")
	first, _ := sample(t, "Fentanyl")
	second, _ := sample(t, "caffeine")
	mustRun(t, "library", "import", "--into", path, first, second)
	if out := mustRun(t, "library", "verify", path); !strings.Contains(out, "2 references read; nothing is damaged") {
		t.Error(out)
	}
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(`UPDATE reference_spectra SET y = zeroblob(length(y)) WHERE substance_id = 'caffeine'`)
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	code, out, _ := run(t, "", "library", "verify", path)
	if code != exitFailed || !strings.Contains(out, "1 reference is damaged") || !strings.Contains(out, "of caffeine") {
		t.Errorf("exit code %d: %s", code, out)
	}
	code, out, _ = run(t, "", "library", "verify", "--json", path)
	var v library.Verification
	if err := json.Unmarshal([]byte(out), &v); err != nil || code != exitFailed || len(v.Damaged) != 1 || v.Damaged[0].SubstanceID != "caffeine" {
		t.Errorf("exit code %d, %v: %s", code, err, out)
	}
	out = mustRun(t, "library", "import", "--into", path, first, second)
	if !strings.Contains(out, "0 imported, 1 already present") || !strings.Contains(out, "mended: 1 damaged reference") {
		t.Error(out)
	}
	mustRun(t, "library", "verify", path)
	if code, _, stderr := run(t, "", "library", "verify", filepath.Join(t.TempDir(), "none.db")); code != exitUsage || !strings.Contains(stderr, "none.db") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}
