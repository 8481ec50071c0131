package server

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"fentrace/server/api"
	"fentrace/server/audit"
	"fentrace/server/auth"
	"fentrace/server/store"
	"fentrace/server/tlp"
)

type logPage struct {
	Entries    []api.LoggedEntry
	NextCursor string `json:"next_cursor"`
	Size       int64
}

// logged asks for entries of the log.
func (r *running) logged(query string) (p logPage) {
	r.t.Helper()
	r.do("GET", "/v1/log"+query, nil).want(r.t, 200).into(r.t, &p)
	return p
}

func (p logPage) about(action, kind, id string) (found []api.LoggedEntry) {
	for _, e := range p.Entries {
		if e.Action == action && e.Kind == kind && e.ID == id {
			found = append(found, e)
		}
	}
	return found
}

// exec changes the database behind the server's back.
func (r *running) exec(statements ...string) {
	r.t.Helper()
	db := r.eyes()
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			r.t.Fatalf("%s: %v", s, err)
		}
	}
}

// logs lets the log be written, or not.
func (r *running) logs(yes bool) {
	r.t.Helper()
	statement := map[bool]string{false: "CREATE TRIGGER no_log BEFORE INSERT ON log_leaves BEGIN SELECT RAISE(ABORT, 'no log today'); END", true: "DROP TRIGGER no_log"}[yes]
	if r.cfg.Database != "" {
		statement = map[bool]string{false: "ALTER TABLE log_leaves ADD CONSTRAINT no_log CHECK (FALSE) NOT VALID", true: "ALTER TABLE log_leaves DROP CONSTRAINT no_log"}[yes]
	}
	r.exec(statement)
}

func TestWhoeverSeesOrTakesARecordIsInTheLog(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		sc := r.scan(r.do("POST", "/v1/scans?filename=a.jdx&case=C-7", jcamp("fentanyl")).want(t, 201))
		path := "/v1/scans/" + sc.ID
		before := r.logged("").Size
		for _, polled := range []string{"/v1/me", "/v1/device", "/v1/library", "/v1/log/key"} {
			r.do("GET", polled, nil).want(t, 200)
		}
		if p := r.logged(""); p.Size != before+1 { // the entry of asking for the log before
			t.Errorf("asking what is polled made %d entries", p.Size-before-1)
		}
		for _, seen := range []string{path, path + "/raw", path + "/spectrum", path + "/overlay", path + "?as=png"} {
			r.do("GET", seen, nil).want(t, 200)
		}
		for _, taken := range []string{path + "?as=csv", path + "?as=jcamp", path + "/stix", path + "?as=pdf"} {
			r.do("GET", taken, nil).want(t, 200)
		}
		r.do("GET", "/v1/scans?q="+url.QueryEscape("C-7")+"&verdict=alarm", nil).want(t, 200)
		r.do("GET", "/v1/identifications.geojson", nil).want(t, 200)
		r.do("GET", "/v1/scans/00000000-0000-4000-8000-000000000000", nil).want(t, 404)
		r.do("POST", "/v1/scans?filename=a.jdx", jcamp("fentanyl")).want(t, 200)

		p := r.logged("?limit=500")
		collected := p.about(audit.Collect, "scan", sc.ID)
		if len(collected) != 1 || !strings.Contains(string(collected[0].Detail), sc.SHA256) || collected[0].Actor != DefaultUser || collected[0].Role != auth.RoleOperator ||
			collected[0].Agency != store.LocalAgency || collected[0].Request == "" {
			t.Errorf("of storing it: %+v", collected)
		}
		if n := len(p.about(audit.Consult, "scan", sc.ID)); n != 5 {
			t.Errorf("it was seen 5 times, %d are in the log", n)
		}
		if n := len(p.about(audit.Disclose, "scan", sc.ID)); n != 4 {
			t.Errorf("it was taken 4 times, %d are in the log", n)
		}
		search := p.about(audit.Consult, "list", "list-scans")
		if len(search) != 1 || !strings.Contains(string(search[0].Detail), `"q":"C-7"`) || !strings.Contains(string(search[0].Detail), `"verdict":"alarm"`) {
			t.Errorf("of the search: %+v", search)
		}
		if len(p.about(audit.Disclose, "list", "identifications-geojson")) != 1 || len(p.about(audit.Collect, "file", sc.SHA256)) != 1 {
			t.Error("the map that was taken, or the file that came again, is not in the log")
		}
		if n := len(p.about(audit.Consult, "scan", "00000000-0000-4000-8000-000000000000")); n != 0 {
			t.Error("what is not there was seen")
		}
		for _, e := range p.Entries {
			if strings.Contains(string(e.Detail), "C-7") && e.ID != "list-scans" {
				t.Errorf("case data are in the log: %+v", e)
			}
		}
		if one := r.logged("?record=" + sc.ID + "&action=collect"); len(one.Entries) != 1 || one.Entries[0].Seq != collected[0].Seq {
			t.Errorf("by record and action: %+v", one.Entries)
		}
	})
}

