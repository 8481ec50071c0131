package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"fentrace/server/auth"
	"fentrace/server/store"
)

const (
	seizuresPath = "/v1/seizures"
	seizurePath  = "/v1/seizures/{id}"
)

// ScansQuery narrows lists of scans below another resource. (Only what has an exported name is seen in an embedded struct.)
type ScansQuery = listInput

type seizuresInput struct {
	TableQuery
	From      string `query:"from" maxLength:"40" doc:"first time of the seizure: RFC 3339, or a date (UTC)"`
	To        string `query:"to" maxLength:"40" doc:"seized before this time; a plain date includes that day (UTC)"`
	Case      string `query:"case" maxLength:"200"`
	County    string `query:"county" maxLength:"200"`
	State     string `query:"state" maxLength:"200"`
	Officer   string `query:"officer" maxLength:"200"`
	Simulated string `query:"simulated" enum:"true,false"`
	Text      string `query:"q" maxLength:"200" doc:"part of case, officer, place or note"`
}

func (in seizuresInput) filter() (f store.SeizureFilter, err error) {
	f = store.SeizureFilter{Case: in.Case, County: in.County, State: in.State, Officer: in.Officer, Simulated: flag(in.Simulated), Text: in.Text}
	if f.From, err = instant("from", in.From, 0); err != nil {
		return f, err
	}
	f.To, err = instant("to", in.To, 1)
	return f, err
}

// flag is a filter that is true, false or not there.
func flag(text string) *bool {
	if text == "" {
		return nil
	}
	is := text == "true"
	return &is
}

// SeizureList is a page of seizures.
type SeizureList struct {
	Seizures   []store.SeizureItem `json:"seizures" doc:"newest seized first"`
	NextCursor string              `json:"next_cursor" doc:"empty on the last page"`
	Total      int                 `json:"total" doc:"seizures that match the filter"`
}

func (l SeizureList) next() string { return l.NextCursor }

func (l SeizureList) table() [][]string {
	head := append([]string{"id", "agency", "tlp", "case", "seized", "officer"}, placeHeader...)
	head = append(append(head, "exhibits", "scans", "presumptive_alarms", "simulated", "note"), changeHeader...)
	rows := [][]string{head}
	for _, z := range l.Seizures {
		row := append([]string{z.ID, z.Agency, string(z.TLP), z.Case, cellTime(z.Seized), z.Officer}, placeCells(z.Location)...)
		row = append(row, strconv.Itoa(z.Exhibits), strconv.Itoa(z.Scans), strconv.Itoa(z.Alarms), strconv.FormatBool(z.Simulated), z.Note)
		rows = append(rows, append(row, changeCells(z.Change)...))
	}
	return rows
}

func (a *API) registerSeizures() {
	register(a, listOf[SeizureList](a, huma.Operation{OperationID: "list-seizures", Extensions: needs(auth.RecordsRead), Method: http.MethodGet, Path: seizuresPath, Summary: "List seizures as they are now"}),
		func(ctx context.Context, in *seizuresInput) (*listAnswer, error) {
			f, err := in.filter()
			if err != nil {
				return nil, err
			}
			p, err := a.store.Seizures(ctx, f, in.Limit, in.Cursor)
			if err != nil {
				return nil, err
			}
			return in.answer(SeizureList{p.Seizures, p.Next, p.Total}, "seizures")
		})
	type newInput struct {
		KeyHeader
		Body store.NewSeizure
	}
	register(a, huma.Operation{OperationID: "create-seizure", Extensions: needs(auth.RecordsAmend), Method: http.MethodPost, Path: seizuresPath, Summary: "Enter a seizure",
		Description:   "It belongs to your agency. A request that comes again with the same Idempotency-Key makes it once.",
		DefaultStatus: http.StatusCreated, Errors: []int{http.StatusUnprocessableEntity, http.StatusInsufficientStorage, http.StatusServiceUnavailable}},
		func(ctx context.Context, in *newInput) (*made[store.Seizure], error) {
			key, err := requestKey(ctx, in.Key)
			if err != nil {
				return nil, err
			}
			z, _, err := a.store.AddSeizure(ctx, in.Body, key, a.backend.Now())
			return &made[store.Seizure]{Status: http.StatusCreated, Location: seizuresPath + "/" + z.ID, ETag: etag(z.Change), Body: z}, err
		})
	about := func(id, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Extensions: needs(auth.RecordsRead), Method: http.MethodGet, Path: seizurePath + path, Summary: summary, Errors: []int{http.StatusNotFound}}
	}
	register(a, about("get-seizure", "", "One seizure as it is now"), func(ctx context.Context, in *heldID) (*record[store.Seizure], error) {
		z, err := a.store.Seizure(ctx, in.ID)
		return &record[store.Seizure]{etag(z.Change), z}, err
	})
	register(a, about("seizure-versions", "/versions", "All versions of a seizure"), func(ctx context.Context, in *versionsInput) (*versionsOutput[store.Seizure], error) {
		out := &versionsOutput[store.Seizure]{}
		var err error
		out.Body.Versions, out.Body.NextCursor, err = a.store.SeizureVersionPage(ctx, in.ID, in.Cursor, in.Limit)
		return out, err
	})
	type amendSeizure struct {
		ItemID
		AmendInput
		Body struct {
			store.SeizureChange
			Reason string `json:"reason" maxLength:"2000" doc:"why"`
		}
	}
	register(a, huma.Operation{OperationID: "amend-seizure", Extensions: needs(auth.RecordsAmend), Method: http.MethodPost, Path: seizurePath + "/amendments", Summary: "Amend a seizure",
		Description: amendedHow, DefaultStatus: http.StatusCreated, Errors: amendErrors},
		func(ctx context.Context, in *amendSeizure) (*made[store.Seizure], error) {
			version, err := in.version()
			if err != nil {
				return nil, err
			}
			z, err := a.store.AmendSeizure(ctx, in.ID, version, in.Body.SeizureChange, in.Body.Reason, a.backend.Now())
			return &made[store.Seizure]{Status: http.StatusCreated, Location: seizuresPath + "/" + in.ID, ETag: etag(z.Change), Body: z}, err
		})
	type scans struct {
		ItemID
		ScansQuery
	}
	register(a, about("seizure-scans", "/scans", "Scans of the exhibits of a seizure"), func(ctx context.Context, in *scans) (*listOutput, error) {
		if _, err := a.store.Seizure(ctx, in.ID); err != nil {
			return nil, err
		}
		in.Seizure = in.ID
		return a.listScans(ctx, &in.ScansQuery)
	})
}
