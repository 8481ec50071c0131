package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"fentrace/library/identify"
	"fentrace/spectra/racedetector"
)

// queued stores one scan that is to be sent on and returns its hash.
func queued(t *testing.T, s *Store, text string) string {
	t.Helper()
	raw := []byte(text)
	sc := scan(t, uuid.NewString(), 0, raw)
	if _, _, err := s.Put(asProgram(t), File{text, raw}, []Scan{sc}, Arrival{Queue: true}); err != nil {
		t.Fatal(err)
	}
	return sc.SHA256
}

func next(t *testing.T, s *Store) Unsent {
	t.Helper()
	u, err := s.NextUnsent(asProgram(t))
	if err != nil && !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	return u
}

func TestTheOutboxKeepsTheOrderOfStoringAndParkedFilesStepAside(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		for _, name := range []string{"a", "b", "c"} {
			queued(t, s, name)
		}
		queued(t, s, "b") // again: its place stays
		if b, err := s.Backlog(asProgram(t)); err != nil || b.Waiting != 3 || b.Parked != 0 || b.Oldest == nil || b.LastSent != nil {
			t.Errorf("backlog %+v, %v", b, err)
		}
		a := next(t, s)
		if a.Filename != "a" || a.Key == "" || a.Scans != 1 {
			t.Errorf("first is %+v", a)
		}
		if err := s.NotSent(asProgram(t), a.Seq, "no network", noon); err != nil {
			t.Fatal(err)
		}
		if b, err := s.Backlog(asProgram(t)); err != nil || b.Error != "no network" || b.Tried == nil || b.Waiting != 3 {
			t.Errorf("backlog %+v, %v", b, err)
		}
		if again := next(t, s); again.Seq != a.Seq || again.Key != a.Key || again.Attempts != 1 {
			t.Errorf("after a failure the next is %+v", again)
		}
		if err := s.Park(asProgram(t), a.Seq, "too large", noon); err != nil {
			t.Fatal(err)
		}
		b := next(t, s)
		if b.Filename != "b" {
			t.Errorf("behind a parked file comes %+v", b)
		}
		if err := s.Sent(asProgram(t), b.Seq, "https://x", "id-there", noon); err != nil {
			t.Fatal(err)
		}
		for _, late := range []error{s.NotSent(asProgram(t), b.Seq, "late", noon), s.Park(asProgram(t), b.Seq, "late", noon)} {
			if late != nil {
				t.Fatal(late) // another program's attempt that ends after: no error, and no effect
			}
		}
		got, err := s.Backlog(asProgram(t))
		if err != nil || got.Waiting != 1 || got.Parked != 1 || got.LastSent == nil || got.Error != "" {
			t.Errorf("backlog %+v, %v", got, err)
		}
		list, err := s.Unsent(asProgram(t), 10)
		if err != nil || len(list) != 2 || list[0].Filename != "c" || list[1].Filename != "a" || list[1].Parked == nil || list[1].Error != "too large" {
			t.Errorf("unsent %+v, %v", list, err)
		}
		if n, err := s.Unpark(asProgram(t)); n != 1 || err != nil || next(t, s).Filename != "a" {
			t.Errorf("%d unparked, %v, next %+v", n, err, next(t, s))
		}
	})
}

func TestWhatWasStoredBeforeCanBeQueuedOnce(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		for _, name := range []string{"z", "a"} {
			raw := []byte(name)
			if _, _, err := s.Put(asProgram(t), File{name, raw}, []Scan{scan(t, name, 0, raw)}, Arrival{}); err != nil {
				t.Fatal(err)
			}
		}
		queued(t, s, "new")
		if n, err := s.QueueStored(asProgram(t)); n != 2 || err != nil {
			t.Fatalf("%d queued, %v", n, err)
		}
		if n, err := s.QueueStored(asProgram(t)); n != 0 || err != nil {
			t.Errorf("%d queued again, %v", n, err)
		}
		var names []string
		list, err := s.Unsent(asProgram(t), 10)
		for _, u := range list {
			names = append(names, u.Filename)
		}
		if err != nil || !slices.Equal(names, []string{"new", "z", "a"}) {
			t.Errorf("order %q, %v", names, err)
		}
	})
}

