package store

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"fentrace/library"
	"fentrace/server/tlp"
)

// furnish stores one scan, and accounts of each kind.
func furnish(t *testing.T, s *Store) {
	t.Helper()
	raw := []byte("raw")
	if _, _, err := s.Put(asProgram(t), File{"f", raw}, []Scan{scan(t, "a", 0, raw)}, Arrival{}); err != nil {
		t.Fatal(err)
	}
	for name, role := range map[string]string{"ada": "chemist", "bob": "reviewer", "cy": "reviewer", "dan": "technician"} {
		if err := s.SetRole(asProgram(t), name, role, tlp.Red, noon); err != nil {
			t.Fatal(err)
		}
	}
}

var reviewers = []string{"reviewer"}

// pure is a result that says the sample is this substance alone.
func pure(by, substance string) LaboratoryResult {
	return LaboratoryResult{ScanID: "a", Result: ResultCorrected, Pure: true, Substances: []LaboratorySubstance{{Name: substance, SubstanceID: substance}},
		Technique: "GC-MS", Laboratory: "State Laboratory", EnteredBy: by, Entered: noon}
}

func enter(t *testing.T, s *Store, r LaboratoryResult) LaboratoryResult {
	t.Helper()
	got, _, _, err := s.AddLaboratoryResult(asProgram(t), r, &NewProposal{Tier: library.Measured, ReferenceID: "ref " + r.Substances[0].SubstanceID})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func statusOf(t *testing.T, s *Store, proposal string) string {
	t.Helper()
	p, err := s.Proposal(asProgram(t), proposal)
	if err != nil {
		t.Fatal(err)
	}
	return p.Status
}

func TestEveryLaboratoryResultIsKeptAndTheLastOneCounts(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		first := enter(t, s, pure("ada", "caffeine"))
		again, created, _, err := s.AddLaboratoryResult(asProgram(t), pure("ada", "caffeine"), nil)
		if err != nil || created || again.ID != first.ID {
			t.Errorf("the same said twice: created %t, %v", created, err)
		}
		second := enter(t, s, pure("ada", "cocaine"))
		sc, err := s.Scan(asProgram(t), "a")
		if err != nil {
			t.Fatal(err)
		}
		rs := sc.LaboratoryResults
		if len(rs) != 2 || rs[0].ID != first.ID || rs[0].Current || rs[1].ID != second.ID || !rs[1].Current {
			t.Fatalf("%+v", rs)
		}
		if rs[0].EnteredBy != "ada" || !rs[0].Entered.Equal(noon.Truncate(time.Microsecond)) || rs[0].Technique != "GC-MS" || rs[0].Substances[0].Name != "caffeine" {
			t.Errorf("%+v", rs[0])
		}
		if sc.Verdict != string(answered.Verdict) || len(sc.Identification.Findings) != 1 {
			t.Errorf("the presumptive answer became %q", sc.Verdict)
		}
	})
}

func TestStoredResultsAndDecisionsCannotBeChangedOrDeleted(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		r := enter(t, s, pure("ada", "caffeine"))
		if err := s.Decide(asProgram(t), r.Proposal, Decision{Accepted: true, DecidedBy: "bob", Decided: noon}, reviewers); err != nil {
			t.Fatal(err)
		}
		for _, statement := range []string{"UPDATE laboratory_results SET note = 'x'", "DELETE FROM laboratory_results",
			"UPDATE proposal_decisions SET accepted = FALSE", "DELETE FROM proposal_decisions"} {
			if _, err := s.w.Exec(statement); err == nil || !strings.Contains(err.Error(), "never") {
				t.Errorf("%s: %v", statement, err)
			}
		}
	})
}

func TestALaboratoryResultThatCannotBeIsRefused(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		for name, change := range map[string]func(*LaboratoryResult){
			"no such result":    func(r *LaboratoryResult) { r.Result = "perhaps" },
			"nothing found":     func(r *LaboratoryResult) { r.Substances, r.Pure = nil, false },
			"pure of two":       func(r *LaboratoryResult) { r.Substances = append(r.Substances, LaboratorySubstance{Name: "more"}) },
			"no technique":      func(r *LaboratoryResult) { r.Technique = " " },
			"no laboratory":     func(r *LaboratoryResult) { r.Laboratory = "" },
			"a nameless one":    func(r *LaboratoryResult) { r.Substances[0].Name = "" },
			"control character": func(r *LaboratoryResult) { r.Note = "a\x00b" },
			"a very long note":  func(r *LaboratoryResult) { r.Note = strings.Repeat("x", MaxNote+1) },
			"too many": func(r *LaboratoryResult) {
				r.Pure, r.Substances = false, make([]LaboratorySubstance, MaxSubstances+1)
			},
		} {
			r := pure("ada", "caffeine")
			change(&r)
			if _, _, _, err := s.AddLaboratoryResult(asProgram(t), r, nil); !errors.Is(err, ErrInvalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		r := pure("ada", "caffeine")
		r.ScanID = "none"
		if _, _, _, err := s.AddLaboratoryResult(asProgram(t), r, nil); !errors.Is(err, ErrNotFound) {
			t.Errorf("of no scan: %v", err)
		}
	})
}

