package observe

import (
	"context"
	"log/slog"
	"net/http"
	"regexp"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
)

// RequestIDHeader carries the id of a request, either way.
const RequestIDHeader = "X-Request-Id"

// requestIDs that a proxy may have given; anything else is replaced, so that nobody writes into the log what he likes.
var requestIDs = regexp.MustCompile(`^[A-Za-z0-9-]{8,64}$`)

type requestIDKey struct{}

// RequestID is that of the request that ctx belongs to, "" outside of one.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// WithRequestID is ctx of a request with that id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// Log gives each request an id and writes one line when it was answered: route, status, time, and who asked, as who says. Neither
// path nor query is in it, since both can hold case numbers.
func Log(log *slog.Logger, who func(context.Context) string) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.Request()
			id := r.Header.Get(RequestIDHeader)
			if !requestIDs.MatchString(id) {
				id = uuid.NewString()
			}
			c.Response().Header().Set(RequestIDHeader, id)
			c.SetRequest(r.WithContext(WithRequestID(r.Context(), id)))
			start := time.Now()
			err := next(c)
			status, level := c.Response().Status, slog.LevelInfo
			if status >= http.StatusInternalServerError {
				level = slog.LevelWarn
			}
			log.LogAttrs(c.Request().Context(), level, "request", slog.String("method", method(r.Method)), slog.String("route", Route(c)),
				slog.Int("status", status), slog.Duration("took", time.Since(start)), slog.Int64("bytes", c.Response().Size),
				slog.String("user", who(c.Request().Context())))
			return err
		}
	}
}

// Handler adds the id of the request to every line that is written on its behalf.
func Handler(h slog.Handler) slog.Handler { return handler{h} }

type handler struct{ slog.Handler }

// Handle implements slog.Handler.
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	if id := RequestID(ctx); id != "" {
		r = r.Clone()
		r.AddAttrs(slog.String("request", id))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name)} }
