package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fentrace/server/seal"
	"fentrace/server/store/storetest"
	"fentrace/spectra"
)

// newKeyFile makes a key in a new file.
func newKeyFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if _, err := seal.NewFile(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// ringOf reads keys, the first one seals.
func ringOf(t *testing.T, paths ...string) *seal.Ring {
	t.Helper()
	r, err := seal.ReadRing(paths...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// onEachKeyed runs a test on a new database of each kind; open opens it with keys.
func onEachKeyed(t *testing.T, f func(t *testing.T, dir, address string, open func(...string) (*Store, error))) {
	t.Parallel()
	run := func(t *testing.T, dir, address string) {
		f(t, dir, address, func(keys ...string) (*Store, error) {
			s, err := OpenDatabase(asProgram(t), dir, address, WithKeys(ringOf(t, keys...)))
			if err == nil {
				t.Cleanup(func() { s.Close() })
			}
			return s, err
		})
	}
	t.Run("sqlite", func(t *testing.T) { run(t, t.TempDir(), "") })
	t.Run("postgres", func(t *testing.T) { run(t, t.TempDir(), storetest.Postgres(t)) })
}

// canary is a text to be looked for in what is on the disk.
const canary = "CANARY-4f1c77 of the raw bytes"

// rekeyed holds that the canary, which query gives as it is stored with the first key, is encrypted, and that it is anew with the second;
// it returns the store, opened with the second alone.
func rekeyed(t *testing.T, s *Store, open func(...string) (*Store, error), first, second, query string) *Store {
	t.Helper()
	stored := func() (raw []byte) {
		if err := s.r.QueryRowContext(t.Context(), query).Scan(&raw); err != nil {
			t.Fatal(err)
		}
		return raw
	}
	before := stored()
	if bytes.Contains(before, []byte(canary)) {
		t.Error("it is stored as it is")
	}
	reopen := func(keys ...string) {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		var err error
		if s, err = open(keys...); err != nil {
			t.Fatal(err)
		}
	}
	reopen(second, first)
	if _, err := s.Rotate(asProgram(t), noon, func(int) {}); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(stored(), before) {
		t.Error("it is still encrypted with the first key")
	}
	reopen(second)
	return s
}

// putCanary stores file number i, whose bytes and whose spectrum hold the canary.
func putCanary(t *testing.T, s *Store, i int) (id string, raw []byte) {
	t.Helper()
	id = fmt.Sprintf("00000000-0000-4000-8000-%012d", i)
	raw = fmt.Appendf(nil, "%s %d %s", canary, i, strings.Repeat("long ", 4000)) // on pages of its own
	sc := scan(t, id, 0, raw, func(sp *spectra.Spectrum) {
		sp.Metadata.SampleName = canary
		sp.Metadata.Warnings = []string{"warned"}
	})
	if _, _, err := s.Put(asProgram(t), File{Name: "f", Raw: raw}, []Scan{sc}, Arrival{}); err != nil {
		t.Fatal(err)
	}
	return id, raw
}

// readable checks that a scan can be read in every way.
func readable(t *testing.T, s *Store, id string, raw []byte) {
	t.Helper()
	s.recent.Purge() // what was just stored is in memory
	if got, _, err := s.Raw(asProgram(t), id); err != nil || !bytes.Equal(got, raw) {
		t.Errorf("the bytes of %s: %.40q, %v", id, got, err)
	}
	if f, err := s.File(asProgram(t), spectra.HashBytes(raw)); err != nil || !bytes.Equal(f.Raw, raw) {
		t.Errorf("the file of %s: %.40q, %v", id, f.Raw, err)
	}
	if sp, err := s.Spectrum(asProgram(t), id); err != nil || sp.Metadata.SampleName != canary {
		t.Errorf("the spectrum of %s: %+v, %v", id, sp, err)
	}
	if sc, err := s.Scan(asProgram(t), id); err != nil || len(sc.Warnings) != 1 {
		t.Errorf("the warnings of %s: %v, %v", id, sc.Warnings, err)
	}
	list, _, err := s.ScansAfter(asProgram(t), "raman", 0, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, sc := range list {
		if sp, err := sc.Spectrum(); sc.ID == id && (err != nil || sp.Metadata.SampleName != canary) {
			t.Errorf("the spectrum of %s for a look-back: %+v, %v", id, sp, err)
		}
	}
}

// onDisk tells whether the database holds a text: in any file of an SQLite one, its log included, or in the columns that are
// encrypted of a PostgreSQL one.
func onDisk(t *testing.T, s *Store, dir, address, text string) bool {
	t.Helper()
	if address == "" {
		paths, err := filepath.Glob(filepath.Join(dir, FileName+"*"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no database in %s: %v", dir, err)
		}
		for _, p := range paths {
			raw, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(raw, []byte(text)) {
				return true
			}
		}
		return false
	}
	for _, query := range []string{"SELECT raw FROM files", "SELECT spectrum FROM scans"} {
		rows, err := s.r.QueryContext(asProgram(t), query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var value []byte
			if err := rows.Scan(&value); err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(value, []byte(text)) {
				return true
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return false
}

func TestRawBytesAndSpectraAreNowhereInAnEncryptedDatabase(t *testing.T) {
	onEachKeyed(t, func(t *testing.T, dir, address string, open func(...string) (*Store, error)) {
		s, err := open(newKeyFile(t))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			id, raw := putCanary(t, s, i)
			readable(t, s, id, raw)
		}
		if onDisk(t, s, dir, address, canary) {
			t.Error("the canary is there")
		}
	})
}

func TestThePlainDatabaseShowsThatTheCanaryWouldBeFound(t *testing.T) {
	onEachKeyed(t, func(t *testing.T, dir, address string, open func(...string) (*Store, error)) {
		s, err := open()
		if err != nil {
			t.Fatal(err)
		}
		putCanary(t, s, 1)
		if !onDisk(t, s, dir, address, canary) {
			t.Error("it is not found where it is")
		}
	})
}

func TestAnEncryptedDatabaseIsNotOpenedWithoutItsKey(t *testing.T) {
	onEachKeyed(t, func(t *testing.T, dir, address string, open func(...string) (*Store, error)) {
		key, wrong := newKeyFile(t), newKeyFile(t)
		s, err := open(key)
		if err != nil {
			t.Fatal(err)
		}
		id, raw := putCanary(t, s, 1)
		for name, keys := range map[string][]string{"no key": nil, "a wrong key": {wrong}} {
			_, err := open(keys...)
			if !errors.Is(err, ErrKeyNeeded) || !strings.Contains(err.Error(), "--encryption-key-file") || !strings.Contains(err.Error(), ringOf(t, key).Current()) {
				t.Errorf("%s: %v", name, err)
			}
		}
		use, err := s.KeysInUse(asProgram(t))
		if err != nil || len(use) != 2 {
			t.Errorf("the wrong key was noted: %+v, %v", use, err)
		}
		again, err := open(wrong, key)
		if err != nil {
			t.Fatal(err)
		}
		readable(t, again, id, raw)
	})
}

func TestNoProgramStoresPlainIntoAnEncryptedDatabase(t *testing.T) {
	onEachKeyed(t, func(t *testing.T, dir, address string, open func(...string) (*Store, error)) {
		early, err := open() // it was started before there was a key
		if err != nil {
			t.Fatal(err)
		}
		if _, err := open(newKeyFile(t)); err != nil {
			t.Fatal(err)
		}
		raw := []byte(canary)
		_, _, err = early.Put(asProgram(t), File{Name: "f", Raw: raw}, []Scan{scan(t, "00000000-0000-4000-8000-000000000001", 0, raw)}, Arrival{})
		if err == nil || !strings.Contains(err.Error(), "encrypted") {
			t.Errorf("stored plain: %v", err)
		}
		if onDisk(t, early, dir, address, canary) {
			t.Error("the canary is there")
		}
	})
}

func TestARowPutInThePlaceOfAnotherIsNoticed(t *testing.T) {
	onEachKeyed(t, func(t *testing.T, dir, address string, open func(...string) (*Store, error)) {
		s, err := open(newKeyFile(t))
		if err != nil {
			t.Fatal(err)
		}
		one, _ := putCanary(t, s, 1)
		two, raw := putCanary(t, s, 2)
		err = s.write(asProgram(t), func(tx queries) error {
			_, err := tx.ExecContext(asProgram(t), "UPDATE files SET raw = (SELECT raw FROM files WHERE sha256 = ?) WHERE sha256 <> ?", spectra.HashBytes(raw), spectra.HashBytes(raw))
			if err == nil {
				_, err = tx.ExecContext(asProgram(t), "UPDATE scans SET spectrum = (SELECT spectrum FROM scans WHERE id = ?) WHERE id = ?", two, one)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Raw(asProgram(t), one); !errors.Is(err, seal.ErrSealed) {
			t.Errorf("bytes of another file: %v", err)
		}
		if _, err := s.Spectrum(asProgram(t), one); !errors.Is(err, seal.ErrSealed) {
			t.Errorf("spectrum of another scan: %v", err)
		}
		readable(t, s, two, raw)
	})
}

func TestRotatingEncryptsWhatIsPlainOrHasAnotherKeyWhileOthersWrite(t *testing.T) {
	onEachKeyed(t, func(t *testing.T, dir, address string, open func(...string) (*Store, error)) {
		plain, err := open()
		if err != nil {
			t.Fatal(err)
		}
		of := map[string][]byte{}
		for i := range 100 {
			id, raw := putCanary(t, plain, i)
			of[id] = raw
		}
		first, second := newKeyFile(t), newKeyFile(t)
		for _, keys := range [][]string{{first}, {second, first}} {
			s, err := open(keys...)
			if err != nil {
				t.Fatal(err)
			}
			want := 2 * len(of)
			stop, stopped := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(stopped)
				for i := 1000 * len(keys); ; i++ {
					select {
					case <-stop:
						return
					default:
						id, raw := putCanary(t, s, i)
						of[id] = raw
					}
				}
			}()
			ctx, cancel := context.WithCancel(asProgram(t))
			done := 0
			_, err = s.Rotate(ctx, noon, func(n int) {
				if done = n; n == 70 {
					cancel() // as if it were interrupted
				}
			})
			if !errors.Is(err, context.Canceled) || done < 70 || done >= want {
				t.Errorf("interrupted after %d: %v", done, err)
			}
			r, err := s.Rotate(asProgram(t), noon, func(int) {})
			close(stop)
			<-stopped
			if err != nil || r.Files+r.Spectra+done != want {
				t.Errorf("went on after %d of %d with %+v, %v", done, want, r, err)
			}
			for id, raw := range of {
				readable(t, s, id, raw)
			}
			if r, err := s.Rotate(asProgram(t), noon, func(int) {}); err != nil || r != (Rotated{}) {
				t.Errorf("once more: %+v, %v", r, err)
			}
			if onDisk(t, s, dir, address, canary) {
				t.Error("the canary is still there")
			}
			if _, err := s.Verify(asProgram(t), VerifyOptions{Each: func(f Fault) { t.Errorf("encrypted anew, the log does not fit: %+v", f) }}); err != nil {
				t.Error(err)
			}
		}
		if _, err := open(first); !errors.Is(err, ErrKeyNeeded) {
			t.Errorf("with the old key only: %v", err)
		}
		s, err := open(second)
		if err != nil {
			t.Fatal(err)
		}
		for id, raw := range of {
			readable(t, s, id, raw)
		}
		use, err := s.KeysInUse(asProgram(t))
		if err != nil || len(use) != 3 || use[0].Files != 0 || use[1].Retired.IsZero() || use[2].Files != len(of) || use[2].Spectra != len(of) || !use[2].Current {
			t.Errorf("keys in use: %+v, %v", use, err)
		}
	})
}

func BenchmarkPut(b *testing.B) {
	for name, keys := range map[string]int{"plain": 0, "encrypted": 1} {
		b.Run(name, func(b *testing.B) {
			var r *seal.Ring
			if keys > 0 {
				path := filepath.Join(b.TempDir(), "key")
				if _, err := seal.NewFile(path); err != nil {
					b.Fatal(err)
				}
				var err error
				if r, err = seal.ReadRing(path); err != nil {
					b.Fatal(err)
				}
			}
			s, err := Open(ByProgram(b.Context(), "test"), b.TempDir(), WithKeys(r))
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			x, y := make([]float64, 1024), make([]float64, 1024)
			for i := range x {
				x[i], y[i] = 200+1.75*float64(i), float64(i*i%977)+0.25
			}
			b.ResetTimer()
			for i := 0; b.Loop(); i++ {
				raw := fmt.Appendf(nil, "%d %s", i, strings.Repeat("1234.5,678.9\n", 1024))
				sp := spectra.Spectrum{Title: "t", Technique: spectra.Raman, XUnit: spectra.PerCM, X: x, Y: y, Metadata: spectra.Metadata{SHA256: spectra.HashBytes(raw)}}
				sc, err := NewScan(fmt.Sprintf("%032d", i), "f", 0, sp, answered, Fields{}, noon)
				if err != nil {
					b.Fatal(err)
				}
				if _, _, err := s.Put(ByProgram(b.Context(), "test"), File{Name: "f", Raw: raw}, []Scan{sc}, Arrival{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
