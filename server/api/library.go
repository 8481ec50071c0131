package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"fentrace/library"
	"fentrace/server/auth"
)

// About says what an answer depends on besides the scan, and what time it is for the server.
type About struct {
	Version   string    `json:"version" doc:"of the program"`
	Algorithm string    `json:"algorithm" doc:"name and version of the decision"`
	Library   string    `json:"library" doc:"version of the library"`
	Time      time.Time `json:"time"`
	MaxUpload int64     `json:"max_upload" doc:"bytes of the largest file that is taken"`
}

func (a *API) registerLibrary() {
	type about struct{ Body About }
	register(a, huma.Operation{OperationID: "about", Extensions: needs(auth.Account), Method: http.MethodGet, Path: "/v1/about", Summary: "Which version answers, with what library, and what time it is there"},
		func(context.Context, *struct{}) (*about, error) {
			out := &about{a.backend.About()}
			out.Body.MaxUpload = a.limits.MaxUpload
			return out, nil
		})
	type contents struct{ Body library.Listing }
	register(a, huma.Operation{OperationID: "library-contents", Extensions: needs(auth.LibraryRead), Method: http.MethodGet, Path: "/v1/library/contents",
		Summary: "Substances of the library with what speaks for them"},
		func(_ context.Context, in *struct {
			Class      string `query:"class" maxLength:"200"`
			Controlled bool   `query:"controlled" doc:"only controlled ones"`
			Missing    bool   `query:"missing" doc:"only controlled ones without a measured reference: none of them can raise a named alarm"`
		}) (*contents, error) {
			return &contents{a.backend.Stack().List(library.ListFilter{Class: in.Class, Controlled: in.Controlled, Missing: in.Missing})}, nil
		})
	type substance struct{ Body library.Shown }
	register(a, huma.Operation{OperationID: "library-substance", Extensions: needs(auth.LibraryRead), Method: http.MethodGet, Path: "/v1/library/substance",
		Summary: "One substance of the library with its references", Errors: []int{http.StatusNotFound}},
		func(ctx context.Context, in *struct {
			Name string `query:"name" required:"true" minLength:"1" maxLength:"200" example:"437-38-7" doc:"name, synonym or CAS number"`
		}) (*substance, error) {
			shown, err := a.backend.Stack().Show(ctx, in.Name)
			return &substance{shown}, err
		})
}
