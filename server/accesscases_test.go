package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"fentrace/library/identify"
	"fentrace/server/auth"
	"fentrace/server/store"
	"fentrace/server/tlp"
	"fentrace/spectra"
)

func TestTwoAgenciesHoldTheSameFileAndNeitherLearnsOfTheOther(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		w := newWorld(t, db, "aa", "bb")
		a, b := w.by(w.person(auth.RoleTechnician, "aa", tlp.AmberStrict)), w.by(w.person(auth.RoleTechnician, "bb", tlp.AmberStrict))
		body, key := []byte(jsonSpectrum("Twin")), []string{"Idempotency-Key", "1"}
		first := w.scan(a.do("POST", "/v1/scans?filename=aa.json&case=AA", body, key...).want(t, http.StatusCreated))
		second := w.scan(b.do("POST", "/v1/scans?filename=bb.json&case=BB", body, key...).want(t, http.StatusCreated))
		if first.ID == second.ID || second.Agency != "bb" || second.Case != "BB" || second.Filename != "bb.json" || len(second.Siblings) != 0 {
			t.Errorf("the second agency is given %+v", second)
		}
		if again := w.scan(a.do("POST", "/v1/scans", body).want(t, http.StatusOK)); again.ID != first.ID || again.Case != "AA" {
			t.Errorf("the first agency is given %+v", again)
		}
		w.scan(a.do("POST", "/v1/scans", body, key...).want(t, http.StatusCreated)) // as the first time
		if name := b.do("GET", "/v1/scans/"+second.ID+"/raw", nil).Header.Get("Content-Disposition"); !strings.Contains(name, "bb.json") {
			t.Errorf("the file is called %s", name)
		}
		// What was said of it before it came to one is not told to the other.
		said := store.FieldAnswer{ScanID: "0b5b7a1e-64a5-4a0b-b4d4-0c6f0a0d6f10", Answered: w.clock.now(), Fields: store.Fields{Case: "VAN"}, Identification: identify.Identification{Verdict: identify.Alarm}}
		ctx := store.As(t.Context(), store.Principal{User: "x", Role: auth.RoleOperator, Agency: "aa", Clearance: tlp.Red})
		if _, err := w.store.Arrive(ctx, first.SHA256, store.Arrival{Answers: []store.FieldAnswer{said}}, w.clock.now()); err != nil {
			t.Fatal(err)
		}
		if got := w.scan(a.do("GET", "/v1/scans/"+first.ID, nil)); len(got.FieldAnswers) != 1 {
			t.Errorf("the first agency is told of %d answers", len(got.FieldAnswers))
		}
		if got := w.scan(b.do("GET", "/v1/scans/"+second.ID, nil)); len(got.FieldAnswers) != 0 {
			t.Errorf("the second agency is told of %d answers", len(got.FieldAnswers))
		}
		// Only what the machine's agency stores is sent on.
		var q struct{ Waiting int }
		a.do("GET", "/v1/queue", nil).into(t, &q)
		if db := w.eyes(); q.Waiting != 1 {
			t.Errorf("%d wait", q.Waiting)
		} else {
			var rows int
			if err := db.QueryRow("SELECT count(*) FROM outbox").Scan(&rows); err != nil || rows != 1 {
				t.Errorf("%d rows in the queue, %v", rows, err)
			}
			db.Close()
		}
	})
}

