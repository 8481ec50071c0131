package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"fentrace/server/audit"
	"fentrace/server/auth"
	"fentrace/server/store"
	"fentrace/server/tlp"
	"fentrace/server/webhook"
)

// receiver is a program that is told of events.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	got    []received
}

type received struct {
	head http.Header
	body []byte
	message
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{status: http.StatusOK}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		one := received{head: req.Header, body: body}
		if err := json.Unmarshal(body, &one.message); err != nil {
			t.Errorf("%v: %s", err, body)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got = append(r.got, one)
		w.WriteHeader(r.status)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// loopback lets webhooks go to this machine.
func loopback(t *testing.T) func(*Config) {
	allowed, err := webhook.ParseAllowed([]string{"127.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	return func(c *Config) { c.WebhookAllow = allowed }
}

type madeWebhook struct {
	store.Webhook
	Secret string
}

func (r *running) webhook(url string) (made madeWebhook) {
	r.t.Helper()
	r.do("POST", "/v1/webhooks", fields{"name": "partner", "url": url, "events": []string{store.EventAlert}}).want(r.t, http.StatusCreated).into(r.t, &made)
	return made
}

func (r *running) deliveries(webhook, query string) (list []store.Delivery, next string) {
	r.t.Helper()
	var page struct {
		Deliveries []store.Delivery
		Next       string `json:"next_cursor"`
	}
	r.do("GET", "/v1/webhooks/"+webhook+"/deliveries?"+query, nil).want(r.t, http.StatusOK).into(r.t, &page)
	return page.Deliveries, page.Next
}

// delivered waits until the newest delivery is in a state.
func (r *running) delivered(webhook, state string) (d store.Delivery) {
	r.t.Helper()
	await(r.t, "a delivery is "+state, func() bool {
		list, _ := r.deliveries(webhook, "")
		if len(list) > 0 {
			d = list[0]
		}
		return d.State == state
	})
	return d
}

// raise raises an alert of a record.
func (w *world) raise(rc *record, substance string) {
	w.t.Helper()
	raised, err := w.store.RaiseAlert(asProgram(w.t), store.Alert{Agency: rc.Agency, TLP: rc.TLP, Created: w.clock.now(), Substance: substance, ReferenceID: "ref", ScanID: rc.ID,
		County: "Adams", State: "CO", Simulated: true, FirstSeen: rc.Acquired})
	if err != nil || !raised {
		w.t.Fatal(raised, err)
	}
}

func TestAnAlertIsDeliveredSignedToWhoMayHandItOut(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		w := newWorld(t, func(c *Config) { db(c); quickly(c); loopback(t)(c) }, "one", "two")
		at := newReceiver(t)
		hooks := map[string]madeWebhook{}
		people := map[string]reader{"cleared": w.person(auth.RoleDisseminator, "one", tlp.Amber), "high": w.person(auth.RoleOperator, "one", tlp.Red),
			"low": w.person(auth.RoleDisseminator, "one", tlp.Green), "other": w.person(auth.RoleDisseminator, "two", tlp.Amber)}
		for name, p := range people {
			hooks[name] = w.by(p).webhook(at.URL + "/" + name)
		}
		w.by(w.person(auth.RoleAnalyst, "one", tlp.Red)).do("GET", "/v1/webhooks", nil).want(t, http.StatusForbidden)
		records := map[tlp.Level]*record{}
		for _, level := range []tlp.Level{tlp.Green, tlp.Amber, tlp.Red} {
			records[level] = w.add("one", level)
			w.raise(records[level], "caffeine "+string(level))
		}
		// What is marked RED leaves by nobody, cleared or not; what is AMBER is of one agency, and above one clearance.
		for name, want := range map[string][]tlp.Level{"cleared": {tlp.Amber, tlp.Green}, "high": {tlp.Amber, tlp.Green}, "low": {tlp.Green}, "other": {tlp.Green}} {
			r := w.by(people[name])
			await(t, "all is delivered to "+name, func() bool {
				list, _ := r.deliveries(hooks[name].ID, "")
				return len(list) == len(want) && !slices.ContainsFunc(list, func(d store.Delivery) bool { return d.State != store.DeliveryDone })
			})
		}
		got := at.all()
		if len(got) != 6 {
			t.Errorf("%d messages came", len(got))
		}
		for _, one := range got {
			if one.Type != store.EventAlert || !one.Data.Simulated || !strings.Contains(one.Data.Note, "SIMULATED") || !strings.Contains(strings.ToLower(one.Data.Note), "presumptive") ||
				!strings.Contains(string(one.body), `"simulated":true`) || one.Data.TLP == tlp.Red || one.Data.ScanID != records[one.Data.TLP].ID {
				t.Errorf("%s", one.body)
			}
			at, err := strconv.ParseInt(one.head.Get("webhook-timestamp"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			signed := 0
			for _, h := range hooks {
				key, err := webhook.ParseSecret(h.Secret)
				if err != nil {
					t.Fatal(err)
				}
				if one.head.Get("webhook-signature") == webhook.Signature(key, one.head.Get("webhook-id"), time.Unix(at, 0), one.body) {
					signed++
				}
			}
			if signed != 1 {
				t.Errorf("signed by %d of the webhooks", signed)
			}
		}
		log, err := w.store.LogAbout(asProgram(t), store.KindScan, records[tlp.Amber].ID)
		if err != nil {
			t.Fatal(err)
		}
		given := 0
		for _, e := range log {
			if e.Action == audit.Disclose && strings.Contains(string(e.Detail), "webhook") {
				given++
			}
		}
		if given != 2 {
			t.Errorf("the log knows of %d that were given it", given)
		}

		// Nobody else has the webhook, and nobody the secret again.
		mine := hooks["cleared"]
		other := w.by(people["high"])
		other.do("GET", "/v1/webhooks/"+mine.ID+"/deliveries", nil).want(t, http.StatusNotFound)
		other.do("DELETE", "/v1/webhooks/"+mine.ID, nil).want(t, http.StatusNotFound)
		first, next := w.by(people["cleared"]).deliveries(mine.ID, "limit=1")
		second, end := w.by(people["cleared"]).deliveries(mine.ID, "limit=1&cursor="+next)
		if len(first) != 1 || len(second) != 1 || first[0].ID == second[0].ID || end != "" {
			t.Errorf("%+v, %+v, %q", first, second, end)
		}
		other.do("POST", "/v1/webhooks/"+mine.ID+"/deliveries/"+first[0].ID+"/replay", nil).want(t, http.StatusNotFound)
		list := w.by(people["cleared"]).do("GET", "/v1/webhooks", nil).want(t, http.StatusOK).mentions(t, mine.ID)
		for _, text := range []string{string(list.body), w.log.String()} {
			if strings.Contains(text, mine.Secret) || strings.Contains(text, strings.TrimPrefix(mine.Secret, "whsec_")) {
				t.Error("the secret is told again")
			}
		}
		w.by(people["cleared"]).do("DELETE", "/v1/webhooks/"+mine.ID, nil).want(t, http.StatusNoContent)
		w.raise(records[tlp.Amber], "lactose")
		w.by(people["high"]).delivered(hooks["high"].ID, store.DeliveryDone)
		w.by(people["cleared"]).do("GET", "/v1/webhooks/"+mine.ID+"/deliveries", nil).want(t, http.StatusNotFound)
	})
}

func TestADeliveryIsMadeOnceAndAgainWhenAskedFor(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		w := newWorld(t, func(c *Config) { db(c); quickly(c); loopback(t)(c) }, "one")
		at := newReceiver(t)
		r := w.by(w.person(auth.RoleDisseminator, "one", tlp.Amber))
		h := r.webhook(at.URL)
		rc := w.add("one", tlp.Amber)
		at.answer(http.StatusInternalServerError)
		w.raise(rc, "caffeine")
		await(t, "it was tried more than once", func() bool { return len(at.all()) > 1 })
		if list, _ := r.deliveries(h.ID, ""); list[0].State != store.DeliveryWaiting || !strings.Contains(list[0].Error, "500") || list[0].Attempts < 2 {
			t.Errorf("%+v", list[0])
		}
		at.answer(http.StatusNoContent)
		d := r.delivered(h.ID, store.DeliveryDone)
		if d.Error != "" || d.Subject == "" {
			t.Errorf("%+v", d)
		}
		tries := len(at.all())
		// The job comes again, as after a crash; the alert too.
		if err := w.webhookJob(asProgram(t), store.WebhookJob{Delivery: d.ID}, false); err != nil {
			t.Fatal(err)
		}
		if again, err := w.store.RaiseAlert(asProgram(t), store.Alert{Agency: "one", TLP: tlp.Amber, Created: w.clock.now(), Substance: "caffeine", ReferenceID: "ref", ScanID: rc.ID, County: "Adams", State: "CO", Simulated: true, FirstSeen: rc.Acquired}); err != nil || again {
			t.Fatal(again, err)
		}
		if list, _ := r.deliveries(h.ID, ""); len(at.all()) != tries || len(list) != 1 {
			t.Errorf("%d messages and %d deliveries after %d", len(at.all()), len(list), tries)
		}
		r.do("POST", "/v1/webhooks/"+h.ID+"/deliveries/"+d.ID+"/replay", nil).want(t, http.StatusOK).mentions(t, `"state":"waiting"`)
		r.delivered(h.ID, store.DeliveryDone)
		all := at.all()
		if len(all) != tries+1 {
			t.Errorf("%d messages after %d", len(all), tries)
		}
		for _, one := range all {
			if one.head.Get("webhook-id") != d.ID {
				t.Errorf("delivered as %s, not %s", one.head.Get("webhook-id"), d.ID)
			}
		}
		// What was delivered is not delivered by the job of before it was asked for again.
		if err := w.webhookJob(asProgram(t), store.WebhookJob{Delivery: d.ID}, false); err != nil || len(at.all()) != len(all) {
			t.Errorf("%d messages, %v", len(at.all()), err)
		}

		// One that is given up is listed as failed, with its error.
		at.answer(http.StatusBadGateway)
		failing, err := w.store.Replay(store.As(t.Context(), store.Principal{User: r.me(), Role: auth.RoleDisseminator, Agency: "one", Clearance: tlp.Amber}), h.ID, d.ID)
		if err != nil {
			t.Fatal(err)
		}
		for run, want := range []error{store.ErrNotNow, store.ErrNotNow, nil} { // only who was asked last makes it
			if _, err := w.store.DeliveryToMake(asProgram(t), failing.ID, run); !errors.Is(err, want) {
				t.Errorf("run %d: %v", run, err)
			}
		}
		if err := w.webhookJob(asProgram(t), store.WebhookJob{Delivery: failing.ID, Run: 2}, true); err == nil {
			t.Error("a delivery that failed has gone well")
		}
		if list, _ := r.deliveries(h.ID, ""); list[0].State != store.DeliveryFailed || !strings.Contains(list[0].Error, "502") {
			t.Errorf("%+v", list[0])
		}
	})
}

// me is the name of who asks.
func (r *running) me() string {
	r.t.Helper()
	var me struct{ User string }
	r.do("GET", "/v1/me", nil).want(r.t, http.StatusOK).into(r.t, &me)
	return me.User
}

func TestAReceiverThatWantsNoMoreIsSentNoMore(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		w := newWorld(t, func(c *Config) { db(c); quickly(c); loopback(t)(c) }, "one")
		at := newReceiver(t)
		at.answer(http.StatusGone)
		r := w.by(w.person(auth.RoleDisseminator, "one", tlp.Amber))
		h := r.webhook(at.URL)
		rc := w.add("one", tlp.Amber)
		w.raise(rc, "caffeine")
		d := r.delivered(h.ID, store.DeliveryFailed)
		var list struct{ Webhooks []store.Webhook }
		r.do("GET", "/v1/webhooks", nil).want(t, http.StatusOK).into(t, &list)
		if len(list.Webhooks) != 1 || list.Webhooks[0].Disabled == nil || !strings.Contains(list.Webhooks[0].Why, "410") || !strings.Contains(d.Error, "410") {
			t.Errorf("%+v, %+v", list.Webhooks, d)
		}
		at.answer(http.StatusOK)
		w.raise(rc, "lactose")
		if all, _ := r.deliveries(h.ID, ""); len(all) != 1 || len(at.all()) != 1 {
			t.Errorf("%d deliveries, %d messages", len(all), len(at.all()))
		}
		r.do("POST", "/v1/webhooks/"+h.ID+"/deliveries/"+d.ID+"/replay", nil).want(t, http.StatusConflict).mentions(t, "disabled")
	})
}