func TestTheOneWhoEnteredAResultCannotAcceptItWhileAnotherCan(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		r := enter(t, s, pure("bob", "caffeine"))
		accept := Decision{Accepted: true, Alone: true, Reason: "sure", DecidedBy: "bob", Decided: noon}
		if err := s.Decide(asProgram(t), r.Proposal, accept, reviewers); !errors.Is(err, ErrSecondPerson) || !strings.Contains(err.Error(), "cy") {
			t.Errorf("accepting alone while cy can: %v", err)
		}
		accept.DecidedBy = "cy"
		if err := s.Decide(asProgram(t), r.Proposal, accept, reviewers); err != nil {
			t.Fatal(err)
		}
		p, err := s.Proposal(asProgram(t), r.Proposal)
		if err != nil || p.Status != ProposalAccepted || p.Decision == nil || p.Decision.DecidedBy != "cy" || p.Decision.Alone {
			t.Errorf("%+v, %+v, %v", p.Status, p.Decision, err)
		}
		if err := s.Decide(asProgram(t), r.Proposal, Decision{DecidedBy: "cy", Reason: "no"}, reviewers); !errors.Is(err, ErrClosed) {
			t.Errorf("deciding twice: %v", err)
		}
	})
}

func TestWhereOnlyOnePersonMayReviewAcceptingAloneIsAskedForAndRecorded(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		if err := s.SetRole(asProgram(t), "cy", "technician", tlp.Red, noon); err != nil {
			t.Fatal(err)
		}
		r := enter(t, s, pure("bob", "caffeine"))
		accept := Decision{Accepted: true, DecidedBy: "bob", Decided: noon}
		if err := s.Decide(asProgram(t), r.Proposal, accept, reviewers); !errors.Is(err, ErrAlone) {
			t.Errorf("without saying so: %v", err)
		}
		accept.Alone = true
		if err := s.Decide(asProgram(t), r.Proposal, accept, reviewers); !errors.Is(err, ErrInvalid) {
			t.Errorf("without a reason: %v", err)
		}
		accept.Reason = "nobody else works here"
		if err := s.Decide(asProgram(t), r.Proposal, accept, reviewers); err != nil {
			t.Fatal(err)
		}
		if p, err := s.Proposal(asProgram(t), r.Proposal); err != nil || !p.Decision.Alone || p.Decision.Reason != accept.Reason {
			t.Errorf("%+v, %v", p.Decision, err)
		}
	})
}

func TestWhoeverEnteredAResultMayRejectItWithAReason(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		r := enter(t, s, pure("bob", "caffeine"))
		if err := s.Decide(asProgram(t), r.Proposal, Decision{DecidedBy: "bob"}, reviewers); !errors.Is(err, ErrInvalid) {
			t.Errorf("without a reason: %v", err)
		}
		if err := s.Decide(asProgram(t), r.Proposal, Decision{DecidedBy: "bob", Reason: "wrong vial"}, reviewers); err != nil {
			t.Fatal(err)
		}
		if got := statusOf(t, s, r.Proposal); got != ProposalRejected {
			t.Errorf("status %s", got)
		}
		if again := enter(t, s, pure("ada", "caffeine")); again.Proposal == "" {
			t.Error("a later result of the same substance proposes nothing after a rejection")
		}
		if err := s.Decide(asProgram(t), "none", Decision{DecidedBy: "bob", Reason: "x"}, reviewers); !errors.Is(err, ErrNotFound) {
			t.Errorf("of no proposal: %v", err)
		}
	})
}

func TestALaterResultWithdrawsWhatItContradictsForGood(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		first := enter(t, s, pure("ada", "caffeine"))
		if err := s.Decide(asProgram(t), first.Proposal, Decision{Accepted: true, DecidedBy: "bob"}, reviewers); err != nil {
			t.Fatal(err)
		}
		if same := enter(t, s, pure("bob", "caffeine")); same.Proposal != "" || same.NotProposed == "" || statusOf(t, s, first.Proposal) != ProposalAccepted {
			t.Errorf("a second laboratory that agrees: %+v", same)
		}
		mixture := pure("ada", "caffeine")
		mixture.Pure = false
		_, _, withdrew, err := s.AddLaboratoryResult(asProgram(t), mixture, nil)
		if err != nil || !withdrew || statusOf(t, s, first.Proposal) != ProposalWithdrawn {
			t.Errorf("withdrew %t, %v", withdrew, err)
		}
		third := enter(t, s, pure("ada", "caffeine"))
		if third.Proposal == "" || statusOf(t, s, first.Proposal) != ProposalWithdrawn || statusOf(t, s, third.Proposal) != ProposalOpen {
			t.Errorf("saying it again needs a review again: %+v", third)
		}
		if held, err := s.Accepted(asProgram(t)); err != nil || len(held) != 0 {
			t.Errorf("%+v, %v", held, err)
		}
	})
}

