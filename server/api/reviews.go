package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"fentrace/library/identify"
	"fentrace/server/auth"
	"fentrace/server/store"
	"fentrace/spectra"
)

// WaitingReview is what waits for a second person, with what the person who asks may do about it.
type WaitingReview struct {
	Scan store.Scan `json:"scan" doc:"without candidates"`
	// Result is the laboratory result that waits; nil: the presumptive answer does.
	Result    *store.LaboratoryResult `json:"laboratory_result" doc:"what waits; null: the presumptive answer does"`
	EnteredBy string                  `json:"entered_by"`
	MayReview
}

// MayReview is what the person who asks may do.
type MayReview struct {
	May         bool   `json:"may_review"`
	MustBeAlone bool   `json:"must_be_alone" doc:"only with alone: you entered it, and nobody else may review"`
	WhyNot      string `json:"why_not"`
}

// mayReview tells what the caller may do about something of a scan that enteredBy entered.
func (a *API) mayReview(ctx context.Context, sc store.Scan, enteredBy string) (MayReview, error) {
	c, err := caller(ctx)
	if err != nil {
		return MayReview{}, err
	}
	switch {
	case !c.May(auth.ReviewsMake):
		return MayReview{WhyNot: "Reviews are made by a reviewer or the operator; your role is " + c.Role + "."}, nil
	case sc.Agency != c.Agency:
		return MayReview{WhyNot: "It belongs to another agency, whose reviewers decide."}, nil
	case enteredBy != c.User:
		return MayReview{May: true}, nil
	}
	others, err := a.store.OtherReviewers(ctx, c.User, auth.Reviewers, sc)
	if err != nil {
		return MayReview{}, err
	}
	return MayReview{May: len(others) == 0, MustBeAlone: len(others) == 0, WhyNot: "You entered it: a second person must review it."}, nil
}

