package api

import (
	"context"
	"encoding/json"
	"mime"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"fentrace/library/identify"
	"fentrace/server/auth"
	"fentrace/server/exchange"
	"fentrace/server/store"
	"fentrace/spectra"
)

// ScanID is the path parameter of everything about one scan.
type ScanID struct {
	ID string `path:"id" format:"uuid" example:"8d1f5c1e-0f63-4c41-9d6b-8a4b5c9f0f11"`
}

type listInput struct {
	FilterQuery
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Cursor string `query:"cursor" maxLength:"200" doc:"next_cursor of the page before"`
}

type listOutput struct {
	Body struct {
		Scans      []store.Scan `json:"scans" doc:"newest acquired first; identification without candidates"`
		NextCursor string       `json:"next_cursor" doc:"empty on the last page"`
		Total      int          `json:"total" doc:"scans that match the filter"`
	}
}

type rawOutput struct {
	ContentType string `header:"Content-Type"`
	ETag        string `header:"ETag"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

type stixInput struct {
	ScanID
	ReleaseQuery
}

func (a *API) registerScans() {
	register(a, huma.Operation{OperationID: "list-scans", Extensions: needs(auth.RecordsRead), Method: http.MethodGet, Path: "/v1/scans", Summary: "List scans",
		Errors: []int{http.StatusUnprocessableEntity}}, a.listScans)

	a.registerScanAs()
	about := func(id, path, summary string, permission auth.Permission) huma.Operation {
		return huma.Operation{OperationID: id, Extensions: needs(permission), Method: http.MethodGet, Path: "/v1/scans/{id}" + path, Summary: summary,
			Errors: []int{http.StatusNotFound}}
	}
	type spectrum struct{ Body spectra.Spectrum }
	register(a, about("get-spectrum", "/spectrum", "Its spectrum", auth.RecordsRead), func(ctx context.Context, in *ScanID) (*spectrum, error) {
		sp, err := a.store.Spectrum(ctx, in.ID)
		return &spectrum{sp}, err
	})
	type overlay struct{ Body identify.Overlay }
	register(a, about("get-overlay", "/overlay", "Scan and references, prepared for plotting", auth.RecordsRead), func(ctx context.Context, in *ScanID) (*overlay, error) {
		sc, err := a.store.Scan(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		ov, err := a.backend.Overlay(ctx, sc)
		return &overlay{ov}, err
	})
	whole := about("get-raw", "/raw", "The file as it came", auth.RecordsRead)
	whole.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{"application/octet-stream": {}}}}
	register(a, whole, a.raw)
	op := about("get-stix", "/stix", "STIX 2.1 bundle of the scan", auth.Export)
	op.Description = "For partners outside: marked as the scan, or as the server's bundles when that is stricter. What is marked AMBER+STRICT or RED, " +
		"and what is another agency's AMBER, is not handed out (403)."
	op.Errors = append(op.Errors, http.StatusForbidden)
	op.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{exchange.STIXType: {}}}}
	register(a, op, a.stix)
}

func (a *API) listScans(ctx context.Context, in *listInput) (*listOutput, error) {
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	p, err := a.store.List(ctx, f, in.Limit, in.Cursor)
	if err != nil {
		return nil, err
	}
	for i := range p.Scans {
		p.Scans[i].Identification.Candidates = []identify.Finding{}
	}
	out := &listOutput{}
	out.Body.Scans, out.Body.NextCursor, out.Body.Total = p.Scans, p.Next, p.Total
	return out, nil
}

func (a *API) raw(ctx context.Context, in *struct {
	ScanID
	IfNoneMatch string `header:"If-None-Match"`
}) (*rawOutput, error) {
	raw, name, err := a.store.Raw(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	// Never a type a browser would show: the bytes are whatever someone uploaded.
	tag := entityTag(raw)
	if unchanged(in.IfNoneMatch, tag) {
		return nil, huma.Status304NotModified()
	}
	return &rawOutput{ContentType: "application/octet-stream", ETag: tag, Disposition: attachment(name), Body: raw}, nil
}

func (a *API) stix(ctx context.Context, in *stixInput) (*rawOutput, error) {
	sc, err := a.store.ForExport(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	name := "scan-" + sc.ID + ".stix.json"
	if sc.Simulated {
		name = "SIMULATED-" + name
	}
	body, err := json.Marshal(exchange.Bundle(sc, a.backend.STIX(sc)))
	if err != nil {
		return nil, err
	}
	if err := a.backend.Release(ctx, body, in.to(store.ReleaseSTIX), []store.Scan{sc}); err != nil {
		return nil, err
	}
	return &rawOutput{ContentType: exchange.STIXType, Disposition: attachment(name), Body: body}, nil
}

func attachment(name string) string {
	return mime.FormatMediaType("attachment", map[string]string{"filename": name})
}
