package server

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/acquire"
	"fentrace/server/api"
	"fentrace/spectra"
)

// bench is a spectrometer whose answers a test decides.
type bench struct {
	mu      sync.Mutex
	opened  int
	closed  int
	openErr error
	scanErr error
	// When set, a frame waits for release, after saying on reached that it began.
	reached, release chan struct{}
}

func (b *bench) set(openErr, scanErr error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.openErr, b.scanErr = openErr, scanErr
}

func (b *bench) open(context.Context) (device.Spectrometer, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.openErr != nil {
		return nil, b.openErr
	}
	b.opened++
	return b, nil
}

func (b *bench) Info() device.Info {
	in := device.Info{Type: "obp", Model: "STS", SerialNumber: "S00001", Pixels: 64, MaxCounts: 65535, Simulated: true, LaserNM: 785,
		MinIntegration: time.Millisecond, MaxIntegration: time.Minute}
	for i := range in.Pixels {
		in.WavelengthsNM = append(in.WavelengthsNM, 800+2*float64(i))
	}
	return in
}

func (b *bench) SetIntegrationTime(context.Context, time.Duration) error { return nil }

func (b *bench) Scan(ctx context.Context) (device.Frame, error) {
	b.mu.Lock()
	err, reached, release := b.scanErr, b.reached, b.release
	b.mu.Unlock()
	if reached != nil {
		reached <- struct{}{}
		select {
		case <-release:
		case <-ctx.Done():
			return device.Frame{}, ctx.Err()
		}
	}
	f := device.Frame{Counts: make([]float64, 64), IntegrationTime: 100 * time.Millisecond, Started: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
	for i := range f.Counts {
		f.Counts[i] = float64(1000 + i*i%37)
	}
	return f, err
}

func (b *bench) Temperature(context.Context) (float64, error) { return 31.5, nil }
func (b *bench) Lamp(context.Context, bool) error             { return device.ErrNoLaser }
func (b *bench) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed++
	return nil
}

func startWith(t *testing.T, b *bench) *running {
	return start(t, func(c *Config) {
		c.OpenDevice, c.Acquire = b.open, acquire.Settings{SampleName: "fentanyl from the bag"}
	})
}

func (r *running) status() api.DeviceStatus {
	r.t.Helper()
	var st api.DeviceStatus
	r.do("GET", "/v1/device", nil).want(r.t, http.StatusOK).into(r.t, &st)
	return st
}

func TestADeviceScanIsAnsweredAndStoredAsItCame(t *testing.T) {
	b := &bench{}
	r := startWith(t, b)
	sc := r.scan(r.do("POST", "/v1/device/scan", map[string]any{"county": "Adams", "state": "CO", "exhibit": "E-1"}).want(t, http.StatusCreated))
	if sc.Verdict != "alarm" || !sc.Simulated || sc.Exhibit != "E-1" || sc.Location.County != "Adams" || sc.Device == nil ||
		sc.Device.Type != "obp" || sc.Device.Model != "STS" || sc.Device.SerialNumber != "S00001" || !strings.HasPrefix(sc.Filename, "SIMULATED-scan-") {
		t.Errorf("scan %+v of %+v", sc, sc.Device)
	}
	raw := r.do("GET", "/v1/scans/"+sc.ID+"/raw", nil).want(t, http.StatusOK).body
	if spectra.HashBytes(raw) != sc.SHA256 {
		t.Error("the hash is not that of the raw bytes")
	}
	// What was taken here can be handed in elsewhere, and is the same scan.
	if again := r.scan(r.do("POST", "/v1/scans", raw).want(t, http.StatusOK)); again.ID != sc.ID {
		t.Errorf("uploading the raw scan made %s of %s", again.ID, sc.ID)
	}
	elsewhere := start(t)
	if other := elsewhere.scan(elsewhere.do("POST", "/v1/scans", raw).want(t, http.StatusCreated)); other.SHA256 != sc.SHA256 || !other.Simulated {
		t.Errorf("elsewhere it is %+v", other)
	}
	st := r.status()
	if !st.Attached || !st.Connected || st.Info == nil || st.Info.Model != "STS" || st.TemperatureC == nil || *st.TemperatureC != 31.5 || st.Busy || st.Error != "" || st.Laser != api.LaserApart {
		t.Errorf("status %+v", st)
	}
	r.do("POST", "/v1/device/scan", map[string]any{"latitude": 100, "longitude": 0}).want(t, http.StatusUnprocessableEntity).mentions(t, "latitude")
	r.do("POST", "/v1/device/scan", nil).want(t, http.StatusCreated)
}

