package api

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"

	"fentrace/library/identify"
	"fentrace/server/auth"
	"fentrace/server/exchange/rows"
	"fentrace/server/store"
	"fentrace/spectra/format"
)

// tableForms are the forms in which the table of a batch is had.
var tableForms = []struct {
	extension, mediaType string
	begin                func(w http.ResponseWriter) (add func(rows.Row) error, end func() error)
}{
	{"csv", "text/csv; charset=utf-8", func(w http.ResponseWriter) (func(rows.Row) error, func() error) {
		t := rows.NewCSV(w)
		return t.Add, t.Flush
	}},
	{"parquet", "application/vnd.apache.parquet", func(w http.ResponseWriter) (func(rows.Row) error, func() error) {
		t := rows.NewParquet(w)
		return t.Add, t.Close
	}},
}

type tableInput struct {
	ItemID
	FilesFilter
	Sort       string `query:"sort" enum:"number,name,state,verdict,headline" default:"number"`
	Descending bool   `query:"descending"`
}

func (a *API) registerBatchTable() {
	for _, form := range tableForms {
		register(a, huma.Operation{OperationID: "batch-table-" + form.extension, Extensions: needs(auth.RecordsRead), Method: http.MethodGet, Path: "/v1/batches/{id}/table." + form.extension,
			Summary: "The files of a batch as a table (" + form.extension + "), with the columns of fentrace batch",
			Description: "One row for each spectrum; a file that failed has one with the column error. Filters and order are those of the page. Texts that begin " +
				"with = + - or @ have an apostrophe before them, so that no spreadsheet takes them for a formula.",
			Errors: []int{http.StatusNotFound, http.StatusUnprocessableEntity},
			Responses: map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{
				form.mediaType: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}}},
			func(ctx context.Context, in *tableInput) (*huma.StreamResponse, error) {
				b, err := a.store.Batch(ctx, in.ID, a.backend.Now())
				if err != nil {
					return nil, err
				}
				q := in.query()
				q.Limit = math.MaxInt32
				files, err := a.store.BatchFiles(ctx, in.ID, q)
				if err != nil {
					return nil, err
				}
				order(files, in.Sort, in.Descending)
				return &huma.StreamResponse{Body: func(hc huma.Context) {
					w := humaecho.Unwrap(hc).Response()
					w.Header().Set("Content-Type", form.mediaType)
					w.Header().Set("Content-Disposition", attachment(b.Name+"."+form.extension))
					add, end := form.begin(w)
					if err := a.writeTable(hc.Context(), files, add, end); err != nil {
						a.log.Warn("the table of a batch was cut off", slog.String("batch", b.ID), slog.Any("error", err))
						panic(http.ErrAbortHandler) // so that nobody takes what came for all
					}
				}}, nil
			})
	}
}

// order sorts files as the page does.
func order(files []store.BatchFile, by string, descending bool) {
	key := map[string]func(store.BatchFile) string{
		"name":     func(f store.BatchFile) string { return strings.ToLower(f.Name) },
		"state":    func(f store.BatchFile) string { return f.State },
		"verdict":  func(f store.BatchFile) string { return f.Verdict },
		"headline": func(f store.BatchFile) string { return strings.ToLower(f.Headline) },
	}[by]
	slices.SortStableFunc(files, func(x, y store.BatchFile) int {
		c := cmp.Compare(x.Seq, y.Seq)
		if key != nil {
			c = cmp.Or(cmp.Compare(key(x), key(y)), c)
		}
		if descending {
			return -c
		}
		return c
	})
}

func (a *API) writeTable(ctx context.Context, files []store.BatchFile, add func(rows.Row) error, end func() error) error {
	for _, f := range files {
		if f.State != store.FileDone {
			if err := add(rows.Unanswered(f.Name, f.SHA256, cmp.Or(f.Error, "not answered: "+f.State))); err != nil {
				return err
			}
			continue
		}
		scans, err := a.store.ByHash(ctx, f.SHA256)
		if err != nil {
			return err
		}
		for _, sc := range scans {
			if err := add(rows.Of(inTable(f, sc))); err != nil {
				return err
			}
		}
	}
	return end()
}

// inTable is the answer to a scan of a file of a batch, under the name that the file has there.
func inTable(f store.BatchFile, sc store.Scan) identify.Identification {
	ans := sc.Identification
	ans.SHA256, ans.Simulated = sc.SHA256, sc.Simulated
	switch {
	case format.IsArchive(f.Name):
		ans.File = sc.Filename // with the file within it
	case sc.SpectrumIndex > 0:
		ans.File = fmt.Sprintf("%s#%d", f.Name, sc.SpectrumIndex+1)
	default:
		ans.File = f.Name
	}
	return ans
}
