package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fentrace/library/identify"
	"fentrace/server/api"
	"fentrace/server/forward"
	"fentrace/server/store"
	"fentrace/spectra"
)

func TestWithoutANetworkScansQueueAndAreSentInOrderWhenItReturns(t *testing.T) {
	up := start(t)
	network := newLine(t, up.URL())
	network.set(true, -1, -1)
	tick := make(chan struct{})
	field := start(t, func(c *Config) { c.Upstream = upstreamTo(t, up, network.url(), tick) })
	live := field.events(asProgram(t), "")
	var want []string
	for i := range 6 {
		want = append(want, take(t, field.Server, fmt.Sprint("fentanyl ", i)).SHA256)
	}
	queue := func() (q api.Queue) {
		field.do("GET", "/v1/queue", nil).want(t, http.StatusOK).into(t, &q)
		return q
	}
	waitFor(t, field.Server, "a failure that is told", func() bool { return backlog(t, field.Server).Error != "" })
	if q := queue(); q.Waiting != 6 || q.Parked != 0 || q.LastError == "" || q.Oldest == nil || q.LastSent != nil || q.Upstream != network.url() {
		t.Errorf("without a network the queue is %+v", q)
	}
	if len(order(t, up.cfg.DataDir)) != 0 {
		t.Fatal("something came through a network that is down")
	}
	network.set(false, -1, -1)
	tick <- struct{}{}
	waitFor(t, field.Server, "an empty queue", func() bool { return backlog(t, field.Server).Waiting == 0 })
	if got := order(t, up.cfg.DataDir); !slices.Equal(got, want) {
		t.Errorf("sent %v, want %v", got, want)
	}
	if q := queue(); q.LastSent == nil || q.LastError != "" || q.Oldest != nil {
		t.Errorf("afterwards the queue is %+v", q)
	}
	// A scan that is taken now goes at once, and whoever watches was told of every number.
	want = append(want, take(t, field.Server, "caffeine").SHA256)
	waitFor(t, field.Server, "the last scan", func() bool { return backlog(t, field.Server).Waiting == 0 })
	if got := order(t, up.cfg.DataDir); !slices.Equal(got, want) {
		t.Errorf("sent %v, want %v", got, want)
	}
	most, last, late := 0, api.Queue{Waiting: -1}, time.After(deadline)
	for last.Waiting != 0 || last.LastSent == nil || most < 6 {
		var event string
		select {
		case event = <-live: // closed: nothing, again and again, until
		case <-late:
			t.Fatalf("the numbers told were %d at most, %+v in the end", most, last)
		}
		if data, ok := strings.CutPrefix(event, "event: queue\ndata: "); ok {
			if err := json.Unmarshal([]byte(data), &last); err != nil {
				t.Fatal(err)
			}
			most = max(most, last.Waiting)
		}
	}
}

// A connection that ends anywhere, also after the other server has stored the scan, costs an attempt and nothing else.
func TestAConnectionCutAtAnyStageLosesAndRepeatsNothing(t *testing.T) {
	up := start(t)
	network := newLine(t, up.URL())
	field := newField(t, t.TempDir(), upstreamTo(t, up, network.url(), nil))
	field.cfg.Clock = up.clock.now // all times, and with them all requests, are of one length
	var want []string
	send := func() error {
		_, err := field.Send(asProgram(t), nil)
		return err
	}
	want = append(want, take(t, field, "fentanyl whole").SHA256)
	if err := send(); err != nil {
		t.Fatal(err)
	}
	sent, returned := network.lengths()
	if sent < 500 || returned < 500 {
		t.Fatalf("%d bytes sent, %d returned", sent, returned)
	}
	type cut struct {
		up, back int64
		stored   bool // the other server has it when the connection ends
	}
	cuts := []cut{}
	for _, n := range []int64{0, 1, 20, 200, sent / 3, sent / 2, sent - 40, sent - 1} {
		cuts = append(cuts, cut{n, -1, false})
	}
	for _, n := range []int64{0, 1, 12, 200, returned / 2, returned - 20} {
		cuts = append(cuts, cut{-1, n, true})
	}
	for i, c := range cuts {
		title := fmt.Sprintf("fentanyl %05d", i) // all as long as "fentanyl whole"
		want = append(want, take(t, field, title).SHA256)
		network.set(false, c.up, c.back)
		err := send()
		if err == nil || errors.Is(err, forward.ErrRefused) || errors.Is(err, forward.ErrDenied) {
			t.Errorf("cut %+v: %v", c, err)
		}
		if b := backlog(t, field); b.Waiting != 1 || b.Parked != 0 || b.Error == "" {
			t.Errorf("cut %+v: backlog %+v", c, b)
		}
		if here := len(order(t, up.cfg.DataDir)) == len(want); here != c.stored {
			t.Errorf("cut %+v: stored there is %t", c, here)
		}
		network.set(false, -1, -1)
		if err := send(); err != nil {
			t.Errorf("after cut %+v: %v", c, err)
		}
	}
	if got := order(t, up.cfg.DataDir); !slices.Equal(got, want) {
		t.Errorf("there are %d scans, want %d", len(got), len(want))
	}
	if b := backlog(t, field); b.Waiting+b.Parked != 0 {
		t.Errorf("backlog %+v", b)
	}
}

