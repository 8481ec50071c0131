package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"fentrace/server/tlp"
)

// by is t's context on behalf of an account of the local agency, cleared for everything.
func by(t *testing.T, user, role string) context.Context {
	return As(t.Context(), Principal{User: user, Role: role, Agency: LocalAgency, Clearance: tlp.Red})
}

func ptr[T any](v T) *T { return &v }

// inRiver is a seizure in the field.
func inRiver() NewSeizure {
	return NewSeizure{SeizureChange: SeizureChange{Case: ptr("24-117"), Seized: ptr(noon), Officer: ptr("Ada"),
		Location: &Location{Latitude: ptr(39.1), Longitude: ptr(-84.5), PrecisionM: ptr(50.0), County: "Hamilton", State: "Ohio", FIPS: "39061"}}}
}

func seize(t *testing.T, s *Store, n NewSeizure) Seizure {
	t.Helper()
	z, created, err := s.AddSeizure(by(t, "ada", "technician"), n, Key{}, noon)
	if err != nil || !created {
		t.Fatalf("created %t, %v", created, err)
	}
	return z
}

func exhibitOf(t *testing.T, s *Store, z Seizure, label string) Exhibit {
	t.Helper()
	x, _, err := s.AddExhibit(by(t, "ada", "technician"), z.ID, ExhibitChange{Label: &label, Form: ptr("powder")}, Key{}, noon)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestTheOriginalStaysAsItWasWhateverIsAmended(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		z := seize(t, s, inRiver())
		x := exhibitOf(t, s, z, "1A")
		bob, later := by(t, "bob", "reviewer"), noon.Add(time.Hour)
		second, err := s.AmendSeizure(bob, z.ID, 1, SeizureChange{Case: ptr("24-118"), Location: &Location{}}, "wrong case", later)
		if err != nil || second.Version != 2 || second.Case != "24-118" || second.Location != nil || second.Officer != "Ada" || second.By != "bob" || second.Reason != "wrong case" {
			t.Fatalf("%+v, %v", second, err)
		}
		versions, err := s.SeizureVersions(bob, z.ID)
		if err != nil || len(versions) != 2 || !reflect.DeepEqual(versions[0], z) || !reflect.DeepEqual(versions[1], second) {
			t.Errorf("%+v, %v", versions, err)
		}
		x2, err := s.AmendExhibit(bob, x.ID, 1, ExhibitChange{Quantity: &Quantity{Value: ptr(1.5), Unit: "g", Uncertainty: ptr(0.1)}}, "weighed", later)
		if err != nil || x2.Case != "24-118" {
			t.Fatalf("%+v, %v", x2, err)
		}
		xs, err := s.ExhibitVersions(bob, x.ID)
		if err != nil || len(xs) != 2 || xs[0].Quantity != nil || *xs[1].Quantity.Value != 1.5 || *xs[1].Quantity.Uncertainty != 0.1 {
			t.Errorf("%+v, %v", xs, err)
		}
		if _, err := s.AmendScan(bob, "a", 1, ScanAmendment{Officer: ptr("Bob")}, "typed wrongly", later); err != nil {
			t.Fatal(err)
		}
		sc, err := s.Scan(bob, "a")
		if err != nil || sc.Officer != "Bob" || len(sc.Versions) != 2 || sc.Versions[0].Officer != "" || sc.Versions[0].At != sc.Created || sc.Amended == nil || sc.Amended.By != "bob" {
			t.Errorf("%+v, %v", sc.ScanRecord, err)
		}
	})
}

