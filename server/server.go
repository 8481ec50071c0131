// Package server puts store, log-in, interface and pages together and owns their lifetime.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"fentrace/device"
	"fentrace/device/acquire"
	"fentrace/device/calibrated"
	"fentrace/device/gps"
	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/server/api"
	"fentrace/server/auth"
	"fentrace/server/chunked"
	"fentrace/server/forward"
	"fentrace/server/jobs"
	"fentrace/server/lookback"
	"fentrace/server/observe"
	"fentrace/server/seal"
	"fentrace/server/store"
	"fentrace/server/tlp"
	"fentrace/server/web"
	"fentrace/spectra"
)

const (
	// DefaultListen is reachable from this machine only.
	DefaultListen = "127.0.0.1:8080"
	// DefaultMaxUpload is the largest file accepted, in bytes.
	DefaultMaxUpload = 32 << 20
	// DefaultWriteStall is how long a write of an answer may wait for whoever reads it.
	DefaultWriteStall = 2 * time.Minute
	// DefaultUser is who a log-in link is for when nobody is named.
	DefaultUser = "operator"

	// IndexFolder is the name, inside a data folder, of the folder with the prepared references of large libraries. Deleting it
	// loses nothing.
	IndexFolder = "index"

	maxUploadsAtOnce = 4
	shutdownTime     = 20 * time.Second
)

// Identifier answers spectra; *identify.Identifier is one.
type Identifier interface {
	Identify(ctx context.Context, s spectra.Spectrum) (identify.Identification, error)
	Overlay(s spectra.Spectrum, ans identify.Identification) (identify.Overlay, error)
}

// Config says how a server runs. DataDir and Library are needed; zero values of the rest are defaults.
type Config struct {
	// DataDir holds the database and what is made from it. It is created, readable by its owner only.
	DataDir string
	// Database is the address of a PostgreSQL database to be used in place of the one in DataDir (see store.OpenPostgres);
	// DataDir then holds only what is made from it. Empty: SQLite.
	Database string
	// Keys encrypt the bytes and spectra that are stored (see store.WithKeys); nil: they are stored plain.
	Keys *seal.Ring
	// Listen is host:port; DefaultListen when empty, port 0 picks a free one.
	// Without Certificate, anything but a loopback address sends scans and log-ins over the network in the clear: put TLS before it.
	Listen string
	// Library is what the server answers with, under what it learns itself (see LearnedFile).
	Library *library.Stack
	// NewIdentifier prepares a library for answering; identify.New with its defaults when nil. It is called again each time
	// the server has learnt.
	NewIdentifier func(*library.Stack) (Identifier, error)
	// OpenDevice opens the attached spectrometer; nil: none is attached. It is called lazily, and again after the
	// device was unplugged.
	OpenDevice func(ctx context.Context) (device.Spectrometer, error)
	// Acquire is how POST /v1/device/scan scans.
	Acquire acquire.Settings
	// Calibration finds what is known of the attached spectrometer, each time before it scans; nil when nothing is kept.
	Calibration func(device.Info) (*calibrated.Calibration, error)
	// Position tells where the spectrometer is, from a GPS receiver, each time before it scans; nil without one.
	Position func() (gps.Fix, error)
	// Place is where the attached spectrometer stands, for scans whose request states no place of its own.
	Place store.Location
	// MaxUpload in bytes bounds one uploaded file; DefaultMaxUpload when 0. Up to four are held in memory at once.
	MaxUpload int64
	// Upstream sends every scan stored here on to another server; its Store, Now, Log and Changed are set by New. Nil: scans
	// stay here.
	Upstream *forward.Config
	// Queue keeps every scan stored here in the queue of unsent ones also without Upstream.
	Queue bool
	// Organisation is the author of exported bundles; "Fentrace" when empty.
	Organisation string
	// TLP marks exported bundles, unless what is in them is marked more strictly; AMBER when empty.
	TLP tlp.Level
	// UploadTLP marks scans that do not say how they are to be marked; AMBER when empty.
	UploadTLP tlp.Level
	// Agency is the one whose machine this is: its people use the attached spectrometer, and its scans are those that are sent on.
	// store.LocalAgency when empty.
	Agency string
	// Certificate and Key are PEM files; with them the server speaks TLS only. They are read again when they change.
	Certificate, Key string
	// RequireReason: nothing leaves as evidence pack, STIX or report unless it is said who is given it and why.
	RequireReason bool
	// AutoTLS has certificates issued and renewed in place of Certificate; nil: it does not.
	AutoTLS *AutoTLS
	// PublicURL is how browsers know this server, such as https://fentrace.example.org; that of the first name of AutoTLS, else URL,
	// when empty.
	PublicURL string
	// LoginProvider lets people log in with OpenID Connect as well; nil: it does not.
	LoginProvider *LoginProvider
	// SessionIdle is after how long a browser that does nothing has to log in again; 0: not before auth.SessionLife.
	SessionIdle time.Duration
	// MetricsListen is host:port of a second listener, without log-in, that answers Prometheus under /metrics; "": there is none.
	MetricsListen string
	// Worker takes jobs by Work, on a Database that servers use, and does nothing else.
	Worker bool
	// IndexFrom is a server that prepared references are fetched from, where it has them; nil: they are made here.
	IndexFrom *IndexSource
	// JobBeat is how often a program says that it lives to the others that take jobs from the same database, JobWait how long a job
	// waits after it has failed the first time; jobs.DefaultBeat and jobs.DefaultFirstWait when 0.
	JobBeat, JobWait time.Duration
	// WriteStall is after how long somebody who reads nothing of an answer is hung up on; DefaultWriteStall when 0.
	WriteStall time.Duration
	// Version of the program, for metrics.
	Version string
	// Clock and Logger default to time.Now and slog.Default.
	Clock  func() time.Time
	Logger *slog.Logger
}

