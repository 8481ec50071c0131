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
	exhibitsPath = "/v1/exhibits"
	exhibitPath  = "/v1/exhibits/{id}"
)

type ExhibitsQuery struct {
	TableQuery
	Form      string `query:"form" enum:"powder,tablet,liquid,paper,plant,residue,other"`
	Simulated string `query:"simulated" enum:"true,false"`
	Text      string `query:"q" maxLength:"200" doc:"part of label, case, packaging, note or what it was expected as"`
}

// ExhibitList is a page of exhibits.
type ExhibitList struct {
	Exhibits   []store.Exhibit `json:"exhibits" doc:"those taken last first"`
	NextCursor string          `json:"next_cursor" doc:"empty on the last page"`
	Total      int             `json:"total" doc:"exhibits that match the filter"`
}

func (l ExhibitList) next() string { return l.NextCursor }

func (l ExhibitList) table() [][]string {
	rows := [][]string{append([]string{"id", "seizure_id", "case", "agency", "tlp", "label", "form", "quantity", "unit", "uncertainty", "packaging", "expected_as",
		"taken", "simulated", "note"}, changeHeader...)}
	for _, x := range l.Exhibits {
		var q store.Quantity
		if x.Quantity != nil {
			q = *x.Quantity
		}
		rows = append(rows, append([]string{x.ID, x.SeizureID, x.Case, x.Agency, string(x.TLP), x.Label, x.Form, number(q.Value), q.Unit, number(q.Uncertainty), x.Packaging,
			x.ExpectedAs, cellTime(x.Taken), strconv.FormatBool(x.Simulated), x.Note}, changeCells(x.Change)...))
	}
	return rows
}

func (a *API) listExhibits(ctx context.Context, in *ExhibitsQuery, seizure string) (*listAnswer, error) {
	p, err := a.store.Exhibits(ctx, store.ExhibitFilter{Seizure: seizure, Form: in.Form, Simulated: flag(in.Simulated), Text: in.Text}, in.Limit, in.Cursor)
	if err != nil {
		return nil, err
	}
	return in.answer(ExhibitList{p.Exhibits, p.Next, p.Total}, "exhibits")
}

func (a *API) registerExhibits() {
	register(a, listOf[ExhibitList](a, huma.Operation{OperationID: "list-exhibits", Extensions: needs(auth.RecordsRead), Method: http.MethodGet, Path: exhibitsPath, Summary: "List exhibits as they are now"}),
		func(ctx context.Context, in *ExhibitsQuery) (*listAnswer, error) { return a.listExhibits(ctx, in, "") })
	type ofSeizure struct {
		ItemID
		ExhibitsQuery
	}
	register(a, listOf[ExhibitList](a, huma.Operation{OperationID: "seizure-exhibits", Extensions: needs(auth.RecordsRead), Method: http.MethodGet, Path: seizurePath + "/exhibits",
		Summary: "List the exhibits of a seizure", Errors: []int{http.StatusNotFound}}),
		func(ctx context.Context, in *ofSeizure) (*listAnswer, error) {
			if _, err := a.store.Seizure(ctx, in.ID); err != nil {
				return nil, err
			}
			return a.listExhibits(ctx, &in.ExhibitsQuery, in.ID)
		})
	type newInput struct {
		ItemID
		KeyHeader
		Body store.ExhibitChange
	}
	register(a, huma.Operation{OperationID: "create-exhibit", Extensions: needs(auth.RecordsAmend), Method: http.MethodPost, Path: seizurePath + "/exhibits", Summary: "Enter an exhibit of a seizure",
		Description: "Its label is there once in the seizure (409). A request that comes again with the same Idempotency-Key makes it once.", DefaultStatus: http.StatusCreated,
		Errors: []int{http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusInsufficientStorage, http.StatusServiceUnavailable}},
		func(ctx context.Context, in *newInput) (*made[store.Exhibit], error) {
			key, err := requestKey(ctx, in.Key)
			if err != nil {
				return nil, err
			}
			x, _, err := a.store.AddExhibit(ctx, in.ID, in.Body, key, a.backend.Now())
			return &made[store.Exhibit]{Status: http.StatusCreated, Location: exhibitsPath + "/" + x.ID, ETag: etag(x.Change), Body: x}, err
		})
	about := func(id, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Extensions: needs(auth.RecordsRead), Method: http.MethodGet, Path: exhibitPath + path, Summary: summary, Errors: []int{http.StatusNotFound}}
	}
	register(a, about("get-exhibit", "", "One exhibit as it is now"), func(ctx context.Context, in *heldID) (*record[store.Exhibit], error) {
		x, err := a.store.Exhibit(ctx, in.ID)
		return &record[store.Exhibit]{etagOf(strconv.Itoa(x.Version), x), x}, err
	})
	register(a, about("exhibit-versions", "/versions", "All versions of an exhibit"), func(ctx context.Context, in *versionsInput) (*versionsOutput[store.Exhibit], error) {
		out := &versionsOutput[store.Exhibit]{}
		var err error
		out.Body.Versions, out.Body.NextCursor, err = a.store.ExhibitVersionPage(ctx, in.ID, in.Cursor, in.Limit)
		return out, err
	})
	type amendExhibit struct {
		ItemID
		AmendInput
		Body struct {
			store.ExhibitChange
			Reason string `json:"reason" maxLength:"2000" doc:"why"`
		}
	}
	register(a, huma.Operation{OperationID: "amend-exhibit", Extensions: needs(auth.RecordsAmend), Method: http.MethodPost, Path: exhibitPath + "/amendments", Summary: "Amend an exhibit",
		Description: amendedHow, DefaultStatus: http.StatusCreated, Errors: append([]int{http.StatusConflict}, amendErrors...)},
		func(ctx context.Context, in *amendExhibit) (*made[store.Exhibit], error) {
			version, err := in.version()
			if err != nil {
				return nil, err
			}
			x, err := a.store.AmendExhibit(ctx, in.ID, version, in.Body.ExhibitChange, in.Body.Reason, a.backend.Now())
			return &made[store.Exhibit]{Status: http.StatusCreated, Location: exhibitsPath + "/" + in.ID, ETag: etag(x.Change), Body: x}, err
		})
	type scans struct {
		ItemID
		ScansQuery
	}
	register(a, about("exhibit-scans", "/scans", "Scans of an exhibit"), func(ctx context.Context, in *scans) (*listOutput, error) {
		if _, err := a.store.Exhibit(ctx, in.ID); err != nil {
			return nil, err
		}
		in.Exhibit = in.ID
		return a.listScans(ctx, &in.ScansQuery)
	})
}
