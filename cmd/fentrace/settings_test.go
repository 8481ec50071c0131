package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// parsed is the serve command of these arguments.
func parsed(t *testing.T, args ...string) (serveCommand, error) {
	t.Helper()
	var c commands
	parser, err := newParser(&c, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(append([]string{"serve"}, args...))
	return c.Serve, err
}

func settingsFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fentrace.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheCommandLineCountsMoreThanTheEnvironmentThanTheFile(t *testing.T) {
	file := settingsFile(t, "data = \"d\"\nlisten = \"127.0.0.1:1\"\nmax-upload = \"1MiB\"\nlibrary = [\"a.db\", \"b.db\"]\n[serve]\nlog-level = \"info\"\nlisten = \"127.0.0.1:2\"\n")
	c, err := parsed(t, "--config", file)
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:2" || c.MaxUpload != "1MiB" || c.LogLevel != "info" || strings.Join(c.Library, " ") != "a.db b.db" {
		t.Errorf("from the file: listen %s, max upload %s, log level %s, libraries %v", c.Listen, c.MaxUpload, c.LogLevel, c.Library)
	}
	t.Setenv("FENTRACE_LISTEN", "127.0.0.1:3")
	if c, err = parsed(t, "--config", file); err != nil || c.Listen != "127.0.0.1:3" {
		t.Errorf("with the environment: %s, %v", c.Listen, err)
	}
	if c, err = parsed(t, "--config", file, "--listen", "127.0.0.1:4"); err != nil || c.Listen != "127.0.0.1:4" {
		t.Errorf("with the command line: %s, %v", c.Listen, err)
	}
	t.Setenv("FENTRACE_LOG_LEVEL", "debug")
	if c, err = parsed(t); err != nil || c.LogLevel != "debug" {
		t.Errorf("without a file: %s, %v", c.LogLevel, err)
	}
}

func TestMistakesInSettingsAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		"listn = \"x\"":                         "no flag --listn",
		"[serve]\nlistn = \"x\"":                "`fentrace serve` has no flag --listn",
		"[srve]\nlisten = \"x\"":                `no command "srve"`,
		"listen = ":                             "--config",
		"log-level = \"loud\"":                  "--log-level",
		"library = " + strings.Repeat("[", 100): "--config",
	} {
		if _, err := parsed(t, "--config", settingsFile(t, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want something about %s", text, err, want)
		}
	}
	if _, err := parsed(t, "--config", filepath.Join(t.TempDir(), "none.toml")); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a missing file: %v", err)
	}
	t.Setenv("FENTRACE_LOG_LEVEL", "loud")
	if _, err := parsed(t); err == nil {
		t.Error("a level from the environment that there is not was taken")
	}
}