func TestAKeyBelongsToOneUserAndOneFile(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		raw, other := []byte("raw"), []byte("other")
		key := Arrival{Key: Key{"u", "k"}}
		if _, created, err := s.Put(asProgram(t), File{"f", raw}, []Scan{scan(t, "a", 0, raw)}, key); err != nil || !created {
			t.Fatal(created, err)
		}
		if _, _, err := s.Put(asProgram(t), File{"g", other}, []Scan{scan(t, "b", 0, other)}, key); !errors.Is(err, ErrKeyUsed) || counts(t, s)[0] != 1 {
			t.Errorf("the key with another file: %v, %v rows", err, counts(t, s))
		}
		sum := scan(t, "a", 0, raw).SHA256
		for name, tc := range map[string]struct {
			a    Arrival
			want bool
		}{"the same key": {key, true}, "another user's": {Arrival{Key: Key{"v", "k"}}, false}, "another key": {Arrival{Key: Key{"u", "l"}}, false}, "none": {Arrival{}, false}} {
			if created, err := s.Arrive(asProgram(t), sum, tc.a, noon); created != tc.want || err != nil {
				t.Errorf("%s: created %t, %v", name, created, err)
			}
		}
	})
}

func TestFieldAnswersAreKeptAsTheyCameAndNeverReplaceOneAnother(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		raw := []byte("raw")
		id := uuid.NewString()
		var there FieldAnswer
		sent := fmt.Sprintf(`{"scan_id":%q,"spectrum_index":0,"answered":"2026-11-01T10:00:00Z","case":"C 7","from_the_future":1,
		"identification":{"verdict":"no_alarm","headline":"as shown","library":"old"}}`, id)
		if err := json.Unmarshal([]byte(sent), &there); err != nil || there.Validate() != nil {
			t.Fatal(err, there.Validate())
		}
		if _, _, err := s.Put(asProgram(t), File{"f", raw}, []Scan{scan(t, "a", 0, raw)}, Arrival{Answers: []FieldAnswer{there}}); err != nil {
			t.Fatal(err)
		}
		changed := there
		changed.raw, changed.Identification.Headline = nil, "changed"
		mine := FieldAnswer{ScanID: "a", Identification: answered}
		if _, err := s.Arrive(asProgram(t), scan(t, "a", 0, raw).SHA256, Arrival{Answers: []FieldAnswer{changed, mine}}, noon); err != nil {
			t.Fatal(err)
		}
		sc, err := s.Scan(asProgram(t), "a")
		if err != nil || len(sc.FieldAnswers) != 1 {
			t.Fatalf("%+v, %v", sc.FieldAnswers, err)
		}
		if a := sc.FieldAnswers[0]; a.Identification.Headline != "as shown" || a.Identification.Verdict != identify.NoAlarm || a.Case != "C 7" ||
			sc.Verdict != string(identify.Alarm) {
			t.Errorf("%+v beside %s", a, sc.Verdict)
		}
		passed, err := json.Marshal(sc.Answers())
		if err != nil || len(sc.Answers()) != 2 || sc.Answers()[1].ScanID != "a" || !strings.Contains(string(passed), `"from_the_future":1`) {
			t.Errorf("passed on %s, %v", passed, err)
		}
	})
}

