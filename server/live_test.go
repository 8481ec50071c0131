package server

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"fentrace/device"
	"fentrace/device/acquire"
	"fentrace/server/api"
	"fentrace/spectra"
)

// lamp is a bench that switches a laser.
type lamp struct {
	*bench
	lit atomic.Bool
}

func (l *lamp) open(ctx context.Context) (device.Spectrometer, error) {
	if _, err := l.bench.open(ctx); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *lamp) Lamp(_ context.Context, on bool) error {
	l.lit.Store(on)
	return nil
}

func startWithLamp(t *testing.T) (*running, *lamp) {
	l := &lamp{bench: &bench{}}
	return start(t, func(c *Config) { c.OpenDevice, c.Acquire = l.open, acquire.Settings{Averages: 3} }), l
}

// frames waits for events named frame until ok accepts one.
func frames(t *testing.T, events <-chan string, ok func(api.LiveFrame) bool) {
	t.Helper()
	for e := range events {
		data, is := strings.CutPrefix(e, "event: frame\ndata: ")
		if !is {
			continue
		}
		var f api.LiveFrame
		if err := json.Unmarshal([]byte(data), &f); err != nil {
			t.Fatal(err)
		}
		if ok(f) {
			return
		}
	}
	t.Fatal("the stream ended")
}

func TestAPreviewShowsLiveFramesUntilItIsStopped(t *testing.T) {
	r, l := startWithLamp(t)
	live := r.events(asProgram(t), "")
	r.do("POST", "/v1/device/preview", nil).want(t, http.StatusAccepted)
	frames(t, live, func(f api.LiveFrame) bool {
		if f.Stage != api.LivePreview || len(f.X) != 64 || len(f.Y) != 64 || !f.Simulated || f.IntegrationMS != 100 || f.SaturatedRanges == nil || !l.lit.Load() {
			t.Errorf("frame %+v, lit %v", f, l.lit.Load())
		}
		return f.Frame > 1
	})
	if st := r.status(); !st.Busy || !st.Previewing || st.PreviewSeconds != 60 || st.Laser != api.LaserOn {
		t.Errorf("status %+v", st)
	}
	// One user of the device at a time.
	r.do("POST", "/v1/device/scan", nil).want(t, http.StatusConflict).mentions(t, "preview")
	r.do("POST", "/v1/device/preview", nil).want(t, http.StatusConflict)
	r.do("DELETE", "/v1/device/preview", nil).want(t, http.StatusNoContent)
	if l.lit.Load() {
		t.Error("the laser is on")
	}
	frames(t, live, func(f api.LiveFrame) bool { return f.Stage == api.LiveEnd })
	if st := r.status(); st.Busy || st.Previewing || st.Error != "" || st.Laser != api.LaserOff {
		t.Errorf("status %+v", st)
	}
	r.do("DELETE", "/v1/device/preview", nil).want(t, http.StatusNoContent) // nothing to stop
	if r.rows() != 0 {
		t.Error("a preview was stored")
	}

}

// While a scan runs its frames are shown, with what it is doing.
func TestAScanShowsItsFrames(t *testing.T) {
	r, l := startWithLamp(t)
	live := r.events(asProgram(t), "")
	l.mu.Lock()
	l.reached, l.release = make(chan struct{}), make(chan struct{})
	l.mu.Unlock()
	scanned := make(chan answer)
	go func() { scanned <- r.do("POST", "/v1/device/scan", nil) }()
	<-l.reached
	l.release <- struct{}{}
	<-l.reached // the second frame of three begins, the first is there to be seen
	frames(t, live, func(f api.LiveFrame) bool {
		if f.Stage != string(acquire.StageSample) || f.Frame != 2 || f.Frames != 3 || len(f.X) != 64 {
			t.Errorf("frame %+v", f)
		}
		return true
	})
	go func() {
		for range l.reached {
		}
	}()
	close(l.release)
	(<-scanned).want(t, http.StatusCreated)
	close(l.reached)
	frames(t, live, func(f api.LiveFrame) bool { return f.Stage == api.LiveEnd })
}

func TestAPreviewIsForWhoIsLoggedInAndNeedsADevice(t *testing.T) {
	r, l := startWithLamp(t)
	for _, method := range []string{"POST", "DELETE"} {
		req, err := http.NewRequestWithContext(asProgram(t), method, r.URL()+"/v1/device/preview", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized || l.lit.Load() {
			t.Errorf("%s without a token: %s, lit %v", method, res.Status, l.lit.Load())
		}
	}
	start(t).do("POST", "/v1/device/preview", nil).want(t, http.StatusConflict).mentions(t, "no spectrometer")
}

func TestAPreviewThatFailsSaysWhyAndLeavesTheLaserOff(t *testing.T) {
	r, l := startWithLamp(t)
	live := r.events(asProgram(t), "")
	l.set(nil, device.ErrGone)
	r.do("POST", "/v1/device/preview", nil).want(t, http.StatusAccepted)
	frames(t, live, func(f api.LiveFrame) bool { return f.Stage == api.LiveEnd })
	if st := r.status(); st.Busy || st.Previewing || l.closed != 1 {
		t.Errorf("status %+v, closed %d times", st, l.closed)
	}
	l.set(errors.New("no such port"), nil)
	r.do("POST", "/v1/device/preview", nil).want(t, http.StatusInternalServerError)
	if st := r.status(); st.Busy || st.Previewing || !strings.Contains(st.Error, "no such port") {
		t.Errorf("status %+v", st)
	}
	l.set(nil, nil)
	r.do("POST", "/v1/device/preview", nil).want(t, http.StatusAccepted)
	r.do("DELETE", "/v1/device/preview", nil).want(t, http.StatusNoContent)
	if l.lit.Load() {
		t.Error("the laser is on")
	}
}

func TestTheServerEndsAPreviewBeforeItself(t *testing.T) {
	r, l := startWithLamp(t)
	live := r.events(asProgram(t), "")
	r.do("POST", "/v1/device/preview", nil).want(t, http.StatusAccepted)
	frames(t, live, func(api.LiveFrame) bool { return true })
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if l.lit.Load() || l.closed != 1 {
		t.Errorf("the laser is on: %v; the device was closed %d times", l.lit.Load(), l.closed)
	}
}

func TestThinningOutKeepsEveryLine(t *testing.T) {
	s := spectra.Spectrum{}
	for i := range 2136 {
		s.X, s.Y = append(s.X, float64(i)), append(s.Y, float64(i%7))
	}
	s.Y[777], s.Y[1500] = 5000, -3
	x, y := decimate(s, livePoints)
	if len(x) != len(y) || len(x) > livePoints || !slices.IsSorted(x) || slices.Max(y) != 5000 || slices.Min(y) != -3 {
		t.Errorf("%d points from %g to %g", len(x), slices.Min(y), slices.Max(y))
	}
	if i := slices.Index(x, 777); i < 0 || y[i] != 5000 {
		t.Error("the line has moved")
	}
	if x, _ := decimate(spectra.Spectrum{X: s.X[:10], Y: s.Y[:10]}, livePoints); len(x) != 10 || math.IsNaN(x[0]) {
		t.Errorf("%d points of 10", len(x))
	}
}