func TestTheAnswerGivenInTheFieldIsKeptBesideTheNewOne(t *testing.T) {
	up := start(t)
	field := newField(t, t.TempDir(), upstreamTo(t, up, up.URL(), nil))
	field.cfg.NewIdentifier = answering(newer{}) // the two disagree
	if err := field.load(asProgram(t)); err != nil {
		t.Fatal(err)
	}
	there := take(t, field, "fentanyl")
	if _, err := field.Send(asProgram(t), nil); err != nil {
		t.Fatal(err)
	}
	var page struct{ Scans []store.Scan }
	up.do("GET", "/v1/scans", nil).want(t, http.StatusOK).into(t, &page)
	if len(page.Scans) != 1 || len(page.Scans[0].FieldAnswers) != 0 {
		t.Fatalf("%+v", page.Scans)
	}
	sc := up.scan(up.do("GET", "/v1/scans/"+page.Scans[0].ID, nil).want(t, http.StatusOK))
	if sc.Verdict != "alarm" || sc.SHA256 != there.SHA256 || sc.Case != "C fentanyl" || len(sc.FieldAnswers) != 1 {
		t.Fatalf("scan %+v", sc)
	}
	a := sc.FieldAnswers[0]
	if a.ScanID != there.ID || !a.Answered.Equal(there.Created) || a.Case != there.Case {
		t.Errorf("field answer %+v of %+v", a, there)
	}
	if diff := cmp.Diff(there.Identification, a.Identification); diff != "" {
		t.Errorf("what was shown is not what is kept:\n%s", diff)
	}
	if a.Identification.Library != "lib-2" || sc.Identification.Library != "lib-1" || a.Identification.Headline == sc.Headline {
		t.Errorf("%s by %s, %s by %s", a.Identification.Headline, a.Identification.Library, sc.Headline, sc.Identification.Library)
	}
}

// newer answers otherwise than byTitle.
type newer struct{ byTitle }

func (newer) Identify(ctx context.Context, s spectra.Spectrum) (identify.Identification, error) {
	ans, err := byTitle{}.Identify(ctx, s)
	ans.Verdict, ans.Headline, ans.Library, ans.Findings = identify.Inconclusive, "NO ANSWER: signal too weak", "lib-2", nil
	ans.Reasons = []string{"signal too weak"}
	return ans, err
}

func TestAnAnswerTravelsOverSeveralServersAndComesBackAsNoNews(t *testing.T) {
	state := start(t)
	region := start(t, func(c *Config) { c.Upstream = upstreamTo(t, state, state.URL(), nil) })
	field := newField(t, t.TempDir(), upstreamTo(t, region, region.URL(), nil))
	a := take(t, field, "fentanyl")
	if _, err := field.Send(asProgram(t), nil); err != nil {
		t.Fatal(err)
	}
	waitFor(t, region.Server, "the way on", func() bool { return backlog(t, region.Server).LastSent != nil })
	stored, err := state.store.ByHash(asProgram(t), a.SHA256)
	if err != nil || len(stored) != 1 || len(stored[0].FieldAnswers) != 2 || stored[0].FieldAnswers[0].ScanID != a.ID {
		t.Fatalf("%d stored, %v", len(stored), err)
	}
	// A ring of servers ends by itself.
	back := newField(t, t.TempDir(), upstreamTo(t, region, region.URL(), nil))
	if _, _, err := back.Receive(asProgram(t), api.Upload{Name: "a.json", Raw: []byte(jsonSpectrum("fentanyl")), Spectra: []spectra.Spectrum{spectrum("fentanyl")}, Answers: stored[0].Answers()}); err != nil {
		t.Fatal(err)
	}
	if _, err := back.Send(asProgram(t), nil); err != nil {
		t.Fatal(err)
	}
	mid, err := region.store.ByHash(asProgram(t), a.SHA256)
	if err != nil || len(mid) != 1 || backlog(t, region.Server).Waiting != 0 {
		t.Fatalf("%+v, %v", mid, err)
	}
	for _, f := range mid[0].FieldAnswers {
		if f.ScanID == mid[0].ID {
			t.Error("a server was told its own answer as another's")
		}
	}
}

