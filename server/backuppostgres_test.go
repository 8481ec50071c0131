package server

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"fentrace/server/backup"
	"fentrace/server/store/storetest"
)

func TestABackupOfAPostgreSQLDatabaseUnderLoadIsRestoredWhole(t *testing.T) {
	c := storetest.New(t)
	address := c.Database(t)
	r := start(t, func(cfg *Config) { cfg.Database = address })
	var acknowledged atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if a := r.do("POST", "/v1/scans", jcamp(fmt.Sprintf("fentanyl %d", i)), "Content-Type", "text/plain"); a.StatusCode == http.StatusCreated {
				acknowledged.Add(1)
			}
		}
	}()
	for acknowledged.Load() < 20 {
		time.Sleep(time.Millisecond)
	}
	before := int(acknowledged.Load())
	path := filepath.Join(t.TempDir(), "copy.tar.zst")
	m, err := backup.PostgresTo(t.Context(), r.cfg.DataDir, address, path, "v1", time.Now())
	close(stop)
	<-stopped
	if err != nil {
		t.Fatal(err)
	}
	if m.Scans < before {
		t.Errorf("%d scans backed up, %d were acknowledged before", m.Scans, before)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the backup can be read by %v, %v", info.Mode(), err)
	}
	copied, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	empty := c.Database(t)
	dir := filepath.Join(t.TempDir(), "restored")
	damagedCopies(t, copied, dir, empty)

	if _, err := backup.PostgresRestore(t.Context(), bytes.NewReader(copied), dir, empty); err != nil {
		t.Fatal(err)
	}
	if then, now := firstScans(t, address, m.Scans), firstScans(t, empty, m.Scans); then != now {
		t.Errorf("the first %d scans, files and findings have the hash %s, restored %s", m.Scans, then, now)
	}
	again := start(t, func(cfg *Config) { cfg.DataDir, cfg.Database = dir, empty })
	if n, err := again.Count(asProgram(t)); err != nil || n != m.Scans {
		t.Errorf("%d scans after restoring %d, %v", n, m.Scans, err)
	}
	again.do("POST", "/v1/scans", jcamp("fentanyl 0"), "Content-Type", "text/plain").want(t, http.StatusOK) // it is known
	again.do("POST", "/v1/scans", jcamp("new one"), "Content-Type", "text/plain").want(t, http.StatusCreated)

	if _, err := backup.PostgresRestore(t.Context(), bytes.NewReader(copied), filepath.Join(t.TempDir(), "x"), empty); !errors.Is(err, backup.ErrTables) {
		t.Errorf("restoring over a database: %v", err)
	}
	if _, err := backup.PostgresRestore(t.Context(), bytes.NewReader(copied), dir, c.Database(t)); !errors.Is(err, backup.ErrNotEmpty) {
		t.Errorf("restoring over a data folder: %v", err)
	}
	if _, err := backup.Restore(t.Context(), bytes.NewReader(copied), filepath.Join(t.TempDir(), "x")); !errors.Is(err, backup.ErrKind) {
		t.Errorf("restoring into a data folder alone: %v", err)
	}
	if _, err := backup.PostgresTo(t.Context(), dir, c.Database(t), filepath.Join(t.TempDir(), "x"), "v1", time.Now()); !errors.Is(err, backup.ErrNoData) {
		t.Errorf("backing up an empty database: %v", err)
	}
}

// damagedCopies are refused, and leave the database empty and no folder.
func damagedCopies(t *testing.T, whole []byte, dir, address string) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 1))
	damaged := [][]byte{nil, whole[:len(whole)/2], []byte("something else")}
	for range 20 {
		flipped := bytes.Clone(whole)
		flipped[len(flipped)/4+rng.IntN(len(flipped)/2)] ^= 1 << rng.IntN(8) // within what is compressed, not its frame
		damaged = append(damaged, flipped)
	}
	for i, raw := range damaged {
		if _, err := backup.PostgresRestore(t.Context(), bytes.NewReader(raw), dir, address); !errors.Is(err, backup.ErrDamaged) {
			t.Fatalf("copy %d: %v, want ErrDamaged", i, err)
		}
		if left, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(left) > 0 {
			t.Fatalf("copy %d left %v, %v", i, left, err)
		}
	}
}

// firstScans is a hash of the first n scans with everything that hangs on them.
func firstScans(t *testing.T, address string, n int) (hash string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	err = conn.QueryRow(t.Context(), `WITH first AS (SELECT * FROM scans ORDER BY seq LIMIT $1)
		SELECT md5((SELECT string_agg(first::text, '|' ORDER BY seq) FROM first) ||
			(SELECT string_agg(f::text, '|' ORDER BY sha256) FROM files f WHERE sha256 IN (SELECT sha256 FROM first)) ||
			(SELECT string_agg(f::text, '|' ORDER BY scan_id, rank) FROM findings f WHERE scan_id IN (SELECT id FROM first)))`, n).Scan(&hash)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}
