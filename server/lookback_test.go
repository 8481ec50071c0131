package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/server/auth"
	"fentrace/server/lookback"
	"fentrace/server/store"
	"fentrace/server/tlp"
	"fentrace/spectra"
)

// powder is a Raman spectrum with the lines of a substance, as some instrument shows it.
func powder(title string, seed uint64, lines ...float64) spectra.Spectrum {
	rng := rand.New(rand.NewPCG(seed, 1))
	s := spectra.Spectrum{Title: title, Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Counts}
	off := rng.NormFloat64()
	for x := 300.0; x <= 1950; x += 3 {
		y := 100 + 3*rng.NormFloat64()
		for i, l := range lines {
			y += float64(400+100*i) * math.Exp(-(x-l-off)*(x-l-off)/50)
		}
		s.X, s.Y = append(s.X, x), append(s.Y, y)
	}
	return s
}

var (
	analogLines = []float64{455, 690, 1003, 1160, 1320, 1597}
	otherLines  = []float64{520, 760, 880, 1110, 1420, 1530}
)

// analogReference is what becomes known later.
func analogReference() (library.Substance, library.Reference) {
	sp := powder("reference", 99, analogLines...)
	return library.Substance{ID: "analog", Name: "analog", Class: "fentanyl analog", Controlled: true},
		library.Reference{SubstanceID: "analog", Tier: library.Measured, Technique: spectra.Raman, Spectrum: &sp}
}

// startLookBack runs a server on dir whose library has the analog, or has it not yet.
func startLookBack(t *testing.T, dir string, knows bool, db ...func(*Config)) *running {
	sp := powder("sugar", 98, otherLines...)
	lib := library.NewStack([]library.Substance{{ID: "sugar", Name: "sugar"}},
		[]library.Reference{{SubstanceID: "sugar", Tier: library.Measured, Technique: spectra.Raman, Spectrum: &sp}})
	if knows {
		sub, ref := analogReference()
		lib = lib.With([]library.Substance{sub}, []library.Reference{ref})
	}
	return start(t, append(db, in(dir), func(c *Config) {
		c.Library = lib
		c.NewIdentifier = func(lib *library.Stack) (Identifier, error) { return byReference{lib}, nil }
	})...)
}

// taken stores a scan that was taken on a day of 2026, in a county.
func (r *running) taken(sp spectra.Spectrum, day int, county string) store.Scan {
	r.t.Helper()
	return r.takenAt(sp, day, at(county, "CO"))
}

// takenAt is taken with fields of its own.
func (r *running) takenAt(sp spectra.Spectrum, day int, fields store.Fields) store.Scan {
	r.t.Helper()
	sp.Metadata.Acquired = time.Date(2026, 1, day, 12, 0, 0, 0, time.UTC)
	raw, err := json.Marshal(sp)
	if err != nil {
		r.t.Fatal(err)
	}
	sc, _, err := r.Ingest(asProgram(r.t), sp.Title+".json", raw, []spectra.Spectrum{sp}, fields)
	if err != nil {
		r.t.Fatal(err)
	}
	return sc
}

type rescreened struct {
	store.Rescreen
	Scans []store.LookBackHit `json:"scans"`
}

// lookBack looks through the past and waits for the end.
func (r *running) lookBack(reference string) rescreened {
	r.t.Helper()
	var begun struct{ Rescreens []store.Rescreen }
	r.do("POST", "/v1/rescreens", map[string]any{"references": []string{reference}}).want(r.t, http.StatusAccepted).into(r.t, &begun)
	return r.waitFor(begun.Rescreens[0].ID)
}

// theirs are the scans that tests store without more ado.
var theirs = store.Bucket{Agency: store.LocalAgency, Rank: tlp.Amber.Rank()}

func (r *running) waitFor(id string) rescreened {
	r.t.Helper()
	for range 1000 {
		var got rescreened
		r.do("GET", "/v1/rescreens/"+id, nil).want(r.t, http.StatusOK).into(r.t, &got)
		if got.Rescreen.State != store.RescreenRunning {
			return got
		}
		time.Sleep(10 * time.Millisecond)
	}
	r.t.Fatal("the look-back never ends")
	return rescreened{}
}

