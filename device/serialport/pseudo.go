package serialport

import (
	"path/filepath"
	"strings"
)

// IsPseudoTerminal reports whether the port at path, or what it links to, is a pseudo-terminal: there is a program at
// its other end and no instrument, so what comes from it is simulated even where its protocol cannot say so.
func IsPseudoTerminal(path string) bool {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return strings.HasPrefix(path, "/dev/pts/") || strings.HasPrefix(path, "/dev/ttys") // Linux, macOS
}
