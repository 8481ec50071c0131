package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"fentrace/device"
	"fentrace/device/acquire"
	"fentrace/device/calibrated"
	"fentrace/device/gps"
	"fentrace/server/api"
	"fentrace/server/store"
	"fentrace/spectra"
)

const (
	// retryAfter is how long a device that could not be opened is left alone by status requests.
	retryAfter = 5 * time.Second
	// statusFresh is how old a temperature may be before it is asked for again.
	statusFresh = 5 * time.Second
	// statusTime bounds what a status request waits for the device.
	statusTime = 3 * time.Second
	// storeTime is how long a scan that was taken may take to be answered and stored after its caller has left.
	storeTime = 2 * time.Minute
)

// instrument is the one attached spectrometer. It is used by one request at a time; its state can be asked for at
// any time.
type instrument struct {
	open     func(ctx context.Context) (device.Spectrometer, error)
	settings acquire.Settings
	position func() (gps.Fix, error) // nil without a receiver
	history  func(device.Info) (*calibrated.Calibration, error)
	clock    func() time.Time

	use sync.Mutex // held while the device is talked to
	dev device.Spectrometer

	mu       sync.Mutex // guards the state below, never held while the device is talked to
	state    api.DeviceStatus
	tried    time.Time // of the last attempt to open
	asked    time.Time // of the last temperature
	scanTook time.Duration
	frame    api.LiveFrame // the newest
	framed   chan struct{} // closed and replaced after each frame
	stop     func()        // ends the preview; nil before the first
	stopped  chan struct{} // closed when that preview has ended
}

func newInstrument(cfg Config) *instrument {
	in := &instrument{open: cfg.OpenDevice, settings: cfg.Acquire, history: cfg.Calibration, position: cfg.Position, clock: cfg.Clock, framed: make(chan struct{})}
	in.state.Attached = cfg.OpenDevice != nil
	return in
}

func (in *instrument) update(f func(*api.DeviceStatus)) {
	in.mu.Lock()
	defer in.mu.Unlock()
	f(&in.state)
}

