package oceanletter_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/drivertest"
	"fentrace/device/emulator"
	"fentrace/device/oceanletter"
)

var types = []string{"usb2000", "usb2000plus", "usb4000"}

func open(t testing.TB, em *emulator.Emulator, o oceanletter.Options) device.Spectrometer {
	t.Helper()
	return rig(em.Kind.Type, o).OpenOn(t, em)
}

// instrument repeats what the data of an emulated instrument are made of.
type instrument struct {
	pixels               int
	firstLit, lastLit    int
	full                 float64
	offset, darkRate, at float64
	lo, hi               time.Duration
}

var instruments = map[string]instrument{
	"usb2000":     {2048, 24, 2047, 4095, 120, 20, 8_000, 5 * time.Millisecond, 65535 * time.Millisecond},
	"usb2000plus": {2048, 21, 2047, 65535, 1500, 50, 120_000, time.Millisecond, 65 * time.Second},
	"usb4000":     {3840, 21, 3668, 65535, 1500, 50, 120_000, 10 * time.Microsecond, 65 * time.Second},
}

// checkCounts repeats the detector model by itself, for frames of the given pixels added up so many times.
func checkCounts(t testing.TB, want instrument, info device.Info, f device.Frame, lit bool, add int, pixels func(int) int) {
	t.Helper()
	if len(f.Counts) != info.Pixels || len(info.WavelengthsNM) != info.Pixels {
		t.Fatalf("%d counts and %d wavelengths for %d pixels", len(f.Counts), len(info.WavelengthsNM), info.Pixels)
	}
	for i, got := range f.Counts {
		p := pixels(i)
		if p == 0 || p >= want.pixels-24 { // the emulator's edge pixels average over half a width or see nothing
			continue
		}
		counts := want.darkRate * f.IntegrationTime.Seconds()
		if lit && p >= want.firstLit && p <= want.lastLit {
			shift := 1e7/info.LaserNM - 1e7/info.WavelengthsNM[i]
			counts += want.at * f.IntegrationTime.Seconds() * drivertest.Ramp(shift)
		}
		counts = min(want.offset+counts, want.full) * float64(add)
		if math.Abs(got-counts) > 1.5*float64(add) { // rounding, and the mean over a pixel's width
			t.Fatalf("pixel %d: %g counts, want %.2f", p, got, counts)
		}
	}
}

func itself(p int) int { return p }

func TestTheDeviceTellsWhatItIs(t *testing.T) {
	t.Parallel()
	coefficients := [4]float64{790, 0.1, -4e-6, -1e-10}
	nonlinearity := []float64{0.98, 1.5e-6, -2.25e-11}
	for typ, want := range map[string]struct{ model, firmware string }{
		"usb2000":     {"USB2000 (SIMULATED)", "2.16.0"},
		"usb2000plus": {"USB2000+ or Flame-S (SIMULATED)", "1.02.0"},
		"usb4000":     {"USB4000 or Flame-T (SIMULATED)", "1.03.0"},
	} {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			em := drivertest.Start(t, emulator.Config{Type: typ, Coefficients: coefficients, SerialNumber: "SIM-77", Nonlinearity: nonlinearity})
			info := open(t, em, oceanletter.Options{LaserNM: 784.9}).Info()
			if info.Type != "oceanletter" || info.Model != want.model || info.SerialNumber != "SIM-77" || info.Firmware != want.firmware || info.Port != em.Path() {
				t.Errorf("info %+v", info)
			}
			in := instruments[typ]
			if info.Pixels != in.pixels || info.MaxCounts != in.full || info.MinIntegration != in.lo || info.MaxIntegration != in.hi {
				t.Errorf("%d pixels, %g counts, %v to %v", info.Pixels, info.MaxCounts, info.MinIntegration, info.MaxIntegration)
			}
			if n := in.firstLit + in.pixels - 1 - in.lastLit; len(info.DarkPixels) != n || info.DarkPixels[n-1] >= in.pixels {
				t.Errorf("dark pixels %v", info.DarkPixels)
			}
			if !info.Simulated || info.LaserNM != 784.9 {
				t.Errorf("simulated %v, laser %g nm", info.Simulated, info.LaserNM)
			}
			for _, p := range []int{0, 1, 500, in.pixels - 1} {
				nm := 0.0
				for i, c := range coefficients {
					nm += c * math.Pow(float64(p), float64(i))
				}
				if math.Abs(info.WavelengthsNM[p]-nm) > 1e-4 { // the texts hold coefficients of 32 bits
					t.Errorf("pixel %d at %.9f nm, want %.9f", p, info.WavelengthsNM[p], nm)
				}
			}
			if len(info.Nonlinearity) != len(nonlinearity) {
				t.Fatalf("nonlinearity %g", info.Nonlinearity)
			}
			for i, c := range nonlinearity {
				if math.Abs(info.Nonlinearity[i]/c-1) > 1e-6 {
					t.Errorf("nonlinearity %g, want %g", info.Nonlinearity, nonlinearity)
				}
			}
		})
	}
}

