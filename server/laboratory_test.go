package server

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"

	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/server/auth"
	"fentrace/server/store"
	"fentrace/spectra"
)

// byReference answers from the library it was made for: of the substances in the title of a spectrum it names the first
// one that has a reference.
type byReference struct{ lib *library.Stack }

func (b byReference) Identify(_ context.Context, s spectra.Spectrum) (identify.Identification, error) {
	ans := identify.Identification{Technique: string(s.Technique), Simulated: s.Metadata.Simulated, Verdict: identify.Inconclusive,
		Headline: "NO ANSWER: not explained", Summary: "One sentence.", Library: b.lib.Version(), Algorithm: "by-reference-1",
		Quality: identify.Quality{SNR: 80, Axis: "ok"}}
	if strings.Contains(s.Title, "noisy") {
		ans.Quality.SNR = 9
	}
	first := len(s.Title)
	for _, r := range b.lib.References() {
		sub, _ := b.lib.Substance(r.SubstanceID)
		at := strings.Index(s.Title, sub.Name)
		if at < 0 || at >= first {
			continue
		}
		first = at
		ans.Findings = []identify.Finding{{Substance: sub.Name, Class: sub.Class, Controlled: sub.Controlled, Tier: r.Tier, Probability: 0.9, References: []string{r.ID}}}
		ans.Verdict, ans.Headline = identify.NoAlarm, "NOTHING CONTROLLED SEEN above 8 % of the signal"
		if sub.Controlled {
			ans.Verdict, ans.Headline = identify.Alarm, "ALARM: "+sub.Name
		}
	}
	return ans, nil
}

func (b byReference) Overlay(s spectra.Spectrum, ans identify.Identification) (identify.Overlay, error) {
	ov := identify.Overlay{Scan: identify.Trace{Label: s.Title}, References: []identify.Trace{}, Presumptive: identify.Presumptive}
	for _, f := range ans.Findings {
		ov.References = append(ov.References, identify.Trace{Label: f.Substance, Tier: f.Tier})
	}
	return ov, nil
}

// startLaboratory starts a server that answers by its references: it has one of caffeine. change is applied to its Config.
func startLaboratory(t *testing.T, change ...func(*Config)) *running {
	t.Helper()
	known := lines("reference", 300)
	stack := library.NewStack([]library.Substance{
		{ID: "fentanyl", Name: "fentanyl", CAS: "437-38-7", Class: "fentanyl", Controlled: true},
		{ID: "cocaine", Name: "cocaine", CAS: "50-36-2", Controlled: true},
		{ID: "caffeine", Name: "caffeine", CAS: "58-08-2", Synonyms: []string{"guaranine"}},
		{ID: "lactose", Name: "lactose"},
	}, []library.Reference{{SubstanceID: "caffeine", Tier: library.Measured, Technique: spectra.Raman, Spectrum: &known}})
	return start(t, append([]func(*Config){func(c *Config) {
		c.Library = stack
		c.NewIdentifier = func(lib *library.Stack) (Identifier, error) { return byReference{lib}, nil }
	}}, change...)...)
}

// lines is a Raman spectrum with a line at the place.
func lines(title string, at float64) spectra.Spectrum {
	s := spectra.Spectrum{Title: title, Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Counts}
	for x := 200.0; x <= 400; x++ {
		s.X, s.Y = append(s.X, x), append(s.Y, 10+100*math.Exp(-math.Pow((x-at)/6, 2)))
	}
	return s
}

// take stores a scan with this title.
func (r *running) take(s spectra.Spectrum) store.Scan {
	r.t.Helper()
	raw, err := json.Marshal(s)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.scan(r.do("POST", "/v1/scans?filename=a.json", raw).want(r.t, http.StatusCreated))
}

// as is the same server for another person, who gets the role.
func (r *running) as(user, role string) *running {
	r.t.Helper()
	if err := r.SetRole(asProgram(r.t), user, role); err != nil {
		r.t.Fatal(err)
	}
	token, err := r.NewToken(asProgram(r.t), user, "test", "", 0)
	if err != nil {
		r.t.Fatal(err)
	}
	other := *r
	other.token = token
	return &other
}

