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
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"fentrace/device"
	"fentrace/device/calibrated"
	"fentrace/device/gps"
)

const (
	// MaxAverages bounds the frames, and so the memory, of one scan.
	MaxAverages = 1000

	defaultIntegration    = 100 * time.Millisecond
	defaultMaxIntegration = 10 * time.Second
	defaultTarget         = 0.75
	defaultTries          = 4
	maxTries              = 20
	defaultMaxTime        = time.Minute

	// A peak between these fractions of full scale is well exposed.
	wellLow, wellHigh = 0.60, 0.90
)

// Settings say how to scan. The zero value takes one frame of 100 ms.
type Settings struct {
	// IntegrationTime of one frame; with AutoExposure where the search begins. 100 ms when zero.
	IntegrationTime time.Duration `json:"integration_time"`
	// Averages is how many frames are taken, and as many dark ones; 1 when zero, at most MaxAverages.
	// With TargetSNR it is the least number.
	Averages int `json:"averages"`
	// TargetSNR is the signal-to-noise ratio (see Scan.SNR) up to which frames are added, at most MaxAverages; then as many
	// dark frames as keep theirs from mattering. It costs time with its square. 0: no target.
	TargetSNR float64 `json:"target_snr,omitempty"`
	// MaxTime ends the adding of frames whatever was reached, so that the laser does not rest on a sample for long. The
	// search for the exposure comes before it, the dark frames after it. One minute when zero and there is a TargetSNR;
	// otherwise zero is no limit.
	MaxTime time.Duration `json:"max_time,omitempty"`
	// KeepRays averages the cosmic rays in; without it they are found among two frames or more (see Scan.Rays).
	KeepRays bool `json:"keep_rays,omitempty"`
	// AutoExposure looks for the integration time that brings the highest pixel to TargetFraction of full scale.
	AutoExposure bool `json:"auto_exposure,omitempty"`
	// TargetFraction is 0.6 to 0.9; 0.75 when zero.
	TargetFraction float64 `json:"target_fraction,omitempty"`
	// MaxTries is how many exposures the search may take, 2 to 20; 4 when zero.
	MaxTries int `json:"max_tries,omitempty"`
	// MaxIntegration keeps the search from holding the laser on a sample for long; 10 s when zero.
	MaxIntegration time.Duration `json:"max_integration,omitempty"`
	// LaserNM goes before what the device says; one of the two is needed.
	LaserNM float64 `json:"laser_nm,omitempty"`
	// DarkFrames are taken earlier with the same integration time, for a device that cannot switch its laser. Without
	// them the laser is switched off for the dark frames; where the device refuses that, none are subtracted.
	DarkFrames []device.Frame `json:"-"`
	// Reference are frames of a white surface, by which an infrared scan is divided (see Scan.ReferenceFor). Without them
	// the reference that the device keeps is used, if it keeps one.
	Reference []device.Frame `json:"-"`

	// Calibration is that of the instrument; it goes with the scan and corrects its spectrum. Without it (nil) the axis is
	// that of the device.
	Calibration *calibrated.Calibration `json:"calibration,omitempty"`

	// Position is where the scan is taken, as a GPS receiver tells it; it goes with the scan whatever it is worth (see
	// gps.Fix.Evidence). Nil without a receiver.
	Position *gps.Fix `json:"position,omitempty"`

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
	Frame           int           `json:"frame"`  // 1-based within the stage
	Frames          int           `json:"frames"` // with TargetSNR what is expected so far
	IntegrationTime time.Duration `json:"integration_time"`
	// Peak is the highest pixel of the frame before, as a fraction of full scale; 0 before the first.
	Peak float64 `json:"peak"`
	// SNR is what the frames of the sample have reached; 0 while unknown, and without a TargetSNR.
	SNR float64 `json:"snr,omitempty"`
	// Left is how long the stage is expected to last, this frame included; 0 while unknown.
	Left time.Duration `json:"left,omitempty"`
	// Last is the frame before, whatever its stage; nil before the first.
	Last *device.Frame `json:"-"`
}

// run is one acquisition under way.
type run struct {
	dev      device.Spectrometer
	info     device.Info
	set      Settings
	progress func(Progress)

	controlled bool // the device switches its laser
	exposures  []Exposure
	last       *device.Frame
	peak       float64 // of last
}

// Acquire takes one scan. progress may be nil; it is called on the same goroutine. The laser is off when Acquire
// returns, whatever happened. Errors wrap those of package device; device.ErrSaturated when auto-exposure meets
// full scale even at the shortest integration time, device.ErrRange for settings that cannot be.
func Acquire(ctx context.Context, dev device.Spectrometer, s Settings, progress func(Progress)) (scan Scan, err error) {
	r := &run{dev: dev, info: dev.Info(), set: s, progress: progress}
	if progress == nil {
		r.progress = func(Progress) {}
	}
	if err = r.check(); err == nil {
		err = r.withLaser(ctx, func() (err error) {
			scan, err = r.scan(ctx)
			return err
		})
	}
	if err != nil {
		return Scan{}, fmt.Errorf("acquire: %w", err)
	}
	return scan, nil
}