// change does to the database of a server that has ended what no server does.
func (r *running) change(statement string) {
	r.t.Helper()
	t, db := r.t, r.eyes()
	_, err := db.Exec(statement)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

type firstSeen struct {
	Items []struct {
		Substance string
		First     time.Time `json:"first_seen"`
		ScanID    string    `json:"scan_id"`
		LookBack  bool      `json:"look_back"`
	}
}

func (r *running) firstSeen(substance string) (out firstSeen) {
	r.t.Helper()
	r.do("GET", "/v1/intelligence/first-seen?substance="+substance, nil).want(r.t, http.StatusOK).into(r.t, &out)
	return out
}

// told waits until whoever watches is told that so many alerts are unread.
func told(t *testing.T, live <-chan string, unread int) {
	t.Helper()
	late := time.After(deadline)
	for {
		select {
		case event, ok := <-live:
			if strings.HasPrefix(event, fmt.Sprintf("event: alerts\ndata: {\"unread\":%d}", unread)) {
				return
			}
			if !ok {
				t.Fatal("the stream has ended")
			}
		case <-late:
			t.Fatalf("nobody was told of %d alerts", unread)
		}
	}
}

// toldOf waits until whoever watches is told that a look-back is so far.
func toldOf(t *testing.T, live <-chan string, id, state string, done int) {
	t.Helper()
	late := time.After(deadline)
	var last string
	for {
		select {
		case event, ok := <-live:
			if !ok {
				t.Fatal("the stream has ended")
			}
			data, of := strings.CutPrefix(event, "event: rescreen\ndata: ")
			if !of {
				continue
			}
			var r store.Rescreen
			if err := json.Unmarshal([]byte(data), &r); err != nil {
				t.Fatal(err)
			}
			if last = data; r.ID == id && r.State == state && r.Done == done {
				return
			}
		case <-late:
			t.Fatalf("nobody was told that %d scans are %s; last was %s", done, state, last)
		}
	}
}

func TestANewReferenceMovesFirstSeenBackAndRaisesAnAlert(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		dir := t.TempDir()
		before := startLookBack(t, dir, false, db)
		early := before.taken(powder("analog early", 1, analogLines...), 3, "Adams")
		for i := range 5 {
			before.taken(powder(fmt.Sprint("sugar ", i), uint64(10+i), otherLines...), 4+i, "Adams")
		}
		elsewhere := before.taken(powder("analog elsewhere", 2, analogLines...), 5, "Boulder")
		if err := before.Close(); err != nil {
			t.Fatal(err)
		}
		now := startLookBack(t, dir, true, db)
		late := now.taken(powder("analog late", 3, analogLines...), 20, "Adams")
		if got := now.firstSeen("analog"); len(got.Items) != 1 || got.Items[0].ScanID != late.ID || got.Items[0].LookBack {
			t.Fatalf("before the look-back: %+v", got)
		}
		live := now.events(asProgram(t), "")
		_, ref := analogReference()
		got := now.lookBack(ref.ContentID())
		if got.Rescreen.State != store.RescreenDone || got.Screened != 8 || got.Hits != 3 || got.Stated != 3 || len(got.Scans) != 3 || got.Scans[0].ScanID != early.ID {
			t.Fatalf("%+v", got)
		}
		for _, h := range got.Scans {
			if h.Score < 0.9 || !h.Stated || h.Verdict != "alarm" || !h.Controlled {
				t.Errorf("%+v", h)
			}
		}
		after := now.firstSeen("analog")
		if len(after.Items) != 2 {
			t.Fatalf("%+v", after)
		}
		for _, e := range after.Items {
			if e.ScanID != early.ID && e.ScanID != elsewhere.ID || !e.LookBack {
				t.Errorf("%+v", e)
			}
		}
		// The answers of then stay.
		if sc, err := now.store.Scan(asProgram(t), early.ID); err != nil || sc.Verdict != "inconclusive" {
			t.Errorf("%s, %v", sc.Verdict, err)
		}
		var alerts struct{ Alerts []store.Alert }
		now.do("GET", "/v1/alerts", nil).want(t, http.StatusOK).into(t, &alerts)
		if len(alerts.Alerts) != 2 {
			t.Fatalf("%+v", alerts)
		}
		moved := alerts.Alerts[slices.IndexFunc(alerts.Alerts, func(a store.Alert) bool { return a.County == "Adams" })]
		if moved.ScanID != early.ID || moved.SeenBefore == nil || !moved.SeenBefore.Equal(late.Acquired) || !moved.FirstSeen.Equal(early.Acquired) || moved.Read != nil {
			t.Errorf("%+v", moved)
		}
		told(t, live, 2)
		now.do("POST", "/v1/alerts/"+moved.ID+"/read", nil).want(t, http.StatusNoContent)
		told(t, live, 1)
		now.do("POST", "/v1/alerts/"+early.ID+"/read", nil).want(t, http.StatusNotFound)
		now.do("GET", "/v1/alerts", nil).want(t, http.StatusOK).into(t, &alerts)
		if last := alerts.Alerts[1]; last.ID != moved.ID || last.ReadBy != DefaultUser || last.Read == nil {
			t.Errorf("%+v", last)
		}
		// A second look finds the same and tells nothing anew.
		if again := now.lookBack(ref.ContentID()); again.Hits != 3 {
			t.Errorf("%+v", again.Rescreen)
		}
		now.do("GET", "/v1/alerts", nil).want(t, http.StatusOK).into(t, &alerts)
		if len(alerts.Alerts) != 2 {
			t.Errorf("%d alerts", len(alerts.Alerts))
		}
	})
}