// finding is the body of a laboratory result.
func finding(result string, pure bool, substances ...string) map[string]any {
	return map[string]any{"result": result, "pure": pure, "substances": substances, "technique": "GC-MS", "laboratory": "State Laboratory"}
}

func (r *running) enter(scan string, body any, status int) store.LaboratoryResult {
	r.t.Helper()
	a := r.do("POST", "/v1/scans/"+scan+"/laboratory-result", body).want(r.t, status)
	var got store.LaboratoryResult
	if status < 300 {
		a.into(r.t, &got)
	}
	return got
}

func (r *running) decide(proposal, decision string) answer {
	r.t.Helper()
	return r.do("POST", "/v1/library/proposals/"+proposal+"/decision", map[string]any{"decision": decision, "reason": "seen"})
}

func TestTheNextScanIsNamedByAReferenceALaboratoryGave(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := startLaboratory(t, db)
		chemist, reviewer := r.as("ada", auth.RoleChemist), r.as("bob", auth.RoleReviewer)
		first := r.take(lines("fentanyl one", 310))
		if first.Verdict != "inconclusive" {
			t.Fatalf("without a reference the answer is %s", first.Verdict)
		}
		before := r.know().lib.Version()
		result := chemist.enter(first.ID, finding("corrected", true, "437-38-7"), http.StatusCreated)
		if result.Proposal == "" || result.Substances[0].Name != "fentanyl" || result.EnteredBy != "ada" {
			t.Fatalf("%+v", result)
		}
		var listed struct {
			Proposals []struct {
				store.Proposal
				MayAccept bool `json:"may_accept"`
			}
		}
		reviewer.do("GET", "/v1/library/proposals", nil).want(t, http.StatusOK).into(t, &listed)
		if len(listed.Proposals) != 1 || !listed.Proposals[0].MayAccept || listed.Proposals[0].Tier != library.Measured {
			t.Fatalf("%+v", listed)
		}
		reviewer.decide(result.Proposal, "accept").want(t, http.StatusOK).mentions(t, `"status":"accepted"`, `"decided_by":"bob"`)

		next := r.take(lines("fentanyl two", 311))
		if next.Verdict != "alarm" || next.Identification.Findings[0].Tier != library.Measured || next.Identification.Library == before {
			t.Errorf("the next scan: %s %+v", next.Verdict, next.Identification)
		}
		kept := r.scan(r.do("GET", "/v1/scans/"+first.ID, nil).want(t, http.StatusOK))
		if kept.Verdict != "inconclusive" || kept.Identification.Library != before || len(kept.LaboratoryResults) != 1 {
			t.Errorf("the first answer became %s with library %s", kept.Verdict, kept.Identification.Library)
		}
		for _, ref := range r.know().lib.References() {
			if ref.SubstanceID == "fentanyl" && (ref.Provenance.SHA256 != first.SHA256 || !strings.Contains(ref.Provenance.Source, result.ID) ||
				!strings.Contains(ref.Provenance.Source, "accepted by bob")) {
				t.Errorf("provenance %+v", ref.Provenance)
			}
		}
		r.do("GET", "/v1/library", nil).want(t, http.StatusOK).mentions(t, learnedTitle, `"measured":2`)
	})
}

func TestWhoMayDoWhatWithLaboratoryResults(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := startLaboratory(t, db)
		technician, chemist, reviewer := r.as("tom", auth.RoleTechnician), r.as("ada", auth.RoleChemist), r.as("bob", auth.RoleReviewer)
		sc := r.take(lines("fentanyl", 310))
		technician.enter(sc.ID, finding("corrected", true, "fentanyl"), http.StatusForbidden)
		result := reviewer.enter(sc.ID, finding("corrected", true, "fentanyl"), http.StatusCreated)
		technician.decide(result.Proposal, "accept").want(t, http.StatusForbidden)
		chemist.decide(result.Proposal, "accept").want(t, http.StatusForbidden)
		reviewer.decide(result.Proposal, "accept").want(t, http.StatusForbidden).mentions(t, "operator")
		reviewer.do("GET", "/v1/library/proposals", nil).want(t, http.StatusOK).mentions(t, `"may_accept":false`, "a second person")
		technician.do("GET", "/v1/library/proposals", nil).want(t, http.StatusOK).mentions(t, `"may_reject":false`)
		if _, err := r.store.Proposal(asProgram(t), result.Proposal); err != nil {
			t.Fatal(err)
		}
		r.decide(result.Proposal, "accept").want(t, http.StatusOK)
		r.decide(result.Proposal, "reject").want(t, http.StatusConflict)
		cs, err := r.store.LibraryChanges(asProgram(t), 1)
		if err != nil {
			t.Fatal(err)
		}
		technician.do("POST", "/v1/library/changes/"+cs[0].ID+"/cancel", nil).want(t, http.StatusForbidden)
	})
}

