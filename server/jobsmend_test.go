package server

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"fentrace/server/jobs"
	"fentrace/server/store"
	"fentrace/server/store/storetest"
)

// stray is a job that the database has as running, done by the program by, and that nobody does.
func (r *running) stray(by string) (id int64) {
	r.t.Helper()
	ctx := asProgram(r.t)
	// In a queue that nobody takes from, so that it is not done at once. The look-back is not there: that ends the job.
	if err := r.store.InsertLookBack(ctx, "11111111-1111-4111-8111-111111111111", "nobody"); err != nil {
		r.t.Fatal(err)
	}
	list, _, err := r.jobs.List(ctx, nil, store.LookBackJob{}.Kind(), 0, 1)
	if err != nil || len(list) != 1 {
		r.t.Fatal(list, err)
	}
	db := r.eyes()
	defer db.Close()
	set := "UPDATE river_job SET state = 'running', queue = 'look_back', attempt = 1, attempted_at = scheduled_at, attempted_by = jsonb_array(?) WHERE id = ?"
	if r.cfg.Database != "" {
		set = "UPDATE river_job SET state = 'running', queue = 'look_back', attempt = 1, attempted_at = scheduled_at, attempted_by = ARRAY[$1] WHERE id = $2"
	}
	if _, err := db.ExecContext(ctx, set, by, list[0].ID); err != nil {
		r.t.Fatal(err)
	}
	return list[0].ID
}

// A job that was done while the database was away, so that nobody could be told, must not be taken for running for ever.
func TestAJobThatIsOnlyBelievedToRunHereIsTakenAgain(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db, quickly)
		var workers []store.Worker
		var err error
		await(t, "it takes jobs", func() bool {
			workers, err = r.store.Workers(t.Context())
			return err == nil && len(workers) == 1
		})
		id := r.stray(workers[0].ID)
		var j jobs.Job
		await(t, "it is taken again", func() bool {
			if j, err = r.jobs.Job(asProgram(t), id); err != nil {
				t.Fatal(err)
			}
			return len(j.Errors) > 1
		})
		if !strings.Contains(j.Errors[0].Error, "ended before it was done") || !strings.Contains(j.Errors[1].Error, "not found") {
			t.Errorf("%+v", j.Errors)
		}
	})
}

// What the database does not store of a look through the past is looked at again, whether it is told that it has failed, or was away.
func TestALookBackDoesNotPassOverWhatCouldNotBeStored(t *testing.T) {
	const n, stored = 40, 32 // what is stored at a time
	run := func(t *testing.T, db func(*Config), refuse, allow []string, byItself bool) {
		dir := filepath.Join(t.TempDir(), "data")
		r := startLookBack(t, dir, true, db, quickly)
		for i := range n {
			r.taken(powder(fmt.Sprint("scan ", i), uint64(i), analogLines...), 1+i%20, "Adams")
		}
		_, ref := analogReference()
		for _, s := range refuse {
			r.change(s)
		}
		var begun struct{ Rescreens []store.Rescreen }
		r.do("POST", "/v1/rescreens", map[string]any{"references": []string{ref.ContentID()}}).want(t, http.StatusAccepted).into(t, &begun)
		id := begun.Rescreens[0].ID
		if byItself {
			await(t, "the database has refused", func() bool {
				list, _, err := r.jobs.List(asProgram(t), []string{"scheduled", "available"}, store.LookBackJob{}.Kind(), 0, 1)
				return err == nil && len(list) == 1 && list[0].Tried != nil
			})
		} else if got := r.waitFor(id); got.Rescreen.State != store.RescreenFailed || got.Done != stored || len(got.Scans) != stored {
			t.Errorf("%s: %d of %d done, %d found", got.Rescreen.State, got.Done, got.Total, len(got.Scans))
		}
		for _, s := range allow {
			r.change(s)
		}
		var got rescreened
		if byItself {
			got = r.waitFor(id)
		} else {
			got = r.lookBack(ref.ContentID())
		}
		if got.Rescreen.State != store.RescreenDone || got.Done != n || got.Total != n || len(got.Scans) != n {
			t.Errorf("%s: %d of %d done, %d found; %s", got.Rescreen.State, got.Done, got.Total, len(got.Scans), got.Error)
		}
	}
	t.Run("sqlite", func(t *testing.T) {
		run(t, func(*Config) {}, []string{fmt.Sprintf(`CREATE TRIGGER refuse BEFORE INSERT ON lookback_hits WHEN (SELECT count(*) FROM lookback_hits) >= %d
			BEGIN SELECT RAISE(ABORT, 'refused'); END`, stored)}, []string{"DROP TRIGGER refuse"}, false)
	})
	for name, code := range map[string]string{"postgres": "P0001", "postgres, full": "53100"} {
		t.Run(name, func(t *testing.T) {
			address := storetest.Postgres(t)
			run(t, func(c *Config) { c.Database = address }, []string{
				fmt.Sprintf(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
					IF (SELECT count(*) FROM lookback_hits) >= %d THEN RAISE EXCEPTION 'refused' USING ERRCODE = '%s'; END IF; RETURN NEW; END $$`, stored, code),
				"CREATE TRIGGER refuse BEFORE INSERT ON lookback_hits FOR EACH ROW EXECUTE FUNCTION refuse()"},
				[]string{"DROP TRIGGER refuse ON lookback_hits"}, code == "53100")
		})
	}
}