// Who took a scan without a place holds the evidence as well.
func TestAlertsOfScansWithoutACountySayThatTheirPlaceIsUnknown(t *testing.T) {
	dir := t.TempDir()
	before := startLookBack(t, dir, false)
	nowhere := before.takenAt(powder("analog nowhere", 1, analogLines...), 3, store.Fields{})
	state := before.takenAt(powder("analog somewhere", 2, analogLines...), 5, at("", "CO"))
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	now := startLookBack(t, dir, true)
	_, ref := analogReference()
	for range 2 { // the second look tells nothing anew
		now.lookBack(ref.ContentID())
		var alerts struct{ Alerts []store.Alert }
		now.do("GET", "/v1/alerts", nil).want(t, http.StatusOK).into(t, &alerts)
		places := map[string]string{}
		for _, a := range alerts.Alerts {
			places[a.ScanID] = a.Place
		}
		if len(alerts.Alerts) != 2 || places[nowhere.ID] != "unknown place" || places[state.ID] != "CO, county unknown" {
			t.Errorf("%+v", alerts.Alerts)
		}
	}
}

func TestScansThatLookLikeOneAreFound(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := startLookBack(t, t.TempDir(), false, db)
		one := r.taken(powder("one", 1, analogLines...), 3, "Adams")
		two := r.taken(powder("two", 2, analogLines...), 4, "Adams")
		r.taken(powder("other", 3, otherLines...), 5, "Adams")
		short := r.taken(spectrum("short"), 6, "Adams")
		var got struct{ Scans []lookback.Similar }
		r.do("GET", "/v1/scans/"+one.ID+"/similar", nil).want(t, http.StatusOK).into(t, &got)
		if len(got.Scans) != 1 || got.Scans[0].ScanID != two.ID || got.Scans[0].Score < 0.9 || got.Scans[0].County != "Adams" || !got.Scans[0].Acquired.Equal(two.Acquired) {
			t.Errorf("%+v", got)
		}
		r.do("GET", "/v1/scans/"+short.ID+"/similar", nil).want(t, http.StatusUnprocessableEntity).mentions(t, "cannot be searched")
		r.do("GET", "/v1/scans/"+one.ID+"/similar?least=0", nil).want(t, http.StatusUnprocessableEntity)
	})
}