func TestScansBringTheCountsOfTheDetector(t *testing.T) {
	t.Parallel()
	for _, typ := range types {
		for name, o := range map[string]oceanletter.Options{"binary": {}, "compressed": {Compress: true}, "ascii": {ASCII: true}} {
			t.Run(typ+"/"+name, func(t *testing.T) {
				t.Parallel()
				em := drivertest.Start(t, emulator.Config{Type: typ})
				dev := open(t, em, o)
				ctx := drivertest.Within(t)
				for _, d := range []time.Duration{8 * time.Millisecond, 60 * time.Millisecond, 25 * time.Millisecond, 900 * time.Millisecond} {
					if err := dev.SetIntegrationTime(ctx, d); err != nil {
						t.Fatal(err)
					}
					before := time.Now()
					f, err := dev.Scan(ctx)
					if err != nil {
						t.Fatal(err)
					}
					if f.IntegrationTime != d || f.Started.Before(before) || time.Since(f.Started) < d {
						t.Errorf("frame of %v started %v, asked for %v at %v", f.IntegrationTime, f.Started, d, before)
					}
					checkCounts(t, instruments[typ], dev.Info(), f, true, 1, itself)
				}
				em.Cover(true)
				f, err := dev.Scan(ctx)
				if err != nil {
					t.Fatal(err)
				}
				checkCounts(t, instruments[typ], dev.Info(), f, false, 1, itself)
			})
		}
	}
}

// The raw bytes are the device's answer: the counts can be read from them again.
func TestAFrameKeepsTheBytesOfTheWire(t *testing.T) {
	t.Parallel()
	em := drivertest.Start(t, emulator.Config{Type: "usb2000plus"})
	f, err := open(t, em, oceanletter.Options{}).Scan(drivertest.Within(t))
	if err != nil {
		t.Fatal(err)
	}
	if want := 1 + 14 + 2*2048 + 4; len(f.Raw) != want { // STX, header, pixels, end mark and checksum
		t.Fatalf("%d bytes, want %d", len(f.Raw), want)
	}
	for p, v := range f.Counts {
		if got := binary.BigEndian.Uint16(f.Raw[15+2*p:]); float64(got) != v {
			t.Fatalf("pixel %d: %d on the wire, %g in the frame", p, got, v)
		}
	}
}

// FFFD ends a spectrum and is a count as well.
func TestTheEndMarkIsALegalCount(t *testing.T) {
	t.Parallel()
	em := drivertest.Start(t, emulator.Config{Type: "usb2000plus", Sample: func(float64) float64 { return 1 }, Rate: (65533 - 1500 - 5) * 10})
	dev := open(t, em, oceanletter.Options{})
	f, err := dev.Scan(drivertest.Within(t)) // 100 ms
	if err != nil {
		t.Fatal(err)
	}
	if f.Counts[500] != 65533 || f.Counts[2000] != 65533 {
		t.Errorf("%g and %g counts", f.Counts[500], f.Counts[2000])
	}
}

func TestTheDetectorSaturates(t *testing.T) {
	t.Parallel()
	for _, typ := range types {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			em := drivertest.Start(t, emulator.Config{Type: typ, Rate: 1e7})
			dev := open(t, em, oceanletter.Options{})
			f, err := dev.Scan(drivertest.Within(t))
			if err != nil || f.Counts[500] != dev.Info().MaxCounts {
				t.Errorf("%v, %v", f.Counts, err)
			}
		})
	}
}