func TestAnUploadIsMarkedAsItSaysOrAsTheServerDoes(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		w := newWorld(t, func(c *Config) { db(c); c.UploadTLP = tlp.Green }, "aa")
		tech, red := w.by(w.person(auth.RoleTechnician, "aa", tlp.AmberStrict)), w.by(w.person(auth.RoleOperator, "aa", tlp.Red))
		if sc := w.scan(tech.do("POST", "/v1/scans", jsonSpectrum("One")).want(t, http.StatusCreated)); sc.TLP != tlp.Green {
			t.Errorf("marked %s", sc.TLP)
		}
		if sc := w.scan(tech.do("POST", "/v1/scans?tlp=amber%2Bstrict", jsonSpectrum("Two")).want(t, http.StatusCreated)); sc.TLP != tlp.AmberStrict {
			t.Errorf("marked %s", sc.TLP)
		}
		tech.do("POST", "/v1/scans?tlp=red", jsonSpectrum("Three")).want(t, http.StatusUnprocessableEntity).mentions(t, "above your clearance")
		tech.do("POST", "/v1/scans?tlp=purple", jsonSpectrum("Three")).want(t, http.StatusUnprocessableEntity)
		// A colleague has marked the same file more strictly: neither its answer nor anything else of it is told.
		secret := w.scan(red.do("POST", "/v1/scans?tlp=red&case=SECRET", jsonSpectrum("Four")).want(t, http.StatusCreated))
		got := tech.do("POST", "/v1/scans", jsonSpectrum("Four"), "Idempotency-Key", "9").want(t, http.StatusUnprocessableEntity)
		for _, c := range []string{secret.ID, "SECRET", "ALARM"} {
			if strings.Contains(got.told(), c) {
				t.Errorf("%s is told: %s", c, got.told())
			}
		}
		tech.do("POST", "/v1/scans", jsonSpectrum("Five"), "Idempotency-Key", "9").want(t, http.StatusCreated) // nothing was kept of it
	})
}

func TestAFileInPiecesBelongsToTheAgencyOfWhoSendsIt(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		w := newWorld(t, db, "aa", "bb")
		body := jcamp("Pieces")
		for _, agency := range []string{"aa", "bb"} {
			p := w.by(w.person(auth.RoleTechnician, agency, tlp.AmberStrict))
			begun := p.do("POST", "/v1/uploads/", nil, "Tus-Resumable", "1.0.0", "Upload-Length", fmt.Sprint(len(body))).want(t, http.StatusCreated)
			path := begun.Header.Get("Location")[len(w.URL()):]
			if !strings.HasPrefix(path, "/v1/uploads/") {
				t.Fatal(path)
			}
			got := p.do("PATCH", path, body, "Tus-Resumable", "1.0.0", "Upload-Offset", "0", "Content-Type", "application/offset+octet-stream").want(t, http.StatusNoContent)
			if sc := w.scan(p.do("GET", "/v1/scans/"+got.Header.Get("Fentrace-Scan"), nil).want(t, http.StatusOK)); sc.Agency != agency || sc.TLP != tlp.Amber {
				t.Errorf("stored as %s of %s", sc.TLP, sc.Agency)
			}
		}
	})
}

func TestAShareThatIsRevokedShowsNothingMore(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		w := newWorld(t, db, "aa", "bb")
		rc := w.add("aa", tlp.Amber)
		admin, other := w.by(w.person(auth.RoleOperator, "aa", tlp.Red)), w.by(w.person(auth.RoleAnalyst, "bb", tlp.Red))
		other.do("GET", "/v1/scans/"+rc.ID, nil).want(t, http.StatusNotFound)
		var sh store.Share
		admin.do("POST", "/v1/admin/shares", map[string]any{"to": "bb"}).want(t, http.StatusCreated).into(t, &sh)
		other.do("GET", "/v1/scans/"+rc.ID, nil).want(t, http.StatusOK)
		w.by(w.person(auth.RoleOperator, "bb", tlp.Red)).do("POST", "/v1/admin/shares/"+sh.ID+"/revoke", nil).want(t, http.StatusForbidden)
		admin.do("POST", "/v1/admin/shares/"+sh.ID+"/revoke", nil).want(t, http.StatusNoContent)
		other.do("GET", "/v1/scans/"+rc.ID, nil).want(t, http.StatusNotFound)
		admin.do("POST", "/v1/admin/shares/"+sh.ID+"/revoke", nil).want(t, http.StatusConflict)
		var all struct{ Shares []store.Share }
		admin.do("GET", "/v1/admin/shares", nil).into(t, &all)
		if len(all.Shares) != 1 || all.Shares[0].RevokedBy == "" || all.Shares[0].Revoked == nil {
			t.Errorf("on record is %+v", all.Shares)
		}
		for _, body := range []map[string]any{{"to": "aa"}, {"to": "bb", "tlp": "red"}, {"to": "bb", "tlp": "amber+strict"}} {
			admin.do("POST", "/v1/admin/shares", body).want(t, http.StatusUnprocessableEntity)
		}
		admin.do("POST", "/v1/admin/shares", map[string]any{"from": "bb", "to": "aa"}).want(t, http.StatusForbidden)
	})
}

