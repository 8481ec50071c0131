package server

import (
	"flag"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"fentrace/server/auth"
	"fentrace/server/intel"
	"fentrace/server/store"
	"fentrace/server/store/storetest"
	"fentrace/server/tlp"
	"fentrace/spectra/racedetector"
)

// worlds is how many random worlds are tried on each database: each is a server of its own, asked some thousand times.
const worlds = "4"

func TestNoOneIsToldAnythingOfARecordThatMayNotBeSeen(t *testing.T) {
	racedetector.Skip(t)
	for name, db := range map[string]func(t *testing.T) func(*Config){
		"sqlite":   func(*testing.T) func(*Config) { return func(*Config) {} },
		"postgres": func(t *testing.T) func(*Config) { return func(c *Config) { c.Database = storetest.Postgres(t) } },
	} {
		t.Run(name, func(t *testing.T) {
			was := flag.Lookup("rapid.checks").Value.String()
			if was == flag.Lookup("rapid.checks").DefValue {
				if err := flag.Set("rapid.checks", worlds); err != nil {
					t.Fatal(err)
				}
				defer flag.Set("rapid.checks", was)
			}
			with := db(t)
			rapid.Check(t, func(rt *rapid.T) {
				randomWorld(t, rt, with)
				if t.Failed() {
					rt.Fatal("see above")
				}
			})
		})
	}
}

// randomWorld draws agencies, shares, records, some of one file, and people, and holds what each is told against the model.
func randomWorld(t *testing.T, rt *rapid.T, db func(*Config)) {
	agencies := []string{"aa", "bb", "cc"}
	w := newWorld(t, db, agencies...)
	for _, from := range agencies {
		for _, to := range agencies {
			if from == to {
				continue
			}
			switch rapid.IntRange(0, 3).Draw(rt, "share "+from+" "+to) {
			case 0:
				w.share(from, to, false)
			case 1:
				w.share(from, to, true)
			case 2: // both: who sees records is not told the numbers apart
				w.share(from, to, true)
				w.share(from, to, false)
			}
		}
	}
	w.add("aa", tlp.Clear) // number 1
	holds := map[string]bool{"aa 1": true}
	for range rapid.IntRange(3, 9).Draw(rt, "records") {
		agency, level := rapid.SampledFrom(agencies).Draw(rt, "agency"), rapid.SampledFrom(tlp.Levels).Draw(rt, "level")
		file := rapid.IntRange(1, len(w.records)+3).Draw(rt, "file")
		if file > len(w.records) || holds[fmt.Sprint(agency, " ", file)] {
			file = len(w.records) + 1
		}
		w.addFile(agency, level, file)
		holds[fmt.Sprint(agency, " ", file)] = true
	}
	// A share that was revoked is none.
	sh := store.Share{From: "bb", To: "aa", TLP: tlp.Amber, GrantedBy: "test"}
	id, err := w.auth.Share(asProgram(t), sh)
	if err == nil {
		err = w.store.RevokeShare(asProgram(t), id, "test", w.clock.now())
	}
	if err != nil {
		t.Fatal(err)
	}
	rescreen, change := w.lookedBack()
	routes := w.routes()
	fill := map[string]string{"{rescreen}": rescreen, "{change}": change, "{upload}": strings.Repeat("0", 32)}
	for range 3 {
		role := rapid.SampledFrom(auth.Roles).Draw(rt, "role")
		p := w.person(role, rapid.SampledFrom(agencies).Draw(rt, "reader's agency"), rapid.SampledFrom(tlp.Levels).Draw(rt, "clearance"))
		for _, r := range routes {
			if !slices.Contains([]string{"POST /v1/login", "POST /v1/scans/{id}/laboratory-result", "POST /v1/library/proposals/{id}/decision", "POST /v1/alerts/{id}/read",
				"PUT /v1/me/password"}, r.key) { // what changes nothing that is counted below
				w.tryAll(p, r, fill)
			}
		}
		for _, rc := range w.records {
			for _, form := range []string{"jcamp", "pdf"} {
				w.try(p, route{"GET /v1/scans/{id}", "GET", auth.RecordsRead}, ask{about: one, path: "/v1/scans/{scan}?as=" + form}, rc, fill)
			}
			for _, filter := range []string{"q=" + word(rc.n, "case"), "substance=" + word(rc.file, "substance"), "county=" + word(rc.n, "county")} {
				w.try(p, route{"GET /v1/scans", "GET", auth.RecordsRead}, ask{path: "/v1/scans?" + filter}, nil, fill)
			}
		}
		w.numbers(p, rescreen, change)
		if auth.May(role, auth.RecordsRead) {
			w.listen(p)
		}
	}
	w.quiet()
}

