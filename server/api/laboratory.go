package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"fentrace/server/auth"
	"fentrace/server/store"
)

// ResultInput is what a person says a laboratory found.
type ResultInput struct {
	ScanID       string   `json:"-"`
	EnteredBy    string   `json:"-"`
	Result       string   `json:"result" enum:"confirmed,refuted,corrected" doc:"confirmed: what the presumptive answer rests on is there; refuted: none of it is; corrected: something else or more is"`
	Substances   []string `json:"substances,omitempty" maxItems:"50" example:"[\"acetylfentanyl\"]" doc:"present according to the laboratory, by name, synonym or CAS number"`
	Pure         bool     `json:"pure,omitempty" doc:"the sample is this one substance and nothing else: a good scan of it is proposed as a reference"`
	AllowUnknown bool     `json:"allow_unknown,omitempty" doc:"keep names that no library has; without it they are refused"`
	Technique    string   `json:"technique" minLength:"1" maxLength:"200" example:"GC-MS" doc:"the second technique, such as GC-MS"`
	Methods      []string `json:"methods,omitempty" maxItems:"20" doc:"further techniques the laboratory used"`
	Laboratory   string   `json:"laboratory" minLength:"1" maxLength:"200" example:"State Laboratory"`
	Analyst      string   `json:"analyst,omitempty" maxLength:"200" doc:"who worked in the laboratory"`
	ReportNumber string   `json:"report_number,omitempty" maxLength:"200" doc:"of the laboratory's report; its file is added to the result afterwards"`
	Note         string   `json:"note,omitempty" maxLength:"2000"`
}

type resultInput struct {
	ScanID
	KeyHeader
	Body ResultInput
}

type resultOutput struct {
	Status int
	Body   store.LaboratoryResult
}

const resultPath = "/v1/scans/{id}/laboratory-result"

func (a *API) registerLaboratory() {
	register(a, huma.Operation{OperationID: "enter-laboratory-result", Extensions: needs(auth.ResultsEnter), Method: http.MethodPost, Path: resultPath,
		Summary: "Enter what a laboratory found in the sample of a scan",
		Description: "Results are kept for good: a later one about the same scan counts instead of the " +
			"earlier one, and the presumptive answer stays as it was given beside them. 201 when stored, 200 when the same person has said the very same last. " +
			"A pure sample whose scan is good enough is proposed as a reference (proposal), else not_proposed says why not. A result that contradicts an " +
			"accepted reference of the scan takes it out of the library.",
		DefaultStatus: http.StatusCreated,
		Errors:        []int{http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusInsufficientStorage, http.StatusServiceUnavailable}},
		func(ctx context.Context, in *resultInput) (*resultOutput, error) {
			c, err := caller(ctx)
			if err != nil {
				return nil, err
			}
			in.Body.ScanID, in.Body.EnteredBy = in.ID, c.User
			r, created, err := a.backend.EnterResult(ctx, in.Body)
			if err != nil {
				return nil, err
			}
			out := &resultOutput{Status: http.StatusOK, Body: r}
			if created {
				out.Status = http.StatusCreated
			}
			return out, nil
		})
	op := a.huma.OpenAPI().Paths[resultPath].Post
	op.Responses["200"] = &huma.Response{Description: "The same person has said the very same last", Content: op.Responses["201"].Content}
}
