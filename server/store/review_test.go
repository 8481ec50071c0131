package store

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"fentrace/server/tlp"
	"fentrace/spectra"
)

// brought stores a scan of its own file for whoever ctx names.
func brought(t *testing.T, s *Store, ctx context.Context, id string, change ...func(*Scan)) Scan {
	t.Helper()
	raw := []byte("raw of " + id)
	sc := scan(t, id, 0, raw)
	for _, c := range change {
		c(&sc)
	}
	stored, _, err := s.Put(ctx, File{"f", raw}, []Scan{sc}, Arrival{})
	if err != nil {
		t.Fatal(err)
	}
	return stored[0]
}

func reviewed(t *testing.T, s *Store, ctx context.Context, how string) (ids []string) {
	t.Helper()
	p, err := s.List(ctx, Filter{RecordFilter: RecordFilter{Reviewed: how}}, 50, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, sc := range p.Scans {
		ids = append(ids, sc.ID)
	}
	slices.Sort(ids)
	return ids
}

func TestWhoeverBroughtAScanCannotReviewItWhileAnotherCan(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		bob, cy := by(t, "bob", "reviewer"), by(t, "cy", "reviewer")
		if sc := brought(t, s, bob, "b"); sc.EnteredBy != "bob" || sc.Version != 1 || sc.Review != "" {
			t.Errorf("%+v", sc.ScanRecord)
		}
		own := NewReview{Opinion: OpinionAgree, Alone: true, Reason: "sure"}
		if _, _, err := s.AddReview(bob, "b", own, reviewers, Key{}, noon); !errors.Is(err, ErrSecondPerson) || !strings.Contains(err.Error(), "cy") {
			t.Errorf("the own scan while cy can: %v", err)
		}
		if got := reviewed(t, s, cy, "no"); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("waiting: %v", got)
		}
		if _, _, err := s.AddReview(cy, "b", NewReview{Opinion: OpinionDisagree}, reviewers, Key{}, noon); !errors.Is(err, ErrInvalid) {
			t.Errorf("disagreeing without a reason: %v", err)
		}
		r, created, err := s.AddReview(cy, "b", NewReview{Opinion: OpinionDisagree, Reason: "the line at 1002 is missing", Alone: true}, reviewers, Key{}, noon)
		if err != nil || !created || r.Alone || !r.Current {
			t.Fatalf("%+v, %v", r, err)
		}
		if got := reviewed(t, s, cy, "disagreed"); !slices.Equal(got, []string{"b"}) {
			t.Errorf("disagreed: %v", got)
		}
		if _, _, err := s.AddReview(cy, "b", NewReview{Opinion: OpinionLaboratory}, reviewers, Key{}, noon.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		sc, err := s.Scan(bob, "b")
		if err != nil || sc.Review != OpinionLaboratory || len(sc.Reviews) != 2 || sc.Reviews[0].Current || !sc.Reviews[1].Current || sc.Reviews[0].Reason == "" {
			t.Errorf("%+v, %v", sc.ScanRecord, err)
		}
		if yes, no := reviewed(t, s, cy, "yes"), reviewed(t, s, cy, "no"); !slices.Equal(yes, []string{"b"}) || !slices.Equal(no, []string{"a"}) || len(reviewed(t, s, cy, "disagreed")) != 0 {
			t.Errorf("reviewed %v, waiting %v", yes, no)
		}
	})
}

