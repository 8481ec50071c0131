package server

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"fentrace/server/intel"
	"fentrace/server/store"
	"fentrace/spectra"
)

// put stores one scan taken so many hours after the clock's start.
func (r *running) put(title string, hours int, f store.Fields, change ...func(*spectra.Spectrum)) store.Scan {
	r.t.Helper()
	sp := spectrum(title)
	sp.Metadata.Acquired = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(hours) * time.Hour)
	for _, c := range change {
		c(&sp)
	}
	sc, created, err := r.Ingest(asProgram(r.t), title+".jdx", fmt.Appendf(nil, "%s %d %v", title, hours, f), []spectra.Spectrum{sp}, f)
	if err != nil || !created {
		r.t.Fatalf("put %s: created %t, %v", title, created, err)
	}
	return sc
}

type list struct {
	Scans      []store.Scan
	NextCursor string `json:"next_cursor"`
	Total      int
}

func (r *running) list(query string) list {
	r.t.Helper()
	var l list
	r.do("GET", "/v1/scans?"+query, nil).want(r.t, http.StatusOK).into(r.t, &l)
	return l
}

func at(county, state string) store.Fields {
	return store.Fields{Location: store.Location{County: county, State: state}}
}

func TestFilters(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		adams := at("Adams", "CO")
		adams.Case, adams.Officer = "C_7", "Ruiz"
		r.put("fentanyl 1", 0, adams)
		r.put("weak 2", 24, at("Denver", "CO"))
		r.put("caffeine 3", 48, at("Adams", "WA"), func(s *spectra.Spectrum) { s.Technique = spectra.IR })
		r.put("fentanyl 4", 72, store.Fields{}, func(s *spectra.Spectrum) { s.Metadata.Simulated = true })
		for query, want := range map[string]string{
			"":                      "4321",
			"verdict=alarm":         "41",
			"verdict=inconclusive":  "2",
			"technique=ir":          "3",
			"substance=Fentanyl":    "41",
			"substance=cocaine":     "", // a candidate, never a finding
			"class=cutting+agent":   "3",
			"county=adams":          "31",
			"county=Adams&state=CO": "1",
			"simulated=true":        "4",
			"simulated=false":       "321",
			"from=2026-10-02":       "432",
			"to=2026-10-02":         "21",
			"from=2026-10-02T00:00:00Z&to=2026-10-03T00:00:00%2B00:00": "2",
			"q=ruiz":          "1",
			"q=c_7":           "1",
			"q=c%257":         "", // no wildcards
			"q=signal+too":    "2",
			"q=fent&state=CO": "1",
		} {
			l := r.list(query)
			got := ""
			for _, sc := range l.Scans {
				got += sc.Filename[len(sc.Filename)-5 : len(sc.Filename)-4]
				if len(sc.Identification.Candidates) != 0 {
					t.Errorf("%q: candidates in a list", query)
				}
			}
			if got != want || l.Total != len(want) {
				t.Errorf("%q: scans %q of %d, want %q", query, got, l.Total, want)
			}
		}
	})
}

func TestEveryParameterHasItsLimits(t *testing.T) {
	r := start(t)
	long := strings.Repeat("x", 201)
	for path, names := range map[string]map[string][]string{
		"/v1/scans": {"limit": {"0", "501", "-1", "ten", "1e1"}, "verdict": {"positive"}, "technique": {"xrf"}, "simulated": {"maybe"},
			"from": {"yesterday", "2026-13-01", "2026-10-01T00:00:00"}, "to": {"now"}, "cursor": {"!!!", "bm9wZQ", long}, "q": {long},
			"substance": {long}, "class": {long}, "county": {long}, "state": {long}, "unknown": {"1"}},
		"/v1/identifications.geojson":   {"limit": {"0", "10001"}, "verdict": {"x"}, "from": {"x"}, "cursor": {"x"}, "bbox": {"1"}},
		"/v1/intelligence/first-seen":   {"by": {"country"}, "from": {"x"}, "to": {"x"}, "substance": {long}, "class": {long}, "limit": {"1"}},
		"/v1/library":                   {"x": {"1"}},
		"/v1/device":                    {"x": {"1"}},
		"/v1/scans/not-a-uuid":          {"": {""}},
		"/v1/scans/not-a-uuid/overlay":  {"": {""}},
		"/v1/scans/not-a-uuid/raw":      {"": {""}},
		"/v1/scans/not-a-uuid/spectrum": {"": {""}},
	} {
		for name, values := range names {
			for _, v := range values {
				q, says := "?"+name+"="+url.QueryEscape(v), name
				if name == "" {
					q, says = "", "path.id"
				}
				r.do("GET", path+q, nil).want(t, http.StatusUnprocessableEntity).mentions(t, says)
			}
		}
	}
	for _, tail := range []string{"", "/spectrum", "/overlay", "/raw", "/stix"} {
		r.do("GET", "/v1/scans/7b1e4b3e-0000-4000-8000-000000000000"+tail, nil).want(t, http.StatusNotFound)
	}
	r.do("DELETE", "/v1/scans", nil).want(t, http.StatusMethodNotAllowed)
	r.do("GET", "/v1/nothing", nil).want(t, http.StatusNotFound)
	r.do("POST", "/v1/tokens", strings.Repeat("x", 100<<10), "Content-Type", "application/json").want(t, http.StatusRequestEntityTooLarge)
}

