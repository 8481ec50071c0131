package aa55_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/aa55"
	"fentrace/device/acquire"
	"fentrace/device/emulator"
	"fentrace/device/emulator/bench"
	"fentrace/device/hostcal"
	"fentrace/device/laser"
)

// deadline is far beyond anything here: reaching it is a hang.
const deadline = 60 * time.Second

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "24"); err != nil { // these tests wait more than they work
		panic(err)
	}
	os.Exit(m.Run())
}

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	t.Cleanup(cancel)
	return ctx
}

// ramp is a sample whose signal differs at every pixel.
func ramp(shift float64) float64 { return 0.1 + shift/4000 }

// rate is counts per second where the signal is 1; low, so that an exposure that ends late does not saturate.
const rate = 20_000

func start(t testing.TB, c emulator.Config) *emulator.Emulator {
	t.Helper()
	c.Type, c.Noiseless, c.Sample, c.Rate = "aa55", true, ramp, rate
	em, err := emulator.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { em.Close() })
	return em
}

// calibration is what a person would have for em.
func calibration(em *emulator.Emulator) hostcal.Calibration {
	return hostcal.Calibration{SerialNumber: em.Config.SerialNumber, Coefficients: em.Config.Coefficients[:], LaserNM: em.Config.LaserNM}
}

func open(t testing.TB, em *emulator.Emulator) device.Spectrometer {
	t.Helper()
	dev, err := aa55.Open(within(t), em.Path(), aa55.Options{Margin: 400 * time.Millisecond, Calibration: calibration(em)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dev.Close() })
	return dev
}

func TestTheHeadTellsNothingAndTheFileTheRest(t *testing.T) {
	em := start(t, emulator.Config{LaserNM: 784.5})
	info := open(t, em).Info()
	if info.Type != "aa55" || info.Pixels != 2068 || info.MaxCounts != 65535 || info.SerialNumber != "SIM-A55-0001" || info.LaserNM != 784.5 ||
		!info.Simulated || len(info.DarkPixels) != 20 || len(info.WavelengthsNM) != 2068 {
		t.Errorf("info %+v", info)
	}
	if _, err := aa55.Open(within(t), em.Path(), aa55.Options{}); !errors.Is(err, device.ErrBusy) {
		t.Errorf("opened twice: %v", err)
	}
	bare := start(t, emulator.Config{})
	dev, err := aa55.Open(within(t), bare.Path(), aa55.Options{LaserNM: 785})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	if i := dev.Info(); !i.Simulated || i.WavelengthsNM != nil || i.LaserNM != 785 {
		t.Errorf("without a file: %+v", i)
	}
	for _, o := range []aa55.Options{{LaserNM: 5}, {Calibration: hostcal.Calibration{Coefficients: []float64{800, -1}}}} {
		if _, err := aa55.Open(within(t), bare.Path(), o); err == nil {
			t.Errorf("opened with %+v", o)
		}
	}
	if _, err := aa55.Open(within(t), "/dev/ttyUSB999", aa55.Options{}); !errors.Is(err, device.ErrNotFound) {
		t.Errorf("missing port: %v", err)
	}
}

// checkCounts finds the one exposure time that explains every pixel of a frame, and returns it: the host times the exposure,
// so that it is not known beforehand. On a busy machine the emulator hears of it late.
func checkCounts(t *testing.T, info device.Info, f device.Frame, lit bool) (seconds float64) {
	t.Helper()
	if len(f.Counts) != info.Pixels || len(f.Raw) != 4136 {
		t.Fatalf("%d counts, %d bytes", len(f.Counts), len(f.Raw))
	}
	perSecond := func(p int) float64 {
		if !lit || p < 10 || p >= 2058 {
			return 400
		}
		return 400 + rate*ramp(1e7/785-1e7/info.WavelengthsNM[p])
	}
	brightest := 2057
	if f.Counts[brightest] >= 65535 {
		t.Fatal("saturated: the test cannot tell")
	}
	exposed := (f.Counts[brightest] - 1200) / perSecond(brightest)
	if exposed < 0 || exposed > f.IntegrationTime.Seconds()+10 {
		t.Errorf("the counts are those of %.4f s, asked for %v", exposed, f.IntegrationTime)
	}
	for p := 1; p < 2067; p++ {
		if p == 10 || p == 2057 { // the pixels at the edge of the light average over another width
			continue
		}
		if want := 1200 + perSecond(p)*exposed; math.Abs(f.Counts[p]-want) > 2 {
			t.Fatalf("pixel %d: %g counts, want %.2f after %.4f s", p, f.Counts[p], want, exposed)
		}
		if got := float64(int(f.Raw[2*p])<<8 | int(f.Raw[2*p+1])); got != f.Counts[p] {
			t.Fatalf("pixel %d: %g on the wire, %g in the frame", p, got, f.Counts[p])
		}
	}
	return exposed
}

