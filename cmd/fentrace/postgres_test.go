package main

import (
	"path/filepath"
	"strings"
	"testing"

	"fentrace/server/store/storetest"
)

func TestTheDatabaseOfEveryCommandMayBePostgreSQL(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	flags := []string{"--data", data, "--db", storetest.Postgres(t)}
	address, _ := serving(t, append(flags, "--listen", "127.0.0.1:0")...)
	token := strings.TrimSpace(mustRun(t, append([]string{"serve", "--new-token", "t"}, flags...)...))
	if scans := scansAt(t, address, token); len(scans) != 0 {
		t.Errorf("%d scans in a new database", len(scans))
	}
	if out := mustRun(t, append([]string{"queue"}, flags...)...); !strings.Contains(out, "0 scans wait") {
		t.Errorf("the queue: %s", out)
	}
	if code, _, stderr := run(t, "", append([]string{"rescreen", "--like", "x"}, flags...)...); code != exitUsage || !strings.Contains(stderr, "not found") {
		t.Errorf("looking back like no scan: exit code %d, %s", code, stderr)
	}
	if made, err := filepath.Glob(filepath.Join(data, "*.db*")); err != nil || len(made) != 0 {
		t.Errorf("beside PostgreSQL there are %q, %v", made, err)
	}
}

func TestTheAddressOfADatabaseIsCheckedAndItsPasswordNotTold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		address string
		code    int
	}{
		{"mysql://u:hunter2@h/d", exitUsage}, {"postgres://u:hun/ter2@h/d", exitUsage}, {"postgres://u:hunter2@h/d?sslmode=odd", exitUsage},
		{"postgres://u:hunter2@127.0.0.1:1/d", exitFailed},
	} {
		for _, command := range [][]string{{"queue"}, {"serve", "--listen", "127.0.0.1:0"}, {"rescreen", "--like", "x"}} {
			code, out, stderr := run(t, "", append(command, "--data", t.TempDir(), "--db", c.address)...)
			if code != c.code || strings.Contains(out+stderr, "ter2") || !strings.Contains(stderr, "database") {
				t.Errorf("%s: exit code %d, %s%s", command[0], code, out, stderr)
			}
		}
	}
}
