package rest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestTheClientIsCurrent(t *testing.T) {
	out := filepath.Join(t.TempDir(), "rest.go")
	if msg, err := exec.Command("go", "run", "../generate", "-out", out).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, msg)
	}
	want, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile("rest.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(kept, want) {
		t.Error("rest.go is not that of the interface as it is: run go generate ./server/client/rest")
	}
}