func TestASinglePersonMustSayThatThereIsNoSecondOne(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := startLaboratory(t, db)
		sc := r.take(lines("fentanyl", 310))
		result := r.enter(sc.ID, finding("corrected", true, "fentanyl"), http.StatusCreated)
		r.decide(result.Proposal, "accept").want(t, http.StatusConflict).mentions(t, "no second person")
		r.do("GET", "/v1/library/proposals", nil).want(t, http.StatusOK).mentions(t, `"must_be_alone":true`)
		r.do("POST", "/v1/library/proposals/"+result.Proposal+"/decision", map[string]any{"decision": "accept", "alone": true, "reason": "one-person laboratory"}).
			want(t, http.StatusOK).mentions(t, `"alone":true`)
		for _, ref := range r.know().lib.References() {
			if ref.SubstanceID == "fentanyl" && !strings.Contains(ref.Provenance.Source, "alone") {
				t.Errorf("provenance %+v", ref.Provenance)
			}
		}
	})
}

func TestALaboratoryResultMustAgreeWithItsName(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := startLaboratory(t, db)
		named, unnamed := r.take(lines("caffeine", 300)), r.take(lines("cocaine", 320))
		for name, test := range map[string]struct {
			scan    store.Scan
			body    map[string]any
			mention string
		}{
			"confirms no answer":        {unnamed, finding("confirmed", false, "cocaine"), "names no substance"},
			"refutes no answer":         {unnamed, finding("refuted", false), "names no substance"},
			"refutes what it found":     {named, finding("refuted", false, "caffeine"), "send corrected"},
			"confirms something else":   {named, finding("confirmed", false, "lactose"), "nothing of what"},
			"a wrong CAS number":        {named, finding("corrected", false, "58-08-1"), "check the spelling"},
			"hides a controlled one":    {named, finding("confirmed", false, "caffeine", "fentanyl"), "controlled"},
			"misspelt":                  {named, finding("corrected", false, "caffein"), "check the spelling"},
			"named twice":               {named, finding("corrected", false, "caffeine", "guaranine"), "twice"},
			"pure of two":               {named, finding("corrected", true, "caffeine", "cocaine"), "pure"},
			"no second technique":       {named, with(finding("confirmed", false, "caffeine"), "technique", "Raman"), "second technique"},
			"unknown result":            {named, finding("maybe", false, "caffeine"), "result"},
			"control characters":        {named, with(finding("confirmed", false, "caffeine"), "note", "a\x01"), "control"},
			"a member nobody knows":     {named, with(finding("confirmed", false, "caffeine"), "verdict", "alarm"), "verdict"},
			"an empty substance":        {named, finding("corrected", false, " "), "check the spelling"},
			"an unknown one, kept, but": {named, with(finding("corrected", false, ""), "allow_unknown", true), "has no name"},
		} {
			a := r.do("POST", "/v1/scans/"+test.scan.ID+"/laboratory-result", test.body).want(t, http.StatusUnprocessableEntity)
			if !strings.Contains(string(a.body), test.mention) {
				t.Errorf("%s: %s does not mention %q", name, a.body, test.mention)
			}
		}
		r.enter("00000000-0000-4000-8000-000000000000", finding("refuted", false), http.StatusNotFound)
		if got := r.scan(r.do("GET", "/v1/scans/"+named.ID, nil)); len(got.LaboratoryResults) != 0 {
			t.Errorf("refused results were stored: %+v", got.LaboratoryResults)
		}
		r.enter(named.ID, finding("confirmed", false, "guaranine"), http.StatusCreated)
		r.enter(named.ID, finding("confirmed", false, "caffeine"), http.StatusOK) // the very same, by its other name
		r.enter(named.ID, with(finding("corrected", false, "caffeine", "novelanyl"), "allow_unknown", true), http.StatusCreated)
	})
}

