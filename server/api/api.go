// Package api is the HTTP interface under /v1: JSON by OpenAPI 3.1 (huma on Echo), errors as RFC 9457
// problem+json. It says how things are asked for; what happens is behind Backend.
package api

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"
	"golang.org/x/sync/semaphore"

	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/server/auth"
	"fentrace/server/exchange"
	"fentrace/server/lookback"
	"fentrace/server/report"
	"fentrace/server/store"
	"fentrace/server/tlp"
	"fentrace/spectra"
)

// Backend does what the interface is asked for.
type Backend interface {
	// Receive reads, answers and stores a file. The scan is its first searchable one; created is false when the
	// content was stored before, unless by the request with the same key. Errors: ErrUnreadable, store.ErrInvalid,
	// store.ErrKeyUsed, store.ErrFull.
	Receive(ctx context.Context, u Upload) (sc store.Scan, created bool, err error)
	// Identify answers a file and stores nothing. Errors: ErrUnreadable.
	Identify(ctx context.Context, u Upload) (Identified, error)
	// Stack is the library that scans are answered with.
	Stack() *library.Stack
	About() About
	// Overlay prepares the plot of a stored scan.
	Overlay(ctx context.Context, sc store.Scan) (identify.Overlay, error)
	// Sheet prepares the report of a stored scan.
	Sheet(ctx context.Context, sc store.Scan) (report.Sheet, error)
	// ScanDevice takes a scan with the attached spectrometer. Errors: ErrNoDevice, ErrBusy, those of package device.
	ScanDevice(ctx context.Context, f store.Fields) (store.Scan, error)
	DeviceStatus(ctx context.Context) DeviceStatus
	// Queue is what waits to be sent on to another server.
	Queue(ctx context.Context) (Queue, error)
	// RetryRefused lets files wait again that the other server refused.
	RetryRefused(ctx context.Context) error
	// StartPreview switches the laser on and makes Live frames, for a limited time. Errors: those of ScanDevice.
	StartPreview(ctx context.Context) error
	// StopPreview returns when the laser is off. Without a preview it does nothing. Errors: device.ErrTimeout.
	StopPreview(ctx context.Context) error
	// Live returns the newest frame and a channel that is closed when the next comes.
	Live() (LiveFrame, <-chan struct{})
	Library() LibrarySummary
	// Validation says what answers from the library are worth.
	Validation() ValidationReport
	Substances() []library.Substance
	// EnterResult stores what a laboratory found; created is false when the same person said the very same last. Errors:
	// store.ErrInvalid, store.ErrNotFound, store.ErrFull, ErrNotLearnt.
	EnterResult(ctx context.Context, in ResultInput) (r store.LaboratoryResult, created bool, err error)
	// Decide accepts or rejects a proposal; DecidedBy has been found to be a reviewer. Errors: those of store.Decide,
	// ErrNotLearnt.
	Decide(ctx context.Context, id string, d store.Decision) (store.Proposal, error)
	// ProposalOverlay prepares the plot of a proposed scan over the references of the same substance.
	ProposalOverlay(ctx context.Context, id string) (identify.Overlay, error)
	// CancelComparison ends the comparison of a change of the library. Errors: store.ErrNotFound, store.ErrClosed.
	CancelComparison(ctx context.Context, id string) error
	// Rescreen looks through the past with references of the library, in the background. Errors: lookback.ErrNoReference.
	Rescreen(ctx context.Context, references []string, by string) ([]store.Rescreen, error)
	// CancelRescreen ends a look-back. Errors: store.ErrNotFound, store.ErrClosed.
	CancelRescreen(ctx context.Context, id string) error
	// ReadAlert notes that by has read an alert. Errors: store.ErrNotFound.
	ReadAlert(ctx context.Context, id, by string) error
	// Similar is a page of the stored scans that agree with a stored scan, best first. Errors: store.ErrNotFound, store.ErrInvalid,
	// search.ErrNotSearchable.
	Similar(ctx context.Context, scanID string, least float64, cursor string, limit int) (found []lookback.Similar, next string, err error)
	// NewBatch begins a batch; an empty level is the server's own. Errors: store.ErrInvalid.
	NewBatch(ctx context.Context, name string, f store.Fields, level tlp.Level) (store.Batch, error)
	// AddToBatch stores files in a batch and has them answered in the background; added is how many were not in it. Errors:
	// store.ErrNotFound, store.ErrNotNow, store.ErrFull.
	AddToBatch(ctx context.Context, id string, files ...store.File) (added int, err error)
	// CancelBatch ends a batch. Errors: store.ErrNotFound, store.ErrNotNow.
	CancelBatch(ctx context.Context, id string) error
	// RetryBatch lets the files of a batch wait again that have no answer. Errors: store.ErrNotFound.
	RetryBatch(ctx context.Context, id string) (files int, err error)
	// NewWebhook makes a webhook of who asks; secret is what its deliveries are signed with. Errors: store.ErrInvalid, store.ErrNotNow.
	NewWebhook(ctx context.Context, w store.Webhook) (made store.Webhook, secret string, err error)
	// NewExport asks for a file of the scans that fit a filter, of those that who asks may see when it is made. Errors: store.ErrNotNow.
	NewExport(ctx context.Context, format string, f store.Filter) (store.Export, error)
	// OpenExport is an export of who asks, and what writes it. Errors: store.ErrNotFound, store.ErrNotNow.
	OpenExport(ctx context.Context, id string) (e store.Export, write func(w io.Writer) error, err error)
	// Jobs are those of the database.
	Jobs() Jobs
	// Indexes are the files that hold the prepared references of the library.
	Indexes() ([]IndexFile, error)
	// OpenIndex opens one by the SHA-256 of its content. Errors: store.ErrNotFound.
	OpenIndex(sum string) (*os.File, error)
	// Evidence makes a pack of scans for somebody, and notes that. Errors: those of store.ForExport, store.ErrErased,
	// store.ErrInvalid, evidence.ErrTooLarge.
	Evidence(ctx context.Context, ids []string, to store.Release) (pack []byte, name string, err error)
	// Release notes that bytes with these scans leave. Errors: store.ErrInvalid when it has to be said to whom and why.
	Release(ctx context.Context, body []byte, to store.Release, scans []store.Scan) error
	// SetHold keeps a scan from being erased. Errors: those of store.SetHold.
	SetHold(ctx context.Context, scanID, reason string) (store.Hold, error)
	// ReleaseHold lets it be erased again. Errors: those of store.ReleaseHold.
	ReleaseHold(ctx context.Context, scanID, why string) error
	// STIX says for whom a bundle of a scan speaks, and how it is marked.
	STIX(sc store.Scan) exchange.STIXOptions
	// Checkpoint signs what the log of what was done is now.
	Checkpoint(ctx context.Context) (store.StoredCheckpoint, error)
	// LogKey is the public key of these checkpoints.
	LogKey() string
	// StartVerification begins to verify everything that is stored, unless that is being done.
	StartVerification()
	// Verification is the one that runs, or the last one.
	Verification() VerificationState
	// OwnMachine reports whether this machine, its spectrometer and its queue, is that of the agency of who asks.
	OwnMachine(ctx context.Context) bool
	// Now is the time of this server.
	Now() time.Time
	// Stored returns a channel that is closed when, after this call, a scan is stored or sent on.
	Stored() <-chan struct{}
	// Ending is closed when the server ends; long answers end with it.
	Ending() <-chan struct{}
}