// Server is a running, or ready to run, Fentrace server.
type Server struct {
	cfg        Config
	store      *store.Store
	auth       *auth.Service
	echo       *echo.Echo
	http       *http.Server
	chunks     *chunked.Uploads
	metrics    *observe.Metrics
	auto       *autoTLS     // nil: certificates come from files, or none does
	scraped    *http.Server // of metrics; nil: there is none
	instrument *instrument
	knows      atomic.Pointer[knowledge] // what scans are answered with; replaced as a whole
	learning   sync.Mutex                // held while knows, the learned library and its record change
	comparing  *comparison               // the one that ran last; guarded by learning
	background context.Context           // ends with the server
	endWork    context.CancelFunc
	works      sync.WaitGroup // on background
	looker     *lookback.Looker
	looks      struct {
		sync.Mutex
		of map[string]*looking // those that run here, by id
	}
	jobs      *jobs.Runner
	prepared  indexes
	sender    *forward.Sender // nil: scans stay here
	sending   sync.WaitGroup
	logKey    logKey
	packing   chan struct{} // full while an evidence pack is made
	verifying verification

	ending    chan struct{}
	endOnce   sync.Once
	closeErr  error
	mu        sync.Mutex
	stored    chan struct{} // closed and replaced after each stored scan
	listening net.Listener
}

