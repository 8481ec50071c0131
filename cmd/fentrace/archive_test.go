package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fentrace/spectra/format"
)

// scanBytes is a SIMULATED scan of a substance as CSV.
func scanBytes(t *testing.T, substance string) []byte {
	t.Helper()
	s, err := simulated(substance, 1)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := format.WriteCSV(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// pack writes one file into w.
func pack(t *testing.T, w io.Writer, err error, raw []byte) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(raw); err != nil {
		t.Fatal(err)
	}
}

func TestArchivesAreAnsweredFileByFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "seizure.zip")
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, raw := range map[string][]byte{"bag 1/caffeine.csv": scanBytes(t, "caffeine"), "bag 2.csv": scanBytes(t, "lactose"), "photo.jpg": []byte("\xff\xd8\xff"), "cut.csv": []byte("200,1\n201\n")} {
		w, err := z.Create(name)
		pack(t, w, err, raw)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	var compressed bytes.Buffer
	g := gzip.NewWriter(&compressed)
	pack(t, g, nil, scanBytes(t, "caffeine"))
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{path: b.Bytes(), filepath.Join(dir, "later.csv.gz"): compressed.Bytes(), filepath.Join(dir, "backup.tar.gz"): {0x1f, 0x8b}} {
		if err := os.WriteFile(name, raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	code, out, _ := run(t, "", "identify", "--json", path)
	var files, failed []string
	for line := range strings.Lines(out) {
		var ans struct{ File, Error string }
		if err := json.Unmarshal([]byte(line), &ans); err != nil {
			t.Fatal(err)
		}
		if ans.Error != "" {
			failed = append(failed, ans.Error)
			continue
		}
		files = append(files, strings.TrimPrefix(ans.File, dir+"/"))
	}
	if code != exitFailed || len(failed) != 1 || !strings.Contains(failed[0], "seizure.zip: cut.csv: ") {
		t.Errorf("exit code %d, errors %q", code, failed)
	}
	slices.Sort(files)
	if want := []string{"seizure.zip/bag 1/caffeine.csv", "seizure.zip/bag 2.csv"}; !slices.Equal(files, want) {
		t.Errorf("answers to %q, want %q", files, want)
	}
	table := filepath.Join(dir, "out.csv")
	if code, out, stderr := run(t, "", "batch", "--out", table, dir); code != exitFailed || !strings.Contains(out+stderr, "cut.csv") {
		t.Errorf("exit code %d: %s%s", code, out, stderr)
	}
	raw, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(files, "later.csv.gz/later.csv") {
		if !strings.Contains(string(raw), name) {
			t.Errorf("the table does not name %s:\n%s", name, raw)
		}
	}
	if strings.Contains(string(raw), "backup") {
		t.Errorf("an archive of other things was read:\n%s", raw)
	}
	if shown := mustRun(t, "show", path); !strings.Contains(shown, "1 of 3 files in the archive could not be read: cut.csv") {
		t.Errorf("a file that could not be read is not told:\n%s", shown)
	}
}