// Counts above dark, divided by the polynomial that Info brings, are in proportion to light.
func TestTheNonlinearityOfTheCountsCanBeTakenOut(t *testing.T) {
	t.Parallel()
	const rate, ms = 500_000, 100
	em := drivertest.Start(t, emulator.Config{Type: "usb2000plus", Rate: rate, Nonlinearity: []float64{1, -9e-7, 2e-12}})
	dev := open(t, em, oceanletter.Options{})
	info := dev.Info()
	f, err := dev.Scan(drivertest.Within(t))
	if err != nil {
		t.Fatal(err)
	}
	bent := 0.0
	for p := 30; p < info.Pixels-21; p++ {
		got := f.Counts[p] - 1505
		factor := 0.0
		for i := len(info.Nonlinearity) - 1; i >= 0; i-- {
			factor = factor*got + info.Nonlinearity[i]
		}
		want := rate * ms / 1000 * drivertest.Ramp(1e7/info.LaserNM-1e7/info.WavelengthsNM[p])
		if math.Abs(got/factor-want) > 1.5 {
			t.Fatalf("pixel %d: %.1f corrected, want %.1f", p, got/factor, want)
		}
		bent = max(bent, want-got)
	}
	if bent < 1000 {
		t.Errorf("the test's detector bends by %.0f counts only", bent)
	}
}

func TestExposuresAreAddedUpInTheDevice(t *testing.T) {
	t.Parallel()
	for typ, add := range map[string]int{"usb2000": 3, "usb2000plus": 4, "usb4000": 2} {
		for _, ascii := range []bool{false, true} {
			t.Run(fmt.Sprint(typ, ", ascii ", ascii), func(t *testing.T) {
				t.Parallel()
				em := drivertest.Start(t, emulator.Config{Type: typ, Nonlinearity: []float64{1, -4e-20}})
				dev := open(t, em, oceanletter.Options{Add: add, ASCII: ascii})
				info, in := dev.Info(), instruments[typ]
				if info.MaxCounts != in.full*float64(add) {
					t.Errorf("full scale %g", info.MaxCounts)
				}
				if c := info.Nonlinearity; len(c) != 2 || math.Abs(c[1]*float64(add)/-4e-20-1) > 1e-6 {
					t.Errorf("nonlinearity %g", c)
				}
				f, err := dev.Scan(drivertest.Within(t))
				if err != nil {
					t.Fatal(err)
				}
				checkCounts(t, in, info, f, true, add, itself)
			})
		}
	}
	em := drivertest.Start(t, emulator.Config{Type: "usb2000"})
	if _, err := oceanletter.Open(drivertest.Within(t), em.Path(), oceanletter.Options{Baud: drivertest.QuickBaud, Add: 16}); !errors.Is(err, device.ErrRange) {
		t.Errorf("more than the device adds: %v", err)
	}
}

func TestPixelsCanBeChosen(t *testing.T) {
	t.Parallel()
	list := []int{0, 5, 100, 101, 1999}
	for name, c := range map[string]struct {
		pixels oceanletter.Pixels
		count  int
		at     func(int) int
		dark   int
	}{
		"every 3rd": {oceanletter.EveryNth(3), 683, func(i int) int { return 3 * i }, 7},
		"range":     {oceanletter.Range(10, 1000, 7), 142, func(i int) int { return 10 + 7*i }, 2},
		"list":      {oceanletter.List(list...), 5, func(i int) int { return list[i] }, 2},
	} {
		for mode, o := range map[string]oceanletter.Options{"binary": {}, "compressed": {Compress: true}, "ascii": {ASCII: true}} {
			t.Run(name+"/"+mode, func(t *testing.T) {
				t.Parallel()
				em := drivertest.Start(t, emulator.Config{Type: "usb2000plus"})
				o.Pixels = c.pixels
				dev := open(t, em, o)
				info := dev.Info()
				if info.Pixels != c.count || len(info.DarkPixels) != c.dark {
					t.Fatalf("%d pixels, dark %v", info.Pixels, info.DarkPixels)
				}
				f, err := dev.Scan(drivertest.Within(t))
				if err != nil {
					t.Fatal(err)
				}
				checkCounts(t, instruments["usb2000plus"], info, f, true, 1, c.at)
			})
		}
	}
}