func TestTheMostSimilarScansAreTheSameHoweverManyAreAskedFor(t *testing.T) {
	r := startLookBack(t, t.TempDir(), false)
	one := r.taken(powder("one", 1, analogLines...), 1, "Adams")
	for i := range 150 {
		some := append(slices.Clone(analogLines[:6-i%4]), otherLines[:i%4]...)
		r.taken(powder(fmt.Sprint("like ", i), uint64(2+i), some...), 1+i%28, "Adams")
	}
	similar := func(limit int) (out []lookback.Similar) {
		var got struct{ Scans []lookback.Similar }
		r.do("GET", fmt.Sprintf("/v1/scans/%s/similar?least=0.3&limit=%d", one.ID, limit), nil).want(t, http.StatusOK).into(t, &got)
		return got.Scans
	}
	all := similar(200)
	if len(all) < 100 || !slices.IsSortedFunc(all, func(a, b lookback.Similar) int { return cmp.Compare(b.Score, a.Score) }) {
		t.Fatalf("%d scans: %+v", len(all), all)
	}
	for _, n := range []int{1, 5, 40, 80} {
		if got := similar(n); !slices.Equal(got, all[:n]) {
			t.Errorf("the best %d of %d are others", n, len(all))
		}
	}
}

// What one scan lacks must not keep those after it from being looked through.
func TestAScanWhoseSpectrumCannotBeReadIsLeftOut(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		dir := t.TempDir()
		r := startLookBack(t, dir, false, db)
		spoilt := r.taken(powder("spoilt", 1, analogLines...), 3, "Adams")
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		r.change("UPDATE scans SET spectrum = '{' WHERE id = '" + spoilt.ID + "'")
		if err := os.RemoveAll(ArchivePath(dir, r.store)); err != nil {
			t.Fatal(err)
		}
		r = startLookBack(t, dir, false, db)
		one, two := r.taken(powder("one", 2, analogLines...), 4, "Adams"), r.taken(powder("two", 3, analogLines...), 5, "Adams")
		r.do("GET", "/v1/scans/"+one.ID+"/similar", nil).want(t, http.StatusOK).mentions(t, two.ID)
	})
}

func TestALookBackThatWasCutOffGoesOn(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		dir := t.TempDir()
		r := startLookBack(t, dir, true, db)
		for i := range 3 {
			r.taken(powder(fmt.Sprint("analog ", i), uint64(i), analogLines...), 3+i, "Adams")
		}
		_, ref := analogReference()
		begun, err := r.looker.Begin(asProgram(t), r.know().lib, ref.ContentID(), "")
		if err != nil {
			t.Fatal(err)
		}
		// The first scan was done, then the power went; the archive is lost as well.
		begun.CountIn(theirs, func(n *store.Tally) { n.Done = 1 })
		begun.UpTo = 1
		if err := r.store.SaveRescreen(asProgram(t), begun, nil); err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(ArchivePath(dir, r.store)); err != nil {
			t.Fatal(err)
		}
		again := startLookBack(t, dir, true, db)
		got := again.waitFor(begun.ID)
		if got.Rescreen.State != store.RescreenDone || got.Done != 3 || got.Total != 3 || len(got.Scans) != 2 {
			t.Errorf("%+v", got)
		}
		again.do("POST", "/v1/rescreens/"+begun.ID+"/cancel", nil).want(t, http.StatusConflict)
	})
}

// counting answers as byReference does and counts how often.
type counting struct {
	byReference
	answered *atomic.Int64
}

func (c counting) Identify(ctx context.Context, s spectra.Spectrum) (identify.Identification, error) {
	c.answered.Add(1)
	return c.byReference.Identify(ctx, s)
}