func TestProposalsAreListedOpenOnesFirst(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		first := enter(t, s, pure("ada", "caffeine"))
		second := enter(t, s, pure("ada", "cocaine"))
		all, err := s.Proposals(asProgram(t), "", 10)
		if err != nil || len(all) != 2 || all[0].ID != second.Proposal || all[1].ID != first.Proposal || all[1].Status != ProposalWithdrawn {
			t.Fatalf("%+v, %v", all, err)
		}
		if all[0].Scan.ID != "a" || all[0].Result.ID != second.ID || all[0].Substance != "cocaine" || all[0].ReferenceID != "ref cocaine" {
			t.Errorf("%+v", all[0])
		}
		if open, err := s.Proposals(asProgram(t), ProposalOpen, 10); err != nil || len(open) != 1 {
			t.Errorf("%d open, %v", len(open), err)
		}
	})
}

func TestAChangeOfTheLibraryIsNotedOnceWithWhatWasBefore(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		one := LibrarySnapshot{Version: "v1", References: 3, ByTier: map[library.Tier]int{library.Published: 3}, ControlledMeasured: []string{}}
		two := LibrarySnapshot{Version: "v2", References: 4, ByTier: map[library.Tier]int{library.Published: 3, library.Measured: 1}, ControlledMeasured: []string{"fentanyl"}}
		for i, step := range []struct {
			now     LibrarySnapshot
			changed bool
		}{{one, true}, {one, false}, {two, true}, {two, false}} {
			if _, changed, err := s.NoteLibrary(asProgram(t), step.now, "because", noon); err != nil || changed != step.changed {
				t.Errorf("step %d: changed %t, %v", i, changed, err)
			}
		}
		cs, err := s.LibraryChanges(asProgram(t), 10)
		if err != nil || len(cs) != 2 {
			t.Fatalf("%+v, %v", cs, err)
		}
		if c := cs[0]; c.Before.Version != "v1" || c.After.Version != "v2" || c.After.ByTier[library.Measured] != 1 || !slices.Equal(c.After.ControlledMeasured, []string{"fentanyl"}) {
			t.Errorf("%+v", c)
		}
		if c := cs[1]; c.Before.Version != "" || c.State != ChangeRunning || c.Cause != "because" {
			t.Errorf("%+v", c)
		}
	})
}

func TestAComparisonIsCountedAndTheNextOneStartsFromItsAnswers(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		enter(t, s, pure("ada", "fentanyl"))
		c, _, err := s.NoteLibrary(asProgram(t), LibrarySnapshot{Version: "v1"}, "", noon)
		if err != nil {
			t.Fatal(err)
		}
		if _, found, done, err := s.AnsweredBefore(asProgram(t), c, "a"); found || done || err != nil {
			t.Errorf("before any comparison: %t %t %v", found, done, err)
		}
		a := TruthAnswer{ScanID: "a", Before: Given{Verdict: "inconclusive", Named: []string{}, Grade: GradeNone}, After: Given{Verdict: "alarm", Headline: "ALARM: x", Named: []string{"x"}, Grade: GradePartly}}
		a.Compare()
		for range 2 { // a comparison that goes on after a restart may tell the same again
			if err := errors.Join(s.BeginComparison(asProgram(t), c, map[Bucket]int{local: 1}, map[Bucket]int{local: 2}), s.AddTruthAnswer(asProgram(t), c, a)); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(s.EndComparison(asProgram(t), c, ChangeDone, ""), s.EndComparison(asProgram(t), c, ChangeCancelled, "")); err != nil {
			t.Fatal(err)
		}
		got, scans, err := s.LibraryChange(asProgram(t), c.ID, 10)
		if err != nil || got.State != ChangeDone || got.Total != 1 || got.LeftOut != 2 || got.Done != 1 || got.Better != 1 || got.Worse+got.Changed+got.Same != 0 {
			t.Errorf("%+v, %v", got, err)
		}
		if len(scans) != 1 || scans[0].Effect != EffectBetter || !slices.Equal(scans[0].Substances, []string{"fentanyl"}) || !slices.Equal(scans[0].After.Named, []string{"x"}) {
			t.Errorf("%+v", scans)
		}
		if _, _, done, err := s.AnsweredBefore(asProgram(t), c, "a"); !done || err != nil {
			t.Errorf("not done: %v", err)
		}
		next, _, err := s.NoteLibrary(asProgram(t), LibrarySnapshot{Version: "v2"}, "", noon)
		if err != nil {
			t.Fatal(err)
		}
		if before, found, done, err := s.AnsweredBefore(asProgram(t), next, "a"); !found || done || err != nil || before.Headline != "ALARM: x" || !slices.Equal(before.Named, []string{"x"}) {
			t.Errorf("%+v %t %t %v", before, found, done, err)
		}
	})
}