func TestTheStreamOfWhoIsLockedOrClearedForLessEnds(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		w := newWorld(t, db, "aa")
		root := w.by(w.person(auth.RoleAdministrator, "aa", tlp.Clear))
		for what, change := range map[string]map[string]any{"locked": {"locked": true}, "cleared for less": {"clearance": "green"}, "given another role": {"role": auth.RolePublic}} {
			p := w.person(auth.RoleAnalyst, "aa", tlp.Red)
			live := w.by(p).events(asProgram(t), "")
			w.add("aa", tlp.Red)
			if event := <-live; !strings.Contains(event, "event: ") {
				t.Fatalf("before: %q", event)
			}
			root.do("PATCH", "/v1/admin/people/"+p.name, change).want(t, http.StatusOK)
			hidden := w.add("aa", tlp.Red) // wakes the stream
			for event := range live {      // until it ends
				if strings.Contains(event, hidden.ID) {
					t.Errorf("who was %s is told of %s", what, event)
				}
			}
		}
	})
}

func TestWhoLooksAfterPeopleDoesSoWithinBounds(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		w := newWorld(t, db, "aa", "bb")
		rootAccount, opAccount := w.person(auth.RoleAdministrator, "aa", tlp.Clear), w.person(auth.RoleOperator, "aa", tlp.Amber)
		root, op := w.by(rootAccount), w.by(opAccount)
		victim, stranger := w.person(auth.RoleAnalyst, "aa", tlp.Green), w.person(auth.RoleAnalyst, "bb", tlp.Green)
		change := func(p *running, name string, body map[string]any, status int) {
			t.Helper()
			p.do("PATCH", "/v1/admin/people/"+name, body).want(t, status)
		}
		change(op, victim.name, map[string]any{"role": auth.RoleTechnician}, http.StatusOK)
		change(op, victim.name, map[string]any{"role": auth.RoleAdministrator}, http.StatusUnprocessableEntity)
		change(op, victim.name, map[string]any{"role": "king"}, http.StatusUnprocessableEntity)
		change(op, victim.name, map[string]any{"agency": "bb"}, http.StatusForbidden)
		change(op, victim.name, map[string]any{"clearance": "red"}, http.StatusForbidden) // above the own
		change(op, stranger.name, map[string]any{"locked": true}, http.StatusNotFound)
		change(op, rootAccount.name, map[string]any{"locked": true}, http.StatusForbidden)
		change(op, opAccount.name, map[string]any{"clearance": "clear"}, http.StatusForbidden)
		change(root, rootAccount.name, map[string]any{"role": auth.RoleOperator}, http.StatusForbidden) // or he would see case data
		change(root, stranger.name, map[string]any{"agency": "aa", "role": auth.RoleReviewer, "clearance": "amber+strict"}, http.StatusOK)
		change(root, stranger.name, map[string]any{"agency": "none"}, http.StatusNotFound)

		w.by(victim).do("GET", "/v1/me", nil).want(t, http.StatusOK).mentions(t, `"agency":"aa"`, `"clearance":"green"`, auth.RoleTechnician)
		change(root, victim.name, map[string]any{"locked": true}, http.StatusOK)
		w.by(victim).do("GET", "/v1/me", nil).want(t, http.StatusUnauthorized)
		code, err := w.auth.NewCode(asProgram(t), victim.name)
		if err != nil {
			t.Fatal(err)
		}
		w.codeLogin(code).want(t, http.StatusUnauthorized)
		change(root, victim.name, map[string]any{"locked": false}, http.StatusOK)
		w.by(victim).do("GET", "/v1/me", nil).want(t, http.StatusOK)
		root.do("POST", "/v1/admin/people/"+victim.name+"/revoke-tokens", nil).want(t, http.StatusOK)
		w.by(victim).do("GET", "/v1/me", nil).want(t, http.StatusUnauthorized)

		var added struct {
			Person store.Person
			Code   string
		}
		op.do("POST", "/v1/admin/people", map[string]any{"name": "Ann/ O'Hara", "role": auth.RoleReviewer}).want(t, http.StatusCreated).into(t, &added)
		if p := added.Person; p.Agency != "aa" || p.Clearance != tlp.Amber { // no more than the operator's own
			t.Errorf("added %+v", p)
		}
		w.codeLogin(added.Code).want(t, http.StatusNoContent)
		op.do("POST", "/v1/admin/people", map[string]any{"name": "Ann/ O'Hara", "role": auth.RoleReviewer}).want(t, http.StatusConflict)
		op.do("POST", "/v1/admin/people", map[string]any{"name": "x", "role": auth.RoleReviewer, "agency": "bb"}).want(t, http.StatusForbidden)
		op.do("POST", "/v1/admin/people/Ann%2F%20O%27Hara/end-sessions", nil).want(t, http.StatusOK).mentions(t, `"sessions":0`)
		op.do("POST", "/v1/admin/agencies/cc", map[string]any{"name": "C"}).want(t, http.StatusForbidden)
		root.do("POST", "/v1/admin/agencies/cc", map[string]any{"name": "C"}).want(t, http.StatusNoContent)
		root.do("POST", "/v1/admin/agencies/No%20Good", map[string]any{"name": "C"}).want(t, http.StatusUnprocessableEntity)
		var people struct{ People []store.Person }
		op.do("GET", "/v1/admin/people", nil).into(t, &people)
		for _, p := range people.People {
			if p.Agency != "aa" {
				t.Errorf("the operator of aa is shown %s of %s", p.Name, p.Agency)
			}
		}
	})
}