func TestWhatALookBackHasStoredIsUsedAgainUntilTheLibraryChanges(t *testing.T) {
	dir := t.TempDir()
	sub, ref := analogReference()
	var answered atomic.Int64
	knowing := func(others ...library.Substance) *running {
		lib := library.NewStack(append(others, sub), []library.Reference{ref})
		return start(t, in(dir), func(c *Config) {
			c.Library = lib
			c.NewIdentifier = func(lib *library.Stack) (Identifier, error) { return counting{byReference{lib}, &answered}, nil }
		})
	}
	r := knowing()
	looks := func(reused, total, answers int) {
		t.Helper()
		answered.Store(0)
		got := r.lookBack(ref.ContentID())
		if got.Rescreen.State != store.RescreenDone || got.Reused != reused || got.Total != total || got.Done != total || got.Hits != total || answered.Load() != int64(answers) {
			t.Errorf("%d answered, want %d: %+v", answered.Load(), answers, got.Rescreen)
		}
	}
	for i := range 3 {
		r.taken(powder(fmt.Sprint("analog ", i), uint64(i), analogLines...), 3+i, "Adams")
	}
	looks(0, 3, 3)
	looks(3, 3, 0)
	r.taken(powder("analog stored since", 9, analogLines...), 9, "Adams")
	looks(3, 4, 1)
	looks(4, 4, 0)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	first := r
	r = knowing(library.Substance{ID: "salt", Name: "salt"})
	looks(0, 4, 4)
	looks(4, 4, 0)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	// The library of before again: what is stored now was answered with another one.
	r = knowing()
	if r.know().lib.Version() != first.know().lib.Version() {
		t.Fatal("it is another library")
	}
	looks(0, 4, 4)
}

func TestWhoMayLookBackAndAtWhat(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := startLookBack(t, t.TempDir(), true, db)
		_, ref := analogReference()
		ask := map[string]any{"references": []string{ref.ContentID()}}
		r.as("tom", auth.RoleTechnician).do("POST", "/v1/rescreens", ask).want(t, http.StatusForbidden).mentions(t, "reviewer")
		r.do("POST", "/v1/rescreens", map[string]any{"references": []string{"no such"}}).want(t, http.StatusUnprocessableEntity).mentions(t, "no such", "not in the library")
		r.do("POST", "/v1/rescreens", map[string]any{"references": []string{}}).want(t, http.StatusUnprocessableEntity)
		r.do("GET", "/v1/rescreens/0b0f5c7e-0000-4000-8000-000000000000", nil).want(t, http.StatusNotFound)
		r.do("POST", "/v1/rescreens/0b0f5c7e-0000-4000-8000-000000000000/cancel", nil).want(t, http.StatusNotFound)
		if got := r.lookBack(ref.ContentID()); got.Rescreen.State != store.RescreenDone || got.Hits != 0 || got.AskedBy != DefaultUser {
			t.Errorf("%+v", got)
		}
	})
}

// What a look-back found before it was cut off is known when it goes on: the alert must not be lost by that.
func TestALookBackThatWasCutOffAlertsOfAllItFound(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		dir := t.TempDir()
		r := startLookBack(t, dir, false, db)
		early := r.taken(powder("analog early", 1, analogLines...), 3, "Adams")
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		r = startLookBack(t, dir, true, db)
		late := r.taken(powder("analog late", 2, analogLines...), 20, "Adams")
		_, ref := analogReference()
		begun, err := r.looker.Begin(asProgram(t), r.know().lib, ref.ContentID(), "")
		if err != nil {
			t.Fatal(err)
		}
		begun.Done, begun.UpTo = 1, 1
		hit := store.LookBackHit{ReferenceID: ref.ContentID(), ScanID: early.ID, Substance: "analog", Controlled: true, Score: 0.95, Stated: true, Verdict: "alarm", Found: r.clock.now()}
		if err := r.store.SaveRescreen(asProgram(t), begun, []store.LookBackHit{hit}); err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		r = startLookBack(t, dir, true, db)
		if got := r.waitFor(begun.ID); got.Rescreen.State != store.RescreenDone || got.Stated != 2 {
			t.Fatalf("%+v", got)
		}
		alerts, err := r.store.Alerts(asProgram(t), 10)
		if err != nil || len(alerts) != 1 || alerts[0].ScanID != early.ID || alerts[0].SeenBefore == nil || !alerts[0].SeenBefore.Equal(late.Acquired) {
			t.Errorf("%+v, %v", alerts, err)
		}
	})
}

// waiting answers as byReference does, but of a scan that is called stuck only once it is told to stop.
type waiting struct {
	byReference
	reached chan<- struct{}
}

func (w waiting) Identify(ctx context.Context, s spectra.Spectrum) (identify.Identification, error) {
	if !strings.Contains(s.Title, "stuck") {
		return w.byReference.Identify(ctx, s)
	}
	w.reached <- struct{}{}
	<-ctx.Done()
	return identify.Identification{}, ctx.Err()
}

