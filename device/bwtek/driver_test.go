package bwtek_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/bwtek"
	"fentrace/device/drivertest"
	"fentrace/device/emulator"
	"fentrace/device/hostcal"
)

// shot is an exposure near the shortest.
const shot = 60 * time.Millisecond

var calibration = hostcal.Calibration{SerialNumber: "BTC-7", Coefficients: []float64{788.7, 0.1, -2e-6, 0}, LaserNM: 785}

// start emulates a bench that the calibration fits.
func start(t testing.TB, c emulator.Config) *emulator.Emulator {
	t.Helper()
	fit := rig(bwtek.Options{}).Config
	c.Type, c.Coefficients = fit.Type, fit.Coefficients
	return drivertest.Start(t, c)
}

func open(t testing.TB, em *emulator.Emulator, o bwtek.Options) device.Spectrometer {
	t.Helper()
	return rig(o).OpenOn(t, em)
}

// scan takes a frame and checks it.
func scan(t *testing.T, dev device.Spectrometer, lit bool) device.Frame {
	t.Helper()
	f, err := dev.Scan(drivertest.Within(t))
	if err != nil {
		t.Fatal(err)
	}
	check(t, dev.Info(), f, lit)
	return f
}

// check repeats the detector model: 900 counts, dark current, signal, full scale.
func check(t testing.TB, info device.Info, f device.Frame, lit bool) {
	t.Helper()
	if len(f.Counts) != 2048 || len(info.WavelengthsNM) != 2048 {
		t.Fatalf("%d counts, %d wavelengths", len(f.Counts), len(info.WavelengthsNM))
	}
	for p := 1; p < 2047; p++ { // the edge pixels average over half a width
		want := 900 + 200*f.IntegrationTime.Seconds()
		if lit {
			want += 100_000 * f.IntegrationTime.Seconds() * drivertest.Ramp(1e7/info.LaserNM-1e7/info.WavelengthsNM[p])
		}
		if want = min(want, 65535); math.Abs(f.Counts[p]-want) > 1.5 {
			t.Fatalf("pixel %d: %g counts, want %.2f", p, f.Counts[p], want)
		}
	}
}

func TestTheHostSaysWhatTheDeviceCannot(t *testing.T) {
	t.Parallel()
	em := start(t, emulator.Config{})
	info := open(t, em, bwtek.Options{}).Info()
	if info.Type != "bwtek" || info.Model != "B&W Tek BTC100/BTC110 (SIMULATED)" || info.SerialNumber != "BTC-7" || info.LaserNM != 785 || !info.Simulated {
		t.Errorf("info %+v", info)
	}
	if info.Pixels != 2048 || info.MaxCounts != 65535 || info.MinIntegration != 50*time.Millisecond || info.MaxIntegration != 65*time.Second {
		t.Errorf("info %+v", info)
	}
	if nm := info.WavelengthsNM[1000]; math.Abs(nm-(788.7+100-2)) > 1e-9 {
		t.Errorf("pixel 1000 at %g nm", nm)
	}
	link := t.TempDir() + "/spectrometer"
	if err := os.Symlink(start(t, emulator.Config{}).Path(), link); err != nil {
		t.Fatal(err)
	}
	dev, err := bwtek.Open(drivertest.Within(t), link, bwtek.Options{Baud: drivertest.QuickBaud, LaserNM: 532, Margin: drivertest.Margin})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	if info := dev.Info(); info.LaserNM != 532 || info.WavelengthsNM != nil || info.SerialNumber != "" || !info.Simulated {
		t.Errorf("without a calibration: %+v", info)
	}
}

func TestScansBringTheCountsOfTheDetector(t *testing.T) {
	for _, ascii := range []bool{false, true} {
		t.Run(fmt.Sprint("ascii ", ascii), func(t *testing.T) {
			t.Parallel()
			em := start(t, emulator.Config{})
			dev := open(t, em, bwtek.Options{ASCII: ascii})
			for _, d := range []time.Duration{shot, 900 * time.Millisecond, 75*time.Millisecond + 300*time.Microsecond} {
				if err := dev.SetIntegrationTime(drivertest.Within(t), d); err != nil {
					t.Fatal(err)
				}
				before := time.Now()
				f := scan(t, dev, true)
				if f.IntegrationTime != d.Round(time.Millisecond) || f.Started.Before(before) || time.Since(f.Started) < f.IntegrationTime {
					t.Errorf("frame of %v started %v, asked for %v at %v", f.IntegrationTime, f.Started, d, before)
				}
				if !bytes.HasPrefix(f.Raw, []byte("S\r\nACK\r\n")) {
					t.Errorf("raw bytes begin with %q", f.Raw[:8])
				}
			}
			em.Cover(true)
			scan(t, dev, false)
		})
	}
}

