// Package program builds Fentrace as its users run it, and asks the system what it costs.
package program

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Build makes the program in dir and returns its path.
func Build(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "fentrace")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", path, "fentrace/cmd/fentrace").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return path, nil
}

// What Memory is asked for.
const (
	Resident     = "VmRSS" // now
	ResidentMost = "VmHWM" // since the start
)

// Memory is that of a process, MB; 0 where the system does not say.
func Memory(pid int, what string) float64 {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(raw)) {
		var kB float64
		if n, _ := fmt.Sscanf(line, what+": %f kB", &kB); n == 1 {
			return kB * 1024 / 1e6
		}
	}
	return 0
}
