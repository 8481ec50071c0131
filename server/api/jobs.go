package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"fentrace/server/audit"
	"fentrace/server/auth"
	"fentrace/server/jobs"
	"fentrace/server/store"
)

// toldAtOnce is how many batches a stream follows: the newest.
const toldAtOnce = 20

// tellEvery is how often a stream tells of batches and jobs at most.
const tellEvery = 500 * time.Millisecond

// Jobs tells of jobs and changes them.
type Jobs interface {
	// List are jobs, newest first; next is what to go on before, 0 on the last page.
	List(ctx context.Context, states []string, kind string, before int64, limit int) (list []jobs.Job, next int64, err error)
	// Job is one. Errors: store.ErrNotFound.
	Job(ctx context.Context, id int64) (jobs.Job, error)
	// Retry lets a job be taken again now. Errors: store.ErrNotFound, store.ErrNotNow.
	Retry(ctx context.Context, id int64) (jobs.Job, error)
	// Discard takes a job away. Errors: store.ErrNotFound, store.ErrNotNow.
	Discard(ctx context.Context, id int64) error
	// Cancel ends a job. Errors: store.ErrNotFound.
	Cancel(ctx context.Context, id int64) (jobs.Job, error)
}

// JobID is the path parameter of everything about one job.
type JobID struct {
	ID int64 `path:"id" minimum:"1"`
}