func TestVersionsAndReviewsCannotBeChangedOrDeletedInTheDatabase(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		bob := by(t, "bob", "reviewer")
		exhibitOf(t, s, seize(t, s, inRiver()), "1A")
		if _, err := s.AmendScan(bob, "a", 1, ScanAmendment{Officer: ptr("Bob")}, "typed wrongly", noon); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.AddReview(bob, "a", NewReview{Opinion: OpinionAgree}, reviewers, Key{}, noon); err != nil {
			t.Fatal(err)
		}
		r := enter(t, s, pure("ada", "caffeine"))
		if _, _, err := s.AddReport(bob, "a", r.ID, File{"r.pdf", []byte("%PDF")}, strings.Repeat("0", 64), noon); err != nil {
			t.Fatal(err)
		}
		statements := []string{"UPDATE scans SET county = 'elsewhere'", "UPDATE scans SET latitude = 1", "UPDATE scans SET officer = ''"}
		for table, column := range map[string]string{"seizures": "note", "exhibits": "note", "scan_versions": "officer", "reviews": "reason", "laboratory_reports": "name"} {
			statements = append(statements, "UPDATE "+table+" SET "+column+" = 'x'", "DELETE FROM "+table)
		}
		for _, statement := range statements {
			if _, err := s.w.Exec(statement); err == nil || !strings.Contains(err.Error(), "never") {
				t.Errorf("%s: %v", statement, err)
			}
		}
	})
}

func TestOfAmendmentsAtTheSameTimeExactlyOneWinsAndTheOthersLearnWhose(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		z := seize(t, s, inRiver())
		x := exhibitOf(t, s, z, "1A")
		for what, amend := range map[string]func(ctx context.Context, to string) error{
			"seizure": func(ctx context.Context, to string) error {
				_, err := s.AmendSeizure(ctx, z.ID, 1, SeizureChange{Note: &to}, "because of "+to, noon)
				return err
			},
			"exhibit": func(ctx context.Context, to string) error {
				_, err := s.AmendExhibit(ctx, x.ID, 1, ExhibitChange{Note: &to}, "because of "+to, noon)
				return err
			},
			"scan": func(ctx context.Context, to string) error {
				_, err := s.AmendScan(ctx, "a", 1, ScanAmendment{Case: &to}, "because of "+to, noon)
				return err
			},
		} {
			const n = 16
			var all sync.WaitGroup
			errs := make([]error, n)
			for i := range n {
				all.Go(func() { errs[i] = amend(by(t, fmt.Sprintf("user%d", i), "technician"), fmt.Sprint(i)) })
			}
			all.Wait()
			won := -1
			for i, err := range errs {
				if err == nil && won < 0 {
					won = i
				} else if err == nil {
					t.Errorf("%s: %d and %d won", what, won, i)
				}
			}
			if won < 0 {
				t.Fatalf("%s: nobody won: %v", what, errs)
			}
			winner := fmt.Sprintf("user%d", won)
			for i, err := range errs {
				var stale *StaleError
				if i != won && (!errors.As(err, &stale) || !errors.Is(err, ErrStale) || stale.Now.By != winner || stale.Now.Version != 2 || !strings.Contains(err.Error(), winner)) {
					t.Errorf("%s: loser %d: %v", what, i, err)
				}
			}
			if err := amend(by(t, winner, "technician"), fmt.Sprint(won)); err != nil {
				t.Errorf("%s: the winner says the very same again, because the answer was lost: %v", what, err)
			}
		}
		versions, err := s.SeizureVersions(by(t, "ada", "technician"), z.ID)
		if err != nil || len(versions) != 2 {
			t.Errorf("%d versions, %v", len(versions), err)
		}
	})
}

