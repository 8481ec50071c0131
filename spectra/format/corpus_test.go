//go:build unix

package format

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fentrace/spectra/racedetector"
	"fentrace/spectra/recorded"
)

// corpusSize is how many damaged files are read.
const corpusSize = 10_000

// corpusFiles are measured files of every format: the vendors' ones, and a few of the instruments' text.
func corpusFiles(t *testing.T) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(recorded.Path(t, "formats"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && !strings.HasPrefix(d.Name(), "LICENSE") && d.Name() != "SOURCE.txt" {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range [][]string{{"raman", "library-785", "a*.csv"}, {"raman", "cross-instrument", "WP-00382", "A*.csv"}, {"raman", "calibration", "*", "*.txt"}, {"everyday-objects", "*", "B*.csv"}} {
		paths = append(paths, recorded.Glob(t, 1, pattern...)...)
	}
	if len(paths) < 80 {
		t.Fatalf("only %d files", len(paths))
	}
	return paths
}

// Ten thousand measured files, each damaged in another way: every one is read or refused with the cause, without a
// panic, within a second of the processor, and without asking at any point for more than ten times its size. All that reading takes and
// frees again is bounded by totalShare: a character of packed text stands for a position and a value, 16 bytes, and
// arrays that grow are copied.
func TestDamagedMeasuredFilesAreReadOrRefusedWithTheCause(t *testing.T) {
	racedetector.Skip(t)
	paths := corpusFiles(t)
	var whole [][]byte
	for _, p := range paths {
		raw, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		whole = append(whole, raw)
	}
	n := corpusSize
	if testing.Short() {
		n /= 20
	}
	random := rand.New(rand.NewPCG(20261125, 4))
	read, worst, worstName := 0, 0.0, ""
	for i := range n {
		at := i % len(paths)
		raw := mutate(random, whole[at])
		name := filepath.Base(paths[at])
		took, memory, err := timedRead(name, raw)
		limit := 10*uint64(len(raw)) + corpusSlack
		if memory > limit {
			if one := largestAllocation(func() { _, _ = Read(name, raw) }); one > limit {
				t.Errorf("damage %d of %s: %d bytes took %d of memory at once", i, name, len(raw), one)
			}
		}
		if took > time.Second {
			t.Errorf("damage %d of %s: %v for %d bytes", i, name, took, len(raw))
		}
		if share := float64(memory) / float64(len(raw)+corpusSlack/10); share > worst {
			worst, worstName = share, name
		}
		if memory > totalShare*uint64(len(raw))+corpusSlack {
			t.Errorf("damage %d of %s: %d bytes took %d of memory in all", i, name, len(raw), memory)
		}
		switch e := (*Error)(nil); {
		case err == nil:
			read++
		case !errors.As(err, &e) || !namesTheCause(err, name):
			t.Errorf("damage %d of %s: the error names no cause: %v", i, name, err)
		}
		if t.Failed() && i > 200 {
			t.FailNow()
		}
	}
	t.Logf("%d of %d damaged files were still readable; memory up to %.1f times the file (%s)", read, n, worst, worstName)
	if read == 0 || read == n {
		t.Errorf("%d of %d were read: the damage tests nothing", read, n)
	}
}

// totalShare bounds all memory of one read, also what is freed again, in sizes of the file.
const totalShare = 40

// largestAllocation returns the size of the largest single piece of memory that do asks for. The profile has a record for
// each place and size; it is published at the second collection after an allocation.
func largestAllocation(do func()) (size uint64) {
	rate := runtime.MemProfileRate
	runtime.MemProfileRate = 1
	defer func() { runtime.MemProfileRate = rate }()
	before := allocations(profileBefore)
	do()
	after := allocations(profileAfter)
	counts := map[allocation]int64{}
	for _, r := range before {
		if r.AllocObjects > 0 {
			counts[allocation{r.Stack0, uint64(r.AllocBytes / r.AllocObjects)}] += r.AllocObjects
		}
	}
	for _, r := range after {
		if r.AllocObjects > 0 {
			a := allocation{r.Stack0, uint64(r.AllocBytes / r.AllocObjects)}
			if counts[a] -= r.AllocObjects; counts[a] < 0 {
				size = max(size, a.size)
			}
		}
	}
	return size
}

type allocation struct {
	stack [32]uintptr
	size  uint64
}

// The profiles are written into memory taken beforehand, so that they do not show themselves.
var profileBefore, profileAfter = make([]runtime.MemProfileRecord, 1<<16), make([]runtime.MemProfileRecord, 1<<16)

func allocations(records []runtime.MemProfileRecord) []runtime.MemProfileRecord {
	for range 3 {
		runtime.GC()
	}
	n, ok := runtime.MemProfile(records, true)
	if !ok {
		panic("more places that take memory than expected")
	}
	return records[:n]
}

// corpusSlack is memory that does not grow with the file: each reader may look at a copy of its head, and regular expressions
// have matchers.
const corpusSlack = 256 << 10

// timedRead measures the time of the processor, which does not depend on what else the machine does.
func timedRead(name string, raw []byte) (took time.Duration, memory uint64, err error) {
	begun := processorTime()
	memory = allocated(func() { _, err = Read(name, raw) })
	return processorTime() - begun, memory, err
}

func processorTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

var causeWords = regexp.MustCompile(`[a-z]{3,}.*[a-z]{3,}`)

// namesTheCause: the file, and at least two words about it.
func namesTheCause(err error, name string) bool {
	text, ok := strings.CutPrefix(err.Error(), "read "+name+": ")
	return ok && causeWords.MatchString(text)
}

// mutate damages a file in one to four ways that happen to files, or that an attacker would try.
func mutate(random *rand.Rand, whole []byte) []byte {
	raw := bytes.Clone(whole)
	for range 1 + random.IntN(4) {
		if len(raw) < 16 {
			break
		}
		// Most headers stand in front.
		at := random.IntN(len(raw) - 8)
		if random.IntN(2) == 0 {
			at = random.IntN(min(len(raw)-8, 1024))
		}
		switch random.IntN(8) {
		case 0: // cut short
			raw = raw[:at]
		case 1: // a bit
			raw[at] ^= 1 << random.IntN(8)
		case 2: // noise
			for j := range 1 + random.IntN(8) {
				raw[at+j%8] = byte(random.Uint32())
			}
		case 3: // an absurd number where a count may stand
			binary.LittleEndian.PutUint32(raw[at:], []uint32{0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 24, uint32(len(raw)), 0x7F800000, 0x7FC00000}[random.IntN(9)])
		case 4: // the same in text
			copy(raw[at:], []string{"99999999", "-1e308  ", "NaN", "\n\n\n\n", "1e-320", "00000000", ",,,,,,,,", "\x00\x00\x00\x00"}[random.IntN(8)])
		case 5: // a part missing
			end := min(at+1+random.IntN(64), len(raw))
			raw = append(raw[:at], raw[end:]...)
		case 6: // a part twice
			end := min(at+1+random.IntN(256), len(raw))
			raw = append(raw[:end:end], append(bytes.Clone(raw[at:end]), raw[end:]...)...)
		case 7: // two parts swapped
			other, n := random.IntN(len(raw)-8), 1+random.IntN(8)
			part := bytes.Clone(raw[at : at+n])
			copy(raw[at:at+n], raw[other:other+n])
			copy(raw[other:other+n], part)
		}
	}
	return raw
}