func TestWithoutADeviceAScanIsRefused(t *testing.T) {
	r := start(t)
	r.do("POST", "/v1/device/scan", nil).want(t, http.StatusConflict).mentions(t, "no spectrometer")
	if st := r.status(); st.Attached || st.Connected {
		t.Errorf("status %+v", st)
	}
}

func TestASecondScanMeanwhileIsRefused(t *testing.T) {
	b := &bench{reached: make(chan struct{}), release: make(chan struct{})}
	r := startWith(t, b)
	first := make(chan answer)
	go func() { first <- r.do("POST", "/v1/device/scan", nil) }()
	select {
	case <-b.reached:
	case a := <-first:
		t.Fatalf("the first scan ended early: %v", a)
	}
	r.do("POST", "/v1/device/scan", nil).want(t, http.StatusConflict).mentions(t, "wait")
	if st := r.status(); !st.Busy || !st.Connected {
		t.Errorf("status while scanning %+v", st)
	}
	close(b.release)
	(<-first).want(t, http.StatusCreated)
	if st := r.status(); st.Busy {
		t.Error("still busy after the scan")
	}
}

func TestDeviceErrorsAreToldAndAnUnpluggedDeviceIsOpenedAgain(t *testing.T) {
	b := &bench{}
	r := startWith(t, b)
	for _, tc := range []struct {
		err    error
		status int
	}{{device.ErrTimeout, 504}, {device.ErrProtocol, 502}, {device.ErrSaturated, 502}, {device.ErrRefused, 502}} {
		b.set(nil, fmt.Errorf("read spectrum: %w", tc.err))
		r.do("POST", "/v1/device/scan", nil).want(t, tc.status).mentions(t, tc.err.Error())
		if st := r.status(); !st.Connected || !strings.Contains(st.Error, tc.err.Error()) {
			t.Errorf("status after %v: %+v", tc.err, st)
		}
	}
	if b.opened != 1 || b.closed != 0 {
		t.Errorf("opened %d times, closed %d: only an unplugged device is opened again", b.opened, b.closed)
	}
	b.set(device.ErrNotFound, device.ErrGone)
	r.do("POST", "/v1/device/scan", nil).want(t, http.StatusBadGateway).mentions(t, "unplugged")
	r.do("POST", "/v1/device/scan", nil).want(t, http.StatusBadGateway).mentions(t, "port not found")
	if st := r.status(); st.Connected || st.Info != nil || !strings.Contains(st.Error, "port not found") {
		t.Errorf("status without the device %+v", st)
	}
	if r.rows() != 0 {
		t.Error("something was stored")
	}
	b.set(nil, nil)
	r.do("POST", "/v1/device/scan", nil).want(t, http.StatusCreated)
	if b.opened != 2 || b.closed != 1 {
		t.Errorf("opened %d times, closed %d", b.opened, b.closed)
	}
}

func TestWhoGivesUpAScanLeavesTheDeviceUsable(t *testing.T) {
	b := &bench{reached: make(chan struct{}), release: make(chan struct{})}
	r := startWith(t, b)
	ctx, cancel := context.WithCancel(asProgram(t))
	gone := make(chan error)
	go func() {
		req, _ := http.NewRequestWithContext(ctx, "POST", r.URL()+"/v1/device/scan", nil)
		req.Header.Set("Authorization", "Bearer "+r.token)
		_, err := http.DefaultClient.Do(req)
		gone <- err
	}()
	<-b.reached
	cancel()
	if <-gone == nil {
		t.Fatal("the request was answered")
	}
	r.instrument.use.Lock() // is had once the given-up scan has let go of the device
	//lint:ignore SA2001 waiting is all that is wanted
	r.instrument.use.Unlock()
	close(b.release)
	b.mu.Lock()
	b.reached = nil
	b.mu.Unlock()
	r.do("POST", "/v1/device/scan", nil).want(t, http.StatusCreated)
	if st := r.status(); st.Error != "" || st.Busy {
		t.Errorf("status %+v", st)
	}
}
