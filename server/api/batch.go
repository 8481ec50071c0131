package api

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"fentrace/server/auth"
	"fentrace/server/store"
	"fentrace/server/tlp"
	"fentrace/spectra"
	"fentrace/spectra/format"
)

// What is listed at most.
const (
	maxSums = 10000
)

// BatchKey is the name, among what a sender says of an upload in pieces, of the batch that it is for.
const BatchKey = "batch"

// batchFilesPath takes files; LimitBody lets their bodies through.
const batchFilesPath = "/v1/batches/{id}/files"

type batchOutput struct {
	Status int
	Body   store.Batch
}

func (a *API) registerBatches() {
	register(a, huma.Operation{OperationID: "create-batch", Extensions: needs(auth.ScansTake), Method: http.MethodPost, Path: "/v1/batches", Summary: "Begin a batch: files that are handed in together",
		Description: "What is said here of the circumstances holds for all its files. Put files into it one by one (POST /v1/batches/{id}/files), in pieces or as ZIP " +
			"(POST /v1/uploads/ with the metadata batch). A file that was acknowledged is on the disk; it is answered in the background.",
		DefaultStatus: http.StatusCreated, Errors: []int{http.StatusUnprocessableEntity}},
		func(ctx context.Context, in *struct {
			KeyHeader
			Body struct {
				Name   string        `json:"name" minLength:"1" maxLength:"200"`
				Fields *store.Fields `json:"fields,omitempty" doc:"circumstances of all its files"`
				TLP    string        `json:"tlp,omitempty" doc:"marking of all its files: clear, green, amber, amber+strict or red; that of the server without this"`
			}
		}) (*batchOutput, error) {
			var level tlp.Level
			if in.Body.TLP != "" {
				var err error
				if level, err = tlp.Parse(in.Body.TLP); err != nil {
					return nil, huma.Error422UnprocessableEntity(err.Error())
				}
			}
			var fields store.Fields
			if in.Body.Fields != nil {
				fields = *in.Body.Fields
			}
			b, err := a.backend.NewBatch(ctx, in.Body.Name, fields, level)
			return &batchOutput{http.StatusCreated, b}, err
		})
	type batches struct {
		Body struct {
			Batches []store.Batch `json:"batches" doc:"newest first"`
			PageEnd
		}
	}
	register(a, huma.Operation{OperationID: "batches", Extensions: needs(auth.RecordsRead), Method: http.MethodGet, Path: "/v1/batches", Summary: "Batches, and how far they are",
		Description: "GET /v1/events tells whenever one of them has changed.", Errors: []int{http.StatusUnprocessableEntity}},
		func(ctx context.Context, in *PageQuery) (*batches, error) {
			out := &batches{}
			var err error
			out.Body.Batches, out.Body.NextCursor, err = a.store.BatchPage(ctx, in.Cursor, in.Limit, a.backend.Now())
			return out, err
		})
	register(a, huma.Operation{OperationID: "batch", Extensions: needs(auth.RecordsRead), Method: http.MethodGet, Path: "/v1/batches/{id}", Summary: "One batch, and how far it is", Errors: []int{http.StatusNotFound}},
		func(ctx context.Context, in *ItemID) (*batchOutput, error) {
			b, err := a.store.Batch(ctx, in.ID, a.backend.Now())
			return &batchOutput{http.StatusOK, b}, err
		})
	register(a, huma.Operation{OperationID: "cancel-batch", Extensions: needs(auth.ScansTake), Method: http.MethodPost, Path: "/v1/batches/{id}/cancel", Summary: "End a batch; what is answered is kept",
		DefaultStatus: http.StatusNoContent, Errors: []int{http.StatusNotFound, http.StatusConflict}},
		func(ctx context.Context, in *ItemID) (*struct{}, error) {
			return nil, a.backend.CancelBatch(ctx, in.ID)
		})
	type retried struct {
		Body struct {
			Files int `json:"files" doc:"that wait again"`
		}
	}
	register(a, huma.Operation{OperationID: "retry-batch", Extensions: needs(auth.ScansTake), Method: http.MethodPost, Path: "/v1/batches/{id}/retry",
		Summary: "Try again to answer the files of a batch that failed, or were left when it was cancelled", DefaultStatus: http.StatusOK, Errors: []int{http.StatusNotFound}},
		func(ctx context.Context, in *ItemID) (*retried, error) {
			out := &retried{}
			var err error
			out.Body.Files, err = a.backend.RetryBatch(ctx, in.ID)
			return out, err
		})
	a.registerBatchFiles()
	a.registerBatchTable()
}