func TestListsFiltersAndMapsFollowTheAmendmentOfAScan(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		ada := by(t, "ada", "technician")
		x := exhibitOf(t, s, seize(t, s, inRiver()), "7B")
		found := func(f Filter) bool {
			t.Helper()
			p, err := s.List(ada, f, 10, "")
			if err != nil || p.Total != len(p.Scans) {
				t.Fatalf("%d of %d, %v", len(p.Scans), p.Total, err)
			}
			return p.Total == 1
		}
		after := []Filter{{County: "hamilton"}, {Text: "24-200"}, {Text: "7b"}, {RecordFilter: RecordFilter{Exhibit: x.ID}}, {RecordFilter: RecordFilter{Seizure: x.SeizureID}}}
		for _, f := range after {
			if found(f) {
				t.Errorf("%+v finds the scan before it was amended", f)
			}
		}
		if _, err := s.AmendScan(ada, "a", 1, ScanAmendment{Case: ptr("24-200"), ExhibitID: &x.ID,
			Location: &Location{Latitude: ptr(39.2), Longitude: ptr(-84.4), County: "Hamilton", State: "Ohio"}}, "found out later", noon); err != nil {
			t.Fatal(err)
		}
		for _, f := range after {
			if !found(f) {
				t.Errorf("%+v does not find the scan after it was amended", f)
			}
		}
		points, _, without, err := s.Points(ada, Filter{}, false, 10)
		if err != nil || len(points) != 1 || without != 0 || points[0].Latitude != 39.2 || points[0].County != "Hamilton" {
			t.Errorf("the map: %+v, %v", points, err)
		}
		p, err := s.List(ada, Filter{}, 10, "")
		if sc := p.Scans[0]; err != nil || sc.Version != 2 || sc.Linked == nil || sc.Linked.Label != "7B" || sc.Linked.Case != "24-117" {
			t.Errorf("%+v, %v", sc.ScanRecord, err)
		}
		if _, err := s.AmendSeizure(ada, x.SeizureID, 1, SeizureChange{Case: ptr("24-999")}, "typo", noon); err != nil {
			t.Fatal(err)
		}
		if sc, err := s.Scan(ada, "a"); err != nil || sc.Linked.Case != "24-999" {
			t.Errorf("the case of a scan whose seizure was amended: %+v, %v", sc.Linked, err)
		}
		list, err := s.Seizures(ada, SeizureFilter{Case: "24-999"}, 10, "")
		if err != nil || list.Total != 1 || list.Seizures[0].Exhibits != 1 || list.Seizures[0].Scans != 1 || list.Seizures[0].Alarms != 1 {
			t.Errorf("%+v, %v", list, err)
		}
		if _, err := s.AmendScan(ada, "a", 2, ScanAmendment{ExhibitID: ptr("")}, "another bag", noon); err != nil {
			t.Fatal(err)
		}
		if found(after[3]) {
			t.Error("the link outlives its end")
		}
	})
}

func TestARequestForARecordThatComesAgainMakesItOnce(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		ada, key := by(t, "ada", "technician"), Key{User: "ada", Value: "k1"}
		ids, created := make([]string, 8), make([]bool, 8)
		var all sync.WaitGroup
		for i := range ids {
			all.Go(func() {
				z, isNew, err := s.AddSeizure(ada, inRiver(), key, noon)
				if err != nil {
					t.Error(err)
				}
				ids[i], created[i] = z.ID, isNew
			})
		}
		all.Wait()
		news := 0
		for i, id := range ids {
			if id != ids[0] {
				t.Errorf("%v", ids)
			}
			if created[i] {
				news++
			}
		}
		if news != 1 {
			t.Errorf("made %d times", news)
		}
		other := inRiver()
		other.Case = ptr("25-1")
		if _, _, err := s.AddSeizure(ada, other, key, noon); !errors.Is(err, ErrKeyUsed) {
			t.Errorf("the same key for another one: %v", err)
		}
		label := ExhibitChange{Label: ptr("1"), Form: ptr("tablet")}
		x, _, err := s.AddExhibit(ada, ids[0], label, Key{User: "ada", Value: "k2"}, noon)
		if err != nil {
			t.Fatal(err)
		}
		if again, isNew, err := s.AddExhibit(ada, ids[0], label, Key{User: "ada", Value: "k2"}, noon); err != nil || isNew || again.ID != x.ID {
			t.Errorf("an exhibit again: %v, %t, %v", again.ID, isNew, err)
		}
		if _, _, err := s.AddExhibit(ada, ids[0], label, Key{}, noon); !errors.Is(err, ErrExists) || errors.Is(err, ErrInvalid) {
			t.Errorf("two exhibits with one label: %v", err)
		}
		review := NewReview{Opinion: OpinionAgree}
		r, _, err := s.AddReview(ada, "a", review, reviewers, Key{User: "ada", Value: "k3"}, noon)
		if err != nil {
			t.Fatal(err)
		}
		if again, isNew, err := s.AddReview(ada, "a", review, reviewers, Key{User: "ada", Value: "k3"}, noon.Add(time.Hour)); err != nil || !isNew || !reflect.DeepEqual(again, r) { // as the first time
			t.Errorf("a review again: %+v, %t, %v", again, isNew, err)
		}
	})
}

