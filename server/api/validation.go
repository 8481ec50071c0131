package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"fentrace/server/auth"
)

// ValidationReport says what answers from the library are worth.
type ValidationReport struct {
	Library   string        `json:"library" doc:"version of the library"`
	Made      *time.Time    `json:"made,omitempty" doc:"absent: the library, as it is, was never validated"`
	Sentences []string      `json:"sentences"`
	Tables    []ReportTable `json:"tables"`
	// Report is the validation as `fentrace library validate --json` prints it.
	Report json.RawMessage `json:"report,omitempty" doc:"absent: the library, as it is, was never validated"`
}

// ReportTable is a table to be shown as it is.
type ReportTable struct {
	Title   string     `json:"title"`
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
}

func (a *API) registerValidation() {
	type output struct{ Body ValidationReport }
	register(a, huma.Operation{OperationID: "library-validation", Extensions: needs(auth.LibraryRead), Method: http.MethodGet, Path: "/v1/library/validation",
		Summary: "What answers from the library are worth"},
		func(context.Context, *struct{}) (*output, error) { return &output{a.backend.Validation()}, nil })
}