func TestWithoutTheLogNothingIsStoredAndNothingIsShown(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		sc := r.scan(r.do("POST", "/v1/scans?filename=secret.jdx", jcamp("fentanyl")).want(t, 201))
		r.logs(false)
		for _, path := range []string{"/v1/scans", "/v1/scans/" + sc.ID, "/v1/scans/" + sc.ID + "/raw", "/v1/scans/" + sc.ID + "?as=pdf", "/v1/identifications.geojson"} {
			a := r.do("GET", path, nil).want(t, http.StatusServiceUnavailable).mentions(t, "log")
			if strings.Contains(string(a.body), "fentanyl") || strings.Contains(string(a.body), "secret") {
				t.Errorf("%s shows %s", path, a.body)
			}
		}
		r.do("POST", "/v1/scans?filename=b.jdx", jcamp("weak")).want(t, http.StatusServiceUnavailable).mentions(t, "log")
		r.do("POST", "/v1/tokens", map[string]string{"name": "x"}).want(t, http.StatusServiceUnavailable)
		if n := r.rows(); n != 1 {
			t.Errorf("%d scans", n)
		}
		r.logs(true)
		r.do("GET", "/v1/scans/"+sc.ID, nil).want(t, 200)
		r.do("POST", "/v1/scans?filename=b.jdx", jcamp("weak")).want(t, 201)
	})
}

func TestWhatIsRefusedIsCountedInTheLogWithoutWhatWasTyped(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		technician := r.as("dan", auth.RoleTechnician)
		for range 3 {
			technician.do("GET", "/v1/log", nil).want(t, http.StatusForbidden)
		}
		for range 9 { // more than are checked
			r.send("POST", "/v1/login", strings.NewReader(`{"user":"hunter1","password":"hunter2"}`), map[string]string{"Content-Type": "application/json"})
		}
		r.send("GET", "/v1/scans", nil, map[string]string{"Authorization": "Bearer hunter3"}).want(t, http.StatusUnauthorized)
		r.noteRefusals(r.background)
		p := r.logged("?action=refuse")
		count := func(kind string) (n int, actor string) {
			for _, e := range p.Entries {
				var d struct{ Count int }
				if err := json.Unmarshal(e.Detail, &d); err != nil {
					t.Fatal(err)
				}
				if e.Kind == kind && e.ID == "127.0.0.1" {
					n, actor = n+d.Count, e.Actor
				}
			}
			return n, actor
		}
		if n, actor := count("request"); n != 3 || actor != "dan" {
			t.Errorf("%d refused requests of %q", n, actor)
		}
		if n, _ := count("log-in"); n != 9 {
			t.Errorf("%d refused log-ins", n)
		}
		if n, _ := count("token"); n != 1 {
			t.Errorf("%d refused tokens", n)
		}
		if len(p.Entries) != 3 {
			t.Errorf("%d entries for 13 refusals", len(p.Entries))
		}
		eyes := r.eyes()
		defer eyes.Close()
		rows, err := eyes.Query("SELECT leaf FROM log_leaves")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var leaf []byte
			if err := rows.Scan(&leaf); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(leaf), "hunter") {
				t.Errorf("what was typed is in the log: %s", leaf)
			}
		}
	})
}

func TestAStrangerWithManyAddressesMakesFewEntries(t *testing.T) {
	r := start(t)
	for i := range 1000 {
		if _, err := r.auth.LoginCode(asProgram(t), fmt.Sprint("10.0.", i/250, ".", i%250), "wrong"); err == nil {
			t.Fatal("a wrong code opens")
		}
	}
	before := r.logged("").Size
	r.noteRefusals(r.background)
	p := r.logged("?action=refuse&limit=500")
	if p.Size-before > 110 {
		t.Errorf("%d entries", p.Size-before)
	}
	total := 0
	for _, e := range p.Entries {
		var d struct{ Count int }
		if err := json.Unmarshal(e.Detail, &d); err != nil {
			t.Fatal(err)
		}
		total += d.Count
	}
	if total != 1000 {
		t.Errorf("%d refusals are counted", total)
	}
}