func TestWhereNobodyElseMayReviewDoingItAloneIsAskedForAndRecorded(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		if err := s.SetRole(asProgram(t), "cy", "technician", tlp.Red, noon); err != nil {
			t.Fatal(err)
		}
		bob := by(t, "bob", "reviewer")
		brought(t, s, bob, "b")
		n := NewReview{Opinion: OpinionAgree}
		if _, _, err := s.AddReview(bob, "b", n, reviewers, Key{}, noon); !errors.Is(err, ErrAlone) {
			t.Errorf("without saying so: %v", err)
		}
		if n.Alone = true; true {
			if _, _, err := s.AddReview(bob, "b", n, reviewers, Key{}, noon); !errors.Is(err, ErrInvalid) {
				t.Errorf("without a reason: %v", err)
			}
		}
		n.Reason = "nobody else on duty"
		if r, _, err := s.AddReview(bob, "b", n, reviewers, Key{}, noon); err != nil || !r.Alone {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

func TestALaboratoryResultWaitsForAReviewOfItsOwn(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		bob, cy := by(t, "bob", "reviewer"), by(t, "cy", "reviewer")
		if _, _, err := s.AddReview(bob, "a", NewReview{Opinion: OpinionAgree}, reviewers, Key{}, noon); err != nil {
			t.Fatal(err)
		}
		first := enter(t, s, pure("bob", "caffeine"))
		if got := reviewed(t, s, cy, "no"); !slices.Equal(got, []string{"a"}) {
			t.Errorf("waiting after the laboratory has spoken: %v", got)
		}
		n := NewReview{ResultID: first.ID, Opinion: OpinionAgree}
		if _, _, err := s.AddReview(bob, "a", n, reviewers, Key{}, noon); !errors.Is(err, ErrSecondPerson) {
			t.Errorf("the own result: %v", err)
		}
		if _, _, err := s.AddReview(cy, "a", n, reviewers, Key{}, noon); err != nil {
			t.Fatal(err)
		}
		if got := reviewed(t, s, cy, "yes"); !slices.Equal(got, []string{"a"}) {
			t.Errorf("reviewed: %v", got)
		}
		enter(t, s, pure("ada", "cocaine"))
		if got := reviewed(t, s, cy, "no"); !slices.Equal(got, []string{"a"}) {
			t.Errorf("waiting after a later result: %v", got)
		}
		n.Reason = "once more"
		if _, _, err := s.AddReview(cy, "a", n, reviewers, Key{}, noon); !errors.Is(err, ErrClosed) {
			t.Errorf("a result that counts no more: %v", err)
		}
		for _, bad := range []NewReview{{ResultID: "none", Opinion: OpinionAgree}, {Opinion: "perhaps"}, {Opinion: OpinionAgree, Reason: "\x00"}} {
			if _, _, err := s.AddReview(cy, "a", bad, reviewers, Key{}, noon); !errors.Is(err, ErrInvalid) {
				t.Errorf("%+v: %v", bad, err)
			}
		}
		if _, _, err := s.AddReview(cy, "none", NewReview{Opinion: OpinionAgree}, reviewers, Key{}, noon); !errors.Is(err, ErrNotFound) {
			t.Errorf("of no scan: %v", err)
		}
	})
}