func TestAFieldAnswerThatCannotBeIsRefused(t *testing.T) {
	good := FieldAnswer{ScanID: uuid.NewString(), Answered: noon, Identification: answered}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*FieldAnswer){
		"no id":       func(a *FieldAnswer) { a.ScanID = "" },
		"index":       func(a *FieldAnswer) { a.SpectrumIndex = -1 },
		"no time":     func(a *FieldAnswer) { a.Answered = time.Time{} },
		"verdict":     func(a *FieldAnswer) { a.Identification.Verdict = "maybe" },
		"probability": func(a *FieldAnswer) { a.Identification.Findings = []identify.Finding{{Probability: 2}} },
		"file name":   func(a *FieldAnswer) { a.Filename = "a\x00b" },
		"circumstance": func(a *FieldAnswer) {
			a.FIPS = "Adams"
		},
	} {
		a := good
		change(&a)
		if err := a.Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A transaction is on the disk before Put returns: SQLite syncs the log at every commit. A synced log that is then cut
// or torn anywhere behind the last commit, as a power cut may leave it, still gives every scan that was acknowledged.
func TestAScanThatWasAcknowledgedSurvivesAPowerCut(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s, err := Open(asProgram(t), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var mode string
	var level int
	if err := errors.Join(s.w.QueryRow("PRAGMA journal_mode").Scan(&mode), s.w.QueryRow("PRAGMA synchronous").Scan(&level)); err != nil || mode != "wal" || level != 2 {
		t.Fatalf("journal %s, synchronous %d, %v: commits are not synced", mode, level, err)
	}
	log := filepath.Join(dir, FileName+"-wal")
	var sums []string
	var sizes []int64
	for i := range 8 {
		sums = append(sums, queued(t, s, fmt.Sprint("file ", i)))
		info, err := os.Stat(log)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, info.Size())
	}
	main, err := os.ReadFile(filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	wal, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(sizes) - 1 {
		for _, into := range []int64{0, 1, 24, 4000, sizes[i+1] - sizes[i] - 1} { // bytes of the transaction that was cut
			left := slices.Clone(wal[:min(sizes[i]+into, int64(len(wal)))])
			for _, tail := range [][]byte{nil, make([]byte, 5000), []byte(strings.Repeat("torn", 3000))} {
				checkAfterCut(t, main, append(slices.Clone(left), tail...), sums[:i+1], len(sums[:i+1]))
			}
		}
	}
}

func checkAfterCut(t *testing.T, main, wal []byte, sums []string, want int) {
	t.Helper()
	dir := t.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(dir, FileName), main, 0o600), os.WriteFile(filepath.Join(dir, FileName+"-wal"), wal, 0o600)); err != nil {
		t.Fatal(err)
	}
	s, err := Open(asProgram(t), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, sum := range sums {
		if _, err := s.File(asProgram(t), sum); err != nil {
			t.Errorf("acknowledged, but gone after a cut at byte %d: %v", len(wal), err)
		}
	}
	b, err := s.Backlog(asProgram(t))
	if n := counts(t, s); err != nil || b.Waiting != want || n != [3]int{want, want, want} {
		t.Errorf("after a cut at byte %d: %+v, rows %v, %v; want %d", len(wal), b, n, err, want)
	}
}

func TestAFullDiskIsCalledThatAndTheQueueIsKept(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		queued(t, s, "small")
		fill(t, s)
		big := []byte(strings.Repeat("x", 1<<20))
		if _, _, err := s.Put(asProgram(t), File{"big", big}, []Scan{scan(t, "b", 0, big)}, Arrival{Queue: true}); !errors.Is(err, ErrFull) {
			t.Errorf("on a full disk: %v", err)
		}
		if list, err := s.Unsent(asProgram(t), 10); err != nil || len(list) != 1 || list[0].Filename != "small" {
			t.Errorf("the queue is %+v, %v", list, err)
		}
	})
}

func TestProgramsThatOpenANewDatabaseTogetherAllGetIt(t *testing.T) {
	onEachTogether(t, func(t *testing.T, open func() *Store) {
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() { queued(t, open(), fmt.Sprint("from ", i)) })
		}
		wg.Wait()
		if b, err := open().Backlog(asProgram(t)); err != nil || b.Waiting != 4 {
			t.Errorf("backlog %+v, %v", b, err)
		}
	})
}

func TestAnswersTakeNoMoreMemoryThanTheirBytesDeserve(t *testing.T) {
	racedetector.Skip(t)
	id := uuid.NewString()
	one := func(findings string) string {
		return fmt.Sprintf(`{"scan_id":%q,"answered":"2026-11-01T10:00:00Z","identification":{"verdict":"alarm","findings":[%s]}}`, id, findings)
	}
	if got, err := ReadFieldAnswers([]byte("[" + one(`{"substance":"x"}`) + "]")); err != nil || len(got) != 1 || got[0].ScanID != id {
		t.Fatal(got, err)
	}
	for name, raw := range map[string]string{
		"many answers":   "[" + strings.Repeat(one("")+",", MaxFieldAnswers) + one("") + "]",
		"many findings":  "[" + one(strings.Repeat("{},", 8<<20)+"{}") + "]",
		"a large answer": "[" + one(`{"substance":"`+strings.Repeat("x", maxFieldAnswer)+`"}`) + "]",
		"tiny answers":   "[" + strings.Repeat("{},", 8<<20) + "{}]",
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := ReadFieldAnswers([]byte(raw))
		runtime.ReadMemStats(&after)
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
		if taken := after.TotalAlloc - before.TotalAlloc; taken > uint64(10*len(raw)+10<<20) { // as many small answers as may be take 10 MB
			t.Errorf("%s: %d bytes for %d", name, taken, len(raw))
		}
	}
}
