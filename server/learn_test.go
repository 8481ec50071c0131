package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/server/auth"
	"fentrace/server/store"
	"fentrace/spectra"
)

// in keeps the data in dir.
func in(dir string) func(*Config) { return func(c *Config) { c.DataDir = dir } }

// proposed is the proposal of a scan of substance entered by ada.
func (r *running) proposed(substance string, at float64) (store.Scan, string) {
	r.t.Helper()
	sc := r.take(lines(substance, at))
	return sc, r.as("ada", auth.RoleChemist).enter(sc.ID, finding("corrected", true, substance), http.StatusCreated).Proposal
}

// learnedIDs are the references in the learned library of a folder, one line each.
func learnedIDs(t *testing.T, dir string) string {
	t.Helper()
	f, err := library.Open(filepath.Join(dir, LearnedFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	refs, err := f.References(asProgram(t))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, ref := range refs {
		fmt.Fprintf(&b, "%s %s\n", ref.SubstanceID, ref.ID)
	}
	return b.String()
}

func (r *running) changes() []store.LibraryChange {
	r.t.Helper()
	cs, err := r.store.LibraryChanges(asProgram(r.t), 50)
	if err != nil {
		r.t.Fatal(err)
	}
	return cs
}

func TestADecisionThatDidNotReachTheLibraryDoesSoAtTheNextStartAndOnce(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		dir := t.TempDir()
		r := startLaboratory(t, db, in(dir))
		_, proposal := r.proposed("fentanyl", 310)
		// The server ends between its two steps: the decision is in the database, nothing else has happened.
		if err := r.store.Decide(asProgram(t), proposal, store.Decision{Accepted: true, DecidedBy: DefaultUser, Decided: r.clock.now()}, auth.Reviewers); err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		again := startLaboratory(t, db, in(dir))
		if got := again.take(lines("fentanyl two", 311)); got.Verdict != "alarm" {
			t.Errorf("after the next start the answer is %s", got.Verdict)
		}
		want, changes := learnedIDs(t, dir), len(again.changes())
		if strings.Count(want, "\n") != 1 || changes != 2 {
			t.Fatalf("learnt %q, %d changes", want, changes)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
		third := startLaboratory(t, db, in(dir))
		third.take(lines("fentanyl three", 312)) // answered, so the start is over
		if got := learnedIDs(t, dir); got != want || len(third.changes()) != changes {
			t.Errorf("a further start made %q of %q and %d changes", got, want, len(third.changes()))
		}
	})
}

func TestWhenTheLibraryCannotBeWrittenTheDecisionIsKeptAndMadeGoodLater(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		dir := t.TempDir()
		r := startLaboratory(t, db, in(dir))
		_, first := r.proposed("fentanyl", 310)
		_, second := r.proposed("cocaine", 330)
		obstacle := filepath.Join(dir, LearnedFile)
		if err := os.Mkdir(obstacle, 0o700); err != nil {
			t.Fatal(err)
		}
		r.decide(first, "accept").want(t, http.StatusServiceUnavailable).mentions(t, "kept", "next decision")
		if p, err := r.store.Proposal(asProgram(t), first); err != nil || p.Status != store.ProposalAccepted {
			t.Fatalf("%s, %v", p.Status, err)
		}
		if got := r.take(lines("fentanyl two", 311)); got.Verdict != "inconclusive" {
			t.Errorf("verdict %s by a reference that is not stored", got.Verdict)
		}
		if err := os.Remove(obstacle); err != nil {
			t.Fatal(err)
		}
		r.decide(second, "accept").want(t, http.StatusOK)
		if got := learnedIDs(t, dir); strings.Count(got, "\n") != 2 {
			t.Errorf("learnt %q", got)
		}
		if got := r.take(lines("fentanyl three", 312)); got.Verdict != "alarm" {
			t.Errorf("verdict %s", got.Verdict)
		}
	})
}

func TestACorrectionThatDidNotReachTheLibraryDoesSoWhenItIsSentAgain(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		dir := t.TempDir()
		r := startLaboratory(t, db, in(dir))
		sc, proposal := r.proposed("fentanyl", 310)
		r.decide(proposal, "accept").want(t, http.StatusOK)
		path := filepath.Join(dir, LearnedFile)
		if err := errors.Join(os.Rename(path, path+".away"), os.Mkdir(path, 0o700)); err != nil {
			t.Fatal(err)
		}
		correction := finding("corrected", false, "fentanyl", "caffeine")
		r.enter(sc.ID, correction, http.StatusServiceUnavailable)
		if err := errors.Join(os.Remove(path), os.Rename(path+".away", path)); err != nil {
			t.Fatal(err)
		}
		if got := r.enter(sc.ID, correction, http.StatusOK); !got.Current {
			t.Errorf("%+v", got)
		}
		if got := r.take(lines("fentanyl two", 311)); got.Verdict != "inconclusive" || learnedIDs(t, dir) != "" {
			t.Errorf("the answer is %s, learnt is %q", got.Verdict, learnedIDs(t, dir))
		}
	})
}

