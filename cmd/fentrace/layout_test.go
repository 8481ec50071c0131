package main

import (
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// allowed lists, for each room, the rooms it may import: the data flows one way.
var allowed = map[string][]string{
	"spectra": {},
	"data":    {},
	"library": {"spectra"},
	"device":  {"spectra"},
	"server":  {"spectra", "library", "device"},
}

func TestRoomsImportOnlyTowardsTheSpectrum(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "fentrace/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var pkg struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&pkg); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		from := room(pkg.ImportPath)
		seen[from] = true
		rooms, limited := allowed[from]
		// The programs under data/build make what data embeds; they are no part of what others import.
		if !limited || strings.HasPrefix(pkg.ImportPath, "fentrace/data/build/") {
			continue
		}
		for _, imp := range pkg.Imports {
			if to := room(imp); strings.HasPrefix(imp, "fentrace/") && to != from && !slices.Contains(rooms, to) {
				t.Errorf("%s imports %s", pkg.ImportPath, imp)
			}
		}
	}
	for r := range allowed {
		if !seen[r] {
			t.Errorf("no package in %s: the rule checks nothing there", r)
		}
	}
}

func room(path string) string {
	parts := strings.SplitN(path, "/", 3)
	if len(parts) < 2 {
		return ""
	}
	return parts[1]
}