func TestScansBringTheCountsOfTheDetector(t *testing.T) {
	em := start(t, emulator.Config{})
	dev := open(t, em)
	ctx := within(t)
	exposed := map[time.Duration]float64{}
	for _, d := range []time.Duration{100 * time.Millisecond, 10 * time.Millisecond, 600 * time.Millisecond, 45 * time.Millisecond} {
		if err := dev.SetIntegrationTime(ctx, d); err != nil {
			t.Fatal(err)
		}
		before := time.Now()
		f, err := dev.Scan(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if f.IntegrationTime != d || f.Started.Before(before) {
			t.Errorf("frame of %v started %v", f.IntegrationTime, f.Started)
		}
		exposed[d] = checkCounts(t, dev.Info(), f, true)
	}
	if exposed[600*time.Millisecond] < exposed[45*time.Millisecond] || exposed[600*time.Millisecond] < exposed[10*time.Millisecond] {
		t.Errorf("seconds exposed: %v", exposed)
	}
	em.Cover(true)
	f, err := dev.Scan(ctx)
	if err != nil {
		t.Fatal(err)
	}
	checkCounts(t, dev.Info(), f, false)
}

func TestWhatTheHeadCannotDoIsRefused(t *testing.T) {
	dev := open(t, start(t, emulator.Config{}))
	if _, err := dev.Temperature(within(t)); !errors.Is(err, device.ErrRefused) {
		t.Error(err)
	}
	if err := dev.Lamp(within(t), true); !errors.Is(err, device.ErrNoLaser) {
		t.Error(err)
	}
	for _, d := range []time.Duration{-1, 0, time.Millisecond, 2 * time.Minute} {
		if err := dev.SetIntegrationTime(within(t), d); !errors.Is(err, device.ErrRange) {
			t.Errorf("%v: %v", d, err)
		}
	}
}

// A changed byte cannot be seen: the protocol has no checksum. Everything else is found, or does no harm.
func TestFaultsGiveAClearErrorAndTheNextScanIsRight(t *testing.T) {
	for _, c := range []struct {
		fault string
		want  error
	}{
		{"garbage", nil}, // found by its length, and taken again
		{"half", nil},
		{"half*8", device.ErrProtocol},
		{"garbage=1*6", device.ErrProtocol},
		{"silent", device.ErrTimeout},
		{"late=200", nil},
		{"late=1500", device.ErrTimeout},
		{"stuck=300@start", nil},
		{"stuck=3000@start", device.ErrTimeout},
	} {
		t.Run(c.fault, func(t *testing.T) {
			t.Parallel()
			em := start(t, emulator.Config{})
			dev := open(t, em)
			ctx := within(t)
			if err := dev.SetIntegrationTime(ctx, 60*time.Millisecond); err != nil {
				t.Fatal(err)
			}
			fault, err := emulator.ParseFault("aa55", c.fault)
			if err != nil {
				t.Fatal(err)
			}
			em.Device.Inject(fault)
			f, err := dev.Scan(ctx)
			if !errors.Is(err, c.want) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			if err == nil {
				checkCounts(t, dev.Info(), f, true)
			}
			// Another sample: a late answer taken for the new one would show.
			em.Cover(true)
			for range 8 {
				if f, err = dev.Scan(ctx); err == nil || !errors.Is(err, device.ErrTimeout) && !errors.Is(err, device.ErrProtocol) {
					break
				}
			}
			if err != nil {
				t.Fatalf("after the fault: %v", err)
			}
			checkCounts(t, dev.Info(), f, false)
		})
	}
}

func TestUnpluggedAtAnyByte(t *testing.T) {
	for _, at := range []int{0, 1, 2, 63, 1000, 2068, 4134, 4135} {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel()
			em := start(t, emulator.Config{})
			dev := open(t, em)
			em.Device.Inject(emulator.Fault{Kind: bench.Unplug, Arg: at, Message: "spectrum"})
			if _, err := dev.Scan(within(t)); !errors.Is(err, device.ErrGone) {
				t.Errorf("scan: %v", err)
			}
			if _, err := dev.Scan(within(t)); !errors.Is(err, device.ErrGone) {
				t.Errorf("afterwards: %v", err)
			}
			if err := dev.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

func TestFaultsWhileOpening(t *testing.T) {
	for fault, want := range map[string]error{
		"garbage": nil, "half": nil, "late=300": nil, "silent*": device.ErrTimeout, "half*": device.ErrProtocol, "unplug=100": device.ErrGone,
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			f, err := emulator.ParseFault("aa55", fault)
			if err != nil {
				t.Fatal(err)
			}
			em := start(t, emulator.Config{Faults: []emulator.Fault{f}})
			dev, err := aa55.Open(within(t), em.Path(), aa55.Options{Margin: 500 * time.Millisecond, LaserNM: 785})
			if !errors.Is(err, want) {
				t.Errorf("error %v, want %v", err, want)
			}
			if err == nil {
				dev.Close()
			}
		})
	}
	// At another rate, nothing comes that is a read-out.
	em := start(t, emulator.Config{Baud: 115200})
	if _, err := aa55.Open(within(t), em.Path(), aa55.Options{Margin: 200 * time.Millisecond}); !errors.Is(err, device.ErrTimeout) && !errors.Is(err, device.ErrProtocol) {
		t.Errorf("at the wrong rate: %v", err)
	}
}

func TestACancelledScanLeavesTheLinkUsable(t *testing.T) {
	for _, ms := range []int{0, 20, 150, 480, 510, 540} {
		t.Run(fmt.Sprint(ms), func(t *testing.T) {
			t.Parallel()
			em := start(t, emulator.Config{})
			dev := open(t, em)
			ctx := within(t)
			if err := dev.SetIntegrationTime(ctx, 500*time.Millisecond); err != nil {
				t.Fatal(err)
			}
			stop := errors.New("the user pressed stop")
			short, cancel := context.WithTimeoutCause(ctx, time.Duration(ms)*time.Millisecond, stop)
			defer cancel()
			if _, err := dev.Scan(short); !errors.Is(err, stop) {
				t.Errorf("cancelled: %v", err)
			}
			em.Cover(true)
			if err := dev.SetIntegrationTime(ctx, 40*time.Millisecond); err != nil {
				t.Fatal(err)
			}
			f, err := dev.Scan(ctx)
			if err != nil {
				t.Fatalf("after the cancelled scan: %v", err)
			}
			checkCounts(t, dev.Info(), f, false)
		})
	}
}

// The whole set: laser off, laser on, settle, sample, laser off, dark, subtract.
func TestTheHeadAndItsLaserTakeASpectrum(t *testing.T) {
	light, err := emulator.Start(emulator.Config{Type: "modbuslaser"})
	if err != nil {
		t.Fatal(err)
	}
	defer light.Close()
	em := start(t, emulator.Config{Light: light.Light})
	l, err := laser.Open(within(t), laser.Options{Type: "modbus", Port: light.Path(), Power: 800, WarningDelay: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	dev := laser.Attach(open(t, em), l)
	stages := map[acquire.Stage]bool{} // whether the laser shone
	scan, err := acquire.Acquire(within(t), dev, acquire.Settings{IntegrationTime: 200 * time.Millisecond, Averages: 2}, func(p acquire.Progress) {
		stages[p.Stage] = light.LaserOn()
	})
	if err != nil {
		t.Fatal(err)
	}
	if !stages[acquire.StageSample] || stages[acquire.StageDark] || light.LaserOn() || light.Light.Fired() != 1 {
		t.Errorf("stages %v, on afterwards %v, fired %d times", stages, light.LaserOn(), light.Light.Fired())
	}
	for _, f := range scan.Frames {
		checkCounts(t, scan.Info, f, true)
	}
	for _, f := range scan.Dark {
		checkCounts(t, scan.Info, f, false)
	}
	s, err := scan.Spectrum()
	if err != nil || !s.Metadata.DarkSubtracted || !s.Metadata.Simulated || len(s.X) < 2000 {
		t.Errorf("%+v, %v", s.Metadata, err)
	}
	if err := dev.Close(); err != nil {
		t.Error(err)
	}
}
