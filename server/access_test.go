package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/server/auth"
	"fentrace/server/store"
	"fentrace/server/tlp"
	"fentrace/spectra"
)

// byCanary answers with the title of a spectrum as a substance, so that no two records have anything in common, and with caffeine.
type byCanary struct{ byTitle }

func (byCanary) Identify(_ context.Context, s spectra.Spectrum) (identify.Identification, error) {
	return identify.Identification{Technique: string(s.Technique), Verdict: identify.Alarm, Headline: "ALARM: " + s.Title, Summary: "It looks like " + s.Title + ".",
		Findings: []identify.Finding{{Substance: s.Title, Class: s.Title + "class", Controlled: true, Tier: library.Measured, Score: 0.9, Probability: 0.9},
			{Substance: "caffeine", Tier: library.Measured, Score: 0.8, Probability: 0.7}},
		Quality: identify.Quality{SNR: 100}, Library: "lib-1", Algorithm: "by-canary-1", Pipeline: "none-1"}, nil
}

// journal is what the server logs.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

// world is a server with agencies, people and records of which each has words and numbers that no other has.
type world struct {
	*running
	log     *journal
	records []*record
	shares  []store.Share // that hold
	people  int
}

// record is a scan with everything that hangs on it.
type record struct {
	store.Scan
	n        int // of its own words
	file     int // of the words that are in its file
	proposal string
	seizure  string // of its own, with the same words and the same marking
	exhibit  string // of that
	alert    string
	result   string
}

// reader is somebody who asks.
type reader struct {
	name, role, agency string
	clearance          tlp.Level
	token              string
}

func (p reader) String() string {
	return fmt.Sprintf("%s of %s cleared for %s", p.role, p.agency, p.clearance)
}

const canaryReference = "canary-reference"