func TestWhatIsMarkedAboveTheReaderIsInNoRecordAndNoCount(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		ada := by(t, "ada", "technician")
		if _, err := s.w.Exec("INSERT INTO agencies (id, name, contact, created) VALUES ('other', 'Other', '', 0)"); err != nil {
			t.Fatal(err)
		}
		z := seize(t, s, inRiver())
		x := exhibitOf(t, s, z, "1A")
		brought(t, s, ada, "b", func(sc *Scan) { sc.Linked = &LinkedTo{ExhibitID: x.ID} })
		low := As(t.Context(), Principal{User: "lo", Role: "technician", Agency: LocalAgency, Clearance: tlp.Amber})
		elsewhere := As(t.Context(), Principal{User: "el", Role: "technician", Agency: "other", Clearance: tlp.Red})
		sees := func(ctx context.Context) [4]bool {
			_, zErr := s.Seizure(ctx, z.ID)
			_, xErr := s.Exhibit(ctx, x.ID)
			list, err := s.Seizures(ctx, SeizureFilter{Text: "24-117"}, 10, "")
			if err != nil {
				t.Fatal(err)
			}
			scans, err := s.List(ctx, Filter{Text: "24-117"}, 10, "")
			if err != nil {
				t.Fatal(err)
			}
			return [4]bool{zErr == nil, xErr == nil, list.Total == 1, scans.Total == 1}
		}
		all, none := [4]bool{true, true, true, true}, [4]bool{}
		if sees(low) != all || sees(elsewhere) != none {
			t.Errorf("AMBER: the own agency %v, another %v", sees(low), sees(elsewhere))
		}
		if _, err := s.AmendSeizure(low, z.ID, 1, SeizureChange{TLP: ptr(tlp.Red)}, "informant", noon); !errors.Is(err, ErrInvalid) {
			t.Errorf("marking above the clearance: %v", err)
		}
		if _, err := s.AmendSeizure(ada, z.ID, 1, SeizureChange{TLP: ptr(tlp.Red), Note: ptr("informant X")}, "informant", noon); err != nil {
			t.Fatal(err)
		}
		if sees(low) != none {
			t.Errorf("RED: %v", sees(low))
		}
		if sc, err := s.Scan(low, "b"); err != nil || sc.Linked != nil {
			t.Errorf("the scan, which is AMBER, says %+v of its exhibit, %v", sc.Linked, err)
		}
		if _, err := s.AmendSeizure(ada, z.ID, 2, SeizureChange{TLP: ptr(tlp.Green), Note: ptr("")}, "may be known", noon); err != nil {
			t.Fatal(err)
		}
		versions, err := s.SeizureVersions(low, z.ID)
		if err != nil || len(versions) != 2 || versions[1].Version != 3 {
			t.Errorf("the version that was RED is seen after it: %+v, %v", versions, err)
		}
		if _, err := s.Seizure(elsewhere, z.ID); err != nil {
			t.Errorf("GREEN, in another agency: %v", err)
		}
		if _, err := s.AmendSeizure(elsewhere, z.ID, 3, SeizureChange{Note: ptr("x")}, "because", noon); !errors.Is(err, ErrElsewhere) {
			t.Errorf("amended by another agency: %v", err)
		}
		if _, _, err := s.AddExhibit(elsewhere, z.ID, ExhibitChange{Label: ptr("9"), Form: ptr("powder")}, Key{}, noon); !errors.Is(err, ErrElsewhere) {
			t.Errorf("an exhibit by another agency: %v", err)
		}
		if _, err := s.AmendScan(ada, "b", 1, ScanAmendment{TLP: ptr(tlp.Red)}, "informant", noon); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Scan(low, "b"); !errors.Is(err, ErrNotFound) {
			t.Errorf("a scan that was marked RED: %v", err)
		}
		if _, err := s.Seizures(t.Context(), SeizureFilter{}, 10, ""); !errors.Is(err, ErrNobody) {
			t.Errorf("asked by nobody: %v", err)
		}
	})
}

func TestAScanIsLinkedToAnExhibitOfItsKindOnly(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		ada := by(t, "ada", "technician")
		real := exhibitOf(t, s, seize(t, s, inRiver()), "1A")
		training := inRiver()
		training.Simulated = true
		madeUp := exhibitOf(t, s, seize(t, s, training), "1A")
		if !madeUp.Simulated || real.Simulated {
			t.Errorf("simulated: %t, %t", madeUp.Simulated, real.Simulated)
		}
		if _, err := s.AmendScan(ada, "a", 1, ScanAmendment{ExhibitID: &madeUp.ID}, "because", noon); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "SIMULATED") {
			t.Errorf("a real scan of a simulated exhibit: %v", err)
		}
		raw := []byte("simulated")
		sim := scan(t, "s", 0, raw, func(sp *spectra.Spectrum) { sp.Metadata.Simulated = true })
		sim.Linked = &LinkedTo{ExhibitID: real.ID}
		if _, _, err := s.Put(ada, File{"f", raw}, []Scan{sim}, Arrival{}); !errors.Is(err, ErrInvalid) {
			t.Errorf("a simulated scan of a real exhibit: %v", err)
		}
		if _, err := s.Scan(ada, "s"); !errors.Is(err, ErrNotFound) {
			t.Errorf("what was refused: %v", err)
		}
		if sc := brought(t, s, ada, "l", func(sc *Scan) { sc.Linked = &LinkedTo{ExhibitID: real.ID} }); sc.Linked == nil || sc.Linked.SeizureID != real.SeizureID || sc.Linked.Form != "powder" {
			t.Errorf("linked as it comes: %+v", sc.Linked)
		}
	})
}

