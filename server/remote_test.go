package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fentrace/server/client"
	"fentrace/server/client/rest"
	"fentrace/server/store"
	"fentrace/spectra"
)

// remote is a client of a server at address, which does not really wait.
func remote(t *testing.T, address, token string, change ...func(*client.Config)) *client.Client {
	t.Helper()
	u, err := client.ParseAddress("server", address)
	if err != nil {
		t.Fatal(err)
	}
	cfg := client.Config{Server: u, HTTP: client.NewHTTP(nil), Token: func() (string, error) { return token, nil },
		Wait: func(context.Context, time.Duration) {}, Jitter: func() float64 { return 0 }}
	cfg.HTTP.Transport.(*http.Transport).DisableKeepAlives = true // each attempt is a connection of its own
	for _, f := range change {
		f(&cfg)
	}
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// large is a readable file of several pieces.
func large(t *testing.T, title string) []byte {
	t.Helper()
	s := spectra.Spectrum{Title: title, Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Counts}
	for i := range 180_000 {
		s.X, s.Y = append(s.X, 200+float64(i)/100), append(s.Y, float64(i%977)+0.25)
	}
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if len(raw) < 2*client.PieceSize {
		t.Fatalf("the file has %d bytes only", len(raw))
	}
	return raw
}

func TestAFileComesThroughALineThatCutsEveryConnection(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		network := newLine(t, r.URL())
		c := remote(t, network.url(), r.token)
		raw := large(t, "fentanyl")
		network.set(false, client.PieceSize/2, -1) // no piece comes through whole
		lat := 35.5
		sc, err := c.UploadInPieces(t.Context(), client.File{Name: "big.json", Raw: raw, Fields: store.Fields{Case: "C 7", Location: store.Location{Latitude: &lat, Longitude: &lat}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if sc.SHA256 != spectra.HashBytes(raw) || sc.Case != "C 7" || sc.Location == nil || *sc.Location.Latitude != lat || sc.Verdict != "alarm" || r.rows() != 1 {
			t.Errorf("stored %+v, %d scans", sc, r.rows())
		}
		network.set(false, -1, 0) // every answer is lost
		hasty := remote(t, network.url(), r.token, func(cfg *client.Config) { cfg.Patience = 300 * time.Millisecond })
		if _, _, err := hasty.Upload(t.Context(), client.File{Name: "small.jdx", Raw: []byte(jcamp("caffeine"))}); err == nil {
			t.Error("an upload without an answer counts as done")
		}
		network.set(false, -1, -1)
		if _, created, err := c.Upload(t.Context(), client.File{Name: "small.jdx", Raw: []byte(jcamp("caffeine"))}); err != nil || created || r.rows() != 2 {
			t.Errorf("sent again: created %v, %v; %d scans stored", created, err, r.rows())
		}
	})
}

func TestAnUploadGoesOnWhereItWasWhenTheServerIsStartedAgain(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		network := newLine(t, r.URL())
		c := remote(t, network.url(), r.token)
		raw, restarted, after := large(t, "fentanyl"), false, (*running)(nil)
		sc, err := c.UploadInPieces(t.Context(), client.File{Name: "big.json", Raw: raw}, func(done int) {
			if restarted {
				return
			}
			restarted = true
			if done == 0 || done == len(raw) {
				t.Errorf("the server ends after %d of %d bytes", done, len(raw))
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
			after = start(t, db, func(cfg *Config) { cfg.DataDir = r.cfg.DataDir })
			network.mu.Lock()
			network.target = strings.TrimPrefix(after.URL(), "http://")
			network.mu.Unlock()
		})
		if err != nil {
			t.Fatal(err)
		}
		if !restarted || sc.SHA256 != spectra.HashBytes(raw) || after.rows() != 1 {
			t.Errorf("stored %+v, %d scans", sc, after.rows())
		}
	})
}

func TestWhatAServerRefusesIsSaidAndRepeatedOnlyWhereThatIsRight(t *testing.T) {
	var asked atomic.Int32
	var status int
	var kind, body string
	portal := newPortal(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Retry-After", "7")
		w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	})
	const problem, json = "application/problem+json", "application/json"
	get := func(c *client.Client) error { _, err := c.Me(t.Context()); return err }
	enter := func(c *client.Client) error {
		_, err := c.EnterLaboratoryResult(t.Context(), "8d1f5c1e-0f63-4c41-9d6b-8a4b5c9f0f11", nil, rest.ResultInput{})
		return err
	}
	for name, tc := range map[string]struct {
		status   int
		kind     string
		body     string
		is       error
		says     string
		get, put int // how often it is asked at most
	}{
		"no token":          {401, problem, `{"detail":"log in first"}`, client.ErrDenied, "log in first (401", 1, 1},
		"not allowed":       {403, problem, `{"detail":"your role is technician"}`, client.ErrForbidden, "your role is technician (403", 1, 1},
		"not there":         {404, problem, `{"detail":"scan x: not found"}`, client.ErrNotFound, "scan x: not found (404", 1, 1},
		"a conflict":        {409, problem, `{"detail":"it has ended"}`, client.ErrConflict, "it has ended (409", 1, 1},
		"wrong":             {422, problem, `{"detail":"validation failed","errors":[{"location":"query.x","message":"is wrong"}]}`, nil, "query.x is wrong", 1, 1},
		"too many":          {429, problem, `{"detail":"slow down"}`, client.ErrLater, "slow down (429", 4, 4},
		"away":              {503, problem, `{"detail":"the database is away"}`, client.ErrLater, "the database is away (503", 4, 1},
		"a proxy":           {502, "text/html", "<html>", client.ErrLater, "answered 502", 4, 1},
		"broken":            {500, problem, `{"detail":"its log says what"}`, nil, "its log says what", 1, 1},
		"a log-in page":     {200, "text/html", "<html>welcome", rest.ErrNotFentrace, "log-in", 1, 1},
		"a redirect":        {302, "text/html", "", nil, "302", 1, 1},
		"control sequences": {409, problem, `{"detail":"a\u001b[31mb"}`, nil, "a [31mb", 1, 1},
		"another program":   {200, json, `[1,2]`, rest.ErrNotFentrace, "Fentrace server", 1, 1},
	} {
		for what, do := range map[string]struct {
			f    func(*client.Client) error
			most int
		}{"get": {get, tc.get}, "enter": {enter, tc.put}} {
			status, kind, body = tc.status, tc.kind, tc.body
			asked.Store(0)
			var waits []time.Duration
			c := remote(t, portal, "ft_x", func(cfg *client.Config) {
				cfg.Retrying = func(_ error, d time.Duration) { waits = append(waits, d) }
				cfg.Wait = func(context.Context, time.Duration) {
					if asked.Load() == 4 {
						status = http.StatusForbidden // it ends at last
					}
				}
			})
			err := do.f(c)
			ended := do.most > 1 // the last answer is another one
			if err == nil || !ended && (!strings.Contains(err.Error(), tc.says) || tc.is != nil && !errors.Is(err, tc.is)) {
				t.Errorf("%s, %s: %v", name, what, err)
			}
			if got := int(asked.Load()); ended && got != 5 || !ended && got != 1 {
				t.Errorf("%s, %s: asked %d times", name, what, got)
			}
			for _, w := range waits {
				if w < 7*time.Second {
					t.Errorf("%s, %s: waited %v although 7 s were asked for", name, what, w)
				}
			}
			if err != nil && (strings.ContainsAny(err.Error(), "\x1b\n") || strings.Contains(err.Error(), "ft_x")) {
				t.Errorf("%s, %s: %q", name, what, err)
			}
		}
	}
}

