package store

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"fentrace/library/identify"
	"fentrace/server/store/storetest"
	"fentrace/server/tlp"
	"fentrace/spectra"
)

// onEach runs a test on a new database of each kind, beside others.
func onEach(t *testing.T, f func(t *testing.T, s *Store)) {
	t.Helper()
	onEachTogether(t, func(t *testing.T, open func() *Store) { f(t, open()) })
}

// onEachTogether is onEach for tests with several programs on one database: each call of open is one.
func onEachTogether(t *testing.T, f func(t *testing.T, open func() *Store)) {
	t.Helper()
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "a", "new folder? 100%")
		f(t, func() *Store { return opened(t, dir, "") })
	})
	t.Run("postgres", func(t *testing.T) {
		address := storetest.Postgres(t)
		f(t, func() *Store { return opened(t, t.TempDir(), address) })
	})
}

// opened opens a database until the test ends.
func opened(t *testing.T, dir, address string) *Store {
	t.Helper()
	s, err := OpenDatabase(asProgram(t), dir, address)
	if err != nil {
		t.Error(err) // also called beside the goroutine of the test
		runtime.Goexit()
	}
	t.Cleanup(func() { s.Close() })
	return s
}

var noon = time.Date(2026, 11, 1, 12, 0, 0, 123456789, time.FixedZone("", 3600))

// answered is an answer with one finding.
var answered = identify.Identification{Verdict: identify.Alarm,
	Findings: []identify.Finding{{Substance: "fentanyl", Class: "fentanyl", Probability: 0.5}}}

func scan(t *testing.T, id string, index int, raw []byte, change ...func(*spectra.Spectrum)) Scan {
	t.Helper()
	sp := spectra.Spectrum{Title: "t", Technique: spectra.Raman, XUnit: spectra.PerCM, X: []float64{1, 2}, Y: []float64{3, 4},
		Metadata: spectra.Metadata{SHA256: spectra.HashBytes(raw)}}
	for _, c := range change {
		c(&sp)
	}
	sc, err := NewScan(id, "f.jdx", index, sp, answered, Fields{}, noon)
	if err != nil {
		t.Fatal(err)
	}
	return sc
}

// counts returns the rows of scans, files and findings.
func counts(t *testing.T, s *Store) (n [3]int) {
	t.Helper()
	if err := s.r.QueryRowContext(asProgram(t), "SELECT (SELECT count(*) FROM scans), (SELECT count(*) FROM files), (SELECT count(*) FROM findings)").
		Scan(&n[0], &n[1], &n[2]); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAFileItsScansAndFindingsAreStoredTogetherOrNotAtAll(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		raw := []byte("raw")
		bad := scan(t, "b", 1, raw, func(sp *spectra.Spectrum) { sp.Y[1] = math.NaN() })
		if _, _, err := s.Put(asProgram(t), File{"f", raw}, []Scan{scan(t, "a", 0, raw), bad}, Arrival{}); !errors.Is(err, ErrInvalid) {
			t.Errorf("a spectrum with NaN: %v", err)
		}
		if _, _, err := s.Put(asProgram(t), File{"f", []byte("other")}, []Scan{scan(t, "a", 0, raw)}, Arrival{}); !errors.Is(err, ErrInvalid) {
			t.Errorf("a scan of another file: %v", err)
		}
		if n := counts(t, s); n != [3]int{} {
			t.Errorf("rows left behind: %v", n)
		}
		stored, created, err := s.Put(asProgram(t), File{"f", raw}, []Scan{scan(t, "a", 0, raw), scan(t, "b", 1, raw)}, Arrival{})
		if err != nil || !created || len(stored) != 2 || counts(t, s) != [3]int{2, 1, 2} {
			t.Errorf("%d stored, created %t, %v, rows %v", len(stored), created, err, counts(t, s))
		}
	})
}

func TestPutIsIdempotentByContentAndIndex(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		raw := []byte("raw")
		if _, _, err := s.Put(asProgram(t), File{"f", raw}, []Scan{scan(t, "a", 0, raw)}, Arrival{}); err != nil {
			t.Fatal(err)
		}
		stored, created, err := s.Put(asProgram(t), File{"g", raw}, []Scan{scan(t, "x", 0, raw)}, Arrival{})
		if err != nil || created || stored[0].ID != "a" || counts(t, s) != [3]int{1, 1, 1} {
			t.Errorf("%v, created %t, %v, rows %v", stored, created, err, counts(t, s))
		}
		stored, created, err = s.Put(asProgram(t), File{"g", raw}, []Scan{scan(t, "x", 0, raw), scan(t, "y", 1, raw)}, Arrival{})
		if err != nil || !created || len(stored) != 2 || stored[0].ID != "a" || stored[1].ID != "y" {
			t.Errorf("a second spectrum of a known file: %v, created %t, %v", stored, created, err)
		}
	})
}