// Upload is a file with what came along.
type Upload struct {
	Name string
	Raw  []byte
	// Spectra are those of Raw when they were read already; nil: they are read from Raw.
	Spectra []spectra.Spectrum
	Fields  store.Fields
	// Key is the Idempotency-Key, zero without one.
	Key store.Key
	// Answers were given to the spectra before they came here.
	Answers []store.FieldAnswer
	// Batch is the file of a batch that this is; nil: it is none.
	Batch *store.BatchPart
}

// Limits bound what one request may cost.
type Limits struct {
	MaxUpload int64 // bytes of a POST /v1/scans body
	Uploads   int   // uploads of that size handled at once, or as many more as are smaller; others wait
}

// MaxBody is the largest body, in bytes, of any other request.
const MaxBody = 64 << 10

// API is the registered interface.
type API struct {
	backend Backend
	store   *store.Store
	auth    *auth.Service
	log     *slog.Logger
	limits  Limits
	huma    huma.API
	uploads *semaphore.Weighted // bytes
}

// Register adds every /v1 route and /openapi.json to e. Nothing here checks who is asking: auth.Middleware does, by the permission that
// each operation names.
func Register(e *echo.Echo, b Backend, st *store.Store, au *auth.Service, log *slog.Logger, l Limits) *API {
	cfg := huma.DefaultConfig("Fentrace", "1")
	cfg.Info.Description = "Presumptive identification of unknown powders by Raman and infrared spectroscopy, and what follows from it. " + identify.Presumptive
	cfg.DocsPath, cfg.SchemasPath = "", "" // the documentation page would load scripts from elsewhere
	cfg.CreateHooks = nil                  // no $schema members in answers
	cfg.RejectUnknownQueryParameters = true
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"session": {Type: "apiKey", In: "cookie", Name: auth.CookieName},
		"token":   {Type: "http", Scheme: "bearer"},
	}
	cfg.Security = []map[string][]string{{"session": {}}, {"token": {}}}
	a := &API{backend: b, store: st, auth: au, log: log, limits: l, uploads: semaphore.NewWeighted(int64(max(1, l.Uploads)) * l.MaxUpload)}
	a.huma = humaecho.New(e, cfg)
	a.registerLogin()
	a.registerProvider(e)
	a.registerUpload()
	a.registerIdentify()
	a.registerScans()
	a.registerIntelligence()
	a.registerDevice()
	a.registerLibrary()
	a.registerQueue()
	a.registerLaboratory()
	a.registerLearning()
	a.registerValidation()
	a.registerLookBack()
	a.registerBatches()
	a.registerExports()
	a.registerWebhooks()
	a.registerJobs()
	a.registerIndex()
	a.registerRecords()
	a.registerEvidence()
	a.registerEvents()
	a.registerAdmin()
	a.registerLog()
	for _, path := range []string{cfg.OpenAPIPath + ".json", cfg.OpenAPIPath + "-3.0.json", cfg.OpenAPIPath + ".yaml", cfg.OpenAPIPath + "-3.0.yaml"} {
		au.Needs(http.MethodGet, path, auth.Account)
	}
	allowNull(a.huma.OpenAPI().Components.Schemas)
	return a
}

