package serialport

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/creack/pty"
)

func TestAPseudoTerminalIsToldFromAPort(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("pseudo-terminals are known by their names on Linux and macOS only")
	}
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	defer slave.Close()
	link := filepath.Join(t.TempDir(), "spectrometer")
	if err := os.Symlink(slave.Name(), link); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{slave.Name(): true, link: true, "/dev/ttyUSB0": false, "/dev/null": false, "": false} {
		if got := IsPseudoTerminal(path); got != want {
			t.Errorf("%q: %v", path, got)
		}
	}
}