// fill makes the disk full, until free is called. SQLite answers a database that may not grow in the same way; PostgreSQL
// is made to answer so for large files.
func fill(t *testing.T, s *Store) (free func()) {
	t.Helper()
	fill, empty := "PRAGMA max_page_count = 1", "PRAGMA max_page_count = 1000000" // 1: not more than there are
	if s.d == postgres {
		fill, empty = `CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
			CREATE TRIGGER no_room BEFORE INSERT ON scans FOR EACH ROW EXECUTE FUNCTION no_room()`, "DROP TRIGGER no_room ON scans"
	}
	if _, err := s.w.Exec(fill); err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := s.w.Exec(empty); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAFullDiskIsAnErrorAndChangesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		raw := []byte("raw")
		if _, _, err := s.Put(asProgram(t), File{"f", raw}, []Scan{scan(t, "a", 0, raw)}, Arrival{}); err != nil {
			t.Fatal(err)
		}
		free := fill(t, s)
		big := make([]byte, 1<<20)
		if _, _, err := s.Put(asProgram(t), File{"f", big}, []Scan{scan(t, "b", 0, big)}, Arrival{}); err == nil {
			t.Error("no error on a full disk")
		}
		if n := counts(t, s); n != [3]int{1, 1, 1} {
			t.Errorf("rows %v", n)
		}
		free()
		if _, created, err := s.Put(asProgram(t), File{"f", big}, []Scan{scan(t, "b", 0, big)}, Arrival{}); err != nil || !created {
			t.Errorf("with room again: %v", err)
		}
	})
}

func TestTimesAreKeptInUTCAndPlacesAsStated(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		raw := []byte("raw")
		sc := scan(t, "a", 0, raw)
		zero := 0.0
		sc.Location = &Location{Latitude: &zero, Longitude: &zero}
		if _, _, err := s.Put(asProgram(t), File{"f", raw}, []Scan{sc}, Arrival{}); err != nil {
			t.Fatal(err)
		}
		got, err := s.Scan(asProgram(t), "a")
		if err != nil {
			t.Fatal(err)
		}
		if want := noon.UTC().Truncate(time.Microsecond); got.Created != want || got.Acquired != want {
			t.Errorf("created %v, acquired %v, want %v", got.Created, got.Acquired, want)
		}
		if !got.Location.HasPoint() || got.Location.PrecisionM != nil || got.Device != nil {
			t.Errorf("location %+v, device %+v", got.Location, got.Device)
		}
	})
}

func TestNothingIsFoundUnderAnUnknownName(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		_, scanErr := s.Scan(asProgram(t), "x")
		_, specErr := s.Spectrum(asProgram(t), "x")
		_, _, rawErr := s.Raw(asProgram(t), "x")
		_, userErr := s.User(asProgram(t), "x")
		for name, err := range map[string]error{"scan": scanErr, "spectrum": specErr, "raw": rawErr, "user": userErr,
			"password": s.SetPassword(asProgram(t), "x", "h", nil), "token": s.DeleteToken(asProgram(t), "x", "y")} {
			if !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestOnlyTheOwnerMayEnterTheDataFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s, err := Open(asProgram(t), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

func TestAUserHoldsALimitedNumberOfTokens(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		if err := s.EnsureUser(asProgram(t), "u", "operator", tlp.Red, noon); err != nil {
			t.Fatal(err)
		}
		for i := range MaxTokens {
			if err := s.AddToken(asProgram(t), Token{ID: string(rune('A' + i)), Name: "n", Created: noon}, "u", []byte{byte(i)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.AddToken(asProgram(t), Token{ID: "last", Name: "n", Created: noon}, "u", []byte("last")); !errors.Is(err, ErrExists) {
			t.Errorf("one more: %v", err)
		}
	})
}

// asProgram is the time of a test, on behalf of the program itself.
func asProgram(t testing.TB) context.Context { return ByProgram(t.Context(), "test") }

// local are the scans that tests store without more ado.
var local = Bucket{LocalAgency, tlp.Amber.Rank()}
