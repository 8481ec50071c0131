package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"fentrace/library/identify"
	"fentrace/server/auth"
)

// IdentifyPath answers without storing.
const IdentifyPath = "/v1/identify"

// Identified is what was made of a file.
type Identified struct {
	SHA256  string                    `json:"sha256" doc:"of the file"`
	Answers []identify.Identification `json:"answers" doc:"presumptive; one for each spectrum, in the order of the file"`
	Unread  []NotRead                 `json:"unread" doc:"what could not be read or answered: the file, spectra of it, or files of an archive"`
}

// NotRead is a file, or a part of one, that has no answer.
type NotRead struct {
	File  string `json:"file"`
	Error string `json:"error"`
}

type identifyInput struct {
	Filename string `query:"filename" maxLength:"200" doc:"name of the file when the body is its bytes"`
	request  huma.Context
}

// Resolve implements huma.Resolver.
func (in *identifyInput) Resolve(ctx huma.Context) []error {
	in.request = ctx
	return nil
}

func (a *API) registerIdentify() {
	type output struct{ Body Identified }
	register(a, huma.Operation{OperationID: "identify", Extensions: needs(auth.ScansTake), Method: http.MethodPost, Path: IdentifyPath, Summary: "Answer a spectrum file and store nothing",
		Description: "The file is sent as for POST /v1/scans. What is said of it besides is not looked at.",
		Errors:      []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity}},
		func(ctx context.Context, in *identifyInput) (*output, error) {
			release, err := a.room(ctx, in.request)
			if err != nil {
				return nil, err
			}
			defer release()
			up, err := readUpload(&uploadInput{Filename: in.Filename, request: in.request})
			if err != nil {
				return nil, err
			}
			out := &output{}
			out.Body, err = a.backend.Identify(ctx, up.Upload)
			return out, err
		})
	a.huma.OpenAPI().Paths[IdentifyPath].Post.RequestBody = a.huma.OpenAPI().Paths[uploadPath].Post.RequestBody
}

// room waits until what an upload takes may be held in memory.
func (a *API) room(ctx context.Context, request huma.Context) (release func(), err error) {
	weight := a.limits.weight(request.Header("Content-Length"))
	if err := a.uploads.Acquire(ctx, weight); err != nil {
		return nil, err
	}
	return func() { a.uploads.Release(weight) }, nil
}
