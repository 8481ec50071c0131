package obp_test

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/drivertest"
	"fentrace/device/emulator"
	"fentrace/device/obp"
)

var types = []string{"sts", "spark", "qepro", "flamex"}

// rates are the dark rate and the signal rate of each type's detector, counts per second.
var rates = map[string][2]float64{"sts": {50, 40_000}, "spark": {60, 40_000}, "qepro": {5, 400_000}, "flamex": {100, 150_000}}

func open(t testing.TB, em *emulator.Emulator, o obp.Options) device.Spectrometer {
	t.Helper()
	return rig(em.Kind.Type, o).OpenOn(t, em)
}

func TestTheDeviceTellsWhatItIs(t *testing.T) {
	coefficients := [4]float64{790, 0.24, -8e-6, -1e-9}
	for _, want := range []struct {
		typ, model string
		pixels     int
		full       float64
		lo, hi     time.Duration
		dark       int
	}{
		{"sts", "STS (SIMULATED)", 1024, 16383, 10 * time.Microsecond, 85 * time.Second, 0},
		{"qepro", "QE Pro (SIMULATED)", 1044, 200000, 8 * time.Millisecond, 1600 * time.Second, 8},
		{"spark", "Spark (SIMULATED)", 1024, 16383, 10 * time.Microsecond, 85 * time.Second, 0},
		{"flamex", "Flame-X (SIMULATED)", 2136, 65535, 10 * time.Microsecond, 10 * time.Second, 16},
	} {
		t.Run(want.typ, func(t *testing.T) {
			em := drivertest.Start(t, emulator.Config{Type: want.typ, Coefficients: coefficients, SerialNumber: "SIM-77", LaserNM: 785.25})
			info := open(t, em, obp.Options{}).Info()
			if info.Type != "obp" || info.Model != want.model || info.SerialNumber != "SIM-77" || info.Firmware != "0123" || info.Port != em.Path() {
				t.Errorf("info %+v", info)
			}
			if info.Pixels != want.pixels || info.MaxCounts != want.full || info.MinIntegration != want.lo || info.MaxIntegration != want.hi || len(info.DarkPixels) != want.dark {
				t.Errorf("%d pixels, %g counts, %v to %v, dark %v", info.Pixels, info.MaxCounts, info.MinIntegration, info.MaxIntegration, info.DarkPixels)
			}
			if !info.Simulated {
				t.Error("an emulator is not marked as simulated")
			}
			if info.LaserNM != 785.25 {
				t.Errorf("laser %g nm", info.LaserNM)
			}
			if len(info.WavelengthsNM) != want.pixels {
				t.Fatalf("%d wavelengths", len(info.WavelengthsNM))
			}
			for _, p := range []int{0, 1, 500, want.pixels - 1} {
				nm := 0.0
				for i, c := range coefficients {
					nm += float64(float32(c)) * math.Pow(float64(p), float64(i))
				}
				if math.Abs(info.WavelengthsNM[p]-nm) > 1e-9 {
					t.Errorf("pixel %d at %.9f nm, want %.9f", p, info.WavelengthsNM[p], nm)
				}
			}
		})
	}
}

func TestTheUsersLaserGoesBeforeTheDevices(t *testing.T) {
	em := drivertest.Start(t, emulator.Config{LaserNM: 785})
	if got := open(t, em, obp.Options{LaserNM: 784.6}).Info().LaserNM; got != 784.6 {
		t.Errorf("laser %g nm", got)
	}
	silent := drivertest.Start(t, emulator.Config{HideLaser: true})
	if got := open(t, silent, obp.Options{}).Info().LaserNM; got != 0 {
		t.Errorf("laser %g nm out of nowhere", got)
	}
	if _, err := obp.Open(drivertest.Within(t), em.Path(), obp.Options{LaserNM: -1}); !errors.Is(err, device.ErrRange) {
		t.Errorf("laser of -1 nm: %v", err)
	}
}