func TestPixelsThatDoNotExistAreRefused(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]oceanletter.Pixels{
		"none": oceanletter.List(), "falling": oceanletter.List(7, 3), "beyond": oceanletter.List(2048), "negative": oceanletter.Range(-1, 5, 1),
		"backwards": oceanletter.Range(9, 5, 1), "step": oceanletter.EveryNth(0),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			em := drivertest.Start(t, emulator.Config{Type: "usb2000"})
			if _, err := oceanletter.Open(drivertest.Within(t), em.Path(), oceanletter.Options{Baud: drivertest.QuickBaud, Pixels: p}); !errors.Is(err, device.ErrRange) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestTemperature(t *testing.T) {
	t.Parallel()
	dev := open(t, drivertest.Start(t, emulator.Config{Type: "usb2000plus"}), oceanletter.Options{})
	if got, err := dev.Temperature(drivertest.Within(t)); err != nil || got != 31.25 {
		t.Errorf("%g °C, %v", got, err)
	}
	dev = open(t, drivertest.Start(t, emulator.Config{Type: "usb2000"}), oceanletter.Options{})
	if _, err := dev.Temperature(drivertest.Within(t)); !errors.Is(err, device.ErrRefused) {
		t.Errorf("a sensor that is not there: %v", err)
	}
	if _, err := dev.Scan(drivertest.Within(t)); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestIntegrationTimeIsRoundedAndBounded(t *testing.T) {
	t.Parallel()
	for typ, c := range map[string]struct{ ask, get time.Duration }{
		"usb2000":     {20400 * time.Microsecond, 20 * time.Millisecond},
		"usb2000plus": {20400100 * time.Nanosecond, 20400 * time.Microsecond},
		"usb4000":     {12 * time.Microsecond, 12 * time.Microsecond},
	} {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			dev := open(t, drivertest.Start(t, emulator.Config{Type: typ}), oceanletter.Options{})
			if err := dev.SetIntegrationTime(drivertest.Within(t), c.ask); err != nil {
				t.Fatal(err)
			}
			if f, err := dev.Scan(drivertest.Within(t)); err != nil || f.IntegrationTime != c.get {
				t.Errorf("%v, %v", f.IntegrationTime, err)
			}
			in := instruments[typ]
			for _, d := range []time.Duration{-1, 0, in.lo - time.Millisecond, in.hi + time.Millisecond} {
				if err := dev.SetIntegrationTime(drivertest.Within(t), d); !errors.Is(err, device.ErrRange) {
					t.Errorf("%v: %v", d, err)
				}
			}
		})
	}
}

func TestTheLampLineGatesTheLaser(t *testing.T) {
	t.Parallel()
	for _, typ := range types {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			em := drivertest.Start(t, emulator.Config{Type: typ, LightSource: true})
			dev := open(t, em, oceanletter.Options{})
			ctx := drivertest.Within(t)
			for _, on := range []bool{false, true, false, true} {
				if err := dev.Lamp(ctx, on); err != nil {
					t.Fatal(err)
				}
				f, err := dev.Scan(ctx)
				if err != nil {
					t.Fatal(err)
				}
				checkCounts(t, instruments[typ], dev.Info(), f, on, 1, itself)
			}
			if err := dev.Close(); err != nil || em.LaserOn() {
				t.Errorf("closed: %v, laser on: %v", err, em.LaserOn())
			}
		})
	}
	em := drivertest.Start(t, emulator.Config{Type: "usb2000"})
	dev := open(t, em, oceanletter.Options{NoLamp: true})
	if err := dev.Lamp(drivertest.Within(t), true); !errors.Is(err, device.ErrNoLaser) {
		t.Errorf("a lamp line that switches nothing: %v", err)
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	t.Parallel()
	em := drivertest.Start(t, emulator.Config{Type: "usb2000"})
	for name, o := range map[string]oceanletter.Options{"laser": {LaserNM: -1}, "add": {Add: 5001}} {
		if _, err := oceanletter.Open(drivertest.Within(t), em.Path(), o); !errors.Is(err, device.ErrRange) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := oceanletter.Open(drivertest.Within(t), "/dev/ttyUSB999", oceanletter.Options{}); !errors.Is(err, device.ErrNotFound) {
		t.Errorf("missing port: %v", err)
	}
	open(t, em, oceanletter.Options{})
	if _, err := oceanletter.Open(drivertest.Within(t), em.Path(), oceanletter.Options{Baud: drivertest.QuickBaud}); !errors.Is(err, device.ErrBusy) {
		t.Errorf("opened twice: %v", err)
	}
}
