package acquire

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fentrace/device"
	"fentrace/spectra"
)

const (
	// MaxPreview is how long a preview may last: the laser is on.
	MaxPreview = time.Minute
	// previewIntegration bounds the exposure of a preview with auto-exposure, so that the picture follows the hand.
	previewIntegration = time.Second
	// previewWeak is the fraction of full scale below which a preview looks for a longer exposure again.
	previewWeak = 0.3
)

// Live is one frame of a preview or of a scan under way.
type Live struct {
	Frame device.Frame
	// Spectrum is the frame in counts over the Raman shift; nothing is subtracted from it. It has no hash.
	Spectrum spectra.Spectrum
	Peak     float64 // the highest pixel, as a fraction of full scale
	Number   int     // from 1
	Rate     float64 // frames per second so far; 0 for the first
}

// Preview switches the laser on and hands every frame to show, as fast as the device sends them, until ctx ends, for
// MaxPreview at most. It returns nil then. With AutoExposure the integration time follows the light, up to one second;
// a frame that is saturated at the shortest time is shown as it is. show is called on the same goroutine. The laser is
// off when Preview returns, whatever happened, a panic in show included. Errors are those of Acquire.
func Preview(ctx context.Context, dev device.Spectrometer, s Settings, show func(Live)) error {
	if s.AutoExposure && s.MaxIntegration == 0 {
		s.MaxIntegration = max(previewIntegration, dev.Info().MinIntegration)
	}
	s.DarkFrames = nil
	r := &run{dev: dev, info: dev.Info(), set: s, progress: func(Progress) {}}
	if err := r.check(); err != nil {
		return fmt.Errorf("preview: %w", err)
	}
	bounded, cancel := context.WithTimeout(ctx, MaxPreview)
	defer cancel()
	err := r.withLaser(bounded, func() error { return r.preview(bounded, show) })
	if err != nil && (bounded.Err() == nil || errors.Is(err, device.ErrLaserOn) || errors.Is(err, device.ErrGone)) {
		return fmt.Errorf("preview: %w", err)
	}
	return nil
}

func (r *run) preview(ctx context.Context, show func(Live)) error {
	if err := r.dev.SetIntegrationTime(ctx, r.set.IntegrationTime); err != nil {
		return err
	}
	var first time.Time
	for n := 1; ; n++ {
		f, err := r.frame(ctx, Progress{Stage: StageSample, Frame: n, IntegrationTime: r.set.IntegrationTime})
		if err != nil {
			return err
		}
		live, err := LiveFrame(r.info, r.set, f, n)
		if err != nil {
			return err
		}
		if n == 1 {
			first = f.Started
		} else if took := f.Started.Sub(first); took > 0 {
			live.Rate = float64(n-1) / took.Seconds()
		}
		show(live)
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.follow(ctx, f); err != nil {
			return err
		}
	}
}

// LiveFrame is the n-th frame of a device as a spectrum, without a rate. The error wraps ErrNoAxis or that of a
// spectrum that is none.
func LiveFrame(info device.Info, s Settings, f device.Frame, n int) (Live, error) {
	if s.LaserNM == 0 {
		s.LaserNM = info.LaserNM
	}
	scan := Scan{Info: info, Settings: s, Frames: []device.Frame{f}}
	scan.Settings.AutoExposure, scan.Settings.IntegrationTime = false, f.IntegrationTime
	sp, err := scan.spectrum("")
	if err != nil {
		return Live{}, err
	}
	_, peak := brightest(f.Counts, info)
	return Live{Frame: f, Spectrum: sp, Peak: peak / info.MaxCounts, Number: n}, nil
}

// follow sets the integration time for the next frame.
func (r *run) follow(ctx context.Context, f device.Frame) error {
	if !r.set.AutoExposure || r.peak < 1 && r.peak >= previewWeak {
		return nil
	}
	s := search{info: r.info, set: r.set}
	s.add(f, r.set.IntegrationTime)
	next := s.next(r.set.MaxTries)
	if next == r.set.IntegrationTime {
		return nil
	}
	r.set.IntegrationTime = next
	return r.dev.SetIntegrationTime(ctx, next)
}