// checkCounts repeats the detector model by itself: 1500 counts of offset, dark current, signal, full scale.
func checkCounts(t testing.TB, info device.Info, f device.Frame, lit bool, darkRate, rate float64) {
	t.Helper()
	if len(f.Counts) != info.Pixels {
		t.Fatalf("%d counts for %d pixels", len(f.Counts), info.Pixels)
	}
	blind := map[int]bool{}
	for _, p := range info.DarkPixels {
		blind[p] = true
	}
	for p := 1; p < info.Pixels-1; p++ { // the edge pixels average over half a width
		want := 1500 + darkRate*f.IntegrationTime.Seconds()
		if lit && !blind[p] {
			shift := 1e7/info.LaserNM - 1e7/info.WavelengthsNM[p]
			want += rate * f.IntegrationTime.Seconds() * drivertest.Ramp(shift)
		}
		if want = min(want, info.MaxCounts); math.Abs(f.Counts[p]-want) > 1 { // rounding, and the mean over a pixel's width
			t.Fatalf("pixel %d: %g counts, want %.2f", p, f.Counts[p], want)
		}
	}
}

func TestScansBringTheCountsOfTheDetector(t *testing.T) {
	for _, typ := range types {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			em := drivertest.Start(t, emulator.Config{Type: typ, StaleSpectra: 5})
			dev := open(t, em, obp.Options{})
			ctx := drivertest.Within(t)
			for _, d := range []time.Duration{8 * time.Millisecond, 60 * time.Millisecond, 25 * time.Millisecond, 600 * time.Millisecond} {
				if err := dev.SetIntegrationTime(ctx, d); err != nil {
					t.Fatal(err)
				}
				for range 2 {
					before := time.Now()
					f, err := dev.Scan(ctx)
					if err != nil {
						t.Fatal(err)
					}
					if f.IntegrationTime != d || f.Started.Before(before) {
						t.Errorf("frame of %v started %v, asked for %v at %v", f.IntegrationTime, f.Started, d, before)
					}
					checkCounts(t, dev.Info(), f, true, rates[typ][0], rates[typ][1])
				}
			}
			em.Cover(true)
			f, err := dev.Scan(ctx)
			if err != nil {
				t.Fatal(err)
			}
			checkCounts(t, dev.Info(), f, false, rates[typ][0], rates[typ][1])
		})
	}
}

// The raw bytes are the device's answer: the counts can be read from them again.
func TestAFrameKeepsTheBytesOfTheWire(t *testing.T) {
	em := drivertest.Start(t, emulator.Config{})
	f, err := open(t, em, obp.Options{}).Scan(drivertest.Within(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Raw) != 2112 {
		t.Fatalf("%d bytes", len(f.Raw))
	}
	for p, v := range f.Counts {
		if got := binary.LittleEndian.Uint16(f.Raw[44+2*p:]); float64(got) != v {
			t.Fatalf("pixel %d: %d on the wire, %g in the frame", p, got, v)
		}
	}
}

func TestTheDetectorSaturates(t *testing.T) {
	em := drivertest.Start(t, emulator.Config{Rate: 1e7})
	f, err := open(t, em, obp.Options{}).Scan(drivertest.Within(t))
	if err != nil || f.Counts[500] != 16383 {
		t.Errorf("%v counts, %v", f.Counts[500], err)
	}
}

func TestTemperature(t *testing.T) {
	for typ, want := range map[string]float64{"sts": 31.25, "qepro": -10.5, "spark": 29.5, "flamex": 33} {
		dev := open(t, drivertest.Start(t, emulator.Config{Type: typ}), obp.Options{})
		if got, err := dev.Temperature(drivertest.Within(t)); err != nil || got != want {
			t.Errorf("%s: %g °C, %v", typ, got, err)
		}
	}
}

func TestIntegrationTimeOutsideTheLimitsIsRefusedHere(t *testing.T) {
	dev := open(t, drivertest.Start(t, emulator.Config{}), obp.Options{})
	for _, d := range []time.Duration{-1, 0, 9 * time.Microsecond, 86 * time.Second} {
		if err := dev.SetIntegrationTime(drivertest.Within(t), d); !errors.Is(err, device.ErrRange) {
			t.Errorf("%v: %v", d, err)
		}
	}
}

func TestTheLamp(t *testing.T) {
	for _, typ := range types {
		without := open(t, drivertest.Start(t, emulator.Config{Type: typ}), obp.Options{})
		if err := without.Lamp(drivertest.Within(t), true); !errors.Is(err, device.ErrNoLaser) {
			t.Errorf("%s: a lamp that is not there: %v", typ, err)
		}
		em := drivertest.Start(t, emulator.Config{Type: typ, LightSource: true})
		dev := open(t, em, obp.Options{})
		ctx := drivertest.Within(t)
		for _, on := range []bool{false, true, false} {
			if err := dev.Lamp(ctx, on); err != nil {
				t.Fatal(err)
			}
			f, err := dev.Scan(ctx)
			if err != nil {
				t.Fatal(err)
			}
			checkCounts(t, dev.Info(), f, on, rates[typ][0], rates[typ][1])
		}
	}
}

func TestClosingSwitchesTheLampOff(t *testing.T) {
	em := drivertest.Start(t, emulator.Config{LightSource: true})
	dev := open(t, em, obp.Options{})
	if err := dev.Lamp(drivertest.Within(t), true); err != nil {
		t.Fatal(err)
	}
	if err := dev.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, em, obp.Options{})
	f, err := again.Scan(drivertest.Within(t))
	if err != nil {
		t.Fatal(err)
	}
	checkCounts(t, again.Info(), f, false, 50, 40_000)
}