// permissionKey is the extension of the OpenAPI document that names the permission an operation needs.
const permissionKey = "x-permission"

// needs are the extensions of an operation that needs a permission.
func needs(p auth.Permission) map[string]any { return map[string]any{permissionKey: string(p)} }

// permitted tells auth, and whoever reads the document, what an operation needs; it panics when the operation does not say.
func (a *API) permitted(op *huma.Operation) {
	named, _ := op.Extensions[permissionKey].(string)
	p := auth.Permission(named)
	a.auth.Needs(op.Method, op.Path, p)
	if p == auth.Open || p == auth.Account {
		return
	}
	op.Errors = append(op.Errors, http.StatusForbidden)
	op.Description = strings.TrimSpace(op.Description + " Needs the permission " + named + ", which these roles have: " + strings.Join(auth.With(p), ", ") + ".")
}

// register adds one operation; whatever error h returns leaves as problem+json.
func register[I, O any](a *API, op huma.Operation, h func(context.Context, *I) (*O, error)) {
	if op.MaxBodyBytes == 0 {
		op.MaxBodyBytes = MaxBody
	}
	op.Errors = append(op.Errors, http.StatusUnauthorized)
	a.permitted(&op)
	note := a.audited(&op)
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		ctx, err := once(ctx, op.OperationID, in)
		var out *O
		if err == nil {
			out, err = h(ctx, in)
		}
		if err == nil {
			err = note(ctx, out)
		}
		if err == nil {
			err = notModified(in, out)
		}
		if err != nil {
			return nil, a.problem(ctx, op.OperationID, err)
		}
		return out, nil
	})
}