func TestPagesNeitherLoseNorRepeatWhileScansArrive(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		const before, during = 60, 40
		old := map[string]bool{}
		for i := range before { // four scans share each instant
			old[r.put(fmt.Sprintf("caffeine %d", i), i/4, store.Fields{}).ID] = true
		}
		stop, done := make(chan struct{}), make(chan struct{})
		go func() { // some land on pages already read, some on pages to come
			defer close(done)
			for i := range during {
				sp := spectrum("weak")
				sp.Metadata.Acquired = time.Date(2026, 10, 1, i%16, 0, 0, 0, time.UTC)
				if _, _, err := r.Ingest(store.ByProgram(context.Background(), "test"), "w.jdx", fmt.Appendf(nil, "weak %d", i), []spectra.Spectrum{sp}, store.Fields{}); err != nil {
					t.Error(err)
					return
				}
			}
			<-stop
		}()
		seen := map[string]int{}
		var last time.Time
		cursor := ""
		for {
			l := r.list("limit=7&cursor=" + cursor)
			for _, sc := range l.Scans {
				if seen[sc.ID]++; seen[sc.ID] > 1 {
					t.Errorf("scan %s came twice", sc.ID)
				}
				if !last.IsZero() && sc.Acquired.After(last) {
					t.Errorf("%v after %v", sc.Acquired, last)
				}
				last = sc.Acquired
			}
			if cursor = l.NextCursor; cursor == "" {
				break
			}
		}
		close(stop)
		<-done
		for id := range old {
			if seen[id] != 1 {
				t.Errorf("scan %s was lost", id)
			}
		}
		if l := r.list("limit=500"); l.Total != before+during || len(l.Scans) != before+during {
			t.Errorf("%d of %d scans at the end", len(l.Scans), l.Total)
		}
	})
}

func TestFirstSeenAndTheMap(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		place := at("Adams", "CO")
		lat, lon := 39.8, -104.3
		place.Latitude, place.Longitude = &lat, &lon
		r.put("weak", 0, at("Adams", "CO"))
		first := r.put("fentanyl", 24, place)
		r.put("fentanyl again", 48, place)
		r.put("fentanyl nowhere", 48, store.Fields{})
		r.put("simulated fentanyl", 1, place, func(s *spectra.Spectrum) { s.Metadata.Simulated = true })

		var seen struct {
			By    string
			Items []intel.FirstSeen
			Scans int
		}
		r.do("GET", "/v1/intelligence/first-seen?substance=fentanyl", nil).want(t, http.StatusOK).into(t, &seen)
		if seen.By != "county" || seen.Scans != 4 || len(seen.Items) != 2 {
			t.Fatalf("%+v", seen)
		}
		if e := seen.Items[0]; e.ScanID != first.ID || e.Hits != 2 || e.ScansBefore != 1 || e.FirstLooked || e.Simulated || e.Level != "presumptive-first" {
			t.Errorf("event %+v", e)
		}
		if e := seen.Items[1]; !e.Simulated || !e.FirstLooked {
			t.Errorf("simulated event %+v", e)
		}
		r.do("GET", "/v1/intelligence/first-seen?by=state&class=nothing", nil).want(t, http.StatusOK).mentions(t, `"items":[]`)

		var fc struct {
			Type     string
			Features []struct {
				Geometry   struct{ Coordinates [2]float64 }
				Properties struct {
					ScanID     string `json:"scan_id"`
					Substances []string
				}
			}
			WithoutPlace int `json:"without_place"`
			Matched      int
		}
		a := r.do("GET", "/v1/identifications.geojson?simulated=false&limit=1", nil).want(t, http.StatusOK)
		a.into(t, &fc)
		if a.Header.Get("Content-Type") != "application/geo+json" || fc.WithoutPlace != 2 || fc.Matched != 2 || len(fc.Features) != 1 ||
			fc.Features[0].Geometry.Coordinates != [2]float64{lon, lat} || fc.Features[0].Properties.Substances[0] != "fentanyl" {
			t.Errorf("%s", a.body)
		}
		a = r.do("GET", "/v1/identifications.geojson?simulated=false", nil).want(t, http.StatusOK)
		if a.into(t, &fc); len(fc.Features) != 2 {
			t.Errorf("all of them: %s", a.body)
		}
	})
}

