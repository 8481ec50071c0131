// Package recorded finds the measured spectra that tests read: the folder shared/data beside the repository, which is no
// part of it. No program imports it.
package recorded

import (
	"os"
	"path/filepath"
	"testing"
)

// Path returns a path below the folder of measured spectra; the test is skipped where that is absent.
func Path(t testing.TB, elem ...string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
	}
	root := filepath.Join(dir, "..", "shared", "data")
	if _, err := os.Stat(root); err != nil {
		t.Skip("needs the measured spectra in ../shared/data beside the repository")
	}
	return filepath.Join(append([]string{root}, elem...)...)
}

// Glob returns the paths there that match a pattern, at least so many, sorted.
func Glob(t testing.TB, least int, elem ...string) []string {
	t.Helper()
	paths, err := filepath.Glob(Path(t, elem...))
	if err != nil || len(paths) < least {
		t.Fatalf("%v: %d files, want at least %d (%v)", elem, len(paths), least, err)
	}
	return paths
}
