package archive

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"fentrace/library/search"
	"fentrace/spectra"
	"fentrace/spectra/durable"
)

// database is where scans are whole: every third one cannot be searched.
type database struct{ vectors []search.Vector }

func newDatabase(t *testing.T, n int) *database {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 1))
	db := &database{}
	for range n {
		s := spectra.Spectrum{Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Intensity}
		var lines []float64
		for range 6 {
			lines = append(lines, 400+1400*rng.Float64())
		}
		for x := 340.0; x <= 1910; x += 4 {
			y := 0.01 * rng.NormFloat64()
			for _, l := range lines {
				y += math.Exp(-(x - l) * (x - l) / 60)
			}
			s.X, s.Y = append(s.X, x), append(s.Y, y)
		}
		v, err := search.Prepare(s)
		if err != nil {
			t.Fatal(err)
		}
		db.vectors = append(db.vectors, v)
	}
	return db
}

func name(seq int64) string { return fmt.Sprintf("scan-%d", seq) }

// fill gives the archive what it wants, some at a time.
func (db *database) fill(t *testing.T, a *Archive, atOnce int64) {
	t.Helper()
	for range 10*len(db.vectors) + 1 {
		after, to := a.Missing(spectra.Raman)
		if to == 0 {
			to = int64(len(db.vectors))
		}
		if after == to {
			return
		}
		upTo := min(to, after+atOnce)
		var scans []Scan
		for seq := after + 1; seq <= upTo; seq++ {
			if seq%3 != 0 {
				scans = append(scans, Scan{name(seq), seq, db.vectors[seq-1]})
			}
		}
		if err := a.Add(spectra.Raman, scans, upTo); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("the archive is never full")
}

// complete checks that every scan is found by itself, once.
func (db *database) complete(t *testing.T, a *Archive) {
	t.Helper()
	for i, v := range db.vectors {
		found, err := a.Screen(context.Background(), v, 2, 0.95, nil)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, c := range found {
			if c.Seq == int64(i+1) && c.ScanID == name(c.Seq) {
				n++
			}
		}
		if want := min(1, (i+1)%3); n != want {
			t.Fatalf("scan %d is found %d times, want %d", i+1, n, want)
		}
	}
}

func small(t *testing.T, dir string) *Archive {
	t.Helper()
	a, problems, err := Open(dir, false)
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	a.partRows = 10
	return a
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*"+extension))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func TestScansStayFindableFromStartToStart(t *testing.T) {
	dir, db := filepath.Join(t.TempDir(), "archive"), newDatabase(t, 100)
	for _, n := range []int{0, 7, 35, 36, 100} {
		part := &database{db.vectors[:n]}
		a := small(t, dir)
		part.fill(t, a, 8)
		part.complete(t, a)
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(files(t, dir)); n != 6 {
		t.Errorf("%d segments of ten from 66 scans", n)
	}
	reader, problems, err := Open(dir, true)
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	db.fill(t, reader, 1000)
	db.complete(t, reader)
	if n := len(files(t, dir)); n != 6 {
		t.Errorf("a reader wrote: %d segments", n)
	}
}

func TestALostSegmentIsMadeAgain(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, path string){
		"gone": func(t *testing.T, path string) { must(t, os.Remove(path)) },
		"cut":  func(t *testing.T, path string) { must(t, os.Truncate(path, 5000)) },
	} {
		dir, db := t.TempDir(), newDatabase(t, 100)
		a := small(t, dir)
		db.fill(t, a, 1000)
		must(t, a.Close())
		damage(t, files(t, dir)[2])
		a, problems, err := Open(dir, false)
		must(t, err)
		if want := map[string]int{"gone": 0, "cut": 1}[name]; len(problems) != want {
			t.Errorf("%s: %v", name, problems)
		}
		a.partRows = 10
		db.fill(t, a, 4)
		db.complete(t, a)
		must(t, a.Close())
	}
}

func TestADamagedSegmentIsNoticedWhenItIsRead(t *testing.T) {
	dir, db := t.TempDir(), newDatabase(t, 100)
	a := small(t, dir)
	db.fill(t, a, 1000)
	must(t, a.Close())
	path := files(t, dir)[1]
	raw, err := os.ReadFile(path)
	must(t, err)
	raw[len(raw)/2] ^= 1
	must(t, os.WriteFile(path, raw, 0o600))
	a = small(t, dir)
	if _, err := a.Screen(context.Background(), db.vectors[0], 8, 0.9, nil); !errors.Is(err, ErrDamaged) {
		t.Fatal(err)
	}
	db.fill(t, a, 1000)
	db.complete(t, a)
	if left, err := filepath.Glob(filepath.Join(dir, "*.damaged")); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}

// A power cut leaves parts of files, or parts beside the whole that was made of them.
func TestWhatAPowerCutLeavesIsTidied(t *testing.T) {
	dir, db := t.TempDir(), newDatabase(t, 100)
	a := small(t, dir)
	db.fill(t, a, 1000)
	must(t, a.Close())
	half := filepath.Join(dir, durable.Part+"1")
	must(t, os.WriteFile(half, []byte("half"), 0o600))
	yesterday := time.Now().Add(-24 * time.Hour)
	must(t, os.Chtimes(half, yesterday, yesterday))
	// The whole of the first three parts, not in their place yet when the power went.
	whole, _, err := Open(t.TempDir(), false)
	must(t, err)
	whole.partRows = 20
	(&database{db.vectors[:44]}).fill(t, whole, 1000)
	must(t, whole.Close())
	parts := files(t, dir)
	for _, path := range files(t, whole.dir) {
		raw, err := os.ReadFile(path)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, filepath.Base(path)), raw, 0o600))
	}
	a = small(t, dir)
	db.fill(t, a, 1000)
	db.complete(t, a)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) >= len(parts) {
		t.Errorf("%d files were %d before: %v", len(entries), len(parts), err)
	}
}

