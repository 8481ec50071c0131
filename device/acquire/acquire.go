// Package acquire takes a scan with a spectrometer: laser on, exposure, frames, laser off, dark frames. A Scan
// keeps every raw frame and everything needed to redo the arithmetic.
//
//	scan, err := acquire.Acquire(ctx, dev, acquire.Settings{AutoExposure: true, Averages: 3}, nil)
//	if err != nil {
//		return err
//	}
//	spectrum, err := scan.Spectrum() // Raman shift against counts; its SHA-256 is that of scan.Raw()
package acquire

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fentrace/device"
)

const (
	// MaxAverages bounds the frames, and so the memory, of one scan.
	MaxAverages = 1000

	defaultIntegration    = 100 * time.Millisecond
	defaultMaxIntegration = 10 * time.Second
	defaultTarget         = 0.75
	defaultTries          = 4

	// A peak between these fractions of full scale is well exposed.
	wellLow, wellHigh = 0.60, 0.90
)

// Settings say how to scan. The zero value takes one frame of 100 ms.
type Settings struct {
	// IntegrationTime of one frame; with AutoExposure where the search begins. 100 ms when zero.
	IntegrationTime time.Duration `json:"integration_time"`
	// Averages is how many frames are taken, and as many dark ones; 1 when zero, at most MaxAverages.
	Averages int `json:"averages"`
	// AutoExposure looks for the integration time that brings the highest pixel to TargetFraction of full scale.
	AutoExposure bool `json:"auto_exposure,omitempty"`
	// TargetFraction is 0.6 to 0.9; 0.75 when zero.
	TargetFraction float64 `json:"target_fraction,omitempty"`
	// MaxTries is how many exposures the search may take; 4 when zero.
	MaxTries int `json:"max_tries,omitempty"`
	// MaxIntegration keeps the search from holding the laser on a sample for long; 10 s when zero.
	MaxIntegration time.Duration `json:"max_integration,omitempty"`
	// LaserNM goes before what the device says; one of the two is needed.
	LaserNM float64 `json:"laser_nm,omitempty"`
	// DarkFrames are taken earlier with the same integration time, for a device that cannot switch its laser. Without
	// them the laser is switched off for the dark frames; where the device refuses that, none are subtracted.
	DarkFrames []device.Frame `json:"-"`

	SampleName string `json:"sample_name,omitempty"`
	Operator   string `json:"operator,omitempty"`
}

// Stage is what an acquisition is doing.
type Stage string

const (
	StageExposure Stage = "exposure" // looking for the integration time
	StageSample   Stage = "sample"
	StageDark     Stage = "dark"
)

// Progress is told before each frame.
type Progress struct {
	Stage           Stage         `json:"stage"`
	Frame           int           `json:"frame"` // 1-based within the stage
	Frames          int           `json:"frames"`
	IntegrationTime time.Duration `json:"integration_time"`
	// Peak is the highest pixel of the frame before, as a fraction of full scale; 0 before the first.
	Peak float64 `json:"peak"`
}

// run is one acquisition under way.
type run struct {
	dev      device.Spectrometer
	info     device.Info
	set      Settings
	progress func(Progress)
	peak     float64
}

// Acquire takes one scan. progress may be nil; it is called on the same goroutine. The laser is off when Acquire
// returns, whatever happened. Errors wrap those of package device; device.ErrSaturated when auto-exposure meets
// full scale even at the shortest integration time, device.ErrRange for settings that cannot be.
func Acquire(ctx context.Context, dev device.Spectrometer, s Settings, progress func(Progress)) (scan Scan, err error) {
	r := &run{dev: dev, info: dev.Info(), set: s, progress: progress}
	if progress == nil {
		r.progress = func(Progress) {}
	}
	if err := r.check(); err != nil {
		return Scan{}, fmt.Errorf("acquire: %w", err)
	}
	if scan, err = r.scan(ctx); err != nil {
		return Scan{}, fmt.Errorf("acquire: %w", err)
	}
	return scan, nil
}

// check fills the zero fields of the settings and refuses what the device cannot do.
func (r *run) check() error {
	s := &r.set
	if s.IntegrationTime == 0 {
		s.IntegrationTime = min(max(defaultIntegration, r.info.MinIntegration), r.info.MaxIntegration)
	}
	if s.Averages == 0 {
		s.Averages = 1
	}
	if s.LaserNM == 0 {
		s.LaserNM = r.info.LaserNM
	}
	if s.IntegrationTime < r.info.MinIntegration || s.IntegrationTime > r.info.MaxIntegration {
		return fmt.Errorf("integration time %v: %w: %v to %v", s.IntegrationTime, device.ErrRange, r.info.MinIntegration, r.info.MaxIntegration)
	}
	if s.Averages < 0 || s.Averages > MaxAverages {
		return fmt.Errorf("%d averages: %w: 1 to %d", s.Averages, device.ErrRange, MaxAverages)
	}
	if err := checkAxis(r.info, s.LaserNM); err != nil {
		return err
	}
	if s.AutoExposure {
		if s.TargetFraction == 0 {
			s.TargetFraction = defaultTarget
		}
		if s.MaxTries == 0 {
			s.MaxTries = defaultTries
		}
		if s.MaxIntegration == 0 {
			s.MaxIntegration = defaultMaxIntegration
		}
		s.MaxIntegration = min(s.MaxIntegration, r.info.MaxIntegration)
		if s.TargetFraction < wellLow || s.TargetFraction > wellHigh || s.MaxTries < 2 || s.MaxIntegration < r.info.MinIntegration {
			return fmt.Errorf("auto-exposure to %g of full scale within %d tries and %v: %w: 0.6 to 0.9, at least 2 tries, at least %v",
				s.TargetFraction, s.MaxTries, s.MaxIntegration, device.ErrRange, r.info.MinIntegration)
		}
		s.IntegrationTime = min(s.IntegrationTime, s.MaxIntegration)
		if len(s.DarkFrames) > 0 {
			return fmt.Errorf("dark frames taken earlier with auto-exposure: %w: they fit one integration time only; state it and turn auto-exposure off", device.ErrRange)
		}
	}
	return r.checkDark()
}