// numbers holds every number that p is told against the model.
func (w *world) numbers(p reader, rescreen, change string) {
	w.t.Helper()
	var seen, own, proposed, handed int
	counted := map[string]int{} // by agency
	for _, rc := range w.records {
		if w.counts(p, rc.Agency, rc.TLP) {
			counted[rc.Agency]++
		}
		if !w.sees(p, rc.Agency, rc.TLP) {
			continue
		}
		seen++
		if rc.proposal != "" {
			proposed++
		}
		if rc.Agency == p.agency {
			own++
		}
		if w.exports(p, rc) {
			handed++
		}
	}
	done := 0 // of what the server did in the background before the last records came
	for _, rc := range w.records {
		if rc.alert != "" && w.sees(p, rc.Agency, rc.TLP) {
			done++
		}
	}
	asker := w.by(p)
	check := func(what string, got, want int) {
		w.t.Helper()
		if got != want {
			w.t.Errorf("%s is told of %d %s, not %d", p, got, what, want)
		}
	}
	if auth.May(p.role, auth.RecordsRead) {
		var list struct {
			Scans []struct{ Siblings []string }
			Total int
		}
		asker.do("GET", "/v1/scans?limit=2", nil).want(w.t, http.StatusOK).into(w.t, &list)
		check("scans", list.Total, seen)
		check("scans on the first page", len(list.Scans), min(2, seen))
		var proposals struct{ Proposals []struct{ ID string } }
		asker.do("GET", "/v1/library/proposals", nil).want(w.t, http.StatusOK).into(w.t, &proposals)
		check("proposals", len(proposals.Proposals), proposed)
	}
	if auth.May(p.role, auth.IntelligenceRead) {
		w.numbersTogether(p, check, seen, done, counted, rescreen)
	}
	if auth.May(p.role, auth.Export) {
		var points struct{ Matched, WithoutPlace int }
		asker.do("GET", "/v1/identifications.geojson", nil).want(w.t, http.StatusOK).into(w.t, &points)
		check("points for partners", points.Matched, handed)
	}
	if auth.May(p.role, auth.LibraryRead) {
		var c struct {
			Total, Done, Better int
			Scans               []store.TruthAnswer
		}
		asker.do("GET", "/v1/library/changes/"+change, nil).want(w.t, http.StatusOK).into(w.t, &c)
		check("scans to compare", c.Total, done)
		check("scans compared", c.Done, done)
		check("compared scans listed", len(c.Scans), done)
	}
	if auth.May(p.role, auth.ScansTake) {
		var q struct{ Waiting int }
		asker.do("GET", "/v1/queue", nil).want(w.t, http.StatusOK).into(w.t, &q)
		if p.agency != w.cfg.Agency {
			own = 0
		}
		check("scans in the queue", q.Waiting, own)
	}
}

func (w *world) numbersTogether(p reader, check func(string, int, int), seen, done int, counted map[string]int, rescreen string) {
	w.t.Helper()
	asker := w.by(p)
	var first struct {
		Items  []struct{ Hits int }
		Scans  int
		Shared []intel.Count
	}
	asker.do("GET", "/v1/intelligence/first-seen?substance=caffeine&by=state", nil).want(w.t, http.StatusOK).into(w.t, &first)
	check("scans by state", first.Scans, seen)
	hits := 0
	for _, i := range first.Items {
		hits += i.Hits
	}
	check("scans with caffeine", hits, seen)
	check("agencies that share numbers", len(first.Shared), len(counted))
	for _, c := range first.Shared {
		n := counted[c.Agency]
		if n < intel.FewerThan {
			n = 0
		}
		check("scans of "+c.Agency+", by number only", c.Hits, n)
	}
	var alerts struct{ Alerts []store.Alert }
	asker.do("GET", "/v1/alerts", nil).want(w.t, http.StatusOK).into(w.t, &alerts)
	check("alerts", len(alerts.Alerts), done)
	var r rescreened
	asker.do("GET", "/v1/rescreens/"+rescreen, nil).want(w.t, http.StatusOK).into(w.t, &r)
	for what, n := range map[string]int{"hits": r.Hits, "stated hits": r.Stated, "scans screened": r.Screened, "scans to look at": r.Total, "scans looked at": r.Done, "hits listed": len(r.Scans)} {
		check(what, n, done)
	}
	var points struct{ Matched, WithoutPlace int }
	asker.do("GET", "/v1/map", nil).want(w.t, http.StatusOK).into(w.t, &points)
	check("points", points.Matched, seen)
}
