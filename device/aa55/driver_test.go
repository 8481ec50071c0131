package aa55_test

import (
	"errors"
	"flag"
	"math"
	"os"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/aa55"
	"fentrace/device/acquire"
	"fentrace/device/drivertest"
	"fentrace/device/emulator"
	"fentrace/device/hostcal"
	"fentrace/device/laser"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "24"); err != nil { // these tests wait more than they work
		panic(err)
	}
	os.Exit(m.Run())
}

func start(t testing.TB, c emulator.Config) *emulator.Emulator {
	t.Helper()
	c.Type, c.Rate = "aa55", rate
	return drivertest.Start(t, c)
}

// calibration is what a person would have for em.
func calibration(em *emulator.Emulator) hostcal.Calibration {
	return hostcal.Calibration{SerialNumber: em.Config.SerialNumber, Coefficients: em.Config.Coefficients[:], LaserNM: em.Config.LaserNM}
}

func open(t testing.TB, em *emulator.Emulator) device.Spectrometer {
	t.Helper()
	return rig(margin).OpenOn(t, em)
}

func TestTheHeadTellsNothingAndTheFileTheRest(t *testing.T) {
	em := start(t, emulator.Config{LaserNM: 784.5})
	info := open(t, em).Info()
	if info.Type != "aa55" || info.Pixels != 2068 || info.MaxCounts != 65535 || info.SerialNumber != "SIM-A55-0001" || info.LaserNM != 784.5 ||
		!info.Simulated || len(info.DarkPixels) != 20 || len(info.WavelengthsNM) != 2068 {
		t.Errorf("info %+v", info)
	}
	if _, err := aa55.Open(drivertest.Within(t), em.Path(), aa55.Options{}); !errors.Is(err, device.ErrBusy) {
		t.Errorf("opened twice: %v", err)
	}
	bare := start(t, emulator.Config{})
	dev, err := aa55.Open(drivertest.Within(t), bare.Path(), aa55.Options{LaserNM: 785, Margin: drivertest.Margin})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	if i := dev.Info(); !i.Simulated || i.WavelengthsNM != nil || i.LaserNM != 785 {
		t.Errorf("without a file: %+v", i)
	}
	for _, o := range []aa55.Options{{LaserNM: 5}, {Calibration: hostcal.Calibration{Coefficients: []float64{800, -1}}}} {
		if _, err := aa55.Open(drivertest.Within(t), bare.Path(), o); err == nil {
			t.Errorf("opened with %+v", o)
		}
	}
	if _, err := aa55.Open(drivertest.Within(t), "/dev/ttyUSB999", aa55.Options{}); !errors.Is(err, device.ErrNotFound) {
		t.Errorf("missing port: %v", err)
	}
}

// checkCounts finds the one exposure time that explains every pixel of a frame, and returns it: the host times the exposure,
// so that it is not known beforehand. On a busy machine the emulator hears of it late.
func checkCounts(t testing.TB, info device.Info, f device.Frame, lit bool) (seconds float64) {
	t.Helper()
	if len(f.Counts) != info.Pixels || len(f.Raw) != 4136 {
		t.Fatalf("%d counts, %d bytes", len(f.Counts), len(f.Raw))
	}
	perSecond := func(p int) float64 {
		if !lit || p < 10 || p >= 2058 {
			return 400
		}
		return 400 + rate*drivertest.Ramp(1e7/785-1e7/info.WavelengthsNM[p])
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
	ctx := drivertest.Within(t)
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
	if _, err := dev.Temperature(drivertest.Within(t)); !errors.Is(err, device.ErrRefused) {
		t.Error(err)
	}
	if err := dev.Lamp(drivertest.Within(t), true); !errors.Is(err, device.ErrNoLaser) {
		t.Error(err)
	}
	for _, d := range []time.Duration{-1, 0, time.Millisecond, 2 * time.Minute} {
		if err := dev.SetIntegrationTime(drivertest.Within(t), d); !errors.Is(err, device.ErrRange) {
			t.Errorf("%v: %v", d, err)
		}
	}
}

// At another rate, nothing comes that is a read-out.
func TestTheWrongRateIsAClearError(t *testing.T) {
	em := start(t, emulator.Config{Baud: 115200})
	if _, err := aa55.Open(drivertest.Within(t), em.Path(), aa55.Options{Margin: 200 * time.Millisecond}); !errors.Is(err, device.ErrTimeout) && !errors.Is(err, device.ErrProtocol) {
		t.Errorf("at the wrong rate: %v", err)
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
	l, err := laser.Open(drivertest.Within(t), laser.Options{Type: "modbus", Port: light.Path(), Power: 800, WarningDelay: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	dev := laser.Attach(open(t, em), l)
	stages := map[acquire.Stage]bool{} // whether the laser shone
	scan, err := acquire.Acquire(drivertest.Within(t), dev, acquire.Settings{IntegrationTime: 200 * time.Millisecond, Averages: 2}, func(p acquire.Progress) {
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