func TestTheReportOfALaboratoryIsKeptOnce(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		ada := by(t, "ada", "chemist")
		r := pure("ada", "caffeine")
		r.Methods, r.Analyst, r.ReportNumber = []string{"LC-MS/MS", "gc-ms", " "}, "Dr. Lin", "L-2026-17"
		r = enter(t, s, r)
		if !slices.Equal(r.Methods, []string{"GC-MS", "LC-MS/MS"}) {
			t.Errorf("methods %q", r.Methods)
		}
		file := File{"report.pdf", []byte("%PDF-1.7")}
		sum := spectra.HashBytes(file.Raw)
		for i, wantNew := range []bool{true, false} {
			if got, isNew, err := s.AddReport(ada, "a", r.ID, file, sum, noon); err != nil || isNew != wantNew || got.SHA256 != sum || got.AddedBy != "ada" {
				t.Errorf("time %d: %+v, %t, %v", i+1, got, isNew, err)
			}
		}
		if _, _, err := s.AddReport(ada, "a", r.ID, File{"x", []byte("x")}, spectra.HashBytes([]byte("x")), noon); !errors.Is(err, ErrExists) {
			t.Errorf("another one: %v", err)
		}
		raw, name, err := s.Report(ada, "a", r.ID)
		if err != nil || !bytes.Equal(raw, file.Raw) || name != "report.pdf" {
			t.Errorf("%q %q %v", raw, name, err)
		}
		sc, err := s.Scan(ada, "a")
		if got := sc.LaboratoryResults[0]; err != nil || got.Report == nil || got.Report.Size != 8 || got.Analyst != "Dr. Lin" || got.ReportNumber != "L-2026-17" || !slices.Equal(got.Methods, r.Methods) {
			t.Errorf("%+v, %v", got, err)
		}
		if _, _, err := s.Report(ada, "none", r.ID); !errors.Is(err, ErrNotFound) {
			t.Errorf("of another scan: %v", err)
		}
		later := enter(t, s, pure("ada", "cocaine"))
		if _, _, err := s.Report(ada, "a", later.ID); !errors.Is(err, ErrNotFound) {
			t.Errorf("of a result without one: %v", err)
		}
		if _, _, err := s.AddReport(ada, "a", later.ID, File{"empty", nil}, sum, noon); !errors.Is(err, ErrInvalid) {
			t.Errorf("an empty file: %v", err)
		}
	})
}

func TestRecordsAndTheirFilesVerifyAndGoWithAScanThatIsErased(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		ada := by(t, "ada", "technician")
		x := exhibitOf(t, s, seize(t, s, inRiver()), "1A")
		sc := brought(t, s, ada, "b")
		if _, err := s.AmendScan(ada, "b", 1, ScanAmendment{Officer: ptr("Ada"), ExhibitID: &x.ID}, "known now", noon); err != nil {
			t.Fatal(err)
		}
		if _, err := s.AmendExhibit(ada, x.ID, 1, ExhibitChange{Note: ptr("torn")}, "looked again", noon); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.AddReview(by(t, "cy", "reviewer"), "b", NewReview{Opinion: OpinionAgree}, reviewers, Key{}, noon); err != nil {
			t.Fatal(err)
		}
		r := enter(t, s, pure("ada", "caffeine"))
		file := []byte("%PDF")
		if _, _, err := s.AddReport(ada, "a", r.ID, File{"r.pdf", file}, spectra.HashBytes(file), noon); err != nil {
			t.Fatal(err)
		}
		if _, faults := verified(t, s, VerifyOptions{}); len(faults) > 0 {
			t.Errorf("as it was stored: %+v", faults)
		}
		if err := s.write(asProgram(t), func(tx queries) error {
			return eraseFile(t.Context(), tx, Due{Agency: LocalAgency, SHA256: sc.SHA256, Policy: "thirty days", Scans: []string{"b"}}, "test", noon)
		}); err != nil {
			t.Fatal(err)
		}
		var left int
		if err := s.r.QueryRowContext(t.Context(), "SELECT count(*) FROM scan_versions").Scan(&left); err != nil || left != 0 {
			t.Errorf("%d versions of an erased scan are left, %v", left, err)
		}
		if _, faults := verified(t, s, VerifyOptions{}); len(faults) > 0 {
			t.Errorf("after erasing: %+v", faults)
		}
		unguarded(t, s)("UPDATE exhibits SET note = 'whole' WHERE version = 2")
		_, faults := verified(t, s, VerifyOptions{})
		if len(faults) != 1 || !strings.Contains(faults[0].ID, x.ID+"/2") {
			t.Errorf("a version that was changed behind the program's back: %+v", faults)
		}
	})
}
