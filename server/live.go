package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"fentrace/device"
	"fentrace/device/acquire"
	"fentrace/server/api"
	"fentrace/spectra"
)

// livePoints is about how many points a live frame is drawn with; more than a page has pixels help nobody, and cost
// every reader its line.
const livePoints = 400

// startPreview switches the laser on and shows frames until stopPreview, for acquire.MaxPreview at most. It returns when
// the device is connected; ErrNoDevice, ErrBusy, or an error of package device.
func (in *instrument) startPreview(ctx context.Context, log *slog.Logger) error {
	if in.open == nil {
		return api.ErrNoDevice
	}
	if !in.use.TryLock() {
		return api.ErrBusy
	}
	if err := in.connect(ctx); err != nil {
		in.use.Unlock()
		return err
	}
	// Not the request's: the preview goes on when the request is answered.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	in.mu.Lock()
	in.state.Busy, in.state.Previewing, in.state.Error = true, true, ""
	in.stop, in.stopped = cancel, done
	in.mu.Unlock()
	go func() {
		defer close(done)
		defer in.publish(api.LiveFrame{Stage: api.LiveEnd}) // when the device can be used again
		defer in.use.Unlock()
		defer cancel()
		defer in.update(func(st *api.DeviceStatus) { st.Busy, st.Previewing = false, false })
		err := acquire.Preview(ctx, in.dev, in.settings, func(l acquire.Live) { in.publish(liveFrame(l, api.LivePreview)) })
		if err != nil {
			in.failed(fmt.Errorf("preview with %s: %w", in.name(), err))
			log.Error("preview", slog.Any("error", err))
		}
	}()
	return nil
}

// stopPreview ends a preview, if there is one, and waits until the laser is off or ctx ends.
func (in *instrument) stopPreview(ctx context.Context) error {
	in.mu.Lock()
	stop, stopped := in.stop, in.stopped
	in.mu.Unlock()
	if stop == nil {
		return nil
	}
	stop()
	select {
	case <-stopped:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop the preview: %w: the laser is switched off when the device answers", device.ErrTimeout)
	}
}

// publish hands a frame to everyone who waits for it. Who is slow gets the newest only.
func (in *instrument) publish(f api.LiveFrame) {
	in.mu.Lock()
	defer in.mu.Unlock()
	f.Sequence = in.frame.Sequence + 1
	in.frame = f
	close(in.framed)
	in.framed = make(chan struct{})
}

// live returns the newest frame and a channel that is closed when the next comes.
func (in *instrument) live() (api.LiveFrame, <-chan struct{}) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.frame, in.framed
}

// progress publishes the frames of a scan.
func (in *instrument) progress(p acquire.Progress) {
	if p.Last == nil {
		return
	}
	l, err := acquire.LiveFrame(in.dev.Info(), in.settings, *p.Last, p.Frame)
	if err != nil {
		return // the scan itself will say what is wrong
	}
	f := liveFrame(l, string(p.Stage))
	f.Frames, f.SNR = p.Frames, p.SNR
	in.publish(f)
}

func liveFrame(l acquire.Live, stage string) api.LiveFrame {
	m := l.Spectrum.Metadata
	x, y := decimate(l.Spectrum, livePoints)
	return api.LiveFrame{Stage: stage, Frame: l.Number, Rate: l.Rate, Peak: l.Peak, IntegrationMS: float64(l.Frame.IntegrationTime) / float64(time.Millisecond),
		SaturatedPoints: m.SaturatedPoints, SaturatedRanges: append([]spectra.Range{}, m.SaturatedRanges...), Simulated: m.Simulated, X: x, Y: y}
}

// decimate keeps the lowest and the highest point of each stretch, so that no line is lost; about n points remain.
func decimate(s spectra.Spectrum, n int) (x, y []float64) {
	if len(s.X) <= n {
		return s.X, s.Y
	}
	stretches := max(n/2, 1)
	for i := range stretches {
		from, to := i*len(s.X)/stretches, (i+1)*len(s.X)/stretches
		low, high := from, from
		for k := from; k < to; k++ {
			if s.Y[k] < s.Y[low] {
				low = k
			}
			if s.Y[k] > s.Y[high] {
				high = k
			}
		}
		x, y = append(x, s.X[min(low, high)]), append(y, s.Y[min(low, high)])
		if low != high {
			x, y = append(x, s.X[max(low, high)]), append(y, s.Y[max(low, high)])
		}
	}
	return x, y
}

// StartPreview shows live frames of the attached spectrometer on the event stream.
func (s *Server) StartPreview(ctx context.Context) error {
	select {
	case <-s.ending:
		return errors.Join(api.ErrBusy, errors.New("the server is ending"))
	default:
	}
	if !s.OwnMachine(ctx) {
		return api.ErrNoDevice
	}
	return s.instrument.startPreview(ctx, s.cfg.Logger)
}

// StopPreview returns when the laser is off.
func (s *Server) StopPreview(ctx context.Context) error {
	if !s.OwnMachine(ctx) {
		return api.ErrNoDevice
	}
	return s.instrument.stopPreview(ctx)
}

// Live is the newest frame of a preview or a scan, and a channel that is closed when the next comes.
func (s *Server) Live() (api.LiveFrame, <-chan struct{}) { return s.instrument.live() }
