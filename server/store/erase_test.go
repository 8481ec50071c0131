package store

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"fentrace/library/identify"
	"fentrace/server/retention"
	"fentrace/server/tlp"
	"fentrace/spectra"
)

func policy(t *testing.T, text string) retention.Policy {
	t.Helper()
	p, err := retention.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// stored puts a file of as many scans as there are changes.
func (s *Store) stored(t *testing.T, n int, raw []byte, at time.Time, change ...func(*Scan)) []string {
	t.Helper()
	var scans []Scan
	var ids []string
	for i := range max(1, len(change)) {
		sc := scan(t, fmt.Sprintf("00000000-0000-4000-8000-%06d%06d", n, i), i, raw)
		sc.Created = at
		if len(change) > 0 {
			change[i](&sc)
		}
		scans, ids = append(scans, sc), append(ids, sc.ID)
	}
	answers := []FieldAnswer{{ScanID: fmt.Sprintf("00000000-0000-4000-9000-%012d", n), Answered: at, Identification: answered}}
	if _, _, err := s.Put(asProgram(t), File{Name: "f", Raw: raw}, scans, Arrival{Answers: answers}); err != nil {
		t.Fatal(err)
	}
	return ids
}

func simulatedScan(sc *Scan) { sc.Simulated = true }
func realScan(*Scan)         {}

func TestWhatIsPastItsTermIsErasedToItsTombstone(t *testing.T) {
	onEachKeyed(t, func(t *testing.T, dir, address string, open func(...string) (*Store, error)) {
		s, err := open()
		if err != nil {
			t.Fatal(err)
		}
		old, now := noon.AddDate(0, 0, -100), noon
		gone := s.stored(t, 1, []byte(canary), old, simulatedScan)
		young := s.stored(t, 2, []byte("young"), noon.AddDate(0, 0, -10), simulatedScan)
		kept := s.stored(t, 3, []byte("real"), old, realScan)
		mixed := s.stored(t, 4, []byte("mixed"), old, simulatedScan, realScan) // one file, one of whose scans is kept
		held := s.stored(t, 5, []byte("held"), old, simulatedScan)
		unsent := s.stored(t, 6, []byte("unsent"), old, simulatedScan)
		if _, err := s.SetHold(asProgram(t), held[0], "case 12/26", "ada", now); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Arrive(asProgram(t), spectra.HashBytes([]byte("unsent")), Arrival{Queue: true}, now); err != nil {
			t.Fatal(err)
		}
		p := policy(t, "simulated: 90d")
		for _, dry := range []bool{true, false, false} {
			var due []Due
			e, err := s.EraseDue(asProgram(t), p, now, "operator", dry, func(d Due) { due = append(due, d) })
			again := dry == false && len(due) == 0
			if err != nil || e.Held != 1 || e.Waiting != 1 || !again && (e.Files != 1 || e.Scans != 1 || due[0].Scans[0] != gone[0] || due[0].Policy != "simulated: 90d") {
				t.Fatalf("dry %t: %+v of %+v, %v", dry, e, due, err)
			}
			if _, _, err := s.Raw(asProgram(t), gone[0]); dry != (err == nil) {
				t.Errorf("dry %t: the bytes read with %v", dry, err)
			}
		}
		for _, id := range slices.Concat(young, kept, mixed, held, unsent) {
			if sc, err := s.Scan(asProgram(t), id); err != nil || sc.Erased != nil || len(sc.Identification.Findings) != 1 {
				t.Errorf("%s was to be kept: %+v, %v", id, sc.Erased, err)
			}
		}
		sc, err := s.Scan(asProgram(t), gone[0])
		if err != nil || sc.Erased == nil || sc.Erased.By != "operator" || sc.Erased.Policy != "simulated: 90d" || sc.SHA256 != spectra.HashBytes([]byte(canary)) ||
			sc.Verdict != string(identify.Inconclusive) || len(sc.Identification.Findings)+len(sc.FieldAnswers) > 0 || !sc.Simulated {
			t.Errorf("the tombstone is %+v, %+v, %v", sc, sc.Erased, err)
		}
		if _, err := s.Spectrum(asProgram(t), gone[0]); !errors.Is(err, ErrErased) {
			t.Errorf("its spectrum: %v", err)
		}
		if _, err := s.File(asProgram(t), sc.SHA256); !errors.Is(err, ErrErased) {
			t.Errorf("its file: %v", err)
		}
		if onDisk(t, s, dir, address, canary) {
			t.Error("its bytes are still there")
		}
		page, err := s.List(asProgram(t), Filter{}, 50, "")
		if err != nil || page.Total != 6 || slices.ContainsFunc(page.Scans, func(sc Scan) bool { return sc.ID == gone[0] }) {
			t.Errorf("listed: %d, %v", page.Total, err)
		}
		list, _, err := s.ScansAfter(asProgram(t), "raman", 0, 0, 100)
		if err != nil || slices.ContainsFunc(list, func(sc SearchableScan) bool { return sc.ID == gone[0] }) {
			t.Errorf("it is still looked through: %v", err)
		}
		v, err := s.Verify(asProgram(t), VerifyOptions{Each: func(f Fault) { t.Errorf("after erasing, the log does not fit: %+v", f) }})
		if err != nil || v.Scans == 0 {
			t.Errorf("verified %+v, %v", v, err)
		}
		if at, err := s.LastErasure(asProgram(t)); err != nil || !at.Equal(fromMicros(micros(now))) {
			t.Errorf("last erased %v, %v", at, err)
		}
		if _, err := s.SetHold(asProgram(t), gone[0], "too late", "ada", now); !errors.Is(err, ErrErased) {
			t.Errorf("a hold on what is erased: %v", err)
		}
		if _, created, err := s.Put(asProgram(t), File{Name: "f", Raw: []byte(canary)}, []Scan{scan(t, gone[0], 0, []byte(canary))}, Arrival{}); err != nil || created {
			t.Errorf("the same bytes again: created %t, %v", created, err)
		}
	})
}

func TestBytesThatAnotherAgencyHoldsAsWellStayForThatOne(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		err := s.write(asProgram(t), func(tx queries) error {
			_, err := tx.ExecContext(asProgram(t), "INSERT INTO agencies (id, name, contact, created) VALUES ('other', 'other', '', 0)")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		raw := []byte("held by two")
		ours := s.stored(t, 1, raw, noon.AddDate(0, 0, -100), simulatedScan)[0]
		other := As(t.Context(), Principal{User: "bob", Role: "chemist", Agency: "other", Clearance: tlp.Red})
		theirs := func(id string, at time.Time) (bool, error) {
			sc := scan(t, id, 0, raw)
			sc.Created = at
			_, created, err := s.Put(other, File{Name: "theirs", Raw: raw}, []Scan{sc}, Arrival{})
			return created, err
		}
		const id = "00000000-0000-4000-8000-00000000000b"
		if _, err := theirs(id, noon.AddDate(0, 0, -100)); err != nil {
			t.Fatal(err)
		}
		erase := func(rule string) {
			t.Helper()
			if e, err := s.EraseDue(asProgram(t), policy(t, rule), noon, "p", false, func(Due) {}); err != nil || e.Files != 1 {
				t.Fatalf("%+v, %v", e, err)
			}
		}
		erase("simulated: 90d")
		if _, _, err := s.Raw(asProgram(t), ours); !errors.Is(err, ErrErased) {
			t.Errorf("ours: %v", err)
		}
		if got, name, err := s.Raw(other, id); err != nil || string(got) != string(raw) || name != "theirs" {
			t.Errorf("theirs: %q, %q, %v", got, name, err)
		}
		erase("all: 90d")
		if _, _, err := s.Raw(other, id); !errors.Is(err, ErrErased) {
			t.Errorf("theirs after all: %v", err)
		}
		third := As(t.Context(), Principal{User: "eve", Role: "chemist", Agency: "third", Clearance: tlp.Red})
		if err := s.write(asProgram(t), func(tx queries) error {
			_, err := tx.ExecContext(asProgram(t), "INSERT INTO agencies (id, name, contact, created) VALUES ('third', 'third', '', 0)")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		const fresh = "00000000-0000-4000-8000-00000000000c"
		if _, created, err := s.Put(third, File{Name: "fresh", Raw: raw}, []Scan{scan(t, fresh, 0, raw)}, Arrival{}); err != nil || !created {
			t.Fatalf("stored anew: %t, %v", created, err)
		}
		if got, _, err := s.Raw(third, fresh); err != nil || string(got) != string(raw) {
			t.Errorf("stored anew: %q, %v", got, err)
		}
	})
}

func TestAHoldStandsUntilItIsReleasedAndBothStayOnRecord(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		id := s.stored(t, 1, []byte("x"), noon.AddDate(-1, 0, 0), simulatedScan)[0]
		if _, err := s.SetHold(asProgram(t), id, "", "ada", noon); !errors.Is(err, ErrInvalid) {
			t.Errorf("without a reason: %v", err)
		}
		if _, err := s.SetHold(asProgram(t), "none", "r", "ada", noon); !errors.Is(err, ErrNotFound) {
			t.Errorf("of no scan: %v", err)
		}
		if err := s.ReleaseHold(asProgram(t), id, "r", "ada", noon); !errors.Is(err, ErrNotFound) {
			t.Errorf("released before it was set: %v", err)
		}
		if _, err := s.SetHold(asProgram(t), id, "subpoena 7", "ada", noon); err != nil {
			t.Fatal(err)
		}
		if _, err := s.SetHold(asProgram(t), id, "again", "bob", noon); !errors.Is(err, ErrExists) {
			t.Errorf("a second one: %v", err)
		}
		all := policy(t, "all: 1d")
		if e, err := s.EraseDue(asProgram(t), all, noon, "p", false, func(Due) {}); err != nil || e != (Erased{Held: 1}) {
			t.Errorf("held: %+v, %v", e, err)
		}
		if err := s.ReleaseHold(asProgram(t), id, "case closed", "bob", noon.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		holds, err := s.holds(asProgram(t), id)
		if err != nil || len(holds) != 1 || holds[0].Reason != "subpoena 7" || holds[0].ReleasedBy != "bob" || holds[0].ReleaseWhy != "case closed" {
			t.Errorf("%+v, %v", holds, err)
		}
		for _, change := range []string{"UPDATE holds SET reason = 'x'", "DELETE FROM holds", "UPDATE holds SET released_at = NULL"} {
			if err := s.write(asProgram(t), func(tx queries) error { _, err := tx.ExecContext(asProgram(t), change); return err }); err == nil {
				t.Errorf("%s was done", change)
			}
		}
		if e, err := s.EraseDue(asProgram(t), all, noon, "p", false, func(Due) {}); err != nil || e.Files != 1 {
			t.Errorf("released: %+v, %v", e, err)
		}
	})
}

func TestDisseminationsAreListedNewestFirstAndNeverChanged(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		var scans []Scan
		for i := range 3 {
			raw := fmt.Append(nil, i)
			s.stored(t, i, raw, noon)
			sc, err := s.ByHash(asProgram(t), spectra.HashBytes(raw))
			if err != nil {
				t.Fatal(err)
			}
			scans = append(scans, sc...)
		}
		for i := range 5 {
			r := Release{Kind: ReleaseEvidence, SHA256: fmt.Sprint(i), Recipient: "Office " + fmt.Sprint(i%2), Reason: "trial", By: "ada", At: noon.Add(time.Duration(i) * time.Hour)}
			if err := s.Released(asProgram(t), r, scans[:2]); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		for cursor := ""; ; {
			page, next, err := s.Disseminations(asProgram(t), Disseminated{}, 3, cursor)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range page {
				got = append(got, d.SHA256)
			}
			if cursor = next; next == "" {
				break
			}
		}
		if want := []string{"4", "4", "3", "3", "2", "2", "1", "1", "0", "0"}; !slices.Equal(got, want) {
			t.Errorf("listed %v", got)
		}
		for _, c := range []struct {
			f    Disseminated
			want int
		}{{Disseminated{ScanID: scans[0].ID}, 5}, {Disseminated{ScanID: scans[2].ID}, 0}, {Disseminated{Recipient: "office 1"}, 4}, {Disseminated{Kind: ReleaseSTIX}, 0},
			{Disseminated{ReleasedBy: "Ada"}, 10}, {Disseminated{From: noon.Add(time.Hour), To: noon.Add(3 * time.Hour)}, 4}} {
			if list, _, err := s.Disseminations(asProgram(t), c.f, 100, ""); err != nil || len(list) != c.want {
				t.Errorf("%+v: %d, %v", c.f, len(list), err)
			}
		}
		if err := s.Released(asProgram(t), Release{Recipient: "a\x00b"}, scans); !errors.Is(err, ErrInvalid) {
			t.Errorf("control characters: %v", err)
		}
		if _, _, err := s.Disseminations(asProgram(t), Disseminated{}, 3, "junk"); !errors.Is(err, ErrInvalid) {
			t.Errorf("a made-up cursor: %v", err)
		}
		for _, change := range []string{"UPDATE disseminations SET recipient = 'x'", "DELETE FROM disseminations"} {
			if err := s.write(asProgram(t), func(tx queries) error { _, err := tx.ExecContext(asProgram(t), change); return err }); err == nil {
				t.Errorf("%s was done", change)
			}
		}
	})
}