// newWorld is a server with agencies; the machine is the first one's.
func newWorld(t *testing.T, db func(*Config), agencies ...string) *world {
	t.Helper()
	w := &world{log: &journal{}}
	w.running = start(t, db, func(c *Config) {
		c.NewIdentifier = answering(byCanary{})
		c.Agency, c.Queue = agencies[0], true
		c.Logger = slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c.Version = "test"
	})
	w.compared()
	for _, a := range agencies {
		if err := w.store.PutAgency(asProgram(t), store.Agency{ID: a, Name: "Agency " + a, Contact: "call " + a}, false, w.clock.now()); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// compared waits until the server has compared its answers, as it does when it starts: what comes after is not in that.
func (w *world) compared() {
	w.t.Helper()
	for late := time.Now().Add(deadline); time.Now().Before(late); time.Sleep(time.Millisecond) {
		if changes, err := w.store.LibraryChanges(asProgram(w.t), 1); err != nil {
			w.t.Fatal(err)
		} else if len(changes) > 0 && changes[0].State != store.ChangeRunning {
			return
		}
	}
	w.t.Fatal("the comparison never ends")
}

// person makes an account with an access token.
func (w *world) person(role, agency string, clearance tlp.Level) reader {
	w.t.Helper()
	w.people++
	p := reader{name: fmt.Sprintf("%s-%d", role, w.people), role: role, agency: agency, clearance: clearance}
	ctx := asProgram(w.t)
	err := w.store.AddPerson(ctx, store.User{Name: p.name, Role: role, Agency: agency, Clearance: clearance}, w.clock.now())
	if err == nil {
		_, p.token, err = w.auth.NewToken(ctx, p.name, "test", "", 0)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// as is the same server asked by p.
func (w *world) by(p reader) *running {
	return &running{Server: w.Server, t: w.t, clock: w.clock, token: p.token}
}

func (w *world) share(from, to string, aggregates bool) {
	w.t.Helper()
	sh := store.Share{From: from, To: to, TLP: tlp.Amber, Aggregates: aggregates, GrantedBy: "test"}
	id, err := w.auth.Share(asProgram(w.t), sh)
	if err != nil {
		w.t.Fatal(err)
	}
	sh.ID = id
	w.shares = append(w.shares, sh)
}

// sees says in the plainest way who sees what: the model that the server is held to.
func (w *world) sees(p reader, agency string, level tlp.Level) bool {
	switch p.role {
	case auth.RoleAuditor, auth.RoleAdministrator:
		return false
	case auth.RolePublic:
		return level == tlp.Clear
	}
	if level.Rank() > p.clearance.Rank() {
		return false
	}
	switch {
	case p.agency == agency, level == tlp.Clear, level == tlp.Green:
		return true
	case level == tlp.Amber:
		return w.shared(agency, p.agency, false)
	}
	return false
}

func (w *world) shared(from, to string, aggregates bool) bool {
	for _, sh := range w.shares {
		if sh.From == from && sh.To == to && sh.Aggregates == aggregates {
			return true
		}
	}
	return false
}

// counts says whose records are counted without being seen.
func (w *world) counts(p reader, agency string, level tlp.Level) bool {
	return !w.sees(p, agency, level) && level == tlp.Amber && p.clearance.Rank() >= level.Rank() && p.role != auth.RolePublic &&
		p.role != auth.RoleAuditor && p.role != auth.RoleAdministrator && w.shared(agency, p.agency, true)
}

// word is one of a record's own.
func word(n int, what string) string { return fmt.Sprintf("Qz%dx%s", n, what) }

// latitude is a record's own; none is written as the beginning of another.
func latitude(n int) float64 { return decimal(fmt.Sprintf("31.77%04d7", n)) }

func longitude(n int) float64 { return decimal(fmt.Sprintf("-104.51%04d3", n)) }

func decimal(text string) float64 {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic(err)
	}
	return v
}

// canaries are what nobody may be shown of a record who may not see it. Substance and county are left out for who may count it.
func (rc *record) canaries(countedOnly bool) []string {
	out := []string{rc.ID, rc.SHA256, word(rc.n, "file"), word(rc.n, "case"), word(rc.n, "exhibit"), word(rc.n, "officer"), word(rc.n, "note"), word(rc.n, "laboratory"),
		fmt.Sprint(latitude(rc.n)), fmt.Sprint(longitude(rc.n)), word(rc.file, "serial"), word(rc.file, "warning")}
	if !countedOnly {
		out = append(out, word(rc.file, "substance"), word(rc.n, "county"))
	}
	for _, id := range []string{rc.alert, rc.proposal, rc.result} {
		if id != "" {
			out = append(out, id)
		}
	}
	return out
}

// add stores a record by who works in the agency, with a laboratory result, a look-back hit, an alert and a compared answer.
func (w *world) add(agency string, level tlp.Level) *record {
	return w.addFile(agency, level, len(w.records)+1)
}

// addFile is add with the file of another record, which the agency does not hold yet.
func (w *world) addFile(agency string, level tlp.Level, file int) *record {
	w.t.Helper()
	n := len(w.records) + 1
	owner := w.by(w.person(auth.RoleOperator, agency, tlp.Red))
	sp := powder(word(file, "substance"), uint64(file), analogLines...)
	sp.Metadata.Acquired = time.Date(2026, 1, 1+file%28, 12, 0, 0, 0, time.UTC)
	sp.Metadata.SerialNumber, sp.Metadata.Warnings = word(file, "serial"), []string{word(file, "warning")}
	raw, err := json.Marshal(sp)
	if err != nil {
		w.t.Fatal(err)
	}
	said := url.Values{"filename": {word(n, "file") + ".json"}, "case": {word(n, "case")}, "exhibit": {word(n, "exhibit")}, "officer": {word(n, "officer")},
		"county": {word(n, "county")}, "state": {"CO"}, "tlp": {string(level)}, "latitude": {fmt.Sprint(latitude(n))}, "longitude": {fmt.Sprint(longitude(n))}}
	rc := &record{n: n, file: file, Scan: w.scan(owner.do("POST", "/v1/scans?"+said.Encode(), raw).want(w.t, http.StatusCreated))}
	if rc.Agency != agency || rc.TLP != level {
		w.t.Fatalf("stored as %s of %s, not %s of %s", rc.TLP, rc.Agency, level, agency)
	}
	var result store.LaboratoryResult
	owner.do("POST", "/v1/scans/"+rc.ID+"/laboratory-result", map[string]any{"result": "corrected", "substances": []string{"caffeine"}, "pure": true, "technique": "GC-MS",
		"laboratory": word(n, "laboratory"), "note": word(n, "note")}).want(w.t, http.StatusCreated).into(w.t, &result)
	if want := level.Rank() <= tlp.Amber.Rank(); (result.Proposal != "") != want {
		w.t.Fatalf("a scan marked %s: proposal %q, not proposed because %q", level, result.Proposal, result.NotProposed)
	}
	rc.proposal, rc.result = result.Proposal, result.ID
	var z store.Seizure
	owner.do("POST", "/v1/seizures", map[string]any{"case": word(n, "case"), "officer": word(n, "officer"), "note": word(n, "note"), "seized": "2026-01-01T12:00:00Z", "tlp": level}).
		want(w.t, http.StatusCreated).into(w.t, &z)
	var x store.Exhibit
	owner.do("POST", "/v1/seizures/"+z.ID+"/exhibits", map[string]any{"label": word(n, "exhibit"), "form": "powder", "note": word(n, "note")}).want(w.t, http.StatusCreated).into(w.t, &x)
	rc.seizure, rc.exhibit = z.ID, x.ID
	w.records = append(w.records, rc)
	return rc
}

// lookedBack makes look-back, alerts and comparison of all records, as the server's own work would.
func (w *world) lookedBack() (rescreen, change string) {
	w.t.Helper()
	ctx, s := asProgram(w.t), w.store
	r, err := s.BeginRescreen(ctx, store.Rescreen{ReferenceID: canaryReference, Substance: "caffeine", Library: "lib-1", Algorithm: "a", AskedBy: DefaultUser, Created: w.clock.now()})
	if err != nil {
		w.t.Fatal(err)
	}
	changes, err := s.LibraryChanges(ctx, 1)
	if err != nil || len(changes) == 0 {
		w.t.Fatal(changes, err)
	}
	var hits []store.LookBackHit
	total := map[store.Bucket]int{}
	for _, rc := range w.records {
		b := store.Bucket{Agency: rc.Agency, Rank: rc.TLP.Rank()}
		total[b]++
		r.CountIn(b, func(n *store.Tally) { n.Screened, n.Total, n.Done = n.Screened+1, n.Total+1, n.Done+1 })
		hits = append(hits, store.LookBackHit{ReferenceID: canaryReference, ScanID: rc.ID, Substance: word(rc.file, "substance"), Stated: true, Headline: word(rc.file, "substance"), Found: w.clock.now()})
		_, err := s.RaiseAlert(ctx, store.Alert{Agency: rc.Agency, TLP: rc.TLP, Created: w.clock.now(), Substance: word(rc.file, "substance"), ReferenceID: canaryReference, ScanID: rc.ID,
			County: word(rc.n, "county"), State: "CO", FirstSeen: rc.Acquired})
		given := store.Given{Verdict: "alarm", Headline: word(rc.file, "substance"), Named: []string{word(rc.file, "substance")}, Grade: store.GradeRight}
		a := store.TruthAnswer{ScanID: rc.ID, Before: store.Given{Verdict: "inconclusive", Named: []string{}, Grade: store.GradeNone}, After: given}
		a.Compare()
		if err := errors.Join(err, s.AddTruthAnswer(ctx, changes[0], a)); err != nil {
			w.t.Fatal(err)
		}
	}
	r.State = store.RescreenDone
	err = errors.Join(s.SaveRescreen(ctx, r, hits), s.EndRescreen(ctx, r), s.BeginComparison(ctx, changes[0], total, nil))
	alerts, e := s.Alerts(ctx, 10_000)
	if err := errors.Join(err, e); err != nil {
		w.t.Fatal(err)
	}
	for _, a := range alerts {
		for _, rc := range w.records {
			if rc.ID == a.ScanID {
				rc.alert = a.ID
			}
		}
	}
	return r.ID, changes[0].ID
}

// told is everything an answer says.
func (a answer) told() string {
	var b strings.Builder
	_ = a.Header.Write(&b)
	return b.String() + string(a.body)
}