// JobPage is one part of a list of jobs.
type JobPage struct {
	Kind   string `query:"kind" maxLength:"100"`
	Before int64  `query:"before" minimum:"0" doc:"next of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

type jobsOutput struct {
	Body struct {
		Jobs   []jobs.Job                `json:"jobs" doc:"newest first"`
		Next   int64                     `json:"next" doc:"what to go on before; 0 on the last page"`
		Counts map[string]map[string]int `json:"counts" doc:"all jobs there are, by kind and state; those that went well are forgotten after a day"`
	}
}

type jobOutput struct{ Body jobs.Job }

func (a *API) registerJobs() {
	list := func(ctx context.Context, states []string, p JobPage) (*jobsOutput, error) {
		out := &jobsOutput{}
		var err error
		if out.Body.Jobs, out.Body.Next, err = a.jobs.List(ctx, states, p.Kind, p.Before, p.Limit); err != nil {
			return nil, err
		}
		out.Body.Counts, err = a.store.JobCounts(ctx)
		return out, err
	}
	register(a, huma.Operation{OperationID: "jobs", Extensions: needs(auth.JobsManage), Method: http.MethodGet, Path: "/v1/jobs", Summary: "What is done in the background",
		Description: "Jobs hold ids, never what is behind them. One that fails is tried again after growing waits; one that has failed too often is given up " +
			"(state discarded) and kept until somebody tries it again or takes it away. GET /v1/events tells, as events named jobs, when their numbers have changed.",
		Errors: []int{http.StatusUnprocessableEntity}},
		func(ctx context.Context, in *struct {
			JobPage
			State string `query:"state" enum:"available,running,retryable,scheduled,pending,completed,cancelled,discarded"`
		}) (*jobsOutput, error) {
			var states []string
			if in.State != "" {
				states = []string{in.State}
			}
			return list(ctx, states, in.JobPage)
		})
	register(a, huma.Operation{OperationID: "dead-jobs", Extensions: needs(auth.JobsManage), Method: http.MethodGet, Path: "/v1/jobs/dead", Summary: "Jobs that were given up, each with its error"},
		func(ctx context.Context, in *struct{ JobPage }) (*jobsOutput, error) {
			return list(ctx, []string{"discarded"}, in.JobPage)
		})
	register(a, huma.Operation{OperationID: "job", Extensions: needs(auth.JobsManage), Method: http.MethodGet, Path: "/v1/jobs/{id}", Summary: "One job", Errors: []int{http.StatusNotFound}},
		func(ctx context.Context, in *JobID) (*jobOutput, error) {
			j, err := a.jobs.Job(ctx, in.ID)
			return &jobOutput{j}, err
		})
	register(a, huma.Operation{OperationID: "retry-job", Extensions: needs(auth.JobsManage), Method: http.MethodPost, Path: "/v1/jobs/{id}/retry", Summary: "Try a job again now", DefaultStatus: http.StatusOK,
		Errors: []int{http.StatusNotFound, http.StatusConflict}},
		func(ctx context.Context, in *JobID) (*jobOutput, error) {
			if err := a.noteJob(ctx, in.ID, "retry"); err != nil {
				return nil, err
			}
			j, err := a.jobs.Retry(ctx, in.ID)
			return &jobOutput{j}, err
		})
	register(a, huma.Operation{OperationID: "cancel-job", Extensions: needs(auth.JobsManage), Method: http.MethodPost, Path: "/v1/jobs/{id}/cancel", Summary: "End a job; what it has stored is kept", DefaultStatus: http.StatusOK,
		Errors: []int{http.StatusNotFound}},
		func(ctx context.Context, in *JobID) (*jobOutput, error) {
			if err := a.noteJob(ctx, in.ID, "cancel"); err != nil {
				return nil, err
			}
			j, err := a.jobs.Cancel(ctx, in.ID)
			return &jobOutput{j}, err
		})
	register(a, huma.Operation{OperationID: "discard-job", Extensions: needs(auth.JobsManage), Method: http.MethodPost, Path: "/v1/jobs/{id}/discard", Summary: "Take a job away that has ended or waits",
		DefaultStatus: http.StatusNoContent, Errors: []int{http.StatusNotFound, http.StatusConflict}},
		func(ctx context.Context, in *JobID) (*struct{}, error) {
			if err := a.noteJob(ctx, in.ID, "discard"); err != nil {
				return nil, err
			}
			return nil, a.jobs.Discard(ctx, in.ID)
		})
	type workers struct {
		Body struct {
			Workers []store.Worker `json:"workers" doc:"in the order of starting"`
		}
	}
	register(a, huma.Operation{OperationID: "workers", Extensions: needs(auth.JobsManage), Method: http.MethodGet, Path: "/v1/workers", Summary: "Programs that take jobs from this database"},
		func(ctx context.Context, _ *struct{}) (*workers, error) {
			out := &workers{}
			var err error
			out.Body.Workers, err = a.store.Workers(ctx)
			return out, err
		})
}

// noteJob notes in the log that somebody is about to change a job.
func (a *API) noteJob(ctx context.Context, id int64, how string) error {
	if _, err := a.jobs.Job(ctx, id); err != nil {
		return err
	}
	return a.store.Note(ctx, store.Entry{Action: audit.Alter, Kind: "job", ID: strconv.FormatInt(id, 10), Detail: map[string]any{"how": how}})
}

// toldBatches is what a stream has told of batches and jobs.
type toldBatches struct {
	told map[string]store.BatchMark // nil before the first time
	jobs string
	last time.Time
	wait time.Duration // until it may tell again; 0: when something happens
}

// due tells whether enough time has passed to tell again; if not, wait says when it has.
func (f *toldBatches) due() bool {
	if since := time.Since(f.last); since < tellEvery {
		f.wait = tellEvery - since
		return false
	}
	f.last, f.wait = time.Now(), 0
	return true
}

// again is when to tell what happened in the meantime.
func (f *toldBatches) again() <-chan time.Time {
	if f.wait == 0 {
		return nil
	}
	return time.After(f.wait)
}

// jobNumbers are the numbers of jobs that are not done, by state.
type jobNumbers struct {
	Waiting int `json:"waiting"`
	Running int `json:"running"`
	Failing int `json:"failing" doc:"failed, to be tried again"`
	Dead    int `json:"dead" doc:"given up"`
}

// sendJobs tells how many jobs there are unless it is what was told last; false ends the stream.
func (a *API) sendJobs(ctx context.Context, f *toldBatches, send func(format string, args ...any) bool) bool {
	if f.wait > 0 {
		return true
	}
	counts, err := a.store.JobCounts(ctx)
	if err != nil {
		return false
	}
	var n jobNumbers
	for _, by := range counts {
		n.Waiting += by["available"] + by["scheduled"] + by["pending"]
		n.Running += by["running"]
		n.Failing += by["retryable"]
		n.Dead += by["discarded"]
	}
	data, err := json.Marshal(n)
	if err != nil || f.jobs == string(data) || f.jobs == "" && n == (jobNumbers{}) {
		return err == nil
	}
	f.jobs = string(data)
	return send("event: jobs\ndata: %s\n\n", data)
}
