package server

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"fentrace/server/api"
	"fentrace/server/auth"
	"fentrace/server/store"
)

const year = 365 * 24 * time.Hour

// jumps are what the clock of a machine does that was set wrong: back an hour, ahead a year, and back again. They come to nothing.
var jumps = []time.Duration{-time.Hour, year, -year, time.Hour}

// pagesOf are the ids of all scans as they are listed, a few at a time; between does something after each page.
func (r *running) pagesOf(between func()) (ids []string) {
	r.t.Helper()
	for cursor := ""; ; between() {
		var page struct {
			Scans []store.Scan
			Next  string `json:"next_cursor"`
		}
		r.do("GET", "/v1/scans?limit=3&cursor="+cursor, nil).want(r.t, http.StatusOK).into(r.t, &page)
		for _, sc := range page.Scans {
			ids = append(ids, sc.ID)
		}
		if cursor = page.Next; cursor == "" {
			return ids
		}
	}
}

func TestAClockThatJumpsLosesDoublesAndDisordersNothing(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db, quickly)
		var acked []store.Scan
		send := func() store.Scan {
			n := len(acked)
			sc := r.scan(r.do("POST", "/v1/scans", jcamp(fmt.Sprint("caffeine ", n)), "Idempotency-Key", fmt.Sprintf(`"scan-%d"`, n)).want(t, http.StatusCreated))
			acked = append(acked, sc)
			return sc
		}
		var sizes []int64
		for i, jump := range append([]time.Duration{0}, jumps...) {
			r.clock.advance(jump)
			for range 4 {
				send()
				r.clock.advance(time.Second)
			}
			// Jobs go on, whatever time it is.
			b := r.newBatch(fmt.Sprint("batch ", i))
			r.do("POST", "/v1/batches/"+b.ID+"/files?filename=a.jdx", jcamp(fmt.Sprint("fentanyl ", i))).want(t, http.StatusCreated)
			if got := r.ended(b.ID, 1); got.Done != 1 {
				t.Errorf("after %v: %+v", jump, got)
			}
			cp, err := r.Checkpoint(asProgram(t))
			if err != nil {
				t.Fatalf("after %v: %v", jump, err)
			}
			sizes = append(sizes, cp.Size)
			// What was sent before is known by its key, and nothing else is.
			for n, sc := range acked {
				again := r.scan(r.do("POST", "/v1/scans", jcamp(fmt.Sprint("caffeine ", n)), "Idempotency-Key", fmt.Sprintf(`"scan-%d"`, n)).want(t, http.StatusCreated))
				if again.ID != sc.ID {
					t.Errorf("after %v: scan %d is stored as %s and %s", jump, n, sc.ID, again.ID)
				}
			}
			r.do("POST", "/v1/scans", jcamp("mannitol"), "Idempotency-Key", `"scan-0"`).want(t, http.StatusUnprocessableEntity)
		}
		if !slices.IsSorted(sizes) || len(slices.Compact(slices.Clone(sizes))) != len(sizes) {
			t.Errorf("checkpoints at %v", sizes)
		}

		// A reader who goes from page to page while the clock jumps sees everything that was there, once, in one order.
		before := r.pagesOf(func() {})
		jump := 0
		seen := r.pagesOf(func() {
			r.clock.advance(jumps[jump%len(jumps)])
			jump++
			send()
		})
		for ; jump%len(jumps) != 0; jump++ {
			r.clock.advance(jumps[jump%len(jumps)])
		}
		known := slices.DeleteFunc(slices.Clone(seen), func(id string) bool { return !slices.Contains(before, id) })
		if !slices.Equal(known, before) {
			t.Errorf("listed were %q, and while the clock jumped %q", before, known)
		}
		all := r.pagesOf(func() {})
		for _, sc := range acked {
			if n := len(slices.DeleteFunc(slices.Clone(all), func(id string) bool { return id != sc.ID })); n != 1 {
				t.Errorf("scan %s is listed %d times", sc.ID, n)
			}
		}
		if n := len(jumps) + 1 + len(acked); len(all) != n || r.rows() != n {
			t.Errorf("%d scans are listed and %d stored, not %d", len(all), r.rows(), n)
		}

		v, err := r.store.Verify(asProgram(t), store.VerifyOptions{Each: func(f store.Fault) { t.Errorf("%+v", f) }})
		if err != nil || v.Faults > 0 {
			t.Errorf("%d faults, %v", v.Faults, err)
		}
		// Leaves stand in the order of being stored, though their times do not.
		var back int
		var last time.Time
		for next := "?limit=200"; next != ""; {
			p := r.logged(next)
			if !slices.IsSortedFunc(p.Entries, func(a, b api.LoggedEntry) int { return cmp.Compare(b.Seq, a.Seq) }) {
				t.Error("the log is not listed in its order")
			}
			for _, e := range p.Entries {
				if !last.IsZero() && e.Time.After(last) {
					back++
				}
				last = e.Time
			}
			if next = ""; p.NextCursor != "" {
				next = "?limit=200&cursor=" + p.NextCursor
			}
		}
		if back < 2 {
			t.Errorf("the time of the log went back %d times: the test shows little", back)
		}
	})
}