// New opens the database and wires everything; nothing listens yet. Close (or Run) releases it.
func New(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.DataDir == "" || cfg.Library == nil {
		return nil, errors.New("start server: data folder and library are needed")
	}
	if cfg.NewIdentifier == nil {
		cfg.NewIdentifier = func(lib *library.Stack) (Identifier, error) {
			index := filepath.Join(cfg.DataDir, IndexFolder)
			if cfg.IndexFrom != nil {
				fetchIndex(context.WithoutCancel(ctx), cfg.IndexFrom, index, lib.Version(), cfg.Logger)
			}
			return identify.New(lib, identify.Options{IndexDir: index})
		}
	}
	if cfg.Listen == "" {
		cfg.Listen = DefaultListen
	}
	if cfg.MaxUpload <= 0 {
		cfg.MaxUpload = DefaultMaxUpload
	}
	if cfg.WriteStall <= 0 {
		cfg.WriteStall = DefaultWriteStall
	}
	if cfg.Organisation == "" {
		cfg.Organisation = "Fentrace"
	}
	if cfg.UploadTLP == "" {
		cfg.UploadTLP = tlp.Amber
	}
	if cfg.Agency == "" {
		cfg.Agency = store.LocalAgency
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	st, err := store.OpenDatabase(ctx, cfg.DataDir, cfg.Database, store.WithKeys(cfg.Keys))
	if err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	st.Clock = cfg.Clock
	s := &Server{cfg: cfg, store: st, auth: auth.New(st, cfg.Clock, cfg.SessionIdle), instrument: newInstrument(cfg),
		packing: make(chan struct{}, 1), ending: make(chan struct{}), stored: make(chan struct{})}
	s.prepared = indexes{dir: filepath.Join(cfg.DataDir, IndexFolder), of: map[string]summed{}}
	s.looks.of = map[string]*looking{}
	s.background, s.endWork = context.WithCancel(store.ByProgram(context.WithoutCancel(ctx), "server"))
	if err := s.load(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start server: %w", err), st.Close())
	}
	if s.logKey, err = openLogKey(cfg.DataDir); err != nil {
		return nil, errors.Join(fmt.Errorf("start server: %w", err), st.Close())
	}
	if err := s.openArchive(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start server: %w", err), st.Close())
	}
	if s.jobs, err = s.newJobs(); err != nil {
		return nil, errors.Join(fmt.Errorf("start server: %w", err), s.looker.Archive.Close(), st.Close())
	}
	s.sender = s.newSender()
	if s.chunks, err = s.newChunked(); err != nil {
		return nil, errors.Join(fmt.Errorf("start server: %w", err), s.looker.Archive.Close(), st.Close())
	}
	if err := errors.Join(s.useProvider(), s.useAutoTLS()); err != nil {
		return nil, errors.Join(fmt.Errorf("start server: %w", err), s.looker.Archive.Close(), st.Close())
	}
	s.metrics = s.newMetrics()
	s.echo = s.routes()
	s.http = s.newHTTP(s.echo)
	return s, nil
}

func (s *Server) newHTTP(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
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

// Run serves until ctx ends, then lets running requests finish and closes everything. It returns nil after an
// orderly end.
func (s *Server) Run(ctx context.Context) error {
	if err := s.Listen(); err != nil {
		return errors.Join(err, s.Close())
	}
	s.startSending()
	s.startLearning(ctx)
	s.startLookingBack(ctx)
	s.startChunked()
	s.startCheckpoints()
	if err := s.startJobs(ctx); err != nil {
		return errors.Join(err, s.Close())
	}
	if err := errors.Join(s.startMetrics(), s.startChallenges()); err != nil {
		return errors.Join(err, s.Close())
	}
	failed := make(chan error, 1)
	go func() { failed <- s.http.Serve(s.listening) }()
	var err error
	select {
	case err = <-failed:
		if errors.Is(err, http.ErrServerClosed) { // somebody called Close
			err = nil
		} else {
			err = fmt.Errorf("serve %s: %w", s.URL(), err)
		}
	case <-ctx.Done():
	}
	return errors.Join(err, s.Close())
}

// Close ends live streams, sending and comparisons, waits for running requests and closes device and database. It may be called twice.
func (s *Server) Close() error {
	s.endOnce.Do(func() {
		s.mu.Lock()
		close(s.ending)
		s.mu.Unlock()
		s.jobs.Ending()
		s.endWork()
		s.sending.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
		defer cancel()
		stopped := make(chan error, 1)
		go func() { stopped <- s.jobs.Stop(ctx) }()
		preview := s.instrument.stopPreview(ctx)
		err := s.http.Shutdown(ctx)
		if err != nil {
			err = errors.Join(fmt.Errorf("requests were still running after %v: %w", shutdownTime, err), s.http.Close())
		}
		s.mu.Lock()
		if s.listening != nil {
			s.listening.Close() // closed by Shutdown unless Serve never ran
		}
		s.mu.Unlock()
		if s.scraped != nil {
			err = errors.Join(err, s.scraped.Close())
		}
		if s.auto != nil && s.auto.challenges != nil {
			err = errors.Join(err, s.auto.challenges.Close())
		}
		s.works.Wait()
		s.closeErr = errors.Join(preview, err, <-stopped, s.instrument.close(), s.looker.Archive.Close(), s.store.Close())
	})
	return s.closeErr
}

// NewLoginCode makes a one-time code for user ("": DefaultUser), creating the account when there is none.
func (s *Server) NewLoginCode(ctx context.Context, user string) (string, error) {
	if user == "" {
		user = DefaultUser
	}
	return s.auth.NewCode(ctx, user)
}

// HasUser tells whether there is an account of this name.
func (s *Server) HasUser(ctx context.Context, user string) (bool, error) {
	_, err := s.store.User(ctx, user)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// SetRole gives user ("": DefaultUser) one of auth.Roles, creating the account when there is none.
func (s *Server) SetRole(ctx context.Context, user, role string) error {
	if user == "" {
		user = DefaultUser
	}
	if !slices.Contains(auth.Roles, role) {
		return fmt.Errorf("give %s the role %q: use one of %s", user, role, strings.Join(auth.Roles, ", "))
	}
	if err := store.ValidText("user", user); err != nil {
		return fmt.Errorf("give a role: %w", err)
	}
	if err := s.store.SetRole(ctx, user, role, auth.Clearance(role), s.cfg.Clock()); err != nil {
		return fmt.Errorf("give %s the role %s: %w", user, role, err)
	}
	return nil
}

// ChangePerson changes the account of a user as whoever runs the machine may.
func (s *Server) ChangePerson(ctx context.Context, user string, c store.PersonChange) error {
	return s.store.ChangePerson(ctx, user, c, s.cfg.Clock())
}

// NewToken makes an access token, called name, for user ("": DefaultUser), creating the account when there is none; scope and life
// are those of auth.Service.NewToken. The token is returned this once and not stored.
func (s *Server) NewToken(ctx context.Context, user, name, scope string, life time.Duration) (string, error) {
	if user == "" {
		user = DefaultUser
	}
	if err := s.store.EnsureUser(ctx, user, auth.RoleOperator, auth.Clearance(auth.RoleOperator), s.cfg.Clock()); err != nil {
		return "", fmt.Errorf("make access token for %s: %w", user, err)
	}
	if err := store.ValidText("name", name); err != nil {
		return "", fmt.Errorf("make access token: %w", err)
	}
	_, token, err := s.auth.NewToken(ctx, user, name, scope, life)
	return token, err
}

// LoginLink returns an address that logs user in once. The code is in the fragment, which browsers do not send
// and servers do not log.
func (s *Server) LoginLink(ctx context.Context, user string) (string, error) {
	code, err := s.NewLoginCode(ctx, user)
	if err != nil {
		return "", err
	}
	return s.URL() + "/login#code=" + url.QueryEscape(code), nil
}

// Count returns how many scans are stored.
func (s *Server) Count(ctx context.Context) (int, error) { return s.store.Count(ctx) }
