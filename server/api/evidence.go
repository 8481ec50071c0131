package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"fentrace/server/auth"
	"fentrace/server/store"
)

const zipType = "application/zip"

// ReleaseQuery says who is given what leaves, and why.
type ReleaseQuery struct {
	Recipient string `query:"recipient" maxLength:"200" doc:"who is given it, such as an office and a name; kept on record"`
	Reason    string `query:"reason" maxLength:"200" doc:"why; kept on record. A server may require both"`
}

func (q ReleaseQuery) to(kind string) store.Release {
	return store.Release{Kind: kind, Recipient: q.Recipient, Reason: q.Reason}
}

type evidenceInput struct {
	ScanID
	With []string `query:"with,explode" maxItems:"49" doc:"ids of more scans for the same pack"`
	ReleaseQuery
}

type disseminationsInput struct {
	Scan       string    `query:"scan" format:"uuid" doc:"id of a scan"`
	Recipient  string    `query:"recipient" maxLength:"200"`
	ReleasedBy string    `query:"released_by" maxLength:"200"`
	Kind       string    `query:"kind" enum:"evidence,stix,report"`
	From       time.Time `query:"from" doc:"left at or after"`
	To         time.Time `query:"to" doc:"left before"`
	Limit      int       `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Cursor     string    `query:"cursor" maxLength:"200" doc:"next_cursor of the page before"`
}

type disseminationsOutput struct {
	Body struct {
		Disseminations []store.Dissemination `json:"disseminations" doc:"newest first"`
		NextCursor     string                `json:"next_cursor" doc:"empty on the last page"`
	}
}

type holdInput struct {
	ScanID
	KeyHeader
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"200"`
	}
}

func (a *API) registerEvidence() {
	op := huma.Operation{OperationID: "get-evidence", Extensions: needs(auth.Export), Method: http.MethodGet, Path: "/v1/scans/{id}/evidence", Summary: "Evidence pack of the scan, for a court",
		Description: "A ZIP file that `fentrace verify` checks without a server: the bytes as they came, everything known of the scan, and its custody with proofs. That it was handed out is kept on record.",
		Responses:   map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{zipType: {}}}},
		Errors:      []int{http.StatusNotFound, http.StatusForbidden, http.StatusGone, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity}}
	register(a, op, a.evidence)
	register(a, huma.Operation{OperationID: "list-disseminations", Extensions: needs(auth.ReleasesRead), Method: http.MethodGet, Path: "/v1/disseminations", Summary: "Who was given what, and why",
		Errors: []int{http.StatusUnprocessableEntity}}, a.disseminations)
	type holdOutput struct{ Body store.Hold }
	held := []int{http.StatusNotFound, http.StatusForbidden, http.StatusConflict, http.StatusGone, http.StatusUnprocessableEntity}
	register(a, huma.Operation{OperationID: "set-hold", Extensions: needs(auth.HoldsSet), Method: http.MethodPost, Path: "/v1/scans/{id}/hold", Summary: "Keep a scan from being erased",
		DefaultStatus: http.StatusCreated, Errors: held}, func(ctx context.Context, in *holdInput) (*holdOutput, error) {
		h, err := a.backend.SetHold(ctx, in.ID, in.Body.Reason)
		return &holdOutput{h}, err
	})
	register(a, huma.Operation{OperationID: "release-hold", Extensions: needs(auth.HoldsSet), Method: http.MethodPost, Path: "/v1/scans/{id}/hold/release", Summary: "Let a scan be erased again when its time comes",
		DefaultStatus: http.StatusNoContent, Errors: held}, func(ctx context.Context, in *holdInput) (*struct{}, error) {
		return nil, a.backend.ReleaseHold(ctx, in.ID, in.Body.Reason)
	})
}

func (a *API) evidence(ctx context.Context, in *evidenceInput) (*rawOutput, error) {
	pack, name, err := a.backend.Evidence(ctx, append([]string{in.ID}, in.With...), in.to(store.ReleaseEvidence))
	if err != nil {
		return nil, err
	}
	return &rawOutput{ContentType: zipType, Disposition: attachment(name), Body: pack}, nil
}

func (a *API) disseminations(ctx context.Context, in *disseminationsInput) (*disseminationsOutput, error) {
	f := store.Disseminated{ScanID: in.Scan, Recipient: in.Recipient, Kind: in.Kind, ReleasedBy: in.ReleasedBy, From: in.From, To: in.To}
	list, next, err := a.store.Disseminations(ctx, f, in.Limit, in.Cursor)
	if err != nil {
		return nil, err
	}
	out := &disseminationsOutput{}
	out.Body.Disseminations, out.Body.NextCursor = list, next
	return out, nil
}