// CJIS Security Policy, AC-7: five failures in a quarter of an hour close log-in by password for the account, from wherever they come.
func TestFiveWrongPasswordsInAQuarterOfAnHourCloseTheAccount(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		w := newWorld(t, db, "aa")
		p := w.person(auth.RoleAnalyst, "aa", tlp.Red)
		if err := w.auth.SetPassword(asProgram(t), p.name, "a password that is long", ""); err != nil {
			t.Fatal(err)
		}
		try := func(from, password string) error {
			_, err := w.auth.LoginPassword(asProgram(t), from, p.name, password, "")
			return err
		}
		for i := range auth.MaxFailures - 1 {
			if err := try(fmt.Sprint("10.0.0.", i), "wrong"); err == nil {
				t.Fatal("a wrong password opens")
			}
			w.clock.advance(2 * time.Minute)
		}
		if err := try("10.0.1.1", "a password that is long"); err != nil { // a success in between: they are not consecutive
			t.Fatal(err)
		}
		for i := range auth.MaxFailures {
			if err := try(fmt.Sprint("10.0.2.", i), "wrong"); err == nil {
				t.Fatal("a wrong password opens")
			}
			w.clock.advance(2 * time.Minute)
		}
		if err := try("10.0.3.1", "a password that is long"); err == nil || !strings.Contains(err.Error(), "too many") {
			t.Errorf("after five failures the right password is answered with %v", err)
		}
		w.clock.advance(auth.AccountWindow)
		if err := try("10.0.3.1", "a password that is long"); err != nil {
			t.Errorf("later: %v", err)
		}
	})
}

// CJIS Security Policy, AC-11: what a browser that does nothing has open ends as well.
func TestTheStreamOfABrowserThatDoesNothingEnds(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		w := newWorld(t, func(c *Config) { db(c); c.SessionIdle = 30 * time.Minute }, store.LocalAgency+"-2")
		cookie := w.session()
		req, err := http.NewRequestWithContext(t.Context(), "GET", w.URL()+"/v1/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.AddCookie(cookie)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			var b [512]byte
			for err == nil {
				_, err = res.Body.Read(b[:])
			}
		}()
		w.clock.advance(32 * time.Minute)
		w.announce()
		select {
		case <-ended:
		case <-time.After(deadline):
			t.Error("the stream goes on")
		}
	})
}

