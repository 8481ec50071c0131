package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"fentrace/server/api"
	"fentrace/server/auth"
	"fentrace/server/chunked"
	"fentrace/server/observe"
	"fentrace/server/web"
)

func (s *Server) newHTTP(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           unhurried(h),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       5 * time.Minute, // the largest file over a slow mobile network
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.cfg.Logger.Handler(), slog.LevelWarn),
	}
}

func (s *Server) routes() *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = api.ErrorHandler(s.cfg.Logger)
	e.Use(
		observe.Log(s.cfg.Logger, func(ctx context.Context) string { c, _ := auth.From(ctx); return c.User }),
		s.metrics.Middleware,
		middleware.RecoverWithConfig(middleware.RecoverConfig{LogErrorFunc: func(_ echo.Context, err error, stack []byte) error {
			return fmt.Errorf("panic: %w\n%s", err, stack)
		}}),
		headers,
		middleware.GzipWithConfig(middleware.GzipConfig{MinLength: 1024, Skipper: func(c echo.Context) bool {
			return strings.HasPrefix(c.Path(), "/v1/events") // a stream must not wait for a block to fill
		}}),
		s.auth.Middleware,
		api.LimitBody(s.cfg.MaxUpload),
		api.CheckQuery,
	)
	api.Register(e, s, s.store, s.auth, s.cfg.Logger, api.Limits{MaxUpload: s.cfg.MaxUpload, Uploads: maxUploadsAtOnce})
	e.Match(chunkMethods, strings.TrimSuffix(chunked.Path, "/"), echo.WrapHandler(s.chunks))
	e.Match(chunkMethods, chunked.Path+"*", echo.WrapHandler(s.chunks))
	for _, method := range chunkMethods {
		s.auth.Needs(method, strings.TrimSuffix(chunked.Path, "/"), auth.ScansTake)
		s.auth.Needs(method, chunked.Path+"*", auth.ScansTake)
	}
	web.Register(e)
	observe.Register(e, s.checks(), func(name string, err error) {
		s.cfg.Logger.Warn("not ready", slog.String("check", name), slog.Any("error", err))
	})
	for _, path := range []string{"/login", "/assets/*", "/healthz", "/readyz"} {
		s.auth.Needs(http.MethodGet, path, auth.Open)
	}
	s.auth.Needs(http.MethodGet, "/*", auth.Account) // the pages, without what they show
	s.auth.CheckRoutes(e)
	return e
}

// contentPolicy lets pages load from this server only. The map keeps its pictures as data and blobs.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; " +
	"connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

func headers(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "geolocation=(self), camera=(), microphone=()")
		h.Set("Cache-Control", "no-store")
		if c.IsTLS() {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		return next(c)
	}
}

// Handler returns the whole server as one handler, for use without Run.
func (s *Server) Handler() http.Handler { return s.echo }

// Listen takes the address; Run does it when it was not done before. URL is known after.
func (s *Server) Listen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listening != nil {
		return nil
	}
	l, err := net.Listen("tcp", s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w (is another Fentrace running? choose another address)", s.cfg.Listen, err)
	}
	l = stallListener{l, s.cfg.WriteStall}
	switch {
	case s.auto != nil:
		l = tls.NewListener(l, s.auto.config())
	case s.cfg.Certificate != "":
		config, err := tlsConfig(s.cfg.Certificate, s.cfg.Key)
		if err != nil {
			return errors.Join(err, l.Close())
		}
		l = tls.NewListener(l, config)
	}
	s.listening = l
	return nil
}

// URL is where the server is reached, without a trailing slash.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	addr := s.cfg.Listen
	if s.listening != nil {
		addr = s.listening.Addr().String()
	}
	if s.auto != nil {
		_, port, _ := net.SplitHostPort(addr)
		if port == "443" {
			return "https://" + s.cfg.AutoTLS.Names[0]
		}
		return "https://" + net.JoinHostPort(s.cfg.AutoTLS.Names[0], port)
	}
	if s.cfg.Certificate != "" {
		return "https://" + addr
	}
	return "http://" + addr
}