func TestWhatHasExpiredIsNotGoodAgainWhenTheClockGoesBack(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		cookie, code := r.session(), r.code()
		_, short, err := r.auth.NewToken(asProgram(t), DefaultUser, "short", "", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		me := func(status int) {
			t.Helper()
			r.browser(cookie, "GET", "/v1/me", "").want(t, status)
			r.send("GET", "/v1/me", nil, map[string]string{"Authorization": "Bearer " + short}).want(t, status)
		}
		me(http.StatusOK)
		r.clock.advance(-time.Hour)
		me(http.StatusOK)
		r.clock.advance(year)
		me(http.StatusUnauthorized)
		r.codeLogin(code).want(t, http.StatusUnauthorized)
		ahead := r.session() // of a browser that logs in while the clock is ahead
		r.clock.advance(-year)
		me(http.StatusUnauthorized)
		r.codeLogin(code).want(t, http.StatusUnauthorized)
		r.clock.advance(time.Hour)
		r.browser(r.session(), "GET", "/v1/me", "").want(t, http.StatusOK)
		r.browser(ahead, "GET", "/v1/me", "").want(t, http.StatusOK)
		r.browser(ahead, "POST", "/v1/logout", "").want(t, http.StatusNoContent) // it would be good for a year
		r.browser(ahead, "GET", "/v1/me", "").want(t, http.StatusUnauthorized)
		r.do("GET", "/v1/me", nil).want(t, http.StatusOK) // a token that does not expire
	})
}

func TestALockOutLastsAsLongAsItSaysWhateverTheClockDoes(t *testing.T) {
	r := start(t)
	r.clock.advance(year)
	for range auth.MaxFailures {
		r.codeLogin("wrong").want(t, http.StatusUnauthorized)
	}
	r.codeLogin("wrong").want(t, http.StatusTooManyRequests)
	r.clock.advance(-year) // opens nothing
	r.codeLogin(r.code()).want(t, http.StatusTooManyRequests)
	r.clock.advance(auth.ThrottleWindow + time.Second) // and closes nothing for a year
	r.session()
}

func TestACodeOfAnAppIsNotGoodAgainWhenTheClockGoesBack(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		secret, _ := r.withFactor(t)
		used := r.appCode(t, secret)
		r.passwordLogin(used).want(t, http.StatusNoContent)
		r.clock.advance(-time.Hour)
		r.passwordLogin(r.appCode(t, secret)).want(t, http.StatusUnauthorized) // it was shown an hour before the other
		r.clock.advance(time.Hour)
		r.passwordLogin(used).want(t, http.StatusUnauthorized)
		r.clock.advance(time.Minute)
		r.passwordLogin(r.appCode(t, secret)).want(t, http.StatusNoContent)
	})
}

// River goes by the clock of the database, or of the machine with SQLite, which a test cannot set: what a clock that was ahead has left
// there is made by hand. Nobody leads for a year, and a job is due in a year.
func TestAJobOfAClockThatWasAheadIsDoneNow(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db, quickly)
		ctx := asProgram(t)
		if err := r.store.InsertLookBack(ctx, "11111111-1111-4111-8111-111111111111", "nobody"); err != nil {
			t.Fatal(err)
		}
		later := "datetime('now', 'subsec', '+365 days')"
		if r.cfg.Database != "" {
			later = "now() + interval '365 days'"
		}
		await(t, "somebody leads", func() bool {
			db := r.eyes()
			defer db.Close()
			var n int
			err := db.QueryRow("SELECT count(*) FROM river_leader").Scan(&n)
			return err == nil && n == 1
		})
		r.exec("UPDATE river_leader SET leader_id = 'a program that has ended', expires_at = "+later,
			"UPDATE river_job SET state = 'retryable', queue = 'look_back', scheduled_at = "+later)
		await(t, "the job is done", func() bool {
			list, _, err := r.jobs.List(ctx, nil, store.LookBackJob{}.Kind(), 0, 1)
			return err == nil && len(list) == 1 && list[0].Tried != nil // there is no such look-back, which is an error
		})
	})
}