// batchUpload is a file for a batch.
type batchUpload struct {
	ItemID
	Filename string `query:"filename" maxLength:"400" doc:"name of the file, with the folders above it"`
	request  huma.Context
}

// Resolve implements huma.Resolver.
func (in *batchUpload) Resolve(ctx huma.Context) []error {
	in.request = ctx
	return nil
}

type batchFileAdded struct {
	Status int
	Body   struct {
		SHA256 string `json:"sha256"`
		Added  bool   `json:"added" doc:"false: its bytes were in the batch already"`
	}
}

func (a *API) registerBatchFiles() {
	register(a, huma.Operation{OperationID: "add-batch-file", Extensions: needs(auth.ScansTake), Method: http.MethodPost, Path: batchFilesPath, Summary: "Put a file into a batch",
		Description:  "The body is the bytes of the file. Idempotent by their SHA-256: 201 when it was added, 200 when it is there already. In either case it is on the disk.",
		MaxBodyBytes: a.limits.MaxUpload, DefaultStatus: http.StatusCreated,
		Errors: []int{http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity, http.StatusInsufficientStorage}}, a.addBatchFile)
	op := a.huma.OpenAPI().Paths[batchFilesPath].Post
	op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/octet-stream": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}
	op.Responses["200"] = &huma.Response{Description: "The file was in the batch", Content: op.Responses["201"].Content}

	type files struct {
		Body struct {
			Files []store.BatchFile `json:"files" doc:"in the order of coming"`
			Next  int64             `json:"next" doc:"what to go on after; 0 on the last page"`
		}
	}
	register(a, huma.Operation{OperationID: "batch-files", Extensions: needs(auth.RecordsRead), Method: http.MethodGet, Path: batchFilesPath, Summary: "The files of a batch, and what became of each",
		Errors: []int{http.StatusNotFound, http.StatusUnprocessableEntity}},
		func(ctx context.Context, in *struct {
			ItemID
			FilesFilter
			After int64 `query:"after" minimum:"0" doc:"next of the page before"`
			Limit int   `query:"limit" minimum:"1" maximum:"1000" default:"100"`
		}) (*files, error) {
			if _, err := a.store.Batch(ctx, in.ID, a.backend.Now()); err != nil {
				return nil, err
			}
			q := in.query()
			q.After, q.Limit = in.After, in.Limit+1
			out := &files{}
			var err error
			if out.Body.Files, err = a.store.BatchFiles(ctx, in.ID, q); err == nil && len(out.Body.Files) > in.Limit {
				out.Body.Files = out.Body.Files[:in.Limit]
				out.Body.Next = out.Body.Files[in.Limit-1].Seq
			}
			return out, err
		})
	type sums struct {
		Body struct {
			SHA256 []string `json:"sha256" doc:"sorted"`
			Next   string   `json:"next" doc:"what to go on after; empty on the last page"`
		}
	}
	register(a, huma.Operation{OperationID: "batch-sums", Extensions: needs(auth.ScansTake), Method: http.MethodGet, Path: "/v1/batches/{id}/sums", Summary: "SHA-256 of the files that are in a batch already",
		Description: "Who was cut off while sending a folder asks this and sends what is missing.", Errors: []int{http.StatusNotFound}},
		func(ctx context.Context, in *struct {
			ItemID
			After string `query:"after" maxLength:"64"`
		}) (*sums, error) {
			if _, err := a.store.Batch(ctx, in.ID, a.backend.Now()); err != nil {
				return nil, err
			}
			out := &sums{}
			var err error
			if out.Body.SHA256, err = a.store.BatchSums(ctx, in.ID, in.After, maxSums); err == nil && len(out.Body.SHA256) == maxSums {
				out.Body.Next = out.Body.SHA256[maxSums-1]
			}
			return out, err
		})
}

