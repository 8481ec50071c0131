package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"fentrace/device"
	"fentrace/device/acquire"
	"fentrace/library"
	"fentrace/library/search"
	"fentrace/server/auth"
	"fentrace/server/chunked"
	"fentrace/server/evidence"
	"fentrace/server/lookback"
	"fentrace/server/store"
)

// Errors a Backend returns besides those of store and device; test with errors.Is.
var (
	// ErrUnreadable: the file cannot be read or not be answered; the error says where and why. Nothing was stored.
	ErrUnreadable = errors.New("file cannot be used")
	// ErrNotLearnt: what was asked is stored, but the library does not follow it yet.
	ErrNotLearnt = errors.New("the library could not be brought up to date; what was entered is kept, and it is tried again with the next decision and at the next start")
	ErrNoDevice  = errors.New("no spectrometer is attached to this server")
	ErrBusy      = errors.New("the spectrometer is in use by a scan or a preview; wait until it is done, or stop it")
)

// ProblemType is the media type of every error (RFC 9457).
const ProblemType = "application/problem+json"

// statuses maps errors to HTTP statuses, first match wins.
var statuses = []struct {
	err    error
	status int
}{
	{ErrUnreadable, http.StatusUnprocessableEntity},
	{ErrNoDevice, http.StatusConflict},
	{ErrBusy, http.StatusConflict},
	{ErrNotLearnt, http.StatusServiceUnavailable},
	{store.ErrErased, http.StatusGone},
	{evidence.ErrTooLarge, http.StatusRequestEntityTooLarge},
	{store.ErrNotFound, http.StatusNotFound},
	{library.ErrNoSubstance, http.StatusNotFound},
	{lookback.ErrNoReference, http.StatusUnprocessableEntity},
	{search.ErrNotSearchable, http.StatusUnprocessableEntity},
	{store.ErrStale, http.StatusPreconditionFailed},
	{store.ErrInvalid, http.StatusUnprocessableEntity},
	{store.ErrExists, http.StatusConflict},
	{store.ErrKeyUsed, http.StatusUnprocessableEntity},
	{store.ErrRepeated, http.StatusConflict},
	{store.ErrClosed, http.StatusConflict},
	{store.ErrNotNow, http.StatusConflict},
	{store.ErrElsewhere, http.StatusForbidden},
	{store.ErrMarked, http.StatusForbidden},
	{store.ErrWithheld, http.StatusUnprocessableEntity}, // not a conflict, which whoever sends on would try again
	{store.ErrSecondPerson, http.StatusForbidden},
	{store.ErrAlone, http.StatusConflict},
	{store.ErrFull, http.StatusInsufficientStorage},
	{store.ErrLog, http.StatusServiceUnavailable},
	{auth.ErrDenied, http.StatusUnauthorized},
	{auth.ErrThrottled, http.StatusTooManyRequests},
	{auth.ErrWeakPassword, http.StatusUnprocessableEntity},
	{auth.ErrWrongCode, http.StatusUnprocessableEntity},
	{device.ErrTimeout, http.StatusGatewayTimeout},
	{device.ErrNotFound, http.StatusBadGateway},
	{device.ErrBusy, http.StatusBadGateway},
	{device.ErrGone, http.StatusBadGateway},
	{device.ErrProtocol, http.StatusBadGateway},
	{device.ErrRefused, http.StatusBadGateway},
	{device.ErrRange, http.StatusBadGateway},
	{device.ErrSaturated, http.StatusBadGateway},
	{acquire.ErrNoAxis, http.StatusBadGateway},
}

// problem turns an error into an answer. An error nobody foresaw is logged, and told to the caller only as such.
func (a *API) problem(ctx context.Context, what string, err error) error {
	var ready huma.StatusError
	if errors.As(err, &ready) {
		return err
	}
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		return huma.NewError(http.StatusRequestEntityTooLarge, tooLarge(tooBig.Limit))
	}
	if errors.Is(err, auth.ErrSecondFactor) {
		return &huma.ErrorModel{Type: secondFactorType, Title: http.StatusText(http.StatusUnauthorized), Status: http.StatusUnauthorized, Detail: err.Error()}
	}
	if away := databaseAway(err); away != nil {
		a.log.ErrorContext(ctx, "request failed", slog.String("operation", what), slog.Any("error", err))
		return huma.ErrorWithHeaders(huma.NewError(http.StatusServiceUnavailable, away.Error()), http.Header{"Retry-After": {databaseRetry}})
	}
	if errors.Is(err, store.ErrFull) { // the cause names files
		a.log.ErrorContext(ctx, "request failed", slog.String("operation", what), slog.Any("error", err))
		return huma.NewError(http.StatusInsufficientStorage, store.ErrFull.Error())
	}
	if status := StatusOf(err); status != http.StatusInternalServerError {
		answer := error(huma.NewError(status, err.Error()))
		if field := (*store.FieldError)(nil); errors.As(err, &field) {
			answer = huma.NewError(status, err.Error(), &huma.ErrorDetail{Location: "body." + field.Field, Message: field.Problem})
		}
		if status == http.StatusTooManyRequests {
			wait := strconv.Itoa(int(auth.ThrottleWindow.Seconds()))
			answer = huma.ErrorWithHeaders(answer, http.Header{"Retry-After": {wait}})
		}
		return answer
	}
	if ctx.Err() != nil {
		return huma.NewError(http.StatusServiceUnavailable, "the request was given up before it was answered")
	}
	a.log.ErrorContext(ctx, "request failed", slog.String("operation", what), slog.Any("error", err))
	return huma.NewError(http.StatusInternalServerError, internal)
}