// What counts is what may be handed out when it is delivered.
func TestADeliveryThatMayNotBeMadeAnyMoreIsDropped(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		w := newWorld(t, func(c *Config) { db(c); loopback(t)(c) }, "one") // jobs wait two seconds after a failure
		at := newReceiver(t)
		low, technician, yes := tlp.Green, auth.RoleTechnician, true
		rc := w.add("one", tlp.Amber)
		for i, change := range []store.PersonChange{{Clearance: &low}, {Role: &technician}, {Locked: &yes}} {
			at.answer(http.StatusInternalServerError)
			p := w.person(auth.RoleDisseminator, "one", tlp.Amber)
			h := w.by(p).webhook(at.URL)
			who := store.As(t.Context(), store.Principal{User: p.name, Role: p.role, Agency: p.agency, Clearance: p.clearance})
			before := len(at.all())
			w.raise(rc, fmt.Sprint("substance ", i))
			await(t, "it was tried", func() bool { return len(at.all()) > before })
			if err := w.store.ChangePerson(asProgram(t), p.name, change, w.clock.now()); err != nil {
				t.Fatal(err)
			}
			var list []store.Delivery
			await(t, "it is dropped", func() bool {
				var err error
				if list, _, err = w.store.Deliveries(who, h.ID, "", 10); err != nil {
					t.Fatal(err)
				}
				return list[0].State == store.DeliveryDropped
			})
			if !strings.Contains(list[0].Error, "any more") {
				t.Errorf("%+v", list[0])
			}
			tried := len(at.all())
			if err := w.webhookJob(asProgram(t), store.WebhookJob{Delivery: list[0].ID}, false); err != nil || len(at.all()) != tried {
				t.Errorf("%v, %d messages after %d", err, len(at.all()), tried)
			}
		}
	})
}

