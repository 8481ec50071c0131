package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/negotiation"

	"fentrace/server/auth"
	"fentrace/server/store"
)

// Lists of records are given in these forms, the first by default.
var listTypes = []string{jsonType, csvType}

// TableQuery is which part of a list is asked for, and in which form.
type TableQuery struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Cursor string `query:"cursor" maxLength:"200" doc:"next_cursor of the page before"`
	Accept string `header:"Accept" doc:"application/json, or text/csv for the same page as a table"`
	As     string `query:"as" enum:"json,csv" doc:"the same by name, for links; counts more than Accept"`
	at     url.URL
}

// Resolve implements huma.Resolver.
func (q *TableQuery) Resolve(ctx huma.Context) []error {
	q.at = ctx.URL()
	return nil
}

// listAnswer is a page in the form asked for. The page after it is also in Link, for a table has no place for it.
type listAnswer struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Link        string `header:"Link" doc:"rel=next: the page after this one (RFC 8288)"`
	Vary        string `header:"Vary"`
	Body        []byte
}

// tabled is a list that can be written as a table.
type tabled interface {
	next() string
	// table is the header and the rows.
	table() [][]string
}

// answer writes a page. name is that of the file when it is a table.
func (q *TableQuery) answer(list tabled, name string) (*listAnswer, error) {
	as, ok := typeNames[q.As]
	if !ok {
		if as = negotiation.SelectQValue(q.Accept, listTypes); as == "" {
			as = jsonType
			if q.Accept != "" && !strings.Contains(q.Accept, "*/*") {
				return nil, huma.NewError(http.StatusNotAcceptable, "a list is given as one of "+strings.Join(listTypes, ", "))
			}
		}
	}
	out := &listAnswer{ContentType: as, Vary: "Accept"}
	if next := list.next(); next != "" {
		query := q.at.Query()
		query.Set("cursor", next)
		out.Link = fmt.Sprintf("<%s?%s>; rel=\"next\"", q.at.EscapedPath(), query.Encode())
	}
	var b bytes.Buffer
	if as == csvType {
		w := csv.NewWriter(&b)
		w.UseCRLF = true // RFC 4180
		for _, row := range list.table() {
			for i := range row {
				row[i] = plainCell(row[i])
			}
			if err := w.Write(row); err != nil {
				return nil, err
			}
		}
		w.Flush()
		out.Disposition = attachment(name + ".csv")
		out.Body = b.Bytes()
		return out, w.Error()
	}
	err := json.NewEncoder(&b).Encode(list)
	out.Body = b.Bytes()
	return out, err
}

// plainCell is a text that no spreadsheet runs as a formula.
func plainCell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		if _, err := strconv.ParseFloat(text, 64); err != nil {
			return "'" + text
		}
	}
	return text
}

// listOf says in the description of the interface what an operation that gives lists of T answers.
func listOf[T any](a *API, op huma.Operation) huma.Operation {
	schema := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, "")
	op.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{jsonType: {Schema: schema}, csvType: {}}}}
	op.Errors = append(op.Errors, http.StatusNotAcceptable, http.StatusUnprocessableEntity)
	return op
}

// number is a number in a table, empty when there is none.
func number(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'g', -1, 64)
}

// placeCells are a place in a table.
func placeCells(l *store.Location) []string {
	if l == nil {
		l = &store.Location{}
	}
	return []string{number(l.Latitude), number(l.Longitude), number(l.PrecisionM), l.County, l.State, l.FIPS}
}

var placeHeader = []string{"latitude", "longitude", "precision_m", "county", "state", "fips"}

// changeCells are who made a version in a table.
func changeCells(c store.Change) []string {
	return []string{strconv.Itoa(c.Version), c.By, cellTime(c.At), c.Reason}
}

var changeHeader = []string{"version", "changed_by", "changed", "reason"}

func cellTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// AmendInput is what every amendment says beside its fields.
type AmendInput struct {
	IfMatch string `json:"-" header:"If-Match" maxLength:"60" doc:"needed: the ETag of the version that is amended, such as \"3\""`
}

// version is the one that is amended.
func (in AmendInput) version() (int, error) {
	if in.IfMatch == "" || in.IfMatch == "*" {
		return 0, huma.NewError(http.StatusPreconditionRequired,
			"say with If-Match which version you amend: the ETag, or version, of what you have read. So nobody's amendment is overwritten unseen")
	}
	v, err := strconv.Atoi(stateIn(in.IfMatch))
	if err != nil || v < 1 {
		return 0, huma.Error422UnprocessableEntity("validation failed", &huma.ErrorDetail{Location: "header.If-Match", Value: in.IfMatch,
			Message: "one version is needed, as a quoted number such as \"3\""})
	}
	return v, nil
}

func etag(c store.Change) string { return `"` + strconv.Itoa(c.Version) + `"` }

// amendErrors are the statuses of amendments.
var amendErrors = []int{http.StatusForbidden, http.StatusNotFound, http.StatusPreconditionFailed, http.StatusPreconditionRequired, http.StatusUnprocessableEntity,
	http.StatusInsufficientStorage, http.StatusServiceUnavailable}