func TestALookBackThatWaitsForAnotherCanBeCancelled(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		dir := t.TempDir()
		r := startLookBack(t, dir, false, db)
		r.taken(powder("stuck", 1, analogLines...), 3, "Adams")
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		reached := make(chan struct{}, 1)
		sub, ref := analogReference()
		sugar := powder("sugar", 98, otherLines...)
		lib := library.NewStack([]library.Substance{sub, {ID: "sugar", Name: "sugar"}},
			[]library.Reference{ref, {SubstanceID: "sugar", Tier: library.Measured, Technique: spectra.Raman, Spectrum: &sugar}})
		r = start(t, db, in(dir), func(c *Config) {
			c.Library = lib
			c.NewIdentifier = func(lib *library.Stack) (Identifier, error) { return waiting{byReference{lib}, reached}, nil }
		})
		begin := func(reference string) string {
			var begun struct{ Rescreens []store.Rescreen }
			r.do("POST", "/v1/rescreens", map[string]any{"references": []string{reference}}).want(t, http.StatusAccepted).into(t, &begun)
			return begun.Rescreens[0].ID
		}
		first := begin(ref.ContentID())
		<-reached
		var second string
		for _, known := range lib.References() {
			if known.SubstanceID == "sugar" {
				second = begin(known.ID)
			}
		}
		r.do("POST", "/v1/rescreens/"+second+"/cancel", nil).want(t, http.StatusNoContent)
		for id, want := range map[string]string{first: store.RescreenRunning, second: store.RescreenCancelled} {
			if got, err := r.store.Rescreen(asProgram(t), id); err != nil || got.State != want {
				t.Errorf("%s is %s, want %s: %v", id, got.State, want, err)
			}
		}
		r.do("POST", "/v1/rescreens/"+first+"/cancel", nil).want(t, http.StatusNoContent)
		if got := r.waitFor(first); got.Rescreen.State != store.RescreenCancelled || got.Done != 0 {
			t.Errorf("%+v", got.Rescreen)
		}
	})
}

func TestALookBackThatTheEndOfTheServerCutsOffIsNotCancelled(t *testing.T) {
	dir := t.TempDir()
	r := startLookBack(t, dir, true)
	r.taken(powder("stuck", 1, analogLines...), 3, "Adams")
	lib := r.know().lib
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	reached := make(chan struct{}, 1)
	r = start(t, in(dir), func(c *Config) {
		c.Library = lib
		c.NewIdentifier = func(lib *library.Stack) (Identifier, error) { return waiting{byReference{lib}, reached}, nil }
	})
	_, ref := analogReference()
	begun, err := r.Rescreen(asProgram(t), []string{ref.ContentID()}, "ada")
	if err != nil {
		t.Fatal(err)
	}
	<-reached
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r = startLookBack(t, dir, true)
	if got := r.waitFor(begun[0].ID); got.Rescreen.State != store.RescreenDone || got.Hits != 1 {
		t.Errorf("%+v", got.Rescreen)
	}
}

// What another program does on the same database is found by looking.
func TestTheEndOfALookBackOfAnotherProgramIsTold(t *testing.T) {
	r := startLookBack(t, t.TempDir(), true)
	_, ref := analogReference()
	begun, err := r.looker.Begin(asProgram(t), r.know().lib, ref.ContentID(), "tom")
	if err != nil {
		t.Fatal(err)
	}
	live := r.events(asProgram(t), "")
	toldOf(t, live, begun.ID, store.RescreenRunning, 0)
	begun.State = store.RescreenDone
	begun.CountIn(theirs, func(n *store.Tally) { n.Done = 7 })
	if err := r.store.EndRescreen(asProgram(t), begun); err != nil {
		t.Fatal(err)
	}
	toldOf(t, live, begun.ID, store.RescreenDone, 7)
}

// held answers as byReference does once it is let go.
type held struct {
	byReference
	reached chan<- struct{}
	letGo   <-chan struct{}
}

func (h held) Identify(ctx context.Context, s spectra.Spectrum) (identify.Identification, error) {
	select {
	case h.reached <- struct{}{}:
	default:
	}
	<-h.letGo
	return h.byReference.Identify(ctx, s)
}

