package wisp_test

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/drivertest"
	"fentrace/device/emulator"
	"fentrace/device/hostcal"
	"fentrace/device/wisp"
)

// deadline is far beyond anything here: reaching it is a hang.
const deadline = time.Minute

func start(t testing.TB, c emulator.Config) *emulator.Emulator {
	t.Helper()
	c.Type = "wisp"
	return drivertest.Start(t, c)
}

func open(t testing.TB, em *emulator.Emulator, o wisp.Options) device.Spectrometer {
	t.Helper()
	return rig(o).OpenOn(t, em)
}

func checkCounts(t testing.TB, info device.Info, f device.Frame, lit bool) {
	t.Helper()
	if len(f.Counts) != 1024 || f.Started.IsZero() || len(f.Raw) != 2049 || f.Raw[0] != 0 {
		t.Fatalf("%d counts, %v, %d bytes", len(f.Counts), f.Started, len(f.Raw))
	}
	laser := info.LaserNM
	if laser == 0 {
		laser = 785
	}
	for p := 1; p < 1023; p++ {
		want := 800 + 40*f.IntegrationTime.Seconds()
		if lit {
			want += 120_000 * f.IntegrationTime.Seconds() * drivertest.Ramp(1e7/laser-1e7/info.WavelengthsNM[p])
		}
		if want = min(want, 65535); math.Abs(f.Counts[p]-want) > 1.5 || f.Counts[p] != float64(binary.LittleEndian.Uint16(f.Raw[1+2*p:])) {
			t.Fatalf("pixel %d: %g, want %g", p, f.Counts[p], want)
		}
	}
}

func TestTheDeviceTellsWhatItIs(t *testing.T) {
	t.Parallel()
	em := start(t, emulator.Config{Coefficients: [4]float64{790, 0.24, -8e-6, -1e-9}, SerialNumber: "SIM-77", LaserNM: 785.25})
	info := open(t, em, wisp.Options{GainDB: 12.3}).Info()
	if info.Type != "wisp" || info.Model != "WISP (SIMULATED)" || info.SerialNumber != "SIM-77" || info.Firmware != "10.0.3.4" || info.Port != em.Path() ||
		info.Pixels != 1024 || info.MaxCounts != 65535 || info.LaserNM != 785.25 || !info.Simulated || info.MinIntegration != time.Millisecond {
		t.Errorf("info %+v", info)
	}
	if got, want := info.WavelengthsNM[1000], 790+0.24*1000-8e-6*1e6-1e-9*1e9; math.Abs(got-want) > 1e-3 {
		t.Errorf("pixel 1000 at %g nm, want %g", got, want)
	}
}

func TestTheHostsCalibrationGoesFirst(t *testing.T) {
	t.Parallel()
	em := start(t, emulator.Config{HideLaser: true})
	c := hostcal.Calibration{Coefficients: []float64{500, 0.5}, LaserNM: 532}
	if info := open(t, em, wisp.Options{Calibration: c}).Info(); info.LaserNM != 532 || info.WavelengthsNM[10] != 505 {
		t.Errorf("laser %g, pixel 10 at %g nm", info.LaserNM, info.WavelengthsNM[10])
	}
}

func TestScansAreExact(t *testing.T) {
	t.Parallel()
	dev := open(t, start(t, emulator.Config{}), wisp.Options{})
	for _, d := range []time.Duration{time.Millisecond, 250 * time.Millisecond, 20*time.Millisecond + 400*time.Microsecond} {
		if err := dev.SetIntegrationTime(drivertest.Within(t), d); err != nil {
			t.Fatal(err)
		}
		f, err := dev.Scan(drivertest.Within(t))
		if err != nil || f.IntegrationTime != d.Round(time.Millisecond) {
			t.Fatalf("%v, %v", f.IntegrationTime, err)
		}
		checkCounts(t, dev.Info(), f, true)
	}
	for _, d := range []time.Duration{0, 499 * time.Microsecond, (1 << 24) * time.Millisecond} {
		if err := dev.SetIntegrationTime(drivertest.Within(t), d); !errors.Is(err, device.ErrRange) {
			t.Errorf("%v: %v", d, err)
		}
	}
	if err := dev.SetIntegrationTime(drivertest.Within(t), 100*time.Second); err != nil { // more than 16 bits of milliseconds
		t.Error(err)
	}
	if _, err := dev.Temperature(drivertest.Within(t)); !errors.Is(err, device.ErrRefused) {
		t.Errorf("temperature: %v", err)
	}
}

