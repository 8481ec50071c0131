package demo

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"fentrace/server/jobs"
	"fentrace/server/store"
)

func TestTheSeizuresOfASeedAreAlwaysTheSameAndPlainlyMadeUp(t *testing.T) {
	_, counties := tableAndCounties(t)
	for seed := range uint64(20) {
		month := Month(seed, someday, counties, 500)
		cases := Cases(seed, month)
		if !reflect.DeepEqual(cases, Cases(seed, month)) {
			t.Fatalf("seed %d gives two lists of seizures", seed)
		}
		if len(cases) != len(stories) {
			t.Errorf("seed %d: %d of %d stories are told", seed, len(cases), len(stories))
		}
		used := map[int]bool{}
		for _, c := range cases {
			if !strings.HasPrefix(c.Number, "SIMULATED ") || !strings.HasPrefix(c.By.name, "SIMULATED ") || len(c.Exhibits) == 0 || c.Place.PrecisionM == nil {
				t.Errorf("seed %d: %+v", seed, c)
			}
			for _, x := range c.Exhibits {
				if used[x.Scan.Number] || x.Scan.Trouble != "" || x.Scan.County.Name != c.Place.County || !x.Scan.Acquired.After(c.Seized) {
					t.Errorf("seed %d, %s: exhibit %s has scan %s, used before: %v", seed, c.Number, x.Label, x.Scan.ID(), used[x.Scan.Number])
				}
				used[x.Scan.Number] = true
				if q := x.Quantity; q != nil && (*q.Value <= 0 || q.Unit != x.unit) {
					t.Errorf("seed %d, %s: quantity %+v of %s", seed, c.Number, q, x.unit)
				}
			}
		}
	}
	month := Month(1, someday, counties, 500)
	if reflect.DeepEqual(Cases(1, month), Cases(2, month)) {
		t.Error("another seed gives the same seizures")
	}
	if tray := Tray(1, someday, counties); len(tray) != traySize || !reflect.DeepEqual(tray, Tray(1, someday, counties)) {
		t.Errorf("a tray of %d, or another one each time", len(tray))
	}
}

// recordsOf is what the demo has entered besides its month, as the operator sees it.
type recordsOf struct {
	seizures []store.SeizureItem
	exhibits []store.Exhibit
	batches  []store.Batch
	dead     []jobs.Job
}

// records waits until the batch is done.
func (b *browser) records() (r recordsOf) {
	b.t.Helper()
	for b.t.Context().Err() == nil {
		var seizures struct{ Seizures []store.SeizureItem }
		var exhibits struct{ Exhibits []store.Exhibit }
		var batches struct{ Batches []store.Batch }
		var dead struct{ Jobs []jobs.Job }
		b.get("/v1/seizures?limit=500", &seizures)
		b.get("/v1/exhibits?limit=500", &exhibits)
		b.get("/v1/batches", &batches)
		b.get("/v1/jobs/dead", &dead)
		r = recordsOf{seizures.Seizures, exhibits.Exhibits, batches.Batches, dead.Jobs}
		if len(r.batches) > 0 && r.batches[0].Waiting == 0 && len(r.dead) > 0 {
			return r
		}
		time.Sleep(20 * time.Millisecond)
	}
	b.t.Fatalf("the batch was never done: %+v", r)
	return r
}

func TestTheRecordsOfTheDemoAreEnteredOnceAndSaySimulated(t *testing.T) {
	opts := Options{DataDir: t.TempDir(), Scans: 70, Seed: 1}
	r := start(t, opts)
	r.wait("SIMULATED records: ")
	first := r.records()
	checkSeizures(t, r, first)
	checkReviews(t, r)
	checkBatch(t, r, first)
	var people struct{ People []store.Person }
	r.get("/v1/admin/people", &people)
	for _, p := range people.People {
		if p.Tokens != 0 {
			t.Errorf("%s holds %d access tokens after all is entered", p.Name, p.Tokens)
		}
	}
	if err := r.end(); err != nil {
		t.Fatal(err)
	}
	r = start(t, opts)
	r.wait("SIMULATED records: ")
	if again := r.records(); !reflect.DeepEqual(again.seizures, first.seizures) || !reflect.DeepEqual(again.exhibits, first.exhibits) || len(again.batches) != 1 || again.batches[0].Files != first.batches[0].Files {
		t.Errorf("running again makes %+v of %+v", again, first)
	}
}

func checkSeizures(t *testing.T, r running, got recordsOf) {
	t.Helper()
	agencies, amended, linked := map[string]bool{}, 0, 0
	for _, z := range got.seizures {
		agencies[z.Agency] = true
		linked += z.Scans
		if !z.Simulated || !strings.HasPrefix(z.Case, "SIMULATED ") || z.Exhibits == 0 || z.Location == nil || z.Location.PrecisionM == nil {
			t.Errorf("seizure %+v", z)
		}
		if z.Version == 2 && strings.HasPrefix(z.Reason, "SIMULATED ") {
			amended++
		}
	}
	for _, x := range got.exhibits {
		if !x.Simulated || x.Form == "" || x.Packaging == "" {
			t.Errorf("exhibit %+v", x)
		}
	}
	if !agencies[store.LocalAgency] || !agencies[neighbour] || amended != 1 || linked != len(got.exhibits) {
		t.Errorf("agencies %v, %d amended with a reason, %d scans of %d exhibits", agencies, amended, linked, len(got.exhibits))
	}
	late := 0
	for _, sc := range r.scans() {
		if sc.Linked != nil && sc.Version == 2 {
			late++
		}
	}
	if late != 1 {
		t.Errorf("%d scans were joined to their exhibit by an amendment", late)
	}
}

// checkReviews expects results that wait for the operator, and such that the reviewer has looked at.
func checkReviews(t *testing.T, r running) {
	t.Helper()
	var waiting struct {
		Reviews []struct {
			Result *store.LaboratoryResult `json:"laboratory_result"`
			May    bool                    `json:"may_review"`
		}
	}
	r.get("/v1/reviews?limit=500", &waiting)
	wait := 0
	for _, w := range waiting.Reviews {
		if w.Result != nil && w.May && w.Result.EnteredBy == chemist.name && strings.HasPrefix(w.Result.Laboratory, "SIMULATED ") {
			wait++
		}
	}
	reviewed := 0
	for _, sc := range r.scans() {
		if sc.Review != "" {
			reviewed++
		}
	}
	if wait < 2 || reviewed < 2 {
		t.Errorf("%d laboratory results wait for a second person, %d scans are reviewed", wait, reviewed)
	}
}

func checkBatch(t *testing.T, r running, got recordsOf) {
	t.Helper()
	b := got.batches[0]
	if b.Done != traySize || b.Failed != 2 || !strings.HasPrefix(b.Name, "SIMULATED ") {
		t.Errorf("batch %+v", b)
	}
	var files struct{ Files []store.BatchFile }
	r.get("/v1/batches/"+b.ID+"/files?state=failed", &files)
	errors := map[string]string{}
	for _, f := range files.Files {
		errors[f.Name] = f.Error
	}
	if errors["SIMULATED cut off.jdx"] == "" || !strings.Contains(errors["SIMULATED poison.jdx"], poisonError) {
		t.Errorf("files that failed: %+v", files.Files)
	}
	if len(got.dead) != 1 || !strings.Contains(got.dead[0].Error, poisonError) {
		t.Errorf("given up: %+v", got.dead)
	}
}