func (a *API) registerReviews() {
	type waitingReviews struct {
		Body struct {
			Reviews    []WaitingReview `json:"reviews" doc:"newest acquired first"`
			NextCursor string          `json:"next_cursor" doc:"empty on the last page"`
			Total      int             `json:"total" doc:"scans that wait and match the filter"`
		}
	}
	register(a, huma.Operation{OperationID: "waiting-reviews", Extensions: needs(auth.RecordsRead), Method: http.MethodGet, Path: "/v1/reviews", Summary: "What waits for a second person",
		Description: "Scans of which nobody has reviewed the laboratory result that counts, or, where there is none, the presumptive answer.",
		Errors:      []int{http.StatusUnprocessableEntity}},
		func(ctx context.Context, in *listInput) (*waitingReviews, error) {
			in.Reviewed = "no"
			f, err := in.filter()
			if err != nil {
				return nil, err
			}
			p, err := a.store.List(ctx, f, in.Limit, in.Cursor)
			if err != nil {
				return nil, err
			}
			out := &waitingReviews{}
			out.Body.Reviews, out.Body.NextCursor, out.Body.Total = []WaitingReview{}, p.Next, p.Total
			for _, sc := range p.Scans {
				w, err := a.waiting(ctx, sc)
				if err != nil {
					return nil, err
				}
				out.Body.Reviews = append(out.Body.Reviews, w)
			}
			return out, nil
		})
	const path = "/v1/scans/{id}/reviews"
	type scanReviews struct {
		Body struct {
			Reviews []store.Review `json:"reviews" doc:"first one first"`
			Answer  MayReview      `json:"answer" doc:"what you may do about the presumptive answer"`
			Result  *MayReview     `json:"result" doc:"what you may do about the laboratory result that counts; null without one"`
			PageEnd
		}
	}
	register(a, huma.Operation{OperationID: "scan-reviews", Extensions: needs(auth.RecordsRead), Method: http.MethodGet, Path: path, Summary: "Reviews of a scan, and what you may review", Errors: []int{http.StatusNotFound}},
		func(ctx context.Context, in *struct {
			ScanID
			PageQuery
		}) (*scanReviews, error) {
			sc, err := a.store.Scan(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			out := &scanReviews{}
			if out.Body.Reviews, out.Body.NextCursor, err = a.store.ReviewPage(ctx, in.ID, in.Cursor, in.Limit); err != nil {
				return nil, err
			}
			if out.Body.Answer, err = a.mayReview(ctx, sc, sc.EnteredBy); err != nil {
				return nil, err
			}
			if n := len(sc.LaboratoryResults); n > 0 {
				may, err := a.mayReview(ctx, sc, sc.LaboratoryResults[n-1].EnteredBy)
				if err != nil {
					return nil, err
				}
				out.Body.Result = &may
			}
			return out, nil
		})
	type input struct {
		ScanID
		KeyHeader
		Body store.NewReview
	}
	register(a, huma.Operation{OperationID: "review-scan", Extensions: needs(auth.ReviewsMake), Method: http.MethodPost, Path: path, Summary: "Review a presumptive answer or a laboratory result",
		Description: "Whoever brought the scan, or entered the result, cannot review it; where no other account may, the same " +
			"person may with alone and a reason, which is recorded. Reviews are kept for good: of several about the same the last one counts. 201 when stored, " +
			"200 when the same person has said the very same last.", DefaultStatus: http.StatusCreated,
		Errors: []int{http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusInsufficientStorage, http.StatusServiceUnavailable}},
		func(ctx context.Context, in *input) (*made[store.Review], error) {
			key, err := requestKey(ctx, in.Key)
			if err != nil {
				return nil, err
			}
			r, created, err := a.store.AddReview(ctx, in.ID, in.Body, auth.Reviewers, key, a.backend.Now())
			out := &made[store.Review]{Status: http.StatusOK, Location: "/v1/scans/" + in.ID + "/reviews", Body: r}
			if created {
				out.Status = http.StatusCreated
			}
			return out, err
		})
	op := a.huma.OpenAPI().Paths[path].Post
	op.Responses["200"] = &huma.Response{Description: "The same person has said the very same last", Content: op.Responses["201"].Content}
}

// waiting is what of a scan of a list waits for a review.
func (a *API) waiting(ctx context.Context, sc store.Scan) (w WaitingReview, err error) {
	results, err := a.store.LaboratoryResults(ctx, sc.ID)
	if err != nil {
		return w, err
	}
	sc.Identification.Candidates = []identify.Finding{}
	w.Scan, w.EnteredBy = sc, sc.EnteredBy
	if n := len(results); n > 0 {
		w.Result, w.EnteredBy = &results[n-1], results[n-1].EnteredBy
	}
	w.MayReview, err = a.mayReview(ctx, sc, w.EnteredBy)
	return w, err
}

// reportPath is where the file of a laboratory's report is; see LimitBody.
const (
	reportPath = "/v1/scans/{id}/laboratory-results/{result}/report"
)

type ReportInput struct {
	ScanID
	Result string `path:"result" format:"uuid"`
}

type newReportInput struct {
	ReportInput
	Filename string `query:"filename" maxLength:"200"`
	request  huma.Context
}

// Resolve implements huma.Resolver.
func (in *newReportInput) Resolve(ctx huma.Context) []error {
	in.request = ctx
	return nil
}

func (a *API) registerReports() {
	register(a, huma.Operation{OperationID: "get-laboratory-report", Extensions: needs(auth.RecordsRead), Method: http.MethodGet, Path: reportPath, Summary: "The laboratory's report on a result, as it came",
		Errors: []int{http.StatusNotFound}}, func(ctx context.Context, in *ReportInput) (*rawOutput, error) {
		raw, name, err := a.store.Report(ctx, in.ID, in.Result)
		if err != nil {
			return nil, err
		}
		return &rawOutput{ContentType: "application/octet-stream", Disposition: attachment(name), Body: raw}, nil
	})
	register(a, huma.Operation{OperationID: "add-laboratory-report", Extensions: needs(auth.ResultsEnter), Method: http.MethodPost, Path: reportPath, Summary: "Add the laboratory's report to a result, as a file",
		Description: "The body is the file. A result has one report at most (409 for another one), which is kept as it came, " +
			"by its SHA-256; the same bytes again change nothing (200).", DefaultStatus: http.StatusCreated,
		Errors: []int{http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity, http.StatusInsufficientStorage, http.StatusServiceUnavailable}},
		a.addReport)
	op := a.huma.OpenAPI().Paths[reportPath].Post
	op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/octet-stream": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}
	op.Responses["200"] = &huma.Response{Description: "These very bytes were added before", Content: op.Responses["201"].Content}
}

func (a *API) addReport(ctx context.Context, in *newReportInput) (*made[store.LaboratoryReport], error) {
	weight := a.limits.weight(in.request.Header("Content-Length"))
	if err := a.uploads.Acquire(ctx, weight); err != nil {
		return nil, err
	}
	defer a.uploads.Release(weight)
	// A recorder in a test knows no deadlines; a connection does.
	_ = in.request.SetReadDeadline(time.Now().Add(uploadTime))
	defer func() { _ = in.request.SetReadDeadline(time.Time{}) }()
	raw, err := readAll(in.request.BodyReader())
	if err != nil {
		return nil, err
	}
	if len(raw) == 0 {
		return nil, fmt.Errorf("add laboratory report: %w: the body is empty; it is the file", store.ErrInvalid)
	}
	r, created, err := a.store.AddReport(ctx, in.ID, in.Result, store.File{Name: baseName(in.Filename, "report"), Raw: raw}, spectra.HashBytes(raw), a.backend.Now())
	out := &made[store.LaboratoryReport]{Status: http.StatusOK, Location: fmt.Sprintf("/v1/scans/%s/laboratory-results/%s/report", in.ID, in.Result), Body: r}
	if created {
		out.Status = http.StatusCreated
	}
	return out, err
}