func TestAWebhookGoesToNoPrivateAddress(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		w := newWorld(t, func(c *Config) { db(c); quickly(c) }, "one")
		at := newReceiver(t)
		r := w.by(w.person(auth.RoleDisseminator, "one", tlp.Amber))
		for _, url := range []string{at.URL, "http://partner.example.org/", "https://10.0.0.1/", "https://169.254.169.254/latest", "https://[::1]/", "https://ada:x@partner.example.org/"} {
			r.do("POST", "/v1/webhooks", fields{"name": "w", "url": url, "events": []string{store.EventAlert}}).want(t, http.StatusUnprocessableEntity).mentions(t, "url")
		}
		r.do("POST", "/v1/webhooks", fields{"name": "w", "url": "https://partner.example.org/", "events": []string{"all"}}).want(t, http.StatusUnprocessableEntity)
		// A name says nothing of where it leads.
		_, port, _ := strings.Cut(strings.TrimPrefix(at.URL, "http://"), ":")
		h := r.webhook("https://localhost:" + port + "/")
		w.raise(w.add("one", tlp.Amber), "caffeine")
		await(t, "it is refused", func() bool {
			list, _ := r.deliveries(h.ID, "")
			return strings.Contains(list[0].Error, "--webhook-allow")
		})
		if len(at.all()) > 0 {
			t.Errorf("%d messages came", len(at.all()))
		}
	})
}

func TestAnAccountHasSoManyWebhooks(t *testing.T) {
	w := newWorld(t, func(*Config) {}, "one")
	r := w.by(w.person(auth.RoleDisseminator, "one", tlp.Amber))
	ask := fields{"name": "w", "url": "https://partner.example.org/", "events": []string{store.EventAlert}}
	r.do("POST", "/v1/webhooks", ask, "Idempotency-Key", "k").want(t, http.StatusCreated)
	if again := r.do("POST", "/v1/webhooks", ask, "Idempotency-Key", "k").want(t, http.StatusConflict).mentions(t, "shown once"); strings.Contains(string(again.body), "whsec_") {
		t.Errorf("%s", again.body)
	}
	for range store.MaxWebhooks - 1 {
		r.do("POST", "/v1/webhooks", ask).want(t, http.StatusCreated)
	}
	r.do("POST", "/v1/webhooks", ask).want(t, http.StatusConflict).mentions(t, "as many as may be")
}