func (r *run) checkDark() error {
	if len(r.set.DarkFrames) > MaxAverages {
		return fmt.Errorf("%d dark frames: %w: at most %d", len(r.set.DarkFrames), device.ErrRange, MaxAverages)
	}
	for i, f := range r.set.DarkFrames {
		if len(f.Counts) != r.info.Pixels || f.IntegrationTime != r.set.IntegrationTime {
			return fmt.Errorf("dark frame %d has %d pixels and %v, the scan %d and %v: %w: take it again with the same settings",
				i+1, len(f.Counts), f.IntegrationTime, r.info.Pixels, r.set.IntegrationTime, device.ErrRange)
		}
	}
	return nil
}

// scan switches the laser on, measures, and leaves it off.
func (r *run) scan(ctx context.Context) (scan Scan, err error) {
	// Deferred before the laser is switched on: also a switch-on whose answer got lost is undone, and a panic.
	controlled := true
	defer func() {
		if !controlled {
			return
		}
		if off := r.lampOff(ctx); off != nil && !errors.Is(off, device.ErrGone) {
			scan, err = Scan{}, errors.Join(err, fmt.Errorf("THE LASER MAY STILL BE ON: %w", off))
		}
	}()
	if err := r.dev.Lamp(ctx, true); errors.Is(err, device.ErrRefused) {
		controlled = false // its laser is not the device's to switch
	} else if err != nil {
		return Scan{}, fmt.Errorf("switch the laser on: %w", err)
	}
	if r.set.AutoExposure {
		if err := r.expose(ctx); err != nil {
			return Scan{}, fmt.Errorf("auto-exposure: %w", err)
		}
	}
	if err := r.dev.SetIntegrationTime(ctx, r.set.IntegrationTime); err != nil {
		return Scan{}, err
	}
	scan = Scan{Info: r.info, Settings: r.set, Dark: r.set.DarkFrames}
	scan.Settings.DarkFrames = nil
	if scan.Frames, err = r.frames(ctx, StageSample); err != nil {
		return Scan{}, err
	}
	switch t, err := r.dev.Temperature(ctx); {
	case err == nil:
		scan.TemperatureC = &t
	case !errors.Is(err, device.ErrRefused):
		return Scan{}, err
	}
	if controlled && len(scan.Dark) == 0 {
		if err := r.dev.Lamp(ctx, false); err != nil {
			return Scan{}, fmt.Errorf("switch the laser off: %w", err)
		}
		if scan.Dark, err = r.frames(ctx, StageDark); err != nil {
			return Scan{}, err
		}
	}
	return scan, nil
}

// lampOff outlives the caller's context: a cancelled scan must not leave the laser on. The time allows for a
// device that still finishes an exposure.
func (r *run) lampOff(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), 2*max(r.set.IntegrationTime, r.set.MaxIntegration)+10*time.Second, device.ErrTimeout)
	defer cancel()
	return r.dev.Lamp(ctx, false)
}

func (r *run) frames(ctx context.Context, stage Stage) ([]device.Frame, error) {
	frames := make([]device.Frame, 0, r.set.Averages)
	for i := range r.set.Averages {
		f, err := r.frame(ctx, Progress{Stage: stage, Frame: i + 1, Frames: r.set.Averages, IntegrationTime: r.set.IntegrationTime})
		if err != nil {
			return nil, fmt.Errorf("%s frame %d of %d: %w", stage, i+1, r.set.Averages, err)
		}
		frames = append(frames, f)
	}
	return frames, nil
}

func (r *run) frame(ctx context.Context, p Progress) (device.Frame, error) {
	p.Peak = r.peak
	r.progress(p)
	f, err := r.dev.Scan(ctx)
	if err != nil {
		return device.Frame{}, err
	}
	if len(f.Counts) != r.info.Pixels {
		return device.Frame{}, fmt.Errorf("%w: %d pixels, the device has %d", device.ErrProtocol, len(f.Counts), r.info.Pixels)
	}
	_, peak := extremes(f, r.info)
	r.peak = peak / r.info.MaxCounts
	return f, nil
}