func TestWhatTheBenchDoesNotHave(t *testing.T) {
	t.Parallel()
	dev := open(t, start(t, emulator.Config{}), bwtek.Options{})
	if err := dev.Lamp(drivertest.Within(t), true); !errors.Is(err, device.ErrNoLaser) {
		t.Errorf("laser: %v", err)
	}
	if _, err := dev.Temperature(drivertest.Within(t)); !errors.Is(err, device.ErrRefused) {
		t.Errorf("temperature: %v", err)
	}
	for _, d := range []time.Duration{-1, 0, 49 * time.Millisecond, 65001 * time.Millisecond} {
		if err := dev.SetIntegrationTime(drivertest.Within(t), d); !errors.Is(err, device.ErrRange) {
			t.Errorf("%v: %v", d, err)
		}
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	t.Parallel()
	em := start(t, emulator.Config{})
	if _, err := bwtek.Open(drivertest.Within(t), em.Path(), bwtek.Options{LaserNM: 5}); !errors.Is(err, device.ErrRange) {
		t.Errorf("laser: %v", err)
	}
	falling := hostcal.Calibration{Coefficients: []float64{785, 0.1, -1e-4}}
	if _, err := bwtek.Open(drivertest.Within(t), em.Path(), bwtek.Options{Calibration: falling}); !errors.Is(err, hostcal.ErrCalibration) {
		t.Errorf("calibration: %v", err)
	}
	if _, err := bwtek.Open(drivertest.Within(t), "/dev/ttyUSB999", bwtek.Options{}); !errors.Is(err, device.ErrNotFound) {
		t.Errorf("missing port: %v", err)
	}
}

func TestTheRateIsFoundAndRaised(t *testing.T) {
	drivertest.NeedsRates(t)
	for name, c := range map[string]struct {
		baud, fastest int
		fault         string
		raised, home  int
	}{
		"just switched on":            {9600, 0, "", 115200, 9600},
		"no faster than asked":        {9600, 19200, "", 19200, 9600},
		"not at all":                  {9600, 9600, "", 9600, 9600},
		"left by a program that died": {38400, 0, "", 115200, 9600},
		"fast already":                {115200, 0, "", 115200, 115200},
		"acknowledgement lost":        {9600, 0, "silent@baud", 115200, 9600},
		"acknowledgement garbled":     {9600, 0, "garbage@baud", 115200, 9600},
		"acknowledgement damaged":     {9600, 0, "checksum@baud", 115200, 9600},
		"refused":                     {38400, 0, "nack@baud*", 38400, 38400},
		"refused once":                {9600, 0, "nack@baud", 38400, 9600},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			em := start(t, emulator.Config{Baud: c.baud, Faults: drivertest.Fault(t, "btc110", c.fault)})
			dev, err := bwtek.Open(drivertest.Within(t), em.Path(), bwtek.Options{Fastest: c.fastest, Calibration: calibration, Margin: 2 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			if em.Baud() != c.raised {
				t.Errorf("raised to %d, want %d", em.Baud(), c.raised)
			}
			scan(t, dev, true)
			if err := dev.Close(); err != nil || em.Baud() != c.home {
				t.Errorf("left at %d, want %d; %v", em.Baud(), c.home, err)
			}
		})
	}
}

func TestTheWrongRateIsAClearError(t *testing.T) {
	t.Parallel()
	drivertest.NeedsRates(t)
	em := start(t, emulator.Config{Baud: 115200})
	_, err := bwtek.Open(drivertest.Within(t), em.Path(), bwtek.Options{Baud: 19200, Margin: 300 * time.Millisecond})
	if !errors.Is(err, device.ErrProtocol) && !errors.Is(err, device.ErrTimeout) {
		t.Errorf("error %v", err)
	}
}