// Spectra that were prepared in another way are no use, and their scans are in the database.
func TestSegmentsOfAnotherPreparationAreRemovedAndMadeAgain(t *testing.T) {
	dir, db := t.TempDir(), newDatabase(t, 40)
	a := small(t, dir)
	db.fill(t, a, 1000)
	must(t, a.Close())
	for _, path := range files(t, dir) {
		raw, err := os.ReadFile(path)
		must(t, err)
		header := raw[16 : 16+binary.LittleEndian.Uint32(raw[8:])]
		at := bytes.Index(header, []byte(`"pipeline":"`)) + len(`"pipeline":"`)
		header[at] ^= 1 // another name of the same length
		binary.LittleEndian.PutUint32(raw[12:], crc32.Checksum(header, crc32.MakeTable(crc32.Castagnoli)))
		must(t, os.WriteFile(path, raw, 0o600))
	}
	reader, problems, err := Open(dir, true)
	must(t, err)
	if len(problems) != 2 || !errors.Is(problems[0], search.ErrStale) || len(files(t, dir)) != 2 {
		t.Errorf("%v, %d segments", problems, len(files(t, dir)))
	}
	must(t, reader.Close())
	a, problems, err = Open(dir, false)
	must(t, err)
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 || len(problems) != 2 {
		t.Errorf("%v is left, %v, %v", left, problems, err)
	}
	a.partRows = 10
	db.fill(t, a, 1000)
	db.complete(t, a)
	must(t, a.Close())
}

func TestOnlyWhatIsWantedIsTaken(t *testing.T) {
	db := newDatabase(t, 5)
	a := InMemory()
	must(t, a.Add(spectra.Raman, []Scan{{"a", 2, db.vectors[0]}}, 3))
	for _, c := range []struct {
		scans []Scan
		upTo  int64
	}{{nil, 2}, {[]Scan{{"b", 3, db.vectors[1]}}, 4}, {[]Scan{{"b", 5, db.vectors[1]}}, 4}} {
		if err := a.Add(spectra.Raman, c.scans, c.upTo); err == nil {
			t.Errorf("%v up to %d is taken", c.scans, c.upTo)
		}
	}
	if n := a.Len(spectra.Raman); n != 1 {
		t.Error(n)
	}
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := a.Screen(stopped, db.vectors[0], 8, 0.5, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestSmallSegmentsBecomeAWholeOne(t *testing.T) {
	if testing.Short() {
		t.Skip("prepares many scans")
	}
	dir, db := t.TempDir(), newDatabase(t, 50)
	a, _, err := Open(dir, false)
	must(t, err)
	const rows = SegmentRows + 5000
	var seen []int
	for from := int64(0); from < rows; from += 1000 {
		var scans []Scan
		for seq := from + 1; seq <= from+1000; seq++ {
			scans = append(scans, Scan{name(seq), seq, db.vectors[seq%50]})
		}
		must(t, a.Add(spectra.Raman, scans, from+1000))
	}
	if n := len(files(t, dir)); n != 2 {
		t.Errorf("%d segments of %d scans, want a whole and a small one", n, rows)
	}
	found, err := a.Screen(context.Background(), db.vectors[7], 0, 0.99, func(done, total int) { seen = append(seen, done, total) })
	must(t, err)
	want := 0
	for seq := 1; seq <= rows/1000*1000+1000 && seq <= a.Len(spectra.Raman); seq++ {
		if seq%50 == 7 {
			want++
		}
	}
	if len(found) != want || !slices.IsSortedFunc(found, func(a, b Candidate) int { return int(a.Seq - b.Seq) }) {
		t.Errorf("%d found, want %d", len(found), want)
	}
	if n := len(seen); n < 4 || seen[n-1] != seen[n-2] {
		t.Errorf("progress %v", seen)
	}
	must(t, a.Close())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