func TestProofsOfTheLogHoldForWhoeverChecksThem(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		sc := r.scan(r.do("POST", "/v1/scans?filename=a.jdx", jcamp("fentanyl")).want(t, 201))
		key := strings.TrimSpace(string(r.do("GET", "/v1/log/key", nil).want(t, 200).body))
		first, err := audit.Open(key, string(r.do("GET", "/v1/log/checkpoint", nil).want(t, 200).body))
		if err != nil {
			t.Fatal(err)
		}
		r.do("GET", "/v1/scans/"+sc.ID, nil).want(t, 200)
		leaf := r.logged("?record=" + sc.ID + "&action=consult").Entries[0]
		var p struct {
			Index, Size      int64
			Leaf, Checkpoint string
			Hashes           []tlog.Hash
		}
		r.do("GET", fmt.Sprint("/v1/log/proof/inclusion?leaf=", leaf.Seq), nil).want(t, 200).into(t, &p)
		c, err := audit.Open(key, p.Checkpoint)
		if err != nil || c.Size != p.Size {
			t.Fatal(c, err)
		}
		raw, err := base64.StdEncoding.DecodeString(p.Leaf)
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.CheckRecord(p.Hashes, c.Size, c.Root, leaf.Seq, tlog.RecordHash(raw)); err != nil {
			t.Error(err)
		}
		if l, err := audit.Decode(raw); err != nil || l.ID != sc.ID || l.Seq != leaf.Seq {
			t.Errorf("%+v, %v", l, err)
		}
		var grown struct{ Hashes []tlog.Hash }
		r.do("GET", fmt.Sprintf("/v1/log/proof/consistency?from=%d&to=%d", first.Size, c.Size), nil).want(t, 200).into(t, &grown)
		if err := tlog.CheckTree(grown.Hashes, c.Size, c.Root, first.Size, first.Root); err != nil {
			t.Error(err)
		}
		r.do("GET", "/v1/log/proof/inclusion?leaf=999999", nil).want(t, 404)
		r.do("GET", "/v1/log/proof/consistency?from=9&to=3", nil).want(t, 422)
		r.do("GET", "/v1/log/proof/consistency?from=1&to=999999", nil).want(t, 422)
		if info, err := os.Stat(filepath.Join(r.cfg.DataDir, LogKeyFile)); err != nil || info.Mode() != fs.FileMode(0o600) {
			t.Errorf("the key: %v, %v", info, err)
		}
	})
}

func TestPagesOfTheLogNeitherRepeatNorSkipWhileItGrows(t *testing.T) {
	r := start(t)
	for i := range 25 {
		r.do("POST", "/v1/scans?filename=a.jdx", jcamp(fmt.Sprint("fentanyl ", i))).want(t, 201)
	}
	var seen []int64
	cursor := ""
	for {
		p := r.logged("?limit=10&action=collect&kind=scan&cursor=" + cursor)
		for _, e := range p.Entries {
			seen = append(seen, e.Seq)
		}
		if cursor = p.NextCursor; cursor == "" {
			break
		}
		r.do("POST", "/v1/scans?filename=a.jdx", jcamp(fmt.Sprint("more ", len(seen)))).want(t, 201)
	}
	if len(seen) != 25 || !slices.IsSortedFunc(seen, func(a, b int64) int { return int(b - a) }) || len(slices.Compact(slices.Clone(seen))) != 25 {
		t.Errorf("%v", seen)
	}
	r.do("GET", "/v1/log?cursor=x", nil).want(t, 422)
	r.do("GET", "/v1/log?from=yesterday", nil).want(t, 422)
	if p := r.logged("?to=2026-11-01T12:00:00Z"); len(p.Entries) != 0 {
		t.Errorf("before the test: %+v", p.Entries)
	}
}