// StatusOf is the HTTP status of an error that can be told to the caller, 500 for any other.
func StatusOf(err error) int {
	var ready huma.StatusError
	if errors.As(err, &ready) {
		return ready.GetStatus()
	}
	if databaseAway(err) != nil {
		return http.StatusServiceUnavailable
	}
	for _, s := range statuses {
		if errors.Is(err, s.err) {
			return s.status
		}
	}
	return http.StatusInternalServerError
}

// Told is the status and the text with which an error is told to a caller: neither machines nor folders are in it. Errors of the
// file system count as those of the disk.
func Told(err error) (status int, text string) {
	if status = StatusOf(err); status == http.StatusInternalServerError {
		err = store.NameDisk(err)
		status = StatusOf(err)
	}
	if away := databaseAway(err); away != nil {
		return status, away.Error()
	}
	switch {
	case errors.Is(err, store.ErrFull):
		return status, store.ErrFull.Error()
	case status == http.StatusInternalServerError:
		return status, internal
	}
	return status, err.Error()
}

// databaseRetry is after how many seconds a database that was away is worth asking again.
const databaseRetry = "5"

// databaseAway is what a caller is told when the database or the disk cannot be used now, nil when it can. The cause names machines
// and folders: it is for the log.
func databaseAway(err error) error {
	for _, known := range []error{store.ErrUncertain, store.ErrUnavailable, store.ErrDisk} {
		if errors.Is(err, known) {
			return known
		}
	}
	return nil
}

const internal = "something went wrong inside the server; its log says what. Nothing was stored unless a scan was returned."

func tooLarge(limit int64) string {
	return fmt.Sprintf("the body is larger than the %d bytes allowed here", limit)
}

// ErrorHandler writes what Echo itself reports (no such route, wrong method, a panic caught on the way) in the
// same form as everything else.
func ErrorHandler(log *slog.Logger) echo.HTTPErrorHandler {
	return func(err error, c echo.Context) {
		if c.Response().Committed {
			return
		}
		status, detail := http.StatusInternalServerError, internal
		var he *echo.HTTPError
		var tooBig *http.MaxBytesError
		switch {
		case errors.As(err, &tooBig):
			status, detail = http.StatusRequestEntityTooLarge, tooLarge(tooBig.Limit)
		case errors.As(err, &he) && he.Code < http.StatusInternalServerError:
			status, detail = he.Code, fmt.Sprint(he.Message)
			if detail == http.StatusText(status) {
				detail = fmt.Sprintf("%s %s: %s", c.Request().Method, c.Request().URL.Path, strings.ToLower(detail))
			}
		default:
			log.ErrorContext(c.Request().Context(), "request failed", slog.String("path", c.Path()), slog.Any("error", err))
			if away := databaseAway(err); away != nil {
				status, detail = http.StatusServiceUnavailable, away.Error()
				c.Response().Header().Set("Retry-After", databaseRetry)
			}
		}
		var body bytes.Buffer
		if err := json.NewEncoder(&body).Encode(&huma.ErrorModel{Title: http.StatusText(status), Status: status, Detail: detail}); err != nil {
			log.Error("write problem", slog.Any("error", err))
		}
		if err := c.Blob(status, ProblemType, body.Bytes()); err != nil {
			log.Debug("write problem", slog.Any("error", err)) // the caller has gone
		}
	}
}

// echoPath is a path as Echo names its parameters.
func echoPath(path string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}

// LimitBody refuses bodies that are too large: at once when Content-Length says so, else as soon as the limit has
// been read. maxUpload applies to POST /v1/scans and /v1/identify, to files of batches, laboratory reports and pieces of uploads, MaxBody to
// everything else.
func LimitBody(maxUpload int64) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r, limit := c.Request(), int64(MaxBody)
			upload := []string{uploadPath, IdentifyPath, echoPath(batchFilesPath), echoPath(reportPath)}
			if r.Method == http.MethodPost && slices.Contains(upload, c.Path()) || strings.HasPrefix(r.URL.Path, chunked.Path) {
				limit = maxUpload
			}
			if r.ContentLength > limit {
				// What is not read must not be waited for.
				c.Response().Header().Set("Connection", "close")
				return echo.NewHTTPError(http.StatusRequestEntityTooLarge, tooLarge(limit))
			}
			r.Body = http.MaxBytesReader(c.Response(), r.Body, limit)
			if limit > MaxBody {
				return next(c)
			}
			// Read here, a body that breaks off is the caller's mistake and not ours.
			body, err := io.ReadAll(r.Body)
			var tooBig *http.MaxBytesError
			switch {
			case errors.As(err, &tooBig):
				return err
			case err != nil:
				return echo.NewHTTPError(http.StatusBadRequest, "the body could not be read to its end: "+bodyError(err))
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			return next(c)
		}
	}
}

// bodyError says why a body broke off, without the addresses that errors of the network name.
func bodyError(err error) string {
	var away net.Error
	switch {
	case errors.As(err, &away) && away.Timeout():
		return "it took too long"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "it is shorter than was announced"
	}
	return "it is not sent as HTTP says"
}

// CheckQuery refuses what would otherwise be dropped in silence: query strings that do not parse and parameters
// given twice.
func CheckQuery(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		q, err := url.ParseQuery(c.Request().URL.RawQuery)
		if err != nil {
			return echo.NewHTTPError(http.StatusBadRequest, "query: "+err.Error())
		}
		for name, values := range q {
			if len(values) > 1 {
				return echo.NewHTTPError(http.StatusUnprocessableEntity, fmt.Sprintf("query.%s is given %d times", name, len(values)))
			}
		}
		return next(c)
	}
}