const amendedHow = "Nothing is overwritten: the amendment is stored as the next version with who, when and why, and every version before it stays readable. " +
	"If-Match names the version that is amended; when somebody was faster the answer is 412, says who and when, and nothing is stored. " +
	"A field that is left out stays as it is."

// KeyHeader is the Idempotency-Key of requests that make a record.
type KeyHeader struct {
	Key string `json:"-" header:"Idempotency-Key" maxLength:"202" doc:"the same for every attempt to make one record; a quoted string, up to 200 printable ASCII characters"`
}

func (h KeyHeader) requestKey() string { return h.Key }

// HeldHeader is the If-None-Match of requests for one record: whoever has it as it is is not sent it again.
type HeldHeader struct {
	IfNoneMatch string `json:"-" header:"If-None-Match" maxLength:"2000" doc:"ETag of what you have; when it is still so the answer is 304, without a body"`
}

func (h HeldHeader) held() string { return h.IfNoneMatch }

// notModified is 304 when whoever asks has the answer already. What has no tag, or is not asked for so, is sent.
func notModified[I, O any](in *I, out *O) error {
	held, ok := any(in).(interface{ held() string })
	if !ok || out == nil {
		return nil
	}
	if tagged, ok := any(out).(interface{ tag() string }); ok && tagged.tag() != "" && unchanged(held.held(), tagged.tag()) {
		return huma.ErrorWithHeaders(huma.Status304NotModified(), http.Header{"ETag": {tagged.tag()}})
	}
	return nil
}

// etagOf is the tag of a version of a record whose answer also has what is not in the version: If-Match looks at what is before the point.
func etagOf(state string, body any) string {
	raw, err := json.Marshal(body)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(raw)
	return `"` + state + "." + hex.EncodeToString(sum[:8]) + `"`
}

// stateIn is what of a tag says which state of a record is meant.
func stateIn(tag string) string {
	text := tag
	if quoted, ok := strings.CutPrefix(tag, `"`); ok {
		text = strings.TrimSuffix(quoted, `"`)
	}
	state, _, _ := strings.Cut(text, ".")
	return state
}

// made is the answer to making a record.
type made[T any] struct {
	Status   int
	Location string `header:"Location"`
	ETag     string `header:"ETag"`
	Body     T
}

// record is one version of a record.
type record[T any] struct {
	ETag string `header:"ETag" doc:"its version"`
	Body T
}

func (r *record[T]) tag() string { return r.ETag }

// heldID asks for one record.
type heldID struct {
	ItemID
	HeldHeader
}

// versionsInput asks for a page of the versions of a record.
type versionsInput struct {
	ItemID
	PageQuery
}

// versionsOutput are the versions of a record.
type versionsOutput[T any] struct {
	Body struct {
		Versions []T `json:"versions" doc:"the original first"`
		PageEnd
	}
}

func (a *API) registerRecords() {
	a.registerSeizures()
	a.registerExhibits()
	a.registerAmendments()
	a.registerReviews()
	a.registerReports()
}

// registerAmendments are the versions of the circumstances of scans.
func (a *API) registerAmendments() {
	const path = "/v1/scans/{id}/amendments"
	type scanVersions struct {
		Versions []store.ScanChange `json:"versions" doc:"the original first; only one when it was never amended"`
		PageEnd
	}
	register(a, huma.Operation{OperationID: "scan-amendments", Extensions: needs(auth.RecordsRead), Method: http.MethodGet, Path: path, Summary: "The circumstances of a scan, as they were and are",
		Errors: []int{http.StatusNotFound, http.StatusUnprocessableEntity}}, func(ctx context.Context, in *struct {
		ScanID
		PageQuery
		HeldHeader
	}) (*record[scanVersions], error) {
		vs, now, next, err := a.store.ScanVersions(ctx, in.ID, in.Cursor, in.Limit)
		if err != nil {
			return nil, err
		}
		return &record[scanVersions]{etag(now.Change), scanVersions{vs, PageEnd{next}}}, nil
	})
	type amendScan struct {
		ScanID
		AmendInput
		Body struct {
			store.ScanAmendment
			Reason string `json:"reason" maxLength:"2000" doc:"why"`
		}
	}
	register(a, huma.Operation{OperationID: "amend-scan", Extensions: needs(auth.RecordsAmend), Method: http.MethodPost, Path: path, Summary: "Amend the circumstances of a scan",
		Description: "Place, case, exhibit, officer, marking, and the exhibit it is linked to; never its bytes, its spectrum or its presumptive answer. " +
			amendedHow + " Lists, filters, maps and reports follow it at once.", DefaultStatus: http.StatusCreated, Errors: amendErrors},
		func(ctx context.Context, in *amendScan) (*made[store.ScanChange], error) {
			version, err := in.version()
			if err != nil {
				return nil, err
			}
			c, err := a.store.AmendScan(ctx, in.ID, version, in.Body.ScanAmendment, in.Body.Reason, a.backend.Now())
			return &made[store.ScanChange]{Status: http.StatusCreated, Location: "/v1/scans/" + in.ID + "/amendments", ETag: etag(c.Change), Body: c}, err
		})
}
