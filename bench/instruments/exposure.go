package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"time"

	"fentrace/bench/report"
	"fentrace/device"
	"fentrace/device/acquire"
	"fentrace/device/emulator"
	emulated "fentrace/device/emulator/bench"
	"fentrace/spectra/format"
)

const (
	wellLow, wellHigh, target = 0.60, 0.90, 0.75
	tries                     = 4
	start                     = 100 * time.Millisecond
	longest                   = 10 * time.Second
)

// unwired is an emulated detector without its wire, and without waiting for its exposures.
type unwired struct {
	device.Spectrometer // none: what is missing is not asked for
	info                device.Info
	dev                 *emulated.Device
	t                   time.Duration
	now                 time.Time
}

func (u *unwired) Info() device.Info { return u.info }

func (u *unwired) SetIntegrationTime(_ context.Context, t time.Duration) error {
	if t < u.info.MinIntegration || t > u.info.MaxIntegration {
		return device.ErrRange
	}
	u.t = t
	return nil
}

func (u *unwired) Scan(ctx context.Context) (device.Frame, error) {
	f := device.Frame{IntegrationTime: u.t, Started: u.now}
	u.now = u.now.Add(u.t)
	for _, v := range u.dev.Optics.Expose(u.t, u.dev.Optics.Lit()) {
		f.Counts = append(f.Counts, float64(v))
	}
	return f, ctx.Err()
}

func (u *unwired) Temperature(context.Context) (float64, error) { return 0, device.ErrRefused }

func (u *unwired) Lamp(_ context.Context, on bool) error {
	if !u.dev.Optics.Switchable() {
		return device.ErrNoLaser
	}
	u.dev.Light.Set(on)
	return nil
}

// sample draws a detector and a recorded substance under it, as bright as makes some time from the shortest of the
// detector (and half of it more) to half the longest the right one.
func (b *bench) sample(random *rand.Rand, paths []string) (*unwired, error) {
	i := b.instruments[random.IntN(len(b.instruments))]
	kind, err := emulator.Find(i.emulated)
	if err != nil {
		return nil, err
	}
	info := b.infos[i.emulated]
	det := kind.Detector
	if info.Pixels != det.Pixels || info.MaxCounts != det.Clip {
		return nil, fmt.Errorf("%s: the driver tells of %d pixels up to %g counts, the emulator has %d up to %g", i.emulated, info.Pixels, info.MaxCounts, det.Pixels, det.Clip)
	}
	shortest := 1.5 * info.MinIntegration.Seconds()
	right := shortest * math.Pow(longest.Seconds()/2/shortest, random.Float64())
	path := paths[random.IntN(len(paths))]
	read, err := format.ReadFile(path)
	if err != nil {
		return nil, err
	}
	dev, err := emulated.New(kind, emulator.Config{Type: i.emulated, Seed: random.Uint64(), LightSource: random.IntN(2) == 0, LaserNM: laserNM,
		Rate: (target*det.Clip-det.Offset)/right - det.DarkRate})
	if err != nil {
		return nil, err
	}
	if err := dev.SetSample(read[0]); err != nil {
		dev.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &unwired{info: info, dev: dev}, nil
}

// exposed is how much of full scale the brightest pixel has at t: the mean of many exposures, whose noise is then small.
func (u *unwired) exposed(t time.Duration) float64 {
	const exposures = 64
	sums := make([]float64, u.info.Pixels)
	for range exposures {
		for p, v := range u.dev.Optics.Expose(t, true) {
			sums[p] += float64(v) / exposures
		}
	}
	return slices.Max(sums) / u.info.MaxCounts
}

// exposure lets auto-exposure and the plain search find the time for the same samples.
func (b *bench) exposure(ctx context.Context) ([]report.Result, error) {
	paths, err := filepath.Glob(filepath.Join(b.root, "raman", "library-785", "*.csv"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no spectra in %s to put under the detectors", b.root)
	}
	random := rand.New(rand.NewPCG(4, 2))
	ours, plain := 0, 0
	var took, plainTook []float64
	for range b.exposures {
		u, err := b.sample(random, paths)
		if err != nil {
			return nil, err
		}
		n := 0
		scan, err := acquire.Acquire(ctx, u, acquire.Settings{AutoExposure: true, LaserNM: laserNM}, func(p acquire.Progress) {
			if p.Stage == acquire.StageExposure {
				n++
			}
		})
		if err == nil && within(u.exposed(scan.Settings.IntegrationTime)) {
			ours++
		}
		if err != nil && !errors.Is(err, device.ErrSaturated) {
			u.dev.Close()
			return nil, err
		}
		took = append(took, float64(n))
		u.dev.Light.Set(true)
		t, n := u.search(ctx)
		if within(u.exposed(t)) {
			plain++
		}
		plainTook = append(plainTook, float64(n))
		u.dev.Close()
	}
	const peer = "time scaled by the highest count, a tenth when saturated"
	const name = "SIMULATED detectors before recorded substances, auto-exposure: "
	return append([]report.Result{
		report.Share(name+"60 to 90 % of full scale within four tries", ours, len(took), peer, plain, command),
		report.Mean(name+"mean", "tries", took, peer, report.Mean("", "", plainTook, "", 0, "").Value, command),
	}, report.AsDetail(report.Exact(name+"most", "tries", slices.Max(took), len(took), peer, slices.Max(plainTook), command))...), nil
}

func within(share float64) bool { return share >= wellLow && share <= wellHigh }

// search is the plain way: the time is scaled by what the highest count lacks, and is a tenth when that was at full scale.
func (u *unwired) search(ctx context.Context) (t time.Duration, n int) {
	t = max(start, u.info.MinIntegration)
	for n = 1; ; n++ {
		u.t = t
		f, _ := u.Scan(ctx)
		share := slices.Max(f.Counts) / u.info.MaxCounts
		if within(share) {
			return t, n
		}
		factor := target / share
		if share >= 1 {
			factor = 0.1
		}
		t = min(max(time.Duration(float64(t)*factor), u.info.MinIntegration), longest)
		if n == tries {
			return t, n // untried, as the last of auto-exposure may be
		}
	}
}