func with(body map[string]any, name string, value any) map[string]any {
	body[name] = value
	return body
}

func TestOnlyGoodScansOfPureKnownSubstancesAreProposed(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := startLaboratory(t, db)
		saturated, simulated := lines("cocaine saturated", 320), lines("cocaine simulated", 321)
		saturated.Metadata.SaturatedPoints = 4
		simulated.Metadata.Simulated = true
		for i, test := range []struct {
			scan    spectra.Spectrum
			body    map[string]any
			because string
			tier    library.Tier
		}{
			{lines("cocaine", 322), finding("corrected", true, "cocaine"), "", library.Measured},
			{simulated, finding("corrected", true, "cocaine"), "", library.Simulated},
			{lines("cocaine cut", 323), finding("corrected", false, "cocaine"), "pure", ""},
			{lines("cocaine noisy", 324), finding("corrected", true, "cocaine"), "signal-to-noise", ""},
			{saturated, finding("corrected", true, "cocaine"), "saturated", ""},
			{lines("novelanyl", 325), with(finding("corrected", true, "novelanyl"), "allow_unknown", true), "import the substance", ""},
		} {
			got := r.enter(r.take(test.scan).ID, test.body, http.StatusCreated)
			if (got.Proposal == "") != (test.because != "") || !strings.Contains(got.NotProposed, test.because) {
				t.Errorf("%d: %+v", i, got)
			}
			if test.tier == "" {
				continue
			}
			if p, err := r.store.Proposal(asProgram(t), got.Proposal); err != nil || p.Tier != test.tier {
				t.Errorf("%d: tier %s, %v", i, p.Tier, err)
			}
		}
	})
}

func TestACorrectionTakesTheReferenceOutAgain(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := startLaboratory(t, db)
		reviewer := r.as("bob", auth.RoleReviewer)
		sc := r.take(lines("fentanyl", 310))
		before := r.know().lib.Version()
		reviewer.decide(r.enter(sc.ID, finding("corrected", true, "fentanyl"), http.StatusCreated).Proposal, "accept").want(t, http.StatusOK)
		if got := r.take(lines("fentanyl two", 311)); got.Verdict != "alarm" {
			t.Fatalf("verdict %s", got.Verdict)
		}
		r.enter(sc.ID, finding("corrected", false, "fentanyl", "caffeine"), http.StatusCreated)
		if got := r.take(lines("fentanyl three", 312)); got.Verdict != "inconclusive" || r.know().lib.Version() == before {
			t.Errorf("verdict %s", got.Verdict)
		}
		for _, ref := range r.know().lib.References() {
			if ref.SubstanceID == "fentanyl" {
				t.Errorf("still there: %+v", ref.Provenance)
			}
		}
	})
}

func TestAProposedScanIsDrawnOverTheReferencesOfItsSubstance(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := startLaboratory(t, db)
		result := r.enter(r.take(lines("caffeine", 301)).ID, finding("confirmed", true, "caffeine"), http.StatusCreated)
		var ov identify.Overlay
		r.do("GET", "/v1/library/proposals/"+result.Proposal+"/overlay", nil).want(t, http.StatusOK).into(t, &ov)
		if ov.Scan.Label != "caffeine" || len(ov.References) != 1 || ov.References[0].Label != "caffeine" {
			t.Errorf("%+v", ov)
		}
		r.do("GET", "/v1/library/proposals/00000000-0000-4000-8000-000000000000/overlay", nil).want(t, http.StatusNotFound)
		r.do("GET", "/v1/library/substances", nil).want(t, http.StatusOK).mentions(t, "50-36-2", "cocaine")
	})
}

func TestTheLibraryIsCountedByClass(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := startLaboratory(t, db)
		var got struct{ Classes []struct{ Class string } }
		r.do("GET", "/v1/library", nil).want(t, http.StatusOK).mentions(t, `{"class":"fentanyl","substances":1,"controlled":1,"measured":0,"published":0,"simulated":0}`).into(t, &got)
		if fmt.Sprint(got.Classes) != "[{fentanyl} {}]" {
			t.Errorf("classes %v: those of unknown class come last", got.Classes)
		}
	})
}
