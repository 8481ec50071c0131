package server

import (
	"bytes"
	"net/http"
	"sync"
	"testing"

	"fentrace/server/api"
	"fentrace/server/store"
)

func TestARepeatedRequestIsAnsweredAsTheFirstOneAlsoAfterARestart(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		send := func(r *running, key, title string) answer {
			return r.do("POST", "/v1/scans", jcamp(title), "Idempotency-Key", key)
		}
		first := send(r, `"k-1"`, "fentanyl").want(t, http.StatusCreated)
		if again := send(r, `"k-1"`, "fentanyl").want(t, http.StatusCreated); !bytes.Equal(again.body, first.body) {
			t.Errorf("answered\n%s\nfirst\n%s", again.body, first.body)
		}
		send(r, "k-1", "fentanyl").want(t, http.StatusCreated) // without quotes it is the same key
		send(r, `"k-2"`, "fentanyl").want(t, http.StatusOK)    // another request for known content
		send(r, `"k-2"`, "fentanyl").want(t, http.StatusOK)
		send(r, `"k-1"`, "caffeine").want(t, http.StatusUnprocessableEntity).mentions(t, "Idempotency-Key", "new key")
		if n := r.rows(); n != 1 {
			t.Errorf("%d scans stored", n)
		}
		send(r, `"k-3"`, "caffeine").want(t, http.StatusCreated)
		send(r, `"k-1"`, "caffeine").want(t, http.StatusUnprocessableEntity).mentions(t, "Idempotency-Key") // also when both are known
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		after := start(t, db, func(c *Config) { c.DataDir = r.cfg.DataDir })
		if again := send(after, `"k-1"`, "fentanyl").want(t, http.StatusCreated); !bytes.Equal(again.body, first.body) {
			t.Errorf("after a restart answered\n%s\nfirst\n%s", again.body, first.body)
		}
		send(after, `"k-1"`, "weak").want(t, http.StatusUnprocessableEntity)
		if n := after.rows(); n != 2 {
			t.Errorf("%d scans stored", n)
		}
	})
}

func TestRequestsWithOneKeyAtTheSameTimeStoreOneFile(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		titles := []string{"fentanyl", "caffeine", "weak"}
		statuses := make([]int, 12)
		var wg sync.WaitGroup
		for i := range statuses {
			wg.Go(func() {
				statuses[i] = r.do("POST", "/v1/scans", jcamp(titles[i%len(titles)]), "Idempotency-Key", `"one"`).StatusCode
			})
		}
		wg.Wait()
		n := map[int]int{}
		for _, s := range statuses {
			n[s]++
		}
		if n[http.StatusCreated] != 4 || n[http.StatusUnprocessableEntity] != 8 || r.rows() != 1 {
			t.Errorf("statuses %v, %d rows", n, r.rows())
		}
	})
}

func TestKeysAndAnswersThatCannotBeAreRefused(t *testing.T) {
	r := start(t)
	for _, key := range []string{`""`, `"open`, "a b", `"a"b"`, "\"a\\\"", "ä", string(bytes.Repeat([]byte("x"), store.MaxText+1))} {
		r.do("POST", "/v1/scans", jcamp("fentanyl"), "Idempotency-Key", key).want(t, http.StatusUnprocessableEntity).mentions(t, "Idempotency-Key")
	}
	for answers, says := range map[string]string{
		"[": "answers", `{"a":1}`: "answers", `[{"scan_id":"x"}]`: "UUID", "null": "array", "[] []": "more",
	} {
		body, kind := form(t, "answers", answers, "file", jcamp("fentanyl"))
		r.do("POST", "/v1/scans", body, "Content-Type", kind).want(t, http.StatusUnprocessableEntity).mentions(t, says)
	}
	if n := r.rows(); n != 0 {
		t.Errorf("%d scans stored", n)
	}
}

func TestTheQueueOfAServerThatSendsNowhereIsEmpty(t *testing.T) {
	r := start(t)
	r.put("fentanyl", 0, store.Fields{})
	var q struct {
		api.Queue
		Files []api.QueuedFile
	}
	r.do("GET", "/v1/queue", nil).want(t, http.StatusOK).into(t, &q)
	if q.Queue != (api.Queue{}) || q.Files == nil || len(q.Files) != 0 {
		t.Errorf("queue %+v", q)
	}
}
