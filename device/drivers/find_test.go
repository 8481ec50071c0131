package drivers

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/emulator"
	"fentrace/device/emulator/bench"
	"fentrace/device/hostcal"
	"fentrace/device/laser"
)

// driverOf is the driver of each emulated spectrometer.
var driverOf = map[string]string{
	"sts": "obp", "spark": "obp", "qepro": "obp", "flamex": "obp", "tcd1304": "tcd1304", "aa55": "aa55",
	"usb2000": "oceanletter", "usb2000plus": "oceanletter", "usb4000": "oceanletter", "btc110": "bwtek", "nirscan": "nirscan", "wisp": "wisp",
}

// hostCalibration serves the devices that cannot tell their wavelengths.
var hostCalibration = hostcal.Calibration{SerialNumber: "SIM-CAL", Coefficients: []float64{790, 0.05}, LaserNM: 785}

func TestEverySpectrometerIsFoundWithoutItsType(t *testing.T) {
	for _, typ := range emulator.Types() {
		kind, err := emulator.Find(typ)
		if err != nil {
			t.Fatal(err)
		}
		if kind.Detector.Rate == 0 {
			continue // no spectrometer
		}
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			want, known := driverOf[typ]
			if !known {
				t.Fatal("no driver is stated for this emulated device")
			}
			em := startEmulator(t, emulator.Config{Type: typ, LightSource: true})
			var tried []string
			dev, err := Open(within(t), "", em.Path(), Options{Calibration: hostCalibration, Trying: func(title string) { tried = append(tried, title) }})
			if err != nil {
				t.Fatal(err)
			}
			defer dev.Close()
			if got := dev.Info().Type; got != want || !dev.Info().Simulated {
				t.Errorf("found %s (simulated %v) after trying %q, want %s", got, dev.Info().Simulated, tried, want)
			}
			if em.Light.Fired() != 0 {
				t.Error("looking for the device switched its laser on")
			}
			if f, err := dev.Scan(within(t)); err != nil || len(f.Counts) != dev.Info().Pixels {
				t.Errorf("the first scan: %d counts, %v", len(f.Counts), err)
			}
		})
	}
}

// A laser on the port is asked by every driver, and stays dark.
func TestALaserIsNotSwitchedOnByLooking(t *testing.T) {
	for _, typ := range emulator.Types() {
		kind, err := emulator.Find(typ)
		if err != nil {
			t.Fatal(err)
		}
		if !kind.Emits {
			continue
		}
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			em := startEmulator(t, emulator.Config{Type: typ})
			// It may shine as it comes from the factory; opening it puts it out for good.
			l, err := laser.Open(within(t), laser.Options{Type: strings.TrimSuffix(typ, "laser"), Port: em.Path()})
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			fired := em.Light.Fired()
			if dev, err := Open(within(t), "", em.Path(), Options{}); err == nil {
				dev.Close()
				t.Error("a laser was taken for a spectrometer")
			}
			if em.Light.Fired() != fired || em.LaserOn() {
				t.Error("it was switched on")
			}
		})
	}
}

func TestAGPSReceiverIsNamed(t *testing.T) {
	em := startEmulator(t, emulator.Config{Type: "gps"})
	if _, err := Open(within(t), "", em.Path(), Options{}); !errors.Is(err, device.ErrProtocol) || !strings.Contains(err.Error(), "GPS") {
		t.Errorf("%v", err)
	}
}

func TestASilentPortIsGivenUp(t *testing.T) {
	t.Parallel()
	em := startEmulator(t, emulator.Config{Faults: []emulator.Fault{{Kind: bench.Silent, Times: -1}}})
	if _, err := Open(within(t), "", em.Path(), Options{}); !errors.Is(err, device.ErrTimeout) || !strings.Contains(err.Error(), "tried obp") {
		t.Errorf("%v", err)
	}
}

func TestAStatedTypeAlwaysWins(t *testing.T) {
	t.Parallel()
	em := startEmulator(t, emulator.Config{})
	if dev, err := Open(within(t), "tcd1304", em.Path(), Options{}); err == nil {
		dev.Close()
		t.Error("an STS was opened as a TCD1304 board")
	}
}

func TestAPortInUseIsNotTriedTwice(t *testing.T) {
	em := startEmulator(t, emulator.Config{})
	dev, err := Open(within(t), "obp", em.Path(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	tries := 0
	if _, err := Open(within(t), "", em.Path(), Options{Trying: func(string) { tries++ }}); !errors.Is(err, device.ErrBusy) || tries != 1 {
		t.Errorf("%d tries, %v", tries, err)
	}
}

func startEmulator(t *testing.T, c emulator.Config) *emulator.Emulator {
	t.Helper()
	em, err := emulator.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { em.Close() })
	return em
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// What speaks is asked once more when nobody understood it.
func TestADeviceThatGarbledItsFirstAnswersIsFound(t *testing.T) {
	t.Parallel()
	const many = 1000
	em := startEmulator(t, emulator.Config{Faults: []emulator.Fault{{Kind: bench.WrongType, Times: many}}})
	asked := 0
	dev, err := Open(within(t), "", em.Path(), Options{Trying: func(string) {
		if asked++; asked != len(table)+1 {
			return
		}
		for range many {
			em.Line.Take("serial")
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	if asked != len(table)+1 || dev.Info().Type != "obp" {
		t.Errorf("found %s after asking %d times", dev.Info().Type, asked)
	}
}