func TestTheLaserIsSwitchedOnlyWhenAllowed(t *testing.T) {
	t.Parallel()
	em := start(t, emulator.Config{LightSource: true})
	dev := open(t, em, wisp.Options{})
	if err := dev.Lamp(drivertest.Within(t), true); !errors.Is(err, device.ErrNoLaser) || em.LaserOn() {
		t.Errorf("not allowed: %v", err)
	}
	dev.Close()
	em.Light.Set(true) // left on by an earlier program
	dev = open(t, em, wisp.Options{LaserOpcodes: true})
	if em.LaserOn() {
		t.Error("the laser is on after opening")
	}
	for _, on := range []bool{true, false, true} {
		if err := dev.Lamp(drivertest.Within(t), on); err != nil || em.LaserOn() != on {
			t.Fatalf("laser %v: %v", on, err)
		}
		f, err := dev.Scan(drivertest.Within(t))
		if err != nil {
			t.Fatal(err)
		}
		checkCounts(t, dev.Info(), f, on)
	}
	if err := dev.Close(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(deadline); em.LaserOn(); {
		if time.Now().After(end) {
			t.Fatal("the laser is on after closing")
		}
	}
}

func TestAnOpenInterlockKeepsTheLaserOff(t *testing.T) {
	t.Parallel()
	em := start(t, emulator.Config{LightSource: true})
	dev := open(t, em, wisp.Options{LaserOpcodes: true})
	drivertest.Inject(t, em, "interlock@interlock")
	// Not a refusal: that would be a laser which is not the device's to switch, and the scan would go on without it.
	if err := dev.Lamp(drivertest.Within(t), true); !errors.Is(err, device.ErrInterlock) || errors.Is(err, device.ErrRefused) || em.Light.Fired() > 0 {
		t.Errorf("error %v, fired %d times", err, em.Light.Fired())
	}
}

func TestTheLaserIsOffAfterEveryFaultOfItsSwitch(t *testing.T) {
	for _, fault := range []string{"silent@lamp", "half@lamp", "checksum@lit", "late=1500@lamp", "garbage@lit", "silent@lit", "nack@lamp"} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			em := start(t, emulator.Config{LightSource: true})
			dev := open(t, em, wisp.Options{LaserOpcodes: true, Margin: margin})
			drivertest.Inject(t, em, fault)
			_ = dev.Lamp(drivertest.Within(t), true) // whatever comes of it
			dev.Close()
			for end := time.Now().Add(deadline); em.LaserOn(); {
				if time.Now().After(end) {
					t.Fatal("the laser is on after closing")
				}
			}
		})
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	for _, o := range []wisp.Options{{LaserNM: 5}, {GainDB: -1}, {GainDB: 73}, {GainDB: math.NaN()}} {
		if _, err := wisp.Open(drivertest.Within(t), "/dev/null", o); !errors.Is(err, device.ErrRange) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestTheWrongBaud(t *testing.T) {
	t.Parallel()
	em := start(t, emulator.Config{Baud: 115200})
	_, err := wisp.Open(drivertest.Within(t), em.Path(), wisp.Options{Baud: 57600, Margin: 300 * time.Millisecond})
	if !errors.Is(err, device.ErrTimeout) && !errors.Is(err, device.ErrProtocol) {
		t.Error(err)
	}
	open(t, em, wisp.Options{}) // and afterwards the right one works
}

func TestOpeningTwiceInARow(t *testing.T) {
	t.Parallel()
	em := start(t, emulator.Config{})
	for range 2 {
		dev := open(t, em, wisp.Options{})
		f, err := dev.Scan(drivertest.Within(t))
		if err != nil {
			t.Fatal(err)
		}
		checkCounts(t, dev.Info(), f, true)
		dev.Close()
	}
}
