package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"fentrace/server/exchange"
	"fentrace/server/intel"
	"fentrace/server/lookback"
)

type firstSeenOutput struct {
	Body struct {
		By            string            `json:"by"`
		Items         []intel.FirstSeen `json:"items" doc:"newest first"`
		Scans         int               `json:"scans" doc:"scans in the window in a named region: what the items are out of"`
		WithoutRegion int               `json:"without_region" doc:"scans in the window that name no such region"`
	}
}

type geoJSONOutput struct {
	ContentType string `header:"Content-Type"`
	Body        exchange.FeatureCollection
}

func (a *API) registerIntelligence() {
	register(a, huma.Operation{OperationID: "first-seen", Method: http.MethodGet, Path: "/v1/intelligence/first-seen",
		Summary: "Where and when each substance was seen first",
		Description: "Rests on findings, never on mere candidates. What was seen before the window is not new in it. " +
			"With no scan in the region before, first seen says only first looked.",
		Errors: []int{http.StatusUnprocessableEntity}}, a.firstSeen)
	op := huma.Operation{OperationID: "identifications-geojson", Method: http.MethodGet, Path: "/v1/identifications.geojson",
		Summary: "Answered scans as GeoJSON points", Errors: []int{http.StatusUnprocessableEntity},
		Responses: map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{exchange.GeoJSONType: {}}}}}
	register(a, op, a.geoJSON)
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
	out.Body.Scans, out.Body.WithoutRegion = n.Scans, n.WithoutRegion
	return out, nil
}

func (a *API) geoJSON(ctx context.Context, in *struct {
	FilterQuery
	Limit int `query:"limit" minimum:"1" maximum:"10000" default:"10000"`
}) (*geoJSONOutput, error) {
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	points, matched, without, err := a.store.Points(ctx, f, true, in.Limit)
	if err != nil {
		return nil, err
	}
	return &geoJSONOutput{ContentType: exchange.GeoJSONType, Body: exchange.GeoJSON(points, matched, without)}, nil
}