func TestPagesRepeatAndSkipNothingWhileSeizuresAreEntered(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		ada := by(t, "ada", "technician")
		want := map[string]bool{}
		for i := range 25 {
			n := inRiver()
			n.Seized = ptr(noon.Add(-time.Duration(i/3) * time.Hour)) // several at one time
			z := seize(t, s, n)
			want[z.ID] = true
		}
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				n := inRiver()
				n.Seized = ptr(noon.Add(-time.Duration(i%8)*time.Hour - time.Minute))
				if _, _, err := s.AddSeizure(ada, n, Key{}, noon); err != nil {
					t.Error(err)
					return
				}
			}
		}()
		seen, cursor := map[string]int{}, ""
		for {
			p, err := s.Seizures(ada, SeizureFilter{}, 4, cursor)
			if err != nil {
				t.Fatal(err)
			}
			for _, z := range p.Seizures {
				seen[z.ID]++
			}
			if cursor = p.Next; cursor == "" {
				break
			}
		}
		close(stop)
		<-stopped
		for id, n := range seen {
			if n != 1 {
				t.Errorf("%s came %d times", id, n)
			}
		}
		for id := range want {
			if seen[id] == 0 {
				t.Errorf("%s was skipped", id)
			}
		}
		if _, err := s.Seizures(ada, SeizureFilter{}, 4, "x"); !errors.Is(err, ErrInvalid) {
			t.Errorf("a made-up cursor: %v", err)
		}
	})
}

