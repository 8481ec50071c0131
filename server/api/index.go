package api

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"

	"fentrace/server/auth"
)

// IndexFile holds prepared references.
type IndexFile struct {
	Name   string `json:"name" doc:"in the folder of indexes; it follows from the version of the library"`
	SHA256 string `json:"sha256" doc:"of its content"`
	Size   int64  `json:"size" doc:"bytes"`
}

func (a *API) registerIndex() {
	type indexFiles struct {
		Body struct {
			Library string      `json:"library" doc:"version"`
			Files   []IndexFile `json:"files" doc:"none when the library is too small to be prepared in files"`
		}
	}
	register(a, huma.Operation{OperationID: "indexes", Extensions: needs(auth.LibraryRead), Method: http.MethodGet, Path: "/v1/index", Summary: "The prepared references of the library, for workers"},
		func(ctx context.Context, _ *struct{}) (*indexFiles, error) {
			out := &indexFiles{}
			out.Body.Library = a.backend.Library().Version
			var err error
			out.Body.Files, err = a.backend.Indexes()
			return out, err
		})
	register(a, huma.Operation{OperationID: "index", Extensions: needs(auth.LibraryRead), Method: http.MethodGet, Path: "/v1/index/{hash}", Summary: "One file of prepared references, by the SHA-256 of its content",
		Errors: []int{http.StatusNotFound},
		Responses: map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{
			"application/octet-stream": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}}},
		func(ctx context.Context, in *struct {
			Hash string `path:"hash" pattern:"^[0-9a-f]{64}$"`
		}) (*huma.StreamResponse, error) {
			f, err := a.backend.OpenIndex(in.Hash)
			if err != nil {
				return nil, err
			}
			return &huma.StreamResponse{Body: func(hc huma.Context) { a.sendFile(hc, f) }}, nil
		})
}

// sendFile sends a file whole, or breaks off.
func (a *API) sendFile(hc huma.Context, f *os.File) {
	defer f.Close()
	w := humaecho.Unwrap(hc).Response()
	w.Header().Set("Content-Type", "application/octet-stream")
	if info, err := f.Stat(); err == nil && w.Header().Get("Content-Encoding") == "" {
		w.Header().Set("Content-Length", strconv.FormatInt(info.Size(), 10))
	}
	if _, err := io.Copy(w, f); err != nil {
		a.log.Debug("send an index", slog.Any("error", err)) // the caller has gone
		panic(http.ErrAbortHandler)
	}
}