// What is news to each agency, and to each clearance in it, is told by what they may see alone.
func TestAlertsAreRaisedForEachAgencyAndMarkingByTheirOwnScans(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		dir := t.TempDir()
		r := startLookBack(t, dir, false, db)
		if err := r.store.PutAgency(asProgram(t), store.Agency{ID: "bb", Name: "B"}, false, r.clock.now()); err != nil {
			t.Fatal(err)
		}
		put := func(agency string, level tlp.Level, day int) store.Scan {
			ctx := store.As(t.Context(), store.Principal{User: "x", Role: auth.RoleOperator, Agency: agency, Clearance: tlp.Red})
			sp := powder(fmt.Sprint("analog ", agency, day), uint64(day), analogLines...)
			sp.Metadata.Acquired = time.Date(2026, 1, day, 12, 0, 0, 0, time.UTC)
			f := at("Adams", "CO")
			f.TLP = level
			return r.takenIn(ctx, sp, f)
		}
		red, amber, other := put(store.LocalAgency, tlp.Red, 3), put(store.LocalAgency, tlp.Amber, 5), put("bb", tlp.Amber, 4)
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		w := &world{running: startLookBack(t, dir, true, db)}
		_, ref := analogReference()
		w.lookBack(ref.ContentID())
		for _, c := range []struct {
			agency string
			level  tlp.Level
			want   []string
		}{{store.LocalAgency, tlp.Red, []string{red.ID, amber.ID}}, {store.LocalAgency, tlp.Amber, []string{amber.ID}}, {store.LocalAgency, tlp.Green, nil},
			{"bb", tlp.Red, []string{other.ID}}} {
			var got struct{ Alerts []store.Alert }
			w.by(w.person(auth.RoleAnalyst, c.agency, c.level)).do("GET", "/v1/alerts", nil).want(t, http.StatusOK).into(t, &got)
			var ids []string
			for _, a := range got.Alerts {
				ids = append(ids, a.ScanID)
			}
			if strings.Join(ids, " ") != strings.Join(c.want, " ") {
				t.Errorf("an analyst of %s cleared for %s is told of %v, not %v", c.agency, c.level, ids, c.want)
			}
		}
		// Reading is by agency as well.
		ann := w.by(w.person(auth.RoleAnalyst, store.LocalAgency, tlp.Amber))
		var got struct{ Alerts []store.Alert }
		ann.do("GET", "/v1/alerts", nil).into(t, &got)
		w.by(w.person(auth.RoleAnalyst, "bb", tlp.Red)).do("POST", "/v1/alerts/"+got.Alerts[0].ID+"/read", nil).want(t, http.StatusNotFound)
		ann.do("POST", "/v1/alerts/"+got.Alerts[0].ID+"/read", nil).want(t, http.StatusNoContent)
	})
}

func TestWhatASharedCountTells(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		w := newWorld(t, db, "aa", "bb")
		w.share("aa", "bb", true)
		p := w.by(w.person(auth.RoleAnalyst, "bb", tlp.Red))
		ask := func(window string) string {
			return string(p.do("GET", "/v1/intelligence/first-seen?by=state&substance=caffeine"+window, nil).want(t, http.StatusOK).body)
		}
		for n := range 6 {
			w.add("aa", tlp.Amber)
			want := `"hits":0,"fewer_than":5`
			if n+1 >= 5 {
				want = fmt.Sprintf(`"hits":%d,"simulated"`, n+1)
			}
			if got := ask(""); !strings.Contains(got, want) {
				t.Errorf("%d scans: %s lacks %s", n+1, got, want)
			}
		}
		// A window of one day is answered as its month.
		if day, month := ask("&from=2026-01-04&to=2026-01-04"), ask("&from=2026-01-01&to=2026-01-31"); !strings.Contains(day, `"hits":6,"simulated"`) || !strings.Contains(month, `"hits":6,"simulated"`) {
			t.Errorf("one day: %s; the month: %s", day, month)
		}
		if got := ask("&from=2026-02-01"); !strings.Contains(got, `"shared":[]`) {
			t.Errorf("the month after: %s", got)
		}
	})
}

// takenIn is takenAt on behalf of somebody.
func (r *running) takenIn(ctx context.Context, sp spectra.Spectrum, fields store.Fields) store.Scan {
	r.t.Helper()
	raw, err := json.Marshal(sp)
	if err != nil {
		r.t.Fatal(err)
	}
	sc, _, err := r.Ingest(ctx, sp.Title+".json", raw, []spectra.Spectrum{sp}, fields)
	if err != nil {
		r.t.Fatal(err)
	}
	return sc
}
