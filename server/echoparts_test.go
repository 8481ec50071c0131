package server

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestTheBadPartsOfEchoAreNotUsed keeps true why .ci/vuln accepts what is known of echo: its reverse proxy, and the address of a client that
// it reads from a header.
func TestTheBadPartsOfEchoAreNotUsed(t *testing.T) {
	bad := []string{"Proxy", "ProxyWithConfig", "RateLimiter", "RateLimiterWithConfig", "RealIP"}
	if used := selectedBelow(t, "..", bad); len(used) > 0 {
		t.Errorf("used: %v", used)
	}
	if used := selectedBelow(t, "..", []string{"RecoverWithConfig"}); len(used) == 0 {
		t.Error("what is used is not found")
	}
}

// selectedBelow is where the program, without its tests, selects one of the names from a value of echo or of its middleware.
func selectedBelow(t *testing.T, root string, names []string) (at []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			if d != nil && d.IsDir() && d.Name() == "node_modules" {
				return filepath.SkipDir
			}
			return err
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil || !slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool { return strings.Contains(i.Path.Value, "labstack/echo") }) {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && slices.Contains(names, s.Sel.Name) {
				at = append(at, files.Position(s.Pos()).String())
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return at
}
