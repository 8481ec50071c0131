package server

import (
	"strings"
	"testing"

	"fentrace/server/jobs"
	"fentrace/server/store"
)

// stray is a job that the database has as running, done by the program by, and that nobody does.
func (r *running) stray(by string) (id int64) {
	r.t.Helper()
	ctx := asProgram(r.t)
	// In a queue that nobody takes from, so that it is not done at once. The look-back is not there: that ends the job.
	if err := r.store.InsertLookBack(ctx, "11111111-1111-4111-8111-111111111111", "nobody"); err != nil {
		r.t.Fatal(err)
	}
	list, _, err := r.jobs.List(ctx, []string{"available"}, store.LookBackJob{}.Kind(), 0, 1)
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
		workers, err := r.store.Workers(t.Context())
		if err != nil || len(workers) != 1 {
			t.Fatal(workers, err)
		}
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
