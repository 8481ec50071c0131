package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"fentrace/server/auth"
	"fentrace/server/exchange"
	"fentrace/server/intel"
	"fentrace/server/lookback"
)

type firstSeenOutput struct {
	Body struct {
		By            string            `json:"by"`
		Items         []intel.FirstSeen `json:"items" maxItems:"10000" doc:"newest first"`
		LeftOut       int               `json:"left_out" doc:"how many items more there are; ask for a shorter window, or one substance or class"`
		Scans         int               `json:"scans" doc:"scans in the window in a named region: what the items are out of"`
		WithoutRegion int               `json:"without_region" doc:"scans in the window that name no such region"`
		Shared        []intel.Count     `json:"shared" maxItems:"10000" doc:"what agencies count that share numbers with yours and no records; of whole months (UTC), whatever the window"`
		SharedLeftOut int               `json:"shared_left_out" doc:"how many more of these there are"`
	}
}

// maxFirstSeen is how many items an answer holds. There are as many as substances times regions, and no cursor: all of them are counted
// anew with every question.
const maxFirstSeen = 10_000

type geoJSONOutput struct {
	ContentType string `header:"Content-Type"`
	Body        exchange.FeatureCollection
}

func (a *API) registerIntelligence() {
	register(a, huma.Operation{OperationID: "first-seen", Extensions: needs(auth.IntelligenceRead), Method: http.MethodGet, Path: "/v1/intelligence/first-seen",
		Summary: "Where and when each substance was seen first",
		Description: "Rests on findings, never on mere candidates. What was seen before the window is not new in it. " +
			"With no scan in the region before, first seen says only first looked.",
		Errors: []int{http.StatusUnprocessableEntity}}, a.firstSeen)
	op := huma.Operation{OperationID: "identifications-geojson", Extensions: needs(auth.Export), Method: http.MethodGet, Path: "/v1/identifications.geojson",
		Summary: "Answered scans as GeoJSON points, for partners outside", Description: "Of what may be seen, what may be handed on: nothing marked AMBER+STRICT or RED, " +
			"and nothing of another agency that is AMBER. The same for the map of the pages, with all that may be seen, is GET /v1/map.", Errors: []int{http.StatusUnprocessableEntity},
		Responses: map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{exchange.GeoJSONType: {}}}}}
	register(a, op, a.geoJSON)
	op.OperationID, op.Path, op.Extensions = "map", "/v1/map", needs(auth.IntelligenceRead)
	op.Summary, op.Description = "Answered scans as points, for the map", ""
	register(a, op, a.mapped)
}

func (a *API) firstSeen(ctx context.Context, in *struct {
	WindowQuery
	By        string `query:"by" enum:"county,state" default:"county"`
	Substance string `query:"substance" maxLength:"200"`
	Class     string `query:"class" maxLength:"200"`
}) (*firstSeenOutput, error) {
	from, to, err := in.window()
	if err != nil {
		return nil, err
	}
	// Everything before `from` is needed too: it decides what is new.
	stored, err := a.store.Occurrences(ctx, to)
	if err != nil {
		return nil, err
	}
	n := intel.FirstSeenIn(lookback.Occurrences(stored), intel.By(in.By), intel.Window{Substance: in.Substance, Class: in.Class, From: from, To: to})
	out := &firstSeenOutput{}
	out.Body.By, out.Body.Items = in.By, append([]intel.FirstSeen{}, n.Events...)
	out.Body.Items, out.Body.LeftOut = upTo(out.Body.Items, maxFirstSeen)
	out.Body.Scans, out.Body.WithoutRegion = n.Scans, n.WithoutRegion
	window := intel.Window{Substance: in.Substance, Class: in.Class, From: from, To: to}.Months()
	only, err := a.store.Counted(ctx, window.To)
	if err != nil {
		return nil, err
	}
	out.Body.Shared = append([]intel.Count{}, intel.Counts(lookback.Occurrences(only), intel.By(in.By), window)...)
	out.Body.Shared, out.Body.SharedLeftOut = upTo(out.Body.Shared, maxFirstSeen)
	return out, nil
}

// upTo is up to limit items, and how many more there are.
func upTo[T any](items []T, limit int) ([]T, int) {
	n := min(len(items), limit)
	return items[:n], len(items) - n
}

type pointsInput struct {
	FilterQuery
	Limit  int    `query:"limit" minimum:"1" maximum:"10000" default:"10000"`
	Cursor string `query:"cursor" maxLength:"200" doc:"next_cursor of the page before"`
}

func (a *API) geoJSON(ctx context.Context, in *pointsInput) (*geoJSONOutput, error) {
	return a.points(ctx, in, true)
}

func (a *API) mapped(ctx context.Context, in *pointsInput) (*geoJSONOutput, error) {
	return a.points(ctx, in, false)
}

func (a *API) points(ctx context.Context, in *pointsInput, export bool) (*geoJSONOutput, error) {
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	p, err := a.store.PointPage(ctx, f, export, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &geoJSONOutput{ContentType: exchange.GeoJSONType, Body: exchange.GeoJSON(p.Points, p.Matched, p.WithoutPlace)}
	out.Body.NextCursor = p.Next
	return out, nil
}