// scan takes one scan; ErrNoDevice, ErrBusy, or an error of package device.
func (in *instrument) scan(ctx context.Context) (acquire.Scan, error) {
	if in.open == nil {
		return acquire.Scan{}, api.ErrNoDevice
	}
	if !in.use.TryLock() {
		return acquire.Scan{}, api.ErrBusy
	}
	defer in.publish(api.LiveFrame{Stage: api.LiveEnd}) // when the device can be used again
	defer in.use.Unlock()
	in.update(func(st *api.DeviceStatus) { st.Busy = true })
	defer in.update(func(st *api.DeviceStatus) { st.Busy = false })
	if err := in.connect(ctx); err != nil {
		return acquire.Scan{}, err
	}
	began := in.clock()
	settings := in.settings
	if in.history != nil {
		var err error
		settings.Calibration, err = in.history(in.dev.Info())
		in.update(func(st *api.DeviceStatus) { in.value(st, settings.Calibration, err) }) // it may have been calibrated since
		if err != nil {
			return acquire.Scan{}, err
		}
	}
	if in.position != nil {
		if fix, err := in.position(); err == nil { // without one the scan is taken all the same
			settings.Position = &fix
		}
	}
	scan, err := acquire.Acquire(ctx, in.dev, settings, in.progress)
	if err != nil {
		if ctx.Err() == nil || errors.Is(err, device.ErrGone) { // that someone gave up is no fault of the device
			in.failed(err)
		}
		return acquire.Scan{}, fmt.Errorf("scan with %s: %w", in.name(), err)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.scanTook = in.clock().Sub(began)
	in.state.Error = ""
	if scan.TemperatureC != nil {
		in.state.TemperatureC, in.asked = scan.TemperatureC, in.clock()
	}
	return scan, nil
}

// connect opens the device unless it is open. The caller holds use.
func (in *instrument) connect(ctx context.Context) error {
	if in.dev != nil {
		return nil
	}
	dev, err := in.open(ctx)
	var known *calibrated.Calibration
	unknown := errNoCalibrations
	if err == nil && in.history != nil {
		known, unknown = in.history(dev.Info())
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.tried = in.clock()
	if err != nil {
		in.state.Error = err.Error()
		return fmt.Errorf("open the spectrometer: %w", err)
	}
	info := dev.Info()
	info.WavelengthsNM = nil // long, and of no use to who asks for the state
	in.dev = switched{dev, func(l api.LaserState) { in.update(func(st *api.DeviceStatus) { st.Laser = l }) }}
	in.value(&in.state, known, unknown)
	in.state.Connected, in.state.Info, in.state.Error = true, &info, ""
	return nil
}

// errNoCalibrations is why a server without Config.Calibration cannot say whether its spectrometer is calibrated.
var errNoCalibrations = errors.New("this server keeps no calibrations")

// value notes in st what a calibration is worth now, or why it could not be had. The caller holds mu.
func (in *instrument) value(st *api.DeviceStatus, c *calibrated.Calibration, err error) {
	st.Calibration, st.CalibrationError = nil, ""
	switch {
	case err != nil:
		st.CalibrationError = err.Error()
	case c != nil:
		st.Calibration = c.Worth(in.clock())
	}
}

// failed notes an error; a device that has gone is closed, to be opened again next time. The caller holds use.
func (in *instrument) failed(err error) {
	gone := errors.Is(err, device.ErrGone)
	if gone {
		in.dev.Close() // the link is dead already
		in.dev = nil
	}
	in.update(func(st *api.DeviceStatus) {
		st.Error = err.Error()
		if gone {
			// The laser is left as it was last heard of: one with its own current may still shine.
			st.Connected, st.Info, st.TemperatureC, st.Calibration, st.CalibrationError = false, nil, nil, nil, ""
		}
	})
}

func (in *instrument) name() string {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.state.Info == nil {
		return "the spectrometer"
	}
	return in.state.Info.Model
}

// status says what is known, and asks the device when it is idle and the answer is old.
func (in *instrument) status(ctx context.Context) api.DeviceStatus {
	if in.open != nil && in.stale() && in.use.TryLock() {
		in.refresh(ctx)
		in.use.Unlock()
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	st := in.state
	if c := st.Calibration; c != nil && c.State == spectra.CalibrationValid && in.clock().After(c.Until) {
		expired := *c
		expired.State = spectra.CalibrationExpired
		st.Calibration = &expired
	}
	st.ExpectedSeconds, st.PreviewSeconds = in.expected().Seconds(), acquire.MaxPreview.Seconds()
	return st
}

func (in *instrument) stale() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.state.Connected {
		return in.clock().Sub(in.asked) > statusFresh
	}
	return in.clock().Sub(in.tried) > retryAfter
}

// refresh opens the device if need be and asks for its temperature. The caller holds use.
func (in *instrument) refresh(ctx context.Context) {
	// A caller who leaves must not cut an answer short.
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), statusTime, device.ErrTimeout)
	defer cancel()
	if in.connect(ctx) != nil {
		return
	}
	t, err := in.dev.Temperature(ctx)
	if err != nil && !errors.Is(err, device.ErrRefused) {
		in.failed(err)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.asked = in.clock()
	if err == nil {
		in.state.TemperatureC = &t
	}
}

// expected is how long a scan takes: as long as the last one, before that what the settings amount to.
// The caller holds mu.
func (in *instrument) expected() time.Duration {
	if in.open == nil {
		return 0
	}
	if in.scanTook > 0 {
		return in.scanTook
	}
	one := max(in.settings.IntegrationTime, 100*time.Millisecond)
	frames := 2 * max(in.settings.Averages, 1) // sample and dark
	if in.settings.TargetSNR > 0 && in.settings.MaxTime > 0 {
		frames = int(in.settings.MaxTime / one) // at most
	}
	if in.settings.AutoExposure {
		frames += max(in.settings.MaxTries, 4)
	}
	return time.Duration(frames) * one
}

func (in *instrument) close() error {
	in.use.Lock()
	defer in.use.Unlock()
	if in.dev == nil {
		return nil
	}
	err := in.dev.Close()
	in.dev = nil
	return err
}

// ScanDevice takes a scan with the attached spectrometer, answers and stores it. Without a place in f it was taken
// where the spectrometer stands.
func (s *Server) ScanDevice(ctx context.Context, f store.Fields) (store.Scan, error) {
	if !s.OwnMachine(ctx) {
		return store.Scan{}, api.ErrNoDevice
	}
	scan, err := s.instrument.scan(ctx)
	if err != nil {
		return store.Scan{}, err
	}
	if _, measured := measuredPlace(scan); !measured && f.Location == (store.Location{}) {
		f.Location = s.cfg.Place
	}
	return s.KeepScan(ctx, scan, f)
}

// measuredPlace is where a GPS receiver says the scan was taken, when that may be used as evidence.
func measuredPlace(scan acquire.Scan) (store.Location, bool) {
	fix := scan.Settings.Position
	if fix == nil || fix.Evidence() != nil {
		return store.Location{}, false
	}
	return store.Location{Latitude: &fix.Latitude, Longitude: &fix.Longitude, PrecisionM: &fix.PrecisionM}, true
}

// KeepScan answers and stores a scan that was taken with a spectrometer. The sample was used up: it is kept even when ctx
// ends meanwhile.
func (s *Server) KeepScan(ctx context.Context, scan acquire.Scan, f store.Fields) (store.Scan, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	if place, measured := measuredPlace(scan); measured && f.Location == (store.Location{}) {
		f.Location = place
	}
	raw, err := scan.Raw()
	if err != nil {
		return store.Scan{}, err
	}
	sp, err := scan.Spectrum()
	if err != nil {
		return store.Scan{}, err
	}
	info := scan.Info
	name := "scan-" + sp.Metadata.Acquired.UTC().Format("20060102T150405.000Z") + ".json"
	if info.Simulated {
		name = "SIMULATED-" + name
	}
	dev := &store.Device{Type: info.Type, Model: info.Model, SerialNumber: info.SerialNumber}
	sc, _, err := s.receive(ctx, api.Upload{Name: name, Raw: raw, Spectra: []spectra.Spectrum{sp}, Fields: f}, dev)
	return sc, err
}

// DeviceStatus is what can be said of the attached spectrometer.
func (s *Server) DeviceStatus(ctx context.Context) api.DeviceStatus {
	if !s.OwnMachine(ctx) {
		return api.DeviceStatus{} // to another agency there is none
	}
	return s.instrument.status(ctx)
}