func TestALearnedLibraryThatIsDamagedOrLostIsMadeAgain(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		dir := t.TempDir()
		path := filepath.Join(dir, LearnedFile)
		r := startLaboratory(t, db, in(dir))
		_, proposal := r.proposed("fentanyl", 310)
		r.decide(proposal, "accept").want(t, http.StatusOK)
		want, version := learnedIDs(t, dir), r.know().lib.Version()
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		for name, spoil := range map[string]func() error{
			"lost":      func() error { return os.Remove(path) },
			"truncated": func() error { return os.Truncate(path, 5000) },
			"emptied":   func() error { return os.Truncate(path, 0) },
			"replaced":  func() error { return os.WriteFile(path, []byte(strings.Repeat("no library ", 50)), 0o600) },
		} {
			if err := spoil(); err != nil {
				t.Fatal(err)
			}
			again := startLaboratory(t, db, in(dir))
			if got := again.take(lines("fentanyl "+name, 311)); got.Verdict != "alarm" || again.know().lib.Version() != version {
				t.Errorf("%s: the answer is %s", name, got.Verdict)
			}
			if err := again.Close(); err != nil {
				t.Fatal(err)
			}
			if got := learnedIDs(t, dir); got != want {
				t.Errorf("%s: learnt %q, want %q", name, got, want)
			}
		}
	})
}

// finished waits until the newest change is compared.
func (r *running) finished(state string) store.LibraryChange {
	r.t.Helper()
	r.learning.Lock()
	run := r.comparing
	r.learning.Unlock()
	select {
	case <-run.done:
	case <-asProgram(r.t).Done():
	}
	c := r.changes()[0]
	if c.State != state {
		r.t.Fatalf("the comparison is %s (%s), want %s", c.State, c.Error, state)
	}
	return c
}

func TestAChangeTellsWhatItDoesToScansALaboratoryHasJudged(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := startLaboratory(t, db)
		chemist := r.as("ada", auth.RoleChemist)
		itself, proposal := r.proposed("fentanyl", 310)
		helped := r.take(lines("fentanyl of the same kind", 311))
		chemist.enter(helped.ID, finding("corrected", false, "fentanyl", "caffeine"), http.StatusCreated)
		harmed := r.take(lines("no fentanyl but caffeine", 312)) // the stand-in will name the wrong one
		chemist.enter(harmed.ID, finding("corrected", false, "caffeine"), http.StatusCreated)
		untouched := r.take(lines("cocaine", 313))
		chemist.enter(untouched.ID, finding("corrected", false, "cocaine"), http.StatusCreated)
		vague := r.take(lines("novelanyl", 314))
		chemist.enter(vague.ID, with(finding("corrected", false, "novelanyl"), "allow_unknown", true), http.StatusCreated)

		r.decide(proposal, "accept").want(t, http.StatusOK)
		c := r.finished(store.ChangeDone)
		if c.Total != 3 || c.Done != 3 || c.LeftOut != 2 || c.Better != 1 || c.Worse != 1 || c.Same != 1 {
			t.Errorf("%+v", c)
		}
		if len(c.Before.ControlledMeasured) != 0 || fmt.Sprint(c.After.ControlledMeasured) != "[fentanyl]" || !strings.Contains(c.Cause, "fentanyl") {
			t.Errorf("from %+v to %+v because %q", c.Before, c.After, c.Cause)
		}
		a := r.do("GET", "/v1/library/changes/"+c.ID, nil).want(t, http.StatusOK).mentions(t, helped.ID, harmed.ID, `"effect":"worse"`, `"grade":"right"`, `"grade":"no answer"`, `"grade":"wrong"`)
		if strings.Contains(string(a.body), itself.ID) || strings.Contains(string(a.body), untouched.ID) {
			t.Errorf("a scan that is the reference itself, or is answered as before, is listed: %s", a.body)
		}
		r.do("POST", "/v1/library/changes/"+c.ID+"/cancel", nil).want(t, http.StatusConflict)
		r.do("GET", "/v1/library/changes/00000000-0000-4000-8000-000000000000", nil).want(t, http.StatusNotFound)
		r.do("GET", "/v1/library/changes", nil).want(t, http.StatusOK).mentions(t, c.ID)
	})
}

// stuck never ends to answer about a scan that is called so, unless it is told to.
type stuck struct {
	byReference
	reached chan<- struct{}
}

func (s stuck) Identify(ctx context.Context, sp spectra.Spectrum) (identify.Identification, error) {
	learnt := false
	for _, r := range s.lib.References() {
		learnt = learnt || r.SubstanceID == "fentanyl"
	}
	if learnt && strings.Contains(sp.Title, "stuck") {
		s.reached <- struct{}{}
		<-ctx.Done()
		return identify.Identification{}, ctx.Err()
	}
	return s.byReference.Identify(ctx, sp)
}

