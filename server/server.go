// Package server puts store, log-in, interface and pages together and owns their lifetime.
package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"fentrace/device"
	"fentrace/device/acquire"
	"fentrace/device/calibrated"
	"fentrace/device/gps"
	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/server/auth"
	"fentrace/server/chunked"
	"fentrace/server/forward"
	"fentrace/server/jobs"
	"fentrace/server/lookback"
	"fentrace/server/observe"
	"fentrace/server/seal"
	"fentrace/server/store"
	"fentrace/server/tlp"
	"fentrace/server/webhook"
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
	// WebhookAllow are networks that are not public and to which webhooks may go.
	WebhookAllow webhook.Allowed
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
	starting   sync.Mutex     // held while they are started
	looker     *lookback.Looker
	looks      struct {
		sync.Mutex
		of map[string]*looking // those that run here, by id
	}
	jobs      *jobs.Runner
	prepared  indexes
	hooks     *webhook.Sender
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
	cfg.defaults()
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
	if err := s.assemble(ctx); err != nil {
		if s.looker != nil {
			err = errors.Join(err, s.looker.Archive.Close())
		}
		return nil, errors.Join(fmt.Errorf("start server: %w", err), st.Close())
	}
	return s, nil
}

// defaults fills in what is left out and does not depend on anything else.
func (cfg *Config) defaults() {
	cfg.Listen = cmp.Or(cfg.Listen, DefaultListen)
	cfg.Organisation = cmp.Or(cfg.Organisation, "Fentrace")
	cfg.UploadTLP = cmp.Or(cfg.UploadTLP, tlp.Amber)
	cfg.Agency = cmp.Or(cfg.Agency, store.LocalAgency)
	cfg.Logger = cmp.Or(cfg.Logger, slog.Default())
	if cfg.MaxUpload <= 0 {
		cfg.MaxUpload = DefaultMaxUpload
	}
	if cfg.WriteStall <= 0 {
		cfg.WriteStall = DefaultWriteStall
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
}

// assemble puts together what the server consists of, on its open database.
func (s *Server) assemble(ctx context.Context) (err error) {
	if err := s.load(ctx); err != nil {
		return err
	}
	if s.logKey, err = openLogKey(s.cfg.DataDir); err != nil {
		return err
	}
	if err := s.openArchive(ctx); err != nil {
		return err
	}
	if s.jobs, err = s.newJobs(); err != nil {
		return err
	}
	s.hooks = webhook.NewSender(s.cfg.WebhookAllow, nil)
	s.sender = s.newSender()
	if s.chunks, err = s.newChunked(); err != nil {
		return err
	}
	if err := errors.Join(s.useProvider(), s.useAutoTLS()); err != nil {
		return err
	}
	s.metrics = s.newMetrics()
	s.echo = s.routes()
	s.http = s.newHTTP(s.echo)
	return nil
}

// Run serves until ctx ends, then lets running requests finish and closes everything. It returns nil after an
// orderly end.
func (s *Server) Run(ctx context.Context) error {
	if err := s.Listen(); err != nil {
		return errors.Join(err, s.Close())
	}
	if err := s.startWork(ctx); err != nil {
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

// startWork starts what goes on in the background, unless the server was closed meanwhile.
func (s *Server) startWork(ctx context.Context) error {
	s.starting.Lock()
	defer s.starting.Unlock()
	if s.background.Err() != nil {
		return nil
	}
	s.startSending()
	s.startLearning(ctx)
	s.startLookingBack(ctx)
	s.startChunked()
	s.startCheckpoints()
	s.startExports()
	if err := s.startJobs(ctx); err != nil {
		return err
	}
	return errors.Join(s.startMetrics(), s.startChallenges())
}

// Close ends live streams, sending and comparisons, waits for running requests and closes device and database. It may be called twice.
func (s *Server) Close() error {
	s.endOnce.Do(func() {
		s.mu.Lock()
		close(s.ending)
		s.mu.Unlock()
		s.jobs.Ending()
		s.endWork()
		s.starting.Lock() // what is being started is to be waited for as well
		defer s.starting.Unlock()
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

// Count returns how many scans are stored.
func (s *Server) Count(ctx context.Context) (int, error) { return s.store.Count(ctx) }
