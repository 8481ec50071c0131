// Package demo shows the whole of Fentrace at work in one process, with simulated data only: an emulated spectrometer
// on a pseudo-terminal behind the real driver, the server with its pages, and a simulated month of scans over some forty
// counties. Everything it makes is marked SIMULATED.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"fentrace/data"
	"fentrace/device"
	"fentrace/library"
	"fentrace/server"
	"fentrace/server/auth"
	"fentrace/server/store"
)

// MaxScans is the most scans of the simulated month.
const MaxScans = 100_000

// standsIn is the county where the emulated spectrometer stands, by its code.
const standsIn = "39145"

// jobWait is short, so that the file of the batch that breaks the program is given up within seconds.
const jobWait = 200 * time.Millisecond

// Options say how to run the demo.
type Options struct {
	// DataDir holds the database; running again with the same folder continues the month begun in it. Empty: a temporary
	// folder, removed at the end.
	DataDir string
	// Listen is host:port, server.DefaultListen when empty.
	Listen string
	// Out is where the demo tells what it does; nothing is told when nil.
	Out io.Writer
	// Scans in the simulated month; none when 0. The story of the month takes about fifty, so less gives those.
	Scans int
	// Seed of everything that is random; a folder that holds a month keeps its own.
	Seed uint64
	// Ready, when set, is called once the server answers, with the link that logs in once.
	Ready func(link string)
}

// demo is what Run holds together.
type demo struct {
	opts   Options
	dir    string
	outMu  sync.Mutex
	server *server.Server
}

func (d *demo) say(format string, args ...any) {
	d.outMu.Lock()
	defer d.outMu.Unlock()
	if d.opts.Out != nil {
		fmt.Fprintf(d.opts.Out, format+"\n", args...)
	}
}