func TestTheRateOfTheLineIsFound(t *testing.T) {
	em := drivertest.Start(t, emulator.Config{Baud: 115200})
	dev, err := obp.Open(drivertest.Within(t), em.Path(), obp.Options{Margin: 700 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	if _, err := dev.Scan(drivertest.Within(t)); err != nil {
		t.Error(err)
	}
}

func TestTheWrongRateIsAClearError(t *testing.T) {
	drivertest.NeedsRates(t)
	em := drivertest.Start(t, emulator.Config{Baud: 115200})
	_, err := obp.Open(drivertest.Within(t), em.Path(), obp.Options{Baud: 9600, Margin: 100 * time.Millisecond})
	if !errors.Is(err, device.ErrProtocol) && !errors.Is(err, device.ErrTimeout) {
		t.Errorf("error %v", err)
	}
}

func TestAPortIsOpenedOnce(t *testing.T) {
	em := drivertest.Start(t, emulator.Config{})
	open(t, em, obp.Options{})
	if _, err := obp.Open(drivertest.Within(t), em.Path(), obp.Options{Baud: em.Baud()}); !errors.Is(err, device.ErrBusy) {
		t.Errorf("opened twice: %v", err)
	}
	if _, err := obp.Open(drivertest.Within(t), "/dev/ttyUSB999", obp.Options{}); !errors.Is(err, device.ErrNotFound) {
		t.Errorf("missing port: %v", err)
	}
}

func TestADeviceWithoutCalibrationCanBeOpened(t *testing.T) {
	em := drivertest.Start(t, emulator.Config{Faults: drivertest.Fault(t, "sts", "nack=12@wavelength*")})
	dev := open(t, em, obp.Options{})
	if n := len(dev.Info().WavelengthsNM); n != 0 {
		t.Errorf("%d wavelengths without calibration", n)
	}
}

// The driver tells the response of the detector; counts divided by it are true again.
func TestTheResponseOfTheDetectorIsTold(t *testing.T) {
	response := []float64{0.92, 1.1e-5, -2e-10}
	em := drivertest.Start(t, emulator.Config{Nonlinearity: response})
	dev := open(t, em, obp.Options{})
	info := dev.Info()
	if len(info.Nonlinearity) != 3 || math.Abs(info.Nonlinearity[1]-1.1e-5) > 1e-11 {
		t.Fatalf("coefficients %g", info.Nonlinearity)
	}
	f, err := dev.Scan(drivertest.Within(t))
	if err != nil {
		t.Fatal(err)
	}
	dark := 1500 + 50*f.IntegrationTime.Seconds()
	bent := 0
	for p := 1; p < info.Pixels-1; p++ {
		want := 40_000 * f.IntegrationTime.Seconds() * drivertest.Ramp(1e7/info.LaserNM-1e7/info.WavelengthsNM[p])
		v := f.Counts[p] - dark
		if math.Abs(v-want) > 0.02*want {
			bent++
		}
		v /= info.Nonlinearity[0] + v*(info.Nonlinearity[1]+v*info.Nonlinearity[2])
		if math.Abs(v-want) > 1.2 {
			t.Fatalf("pixel %d: %g true counts, want %g", p, v, want)
		}
	}
	if bent < 200 {
		t.Errorf("only %d pixels show a response that is not straight", bent)
	}
}

func TestAResponseThatCannotBeIsLeftOut(t *testing.T) {
	for name, c := range map[string][]float64{"zeros": {0, 0, 0}, "falls to nothing": {1, -1e-3}, "one": {1}, "not a number": {math.NaN(), 1}} {
		dev := open(t, drivertest.Start(t, emulator.Config{Nonlinearity: c}), obp.Options{})
		if got := dev.Info().Nonlinearity; got != nil {
			t.Errorf("%s: %g", name, got)
		}
	}
}