func TestPatienceEndsAndAServerThatNeverAnsweredIsGivenUpSoon(t *testing.T) {
	tried := 0
	c := remote(t, "http://127.0.0.1:1", "ft_x", func(cfg *client.Config) {
		cfg.Wait = nil // real time passes, and little of it
		cfg.Retrying = func(error, time.Duration) { tried++ }
	})
	begun := time.Now()
	if _, err := c.Me(t.Context()); err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") || tried == 0 {
		t.Errorf("after %d tries more: %v", tried, err)
	}
	if took := time.Since(begun); took > client.DefaultPatience/2 {
		t.Errorf("it took %v to give up", took)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	if _, err := c.Me(ctx); err == nil || !strings.Contains(err.Error(), "enough") {
		t.Errorf("after the end: %v", err)
	}
}

func TestTheTokenIsAskedForAnewAndARealServerRefusesAnotherOne(t *testing.T) {
	r := start(t)
	token := "ft_wrong"
	c := remote(t, r.URL(), "", func(cfg *client.Config) { cfg.Token = func() (string, error) { return token, nil } })
	if _, err := c.Me(t.Context()); !errors.Is(err, client.ErrDenied) {
		t.Errorf("with a wrong token: %v", err)
	}
	token = r.token
	me, err := c.Me(t.Context())
	if err != nil || me.User != DefaultUser {
		t.Errorf("%+v, %v", me, err)
	}
	if _, err := c.GetScan(t.Context(), "8d1f5c1e-0f63-4c41-9d6b-8a4b5c9f0f11", nil); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("a scan that is not there: %v", err)
	}
	if _, _, err := c.Upload(t.Context(), client.File{Name: "x.jdx", Raw: []byte("nonsense")}); err == nil || !strings.Contains(err.Error(), "x.jdx") {
		t.Errorf("nonsense: %v", err)
	}
	about, err := c.About(t.Context())
	if err != nil || !about.Time.Equal(r.clock.now()) || about.Library != r.know().lib.Version() || about.MaxUpload != DefaultMaxUpload {
		t.Errorf("about: %+v, %v", about, err)
	}
}