// Run starts everything and serves until ctx ends, which is an orderly end and no error. An address in use is an error
// that names --listen.
func Run(ctx context.Context, opts Options) (err error) {
	ctx = store.ByProgram(ctx, "demo")
	d := &demo{opts: opts, dir: opts.DataDir}
	if d.dir == "" {
		if d.dir, err = os.MkdirTemp("", "fentrace-demo-"); err != nil {
			return fmt.Errorf("start the demo: make a temporary folder: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(d.dir)) }()
	}
	table, _, err := simulatedRaman()
	if err != nil {
		return err
	}
	counties, err := Counties()
	if err != nil {
		return err
	}
	tray, err := startSpectrometer(table, Samples, func(scan int, s Sample) {
		d.say("Scan %d: under the probe lies %s.", scan, s)
	})
	if err != nil {
		return fmt.Errorf("start the demo: %w", err)
	}
	defer tray.close()
	at := slices.IndexFunc(counties, func(c County) bool { return c.FIPS == standsIn })
	if d.server, err = d.newServer(ctx, tray, counties[max(at, 0)]); err != nil {
		return err
	}
	sim, err := d.simulation(counties)
	if err != nil {
		return errors.Join(err, d.server.Close())
	}
	return d.serve(ctx, seeder{d.server, table, d.say, map[int]store.Scan{}}, sim)
}

// newServer opens libraries, identifier and database, and takes the address. The spectrometer stands in place.
func (d *demo) newServer(ctx context.Context, tray *spectrometer, place County) (*server.Server, error) {
	stack, err := Library(ctx, d.dir)
	if err != nil {
		return nil, fmt.Errorf("start the demo: %w", err)
	}
	precision := 5000.0
	srv, err := server.New(ctx, server.Config{
		DataDir: d.dir, Listen: d.opts.Listen, Library: stack, NewIdentifier: newBreakable(d.dir), JobWait: jobWait,
		// Requests, and the file that fails on purpose, would push the link off the terminal.
		Logger:      slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
		OpenDevice:  func(ctx context.Context) (device.Spectrometer, error) { return d.openCalibrated(ctx, tray) },
		Calibration: d.calibration, Acquire: stsSettings, Organisation: "SIMULATED Fentrace demo",
		Place: store.Location{Latitude: &place.Latitude, Longitude: &place.Longitude, PrecisionM: &precision,
			County: place.Name, State: place.State, FIPS: place.FIPS},
	})
	if err != nil {
		return nil, err
	}
	if err := srv.Listen(); err != nil {
		if isBusy(err) {
			err = fmt.Errorf("%w; name a free one, for example --listen 127.0.0.1:8081", err)
		}
		return nil, errors.Join(err, srv.Close())
	}
	return srv, nil
}

// Library is the embedded core under the simulated references, which are written to a library file in dir.
func Library(ctx context.Context, dir string) (*library.Stack, error) {
	core, err := library.OpenStack(ctx, data.Core)
	if err != nil {
		return nil, err
	}
	substances, references, err := SimulatedLayer(core)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	path := filepath.Join(dir, "simulated-library.db")
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("replace the simulated library: %w", err)
	}
	file, err := library.Create(path)
	if err != nil {
		return nil, err
	}
	err = errors.Join(file.SetTitle(ctx, layerTitle), file.PutSubstance(ctx, substances...))
	if err == nil {
		_, err = file.PutReference(ctx, references...)
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	return library.OpenStack(ctx, data.Core, path)
}

// simulation is all that is made up: the scans of a month, the seizures that some of them are of, and the spectra of a batch.
type simulation struct {
	month []Event
	cases []Case
	tray  []Event
}

// simulation is that of the data folder: the one begun there, else a new one that ends now.
func (d *demo) simulation(counties []County) (sim simulation, err error) {
	if d.opts.Scans <= 0 {
		return sim, nil
	}
	p, kept, err := settle(d.dir, plan{Seed: d.opts.Seed, Scans: d.opts.Scans, Now: time.Now().UTC().Truncate(time.Minute)})
	if err != nil {
		return sim, err
	}
	if kept && p.Made != made() {
		d.say("The simulated month in %s was made by another version of this program and is left as it is. Another --data gives a new one.", d.dir)
		return sim, nil
	}
	if kept && (p.Seed != d.opts.Seed || p.Scans != d.opts.Scans) {
		d.say("%s holds a simulated month of %d scans with seed %d, which is continued. Another --data gives a new one.", d.dir, p.Scans, p.Seed)
	}
	sim.month = Month(p.Seed, p.Now, counties, p.Scans)
	sim.cases, sim.tray = Cases(p.Seed, sim.month), Tray(p.Seed, p.Now, counties)
	return sim, nil
}

// serve runs the server, prints the banner once it answers and fills it, until ctx ends.
func (d *demo) serve(ctx context.Context, seed seeder, sim simulation) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// The server outlives the seeding, so that nothing is stored into a closed database.
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	served := make(chan error, 1)
	go func() {
		err := d.server.Run(serving)
		cancel() // a server that ended by itself ends the demo
		served <- err
	}()
	err := d.ready(ctx)
	if err == nil && len(sim.month) > 0 {
		err = seed.fill(ctx, sim)
	}
	if ctx.Err() != nil {
		err = nil // whatever was cut short, the end was wanted
	}
	if err == nil {
		<-ctx.Done()
		d.say("%s", d.farewell())
	}
	stop()
	return errors.Join(err, <-served)
}

// fill enters all that is made up. What is stored stays, and the next run goes on from there.
func (s seeder) fill(ctx context.Context, sim simulation) error {
	o, err := openOffice(ctx, s)
	if err != nil {
		return fmt.Errorf("set up the people of the demo: %w", err)
	}
	err = o.enterCases(ctx, sim.cases)
	if err == nil {
		err = s.run(ctx, sim.month)
	}
	if err == nil {
		err = o.enterBatch(ctx, sim.tray)
	}
	if err == nil {
		s.say("SIMULATED records: %d seizures with their exhibits, laboratory results and reviews, and a batch of %d files, of which two fail on purpose.",
			len(sim.cases), len(sim.tray)+2)
	}
	return errors.Join(err, o.close(context.WithoutCancel(ctx)))
}

// ready waits until the server answers and then says how to use it.
func (d *demo) ready(ctx context.Context) error {
	link, err := d.server.LoginLink(ctx, "")
	if err != nil {
		return fmt.Errorf("start the demo: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.server.URL()+"/login", nil)
	if err != nil {
		return err
	}
	// The address is taken, so one request waits for exactly as long as needed.
	answer, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("start the demo: the server does not answer: %w", err)
	}
	answer.Body.Close()
	d.say(banner, auth.CodeLife.Minutes(), link, d.dir)
	if d.opts.Ready != nil {
		d.opts.Ready(link)
	}
	return nil
}

const banner = `
Fentrace demo: everything here is SIMULATED. Never act on it.

Open this link and press Scan; it opens once, within %.0f minutes:

    %s

Each scan finds another sample under the probe of the emulated spectrometer.
A simulated month of scans fills list and map meanwhile. Data: %s
Ctrl-C ends the demo.
`

func (d *demo) farewell() string {
	n, err := d.server.Count(store.ByProgram(context.Background(), "demo"))
	if err != nil {
		return "The demo ends."
	}
	if d.opts.DataDir == "" {
		return fmt.Sprintf("The demo ends. Its %d scans are removed.", n)
	}
	return fmt.Sprintf("The demo ends. %d scans are kept in %s; run again with the same --data to continue.", n, d.dir)
}

// isBusy tells whether an address could not be had.
func isBusy(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "listen"
}