func TestEveryFormInWhichAScanCameIsSentAsItCame(t *testing.T) {
	up := start(t)
	field := start(t, func(c *Config) { c.Queue = true })
	field.do("POST", "/v1/scans?filename=x.jdx&case=C+7&latitude=39.8&longitude=-0.5&precision_m=25&county=Adams&state=CO&fips=08001&exhibit=E&officer=Ruiz", jcamp("fentanyl a")).want(t, http.StatusCreated)
	field.do("POST", "/v1/scans", `{"spectrum": {"title":"fentanyl b",  "technique":"ir","x_unit":"cm-1","x":[1,2],"y":[3,4]}}`, "Content-Type", "application/json").want(t, http.StatusCreated)
	if _, _, err := field.Ingest(asProgram(t), "Zürich \"7\".csv", []byte("x,y\n200,1\n201,5\n202,3\n203,1\n"), []spectra.Spectrum{spectrum("fentanyl c")}, store.Fields{}); err != nil {
		t.Fatal(err)
	}
	sender := newField(t, field.cfg.DataDir, upstreamTo(t, up, up.URL(), nil)) // another program on the same folder
	if r, err := sender.Send(asProgram(t), nil); err != nil || r.Sent != 3 {
		t.Fatal(r, err, backlog(t, sender))
	}
	var first store.Scan
	for i, sum := range order(t, field.cfg.DataDir) {
		here, err := field.store.ByHash(asProgram(t), sum)
		if err != nil {
			t.Fatal(err)
		}
		there, err := up.store.ByHash(asProgram(t), sum)
		if err != nil || len(there) != 1 || there[0].Filename != here[0].Filename || there[0].Technique != here[0].Technique {
			t.Fatalf("%+v, %v; here %+v", there, err, here)
		}
		if i == 0 {
			first = there[0]
			if diff := cmp.Diff(here[0].Location, first.Location); diff != "" || first.Case != "C 7" || first.Exhibit != "E" || first.Officer != "Ruiz" {
				t.Errorf("circumstances %+v\n%s", first, diff)
			}
		}
	}
	if b := backlog(t, field.Server); b.Waiting+b.Parked != 0 {
		t.Errorf("backlog %+v", b)
	}
}

func TestARefusedFileIsParkedWithItsReasonAndTheRestGoesOn(t *testing.T) {
	up := start(t, func(c *Config) { c.MaxUpload = 20 << 10 })
	field := newField(t, t.TempDir(), upstreamTo(t, up, up.URL(), nil))
	a := take(t, field, "fentanyl a")
	big := spectrum("fentanyl big")
	for i := range 4000 {
		big.X, big.Y = append(big.X, 203+float64(i)), append(big.Y, float64(i%7))
	}
	raw, err := json.Marshal(big)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := field.Ingest(asProgram(t), "big.json", raw, []spectra.Spectrum{big}, store.Fields{}); err != nil {
		t.Fatal(err)
	}
	b := take(t, field, "fentanyl b")
	r, err := field.Send(asProgram(t), nil)
	if err != nil || r != (forward.Result{Sent: 2, Parked: 1}) {
		t.Fatalf("%+v, %v", r, err)
	}
	if got := order(t, up.cfg.DataDir); !slices.Equal(got, []string{a.SHA256, b.SHA256}) {
		t.Errorf("there: %v", got)
	}
	list, err := field.store.Unsent(asProgram(t), 10)
	if err != nil || len(list) != 1 || list[0].Parked == nil || !strings.Contains(list[0].Error, "413") {
		t.Errorf("%+v, %v", list, err)
	}
	// Once the reason is mended it goes the way of the others.
	roomy := start(t)
	again := start(t, func(c *Config) { c.DataDir, c.Upstream = field.cfg.DataDir, upstreamTo(t, roomy, roomy.URL(), nil) })
	if b := backlog(t, again.Server); b.Parked != 1 || b.Waiting != 0 {
		t.Errorf("backlog %+v", b)
	}
	again.do("POST", "/v1/queue/retry", nil).want(t, http.StatusNoContent)
	waitFor(t, again.Server, "the refused scan", func() bool { return len(order(t, roomy.cfg.DataDir)) == 1 && backlog(t, again.Server).Waiting == 0 })
}
