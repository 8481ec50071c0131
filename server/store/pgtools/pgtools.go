// Package pgtools finds the programs of PostgreSQL on this machine.
package pgtools

import (
	"cmp"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// ErrNotInstalled: a program of PostgreSQL is not on this machine.
var ErrNotInstalled = errors.New("PostgreSQL (15 or later) is not installed: `make setup` installs it on Debian")

// places are where distributions keep the programs that are not on the path.
var places = []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin"}

// version is the number in the name of a folder of places.
var version = regexp.MustCompile(`[0-9]+(\.[0-9]+)?`)

// Find returns the path of a program such as "initdb", that of the newest version when there are several; the error wraps
// ErrNotInstalled. What is on the path of Debian is a program that chooses one of the versions by itself, so it comes last there.
func Find(name string) (string, error) {
	for _, place := range places {
		found, err := filepath.Glob(filepath.Join(place, name))
		if err == nil && len(found) > 0 {
			return slices.MaxFunc(found, func(a, b string) int { return cmp.Compare(numbered(a), numbered(b)) }), nil
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, ErrNotInstalled)
	}
	return filepath.EvalSymlinks(path)
}

func numbered(path string) float64 {
	n, err := strconv.ParseFloat(version.FindString(path), 64)
	if err != nil {
		return 0
	}
	return n
}
