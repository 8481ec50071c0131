// Package storetest starts throw-away PostgreSQL clusters for tests.
//
// A cluster ends with the test program, however that ends: a shell holds the other end of a pipe, stops the cluster when
// the pipe is closed and removes its folder.
package storetest

import (
	"errors"
	"os"
	"sync"
	"testing"

	"fentrace/server/store/pgtools"
)

// Require is the environment variable that, set to 1, makes tests fail where PostgreSQL is not installed, rather than be
// skipped.
const Require = "FENTRACE_REQUIRE_POSTGRES"

// shared is the cluster of the test program.
var shared = sync.OnceValues(NewCluster)

// Postgres returns the address of a new, empty database on the cluster of this test program. The test is skipped where
// PostgreSQL is not installed, unless Require says otherwise.
func Postgres(t testing.TB) string {
	t.Helper()
	c, err := shared()
	check(t, err)
	return c.Database(t)
}

// New starts a cluster of its own for a test that stops it; it ends with the test. Skipped as Postgres.
func New(t testing.TB) *Cluster {
	t.Helper()
	c, err := NewCluster()
	check(t, err)
	t.Cleanup(c.End)
	return c
}

func check(t testing.TB, err error) {
	t.Helper()
	switch {
	case errors.Is(err, pgtools.ErrNotInstalled) && os.Getenv(Require) != "1":
		t.Skip("SKIPPED on PostgreSQL: " + err.Error())
	case err != nil:
		t.Fatal(err)
	}
}

// Database returns the address of a new, empty database.
func (c *Cluster) Database(t testing.TB) string {
	t.Helper()
	address, err := c.NewDatabase()
	if err != nil {
		t.Fatal(err)
	}
	return address
}
