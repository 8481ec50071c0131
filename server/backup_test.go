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

	"fentrace/server/backup"
)

func TestABackupOfARunningServerIsRestoredWhole(t *testing.T) {
	r := start(t)
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
			if a := r.do("POST", "/v1/scans", jcamp(fmt.Sprintf("caffeine %d", i)), "Content-Type", "text/plain"); a.StatusCode == http.StatusCreated {
				acknowledged.Add(1)
			}
		}
	}()
	for acknowledged.Load() < 20 {
		time.Sleep(time.Millisecond)
	}
	before := int(acknowledged.Load())
	path := filepath.Join(t.TempDir(), "copy.tar.zst")
	m, err := backup.To(asProgram(t), r.cfg.DataDir, path, "v1", time.Now())
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

	dir := filepath.Join(t.TempDir(), "restored")
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := backup.Restore(asProgram(t), f, dir); err != nil {
		t.Fatal(err)
	}
	again := start(t, func(c *Config) { c.DataDir = dir })
	n, err := again.Count(asProgram(t))
	if err != nil || n != m.Scans {
		t.Errorf("%d scans after restoring %d, %v", n, m.Scans, err)
	}
	again.do("POST", "/v1/scans", jcamp("caffeine 0"), "Content-Type", "text/plain").want(t, http.StatusOK) // it is known
	again.do("POST", "/v1/scans", jcamp("new one"), "Content-Type", "text/plain").want(t, http.StatusCreated)
	if _, err := backup.Restore(asProgram(t), f, dir); !errors.Is(err, backup.ErrNotEmpty) {
		t.Errorf("restoring over a data folder: %v", err)
	}
}

func TestADamagedBackupLeavesNothingBehind(t *testing.T) {
	r := start(t)
	r.do("POST", "/v1/scans", jcamp("caffeine"), "Content-Type", "text/plain").want(t, http.StatusCreated)
	var whole bytes.Buffer
	if _, err := backup.Write(asProgram(t), r.cfg.DataDir, &whole, "v1", time.Now()); err != nil {
		t.Fatal(err)
	}
	parent := t.TempDir()
	dir := filepath.Join(parent, "restored")
	rng := rand.New(rand.NewPCG(1, 1))
	damaged := [][]byte{nil, whole.Bytes()[:whole.Len()/2], whole.Bytes()[:whole.Len()-1], []byte("something else")}
	for range 200 {
		flipped := bytes.Clone(whole.Bytes())
		flipped[rng.IntN(len(flipped))] ^= 1 << rng.IntN(8)
		damaged = append(damaged, flipped)
	}
	without := 0
	for i, raw := range damaged {
		_, err := backup.Restore(asProgram(t), bytes.NewReader(raw), dir)
		if err == nil { // nothing depends on a few bits of the frame: every file has its sum all the same
			if without++; without > 2 || i < 4 {
				t.Errorf("copy %d, the %dth, was restored", i, without)
			}
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if !errors.Is(err, backup.ErrDamaged) {
			t.Errorf("copy %d: %v, want ErrDamaged", i, err)
		}
		if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
			t.Fatalf("copy %d left %v, %v", i, left, err)
		}
	}
	if _, err := backup.Write(asProgram(t), parent, &whole, "v1", time.Now()); !errors.Is(err, backup.ErrNoData) {
		t.Errorf("an empty folder: %v", err)
	}
}
