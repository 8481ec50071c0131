package server

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	asvsItem = regexp.MustCompile(`^V?\d+\.\d+\.\d+$`)
	asvsTest = regexp.MustCompile("`(Test[A-Za-z0-9]+)`")
)

// TestEachItemOfTheASVSListNamesATestThatExists keeps server/ASVS.md true: what is said to be met names a test of this tree, or says in
// words why there is none; and what is not met or does not apply says why.
func TestEachItemOfTheASVSListNamesATestThatExists(t *testing.T) {
	raw, err := os.ReadFile("ASVS.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := testsBelow(t, "..")
	items, named := map[string]bool{}, 0
	for i, line := range strings.Split(string(raw), "\n") {
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if !strings.HasPrefix(line, "|") || !asvsItem.MatchString(strings.TrimSpace(cells[0])) {
			continue
		}
		if len(cells) != 5 {
			t.Errorf("line %d has %d columns", i+1, len(cells))
			continue
		}
		id, state, where, shown := strings.TrimSpace(cells[0]), strings.TrimSpace(cells[2]), strings.TrimSpace(cells[3]), strings.TrimSpace(cells[4])
		if items[id] {
			t.Errorf("%s is listed twice", id)
		}
		items[id] = true
		found := asvsTest.FindAllStringSubmatch(shown, -1)
		for _, m := range found {
			named++
			if !tests[m[1]] {
				t.Errorf("%s: there is no test %s", id, m[1])
			}
		}
		switch {
		case state == "met" && len(found) == 0:
			t.Errorf("%s is said to be met and names no test", id)
		case state != "met" && state != "in part" && state != "not met" && state != "does not apply":
			t.Errorf("%s: %q is none of met, in part, not met, does not apply", id, state)
		case where == "":
			t.Errorf("%s says neither where it is done nor why it is not", id)
		}
	}
	if len(items) < 60 || named < 40 {
		t.Errorf("%d items and %d tests are read only", len(items), named)
	}
}

// testsBelow are the names of all tests of a tree.
func testsBelow(t *testing.T, root string) map[string]bool {
	out := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && d.Name() != "..") {
			if err == nil {
				err = fs.SkipDir
			}
			return err
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range f.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") {
				out[fn.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