func TestEverythingIsVerifiedOverHTTPAndWhatWasChangedIsNamed(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		sc := r.scan(r.do("POST", "/v1/scans?filename=a.jdx", jcamp("fentanyl")).want(t, 201))
		verify := func() (v api.VerificationState) {
			t.Helper()
			r.do("POST", "/v1/log/verification", nil).want(t, 202)
			until(t, func() bool {
				r.do("GET", "/v1/log/verification", nil).want(t, 200).into(t, &v)
				return !v.Running
			})
			if v.Error != "" || v.Result == nil {
				t.Fatalf("%+v", v)
			}
			return v
		}
		if v := verify(); len(v.Faults) != 0 || v.Result.Scans != 1 || v.Result.Files != 1 || v.Done != v.Total {
			t.Errorf("%+v", v)
		}
		r.exec("UPDATE scans SET headline = 'NOTHING'")
		v := verify()
		if len(v.Faults) != 1 || v.Faults[0].Kind != "scan" || v.Faults[0].ID != sc.ID {
			t.Errorf("%+v", v.Faults)
		}
		if last, ok, err := LastVerified(r.cfg.DataDir); err != nil || !ok || last.Faults != 1 {
			t.Errorf("%+v, %t, %v", last, ok, err)
		}
	})
}

func TestAnOrderlyEndLeavesACheckpointOfTheWholeLog(t *testing.T) {
	dir := t.TempDir()
	r := start(t, func(c *Config) { c.DataDir = dir })
	r.do("POST", "/v1/scans?filename=a.jdx", jcamp("fentanyl")).want(t, 201)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(asProgram(t), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	size, err := s.LogSize(asProgram(t))
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.Checkpoints(asProgram(t))
	if err != nil || len(all) == 0 || all[len(all)-1].Size != size {
		t.Errorf("%d leaves, %+v, %v", size, all, err)
	}
	if v, err := s.Verify(asProgram(t), store.VerifyOptions{Each: func(f store.Fault) { t.Errorf("%+v", f) }}); err != nil || v.Checkpoints == 0 {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestOnlyWhoMayReadTheLogReadsIt(t *testing.T) {
	r := start(t)
	for role, status := range map[string]int{auth.RoleTechnician: 403, auth.RoleAnalyst: 403, auth.RoleAdministrator: 403, auth.RoleAuditor: 200} {
		one := r.as("user-"+role, role)
		for _, path := range []string{"/v1/log", "/v1/log/checkpoint", "/v1/log/key", "/v1/log/verification", "/v1/log/proof/inclusion?leaf=0"} {
			one.do("GET", path, nil).want(t, status)
		}
		one.do("GET", "/v1/scans", nil).want(t, map[bool]int{true: 200, false: 403}[auth.May(role, auth.RecordsRead)])
	}
}

// until waits for a condition.
func until(t *testing.T, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not come about within a minute")
		}
	}
}

func TestTheLogOfAnotherAgencyIsSeenByTheAuditorOfTheServerOnly(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		s := start(t, db).store
		note := func(p store.Principal, id string) {
			if err := s.Note(store.As(asProgram(t), p), store.Entry{Action: audit.Consult, Kind: "test", ID: id}); err != nil {
				t.Fatal(err)
			}
		}
		note(store.Principal{User: "ada", Agency: "elsewhere"}, "elsewhere")
		note(store.Principal{User: "bob", Agency: store.LocalAgency}, "here")
		note(store.Principal{User: "work", Program: true}, "program")
		for name, c := range map[string]struct {
			p    store.Principal
			want string
		}{
			"auditor of the server":            {store.Principal{User: "x", Role: auth.RoleAuditor, Agency: store.LocalAgency}, "program here elsewhere"},
			"auditor elsewhere":                {store.Principal{User: "x", Role: auth.RoleAuditor, Agency: "elsewhere"}, "elsewhere"},
			"operator":                         {store.Principal{User: "x", Role: auth.RoleOperator, Agency: store.LocalAgency, Clearance: tlp.Red}, "program here"},
			"operator cleared for less":        {store.Principal{User: "x", Role: auth.RoleOperator, Agency: store.LocalAgency, Clearance: tlp.Amber}, ""},
			"operator elsewhere":               {store.Principal{User: "x", Role: auth.RoleOperator, Agency: "elsewhere", Clearance: tlp.Red}, "elsewhere"},
			"who did it, and cleared for less": {store.Principal{User: "bob", Role: auth.RoleOperator, Agency: store.LocalAgency, Clearance: tlp.Green}, "here"},
		} {
			entries, _, err := s.Log(store.As(asProgram(t), c.p), store.LogFilter{Kind: "test"}, 10, "")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range entries {
				got = append(got, e.ID)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%s sees %v, want %s", name, got, c.want)
			}
		}
	})
}
