package api

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"

	"fentrace/server/auth"
	"fentrace/server/store"
)

// maxExports is how many exports are listed: more than an account can have that are not deleted.
const maxExports = 50

// exportTypes are the media types of the forms of an export.
var exportTypes = map[string]string{store.ExportCSV: "text/csv; charset=utf-8", store.ExportZIP: "application/zip"}

type exportOutput struct {
	Status int
	Body   store.Export
}

func (a *API) registerExports() {
	register(a, huma.Operation{OperationID: "create-export", Extensions: needs(auth.RecordsRead), Method: http.MethodPost, Path: "/v1/exports", Summary: "Ask for a file of all scans that fit a filter",
		Description: "It is made in the background, of the scans that whoever asks may see when that happens: as CSV with a row for each, or as ZIP with the scans as lines of JSON (scans.jsonl) " +
			"and each file as it came. Ask GET /v1/exports/{id} until it is ready. It is encrypted as other files are, only who asked is given it, and it is deleted after a day. A request that comes again with the same Idempotency-Key makes it once.",
		DefaultStatus: http.StatusCreated, Errors: []int{http.StatusConflict, http.StatusUnprocessableEntity, http.StatusInsufficientStorage}},
		func(ctx context.Context, in *struct {
			KeyHeader
			FilterQuery
			Format string `query:"format" required:"true" enum:"csv,zip"`
		}) (*exportOutput, error) {
			f, err := in.filter()
			if err != nil {
				return nil, err
			}
			e, err := a.backend.NewExport(ctx, in.Format, f)
			return &exportOutput{http.StatusCreated, e}, err
		})
	type exports struct {
		Body struct {
			Exports []store.Export `json:"exports" doc:"newest first"`
		}
	}
	register(a, huma.Operation{OperationID: "exports", Extensions: needs(auth.RecordsRead), Method: http.MethodGet, Path: "/v1/exports", Summary: "The exports you have asked for"},
		func(ctx context.Context, _ *struct{}) (*exports, error) {
			out := &exports{}
			var err error
			out.Body.Exports, err = a.store.Exports(ctx, maxExports, a.backend.Now())
			return out, err
		})
	register(a, huma.Operation{OperationID: "export", Extensions: needs(auth.RecordsRead), Method: http.MethodGet, Path: "/v1/exports/{id}", Summary: "One export you have asked for", Errors: []int{http.StatusNotFound}},
		func(ctx context.Context, in *ItemID) (*exportOutput, error) {
			e, err := a.store.Export(ctx, in.ID, a.backend.Now())
			return &exportOutput{http.StatusOK, e}, err
		})
	register(a, huma.Operation{OperationID: "export-file", Extensions: needs(auth.RecordsRead), Method: http.MethodGet, Path: "/v1/exports/{id}/file", Summary: "The file of an export that is ready",
		Description: "409 while it is not ready, and when something in it was marked or shared otherwise since, or erased: ask for a new one.",
		Errors:      []int{http.StatusNotFound, http.StatusConflict},
		Responses: map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{
			"text/csv":        {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
			"application/zip": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}}},
		func(ctx context.Context, in *ItemID) (*huma.StreamResponse, error) {
			e, write, err := a.backend.OpenExport(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			return &huma.StreamResponse{Body: func(hc huma.Context) {
				w := humaecho.Unwrap(hc).Response()
				w.Header().Set("Content-Type", exportTypes[e.Format])
				w.Header().Set("Content-Disposition", attachment(exportName(e)))
				if err := write(w); err != nil {
					a.log.Warn("an export was cut off", slog.String("export", e.ID), slog.Any("error", err))
					panic(http.ErrAbortHandler) // so that nobody takes what came for all
				}
			}}, nil
		})
}

// exportName is what the file of an export is called.
func exportName(e store.Export) string {
	name := "fentrace-scans-" + e.Created.UTC().Format("2006-01-02-150405") + "." + e.Format
	if e.Simulated {
		name = "SIMULATED-" + name
	}
	return name
}