func TestALookBackOfAnotherProgramCanBeCancelled(t *testing.T) {
	dir := t.TempDir()
	r := startLookBack(t, dir, true)
	const scans = 40 // more than are answered between two looks at the database
	for i := range scans {
		r.taken(powder(fmt.Sprint("analog ", i), uint64(i), analogLines...), 1+i%28, "Adams")
	}
	// The other program has a connection of its own.
	st, err := store.Open(asProgram(t), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	other := &lookback.Looker{Store: st, Archive: r.looker.Archive, Clock: r.clock.now}
	lib := r.know().lib
	_, ref := analogReference()
	begun, err := other.Begin(asProgram(t), lib, ref.ContentID(), "tom")
	if err != nil {
		t.Fatal(err)
	}
	reached, letGo := make(chan struct{}, 1), make(chan struct{})
	ended := make(chan store.Rescreen, 1)
	go func() {
		got, err := other.Rescreen(asProgram(t), lib, held{byReference{lib}, reached, letGo}, begun, nil)
		if err != nil {
			t.Error(err)
		}
		ended <- got
	}()
	<-reached
	live := r.events(asProgram(t), "")
	toldOf(t, live, begun.ID, store.RescreenRunning, 0) // as it is
	r.do("POST", "/v1/rescreens/"+begun.ID+"/cancel", nil).want(t, http.StatusNoContent)
	toldOf(t, live, begun.ID, store.RescreenCancelled, 0)
	close(letGo)
	if got := <-ended; got.State != store.RescreenCancelled || got.Done == 0 || got.Done == scans {
		t.Errorf("%+v", got)
	}
	r.do("POST", "/v1/rescreens/"+begun.ID+"/cancel", nil).want(t, http.StatusConflict)
	if got := r.waitFor(begun.ID); got.Rescreen.State != store.RescreenCancelled || got.Hits != got.Done || got.Hits == 0 {
		t.Errorf("what was found is to be kept: %+v", got.Rescreen)
	}
	got := r.lookBack(ref.ContentID())
	if got.ID != begun.ID || got.Rescreen.State != store.RescreenDone || got.Hits != scans {
		t.Errorf("asked again: %+v", got.Rescreen)
	}
	toldOf(t, live, begun.ID, store.RescreenDone, scans)
}

func TestWhatWasLearntIsLookedForInThePast(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		dir := t.TempDir()
		r := startLookBack(t, dir, false, db)
		chemist := r.as("ada", auth.RoleChemist)
		early := r.taken(powder("another form, early", 1, analogLines...), 3, "Adams")
		standard := r.taken(powder("another form", 2, analogLines...), 20, "Boulder")
		result := chemist.enter(standard.ID, finding("corrected", true, "sugar"), http.StatusCreated)
		r.decide(result.Proposal, "accept").want(t, http.StatusOK)
		looked := func() []store.Rescreen {
			var all struct{ Rescreens []store.Rescreen }
			r.do("GET", "/v1/rescreens", nil).want(t, http.StatusOK).into(t, &all) // answered, so the start is over
			return all.Rescreens
		}
		all := looked()
		if len(all) != 1 || all[0].AskedBy != "" {
			t.Fatalf("%+v", all)
		}
		if got := r.waitFor(all[0].ID); got.Hits != 2 || got.Scans[0].ScanID != early.ID {
			t.Errorf("%+v", got)
		}
		// The server ends after the reference is in the library and before the look-back is noted.
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		r.change("DELETE FROM rescreen_counts")
		r.change("DELETE FROM rescreens")
		r = startLookBack(t, dir, false, db)
		if all = looked(); len(all) != 1 {
			t.Fatalf("%d look-backs", len(all))
		}
		if got := r.waitFor(all[0].ID); got.Rescreen.State != store.RescreenDone || got.Hits != 2 {
			t.Errorf("%+v", got)
		}
		// Once is enough.
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		r = startLookBack(t, dir, false, db)
		if all = looked(); len(all) != 1 {
			t.Errorf("%d look-backs", len(all))
		}
	})
}
