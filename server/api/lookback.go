package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"fentrace/server/auth"
	"fentrace/server/lookback"
	"fentrace/server/store"
)

// maxRescreens is how many look-backs a stream of events follows.
const maxRescreens = 100

// RescreenFound is one look-back with a page of what it found.
type RescreenFound struct {
	store.Rescreen
	Scans []store.LookBackHit `json:"scans" doc:"that agree with the reference, those taken first first"`
	PageEnd
}

func (a *API) registerLookBack() {
	a.registerRescreens()
	a.registerAlerts()
	type similar struct {
		Body struct {
			Scans []lookback.Similar `json:"scans" doc:"best first"`
			PageEnd
		}
	}
	register(a, huma.Operation{OperationID: "similar-scans", Extensions: needs(auth.IntelligenceRead), Method: http.MethodGet, Path: "/v1/scans/{id}/similar", Summary: "Stored scans that look like this one",
		Errors: []int{http.StatusNotFound, http.StatusUnprocessableEntity}},
		func(ctx context.Context, in *struct {
			ScanID
			Least  float64 `query:"least" minimum:"0.3" maximum:"1" default:"0.7" doc:"correlation"`
			Limit  int     `query:"limit" minimum:"1" maximum:"200" default:"20"`
			Cursor string  `query:"cursor" maxLength:"200" doc:"next_cursor of the page before"`
		}) (*similar, error) {
			out := &similar{}
			var err error
			out.Body.Scans, out.Body.NextCursor, err = a.backend.Similar(ctx, in.ID, in.Least, in.Cursor, in.Limit)
			return out, err
		})
}

func (a *API) registerRescreens() {
	type rescreens struct {
		Body struct {
			Rescreens []store.Rescreen `json:"rescreens" doc:"newest first"`
			PageEnd
		}
	}
	register(a, huma.Operation{OperationID: "begin-rescreen", Extensions: needs(auth.LookBack), Method: http.MethodPost, Path: "/v1/rescreens",
		Summary: "Look through all stored scans with references of the library", DefaultStatus: http.StatusAccepted,
		Description: "Every stored scan that agrees with a reference by a correlation of 0.5 is answered again with the library as " +
			"it is now. What agrees is listed with the reference; where the answer of now rests on its substance, first-seen dates move back, and an alert is " +
			"raised where one does. Stored answers stay as they were given. A substance that makes up little of a mixture is not found this way. A look-back " +
			"that was cancelled goes on where it stopped. One that has ended is not done again while library and algorithm are the same: what it stored is used (reused " +
			"counts that), and only scans stored since are looked at.",
		Errors: []int{http.StatusForbidden, http.StatusUnprocessableEntity}},
		func(ctx context.Context, in *struct {
			Body struct {
				References []string `json:"references" minItems:"1" maxItems:"100" doc:"ids, as fentrace library show prints them"`
			}
		}) (*rescreens, error) {
			c, err := caller(ctx)
			if err != nil {
				return nil, err
			}
			out := &rescreens{}
			out.Body.Rescreens, err = a.backend.Rescreen(ctx, in.Body.References, c.User)
			return out, err
		})
	register(a, huma.Operation{OperationID: "rescreens", Extensions: needs(auth.IntelligenceRead), Method: http.MethodGet, Path: "/v1/rescreens", Summary: "Looks through the past, and how far they are",
		Description: "GET /v1/events tells whenever one of them has changed."},
		func(ctx context.Context, in *PageQuery) (*rescreens, error) {
			out := &rescreens{}
			var err error
			out.Body.Rescreens, out.Body.NextCursor, err = a.store.Rescreens(ctx, in.Cursor, in.Limit)
			return out, err
		})
	type rescreen struct{ Body RescreenFound }
	register(a, huma.Operation{OperationID: "rescreen", Extensions: needs(auth.IntelligenceRead), Method: http.MethodGet, Path: "/v1/rescreens/{id}", Summary: "One look through the past with what it found",
		Errors: []int{http.StatusNotFound}},
		func(ctx context.Context, in *struct {
			ItemID
			PageQuery
		}) (*rescreen, error) {
			out := &rescreen{}
			var err error
			if out.Body.Rescreen, err = a.store.Rescreen(ctx, in.ID); err != nil {
				return nil, err
			}
			out.Body.Scans, out.Body.NextCursor, err = a.store.LookBackHitPage(ctx, out.Body.ReferenceID, in.Cursor, in.Limit)
			return out, err
		})
	register(a, huma.Operation{OperationID: "cancel-rescreen", Extensions: needs(auth.LookBack), Method: http.MethodPost, Path: "/v1/rescreens/{id}/cancel",
		Summary:       "End a look through the past; what it has found is kept",
		Description:   "One that fentrace rescreen runs on the same database ends a few scans later.",
		DefaultStatus: http.StatusNoContent,
		Errors:        []int{http.StatusForbidden, http.StatusNotFound, http.StatusConflict}},
		func(ctx context.Context, in *ItemID) (*struct{}, error) {
			return nil, a.backend.CancelRescreen(ctx, in.ID)
		})
}

