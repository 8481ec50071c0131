package api

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"fentrace/server/audit"
	"fentrace/server/store"
)

// auditKey is the extension of the OpenAPI document that says what a request of an operation is in the log: consult or disclose, store
// (what is stored is in the log with it) or none.
const auditKey = "x-audit"

const (
	auditStore = "store"
	auditNone  = "none"
)

// audits are those that are not as audited takes them to be: what only looks is consult, what changes something is store. An operation can
// also name its own in Extensions.
var audits = map[string]string{
	// Handed to programs of partners.
	"get-stix": audit.Disclose, "identifications-geojson": audit.Disclose,
	// Saved as a file, with many records in it.
	"export-file": audit.Disclose,
	// Asked for again and again by pages that are open, or about the account and the machine itself: no records.
	"events": auditNone, "me": auditNone, "device": auditNone, "list-tokens": auditNone,
	"library": auditNone, "library-substances": auditNone, "library-validation": auditNone,
	// Counts of batches, for pages that are open; jobs by their ids.
	"batches": auditNone, "batch": auditNone, "batch-sums": auditNone, "jobs": auditNone, "dead-jobs": auditNone, "job": auditNone, "workers": auditNone,
	"exports": auditNone, "export": auditNone,
	// Ids of alerts; what leaves is in the log by itself.
	"webhooks": auditNone, "webhook-deliveries": auditNone,
	"indexes": auditNone, "index": auditNone,
	// Hashes and signatures.
	"log-checkpoint": auditNone, "log-key": auditNone, "log-inclusion": auditNone, "log-consistency": auditNone, "verification": auditNone,
	// Switch a lamp, ask again, log in and out: in the log by themselves, or nothing of a record.
	"device-preview": auditNone, "device-preview-stop": auditNone, "begin-verification": auditNone,
}

// maxParameters is how many bytes of the parameters of a search are kept.
const maxParameters = 8 << 10

// asked is what a request asks for.
type asked struct {
	id    string
	query url.Values
}

type askedKey struct{}

// discloses is an answer that can be one thing or the other.
type discloses interface {
	// audited says which, and in what form it is given.
	audited() (action, form string)
}

// audited says how a request of op is logged, and returns what does it. A record is handed out only once the log has it.
func (a *API) audited(op *huma.Operation) func(ctx context.Context, out any) error {
	action, ok := op.Extensions[auditKey].(string)
	if !ok {
		action, ok = audits[op.OperationID]
	}
	if !ok {
		if action = auditStore; op.Method == http.MethodGet {
			action = audit.Consult
		}
	}
	if op.Extensions == nil {
		op.Extensions = map[string]any{}
	}
	op.Extensions[auditKey] = action
	if action == auditNone || action == auditStore {
		return func(context.Context, any) error { return nil }
	}
	op.Errors = append(op.Errors, http.StatusServiceUnavailable, http.StatusInsufficientStorage)
	op.Middlewares = append(op.Middlewares, func(ctx huma.Context, next func(huma.Context)) {
		u := ctx.URL()
		next(huma.WithValue(ctx, askedKey{}, asked{id: ctx.Param("id"), query: u.Query()}))
	})
	kind := "list"
	if strings.HasPrefix(op.Path, "/v1/scans/{id}") {
		kind = store.KindScan
	} else if strings.Contains(op.Path, "{id}") {
		kind = op.OperationID
	}
	id := op.OperationID
	return func(ctx context.Context, out any) error {
		what, _ := ctx.Value(askedKey{}).(asked)
		e := store.Entry{Action: action, Kind: kind, ID: what.id}
		detail := map[string]any{"operation": id}
		if e.ID == "" {
			e.ID = id
		}
		if d, ok := out.(discloses); ok {
			e.Action, detail["form"] = d.audited()
		}
		if q := parameters(what.query); len(q) > 0 {
			detail["parameters"] = q
		}
		e.Detail = detail
		return a.store.Note(ctx, e)
	}
}

// parameters are those of a search, without where in its list it is.
func parameters(query url.Values) map[string]string {
	out, size := map[string]string{}, 0
	for name, values := range query {
		if len(values) == 0 || values[0] == "" {
			continue
		}
		if size += len(name) + len(values[0]); size > maxParameters {
			return map[string]string{"too_long": "they are not kept"}
		}
		out[name] = strings.ToValidUTF8(values[0], "�")
	}
	return out
}

// audited implements discloses: what is read on the page is looked at, what is saved as a file leaves.
func (o *scanAsOutput) audited() (action, form string) {
	switch o.ContentType {
	case jsonType, pngType:
		return audit.Consult, o.ContentType
	}
	return audit.Disclose, o.ContentType
}
