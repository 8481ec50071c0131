package api

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"fentrace/server/auth"
	"fentrace/server/oidc"
	"fentrace/server/store"
)

const (
	providerPath   = "/v1/login/provider"
	providerCookie = "fentrace_provider"
	// ReturnPath is where the log-in provider sends browsers back to.
	ReturnPath = providerPath + "/return"
)

// waysOutput says how one may log in.
type waysOutput struct {
	Body struct {
		Provider string `json:"provider" doc:"name of the log-in provider that /v1/login/provider leads to; empty: there is none"`
	}
}

// registerProvider adds log-in with a provider. The two addresses that browsers walk through are no operations: they answer with
// redirects and a page, and providers add parameters of their own.
func (a *API) registerProvider(e *echo.Echo) {
	register(a, huma.Operation{OperationID: "login-ways", Method: http.MethodGet, Path: "/v1/login", Summary: "How one may log in besides by code and password",
		Security: []map[string][]string{}, Extensions: needs(auth.Open)},
		func(context.Context, *struct{}) (*waysOutput, error) {
			out := &waysOutput{}
			if p := a.auth.Provider(); p != nil {
				out.Body.Provider = p.Name()
			}
			return out, nil
		})
	for path, h := range map[string]echo.HandlerFunc{providerPath: a.beginProvider, ReturnPath: a.finishProvider} {
		a.auth.Needs(http.MethodGet, path, auth.Open)
		e.GET(path, h)
	}
}

// keep is what the browser remembers while its person is at the provider: "" ends it. It comes back with a request that another site
// caused, so it cannot be as strict as the session's.
func keep(c echo.Context, value string) {
	cookie := &http.Cookie{Name: providerCookie, Value: value, Path: providerPath, HttpOnly: true, Secure: c.IsTLS(), SameSite: http.SameSiteLaxMode,
		MaxAge: int(oidc.Life.Seconds())}
	if value == "" {
		cookie.MaxAge = -1
	}
	c.SetCookie(cookie)
}

func (a *API) beginProvider(c echo.Context) error {
	p := a.auth.Provider()
	if p == nil {
		return echo.NewHTTPError(http.StatusNotFound, "no log-in provider is set up")
	}
	secret := oidc.NewSecret()
	address, err := p.Begin(c.Request().Context(), secret)
	if err != nil {
		return a.providerFailed(c, err)
	}
	keep(c, secret+"."+base64.RawURLEncoding.EncodeToString([]byte(localPath(c.QueryParam("next")))))
	return c.Redirect(http.StatusSeeOther, address)
}

func (a *API) finishProvider(c echo.Context) error {
	if a.auth.Provider() == nil {
		return echo.NewHTTPError(http.StatusNotFound, "no log-in provider is set up")
	}
	cookie, err := c.Cookie(providerCookie)
	if err != nil {
		return a.providerFailed(c, fmt.Errorf("%w: the browser did not bring what it was given", oidc.ErrRefused))
	}
	keep(c, "") // also when it fails: what was begun once is not finished twice
	secret, next, _ := strings.Cut(cookie.Value, ".")
	if c.QueryParam("error") != "" {
		return a.providerFailed(c, fmt.Errorf("%w: the provider says %.60q", oidc.ErrRefused, c.QueryParam("error")))
	}
	r := c.Request()
	session, err := a.auth.LoginProvider(r.Context(), auth.Host(r.RemoteAddr), secret, c.QueryParam("state"), c.QueryParam("code"))
	if err != nil {
		return a.providerFailed(c, err)
	}
	c.SetCookie(auth.Cookie(session, c.IsTLS()))
	path, _ := base64.RawURLEncoding.DecodeString(next)
	// A page rather than a redirect: the session's cookie is sent with what our own pages lead to only.
	to := html.EscapeString(localPath(string(path)))
	return c.HTML(http.StatusOK, `<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=`+to+
		`"><title>Logged in</title><p>Logged in. <a href="`+to+`">Go on</a></p></html>`)
}

// providerFailed leads back to the log-in page, which has words for why; the log has the cause.
func (a *API) providerFailed(c echo.Context, err error) error {
	why := ""
	switch {
	case errors.Is(err, oidc.ErrUnavailable):
		why = "unavailable"
	case errors.Is(err, oidc.ErrSecondFactor), errors.Is(err, auth.ErrSecondFactor):
		why = "second"
	case errors.Is(err, auth.ErrNoAccount), errors.Is(err, auth.ErrDenied):
		why = "account"
	case errors.Is(err, auth.ErrThrottled):
		why = "throttled"
	case errors.Is(err, oidc.ErrRefused):
		why = "refused"
	default:
		return a.problem(c.Request().Context(), "login-provider", err)
	}
	a.log.WarnContext(c.Request().Context(), "log-in with the provider failed", slog.Any("error", err))
	return c.Redirect(http.StatusSeeOther, "/login?failed="+why)
}

// localPath is a path on this very server, the first page for anything else.
func localPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.HasPrefix(next, "/login") ||
		strings.ContainsAny(next, "\\") || len(next) > 1000 || store.ValidText("next", next) != nil {
		return "/"
	}
	return next
}