// check fills the zero fields of the settings and refuses what the device cannot do.
func (r *run) check() error {
	s := &r.set
	if s.IntegrationTime == 0 {
		s.IntegrationTime = min(max(cmp.Or(r.info.UsualIntegration, defaultIntegration), r.info.MinIntegration), r.info.MaxIntegration)
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
	if s.TargetSNR > 0 && s.MaxTime == 0 {
		s.MaxTime = defaultMaxTime
	}
	if !(s.TargetSNR >= 0) || math.IsInf(s.TargetSNR, 0) || s.MaxTime < 0 {
		return fmt.Errorf("signal to noise of %g within %v: %w: neither may be negative", s.TargetSNR, s.MaxTime, device.ErrRange)
	}
	if infrared(r.info) {
		if err := r.checkInfrared(); err != nil {
			return err
		}
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
		// Whole microseconds, as the search sets them, so that its end is the limit itself.
		s.MaxIntegration = max(min(s.MaxIntegration, r.info.MaxIntegration).Truncate(time.Microsecond), min(s.MaxIntegration, r.info.MinIntegration))
		if s.TargetFraction < wellLow || s.TargetFraction > wellHigh || s.MaxTries < 2 || s.MaxTries > maxTries || s.MaxIntegration < r.info.MinIntegration {
			return fmt.Errorf("auto-exposure to %g of full scale within %d tries and %v: %w: 0.6 to 0.9, 2 to 20 tries, at least %v",
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

// withLaser switches the laser on, runs do, and leaves the laser off.
func (r *run) withLaser(ctx context.Context, do func() error) (err error) {
	// Deferred before the laser is switched on: also a switch-on whose answer got lost is undone, and a panic.
	r.controlled = true
	defer func() {
		if !r.controlled {
			return
		}
		if off := r.lampOff(ctx); off != nil && !errors.Is(off, device.ErrGone) {
			if !errors.Is(off, device.ErrLaserOn) { // a laser of its own has shouted already
				off = fmt.Errorf("%w: %w", device.ErrLaserOn, off)
			}
			err = errors.Join(err, off)
		}
	}()
	if err := r.dev.Lamp(ctx, true); errors.Is(err, device.ErrNoLaser) {
		r.controlled = false // its laser is not the device's to switch
	} else if err != nil {
		return fmt.Errorf("switch the laser on: %w", err)
	}
	return do()
}

// scan measures the sample, then the dark, with the laser on.
func (r *run) scan(ctx context.Context) (scan Scan, err error) {
	if r.set.AutoExposure {
		if err := r.expose(ctx); err != nil {
			return Scan{}, fmt.Errorf("auto-exposure: %w", err)
		}
	}
	if err := r.dev.SetIntegrationTime(ctx, r.set.IntegrationTime); err != nil {
		return Scan{}, err
	}
	scan = Scan{Info: r.info, Settings: r.set, Dark: r.set.DarkFrames, Exposures: r.exposures}
	scan.Settings.DarkFrames, scan.Settings.Reference = nil, nil
	if scan.Reference, err = r.white(ctx); err != nil {
		return Scan{}, err
	}
	scan.StoredReference = len(r.set.Reference) == 0 && len(scan.Reference) > 0
	dark, err := r.coAdd(ctx, &scan)
	if err != nil {
		return Scan{}, err
	}
	switch t, err := r.dev.Temperature(ctx); {
	case err == nil:
		scan.TemperatureC = &t
	case !errors.Is(err, device.ErrRefused):
		return Scan{}, err
	}
	if r.controlled && len(scan.Dark) == 0 {
		if err := r.dev.Lamp(ctx, false); err != nil {
			return Scan{}, fmt.Errorf("switch the laser off: %w", err)
		}
		if scan.Dark, err = r.frames(ctx, StageDark, dark); err != nil {
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

func (r *run) frames(ctx context.Context, stage Stage, n int) ([]device.Frame, error) {
	frames := make([]device.Frame, 0, n)
	for i := range n {
		f, err := r.frame(ctx, Progress{Stage: stage, Frame: i + 1, Frames: n, IntegrationTime: r.set.IntegrationTime, Left: time.Duration(n-i) * period(frames, r.set)})
		if err != nil {
			return nil, fmt.Errorf("%s frame %d of %d: %w", stage, i+1, n, err)
		}
		frames = append(frames, f)
	}
	return frames, nil
}

func (r *run) frame(ctx context.Context, p Progress) (device.Frame, error) {
	p.Peak, p.Last = r.peak, r.last
	r.progress(p)
	f, err := r.dev.Scan(ctx)
	if err != nil {
		return device.Frame{}, err
	}
	if len(f.Counts) != r.info.Pixels {
		return device.Frame{}, fmt.Errorf("%w: %d pixels, the device has %d", device.ErrProtocol, len(f.Counts), r.info.Pixels)
	}
	_, peak := brightest(f.Counts, r.info)
	r.last, r.peak = &f, peak/r.info.MaxCounts
	return f, nil
}