func stuckConfig(reached chan<- struct{}) func(*Config) {
	return func(c *Config) {
		c.NewIdentifier = func(lib *library.Stack) (Identifier, error) { return stuck{byReference{lib}, reached}, nil }
	}
}

func TestAComparisonCanBeCancelledAndKeepsWhatItFound(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		reached := make(chan struct{}, 1)
		r := startLaboratory(t, db, stuckConfig(reached))
		_, proposal := r.proposed("fentanyl", 310)
		chemist := r.as("ada", auth.RoleChemist)
		chemist.enter(r.take(lines("stuck cocaine", 311)).ID, finding("corrected", false, "cocaine"), http.StatusCreated)
		chemist.enter(r.take(lines("fentanyl again", 312)).ID, finding("corrected", false, "fentanyl"), http.StatusCreated)
		r.decide(proposal, "accept").want(t, http.StatusOK)
		<-reached
		c := r.changes()[0]
		if c.State != store.ChangeRunning || c.Done != 1 || c.Total != 2 {
			t.Errorf("while it runs: %+v", c)
		}
		r.do("POST", "/v1/library/changes/"+c.ID+"/cancel", nil).want(t, http.StatusNoContent)
		if c = r.finished(store.ChangeCancelled); c.Done != 1 || c.Better != 1 {
			t.Errorf("after it: %+v", c)
		}
	})
}

func TestAComparisonThatAnEndCutShortGoesOnAtTheNextStart(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		dir, reached := t.TempDir(), make(chan struct{}, 1)
		r := startLaboratory(t, db, in(dir), stuckConfig(reached))
		_, proposal := r.proposed("fentanyl", 310)
		chemist := r.as("ada", auth.RoleChemist)
		chemist.enter(r.take(lines("stuck cocaine", 311)).ID, finding("corrected", false, "cocaine"), http.StatusCreated)
		chemist.enter(r.take(lines("fentanyl again", 312)).ID, finding("corrected", false, "fentanyl"), http.StatusCreated)
		r.decide(proposal, "accept").want(t, http.StatusOK)
		<-reached
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		again := startLaboratory(t, db, in(dir))
		again.take(lines("caffeine", 300)) // answered, so the start is over
		if c := again.finished(store.ChangeDone); c.Done != 2 || c.Better != 1 || c.Same != 1 {
			t.Errorf("%+v", c)
		}
	})
}

func TestAnAnswerGradesByWhatTheLaboratoryFound(t *testing.T) {
	lib := library.NewStack([]library.Substance{
		{ID: "fentanyl", Name: "fentanyl", Class: "fentanyl"}, {ID: "cocaine", Name: "cocaine", Controlled: true},
		{ID: "caffeine", Name: "caffeine"}, {ID: "lactose", Name: "lactose"},
	}, nil)
	found := func(ids ...string) (out []store.LaboratorySubstance) {
		for _, id := range ids {
			out = append(out, store.LaboratorySubstance{Name: id, SubstanceID: id})
		}
		return out
	}
	for _, test := range []struct {
		verdict identify.Verdict
		named   []string
		truth   []store.LaboratorySubstance
		want    store.Grade
	}{
		{identify.Alarm, []string{"fentanyl", "caffeine"}, found("fentanyl"), store.GradeRight},
		{identify.Alarm, []string{"cocaine"}, found("fentanyl", "caffeine"), store.GradePartly},
		{identify.Alarm, []string{"cocaine", "caffeine"}, found("caffeine"), store.GradeWrong},
		{identify.NoAlarm, []string{"caffeine"}, found("caffeine"), store.GradeRight},
		{identify.NoAlarm, []string{"lactose"}, found("caffeine"), store.GradePartly},
		{identify.NoAlarm, []string{"caffeine"}, found("caffeine", "cocaine"), store.GradeWrong},
		{identify.Inconclusive, nil, found("cocaine"), store.GradeNone},
	} {
		if got := grade(lib, store.Given{Verdict: string(test.verdict), Named: test.named}, test.truth); got != test.want {
			t.Errorf("%s %v, the laboratory found %v: grade %s, want %s", test.verdict, test.named, test.truth, got, test.want)
		}
	}
	// Naming more of what is there never makes an answer worse.
	names := []string{"fentanyl", "cocaine", "caffeine", "lactose"}
	rapid.Check(t, func(t *rapid.T) {
		truth := rapid.SliceOfNDistinct(rapid.SampledFrom(names), 1, 4, rapid.ID).Draw(t, "truth")
		g := store.Given{Verdict: rapid.SampledFrom([]string{"alarm", "no_alarm", "inconclusive"}).Draw(t, "verdict"),
			Named: rapid.SliceOfDistinct(rapid.SampledFrom(names), rapid.ID).Draw(t, "named")}
		before := grade(lib, g, found(truth...))
		g.Named = append(g.Named, rapid.SampledFrom(truth).Draw(t, "more"))
		if after := grade(lib, g, found(truth...)); before.Better(after) {
			t.Errorf("from %s to %s", before, after)
		}
	})
}