func TestARecordThatCannotBeIsRefusedByItsField(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		z := seize(t, s, inRiver())
		ada := by(t, "ada", "technician")
		long, nan := strings.Repeat("x", MaxText+1), math.NaN()
		is := func(err error, field string) {
			t.Helper()
			var bad *FieldError
			if !errors.Is(err, ErrInvalid) || !errors.As(err, &bad) || bad.Field != field {
				t.Errorf("%s: %v", field, err)
			}
		}
		for _, c := range []struct {
			field string
			SeizureChange
		}{
			{"case", SeizureChange{Case: &long}}, {"case", SeizureChange{Case: ptr("a\x00")}}, {"case", SeizureChange{Case: ptr("a\nb")}}, {"officer", SeizureChange{Officer: ptr("\xff")}},
			{"note", SeizureChange{Note: ptr(strings.Repeat("x", MaxNote+1))}}, {"note", SeizureChange{Note: ptr("\a")}},
			{"seized", SeizureChange{Seized: &time.Time{}}}, {"seized", SeizureChange{Seized: ptr(noon.Add(MaxLead + time.Hour))}}, {"seized", SeizureChange{Seized: ptr(noon.AddDate(-200, 0, 0))}},
			{"latitude", SeizureChange{Location: &Location{Latitude: ptr(91.0), Longitude: ptr(0.0)}}}, {"latitude", SeizureChange{Location: &Location{Latitude: &nan, Longitude: ptr(0.0)}}},
			{"latitude", SeizureChange{Location: &Location{Longitude: ptr(0.0)}}}, {"longitude", SeizureChange{Location: &Location{Latitude: ptr(1.0), Longitude: ptr(181.0)}}},
			{"precision_m", SeizureChange{Location: &Location{Latitude: ptr(1.0), Longitude: ptr(1.0), PrecisionM: ptr(-1.0)}}}, {"precision_m", SeizureChange{Location: &Location{PrecisionM: ptr(5.0)}}},
			{"fips", SeizureChange{Location: &Location{FIPS: "1234"}}}, {"county", SeizureChange{Location: &Location{County: long}}}, {"state", SeizureChange{Location: &Location{State: long}}},
			{"tlp", SeizureChange{TLP: ptr(tlp.Level("purple"))}},
		} {
			_, err := s.AmendSeizure(ada, z.ID, 1, c.SeizureChange, "because", noon)
			is(err, c.field)
			n := inRiver()
			for _, field := range [][2]reflect.Value{{reflect.ValueOf(&n.SeizureChange).Elem(), reflect.ValueOf(c.SeizureChange)}} {
				for i := range field[0].NumField() {
					if !field[1].Field(i).IsNil() {
						field[0].Field(i).Set(field[1].Field(i))
					}
				}
			}
			_, _, err = s.AddSeizure(ada, n, Key{}, noon)
			is(err, c.field)
		}
		x := exhibitOf(t, s, z, "1A")
		for _, c := range []struct {
			field string
			ExhibitChange
		}{
			{"label", ExhibitChange{Label: ptr(" ")}}, {"label", ExhibitChange{Label: &long}}, {"form", ExhibitChange{Form: ptr("brick")}}, {"packaging", ExhibitChange{Packaging: &long}},
			{"expected_as", ExhibitChange{ExpectedAs: ptr("\x7f")}}, {"taken", ExhibitChange{Taken: ptr(noon.Add(48 * time.Hour))}}, {"note", ExhibitChange{Note: ptr("\xff")}},
			{"quantity", ExhibitChange{Quantity: &Quantity{Unit: "g"}}}, {"quantity", ExhibitChange{Quantity: &Quantity{Value: ptr(1.0)}}}, {"quantity", ExhibitChange{Quantity: &Quantity{Value: ptr(-1.0), Unit: "g"}}},
			{"quantity", ExhibitChange{Quantity: &Quantity{Value: &nan, Unit: "g"}}}, {"quantity", ExhibitChange{Quantity: &Quantity{Value: ptr(1e12), Unit: "g"}}},
			{"quantity", ExhibitChange{Quantity: &Quantity{Value: ptr(1.0), Unit: "stone"}}}, {"quantity", ExhibitChange{Quantity: &Quantity{Value: ptr(1.0), Unit: "g", Uncertainty: ptr(-0.1)}}},
			{"tlp", ExhibitChange{TLP: ptr(tlp.Level("x"))}},
		} {
			_, err := s.AmendExhibit(ada, x.ID, 1, c.ExhibitChange, "because", noon)
			is(err, c.field)
		}
		for field, a := range map[string]ScanAmendment{"case": {Case: &long}, "exhibit": {Exhibit: ptr("\x00")}, "officer": {Officer: &long}, "exhibit_id": {ExhibitID: ptr("none")},
			"fips": {Location: &Location{FIPS: "x"}}, "tlp": {TLP: ptr(tlp.Level("x"))}} {
			_, err := s.AmendScan(ada, "a", 1, a, "because", noon)
			is(err, field)
		}
		_, err := s.AmendSeizure(ada, z.ID, 1, SeizureChange{Case: ptr("x")}, " ", noon)
		is(err, "reason")
		_, err = s.AmendExhibit(ada, x.ID, 1, ExhibitChange{Note: ptr("x")}, "", noon)
		is(err, "reason")
		_, err = s.AmendScan(ada, "a", 1, ScanAmendment{Case: ptr("x")}, strings.Repeat("y", MaxNote+1), noon)
		is(err, "reason")
		if _, err := s.AmendSeizure(ada, z.ID, 1, SeizureChange{Case: z.refCase()}, "because", noon); !errors.Is(err, ErrInvalid) {
			t.Errorf("an amendment that changes nothing: %v", err)
		}
		if _, err := s.AmendSeizure(ada, "none", 1, SeizureChange{Case: ptr("x")}, "because", noon); !errors.Is(err, ErrNotFound) {
			t.Errorf("of no seizure: %v", err)
		}
		if _, _, err := s.AddExhibit(ada, "none", ExhibitChange{Label: ptr("1"), Form: ptr("powder")}, Key{}, noon); !errors.Is(err, ErrNotFound) {
			t.Errorf("an exhibit of no seizure: %v", err)
		}
		if _, _, err := s.AddExhibit(ada, z.ID, ExhibitChange{Label: ptr("2"), Form: ptr("powder"), Quantity: &Quantity{Value: ptr(0.0), Unit: "g"}}, Key{}, noon); err != nil {
			t.Errorf("of which nothing is left: %v", err)
		}
	})
}

func (z Seizure) refCase() *string { return &z.Case }