func (a *API) registerAlerts() {
	type alerts struct {
		Body struct {
			Alerts []store.Alert `json:"alerts" doc:"those not read first, then newest first"`
			PageEnd
		}
	}
	register(a, huma.Operation{OperationID: "alerts", Extensions: needs(auth.IntelligenceRead), Method: http.MethodGet, Path: "/v1/alerts",
		Summary: "Where a substance was earlier than was known",
		Description: "Found by looking through the past with a reference that was not there at the time. Presumptive, as every answer is. " +
			"Scans whose county is not known count together, by state where that is known."},
		func(ctx context.Context, in *PageQuery) (*alerts, error) {
			out := &alerts{}
			var err error
			out.Body.Alerts, out.Body.NextCursor, err = a.store.AlertPage(ctx, in.Cursor, in.Limit)
			return out, err
		})
	register(a, huma.Operation{OperationID: "read-alert", Extensions: needs(auth.IntelligenceRead), Method: http.MethodPost, Path: "/v1/alerts/{id}/read", Summary: "Say that you have read an alert",
		DefaultStatus: http.StatusNoContent, Errors: []int{http.StatusNotFound}},
		func(ctx context.Context, in *ItemID) (*struct{}, error) {
			c, err := caller(ctx)
			if err != nil {
				return nil, err
			}
			return nil, a.backend.ReadAlert(ctx, in.ID, c.User)
		})
}

// sendAlerts tells how many alerts nobody has read unless it is the number told last; false ends the stream. Before there was one
// there is nothing to tell.
func (a *API) sendAlerts(ctx context.Context, told *int, send func(format string, args ...any) bool) bool {
	n, err := a.store.UnreadAlerts(ctx)
	if err != nil {
		return false
	}
	if n == *told {
		return true
	}
	*told = n
	return send("event: alerts\ndata: {\"unread\":%d}\n\n", n)
}

// lookAgain is how often the database is asked how far a look-back is that may be another program's, which tells nobody.
const lookAgain = 2 * time.Second

// followed is what a stream has told of look-backs.
type followed struct {
	told    map[string]store.RescreenMark // nil before the first time
	running bool                          // one of them is
}

// again is when to look once more although this server does nothing: never while no look-back runs.
func (f *followed) again() <-chan time.Time {
	if !f.running {
		return nil
	}
	return time.After(lookAgain)
}

// sendRescreens tells how far look-backs are: first those that run, then each that has changed; false ends the stream.
func (a *API) sendRescreens(ctx context.Context, f *followed, send func(format string, args ...any) bool) bool {
	marks, err := a.store.RescreenMarks(ctx, maxRescreens)
	if err != nil {
		return false
	}
	first := f.told == nil
	was := f.told
	f.told, f.running = make(map[string]store.RescreenMark, len(marks)), false
	for _, m := range marks {
		f.told[m.ID] = m
		runs := m.State == store.RescreenRunning
		f.running = f.running || runs
		if was[m.ID] != m && (runs || !first) && !a.sendRescreen(ctx, m.ID, send) {
			return false
		}
	}
	return true
}

func (a *API) sendRescreen(ctx context.Context, id string, send func(format string, args ...any) bool) bool {
	r, err := a.store.Rescreen(ctx, id)
	if err != nil {
		return false
	}
	data, err := json.Marshal(r)
	return err == nil && send("event: rescreen\ndata: %s\n\n", data)
}