func TestSTIXOfAStoredScan(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		sc := r.put("fentanyl", 0, at("Adams", "CO"))
		a := r.do("GET", "/v1/scans/"+sc.ID+"/stix", nil).want(t, http.StatusOK).
			mentions(t, `"pattern_type":"inchikey"`, "PJMPHNIQZUBGLI-UHFFFAOYSA-N", sc.SHA256, "TLP:AMBER")
		if ct := a.Header.Get("Content-Type"); ct != "application/stix+json;version=2.1" {
			t.Errorf("content type %q", ct)
		}
	})
}

// events opens the stream and returns its events, each as its three lines.
func (r *running) events(ctx context.Context, lastID string) <-chan string {
	r.t.Helper()
	req, err := http.NewRequestWithContext(ctx, "GET", r.URL()+"/v1/events", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	req.Header.Set("Accept-Encoding", "gzip")
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	if ct := res.Header.Get("Content-Type"); ct != "text/event-stream" || res.Header.Get("Content-Encoding") != "" {
		r.t.Fatalf("stream is %v", res.Header)
	}
	out := make(chan string, 100)
	go func() {
		defer close(out)
		defer res.Body.Close()
		event := ""
		for s := bufio.NewScanner(res.Body); s.Scan(); {
			switch line := s.Text(); {
			case line != "" && !strings.HasPrefix(line, ":"):
				event += line + "\n"
			case line == "":
				if strings.Contains(event, "data:") { // an id alone is no event
					out <- event
				}
				event = ""
			}
		}
	}()
	return out
}

func TestEventsComeLiveAndCanBeResumed(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		r.put("weak 0", 0, store.Fields{})
		live := r.events(asProgram(t), "")
		a, b := r.put("fentanyl 1", 0, store.Fields{}), r.put("caffeine 2", 0, store.Fields{})
		want := []string{
			fmt.Sprintf("id: 2\nevent: scan\ndata: {\"id\":%q,\"verdict\":\"alarm\"}\n", a.ID),
			fmt.Sprintf("id: 3\nevent: scan\ndata: {\"id\":%q,\"verdict\":\"no_alarm\"}\n", b.ID),
		}
		for i, w := range want {
			if got := <-live; got != w {
				t.Errorf("event %d: %q, want %q", i, got, w)
			}
		}
		if got := <-r.events(asProgram(t), "2"); got != want[1] {
			t.Errorf("resumed with %q, want %q", got, want[1])
		}
	})
}

func TestTheServerEndsInOrderWithStreamsOpenAndKeepsWhatItStored(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		sc := r.put("fentanyl", 0, store.Fields{})
		live := r.events(asProgram(t), "")
		var wg sync.WaitGroup
		wg.Go(func() {
			for range live { // ends when the server closes the stream
			}
		})
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		st, err := store.OpenDatabase(asProgram(t), r.cfg.DataDir, r.cfg.Database)
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		if again, err := st.Scan(asProgram(t), sc.ID); err != nil || again.Headline != sc.Headline {
			t.Errorf("after a restart: %+v, %v", again, err)
		}
	})
}
