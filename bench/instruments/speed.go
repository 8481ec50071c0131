package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"fentrace/bench/report"
	"fentrace/device"
	"fentrace/device/acquire"
	"fentrace/device/drivers"
	"fentrace/device/emulator"
	"fentrace/device/hostcal"
)

// instrument is an emulated spectrometer and how it is opened.
type instrument struct {
	emulated, driver string
	// set is the fastest rate of an instrument that is set to it beforehand; 0 where the driver raises the rate, or there
	// is no other.
	set int
}

// instruments are all with a detector of many pixels. The infrared DLP NIRscan Nano is not measured: it exposes one point
// after the other, and its answer comes as a file in pieces, so that the least time is another sum.
var instruments = []instrument{
	{"sts", "obp", 115200},
	{"qepro", "obp", 460800},
	{"spark", "obp", 115200},
	{"flamex", "obp", 460800},
	{"usb2000", "oceanletter", 0},
	{"usb2000plus", "oceanletter", 0},
	{"usb4000", "oceanletter", 0},
	{"btc110", "bwtek", 0},
	{"tcd1304", "tcd1304", 0},
	{"aa55", "aa55", 0},
	{"wisp", "wisp", 0},
}

const (
	laserNM = 785
	// integration is one that every instrument has.
	integration = 50 * time.Millisecond
)

// spec is what the host knows of an instrument that stores nothing: 60 to 3,050 cm-1 in straight steps of wavelength.
func spec(pixels int) hostcal.Calibration {
	first, last := 1e7/(1e7/laserNM-60.0), 1e7/(1e7/laserNM-3050.0)
	return hostcal.Calibration{Coefficients: []float64{first, (last - first) / float64(pixels-1)}, LaserNM: laserNM}
}

// open emulates i at its default rate, or its fastest, and opens it. The emulator is closed with the device.
func (i instrument) open(ctx context.Context, fastest bool) (*emulator.Emulator, device.Spectrometer, error) {
	kind, err := emulator.Find(i.emulated)
	if err != nil {
		return nil, nil, err
	}
	c := emulator.Config{Type: i.emulated, LaserNM: laserNM}
	o := drivers.Options{Baud: kind.Baud, LaserNM: laserNM, Calibration: spec(kind.Detector.Pixels)}
	if fastest {
		c.Baud, o.Baud = i.set, i.set // 0: the driver looks for the rate and raises it
	}
	em, err := emulator.Start(c)
	if err != nil {
		return nil, nil, err
	}
	dev, err := drivers.Open(ctx, i.driver, em.Path(), o)
	if err != nil {
		em.Close()
		return nil, nil, fmt.Errorf("%s: %w", i.emulated, err)
	}
	return em, dev, nil
}

// timing is what one instrument took at one rate.
type timing struct {
	baud    int
	scans   []float64 // time of each scan over the least
	preview []float64 // least time over that of each frame, %
	info    device.Info
}

// least is the time that exposure and wire take for a frame: start bit, eight data bits, stop bit for each byte.
func least(f device.Frame, baud int) time.Duration {
	return f.IntegrationTime + time.Duration(len(f.Raw))*10*time.Second/time.Duration(baud)
}

// time takes n scans, then n frames of a preview.
func (i instrument) time(ctx context.Context, n int, fastest bool) (t timing, err error) {
	em, dev, err := i.open(ctx, fastest)
	if err != nil {
		return t, err
	}
	defer em.Close()
	defer func() { err = errors.Join(err, dev.Close()) }()
	t.baud, t.info = em.Baud(), dev.Info()
	if err := dev.SetIntegrationTime(ctx, integration); err != nil {
		return t, fmt.Errorf("%s: %w", i.emulated, err)
	}
	for k := range n + 1 {
		began := time.Now()
		f, err := dev.Scan(ctx)
		if err != nil {
			return t, fmt.Errorf("%s: %w", i.emulated, err)
		}
		if took := time.Since(began); k > 0 { // the first may have to clear what came before it
			t.scans = append(t.scans, took.Seconds()/least(f, t.baud).Seconds())
		}
	}
	if !fastest {
		return t, nil
	}
	stopped, stop := context.WithCancel(ctx)
	defer stop()
	var last time.Time
	err = acquire.Preview(stopped, dev, acquire.Settings{IntegrationTime: integration}, func(l acquire.Live) {
		if l.Number > 1 {
			t.preview = append(t.preview, 100*least(l.Frame, t.baud).Seconds()/l.Frame.Started.Sub(last).Seconds())
		}
		last = l.Frame.Started
		if l.Number > n {
			stop()
		}
	})
	if err != nil {
		return t, fmt.Errorf("%s: %w", i.emulated, err)
	}
	return t, nil
}

// speed compares the time of scans and previews with what exposure and wire allow. Opening is not counted.
func (b *bench) speed(ctx context.Context) ([]report.Result, error) {
	slow, err := b.slow(ctx)
	if err != nil {
		return nil, err
	}
	b.infos = map[string]device.Info{}
	var out []report.Result
	var live, scanned []float64 // % of what the wire allows, by instrument
	worst := 0
	for k, i := range b.instruments {
		t, err := i.time(ctx, b.fastScans, true)
		if err != nil {
			return nil, err
		}
		b.infos[i.emulated] = t.info
		kind, err := emulator.Find(i.emulated)
		if err != nil {
			return nil, err
		}
		peer, peerVal := "", 0.0
		atSlow := report.Mean("", "", slow[k].scans, "", 0, "").Value
		if slow[k].baud != t.baud {
			peer, peerVal = fmt.Sprintf("at %d baud", slow[k].baud), atSlow
		}
		scan := report.Mean(fmt.Sprintf("SIMULATED %s at %d baud: time of a scan over the least that wire and exposure allow", kind.Title, t.baud), "times", t.scans, peer, peerVal, command)
		out = append(out, report.AsDetail(scan)...)
		preview := report.Mean("", "", t.preview, "", 0, "")
		live, scanned = append(live, preview.Value), append(scanned, 100/scan.Value)
		if preview.Value < live[worst] {
			worst = k
		}
		fmt.Fprintf(b.log, "%-12s at %6d baud: scan %.3f times the least (%.3f at %d baud); preview at %.1f %% of the rate the wire allows\n",
			i.emulated, t.baud, scan.Value, atSlow, slow[k].baud, preview.Value)
	}
	const name = "SIMULATED: frames a second of the live preview, of those that wire and exposure allow"
	const alone = "scans alone"
	return append(out,
		report.Mean(fmt.Sprintf("%s, mean of %d types", name, len(live)), "%", live, alone, report.Mean("", "", scanned, "", 0, "").Value, command),
		report.Exact(fmt.Sprintf("%s, slowest type (%s)", name, b.instruments[worst].emulated), "%", slices.Min(live), b.fastScans, alone, scanned[worst], command)), nil
}

// slow times all instruments at their default rates at once: nearly all of it is waiting for the wire.
func (b *bench) slow(ctx context.Context) ([]timing, error) {
	timings, errs := make([]timing, len(b.instruments)), make([]error, len(b.instruments))
	var all sync.WaitGroup
	for k, i := range b.instruments {
		all.Go(func() { timings[k], errs[k] = i.time(ctx, b.slowScans, false) })
	}
	all.Wait()
	return timings, errors.Join(errs...)
}