func (a *API) addBatchFile(ctx context.Context, in *batchUpload) (*batchFileAdded, error) {
	weight := a.limits.weight(in.request.Header("Content-Length"))
	if err := a.uploads.Acquire(ctx, weight); err != nil {
		return nil, err
	}
	defer a.uploads.Release(weight)
	raw, err := readBody(in.request)
	if err != nil {
		return nil, err
	}
	name := PathName(in.Filename, "upload")
	if len(raw) == 0 {
		return nil, fmt.Errorf("read %s: %w: it is empty", name, ErrUnreadable)
	}
	n, err := a.backend.AddToBatch(ctx, in.ID, store.File{Name: name, Raw: raw})
	if err != nil {
		return nil, err
	}
	out := &batchFileAdded{Status: http.StatusOK}
	out.Body.SHA256, out.Body.Added = spectra.HashBytes(raw), n > 0
	if n > 0 {
		out.Status = http.StatusCreated
	}
	return out, nil
}

// BatchMember tells whether a file of an archive becomes one of the batch that the archive is put into. It goes by the name; hidden files
// are those of systems, not of people.
func BatchMember(m *zip.File) bool {
	base := path.Base(strings.ReplaceAll(m.Name, `\`, "/"))
	if !m.Mode().IsRegular() || strings.HasPrefix(base, ".") || strings.HasPrefix(m.Name, "__MACOSX/") {
		return false
	}
	return format.Readable(base) || strings.EqualFold(path.Ext(base), ".json")
}

// PathName keeps the folders of a name, without what leads out of them.
func PathName(name, fallback string) string {
	var parts []string
	for _, p := range strings.Split(strings.ReplaceAll(name, `\`, "/"), "/") {
		if p != "" && p != "." && p != ".." {
			parts = append(parts, p)
		}
	}
	if name = CleanName(strings.Join(parts, "/")); name == "" {
		return fallback
	}
	return name
}

// FilesFilter narrows the files of a batch.
type FilesFilter struct {
	State   string `query:"state" enum:"waiting,done,failed,cancelled"`
	Verdict string `query:"verdict" enum:"alarm,no_alarm,inconclusive"`
	Text    string `query:"q" maxLength:"200" doc:"part of the name, the headline or the error"`
}

func (f FilesFilter) query() store.FilesQuery {
	return store.FilesQuery{State: f.State, Verdict: f.Verdict, Text: f.Text}
}

// sendBatches tells how far batches are: those that have changed since it was told last; false ends the stream.
func (a *API) sendBatches(ctx context.Context, f *toldBatches, send func(format string, args ...any) bool) bool {
	if !f.due() {
		return true
	}
	marks, err := a.store.BatchMarks(ctx, toldAtOnce)
	if err != nil {
		return false
	}
	first := f.told == nil
	was := f.told
	f.told = make(map[string]store.BatchMark, len(marks))
	for _, m := range marks {
		f.told[m.ID] = m
		if was[m.ID] == m {
			continue
		}
		b, err := a.store.Batch(ctx, m.ID, a.backend.Now())
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return false
		}
		if first && b.Waiting == 0 {
			continue
		}
		data, err := json.Marshal(b)
		if err != nil || !send("event: batch\ndata: %s\n\n", data) {
			return false
		}
	}
	return true
}