func TestPagesNeitherRepeatNorSkipWhileScansAreStored(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		c := remote(t, r.URL(), r.token)
		var want []string
		for i := range 7 {
			want = append(want, r.put(fmt.Sprint("caffeine ", i), i, store.Fields{}).ID)
		}
		limit := int64(2)
		var got []string
		for sc, err := range c.Scans(t.Context(), rest.ListScansParams{Limit: &limit}) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, sc.ID)
			r.put(fmt.Sprint("weak ", len(got)), 10+len(got), store.Fields{})
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("listed %v, want %v", got, want)
		}
		sum := r.scan(r.do("GET", "/v1/scans/"+want[0], nil)).SHA256
		of, err := c.ScansOf(t.Context(), sum)
		if err != nil || len(of) != 1 || of[0].ID != want[0] {
			t.Errorf("scans of %s: %v, %v", sum, of, err)
		}
		r.do("GET", "/v1/scans?sha256=zz", nil).want(t, http.StatusUnprocessableEntity)
	})
}

func TestTheQueueIsListedInPages(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db, func(c *Config) { c.Queue = true })
		c := remote(t, r.URL(), r.token)
		var want []string
		for i := range 5 {
			want = append(want, r.put(fmt.Sprint("caffeine ", i), 0, store.Fields{}).ID)
		}
		var got []string
		for f, err := range client.Pages(t.Context(), func(ctx context.Context, cursor string) ([]rest.QueuedFile, string, error) {
			limit := int64(2)
			p := rest.QueueParams{Limit: &limit}
			if cursor != "" {
				p.Cursor = &cursor
			}
			page, err := c.Queue(ctx, &p)
			return page.Files, page.NextCursor, err
		}) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, f.ScanID)
			if len(got) < 3 {
				want = append(want, r.put(fmt.Sprint("weak ", len(got)), 0, store.Fields{}).ID)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("listed %v, want %v", got, want)
		}
		for _, path := range []string{"/v1/queue", "/v1/alerts", "/v1/rescreens", "/v1/library/changes", "/v1/library/proposals", "/v1/scans"} {
			r.do("GET", path+"?limit=1", nil).want(t, http.StatusOK).mentions(t, "next_cursor")
			r.do("GET", path+"?cursor=nonsense", nil).want(t, http.StatusUnprocessableEntity).mentions(t, "cursor")
			r.do("GET", path+"?limit=0", nil).want(t, http.StatusUnprocessableEntity)
		}
	})
}

func TestEventsGoOnAfterACutAndMissNoScan(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		network := newLine(t, r.URL())
		c := remote(t, network.url(), r.token)
		network.set(false, -1, 1500) // headers and a few events
		var got, want []string
		started := false
		add := func(title string) {
			want = append(want, r.put(title, 0, store.Fields{}).ID)
		}
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		defer cancel()
		zero := int64(0)
		add("caffeine first")
		err := c.Events(ctx, &zero, func(e client.Event) (bool, error) {
			if e.Name != "scan" {
				return true, nil
			}
			var said struct{ ID string }
			if err := json.Unmarshal(e.Data, &said); err != nil {
				return false, err
			}
			got = append(got, said.ID)
			if !started {
				started = true
				for i := range 40 {
					add(fmt.Sprint("caffeine ", i))
				}
			}
			return len(got) < 41, nil
		})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("told of %d of %d scans: %v", len(got), len(want), err)
		}
	})
}

func TestAnAnswerIsGivenAndNothingIsStored(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		var out rest.Identified
		r.do("POST", "/v1/identify?filename=a.jdx", jcamp("fentanyl")).want(t, http.StatusOK).into(t, &out)
		if len(out.Answers) != 1 || out.Answers[0].Verdict != "alarm" || out.Answers[0].File != "a.jdx" || out.SHA256 != spectra.HashBytes([]byte(jcamp("fentanyl"))) {
			t.Errorf("answered %+v", out)
		}
		r.do("POST", "/v1/identify", map[string]any{"spectrum": spectrum("caffeine")}).want(t, http.StatusOK).into(t, &out)
		if len(out.Answers) != 1 || out.Answers[0].Verdict != "no_alarm" {
			t.Errorf("answered %+v", out)
		}
		r.do("POST", "/v1/identify?filename=b.jdx", "nonsense").want(t, http.StatusOK).into(t, &out)
		if len(out.Answers) != 0 || len(out.Unread) != 1 || out.Unread[0].File != "b.jdx" || out.Unread[0].Error == "" {
			t.Errorf("answered %+v", out)
		}
		r.do("POST", "/v1/identify", "").want(t, http.StatusUnprocessableEntity).mentions(t, "empty")
		r.do("POST", "/v1/identify", strings.Repeat("x", DefaultMaxUpload+1)).want(t, http.StatusRequestEntityTooLarge)
		_, token, err := r.auth.NewToken(t.Context(), DefaultUser, "reader", "read", 0)
		if err != nil {
			t.Fatal(err)
		}
		r.do("POST", "/v1/identify", jcamp("fentanyl"), "Authorization", "Bearer "+token).want(t, http.StatusOK)
		if n := r.rows(); n != 0 {
			t.Errorf("%d scans stored", n)
		}
	})
}
